/* SPDX-License-Identifier: MIT */
#pragma once

#include "monitor/poll_state.h"

/* To be called before requests are chosen: takes out jobs that have ended, saves, and plans rounds. */
void discover_update(struct monitor *monitor);
