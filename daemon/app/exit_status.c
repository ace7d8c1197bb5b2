/* SPDX-License-Identifier: MIT */

/* From what the monitor knows to the exit status of the process. */

#include "app/exit_status.h"

#include "monitor/monitor.h"

enum exit_status exit_status_when_done(const struct monitor_counts *counts, size_t abandoned)
{
        return counts->failed > 0 || abandoned > 0 ? EXIT_STATUS_JOB_FAILED : EXIT_STATUS_SUCCESS;
}

enum exit_status exit_status_of_round(const struct monitor_counts *counts, bool hook_unrecorded)
{
        if (counts->report_error < 0 || counts->unrecorded > 0 || hook_unrecorded)
                return EXIT_STATUS_STATE;
        if (counts->failure == FAILURE_REFUSED || counts->search_failure == FAILURE_REFUSED)
                return EXIT_STATUS_REFUSED;
        if (counts->failure != FAILURE_NONE || counts->search_failure != FAILURE_NONE ||
            counts->unanswered > 0)
                return EXIT_STATUS_API;
        return counts->not_found > 0 ? EXIT_STATUS_JOB_FAILED : EXIT_STATUS_SUCCESS;
}
