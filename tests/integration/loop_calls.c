/* SPDX-License-Identifier: MIT */

/*
 * A library for LD_PRELOAD that writes to the file LOOP_CALLS what the thread of the event loop asks of
 * disks, sockets and the name service, one call a line: its name, and the file or the address. It begins when
 * that thread calls sd_notify() with READY=1, and sees the calls of libraries, too.
 *
 * A seccomp filter on that thread passes these calls to a monitor thread, which lets them continue. Children
 * and later threads of the loop's thread inherit the filter, but are not reported.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int sd_notify(int unset_environment, const char *state);

/* Where the argument is that says what a call is about. */
enum kind {
        DESCRIPTOR, /* argument 0 is a descriptor */
        PATH,       /* argument 0 is a path */
        PATH_AT,    /* argument 1 is */
        LOCK,       /* likewise; reported if argument 1 sets a lock */
        SOCKET,     /* argument 0 is a domain */
        ADDRESS,    /* argument 1 is an address */
        ADDRESS_TO, /* argument 4 is, or NULL */
        MESSAGE,    /* argument 1 is a message header */
};

static const struct call {
        int number;
        const char *name;
        enum kind kind;
} calls[] = {
        { SYS_fsync, "fsync", DESCRIPTOR },
        { SYS_fdatasync, "fdatasync", DESCRIPTOR },
        { SYS_sync_file_range, "sync_file_range", DESCRIPTOR },
        { SYS_read, "read", DESCRIPTOR },
        { SYS_pread64, "pread64", DESCRIPTOR },
        { SYS_write, "write", DESCRIPTOR },
        { SYS_writev, "writev", DESCRIPTOR },
        { SYS_pwrite64, "pwrite64", DESCRIPTOR },
        { SYS_pwritev, "pwritev", DESCRIPTOR },
        { SYS_ftruncate, "ftruncate", DESCRIPTOR },
        { SYS_fallocate, "fallocate", DESCRIPTOR },
        { SYS_flock, "flock", DESCRIPTOR },
        { SYS_fcntl, "fcntl", LOCK },
        { SYS_openat, "openat", PATH_AT },
        { SYS_unlinkat, "unlinkat", PATH_AT },
        { SYS_mkdirat, "mkdirat", PATH_AT },
        { SYS_renameat2, "renameat2", PATH_AT },
#ifdef SYS_open /* not on newer architectures */
        { SYS_open, "open", PATH },
        { SYS_unlink, "unlink", PATH },
        { SYS_mkdir, "mkdir", PATH },
        { SYS_rename, "rename", PATH },
#endif
        { SYS_truncate, "truncate", PATH },
        { SYS_statfs, "statfs", PATH },
        { SYS_socket, "socket", SOCKET },
        { SYS_connect, "connect", ADDRESS },
        { SYS_sendto, "sendto", ADDRESS_TO },
        { SYS_sendmsg, "sendmsg", MESSAGE },
};

#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))

static struct {
        FILE *log;
        pid_t loop; /* of the thread */
        int listener;
        pthread_mutex_t lock;
        pthread_cond_t installed;
} trace = { .listener = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .installed = PTHREAD_COND_INITIALIZER };

/* ---- the monitor ---- */

static void describe_descriptor(int fd, char *ret, size_t size)
{
        char link[64];

        if (fd <= STDERR_FILENO) {
                (void)snprintf(ret, size, "descriptor %d", fd);
                return;
        }
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, ret, size - 1);
        ret[length < 0 ? 0 : length] = '\0';
}

static void describe_address(const struct sockaddr *address, size_t length, char *ret, size_t size)
{
        const struct sockaddr_un *local = (const struct sockaddr_un *)(const void *)address;

        if (address == NULL || length < sizeof(sa_family_t))
                (void)snprintf(ret, size, "nowhere");
        else if (address->sa_family != AF_UNIX)
                (void)snprintf(ret, size, "family %d", address->sa_family);
        else if (length > offsetof(struct sockaddr_un, sun_path))
                (void)snprintf(ret, size, "%s%.100s", local->sun_path[0] == '\0' ? "@" : "",
                               local->sun_path + (local->sun_path[0] == '\0'));
        else
                (void)snprintf(ret, size, "a socket pair");
}

static void describe_peer(int fd, char *ret, size_t size)
{
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);

        if (getpeername(fd, (struct sockaddr *)&address, &length) < 0)
                length = 0;
        describe_address((struct sockaddr *)&address, length, ret, size);
}

/* Pointers can be used, since the caller is in this process, and waits. */
static void describe(const struct call *call, const __u64 arguments[], char *ret, size_t size)
{
        const struct msghdr *message = (const void *)(uintptr_t)arguments[1];

        switch (call->kind) {
        case LOCK:
        case DESCRIPTOR:
                describe_descriptor((int)arguments[0], ret, size);
                break;
        case PATH:
                (void)snprintf(ret, size, "%s", (const char *)(uintptr_t)arguments[0]);
                break;
        case PATH_AT:
                (void)snprintf(ret, size, "%s", (const char *)(uintptr_t)arguments[1]);
                break;
        case SOCKET:
                (void)snprintf(ret, size, "family %d", (int)arguments[0]);
                break;
        case ADDRESS:
                describe_address((const void *)(uintptr_t)arguments[1], arguments[2], ret, size);
                break;
        case ADDRESS_TO:
                if (arguments[4] != 0)
                        describe_address((const void *)(uintptr_t)arguments[4], arguments[5], ret, size);
                else
                        describe_peer((int)arguments[0], ret, size);
                break;
        case MESSAGE:
                if (message->msg_name != NULL)
                        describe_address(message->msg_name, message->msg_namelen, ret, size);
                else
                        describe_peer((int)arguments[0], ret, size);
                break;
        }
}

static void report(const struct seccomp_data *data)
{
        char what[4096] = "";

        for (size_t i = 0; i < CALL_COUNT; i++) {
                if (calls[i].number != data->nr)
                        continue;
                if (calls[i].kind == LOCK && data->args[1] != F_SETLK && data->args[1] != F_SETLKW)
                        return;
                describe(&calls[i], data->args, what, sizeof(what));
                (void)fprintf(trace.log, "%s %s\n", calls[i].name, what);
                (void)fflush(trace.log);
                return;
        }
}

static void *watch(void *userdata)
{
        (void)userdata;
        struct seccomp_notif call;

        (void)pthread_mutex_lock(&trace.lock);
        while (trace.listener < 0)
                (void)pthread_cond_wait(&trace.installed, &trace.lock);
        (void)pthread_mutex_unlock(&trace.lock);
        for (;;) {
                memset(&call, 0, sizeof(call));
                if (ioctl(trace.listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
                        continue; /* a caller was killed meanwhile */
                if ((pid_t)call.pid == trace.loop)
                        report(&call.data);
                struct seccomp_notif_resp answer = {
                        .id = call.id,
                        .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
                };
                (void)ioctl(trace.listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
        }
        return NULL;
}

__attribute__((constructor)) static void loop_calls_init(void)
{
        const char *path = getenv("LOOP_CALLS");
        sigset_t all, before;
        pthread_t monitor;

        if (path == NULL)
                return;
        trace.log = fopen(path, "we");
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        if (trace.log == NULL || pthread_create(&monitor, NULL, watch, NULL) != 0)
                abort();
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the loop ---- */

static int install(void)
{
        struct sock_filter code[2 * CALL_COUNT + 2];
        struct sock_fprog program = { .filter = code };

        code[program.len++] =
                (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        for (size_t i = 0; i < CALL_COUNT; i++) {
                code[program.len++] =
                        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)calls[i].number, 0, 1);
                code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
        }
        code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -1;
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

int sd_notify(int unset_environment, const char *state)
{
        int (*notify)(int, const char *) = (int (*)(int, const char *))dlsym(RTLD_NEXT, "sd_notify");

        if (trace.log != NULL && trace.loop == 0 && strstr(state, "READY=1") != NULL) {
                (void)unsetenv("LD_PRELOAD"); /* not for hooks */
                trace.loop = (pid_t)syscall(SYS_gettid);
                (void)pthread_mutex_lock(&trace.lock);
                trace.listener = install();
                if (trace.listener < 0)
                        abort();
                (void)pthread_cond_signal(&trace.installed);
                (void)pthread_mutex_unlock(&trace.lock);
        }
        return notify(unset_environment, state);
}
