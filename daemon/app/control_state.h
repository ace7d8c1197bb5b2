/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/control_parts.h"
#include "bus/operations.h"
#include "bus/service.h"
#include "monitor/listing.h"

/* Shared by the files that implement the operations of the API. Others include control.h only. */
struct control {
        struct control_parts parts;
        struct bus_service *service;
        uint64_t started_us; /* CLOCK_REALTIME */
};

/* The first member of what a list is made of, by operations of the state, one or several after another. */
struct control_list {
        struct state_operation operation;
        const struct control *control;
        struct bus_call *call;
};

/* Zeroed but for its first member. Without memory the process ends. */
void *control_list_new(const struct control *control, struct bus_call *call, size_t size,
                       int (*run)(struct state_operation *operation, struct store *store),
                       void (*done)(struct state_operation *operation, int r));

/* Queues the operation, which only reads. */
void control_list_read(struct control_list *list);

/* Bytes of a text in a row of a list. */
#define LIST_TEXT_MAX   4096
#define LIST_RESULT_MAX 200

/* A reply takes no more rows when it has so many bytes of texts. */
#define REPLY_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* As those of the monitor and of the outbox, but on a host that stands by nothing is in memory. */
bool control_find_job(const struct control *control, uint64_t id, struct watched_job *ret_job);
size_t control_list_watched(const struct control *control, uint64_t after, struct watched_job ret_jobs[],
                            size_t max);
bool control_is_delivering(const struct control *control, uint64_t delivery_id);

/* The call ends with an error: an operation of the state has failed. */
void control_fail_state(struct bus_call *call, const struct state_operation *operation);

/* The call ends with an error: no such hook is configured; one with a similar name is named. */
void control_fail_hook(const struct control *control, struct bus_call *call, const char *name);

/* The wall clock at a time of CLOCK_BOOTTIME, now or later. */
uint64_t control_wall_us(const struct control *control, uint64_t boot_us);

/* Cuts a text to what a list shows of it. */
void control_cut_text(struct text *text, size_t limit);

/* A text of a list, and the names of sections, separated by commas (NULL: none). */
void control_put_text(struct bus_call *call, const char *key, const struct text *text);
void control_put_sections(struct bus_call *call, const char *sections);

/* All metrics, or those of a host that stands by, see metrics.h: malloc()ed. */
char *control_metrics_text(const struct control_parts *parts);

/* The operations: see bus/operations.h. `userdata` is a struct control. */
void control_list_jobs(void *userdata, struct bus_call *call, const struct bus_list_jobs *arguments);
void control_get_job(void *userdata, struct bus_call *call, uint64_t job);
void control_list_events(void *userdata, struct bus_call *call, const struct bus_list_events *arguments);
void control_list_deliveries(void *userdata, struct bus_call *call,
                             const struct bus_list_deliveries *arguments);
void control_list_statuses(void *userdata, struct bus_call *call);
void control_get_status(void *userdata, struct bus_call *call);
void control_metrics(void *userdata, struct bus_call *call);
void control_add_jobs(void *userdata, struct bus_call *call, const struct bus_add_jobs *arguments);
void control_remove_jobs(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
void control_poll(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
void control_retry(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
void control_drop(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
void control_test_hook(void *userdata, struct bus_call *call, const struct bus_test_hook *arguments);
void control_handover(void *userdata, struct bus_call *call);
void control_get_delivery(void *userdata, struct bus_call *call, uint64_t id);
void control_recent(void *userdata, struct bus_call *call, const struct bus_recent *arguments);
void control_diagnose(void *userdata, struct bus_call *call);
void control_login(void *userdata, struct bus_call *call, const struct bus_login *arguments);

/* The same on a host that stands by: each but the first is refused, and names the active host. */
void standby_get_status(void *userdata, struct bus_call *call);
void standby_handover(void *userdata, struct bus_call *call);
void standby_diagnose(void *userdata, struct bus_call *call);
void standby_add_jobs(void *userdata, struct bus_call *call, const struct bus_add_jobs *arguments);
void standby_change(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
void standby_test_hook(void *userdata, struct bus_call *call, const struct bus_test_hook *arguments);
void standby_recent(void *userdata, struct bus_call *call, const struct bus_recent *arguments);
void standby_login(void *userdata, struct bus_call *call, const struct bus_login *arguments);
