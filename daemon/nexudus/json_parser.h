/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads a JSON document that arrives in pieces of any size, token by token. The document must be UTF-8; a
 * byte order mark is skipped. A \uXXXX that is a lone surrogate becomes U+FFFD. Only the depth is bounded
 * here: the owner bounds the size of the document.
 */
struct json_parser;

/* Levels of nesting; the outermost value is level 1. */
#define JSON_DEPTH_MAX 64

enum json_kind {
        JSON_NULL,
        JSON_BOOLEAN,
        JSON_NUMBER,
        JSON_STRING,
        JSON_KEY,
        JSON_OBJECT, /* its beginning */
        JSON_OBJECT_END,
        JSON_ARRAY, /* its beginning */
        JSON_ARRAY_END,
};

struct json_token {
        enum json_kind kind;
        size_t depth; /* containers around it; an end has the depth of its beginning */
        /* A string or key: decoded, valid UTF-8 that may contain NUL. Any other value: its JSON text. */
        const char *data;
        size_t size;
};

/*
 * Called from within json_parser_feed() and json_parser_finish(). The token is valid during the call. A
 * negative errno stops the parser. Of the functions below only json_parser_fail() may be called.
 */
typedef int (*json_handler)(void *userdata, const struct json_token *token);

/* Never NULL. */
struct json_parser *json_parser_new(json_handler on_token, void *userdata);

/* Accepts NULL, returns NULL. */
struct json_parser *json_parser_free(struct json_parser *parser);

/*
 * Reads the next `size` bytes. Returns 0, or the first failure: -EBADMSG, the document is not JSON; -E2BIG,
 * it is nested too deep; or what the handler returned. The tokens and the result of json_parser_finish()
 * depend on the document alone, not on how it is split into pieces.
 */
int json_parser_feed(struct json_parser *parser, const void *data, size_t size);

/* Ends the document. Returns as json_parser_feed() does, or -ENODATA: the document is truncated. */
int json_parser_finish(struct json_parser *parser);

/* Records a failure and its explanation, unless there was one before. Returns the recorded one. */
int json_parser_fail(struct json_parser *parser, int r, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The explanation of the failure: one line of at most 300 bytes. "no problem" before one. Borrowed. */
const char *json_parser_explain(const struct json_parser *parser);
