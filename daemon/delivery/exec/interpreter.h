/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Checks that the kernel can run the executable file `path`: a binary, or a script with a "#!" line whose
 * interpreter exists and can be executed. A file that cannot be read is not judged, nor is a binary of an
 * unknown format.
 *
 * Returns 0; or -ENOEXEC, -ENOENT or -EACCES with *ret_reason (see hook.h).
 */
int interpreter_check(const char *path, char **ret_reason);
