/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <termios.h>

/*
 * The terminal as a screen that is drawn again and again. Whatever ends the program, the terminal is as
 * before: the cursor, line wrapping, echo and what was shown. While it is stopped by Ctrl-Z, too.
 */

struct screen {
        /* Returns the lines to show, owned by the screen, for a size. */
        char *(*draw)(void *userdata, unsigned columns, unsigned rows);
        void *userdata;

        /* private */
        struct termios before; /* how standard input was */
        bool begun;
        bool has_keys;      /* standard input is a terminal, and was changed */
        int terminal;       /* for writing */
        int signals;        /* signalfd(2) */
        int ended_by;       /* a signal; 0: none */
        bool quit;          /* the user wants to leave, or the terminal has gone */
        uint64_t tick_us;   /* the next drawing, CLOCK_MONOTONIC */
        uint64_t period_us; /* between two drawings; USEC_NEVER: nothing changes by itself */
};

/* Whether the terminal of standard output can do that. */
bool screen_possible(void);

/* Returns 0 or a negative errno, after which nothing has changed. `draw` and `userdata` are set. */
int screen_begin(struct screen *screen);

/* Draws now, and from now on whenever `period_us` has passed. */
void screen_draw(struct screen *screen, uint64_t period_us);

/*
 * Waits for messages of the bus as sd_bus_wait() does, and meanwhile for keys and signals, and draws. Returns
 * after at most `timeout_us`; -ECANCELED when the user wants to leave, or a signal ends the program.
 */
int screen_wait(struct screen *screen, sd_bus *bus, uint64_t timeout_us);

/* The lines that would be drawn, owned by the caller. */
char *screen_picture(struct screen *screen);

/* Restores the terminal. If a signal ended the program, it ends it now. A screen that was not begun: nothing.
 */
void screen_end(struct screen *screen);
