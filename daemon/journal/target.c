/* SPDX-License-Identifier: MIT */

/*
 * Entries are sent to journald by sd_journal_sendv(), or written to standard error as one line.
 * sd_journal_print() is not used because it cuts long lines; nor is stdio, whose lock would be held as long
 * as nobody reads.
 */

/* CODE_FILE= and the like are of no use in entries about jobs. */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "journal/target.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/timespan.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

#define TAKEN_MAX_US  (3 * USEC_PER_SEC)
#define TAKEN_STEP_NS (1000 * 1000)

/* $JOURNAL_STREAM holds device and inode of the stream to the journal: systemd.exec(5). */
bool target_is_standard_error(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;
        char *end;

        if (stream == NULL)
                return false;
        unsigned long long device = strtoull(stream, &end, 10);
        if (*end != ':')
                return false;
        unsigned long long inode = strtoull(end + 1, NULL, 10);
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int target_open(enum log_target configured, struct target *ret_target)
{
        bool native = configured == LOG_TARGET_JOURNAL ||
                      (configured == LOG_TARGET_AUTO && target_is_standard_error());

        /* sd_journal_sendv() reports success without a journal, and all entries would be lost silently. */
        if (native && access(JOURNAL_SOCKET, F_OK) < 0)
                return -errno;
        *ret_target = (struct target){
                .native = native,
                .coloured = !native && isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL,
        };
        return 0;
}

static const char *colour_of(int priority)
{
        if (priority <= LOG_ERR)
                return "\x1b[1;31m";
        if (priority == LOG_WARNING)
                return "\x1b[1;33m";
        if (priority == LOG_NOTICE)
                return "\x1b[1m";
        return priority == LOG_DEBUG ? "\x1b[2m" : "";
}

void target_add_line(const struct target *target, struct field_list *fields, int priority,
                     const char *message)
{
        static const char *const words[] = { "emerg",   "alert",  "crit", "error",
                                             "warning", "notice", "info", "debug" };
        const char *colour = target->coloured ? colour_of(priority) : "";
        char stamp[sizeof("2026-01-01 00:00:00")] = "", head[64];
        time_t now = time(NULL);
        struct tm local;

        if (localtime_r(&now, &local) != NULL)
                (void)strftime(stamp, sizeof(stamp), "%F %T", &local);
        (void)snprintf(head, sizeof(head), "%s%s %-7s ", colour, stamp, words[priority]);
        fields_add_copy(fields, NULL, head);
        fields_add_string(fields, NULL, message);
        fields_add_string(fields, NULL, *colour != '\0' ? "\x1b[0m\n" : "\n");
}

/* The fields follow each other without gaps. */
static int write_line(const struct entry *entry)
{
        const char *data = entry->fields[0].iov_base;
        size_t size = 0;

        for (size_t i = 0; i < entry->count; i++)
                size += entry->fields[i].iov_len;
        while (size > 0) {
                ssize_t n = write(STDERR_FILENO, data, size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        size -= (size_t)n;
                }
        }
        return 0;
}

int target_send(const struct target *target, const struct entry *entry)
{
        if (!target->native)
                return write_line(entry);

        int r = sd_journal_sendv(entry->fields, (int)entry->count);
        return r < 0 ? r : 0;
}

/*
 * Sends an empty datagram, which journald reads after all entries, and ignores. Linux does not tell when it
 * has been read, only whether: SIOCOUTQ.
 */
void target_drain(const struct target *target)
{
        static const struct sockaddr_un journald = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        const struct timeval limit = { .tv_sec = TAKEN_MAX_US / USEC_PER_SEC };
        const uint64_t deadline_us = clock_process_us() + TAKEN_MAX_US;
        int waiting = 0;

        if (!target->native)
                return;
        CLEANUP(cleanup_descriptor) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
            sendto(fd, "", 0, 0, (const struct sockaddr *)&journald, sizeof(journald)) < 0)
                return;
        while (ioctl(fd, SIOCOUTQ, &waiting) == 0 && waiting > 0 && clock_process_us() < deadline_us)
                (void)nanosleep(&(struct timespec){ .tv_nsec = TAKEN_STEP_NS }, NULL);
}
