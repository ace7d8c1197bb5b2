/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * The only way for a text into HTML or SVG: writes it as it may be between two tags and in an attribute in
 * quotes. The five characters of markup are escaped. White space becomes a blank; U+FFFD replaces what is not
 * visible, noncharacters, and bytes that are not UTF-8. After `limit` characters (0: no limit) there is an
 * ellipsis.
 */
void markup_put(FILE *file, const char *data, size_t size, size_t limit);

/*
 * A copy, owned by the caller, for whoever may see a page: without e-mail addresses, which name a person.
 * NULL for NULL.
 */
char *text_without_addresses(const char *text);
