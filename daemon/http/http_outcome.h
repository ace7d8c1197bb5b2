/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a request ended. */
enum http_outcome {
        HTTP_ANSWERED,    /* a complete response, or the status and the beginning of a long error page */
        HTTP_UNRESOLVED,  /* host name without an address, or no answer from the resolver; nothing was sent */
        HTTP_UNCONNECTED, /* no connection: refused, no route, timeout, proxy failed; nothing was sent */
        HTTP_TLS_FAILED,  /* handshake or certificate; nothing was sent */
        HTTP_TIMED_OUT,   /* sent, but no complete response in time */
        HTTP_BROKEN,      /* sent, but the connection was lost, or the response is truncated or not HTTP/1 */
        HTTP_TOO_LARGE,   /* more decoded bytes than body_max */
        HTTP_STOPPED,     /* on_body() returned an error */
        HTTP_IMPOSSIBLE,  /* not tried: invalid URL, invalid CA file */
};

/* A short phrase for messages, such as "could not connect". */
const char *http_outcome_to_string(enum http_outcome outcome);

static inline bool http_status_is_success(int status)
{
        return status >= 200 && status <= 299;
}

/* Instead of a time: no Retry-After header, or an invalid one. */
#define HTTP_RETRY_NONE 0

/* The maximum size of an excerpt of a body. */
#define HTTP_EXCERPT_MAX 512

struct http_end {
        enum http_outcome outcome;
        int status;              /* of the response; 0: none */
        uint64_t retry_after_us; /* from now, whichever form the header had; HTTP_RETRY_NONE: none */
        uint64_t date_us;        /* Date of the response, in microseconds since 1970; 0: none */
        uint64_t body_size;      /* decoded bytes received */
        int shortage;        /* HTTP_UNCONNECTED, HTTP_IMPOSSIBLE: errno if no socket or no memory; else 0 */
        bool untrusted;      /* HTTP_TLS_FAILED: the certificate is from an authority that is not trusted */
        const char *detail;  /* one line for a message, without credentials; never NULL */
        const char *excerpt; /* the beginning of a body that was not passed to on_body(); never NULL */
        size_t excerpt_size; /* at most HTTP_EXCERPT_MAX */
};

/* What libcurl says about a transfer. */
struct http_curl_result {
        int code;         /* CURLcode */
        const char *text; /* from CURLOPT_ERRORBUFFER; "": none */
        int os_error;     /* errno of a failed connect(); 0: none */
        int port;         /* to which libcurl connected, or tried to; 0: none */
        bool sent;        /* a connection was established, and the request was about to be sent */
        bool contacted;   /* bytes were sent, if only to a proxy */
        bool answered;    /* bytes of a response were received */
};

enum http_outcome http_outcome_from_curl(const struct http_curl_result *result);

/*
 * The cause of a failure, for a message; never NULL. May point to `text`, but only if that cannot contain
 * credentials: if a proxy URL is malformed, libcurl quotes it with its password.
 */
const char *http_curl_result_to_string(const struct http_curl_result *result);
