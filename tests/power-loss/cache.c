/* SPDX-License-Identifier: MIT */

/*
 * The changes of files. Each keeps what was there before it, so that the disk can be found by undoing them.
 * Then they are done again as a disk may do it: a sector is written as the cache has it at some moment.
 */

#include "cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fate.h"
#include "names.h"

struct change {
        uint64_t number;
        size_t offset, size;            /* what it changes */
        unsigned char *before, *after;  /* zero where the file has no bytes */
        size_t size_before, size_after; /* of the file */
};

struct file {
        ino_t inode;
        struct change *changes;
        size_t count;
        struct file *next;
};

static struct file *files;

static void *need(void *memory)
{
        if (memory == NULL)
                abort();
        return memory;
}

/* ---- noting ---- */

static struct file **find_file(ino_t inode)
{
        struct file **at = &files;

        while (*at != NULL && (*at)->inode != inode)
                at = &(*at)->next;
        return at;
}

static struct change *add_change(int fd, size_t offset, size_t size)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                abort();
        struct file **file = find_file(status.st_ino);
        if (*file == NULL) {
                *file = need(calloc(1, sizeof(**file)));
                (*file)->inode = status.st_ino;
        }
        (*file)->changes = need(reallocarray((*file)->changes, (*file)->count + 1, sizeof(struct change)));
        struct change *change = &(*file)->changes[(*file)->count++];
        *change = (struct change){
                .number = fate_next_number(),
                .offset = offset,
                .size = size,
                .before = need(calloc(1, size + 1)),
                .after = need(calloc(1, size + 1)),
                .size_before = (size_t)status.st_size,
                .size_after = (size_t)status.st_size,
        };
        (void)!pread(fd, change->before, size, (off_t)offset); /* at most as much as there is */
        return change;
}

void cache_note_write(int fd, const void *data, size_t size, off_t offset)
{
        struct change *change = add_change(fd, (size_t)offset, size);

        memcpy(change->after, data, size);
        if (change->size_after < (size_t)offset + size)
                change->size_after = (size_t)offset + size;
}

void cache_note_size(int fd, off_t size)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                abort();
        size_t cut = status.st_size > size ? (size_t)(status.st_size - size) : 0;
        add_change(fd, (size_t)size, cut)->size_after = (size_t)size;
}

static void forget_file(struct file **at)
{
        struct file *file = *at;

        *at = file->next;
        for (size_t i = 0; i < file->count; i++) {
                free(file->changes[i].before);
                free(file->changes[i].after);
        }
        free(file->changes);
        free(file);
}

void cache_sync_file(int fd)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                abort();
        struct file **file = find_file(status.st_ino);
        if (*file != NULL)
                forget_file(file);
}

void cache_begin(const char *saved, uint64_t seed)
{
        while (files != NULL)
                forget_file(&files);
        fate_begin(seed);
        names_begin(saved);
}

/* ---- losing ---- */

/* A file as it is in the cache (`now`), and as it is on the disk. */
struct images {
        unsigned char *now, *left;
        size_t capacity, now_size, left_size;
        size_t disk_size;       /* before the changes */
        unsigned char *written; /* for each sector, whether it was written */
};

static void images_read(struct images *images, const struct file *file, int fd)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                abort();
        images->now_size = images->capacity = (size_t)status.st_size;
        for (size_t i = 0; i < file->count; i++) {
                const struct change *change = &file->changes[i];
                size_t end = change->offset + change->size;

                if (end > images->capacity)
                        images->capacity = end;
                if (change->size_before > images->capacity)
                        images->capacity = change->size_before;
        }
        images->capacity = (images->capacity / FATE_SECTOR_MAX + 1) * FATE_SECTOR_MAX;
        images->now = need(calloc(1, images->capacity));
        if (pread(fd, images->now, images->now_size, 0) != (ssize_t)images->now_size)
                abort();
        for (size_t i = file->count; i-- > 0;) {
                const struct change *change = &file->changes[i];

                memcpy(images->now + change->offset, change->before, change->size);
                images->now_size = change->size_before;
        }
        images->left = need(calloc(1, images->capacity));
        memcpy(images->left, images->now, images->capacity);
        images->left_size = images->disk_size = images->now_size;
        images->written = need(calloc(images->capacity / FATE_SECTOR_MIN, 1));
}

static void write_sectors(struct images *images, const struct change *change)
{
        size_t sector = fate_sector(), first = change->offset / sector * sector;
        size_t end = change->offset + change->size;

        for (size_t at = first; at < end; at += sector) {
                size_t bytes = fate_bytes_written(change->number);

                if (bytes == 0)
                        continue;
                memcpy(images->left + at, images->now + at, bytes);
                images->written[at / FATE_SECTOR_MIN] = true;
        }
        if (fate_bytes_written(change->number) > 0)
                images->left_size = images->now_size;
}

/* The space that a file got may have been used before. */
static void fill_unwritten(struct images *images)
{
        size_t sector = fate_sector(), first = (images->disk_size / sector + 1) * sector;

        for (size_t at = first; at < images->left_size; at += sector)
                if (!images->written[at / FATE_SECTOR_MIN])
                        fate_fill(images->left + at, sector);
}

static void images_write(const struct images *images, int fd)
{
        if (syscall(SYS_pwrite64, fd, images->left, images->left_size, 0) != (long)images->left_size ||
            syscall(SYS_ftruncate, fd, images->left_size) < 0)
                abort();
}

static void lose_file(const struct file *file, int fd)
{
        struct images images;

        images_read(&images, file, fd);
        for (size_t i = 0; i < file->count; i++) {
                const struct change *change = &file->changes[i];

                memcpy(images.now + change->offset, change->after, change->size);
                images.now_size = change->size_after;
                write_sectors(&images, change);
        }
        fill_unwritten(&images);
        images_write(&images, fd);
        free(images.now);
        free(images.left);
        free(images.written);
}

/* One whose name is lost has no changes any more. */
static void lose_named_file(const char *path)
{
        struct stat status;
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return;
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
                const struct file *file = *find_file(status.st_ino);

                if (file != NULL)
                        lose_file(file, fd);
        }
        (void)syscall(SYS_close, fd);
}

void cache_lose(const char *directory)
{
        fate_draw();
        names_lose();
        names_each(directory, lose_named_file);
}
