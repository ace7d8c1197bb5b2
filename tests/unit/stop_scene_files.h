/* SPDX-License-Identifier: MIT */
#pragma once

#include "stop_scene.h"

/* Files of a scene, in its directory. */

/* Opens a fifo for reading and writing; creates it if it is missing. */
int scene_fifo_open(const char *directory, const char *name);

/* The exec hook: it says on the fifo `started` that it runs, and reads its exit status from the fifo `gate`.
 */
void scene_write_hook(const struct scene_options *options);

/* The configuration, and the password. */
void scene_write_config(const struct scene_options *options, const char *base_url);
