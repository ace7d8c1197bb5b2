/* SPDX-License-Identifier: MIT */
#pragma once

/* With the NUL. */
#define UUID_SIZE 37

/* A new random UUID, in its textual form. */
void uuid_new(char ret_uuid[static UUID_SIZE]);
