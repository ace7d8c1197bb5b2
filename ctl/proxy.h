/* SPDX-License-Identifier: MIT */
#pragma once

/* The proxy of https URLs that the environment names, as libcurl reads it; NULL: none. Until it is changed.
 */
const char *proxy_url(void);

/* The environment names no proxy any more, and no exceptions. */
void proxy_forget(void);
