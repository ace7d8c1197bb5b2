/* SPDX-License-Identifier: MIT */

/* Standard output: what the terminal can do, colours, and the end of it. */

#include "ctl/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "ctl/client.h"
#include "ctl/pager.h"
#include "ctl/times.h"
#include "util/digits.h"
#include "util/memory.h"
#include "util/text.h"
#include "util/utf8.h"

static const char *environment(const char *name)
{
        const char *value = getenv(name);

        return value != NULL ? value : "";
}

static unsigned terminal_width(void)
{
        struct winsize size = { 0 };
        uint64_t columns;

        if (digits_parse(environment("COLUMNS"), &columns) >= 0 && columns > 0 && columns < 10000)
                return (unsigned)columns;
        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void output_init(struct output *output, enum json_form json, bool legend, bool may_page)
{
        bool terminal = isatty(STDOUT_FILENO) > 0;
        const uint64_t now_us = realtime_now();

        *output = (struct output){
                .json = json,
                .legend = legend,
                .may_page = may_page,
                .terminal = terminal,
                /* https://no-color.org: set and not empty */
                .colours = terminal && *environment("NO_COLOR") == '\0' &&
                           strcmp(environment("TERM"), "dumb") != 0 && *environment("TERM") != '\0',
                .width = terminal ? terminal_width() : 0,
                .now_us = now_us,
                .read_us = now_us,
        };
}

void output_page(struct output *output)
{
        if (output->terminal && output->may_page && output->pager == 0)
                output->pager = pager_start();
}

enum exit_status output_finish(struct output *output, enum exit_status status)
{
        errno = 0;
        bool written = fflush(stdout) == 0 && ferror(stdout) == 0 && fclose(stdout) == 0;
        int error = errno > 0 ? errno : EIO;

        if (output->pager > 0)
                pager_wait(output->pager);
        if (written || output->pager > 0 ||
            status != EXIT_STATUS_SUCCESS) /* a pager may be quit at any time */
                return status;
        print_error("cannot write to standard output: %s", strerror(error));
        return EXIT_STATUS_IO;
}

/* ---- one object ---- */

const char *colour_begin(const struct output *output, const char *colour)
{
        static const struct {
                const char *name, *sequence;
        } colours[] = { { "red", "\033[31m" },
                        { "green", "\033[32m" },
                        { "yellow", "\033[33m" },
                        { "bold", "\033[1m" } };

        if (!output->colours || colour == NULL)
                return "";
        for (size_t i = 0; i < sizeof(colours) / sizeof(*colours); i++)
                if (strcmp(colours[i].name, colour) == 0)
                        return colours[i].sequence;
        return "";
}

const char *colour_end(const struct output *output, const char *colour)
{
        return output->colours && colour != NULL ? "\033[0m" : "";
}

char *text_of(const char *text)
{
        return text != NULL ? text_escape(text, strlen(text), 0) : NULL;
}

/* How many bytes from the start are visible characters whose width is known: of later versions of Unicode, it
 * is not. */
static size_t showable_size(const char *text, size_t size)
{
        const size_t visible = text_visible_size(text, size);
        size_t at = 0;

        while (at < visible) {
                uint32_t point = 0;
                size_t length = utf8_character(text + at, visible - at, &point);
                if (point >= 0x80 && wcwidth((wchar_t)point) < 0)
                        break;
                at += length;
        }
        return at;
}

char *cell_text_of(const char *text)
{
        if (text == NULL)
                return NULL;

        /* A replacement of three bytes, in place of one byte at least. */
        size_t size = strlen(text), used = 0;
        char *cell = memory_malloc(NULL, 3 * size + 1);
        while (size > 0) {
                size_t visible = showable_size(text, size);
                memcpy(cell + used, text, visible);
                used += visible;
                text += visible;
                size -= visible;
                if (size == 0)
                        break;
                size_t length = utf8_character(text, size, NULL);
                const char *instead = strchr("\t\n\v\f\r", *text) != NULL ? " " : UTF8_REPLACEMENT;
                memcpy(cell + used, instead, strlen(instead));
                used += strlen(instead);
                length = length > 0 ? length : 1;
                text += length;
                size -= length;
        }
        cell[used] = '\0';
        return cell;
}

size_t fitting_size(const char *text, unsigned columns, unsigned *ret_used)
{
        mbstate_t state = { 0 }; /* the locale is UTF-8 */
        size_t size = 0;
        unsigned used = 0;
        wchar_t character;

        while (text[size] != '\0') {
                /* As most are; to ask the locale takes long. */
                bool is_ascii = text[size] >= ' ' && text[size] <= '~';
                size_t length = is_ascii ? 1 : mbrtowc(&character, text + size, MB_CUR_MAX, &state);
                int width = is_ascii ? 1 : length <= MB_CUR_MAX ? wcwidth(character) : -1;
                if (width < 0 || (unsigned)width > columns - used)
                        break;
                used += (unsigned)width;
                size += length;
        }
        if (ret_used != NULL)
                *ret_used = used;
        return size;
}

void details_print(const struct output *output, struct detail details[], size_t count)
{
        int width = 0;

        for (size_t i = 0; i < count; i++)
                if (details[i].text != NULL && (int)strlen(details[i].label) > width)
                        width = (int)strlen(details[i].label);
        for (size_t i = 0; i < count; i++) {
                struct detail *detail = &details[i];
                if (detail->text != NULL)
                        (void)printf("%*s: %s%s%s\n", width + 2, detail->label,
                                     colour_begin(output, detail->colour), detail->text,
                                     colour_end(output, detail->colour));
                free(detail->text);
                detail->text = NULL;
        }
}
