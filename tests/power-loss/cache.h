/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What is in the cache of a disk: the changes of files and of names that were not synced yet, in their order.
 * The real files show all changes, as the kernel shows them to programs. When the power is lost, they become
 * what the disk may have kept.
 *
 * A file and its name are synced apart: fsync() of a new file does not keep its name, that of its directory
 * does. One thread at a time; paths are absolute.
 */

/* What was there before is the disk. `saved` is an empty directory on the same file system. */
void cache_begin(const char *saved, uint64_t seed);

/* A file is about to be written, or to get another size. */
void cache_note_write(int fd, const void *data, size_t size, off_t offset);
void cache_note_size(int fd, off_t size);

/* A file or directory was made. */
void cache_note_made(const char *path);

/* In the place of unlink() and rename(), with their results. */
int cache_remove(const char *path);
int cache_rename(const char *from, const char *to);

/* The file, or the names in the directory, are on the disk. */
void cache_sync_file(int fd);
void cache_sync_directory(const char *path);

/*
 * The power is lost: the files below `directory` become what may be left. Of the changes that were not synced
 * none is left, or all, or those up to a moment, or any; of each, any sectors. A sector of 512 bytes is
 * whole, old or new; of one of 4 KiB a part may be written.
 */
void cache_lose(const char *directory);
