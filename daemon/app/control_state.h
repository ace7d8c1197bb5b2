/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/parts.h"
#include "bus/operations.h"
#include "bus/service.h"
#include "monitor/listing.h"

/* Shared by the files that implement the operations of the API. Others include control.h only. */
struct control {
        const struct parts *parts;
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
void *control_list_new(struct bus_call *call, size_t size,
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
char *control_metrics_text(const struct parts *parts);

/* The operations: see bus/operations.h. Their userdata is a struct control. */
bus_operation control_list_jobs;
bus_operation control_get_job;
bus_operation control_list_events;
bus_operation control_list_deliveries;
bus_operation control_list_statuses;
bus_operation control_get_status;
bus_operation control_metrics;
bus_operation control_add_jobs;
bus_operation control_remove_jobs;
bus_operation control_poll;
bus_operation control_retry;
bus_operation control_drop;
bus_operation control_test_hook;
bus_operation control_handover;
bus_operation control_get_delivery;
bus_operation control_recent;
bus_operation control_diagnose;
bus_operation control_login;

/* On a host that stands by, the status, and what is done instead of an operation that it does not permit. */
bus_operation standby_get_status;
bus_operation standby_refuse;
