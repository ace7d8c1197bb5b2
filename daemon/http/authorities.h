/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Certificate authorities for an HTTP client, read once. */
struct http_authorities;

/*
 * Reads the certificates of a PEM file. `besides_system`: those of the system are trusted as well. Returns 0,
 * or a negative errno with *ret_reason, a malloc()ed text such as "No such file or directory" that says
 * what is wrong with the file, and what to do. -EBADMSG: there is no certificate in
 * the file, or a damaged one.
 */
int http_authorities_read(const char *path, bool besides_system, char **ret_reason,
                          struct http_authorities **ret_authorities);

/* No client must use them any more. Accepts NULL, returns NULL. */
struct http_authorities *http_authorities_free(struct http_authorities *authorities);

/* Whether both are the same certificates; NULL, those of the system, equals only NULL. */
bool http_authorities_equal(const struct http_authorities *left, const struct http_authorities *right);

/* The certificates in PEM, not to be changed, and whether nothing else is trusted. For clients. */
char *http_authorities_pem(const struct http_authorities *authorities, size_t *ret_size);
bool http_authorities_exclude_system(const struct http_authorities *authorities);
