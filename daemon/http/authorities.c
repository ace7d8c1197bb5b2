/* SPDX-License-Identifier: MIT */

/*
 * Certificate authorities are passed to libcurl as a text in memory, since it takes one file only and reads
 * that at each connection. What is passed are the certificates of the file, written anew: nothing else that
 * the file may contain reaches libcurl. Those of the system are the file that libcurl was built to use, in
 * front of them, and its directory, which stays as it is.
 */

#include "http/authorities.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"

/* Bytes of a file. The authorities of a whole system are a quarter of a megabyte. */
#define FILE_BYTES_MAX (4 * 1024 * 1024)

struct http_authorities {
        BIO *pem; /* a memory BIO */
        bool exclude_system;
};

DEFINE_CLEANUP(struct http_authorities, http_authorities_free)

static void cleanup_bio(BIO **bio)
{
        BIO_free(*bio);
}

static void write_all(BIO *bio, const char *data, size_t size)
{
        if (size > 0 && BIO_write(bio, data, (int)size) != (int)size)
                memory_exhausted();
}

/* Copies the certificates of `text`. Returns their number, or -EBADMSG if one is damaged. */
static int copy_certificates(const char *text, size_t size, BIO *to)
{
        CLEANUP(cleanup_bio) BIO *from = memory_need(BIO_new_mem_buf(text, (int)size));
        int count = 0, r = 0;

        while (r == 0) {
                X509 *certificate = PEM_read_bio_X509(from, NULL, NULL, NULL);
                if (certificate == NULL) {
                        unsigned long error = ERR_peek_last_error();
                        bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM &&
                                      ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
                        r = at_end ? count : -EBADMSG;
                        break;
                }
                if (PEM_write_bio_X509(to, certificate) != 1)
                        memory_exhausted();
                X509_free(certificate);
                count++;
        }
        ERR_clear_error(); /* libcurl would take it for one of its own */
        return r;
}

/* Adds the authorities of the system. Without such a file there is only its directory, or nothing. */
static void add_system(BIO *to)
{
        const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size = 0;

        if (info->age < CURLVERSION_SEVENTH || info->cainfo == NULL ||
            file_read(info->cainfo, FILE_BYTES_MAX, &text, &size) < 0)
                return;
        write_all(to, text, size);
        write_all(to, "\n", 1);
}

int http_authorities_read(const char *path, bool besides_system, char **ret_reason,
                          struct http_authorities **ret_authorities)
{
        CLEANUP(cleanup_http_authorities_free)
        struct http_authorities *authorities = memory_need(calloc(1, sizeof(*authorities)));
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size = 0;

        *ret_reason = NULL;
        authorities->pem = memory_need(BIO_new(BIO_s_mem()));
        authorities->exclude_system = !besides_system;

        int r = file_read(path, FILE_BYTES_MAX, &text, &size);
        if (r < 0)
                return fail_with_message(r, ret_reason, "%s",
                                         r == -EINVAL ? "not a regular file" : strerror(-r));
        if (besides_system)
                add_system(authorities->pem);
        r = copy_certificates(text, size, authorities->pem);
        if (r == 0)
                return fail_with_message(
                        -EBADMSG, ret_reason,
                        "the file contains no certificate; write it in PEM, which begins with "
                        "-----BEGIN CERTIFICATE-----");
        if (r == -EBADMSG)
                return fail_with_message(r, ret_reason,
                                         "a certificate in the file is damaged; copy the file again");

        *ret_authorities = STEAL_POINTER(authorities);
        return 0;
}

struct http_authorities *http_authorities_free(struct http_authorities *authorities)
{
        if (authorities == NULL)
                return NULL;

        BIO_free(authorities->pem);
        free(authorities);
        return NULL;
}

char *http_authorities_pem(const struct http_authorities *authorities, size_t *ret_size)
{
        char *pem = NULL;

        *ret_size = (size_t)BIO_get_mem_data(authorities->pem, &pem);
        return pem;
}

bool http_authorities_exclude_system(const struct http_authorities *authorities)
{
        return authorities->exclude_system;
}

bool http_authorities_equal(const struct http_authorities *left, const struct http_authorities *right)
{
        size_t left_size, right_size;

        if (left == NULL || right == NULL)
                return left == right;
        const char *left_pem = http_authorities_pem(left, &left_size);
        const char *right_pem = http_authorities_pem(right, &right_size);
        return left->exclude_system == right->exclude_system && left_size == right_size &&
               memcmp(left_pem, right_pem, left_size) == 0;
}
