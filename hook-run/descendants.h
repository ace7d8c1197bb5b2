/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sends a signal to all descendants of this process that can be found. A process that is made meanwhile, or
 * whose parent is not visible in /proc, may be missed; once its parent has died it is found as a child of
 * this process, if that is a subreaper.
 */
void descendants_signal(int number);
