/* SPDX-License-Identifier: MIT */

/* The file of metrics on a disk that does not respond: the loop goes on, and the end does not wait for it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/control_state.h"
#include "app/metrics_file.h"
#include "platform/clock.h"
#include "util/timespan.h"

#define TEXT "jobwatchd_api_up 1\n"

static bool disk_hangs;
static sem_t arrived, go_on;

/* What the thread calls before it writes. */
int __wrap_fchmod(int fd, mode_t mode);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
        if (disk_hangs) {
                (void)sem_post(&arrived);
                while (sem_wait(&go_on) < 0)
                        ;
        }
        return __real_fchmod(fd, mode);
}

char *__wrap_control_metrics_text(const struct parts *parts);
char *__wrap_control_metrics_text(const struct parts *parts)
{
        (void)parts;
        return strdup(TEXT);
}

struct scene {
        char directory[32], path[64];
        sd_event *event;
        struct config config;
        struct parts parts;
        struct metrics_file *file;
};

static int setup(void **state)
{
        struct scene *scene = calloc(1, sizeof(*scene));

        assert_non_null(scene);
        (void)strcpy(scene->directory, "/tmp/metrics-file-XXXXXX");
        assert_non_null(mkdtemp(scene->directory));
        (void)snprintf(scene->path, sizeof(scene->path), "%s/a.prom", scene->directory);
        assert_true(sd_event_new(&scene->event) >= 0);
        scene->config.metrics_textfile = scene->path;
        scene->parts.event = scene->event;
        scene->parts.config = &scene->config;
        scene->file = metrics_file_new(&scene->parts);
        assert_int_equal(sem_init(&arrived, 0, 0), 0);
        assert_int_equal(sem_init(&go_on, 0, 0), 0);
        *state = scene;
        return 0;
}

static int teardown(void **state)
{
        struct scene *scene = *state;
        char temporary[80];

        (void)snprintf(temporary, sizeof(temporary), "%s/.a.prom.tmp", scene->directory);
        (void)unlink(temporary);
        (void)unlink(scene->path);
        (void)rmdir(scene->directory);
        sd_event_unref(scene->event);
        free(scene);
        return 0;
}

static void test_the_file_is_there_until_the_end(void **state)
{
        struct scene *scene = *state;
        char text[sizeof(TEXT)] = "";

        disk_hangs = false;
        while (access(scene->path, F_OK) < 0)
                assert_true(sd_event_run(scene->event, 100 * USEC_PER_MSEC) >= 0);
        int fd = open(scene->path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(read(fd, text, sizeof(text)), strlen(TEXT));
        (void)close(fd);
        assert_string_equal(text, TEXT);

        metrics_file_stop(scene->file);
        assert_null(metrics_file_free(scene->file));
        assert_int_equal(access(scene->path, F_OK), -1);
}

static void test_neither_the_loop_nor_the_end_waits_for_the_disk(void **state)
{
        struct scene *scene = *state;
        uint64_t began_us = clock_process_us();

        disk_hangs = true;
        while (sem_trywait(&arrived) < 0) /* the thread is at the disk, and the loop is not */
                assert_true(sd_event_run(scene->event, USEC_PER_MSEC) >= 0);
        metrics_file_stop(scene->file);
        assert_null(metrics_file_free(scene->file));
        assert_true(clock_process_us() - began_us < 30 * USEC_PER_SEC);
        assert_int_equal(access(scene->path, F_OK), -1);
        /* The thread still waits, and ends with this process. */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_the_file_is_there_until_the_end, setup, teardown),
                cmocka_unit_test_setup_teardown(test_neither_the_loop_nor_the_end_waits_for_the_disk, setup,
                                                teardown),
        };

        return cmocka_run_group_tests_name("metrics_file", tests, NULL, NULL);
}
