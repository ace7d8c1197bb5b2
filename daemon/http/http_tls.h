/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#include "http/authorities.h"

/* Has the easy handle trust these authorities, which must stay as long as the handle. NULL: those of the
 * system. */
CURLcode http_tls_set_authorities(CURL *easy, const struct http_authorities *authorities);

/* Whether a transfer has failed with `code` because no authority that is trusted has signed the certificate.
 */
bool http_tls_is_untrusted(CURL *easy, CURLcode code);
