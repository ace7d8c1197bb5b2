/* SPDX-License-Identifier: MIT */

/*
 * The SQL of every statement: what SQLite and PostgreSQL both understand. Where one of them needs another
 * one, the engine has it.
 */

#include "state/sql/statement.h"

#include <stddef.h>

#include "state/store.h"

#define RECORD_COLUMNS                                                                                       \
        "flags, business_id, guid, description, files, business, \"user\", email, created_on, updated_on, "  \
        "status"

/* What an event is written with. Its sequence is given by the engine. */
#define EVENT_VALUES                                                                                         \
        "id, kind, outcome, time_us, job, first_sight, job_name, " RECORD_COLUMNS                            \
        ", status_before, result_hash, result_size, before_hash, before_size, discover"
#define EVENT_COLUMNS "sequence, " EVENT_VALUES

/* The text t is the last result of its job. */
#define CURRENT                                                                                              \
        "EXISTS (SELECT 1 FROM jobs WHERE id = t.job AND result_hash = t.hash AND result_size = t.size)"

/* ?1, or the time of the latest event if that is earlier; and ?2 before that */
#define NOW                                                                                                  \
        "(SELECT CASE WHEN latest < ?1 THEN latest ELSE ?1 END FROM (SELECT coalesce((SELECT time_us "       \
        "FROM events ORDER BY sequence DESC LIMIT 1), ?1) AS latest) AS n)"
#define OLD "(" NOW " - ?2)"

/* A long text is not read with its row. */
#define TEXT_IF_SHORT "CASE WHEN " TEXT_IS_LARGE " THEN NULL ELSE data END"

/* How long a delivery was to wait after its last attempt. */
#define DELIVERY_DELAY                                                                                       \
        "CASE WHEN d.next_us > coalesce(d.ended_us, 0) THEN d.next_us - coalesce(d.ended_us, 0) ELSE 0 END"

/* The job is configured or was added, or was discovered and has not ended. */
#define WATCHED                                                                                              \
        "(id IN (SELECT job FROM configured WHERE job IS NOT NULL) "                                         \
        "OR id IN (SELECT job FROM manual WHERE kind IN ('added', 'extended')) "                             \
        "OR (outcome = 'open' AND id IN (SELECT job FROM discovered) "                                       \
        "AND id NOT IN (SELECT job FROM manual WHERE kind = 'dismissed')))"

/* A discovered job that ended less than seven days ago, or could be taken for a new one. */
#define DISCOVERED                                                                                           \
        "EXISTS (SELECT 1 FROM discovered AS d WHERE d.job = id "                                            \
        "AND (removed_us > " NOW " - 604800000000 OR (d.form = ?4 AND d.created > ?3)))"

/* Not the latest event, logged, and without pending deliveries, up to a closing parenthesis. */
#define PRUNABLE                                                                                             \
        "sequence < (SELECT max(sequence) FROM events) "                                                     \
        "AND NOT EXISTS (SELECT 1 FROM unlogged WHERE event = sequence) "                                    \
        "AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.event = sequence AND d.state = 'pending'"

/* One that has failed begins anew. */
#define RENEW                                                                                                \
        "UPDATE deliveries SET attempts = CASE WHEN state = 'failed' THEN 0 ELSE attempts END, state = "     \
        "'pending', "                                                                                        \
        "next_us = 0 WHERE "

/* A page of a table for a copy, after the key ?1. */
#define COPY_READ(table, key, columns) COPY_READ_IF(table, key, columns, "")
#define COPY_READ_IF(table, key, columns, more)                                                              \
        "SELECT " key columns " FROM " table " WHERE " key " > ?1" more " ORDER BY " key " LIMIT ?2"

#define DELIVERY_COLUMNS "event, job, hook, state, attempts, next_us, ended_us, error"
#define JOB_COLUMNS                                                                                          \
        "outcome, stalled, changed_us, first_us, removed_us, result_hash, result_size, " RECORD_COLUMNS

static const char *const statement_texts[STATEMENT_COUNT] = {
        [STATEMENT_JOB_GET] = "SELECT outcome, stalled, changed_us, result_hash, result_size, " RECORD_COLUMNS
                              ", removed_us FROM jobs WHERE id = ?1",
        /* An upsert, so that the triggers of an update run. "stalled" is no change. */
        [STATEMENT_JOB_PUT] =
                "INSERT INTO jobs (id, outcome, stalled, changed_us, result_hash, "
                "result_size, " RECORD_COLUMNS ", first_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?4) ON CONFLICT (id) DO UPDATE SET (outcome, stalled, "
                "changed_us, result_hash, result_size, " RECORD_COLUMNS
                ") = (?2, ?3, CASE WHEN ?3 <> 0 THEN jobs.changed_us ELSE ?4 END, ?5, ?6, ?7, "
                "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        /* A long result is not read with its row. The last columns are for one job. */
        [STATEMENT_JOB_LIST] =
                "SELECT j.id, outcome, changed_us, first_us, result_size, flags, business_id, description, "
                "business, "
                "status, (SELECT sections FROM discovered WHERE job = j.id), "
                "coalesce((SELECT kind FROM events WHERE job = j.id ORDER BY sequence DESC LIMIT 1), "
                "''), " TEXT_IF_SHORT ", CASE WHEN " TEXT_IS_LARGE " THEN t.id ELSE 0 END, "
                "guid, files, created_on, updated_on "
                "FROM jobs AS j LEFT JOIN texts AS t "
                "ON t.job = j.id AND hash = result_hash AND size = result_size "
                "WHERE j.id > ?2 AND j.id <= ?3 ORDER BY j.id LIMIT ?1",
        /* One that had ended before it was watched took a time that is not known. */
        [STATEMENT_JOB_DURATIONS] =
                "SELECT changed_us - first_us, description FROM jobs WHERE outcome IN ('success', 'failure') "
                "AND changed_us > first_us ORDER BY changed_us DESC LIMIT ?1",
        [STATEMENT_JOB_STATUSES] =
                "SELECT id, status, changed_us FROM jobs WHERE id > ?2 ORDER BY id LIMIT ?1",
        /* When a job was first found not to be watched; 0: it is. */
        [STATEMENT_JOB_CONFIGURED] = "UPDATE jobs SET removed_us = CASE WHEN " WATCHED " THEN 0 WHEN " NOW
                                     " > 1 THEN " NOW " ELSE 1 END "
                                     "WHERE (removed_us = 0) <> " WATCHED,
        [STATEMENT_JOB_PRUNE] =
                "DELETE FROM jobs WHERE removed_us > 0 AND removed_us <= " OLD " AND NOT " DISCOVERED,

        [STATEMENT_TEXT_GET] = "SELECT data FROM texts WHERE job = ?1 AND hash = ?2 AND size = ?3",
        /* A long one is not read with its row. */
        [STATEMENT_TEXT_HEAD] = "SELECT id, " TEXT_IF_SHORT " FROM texts "
                                "WHERE job = ?1 AND hash = ?2 AND size = ?3",
        /* One that was cut becomes whole again, and the latest. */
        [STATEMENT_TEXT_PUT] =
                "INSERT INTO texts (job, hash, size, data) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (job, hash, size) DO UPDATE SET (id, data) = ((SELECT max(id) + 1 FROM texts), "
                "?4) WHERE length(texts.data) < ?3",
        [STATEMENT_TEXT_PENDING] =
                "SELECT sum(length(data) - 4097) FROM texts AS t WHERE " TEXT_IS_LARGE " AND NOT " CURRENT,
        /* The oldest one that only events `changed` need. */
        [STATEMENT_TEXT_CUT] = TEXT_CUT
        "id = (SELECT id FROM texts AS t WHERE " TEXT_IS_LARGE " "
        "AND NOT " CURRENT " AND NOT EXISTS (SELECT 1 FROM events AS e JOIN deliveries AS d "
        "ON d.event = e.sequence WHERE e.job = t.job AND e.kind <> 'changed' AND d.state <> 'done' "
        "AND ((e.result_hash = t.hash AND e.result_size = t.size) "
        "OR (e.before_hash = t.hash AND e.before_size = t.size))) ORDER BY id LIMIT 1)",

        [STATEMENT_EVENT_GET] = "SELECT " EVENT_COLUMNS " FROM events WHERE id = ?1",
        [STATEMENT_EVENT_LIST] =
                "SELECT " EVENT_COLUMNS " FROM events WHERE sequence > ?2 ORDER BY sequence LIMIT ?1",
        [STATEMENT_EVENT_LIST_JOB] =
                "SELECT " EVENT_COLUMNS
                " FROM events WHERE job = ?3 AND sequence > ?2 ORDER BY sequence LIMIT ?1",
        [STATEMENT_EVENT_NEWEST] = "SELECT coalesce(max(sequence), 0) FROM events",
        [STATEMENT_EVENT_PRUNED] = "SELECT sequence FROM pruned",
        [STATEMENT_EVENT_STATUSES] =
                "SELECT sequence, status, time_us FROM events WHERE sequence > ?2 ORDER BY sequence LIMIT ?1",
        [STATEMENT_EVENT_UNLOGGED] = "SELECT " EVENT_COLUMNS " FROM unlogged JOIN events ON sequence = event "
                                     "WHERE event > ?1 ORDER BY event LIMIT 1",
        [STATEMENT_EVENT_PUT] =
                "INSERT INTO events (" EVENT_VALUES ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                "?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)",
        [STATEMENT_EVENT_PRUNE] = "DELETE FROM events WHERE time_us <= " OLD " AND " PRUNABLE
                                  " AND d.hook IN (SELECT hook FROM configured))",
        [STATEMENT_EVENT_PRUNE_TENTH] =
                "DELETE FROM events WHERE sequence IN (SELECT sequence FROM events WHERE " PRUNABLE
                ") ORDER BY sequence LIMIT (SELECT count(*) / 10 + 1 FROM events))",
        [STATEMENT_CONFIGURED_PUT] = "INSERT INTO configured (hook, job) VALUES (?1, ?2)",
        [STATEMENT_CONFIGURED_DELETE] = "DELETE FROM configured",

        [STATEMENT_UNLOGGED_DELETE] =
                "DELETE FROM unlogged WHERE event = (SELECT sequence FROM events WHERE id = ?1)",

        [STATEMENT_DELIVERY_PUT] =
                "INSERT INTO deliveries (event, job, hook, next_us) VALUES (?1, ?2, ?3, ?4)",
        [STATEMENT_DELIVERY_PENDING] =
                "SELECT d.id, e.id, d.job, d.attempts, d.next_us, " DELIVERY_DELAY ", e.time_us "
                "FROM deliveries AS d JOIN events AS e ON e.sequence = d.event "
                "WHERE d.state = 'pending' AND d.hook = ?1 AND d.id > ?2 ORDER BY d.id LIMIT ?3",
        [STATEMENT_DELIVERY_LIST] =
                "SELECT d.id, e.id, e.kind, d.event, d.job, d.state, d.attempts, d.next_us, "
                "d.hook, d.error "
                "FROM deliveries AS d JOIN events AS e ON e.sequence = d.event "
                "WHERE d.state <> 'done' AND d.id > ?2 ORDER BY d.id LIMIT ?1",
        [STATEMENT_DELIVERY_COUNT] =
                "SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'failed') "
                "FROM events AS e JOIN deliveries AS d ON d.event = e.sequence "
                "WHERE e.job = ?1",
        [STATEMENT_DELIVERY_END] = "UPDATE deliveries SET state = ?2, attempts = attempts + 1, "
                                   "next_us = CAST(?3 AS bigint) + ?4, ended_us = ?3, error = ?5 "
                                   "WHERE id = ?1 AND state = 'pending'",
        [STATEMENT_DELIVERY_GET] =
                "SELECT d.id, e.id, d.job, d.attempts, d.next_us, " DELIVERY_DELAY
                ", e.time_us, d.state, d.hook, e.job_name, d.error "
                "FROM deliveries AS d JOIN events AS e ON e.sequence = d.event WHERE d.id = ?1",
        [STATEMENT_DELIVERY_RENEW] = RENEW "id = ?1 AND state IN ('pending', 'failed')",
        [STATEMENT_DELIVERY_RENEW_FAILED] = RENEW "hook = ?1 AND state = 'failed'",
        /* First, so that the trigger of a delivery that is done cuts texts that nobody needs any more. */
        [STATEMENT_DELIVERY_CLOSE] =
                "UPDATE deliveries SET state = 'done' WHERE id = ?1 AND state IN ('pending', 'failed')",
        [STATEMENT_DELIVERY_DELETE] = "DELETE FROM deliveries WHERE id = ?1",
        [STATEMENT_DELIVERY_FAILED] =
                "SELECT job, hook, EXISTS (SELECT 1 FROM manual AS m WHERE m.job = d.job "
                "AND m.kind IN ('added', 'extended')) FROM deliveries AS d WHERE state = 'failed'",
        [STATEMENT_DELIVERY_HOOKS] =
                "SELECT hook, count(*) FROM deliveries WHERE state = 'pending' GROUP BY hook ORDER BY hook",

        [STATEMENT_VALUE_GET] = "SELECT data FROM \"values\" WHERE key = ?1",
        [STATEMENT_VALUE_PUT] = "INSERT INTO \"values\" (key, data) VALUES (?1, ?2) ON CONFLICT (key) "
                                "DO UPDATE SET (data, written) = (excluded.data, excluded.written)",
        [STATEMENT_VALUE_DELETE] = "DELETE FROM \"values\" WHERE key = ?1",
        /* Those about an account or a job. */
        [STATEMENT_VALUE_PRUNE] = "DELETE FROM \"values\" WHERE key LIKE '% of %' "
                                  "AND written * 1000000 <= " OLD,

        [STATEMENT_DISCOVERED_PUT] = "INSERT INTO discovered (job, sections, created, form) VALUES (?1, ?2, "
                                     "?3, ?4) ON CONFLICT (job) "
                                     "DO UPDATE SET (sections, created, form) = (?2, ?3, ?4)",
        [STATEMENT_DISCOVERED_DELETE] = "DELETE FROM discovered WHERE job = ?1",
        [STATEMENT_DISCOVERED_GET] = "SELECT sections FROM discovered WHERE job = ?1",
        /* Without its first event a job is not known at all. */
        [STATEMENT_DISCOVERED_NEXT] = "SELECT d.job, d.sections, d.created, d.form, j.outcome "
                                      "FROM discovered AS d JOIN jobs AS j ON j.id = d.job "
                                      "WHERE d.job > ?1 ORDER BY d.job LIMIT 1",

        [STATEMENT_MANUAL_PUT] =
                "INSERT INTO manual (job, kind, name, hooks, again) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
                "(job) "
                "DO UPDATE SET (kind, name, hooks, again, written) = (?2, ?3, ?4, ?5, excluded.written)",
        [STATEMENT_MANUAL_DELETE] = "DELETE FROM manual WHERE job = ?1",
        [STATEMENT_MANUAL_READ] = "UPDATE manual SET again = 0 WHERE job = ?1",
        /* Changes may have been missed until now, though nothing was pruned in between. */
        [STATEMENT_MANUAL_UNWATCHED] =
                "UPDATE jobs SET removed_us = ?2 WHERE id = ?1 AND removed_us = 0 "
                "AND NOT EXISTS (SELECT 1 FROM manual WHERE job = ?1 AND kind IN ('added', 'extended'))",
        [STATEMENT_MANUAL_NAMED] = "SELECT job FROM manual WHERE name = ?1 AND job <> ?2 "
                                   "AND kind IN ('added', 'extended')",
        [STATEMENT_MANUAL_GET] = "SELECT job, kind, name, hooks, again, written FROM manual "
                                 "WHERE job BETWEEN ?1 AND ?2 ORDER BY job",
        /* A job that was dismissed before its first event is forgotten like one that was recorded. */
        [STATEMENT_MANUAL_PRUNE] =
                "DELETE FROM manual WHERE kind = 'dismissed' AND job NOT IN (SELECT id FROM jobs) "
                "AND job NOT IN (SELECT job FROM configured WHERE job IS NOT NULL) "
                "AND written * 1000000 <= " OLD " AND written * 1000000 <= " NOW " - 604800000000",

        [STATEMENT_COPY_READ_EVENTS] = COPY_READ("events", "sequence", ", " EVENT_VALUES),
        [STATEMENT_COPY_READ_UNLOGGED] = COPY_READ("unlogged", "event", ""),
        [STATEMENT_COPY_READ_DELIVERIES] = COPY_READ("deliveries", "id", ", " DELIVERY_COLUMNS),
        [STATEMENT_COPY_READ_JOBS] = COPY_READ("jobs", "id", ", " JOB_COLUMNS),
        [STATEMENT_COPY_READ_DISCOVERED] = COPY_READ("discovered", "job", ", sections, created, form"),
        [STATEMENT_COPY_READ_MANUAL] = COPY_READ("manual", "job", ", kind, name, hooks, again, written"),
        [STATEMENT_COPY_READ_VALUES] =
                COPY_READ_IF("\"values\"", "key", ", data, written",
                             " AND substr(key, 1, length('" STORE_HOST_KEY "')) <> '" STORE_HOST_KEY "'"),
        [STATEMENT_COPY_READ_PRUNED] = COPY_READ("pruned", "sequence", ""),
        [STATEMENT_COPY_READ_TEXTS] = COPY_READ("texts", "id", ", job, hash, size, data"),
        [STATEMENT_COPY_WRITE_EVENTS] =
                "INSERT INTO events (" EVENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
        [STATEMENT_COPY_WRITE_UNLOGGED] = "INSERT INTO unlogged (event) VALUES (?1)",
        [STATEMENT_COPY_WRITE_DELIVERIES] = "INSERT INTO deliveries (id, " DELIVERY_COLUMNS
                                            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        [STATEMENT_COPY_WRITE_JOBS] =
                "INSERT INTO jobs (id, " JOB_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        [STATEMENT_COPY_WRITE_DISCOVERED] =
                "INSERT INTO discovered (job, sections, created, form) VALUES (?1, ?2, ?3, ?4)",
        [STATEMENT_COPY_WRITE_MANUAL] = "INSERT INTO manual (job, kind, name, hooks, again, written) VALUES "
                                        "(?1, ?2, ?3, ?4, ?5, ?6)",
        [STATEMENT_COPY_WRITE_VALUES] = "INSERT INTO \"values\" (key, data, written) VALUES (?1, ?2, ?3)",
        [STATEMENT_COPY_WRITE_PRUNED] = "UPDATE pruned SET sequence = ?1",
        [STATEMENT_COPY_WRITE_TEXTS] =
                "INSERT INTO texts (id, job, hash, size, data) VALUES (?1, ?2, ?3, ?4, ?5)",
        /* What the trigger of an event has added; no text is there to be cut by the one of this table. */
        [STATEMENT_COPY_LOGGED] = "DELETE FROM unlogged",
        /* An engine that does not number new rows from the largest key on has its own. */
        [STATEMENT_COPY_END] = "SELECT 1",
};

const char *statement_sql(enum statement which)
{
        return statement_texts[which];
}
