/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Formats the body of a form: "name=value&name=value". `fields` ends with a NULL name. Everything but
 * letters, digits, "-", ".", "_" and "~" is percent-encoded. malloc()ed, to be wiped if it contains a secret.
 */
char *form_encode(const char *const fields[][2]);
