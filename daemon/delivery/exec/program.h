/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Splits the command line of an exec hook into words and checks that its program can and may be run: an
 * absolute path to a regular executable file, for a script also its interpreter; neither it nor a directory
 * on its path is writable by everyone (directories with the sticky bit excepted).
 *
 * Returns 0 with words to be freed with command_free(); or -EINVAL (command line), -EPERM (writable by
 * everyone), -EACCES, -ENOEXEC, or the errno of a system call on the path, with *ret_reason (see
 * hook.h). Without `ret_words` it is only a check, which cannot foresee what the service's sandbox hides.
 */
int program_split(const char *target, char ***ret_words, char **ret_reason);
