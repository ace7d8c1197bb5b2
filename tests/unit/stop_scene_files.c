/* SPDX-License-Identifier: MIT */

/* See stop_scene_files.h. */

#include "stop_scene_files.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

int scene_fifo_open(const char *directory, const char *name)
{
        char path[96];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        assert_true(mkfifo(path, 0600) == 0 || errno == EEXIST);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_return_code(fd, errno);
        return fd;
}

static void write_file(const char *directory, const char *name, mode_t mode, const char *text)
{
        char path[96];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_return_code(chmod(path, mode), errno);
}

void scene_write_hook(const struct scene_options *options)
{
        const char *directory = options->directory;
        char text[1024];

        if (options->to_the_end)
                (void)snprintf(text, sizeof(text),
                               "#!/bin/sh\necho $JOBWATCH_EVENT_ID $JOBWATCH_EVENT >>%s/delivered\n",
                               directory);
        else
                (void)snprintf(
                        text, sizeof(text),
                        "#!/bin/sh\n%s\nstatus=\necho $PPID >%s/started\nwhile [ -z \"$status\" ]; do read "
                        "status <%s/gate; done\n"
                        "[ \"$status\" != 0 ] || echo $JOBWATCH_EVENT_ID $JOBWATCH_EVENT >>%s/delivered\n"
                        "exit $status\n",
                        options->hook_ignores_term ? "trap 'echo asked >${0%/*}/asked' TERM" : "", directory,
                        directory, directory);
        write_file(directory, "hook", 0700, text);
}

void scene_write_config(const struct scene_options *options, const char *base_url)
{
        const char *directory = options->directory;
        char text[2048];

        (void)snprintf(text, sizeof(text),
                       "[api]\nbase_url = %s\nauth = password\nusername = me\npassword_file = %s/password\n"
                       "client_id = stop\ntimeout = 1min\n"
                       "[poll]\ninterval = 100ms\nmax_interval = 100ms\nbatch = off\n"
                       "[limits]\nmin_spacing = 0\nper_minute = 0\nper_hour = 0\nper_day = 0\n"
                       "[jobs]\nids = 1, 2\n[log]\ntarget = console\n[state]\ndirectory = %s/state\n"
                       "[hook program]\non = changed, succeeded\nexec = %s/hook\n"
                       "[hook unit]\non = changed, succeeded\nunit = hook.service\n",
                       base_url, directory, directory, directory);
        write_file(directory, "config.ini", 0600, text);
        write_file(directory, "password", 0600, "secret\n");
}
