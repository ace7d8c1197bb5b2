/* SPDX-License-Identifier: MIT */

/* Which certificates libcurl accepts, and why it did not accept one. */

#include "http/http_tls.h"

#include <openssl/x509_vfy.h>
#include <string.h>

CURLcode http_tls_set_authorities(CURL *easy, const struct http_authorities *authorities)
{
        struct curl_blob blob = { .flags = CURL_BLOB_NOCOPY };

        if (authorities == NULL)
                return CURLE_OK;
        /* libcurl does not change the data; the struct serves for both directions. */
        const char *pem = http_authorities_pem(authorities, &blob.len);
        memcpy(&blob.data, &pem, sizeof(pem));
        CURLcode code = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
        if (code == CURLE_OK && http_authorities_exclude_system(authorities))
                code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        return code;
}

bool http_tls_is_untrusted(CURL *easy, CURLcode code)
{
        long result = X509_V_OK;

        if (code != CURLE_PEER_FAILED_VERIFICATION)
                return false;
        (void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
        return result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
               result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
               result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
               result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
               result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || result == X509_V_ERR_CERT_UNTRUSTED;
}
