/* SPDX-License-Identifier: MIT */

/*
 * Output of other programs. Each gets a stream of its own, since journald tells streams apart, not writers.
 * The lines do not pass through this process: a program that writes much waits for journald, and we do not.
 */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "journal/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "util/cleanup.h"

int journal_stream_open(const struct journal *journal, const char *identifier)
{
        CLEANUP(cleanup_descriptor) int stream = -1;

        if (journal_is_native(journal))
                stream = sd_journal_stream_fd(identifier, LOG_INFO, 1);
        if (stream > STDERR_FILENO)
                return STEAL_DESCRIPTOR(stream);

        int fd = fcntl(stream >= 0 ? stream : STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return fd >= 0 ? fd : -errno;
}
