/* SPDX-License-Identifier: MIT */

/*
 * fake-nexudus: the part of the Nexudus API that jobwatchd uses, for tests, demonstrations and benchmarks. A
 * scenario file defines jobs, their steps and faults; see README.md. This file: command line, socket, start
 * and stop.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "fake.h"
#include "scenario.h"

struct options {
        const char *scenario, *address, *log, *certificate_file, *key_file;
        uint16_t port;
        bool die_with_parent;
        struct buffer certificate, key; /* PEM */
};

static const char usage[] =
        "fake-nexudus --scenario FILE [--address 127.0.0.1|::1] [--port 0] [--tls-cert FILE --tls-key FILE]\n"
        "             [--log FILE] [--die-with-parent] [--help]\n"
        "\n"
        "Serve the part of the Nexudus API that jobwatchd uses, on loopback only, and print its address.\n"
        "  --scenario FILE     the jobs, settings and faults (INI)\n"
        "  --address ADDRESS   127.0.0.0/8 or ::1; default 127.0.0.1\n"
        "  --port PORT         default 0: any free port\n"
        "  --tls-cert FILE     PEM; serves https\n"
        "  --tls-key FILE      PEM\n"
        "  --log FILE          append a line of JSON per request\n"
        "  --die-with-parent   exit when the parent process exits\n";

uint64_t clock_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int print_error(const char *what, const char *about, const char *why)
{
        fprintf(stderr, "fake-nexudus: %s %s: %s\n", what, about, why);
        return 1;
}

static int read_port(const char *text, uint16_t *ret_port)
{
        uint64_t port;

        if (parse_number(text, &port) < 0 || port > 65535)
                return -EINVAL;
        *ret_port = (uint16_t)port;
        return 0;
}

/* Returns 0 to continue, 1 for an invalid command line, -1 after --help. */
static int read_options(int argc, char **argv, struct options *options)
{
        static const struct option names[] = {
                { "scenario", required_argument, NULL, 's' },
                { "address", required_argument, NULL, 'a' },
                { "port", required_argument, NULL, 'p' },
                { "tls-cert", required_argument, NULL, 'c' },
                { "tls-key", required_argument, NULL, 'k' },
                { "log", required_argument, NULL, 'l' },
                { "die-with-parent", no_argument, NULL, 'd' },
                { "help", no_argument, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        int option;

        *options = (struct options){ .address = "127.0.0.1" };
        while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                if (option == 's')
                        options->scenario = optarg;
                else if (option == 'a')
                        options->address = optarg;
                else if (option == 'c')
                        options->certificate_file = optarg;
                else if (option == 'k')
                        options->key_file = optarg;
                else if (option == 'l')
                        options->log = optarg;
                else if (option == 'd')
                        options->die_with_parent = true;
                else if (option == 'h')
                        return fputs(usage, stdout), -1;
                else if (option != 'p')
                        return 1;
                else if (read_port(optarg, &options->port) < 0)
                        return print_error("--port", optarg, "not a port");
        }
        if (optind < argc)
                return print_error("argument", argv[optind], "unexpected; see --help");
        if (!options->scenario || !options->certificate_file != !options->key_file)
                return print_error("command line", "incomplete",
                                   "--scenario is required, and --tls-cert and --tls-key go together");
        return 0;
}

/* Opens a listening socket on a loopback address. Returns it and its port, or a negative errno. */
static int listen_on(const char *address, uint16_t port, uint16_t *ret_port)
{
        union {
                struct sockaddr any;
                struct sockaddr_in four;
                struct sockaddr_in6 six;
        } to = { 0 };
        socklen_t size;

        if (inet_pton(AF_INET, address, &to.four.sin_addr) == 1) {
                if (ntohl(to.four.sin_addr.s_addr) >> 24 != 127)
                        return -EPERM;
                to.four.sin_family = AF_INET;
                to.four.sin_port = htons(port);
                size = sizeof to.four;
        } else if (inet_pton(AF_INET6, address, &to.six.sin6_addr) == 1) {
                if (!IN6_IS_ADDR_LOOPBACK(&to.six.sin6_addr))
                        return -EPERM;
                to.six.sin6_family = AF_INET6;
                to.six.sin6_port = htons(port);
                size = sizeof to.six;
        } else
                return -EINVAL;

        int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        if (bind(fd, &to.any, size) < 0 || listen(fd, 4096) < 0 || getsockname(fd, &to.any, &size) < 0) {
                int r = -errno;
                close(fd);
                return r;
        }
        *ret_port = ntohs(to.any.sa_family == AF_INET ? to.four.sin_port : to.six.sin6_port);
        return fd;
}

/* Allow as many connections as possible. */
static unsigned raise_descriptor_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return 500;
        if (limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max < 16384 ? limit.rlim_max : 16384;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
        rlim_t usable = limit.rlim_cur > 16384 ? 16384 : limit.rlim_cur;
        return usable > 64 ? (unsigned)usable - 50 : 14;
}

static struct MHD_Daemon *start_daemon(struct fake *fake, const struct options *options, int fd)
{
        bool six = strchr(options->address, ':'), tls = options->certificate_file;
        struct MHD_OptionItem tls_options[] = {
                { MHD_OPTION_HTTPS_MEM_CERT, 0, options->certificate.data },
                { MHD_OPTION_HTTPS_MEM_KEY, 0, options->key.data },
                { MHD_OPTION_END, 0, NULL },
        };

        if (!tls)
                tls_options[0].option = MHD_OPTION_END;
        return MHD_start_daemon(
                MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (six ? MHD_USE_IPv6 : 0) | (tls ? MHD_USE_TLS : 0),
                0, NULL, NULL, exchange_on_request, fake, MHD_OPTION_LISTEN_SOCKET, fd,
                MHD_OPTION_URI_LOG_CALLBACK, exchange_on_uri, fake, MHD_OPTION_NOTIFY_COMPLETED,
                exchange_on_end, NULL, MHD_OPTION_NOTIFY_CONNECTION, exchange_on_connection, fake,
                MHD_OPTION_CONNECTION_LIMIT, raise_descriptor_limit(), MHD_OPTION_ARRAY, tls_options,
                MHD_OPTION_END);
}

static int serve(struct fake *fake, const struct options *options)
{
        uint16_t port = 0;
        int fd = listen_on(options->address, options->port, &port);

        if (fd == -EPERM)
                return print_error("--address", options->address, "not a loopback address");
        if (fd < 0)
                return print_error("--address", options->address, strerror(-fd));
        struct MHD_Daemon *daemon = start_daemon(fake, options, fd);
        if (!daemon) {
                close(fd);
                return print_error("the HTTP server", "did not start",
                                   "invalid certificate or key, or out of memory");
        }
        bool six = strchr(options->address, ':');
        printf("listening on %s://%s%s%s:%u\n", options->certificate_file ? "https" : "http", six ? "[" : "",
               options->address, six ? "]" : "", port);
        fflush(stdout);

        int r = loop_run(&fake->loop, daemon);
        exchanges_stop(fake);
        MHD_run(daemon);
        MHD_stop_daemon(daemon);
        return r < 0 ? print_error("serving", "ended", strerror(-r)) : 0;
}

static int set_up_and_serve(struct fake *fake, struct options *options)
{
        struct problem problem = { 0 };

        int r = scenario_read(fake, options->scenario, &problem);
        if (r == -EINVAL)
                return fprintf(stderr, "%s:%u: %s\n", options->scenario, problem.line, problem.text), 1;
        if (r < 0)
                return print_error("scenario", options->scenario, strerror(-r));
        if (options->certificate_file) {
                r = buffer_add_file(&options->certificate, options->certificate_file);
                if (r < 0)
                        return print_error("--tls-cert", options->certificate_file, strerror(-r));
                r = buffer_add_file(&options->key, options->key_file);
                if (r < 0)
                        return print_error("--tls-key", options->key_file, strerror(-r));
        }
        return serve(fake, options);
}

static int set_up(struct fake *fake, const struct options *options)
{
        struct timespec wall;

        clock_gettime(CLOCK_REALTIME, &wall);
        settings_init(&fake->settings);
        fake->started = fake->jobs.started = clock_now();
        fake->jobs.started_wall = (int64_t)wall.tv_sec * 1000000 + wall.tv_nsec / 1000;
        int r = loop_init(&fake->loop);
        if (r < 0)
                return print_error("event loop", "did not start", strerror(-r));
        r = request_log_open(&fake->log, options->log, fake->started);
        return r < 0 ? print_error("--log", options->log, strerror(-r)) : 0;
}

int main(int argc, char **argv)
{
        static struct fake fake = { .log.fd = -1, .loop = { .epoll = -1, .signals = -1 } };
        struct options options;
        pid_t parent = getppid();

        int r = read_options(argc, argv, &options);
        if (r != 0)
                return r < 0 ? 0 : 1;
        if (options.die_with_parent && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent))
                return 1;
        r = set_up(&fake, &options);
        if (r == 0)
                r = set_up_and_serve(&fake, &options);

        buffer_release(&options.certificate);
        buffer_release(&options.key);
        jobs_release(&fake.jobs);
        faults_release(&fake.faults);
        throttle_release(&fake.throttle);
        tokens_release(&fake.tokens);
        settings_release(&fake.settings);
        request_log_release(&fake.log);
        loop_release(&fake.loop);
        return r;
}
