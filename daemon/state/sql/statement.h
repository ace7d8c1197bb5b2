/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The statements on the tables of the state. Their SQL is understood by every engine, ?1 being a parameter;
 * an engine may have its own for some of them.
 */

/* The bytes of a result that stay in the history of a job. A text that is longer is called large. */
#define TEXT_HEAD_SIZE 4096
#define TEXT_IS_LARGE  "length(data) > 4097"
#define TEXT_CUT       "UPDATE texts SET data = substr(data, 1, 4097) WHERE " TEXT_IS_LARGE " AND "

/* A text is used if a job or an event refers to it. It is needed whole by its job, until it is logged, and by
 * deliveries that are pending or have failed. For the triggers of a schema. */
#define TEXT_USED_BY_JOB                                                                                     \
        "EXISTS (SELECT 1 FROM jobs AS j WHERE j.id = texts.job AND result_hash = texts.hash "               \
        "AND result_size = texts.size)"
#define TEXT_USED_BY_EVENT(prefix, more)                                                                     \
        "EXISTS (SELECT 1 FROM events AS e WHERE e.job = texts.job AND " prefix "_hash = texts.hash "        \
        "AND " prefix "_size = texts.size" more ")"
#define TEXT_IS_WHOLE                                                                                        \
        " AND (EXISTS (SELECT 1 FROM unlogged WHERE event = e.sequence) "                                    \
        "OR EXISTS (SELECT 1 FROM deliveries AS d WHERE d.event = e.sequence AND d.state <> 'done'))"
#define TEXT_USED_BY(more)                                                                                   \
        TEXT_USED_BY_JOB " OR " TEXT_USED_BY_EVENT("result", more) " OR " TEXT_USED_BY_EVENT("before", more)
#define DELETE_UNUSED(job_, hash_, size_)                                                                    \
        "DELETE FROM texts WHERE job = " job_ " AND hash = " hash_ " AND size = " size_                      \
        " AND NOT (" TEXT_USED_BY("") "); "
#define CUT TEXT_CUT "NOT (" TEXT_USED_BY(TEXT_IS_WHOLE) ")"

enum statement {
        STATEMENT_JOB_GET,
        STATEMENT_JOB_PUT,
        STATEMENT_JOB_LIST,
        STATEMENT_JOB_DURATIONS,
        STATEMENT_JOB_STATUSES,
        STATEMENT_JOB_CONFIGURED,
        STATEMENT_JOB_PRUNE,
        STATEMENT_TEXT_GET,
        STATEMENT_TEXT_HEAD,
        STATEMENT_TEXT_PUT,
        STATEMENT_TEXT_PENDING,
        STATEMENT_TEXT_CUT,
        STATEMENT_EVENT_GET,
        STATEMENT_EVENT_LIST,
        STATEMENT_EVENT_LIST_JOB,
        STATEMENT_EVENT_NEWEST,
        STATEMENT_EVENT_PRUNED,
        STATEMENT_EVENT_STATUSES,
        STATEMENT_EVENT_UNLOGGED,
        STATEMENT_EVENT_PUT,
        STATEMENT_EVENT_PRUNE,
        STATEMENT_EVENT_PRUNE_TENTH,
        STATEMENT_CONFIGURED_PUT,
        STATEMENT_CONFIGURED_DELETE,
        STATEMENT_USAGE,
        STATEMENT_UNLOGGED_DELETE,
        STATEMENT_DELIVERY_PUT,
        STATEMENT_DELIVERY_PENDING,
        STATEMENT_DELIVERY_LIST,
        STATEMENT_DELIVERY_COUNT,
        STATEMENT_DELIVERY_END,
        STATEMENT_DELIVERY_GET,
        STATEMENT_DELIVERY_RENEW,
        STATEMENT_DELIVERY_RENEW_FAILED,
        STATEMENT_DELIVERY_CLOSE,
        STATEMENT_DELIVERY_DELETE,
        STATEMENT_DELIVERY_FAILED,
        STATEMENT_DELIVERY_HOOKS,
        STATEMENT_VALUE_GET,
        STATEMENT_VALUE_PUT,
        STATEMENT_VALUE_DELETE,
        STATEMENT_VALUE_PRUNE,
        STATEMENT_DISCOVERED_PUT,
        STATEMENT_DISCOVERED_DELETE,
        STATEMENT_DISCOVERED_GET,
        STATEMENT_DISCOVERED_NEXT,
        STATEMENT_MANUAL_PUT,
        STATEMENT_MANUAL_DELETE,
        STATEMENT_MANUAL_READ,
        STATEMENT_MANUAL_UNWATCHED,
        STATEMENT_MANUAL_NAMED,
        STATEMENT_MANUAL_GET,
        STATEMENT_MANUAL_PRUNE,
        /* Of a copy, see copy.c: each table is read by its key, and written row by row. */
        STATEMENT_COPY_READ_EVENTS,
        STATEMENT_COPY_READ_UNLOGGED,
        STATEMENT_COPY_READ_DELIVERIES,
        STATEMENT_COPY_READ_JOBS,
        STATEMENT_COPY_READ_DISCOVERED,
        STATEMENT_COPY_READ_MANUAL,
        STATEMENT_COPY_READ_VALUES,
        STATEMENT_COPY_READ_PRUNED,
        STATEMENT_COPY_READ_TEXTS,
        STATEMENT_COPY_WRITE_EVENTS,
        STATEMENT_COPY_WRITE_UNLOGGED,
        STATEMENT_COPY_WRITE_DELIVERIES,
        STATEMENT_COPY_WRITE_JOBS,
        STATEMENT_COPY_WRITE_DISCOVERED,
        STATEMENT_COPY_WRITE_MANUAL,
        STATEMENT_COPY_WRITE_VALUES,
        STATEMENT_COPY_WRITE_PRUNED,
        STATEMENT_COPY_WRITE_TEXTS,
        STATEMENT_COPY_LOGGED,
        STATEMENT_COPY_END,
};

#define STATEMENT_COUNT (STATEMENT_COPY_END + 1)

/* The common SQL of a statement. */
const char *statement_sql(enum statement which);
