/* SPDX-License-Identifier: MIT */

/* Classification of libcurl's results, and their texts. */

#include "http/http_outcome.h"

#include <curl/curl.h>
#include <string.h>

/* CURLE_TOO_LARGE, since libcurl 8.6, which said CURLE_OUT_OF_MEMORY before. */
#define CODE_TOO_LARGE 100

const char *http_outcome_to_string(enum http_outcome outcome)
{
        static const char *const names[] = {
                [HTTP_ANSWERED] = "answered",
                [HTTP_UNRESOLVED] = "host name could not be resolved",
                [HTTP_UNCONNECTED] = "could not connect",
                [HTTP_TLS_FAILED] = "TLS failed",
                [HTTP_TIMED_OUT] = "timed out waiting for the response",
                [HTTP_BROKEN] = "no complete response",
                [HTTP_TOO_LARGE] = "response too large",
                [HTTP_STOPPED] = "response rejected",
                [HTTP_IMPOSSIBLE] = "request could not be made",
        };

        return names[outcome];
}

enum http_outcome http_outcome_from_curl(const struct http_curl_result *result)
{
        switch (result->code) {
        case CURLE_OK:
                return HTTP_ANSWERED;
        case CURLE_COULDNT_RESOLVE_HOST:
                return HTTP_UNRESOLVED;
        case CURLE_COULDNT_RESOLVE_PROXY: /* or its URL is invalid */
                return HTTP_UNCONNECTED;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return HTTP_TLS_FAILED;
        case CURLE_OPERATION_TIMEDOUT:
                return result->sent ? HTTP_TIMED_OUT : HTTP_UNCONNECTED;
        case CURLE_FILESIZE_EXCEEDED:
                return HTTP_TOO_LARGE;
        case CURLE_OUT_OF_MEMORY:
                /* Also said of a header line that is longer than libcurl takes. */
                if (!result->answered)
                        return HTTP_IMPOSSIBLE;
                break;
        case CURLE_URL_MALFORMAT:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_FAILED_INIT:
                return HTTP_IMPOSSIBLE;
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_BAD_FUNCTION_ARGUMENT:
                /* About our URL, or about a response. */
                if (!result->sent && !result->contacted)
                        return HTTP_IMPOSSIBLE;
                break;
        default:
                break;
        }
        return result->sent ? HTTP_BROKEN : HTTP_UNCONNECTED;
}

/*
 * Whether libcurl's text cannot quote a URL: with a connection the URLs were valid, and the texts for these
 * codes are about the connection, its certificates or the response of a proxy.
 */
static bool is_text_safe(const struct http_curl_result *result)
{
        return result->sent || http_outcome_from_curl(result) == HTTP_TLS_FAILED ||
               result->code == CURLE_OPERATION_TIMEDOUT || result->code == CURLE_SEND_ERROR ||
               result->code == CURLE_RECV_ERROR;
}

const char *http_curl_result_to_string(const struct http_curl_result *result)
{
        if (result->code == CURLE_SSL_CACERT_BADFILE)
                return "the CA certificates of the system are missing; install ca-certificates";
        if (result->code == CURLE_OUT_OF_MEMORY && result->answered)
                return "a header line is too long, or memory is short";
        if ((int)result->code == CODE_TOO_LARGE && result->answered)
                return "a header line is too long";
        if (*result->text != '\0' && is_text_safe(result))
                return result->text;
        if (result->code == CURLE_COULDNT_CONNECT && result->os_error != 0)
                return strerror(result->os_error);
        return curl_easy_strerror((CURLcode)result->code);
}
