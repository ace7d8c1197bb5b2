/* SPDX-License-Identifier: MIT */

/*
 * Streams for the output of other programs, one each because journald identifies streams, not writers. The
 * lines do not pass through this process, so a program that writes a lot blocks itself, not the daemon.
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
