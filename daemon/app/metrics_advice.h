/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For --check: why the service cannot write [metrics] textfile, and what to do. `unit` is the name of the
 * service. Returns a malloc()ed text, or NULL if there is nothing to say.
 */
char *metrics_advice(const char *textfile, const char *unit);
