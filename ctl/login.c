/* SPDX-License-Identifier: MIT */

/*
 * login: asks for user name and password, and, if the API refuses them, for the one-time code of an account
 * with a second factor: its refusal does not tell whether one is required. The service gets them in a sealed
 * memfd, and the API from it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/times.h"
#include "util/cleanup.h"
#include "util/memory.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

/* What the service takes at most: see org.jobwatchd1(5). */
#define CREDENTIALS_MAX 4096

/* As the service wants it: texts, each with a NUL. In memory that is neither swapped nor dumped. */
struct credentials {
        size_t size;
        char data[CREDENTIALS_MAX];
};

static struct credentials *credentials_new(void)
{
        struct credentials *credentials =
                mmap(NULL, sizeof(*credentials), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (credentials == MAP_FAILED)
                memory_exhausted();
        (void)mlock(credentials, sizeof(*credentials));
        (void)madvise(credentials, sizeof(*credentials), MADV_DONTDUMP);
        return credentials;
}

static void credentials_wipe(struct credentials **credentials)
{
        explicit_bzero(*credentials, sizeof(**credentials));
        (void)munmap(*credentials, sizeof(**credentials));
}

/* Appends the answer to a question. */
static enum exit_status add_answer(struct credentials *credentials, const char *text, bool is_secret)
{
        const struct question question = { text, is_secret };
        char *line = credentials->data + credentials->size;

        /* One byte less, for the end of the code if that is not asked for. */
        int r = ask(&question, line, sizeof(credentials->data) - 1 - credentials->size);
        if (r == -E2BIG)
                return EXIT_STATUS_USAGE;
        if (r < 0)
                return r == -ECANCELED ? EXIT_STATUS_FAILED : EXIT_STATUS_SERVICE;
        credentials->size += strlen(line) + 1;
        return EXIT_STATUS_SUCCESS;
}

/* One that must not be empty. */
static enum exit_status need_answer(struct credentials *credentials, const char *text, bool is_secret)
{
        const size_t before = credentials->size;
        enum exit_status status = add_answer(credentials, text, is_secret);

        if (status != EXIT_STATUS_SUCCESS || credentials->size > before + 1)
                return status;
        print_error("no answer");
        return EXIT_STATUS_FAILED;
}

/* ---- the call ---- */

/* Returns a descriptor, or -1 after a message. */
static int seal(const struct credentials *credentials)
{
        int fd = memfd_create("jobwatchctl-login", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd >= 0 && write(fd, credentials->data, credentials->size) == (ssize_t)credentials->size &&
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) >= 0)
                return fd;
        print_error("cannot pass the password on: %s", strerror(errno));
        if (fd >= 0)
                close(fd);
        return -1;
}

/* Prints an error, unless a code may help. */
static enum exit_status send_login(struct client *client, const struct credentials *credentials,
                                   bool *ret_code_may_help)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct call_failure failure;
        enum exit_status status = EXIT_STATUS_FAILED;
        int fd = seal(credentials);

        *ret_code_may_help = false;
        if (fd < 0)
                return EXIT_STATUS_SOFTWARE;
        sd_bus_message *call = client_message(client, "Login");
        client_need(sd_bus_message_append(call, "h", fd)); /* a copy of it */
        close(fd);
        if (client_try(client, call, &reply, &failure) >= 0)
                return EXIT_STATUS_SUCCESS;
        *ret_code_may_help = call_failure_is(&failure, "CodeRequired");
        if (!*ret_code_may_help)
                status = client_explain(client, &failure);
        call_failure_clear(&failure);
        return status;
}

static enum exit_status sign_in(struct client *client, struct credentials *credentials)
{
        const size_t size = credentials->size;
        bool code_may_help;

        credentials->data[credentials->size++] = '\0'; /* no code */
        enum exit_status status = send_login(client, credentials, &code_may_help);
        if (!code_may_help)
                return status;
        credentials->size = size;
        status = add_answer(credentials, "One-time code (empty if the account has none): ", true);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        if (credentials->size > size + 1)
                return send_login(client, credentials, &code_may_help);
        print_error("the API has refused the login: check the user name and the password");
        return EXIT_STATUS_FAILED;
}

/* ---- before and after ---- */

/* Nobody is asked for a password that is of no use. */
static enum exit_status check_service(struct client *client)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct row row = { .fields = NULL };

        enum exit_status status = fetch_row(client, client_message(client, "GetStatus"), &row, &reply);
        if (status == EXIT_STATUS_SUCCESS && !row_text_is(&row, "Auth", "login")) {
                print_error("jobwatchd does not take a login: set auth = login under [api] in its "
                            "configuration, and reload it");
                status = EXIT_STATUS_SERVICE;
        }
        row_clear(&row);
        return status;
}

static void print_expiry(struct client *client)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct row row = { .fields = NULL };

        if (fetch_row(client, client_message(client, "GetStatus"), &row, &reply) != EXIT_STATUS_SUCCESS)
                return;
        const bool is_renewed = row_number(&row, "RefreshExpiresUSec") > 0;
        uint64_t expires_us = row_number(&row, "TokenExpiresUSec");
        CLEANUP(cleanup_free) char *expires = expires_us > 0 ? time_format(expires_us) : NULL;
        (void)printf("Signed in.%s%s%s\n", expires != NULL ? " The token expires " : "",
                     expires != NULL ? expires : "",
                     expires == NULL ? ""
                     : is_renewed    ? " and is renewed before."
                                     : " and cannot be renewed.");
        row_clear(&row);
}

enum exit_status command_login(struct context *context)
{
        CLEANUP(credentials_wipe) struct credentials *credentials = credentials_new();
        struct client *client = &context->client;

        if (!client->ask_password) {
                print_error("login asks for a password: run it without --no-ask-password");
                return EXIT_STATUS_USAGE;
        }
        enum exit_status status = check_service(client);
        if (status == EXIT_STATUS_SUCCESS)
                status = need_answer(credentials, "Nexudus user name: ", false);
        if (status == EXIT_STATUS_SUCCESS)
                status = need_answer(credentials, "Password: ", true);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        client_expect_polkit(client);
        status = sign_in(client, credentials);
        if (status == EXIT_STATUS_SUCCESS && context->output.json == JSON_OFF)
                print_expiry(client);
        return status;
}
