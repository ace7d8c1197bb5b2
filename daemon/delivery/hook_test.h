/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "delivery/hook_setup.h"
#include "journal/journal.h"
#include "model/event.h"

/*
 * Tests of hooks: real attempts with made-up events, one each, of which nothing is recorded. Their results
 * are kept in memory for ten minutes, at most 64 of them.
 */
struct hook_tests;

/* So many tests may run at a time. */
#define HOOK_TESTS_RUNNING_MAX 4

enum hook_test_state {
        HOOK_TEST_RUNNING,
        HOOK_TEST_SUCCEEDED,
        HOOK_TEST_FAILED,
};

struct hook_test_result {
        uint64_t id;
        const char *hook; /* its name */
        enum hook_test_state state;
        const char *error;    /* of one that has failed */
        uint64_t duration_us; /* until the end, or until now */
        /* What the program has printed, or what a receiver or systemd has said: at most 16 KiB. */
        const char *output;
        size_t output_size;
};

/*
 * The arguments are borrowed. `on_end` is called when a test of a hook has ended, also by hook_tests_start().
 */
struct hook_tests *hook_tests_new(sd_event *event, struct journal *journal,
                                  void (*on_end)(void *userdata, const char *hook), void *userdata);

/* Accepts NULL, returns NULL. */
struct hook_tests *hook_tests_free(struct hook_tests *tests);

/*
 * Starts a test, or notes that it could not be started as its result. A reference to the setup is taken, and
 * the event is moved out. `uid` is that of the user who asks, for the log. Returns 0 and the id of the test,
 * which no delivery has; or -EBUSY if too many tests are running.
 */
int hook_tests_start(struct hook_tests *tests, struct hook_setup *setup, struct event *event, uid_t uid,
                     uint64_t *ret_id);

/* The result of a test: 1 and *ret_result, which is valid until the loop goes on; or 0. */
int hook_tests_find(struct hook_tests *tests, uint64_t id, struct hook_test_result *ret_result);

/* Ends those that are running, at once. */
void hook_tests_stop(struct hook_tests *tests);

/*
 * Completes a made-up event, to try a hook: `kind`, and of the job as much as is known, are set. Status and
 * ResultData are made up, too. The caller clears the event.
 */
void test_event_complete(struct event *event);
