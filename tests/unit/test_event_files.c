/* SPDX-License-Identifier: MIT */

/* Event files for units: their values, their modes, and their lifetime. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "delivery/unit/event_files.h"
#include "delivery/variables.h"
#include "util/cleanup.h"

#define ID       "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"
#define OTHER_ID "1f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"
#define UNIT     "import-finished@7.service"

struct fixture {
        char root[64];       /* a temporary directory */
        char directory[128]; /* root/run/events */
        struct event event;
};

static int setup(void **state)
{
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        char runtime[128];

        assert_non_null(fixture);
        strcpy(fixture->root, "/tmp/jobwatch-files-XXXXXX");
        assert_non_null(mkdtemp(fixture->root));
        (void)snprintf(fixture->directory, sizeof(fixture->directory), "%s/run/events", fixture->root);
        (void)snprintf(runtime, sizeof(runtime), "%s/run:/nowhere", fixture->root); /* the first one counts */
        assert_return_code(setenv("RUNTIME_DIRECTORY", runtime, 1), errno);
        fixture->event = (struct event){ .id = ID,
                                         .sequence = 17,
                                         .kind = EVENT_SUCCEEDED,
                                         .outcome = OUTCOME_SUCCESS,
                                         .job_name = TEXT_LITERAL("members"),
                                         .record = { .id = 87654321 } };
        *state = fixture;
        return 0;
}

static void remove_tree(const char *path)
{
        DIR *directory = opendir(path);

        assert_non_null(directory);
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
                char inner[512];
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
                if (unlink(inner) < 0)
                        remove_tree(inner);
        }
        closedir(directory);
        assert_return_code(rmdir(path), errno);
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        assert_return_code(unsetenv("RUNTIME_DIRECTORY"), errno);
        remove_tree(fixture->root);
        free(fixture);
        return 0;
}

static bool exists(const struct fixture *fixture, const char *name)
{
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
        return access(path, F_OK) == 0;
}

static char *read_file(const struct fixture *fixture, const char *name)
{
        char path[256], *text = calloc(1, 65536);

        assert_non_null(text);
        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_return_code(fd, errno);
        assert_return_code(read(fd, text, 65535), errno);
        close(fd);
        return text;
}

static void touch(const struct fixture *fixture, const char *name)
{
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_return_code(fd, errno);
        close(fd);
}

static unsigned count_entries(const struct fixture *fixture)
{
        DIR *directory = opendir(fixture->directory);
        unsigned count = 0;

        assert_non_null(directory);
        while (readdir(directory) != NULL)
                count++;
        closedir(directory);
        return count - 2;
}

static void hold(struct event_files *files, const char *holder, const struct event *event)
{
        char *reason = NULL;

        int r = event_files_hold(files, holder, UNIT, event, 2, "{}\n", &reason);
        if (r != 0)
                fail_msg("%s: %s", strerror(-r), reason);
        assert_null(reason);
}

struct held {
        char text[512];
};

static void note_held(void *userdata, const char *holder, const char *event_id, const char *unit)
{
        struct held *held = userdata;
        size_t size = strlen(held->text);

        (void)snprintf(held->text + size, sizeof(held->text) - size, "%s %s %s;", holder, event_id, unit);
}

/* Like another daemon, which finds that this is held. */
static struct event_files *open_held(const char *text)
{
        struct event_files *files = NULL;
        struct held held = { .text = "" };

        files = event_files_new(note_held, &held);
        assert_string_equal(held.text, text);
        return files;
}

static struct event_files *open_files(void)
{
        return open_held("");
}

static void test_written(void **state)
{
        struct fixture *fixture = *state;
        struct stat status;
        mode_t mask = umask(0077);

        fixture->event.record.status = TEXT_LITERAL("Com\"pleted\nX=$y");
        fixture->event.record.result = TEXT_LITERAL("12345");
        fixture->event.status_before = TEXT_LITERAL("Running");
        struct event_files *files = open_files();
        assert_int_equal(access(fixture->directory, F_OK), -1); /* created when it is first needed */
        hold(files, "mail", &fixture->event);
        (void)umask(mask);

        assert_int_equal(count_entries(fixture), 3); /* the unit's name, and no temporary file */
        CLEANUP(cleanup_free) char *document = read_file(fixture, ID ".json");
        assert_string_equal(document, "{}\n");
        CLEANUP(cleanup_free) char *environment = read_file(fixture, ID ".env");
        assert_string_equal(environment, "JOBWATCH_EVENT=\"succeeded\"\n"
                                         "JOBWATCH_EVENT_ID=\"" ID "\"\n"
                                         "JOBWATCH_SEQUENCE=\"17\"\n"
                                         "JOBWATCH_JOB=\"87654321\"\n"
                                         "JOBWATCH_JOB_NAME=\"members\"\n"
                                         "JOBWATCH_DISCOVER=\"\"\n"
                                         "JOBWATCH_STATUS=\"Com\\\"pleted\nX=\\$y\"\n"
                                         "JOBWATCH_STATUS_BEFORE=\"Running\"\n"
                                         "JOBWATCH_OUTCOME=\"success\"\n"
                                         "JOBWATCH_RESULT_BYTES=\"5\"\n"
                                         "JOBWATCH_ATTEMPT=\"2\"\n"
                                         "JOBWATCH_TEST=\"\"\n");

        assert_return_code(stat(fixture->directory, &status), errno);
        assert_int_equal(status.st_mode & 07777, 0750);
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, ID ".env");
        assert_return_code(stat(path, &status), errno);
        assert_int_equal(status.st_mode & 07777, 0640);
        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, ID ".json");
        assert_return_code(stat(path, &status), errno);
        assert_int_equal(status.st_mode & 07777, 0640);
        event_files_release(files, "mail", ID);
        assert_null(event_files_free(files));
}

static void test_holders(void **state)
{
        struct fixture *fixture = *state;
        struct event other = fixture->event;
        struct event_files *files = open_files();

        strcpy(other.id, OTHER_ID);
        hold(files, "mail", &fixture->event);
        hold(files, "next", &fixture->event);
        hold(files, "mail", &fixture->event); /* held once only */
        hold(files, "mail", &other);
        event_files_release(files, "mail", ID);
        event_files_release(files, "mail", ID);
        event_files_release(files, "unknown", ID);
        assert_true(exists(fixture, ID ".json"));
        event_files_release(files, "next", ID);
        assert_false(exists(fixture, ID ".json"));
        assert_false(exists(fixture, ID ".env"));
        assert_true(exists(fixture, OTHER_ID ".env"));
        event_files_release(files, "mail", OTHER_ID);
        assert_int_equal(count_entries(fixture), 0);
        event_files_free(files);
}

/* What was held when a daemon ended is held by the next one, and released by it. */
static void test_next_daemon(void **state)
{
        struct fixture *fixture = *state;
        struct event_files *files = open_files();

        hold(files, "mail.to-me_1", &fixture->event);
        event_files_free(files);

        files = open_held("mail.to-me_1 " ID " " UNIT ";");
        assert_true(exists(fixture, ID ".json"));
        assert_true(exists(fixture, ID ".env"));
        event_files_release(files, "mail.to-me_1", ID);
        assert_int_equal(count_entries(fixture), 0);
        event_files_free(files);
        event_files_free(open_files());
}

/* What a daemon that was killed was writing is held, too. */
static void test_killed(void **state)
{
        struct fixture *fixture = *state;
        struct event_files *files = open_files();

        hold(files, "mail", &fixture->event);
        event_files_free(files);
        touch(fixture, ID ".json.new");
        touch(fixture, ID ".env.new");
        files = open_held("mail " ID " " UNIT ";");
        event_files_release(files, "mail", ID);
        assert_int_equal(count_entries(fixture), 0);
        event_files_free(files);
}

static void test_others(void **state)
{
        struct fixture *fixture = *state;
        struct event_files *files = open_files();

        hold(files, "mail", &fixture->event);
        touch(fixture, "." OTHER_ID ".mail"); /* not a link */
        touch(fixture, "notes.json");
        touch(fixture, ID ".txt");
        assert_int_equal(count_entries(fixture), 6);

        /* Another daemon does not take files that are in use. */
        event_files_free(open_files());

        /* Nothing else is taken or removed. */
        event_files_free(files);
        files = open_held("mail " ID " " UNIT ";");
        event_files_release(files, "mail", ID);
        assert_int_equal(count_entries(fixture), 3);
        event_files_free(files);
}

static void test_directory_removed(void **state)
{
        struct fixture *fixture = *state;
        struct event_files *files = open_files();

        hold(files, "mail", &fixture->event);
        remove_tree(fixture->directory);
        hold(files, "mail", &fixture->event);
        assert_true(exists(fixture, ID ".env"));
        event_files_free(files);
}

static void test_errors(void **state)
{
        struct fixture *fixture = *state;
        struct event_files *files = NULL;
        char *reason = NULL, run[128];

        /* A file in place of the directory. */
        (void)snprintf(run, sizeof(run), "%s/run", fixture->root);
        assert_return_code(mkdir(run, 0700), errno);
        int fd = open(fixture->directory, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_return_code(fd, errno);
        close(fd);
        files = event_files_new(NULL, NULL);
        assert_int_equal(event_files_hold(files, "mail", UNIT, &fixture->event, 1, "", &reason), -ENOTDIR);
        assert_non_null(strstr(reason, fixture->directory));
        assert_non_null(strstr(reason, "Not a directory"));
        free(reason);
        event_files_release(files, "mail", ID);
        event_files_free(files);
        assert_return_code(unlink(fixture->directory), errno);

        /* An invalid id does not become a path. */
        files = open_files();
        strcpy(fixture->event.id, "../../../../../../../../../etc/x....");
        assert_int_equal(event_files_hold(files, "mail", UNIT, &fixture->event, 1, "", &reason), -EINVAL);
        fixture->event.id[0] = '\0';
        assert_int_equal(event_files_hold(files, "mail", UNIT, &fixture->event, 1, "", &reason), -EINVAL);
        event_files_free(files);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_written, setup, teardown),
                cmocka_unit_test_setup_teardown(test_holders, setup, teardown),
                cmocka_unit_test_setup_teardown(test_next_daemon, setup, teardown),
                cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_others, setup, teardown),
                cmocka_unit_test_setup_teardown(test_directory_removed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
