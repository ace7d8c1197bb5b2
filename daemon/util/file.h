/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes all of `data` at the start of a file, continuing after interruptions and short writes. The offset of
 * the descriptor, which a child may inherit, does not move. Returns 0, or a negative errno when an unknown
 * part has been written.
 */
int file_write(int fd, const char *data, size_t size);

/*
 * Reads from a descriptor until its end or until the buffer is full, continuing after interruptions and short
 * reads. Returns 0, or a negative errno with *ret_size untouched.
 */
int file_read_into(int fd, char *buffer, size_t capacity, size_t *ret_size);

/*
 * Reads a regular file of at most `size_max` bytes. Returns 0 with malloc()ed data, followed by a NUL that is
 * not counted, or a negative errno: -EINVAL if it is not a regular file, -EFBIG if it is larger.
 */
int file_read(const char *path, size_t size_max, char **ret_data, size_t *ret_size);

/*
 * Replaces a file atomically by way of a file .NAME.tmp in the same directory, which one process may do at a
 * time. With `for_all`, everybody may read it; otherwise whom the file before lets, and for the first the
 * umask. With `synced`, it survives a crash of the machine whole, old or new. Returns 0, or a negative errno
 * with the file as it was.
 */
int file_replace(const char *path, const char *data, size_t size, bool for_all, bool synced);

/*
 * For what root creates by hand in the place of the services, which must be able to use it afterwards. Both
 * do nothing unless the effective user is root. They return 0 or a negative errno.
 */

/* The user of the services, as in systemd/service.conf and systemd/jobwatchd.sysusers. */
#define SERVICE_USER "jobwatchd"

/* Gives the directory that was just created to the user of the services, if there is one. */
int ownership_give_to_service(const char *directory);

/* Gives the file `fd`, or the directory that `fd` refers to, to the owner of `directory`. */
int ownership_inherit(int fd, const char *directory);
