/* SPDX-License-Identifier: MIT */

/*
 * Connects the token (nexudus/token.h) with the state that it is stored in and the API client that sends it;
 * these do not know each other.
 */

#include "monitor/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/token_store.h"
#include "platform/clock.h"
#include "platform/credential.h"
#include "platform/machine.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"

/*
 * A token may be accepted for one job and refused for another, and each new token will be, too. So renewals
 * because of a refusal are limited per hour. Beyond the limit, and if it was never accepted, a token is
 * renewed only after this time: it may have been revoked by then.
 */
#define RENEWALS_MAX 10
#define MIN_USE_US   (5 * USEC_PER_MIN)

struct session {
        struct session_parts parts;
        struct token *token;
        struct token_store *store;
        uint64_t obtained_us; /* when this process obtained the token in use; 0: from the state */
        unsigned generation;  /* of the token in use */
        bool accepted;        /* the API has accepted the token in use */
        unsigned renewals;    /* because of refusals, since renewals_since_us */
        uint64_t renewals_since_us;
        char *login_command; /* NULL with auth = password */
        bool had_token;      /* the session began or continued with one */
};

DEFINE_CLEANUP(struct session, session_free)

/* The configured client id, or one derived from the machine id and the state directory. malloc()ed. */
static int client_id_of(const struct config *config, char **ret_client_id)
{
        char derived[MACHINE_CLIENT_ID_SIZE];
        const char *name = config->api.client_id;

        if (*name == '\0') {
                int r = machine_client_id(config_state_directory(config), derived);
                if (r < 0)
                        return r;
                name = derived;
        }
        *ret_client_id = memory_need(strdup(name));
        return 0;
}

/* The key of the tokens in the state: those of this account and client id. malloc()ed. */
static char *key_of(const struct config *config, const char *client_id)
{
        /* Who has logged in is not known. */
        if (config->api.auth == AUTH_LOGIN)
                return format_message(STORE_HOST_KEY "%s by login at %s", client_id, config->api.base_url);
        return format_message(STORE_HOST_KEY "%s for %s at %s", client_id, config->api.username,
                              config->api.base_url);
}

/* The unit is jobwatchd.service or jobwatchd@INSTANCE.service. malloc()ed. */
static char *login_command_of(const struct config *config)
{
        CLEANUP(cleanup_free) char *unit = credential_unit(config->path);
        const char *at = strchr(unit, '@'), *end = strrchr(unit, '.');

        if (at == NULL || end == NULL || end < at)
                return format_message("jobwatchctl login");
        return format_message("jobwatchctl -i %.*s login", (int)(end - at - 1), at + 1);
}

char *session_load(struct store *store, const struct config *config)
{
        CLEANUP(cleanup_free) char *client_id = NULL;
        void *data = NULL;
        size_t size;

        if (!config_has_session(config) || client_id_of(config, &client_id) < 0)
                return NULL;
        CLEANUP(cleanup_free) char *key = key_of(config, client_id);
        return store_get_value(store, key, &data, &size) > 0 ? data : NULL;
}

/*
 * Reads the tokens of an earlier run. Unreadable ones are ignored. If the clock was set back since then they
 * count as new, so that they are used no longer than their lifetime.
 */
static void read_stored(const char *text, struct tokens *tokens)
{
        uint64_t now_us = clock_process_us();

        if (text != NULL && tokens_parse(text, tokens) == 0 && tokens->obtained_us > now_us)
                tokens->obtained_us = now_us;
}

/* ---- answers ---- */

static void use_token(struct session *session)
{
        const char *current = token_current(session->token, clock_process_us());

        session->accepted = false;
        session->generation++;
        session->had_token |= current != NULL;
        if (current != NULL)
                nexudus_set_token(session->parts.nexudus, current);
}

static const char *grant_to_string(enum token_grant grant)
{
        switch (grant) {
        case TOKEN_BY_PASSWORD:
                return "user name and password";
        case TOKEN_BY_REFRESH:
                return "the refresh token";
        case TOKEN_BY_LOGIN:
                break;
        }
        return "a login";
}

static void on_token_answer(void *userdata, const struct token_result *answer)
{
        struct session *session = userdata;

        if (answer->verdict == TOKEN_OBTAINED) {
                session->obtained_us = clock_process_us();
                token_store_save(session->store, answer->tokens);
                use_token(session);
                journal_print(session->parts.journal, LOG_DEBUG, "Signed in to the API with %s.",
                              grant_to_string(answer->grant));
        }
        session->parts.on_answer(session->parts.userdata, answer);
}

static void on_response(void *userdata, enum failure failure, uint64_t duration_us)
{
        const struct session *session = userdata;

        if (session->parts.on_response != NULL)
                session->parts.on_response(session->parts.userdata, failure, duration_us);
}

static void on_spend(void *userdata)
{
        struct session *session = userdata;

        session->parts.spend(session->parts.userdata);
}

/* ---- the session ---- */

int session_new(const struct session_parts *parts, struct session **ret_session)
{
        CLEANUP(cleanup_session_free) struct session *session = memory_need(calloc(1, sizeof(*session)));
        CLEANUP(cleanup_free) char *client_id = NULL;
        CLEANUP(tokens_clear) struct tokens stored = { .access_token = NULL };
        const struct api_config *api = &parts->config->api;

        session->parts = *parts;
        int r = client_id_of(parts->config, &client_id);
        if (r < 0)
                return r;
        CLEANUP(cleanup_free) char *key = key_of(parts->config, client_id);
        if (api->auth == AUTH_LOGIN)
                session->login_command = login_command_of(parts->config);
        session->store = token_store_new(parts->event, parts->state, key);
        read_stored(parts->stored, &stored);

        const struct token_settings settings = {
                .base_url = api->base_url,
                .client_id = client_id,
                .username = api->username,
                .password = parts->password,
                .now = clock_process_us,
        };
        const struct token_callbacks callbacks = { .on_result = on_token_answer,
                                                   .on_request = on_spend,
                                                   .on_response = on_response,
                                                   .userdata = session };
        r = token_new(parts->client, &settings, &callbacks, stored.access_token != NULL ? &stored : NULL,
                      &session->token);
        if (r < 0)
                return r;

        use_token(session);
        session->parts.password = session->parts.stored = NULL;
        *ret_session = STEAL_POINTER(session);
        return 0;
}

struct session *session_free(struct session *session)
{
        if (session == NULL)
                return NULL;
        token_free(session->token);
        token_store_free(session->store);
        free(session->login_command);
        free(session);
        return NULL;
}

enum session_need session_need(const struct session *session)
{
        uint64_t now = clock_process_us();
        bool usable = token_current(session->token, now) != NULL;

        if (token_is_busy(session->token))
                return usable ? SESSION_READY : SESSION_BUSY;
        if (!token_can_renew(session->token, now))
                return usable ? SESSION_READY : SESSION_LOGIN;
        if (!usable)
                return SESSION_SIGN_IN;
        return now >= token_renew_at(session->token) ? SESSION_RENEW : SESSION_READY;
}

uint64_t session_renew_in(const struct session *session)
{
        uint64_t now = clock_process_us(), at = token_renew_at(session->token);

        if (at <= now && !token_can_renew(session->token, now))
                at = token_expires_at(session->token);
        if (at == UINT64_MAX || at <= now)
                return USEC_NEVER;
        return at - now;
}

void session_renew(struct session *session)
{
        token_store_retry(session->store);
        token_renew(session->token);
}

/* ---- logins ---- */

const char *session_login_command(const struct session *session)
{
        return session->login_command;
}

const char *session_needed_login(const struct session *session)
{
        return session != NULL && session_need(session) == SESSION_LOGIN ? session->login_command : NULL;
}

void session_set_login(struct session *session, const struct token_login *login)
{
        assert(session->login_command != NULL);
        token_set_login(session->token, login);
}

void session_drop_login(struct session *session)
{
        token_drop_login(session->token);
}

bool session_has_login(const struct session *session)
{
        return token_has_login(session->token);
}

bool session_is_signing_in(const struct session *session)
{
        return token_is_busy(session->token);
}

bool session_login_is_due(const struct session *session)
{
        uint64_t now = clock_process_us();

        return session->login_command != NULL && token_current(session->token, now) != NULL &&
               !token_can_renew(session->token, now) && now >= token_renew_at(session->token);
}

const char *session_login_reason(const struct session *session)
{
        if (!session->had_token)
                return "nobody has logged in yet";
        if (token_expires_at(session->token) == 0)
                return "the token was rejected and cannot be renewed";
        return "the token has expired and cannot be renewed";
}

/* The time of the wall clock at a time of the process's clock. */
static uint64_t wall_time_of(uint64_t time_us)
{
        uint64_t now = clock_process_us();

        if (time_us == 0 || time_us == UINT64_MAX)
                return 0;
        return time_us > now ? clock_wall_us() + (time_us - now) : clock_wall_us() - (now - time_us);
}

void session_expiry(const struct session *session, uint64_t *ret_token_us, uint64_t *ret_refresh_us)
{
        *ret_token_us = wall_time_of(token_expires_at(session->token));
        *ret_refresh_us = wall_time_of(token_refresh_expires_at(session->token));
}

/* ---- the end ---- */

void session_stop(struct session *session)
{
        token_store_retry(session->store);
        token_stop(session->token);
}

/* ---- what the API says of the token ---- */

void session_note_accepted(struct session *session, unsigned generation)
{
        if (generation != session->generation)
                return;
        session->accepted = true;
}

unsigned session_generation(const struct session *session)
{
        return session->generation;
}

/* Whether a refusal leads to a renewal, which is then counted. */
static bool may_renew(struct session *session, uint64_t now_us)
{
        if (now_us >= session->renewals_since_us + USEC_PER_HOUR) {
                session->renewals_since_us = now_us;
                session->renewals = 0;
        }
        if (session->renewals >= RENEWALS_MAX && now_us < session->obtained_us + MIN_USE_US)
                return false;
        session->renewals++;
        return true;
}

bool session_note_refused(struct session *session, unsigned generation)
{
        uint64_t now = clock_process_us();

        /* Of several requests in flight with this token another one was refused first. */
        if (generation != session->generation || token_current(session->token, now) == NULL)
                return true;

        bool fresh =
                !session->accepted && session->obtained_us != 0 && now < session->obtained_us + MIN_USE_US;
        if (fresh || !may_renew(session, now))
                return false;
        token_reject(session->token);
        return true;
}
