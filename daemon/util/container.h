/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* The object of `type` of which *pointer is the member `member`. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
