/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "config/config.h"

struct http_authorities;
struct webhook_key;

/* What a url hook reads when its configuration is loaded: secrets and certificates. Zeroed: nothing. */
struct webhook_files {
        char *url;               /* that of url or of url_file */
        bool url_is_secret;      /* all behind the host */
        struct webhook_key *key; /* of secret_file; NULL: requests are not signed */
        char **header_lines;     /* of header_file, each "Name: value"; NULL: none */
        /* ca_file of the hook, else the system's and ca_file of [api]. NULL: those of the system. */
        struct http_authorities *authorities;
};

struct webhook_files_call {
        const struct config *config;
        const struct hook_config *hook; /* of kind url, part of `config` */

        /* Whether to leave out the secret in this credential or file; NULL: read all of them. */
        bool (*leaves_out)(void *userdata, const char *source);

        /*
         * Receives each problem: the location and the value of the key, and one line with neither location
         * nor full stop that contains no secret. Warnings (all users can read a secret) are not errors.
         * Problems with ca_file of [api] are not reported, since [api] does that.
         */
        void (*on_problem)(void *userdata, const char *where, const char *source, bool is_warning,
                           const char *message);
        void *userdata;
};

/* Returns 0, or -EINVAL if there was a problem. */
int webhook_files_read(const struct webhook_files_call *call, struct webhook_files *ret_files);

/* Wipes secrets and resets. */
void webhook_files_clear(struct webhook_files *files);

/*
 * Whether a text of the receiver repeats a part, of four bytes or more, of what must not be logged: of the
 * path or query of a secret URL, or of the value of a header. Letter case does not count.
 */
bool webhook_files_are_repeated(const struct webhook_files *files, const char *text, size_t size);
