/* SPDX-License-Identifier: MIT */

/*
 * Draws jobs over time: one row a job, with its name, and a bar from its first event to its last. The part in
 * which it waited for its turn is pale; the rest has the colour of how it ended. The signs say the same
 * without colours.
 */

#include "ctl/svg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/axis.h"
#include "ctl/markup.h"
#include "ctl/times.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

/* Of a bar, so that it is seen. */
#define BAR_MIN 4.0

/* Heights of the axis, with its dates; of the rows from which it is below them as well; of a line below it.
 */
#define AXIS_HEIGHT       34
#define AXIS_OUT_OF_SIGHT 600
#define NOTE_HEIGHT       24

/* What a character is wide, on average and rather too much. */
#define CHARACTER 6.4

#define STATUS_MAX 28

const char svg_style[] =
        ".chart{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif}"
        ".chart .small{font-size:11px}.chart .title{font-size:15px;font-weight:600}"
        ".text{fill:#1b2330}.muted{fill:#5a6678}.paper{fill:#fff}.stripe{fill:#f3f5f8}"
        ".grid{stroke:#dde2ea;stroke-width:1}"
        ".waiting{fill:#bcc6d4}.open{fill:#2b6cd4}.succeeded{fill:#1e9e63}.failed{fill:#d43d3d}.gone{fill:#"
        "8a57c9}"
        ".on{fill:none;stroke:#fff;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}"
        "@media(prefers-color-scheme:dark){"
        ".text{fill:#e7ebf2}.muted{fill:#9aa7ba}.paper{fill:#161b23}.stripe{fill:#1c222c}.grid{stroke:#"
        "2d3643}"
        ".waiting{fill:#4a5668}.open{fill:#6aa2f7}.succeeded{fill:#46c08a}.failed{fill:#f4736b}.gone{fill:#"
        "b48cf0}"
        ".on{stroke:#10141a}}";

/* Lengths in pixels. */
struct layout {
        double width, begin, end; /* of the picture, and the axis in it */
        double row, bar;          /* heights */
        double label;             /* where names begin */
        size_t label_max;         /* characters of a name */
        size_t ticks;
        bool above; /* names are above the bars */
};

static struct layout layout_of(const struct chart *chart, enum svg_form form)
{
        struct layout layout = {
                .width = 960, .begin = 306, .end = 946, .label = 32, .label_max = 29, .ticks = 8
        };

        layout.row = chart->count <= 40 ? 26 : chart->count <= 100 ? 21 : 17;
        layout.bar = chart->count <= 40 ? 14 : 11;
        if (form == SVG_MIDDLE) {
                layout.width = 600;
                layout.begin = 250;
                layout.end = 590;
                layout.label_max = 21;
                layout.ticks = 5;
        }
        if (form == SVG_NARROW) {
                layout = (struct layout){
                        .width = 360, .begin = 4, .end = 356, .label = 22, .label_max = 38, .ticks = 4
                };
                layout.above = true;
                layout.row = 38;
                layout.bar = 9;
        }
        return layout;
}

/* ---- texts ---- */

const char *bar_kind_name(enum bar_kind kind)
{
        static const char *const names[BAR_KINDS] = { "open", "succeeded", "failed", "gone" };

        return names[kind];
}

void put_job_label(FILE *file, const struct row *job, size_t limit)
{
        CLEANUP(cleanup_free) char *label = text_without_addresses(job_label(job));

        if (label != NULL)
                markup_put(file, label, strlen(label), limit);
        else
                (void)fprintf(file, "Job %" PRIu64, row_number(job, "Id"));
}

static const char *status_of(const struct row *job)
{
        const char *status = row_text(job, "Status");

        if (row_text_is(job, "Outcome", "gone"))
                return "gone";
        if (row_value(job, "Observed") != NULL && !row_flag(job, "Observed"))
                return "not read yet";
        return status != NULL && *status != '\0' ? status : "-";
}

void put_job_status(FILE *file, const struct row *job, size_t limit)
{
        CLEANUP(cleanup_free) char *status = text_without_addresses(status_of(job));

        markup_put(file, status, strlen(status), limit);
}

/* A title, which is shown when the pointer is on the bar. */
static void put_title(FILE *file, const struct bar *bar)
{
        char span[TIMESPAN_TEXT_MAX];
        CLEANUP(cleanup_free) char *begin = time_format(bar->begin_us);
        CLEANUP(cleanup_free) char *end = time_format(bar->end_us);

        (void)fputs("<title>", file);
        put_job_label(file, bar->job, 100);
        (void)fprintf(file, " (%" PRIu64 "): ", row_number(bar->job, "Id"));
        put_job_status(file, bar->job, 100);
        (void)fprintf(file, "; %s%s to %s, %s</title>", bar->earlier ? "before " : "", begin,
                      bar->kind == BAR_OPEN ? "now" : end,
                      timespan_format_rough(bar->end_us - bar->begin_us, span));
}

/* ---- signs ---- */

/* In a square of 14 pixels. */
static void put_sign(FILE *file, enum bar_kind kind, double x, double y)
{
        static const char *const marks[BAR_KINDS] = {
                [BAR_OPEN] = "<path class=\"on\" d=\"M7 4v3.2l2.2 1.4\"/>",
                [BAR_SUCCEEDED] = "<path class=\"on\" d=\"M4.2 7.2l2 2 3.6-4\"/>",
                [BAR_FAILED] = "<path class=\"on\" d=\"M4.8 4.8l4.4 4.4m0-4.4l-4.4 4.4\"/>",
                [BAR_GONE] = "<path class=\"on\" d=\"M4.4 7h5.2\"/>",
        };

        (void)fprintf(file,
                      "<g transform=\"translate(%.1f %.1f)\"><circle class=\"%s\" cx=\"7\" cy=\"7\" "
                      "r=\"6.5\"/>%s</g>",
                      x, y, bar_kind_name(kind), marks[kind]);
}

void svg_write_sign(FILE *file, enum bar_kind kind)
{
        (void)fputs(
                "<svg class=\"sign\" width=\"14\" height=\"14\" viewBox=\"0 0 14 14\" aria-hidden=\"true\">",
                file);
        put_sign(file, kind, 0, 0);
        (void)fputs("</svg>", file);
}

/* ---- the head ---- */

static void put_rect(FILE *file, const char *class, double x, double y, double width, double height)
{
        (void)fprintf(file,
                      "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\"/>",
                      class, x, y, width, height);
}

static double head_height(enum svg_form form)
{
        return form == SVG_FILE ? 62 : 30;
}

static void put_heading(FILE *file, const struct chart *chart, const struct layout *layout)
{
        CLEANUP(cleanup_free) char *begin = time_format(chart->begin_us);
        CLEANUP(cleanup_free) char *end = time_format(chart->end_us);

        (void)fprintf(file,
                      "<text class=\"text title\" x=\"%.1f\" y=\"24\">Background jobs</text>"
                      "<text class=\"muted\" x=\"%.1f\" y=\"24\" text-anchor=\"end\">%s – %s</text>\n",
                      layout->label - 18, layout->end, begin, end);
}

/* A heading, where the picture is alone, and the legend. */
static void put_head(FILE *file, const struct chart *chart, const struct layout *layout, enum svg_form form)
{
        const double y = head_height(form) - 24;
        double x = layout->label - 18;

        if (form == SVG_FILE)
                put_heading(file, chart, layout);
        put_rect(file, "waiting", x, y + 2, 14, 10);
        (void)fprintf(file, "<text class=\"muted small\" x=\"%.1f\" y=\"%.1f\">waiting</text>", x + 19,
                      y + 11);
        x += 19 + 7 * CHARACTER + 12;
        for (size_t kind = 0; kind < BAR_KINDS; kind++) {
                if (kind == BAR_GONE && chart->counts[BAR_GONE] == 0)
                        continue;
                put_sign(file, (enum bar_kind)kind, x, y);
                (void)fprintf(file, "<text class=\"muted small\" x=\"%.1f\" y=\"%.1f\">%s</text>", x + 19,
                              y + 11, bar_kind_name((enum bar_kind)kind));
                x += 19 + (double)strlen(bar_kind_name((enum bar_kind)kind)) * CHARACTER + 12;
        }
        (void)fputc('\n', file);
}

/* ---- the axis ---- */

static double position(const struct chart *chart, const struct layout *layout, uint64_t time_us)
{
        if (time_us <= chart->begin_us)
                return layout->begin;
        if (time_us >= chart->end_us)
                return layout->end;
        return layout->begin + (double)(time_us - chart->begin_us) /
                                       (double)(chart->end_us - chart->begin_us) *
                                       (layout->end - layout->begin);
}

/* The names of the marks, above the rows or below. */
static void put_ticks(FILE *file, const struct chart *chart, const struct layout *layout, double y)
{
        struct tick ticks[TICKS_MAX];
        const size_t count = axis_ticks(chart->begin_us, chart->end_us, layout->ticks, ticks);

        for (size_t i = 0; i < count; i++) {
                const double x = position(chart, layout, ticks[i].time_us);
                const char *anchor = x < layout->begin + 20 ? "start"
                                     : x > layout->end - 20 ? "end"
                                                            : "middle";
                (void)fprintf(
                        file,
                        "<text class=\"muted small\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", x,
                        y + 26, anchor, ticks[i].text);
                if (*ticks[i].date != '\0')
                        (void)fprintf(file,
                                      "<text class=\"text small\" x=\"%.1f\" y=\"%.1f\" "
                                      "text-anchor=\"%s\">%s</text>",
                                      x, y + 12, anchor, ticks[i].date);
        }
}

static void put_grid(FILE *file, const struct chart *chart, const struct layout *layout, double top,
                     double bottom)
{
        struct tick ticks[TICKS_MAX];
        const size_t count = axis_ticks(chart->begin_us, chart->end_us, layout->ticks, ticks);

        (void)fprintf(file, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f", layout->begin, top, layout->end);
        for (size_t i = 0; i < count; i++)
                (void)fprintf(file, "M%.1f %.1fV%.1f", position(chart, layout, ticks[i].time_us), top,
                              bottom);
        (void)fputs("\"/>", file);
}

/* ---- rows ---- */

static void put_bar(FILE *file, const struct chart *chart, const struct layout *layout, const struct bar *bar,
                    double y)
{
        double begin = position(chart, layout, bar->begin_us), work = position(chart, layout, bar->work_us),
               end = position(chart, layout, bar->end_us);
        const bool waits =
                bar->kind == BAR_OPEN && bar->work_us >= bar->end_us && bar->begin_us < bar->end_us;

        if (end < begin + BAR_MIN) {
                end = begin + BAR_MIN < layout->end ? begin + BAR_MIN : layout->end;
                begin = end - BAR_MIN;
        }
        if (work > end - BAR_MIN)
                work = end - BAR_MIN;
        if (work < begin)
                work = begin;
        if (waits || work > begin)
                put_rect(file, "waiting", begin, y, end - begin, layout->bar);
        if (!waits)
                put_rect(file, bar_kind_name(bar->kind), work, y, end - work, layout->bar);
        if (bar->earlier || bar->begin_us < chart->begin_us) /* a flat end: it goes on */
                (void)fprintf(file, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"3\" height=\"%.1f\"/>",
                              waits || work > begin ? "waiting" : bar_kind_name(bar->kind), begin, y,
                              layout->bar);
}

/* Beside the bar, where there is room. */
static void put_status_beside(FILE *file, const struct chart *chart, const struct layout *layout,
                              const struct bar *bar, double y)
{
        const char *status = status_of(bar->job);
        const size_t length = strlen(status) < STATUS_MAX ? strlen(status) : STATUS_MAX;
        const double room = (double)length * CHARACTER + 8, end = position(chart, layout, bar->end_us),
                     begin = position(chart, layout, bar->begin_us);
        const bool right = end + BAR_MIN + room <= layout->end;

        if (!right && begin - room < layout->begin)
                return;
        (void)fprintf(file, "<text class=\"muted small\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
                      right ? end + BAR_MIN + 4 : begin - 8, y, right ? "start" : "end");
        put_job_status(file, bar->job, STATUS_MAX);
        (void)fputs("</text>", file);
}

static void put_row(FILE *file, const struct chart *chart, const struct layout *layout, const struct bar *bar,
                    double y)
{
        const double text = layout->above ? y + 15 : y + layout->row / 2 + 4;
        const double label_end = layout->above ? layout->end : layout->begin - 12;

        (void)fputs("<g>", file);
        put_title(file, bar);
        put_sign(file, bar->kind, layout->label - 18, text - 11);
        /* An inner picture, which cuts what is too wide. */
        (void)fprintf(file,
                      "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\"><text class=\"text\" x=\"0\" "
                      "y=\"12\">",
                      layout->label, text - 12, label_end - layout->label - 64);
        put_job_label(file, bar->job, layout->label_max);
        (void)fprintf(
                file,
                "</text></svg><text class=\"muted small\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%" PRIu64
                "</text>",
                label_end, text, row_number(bar->job, "Id"));
        const double top = layout->above ? y + 22 : y + (layout->row - layout->bar) / 2;
        put_bar(file, chart, layout, bar, top);
        if (!layout->above)
                put_status_beside(file, chart, layout, bar, text);
        (void)fputs("</g>\n", file);
}

/* ---- the picture ---- */

static void put_rows(FILE *file, const struct chart *chart, const struct layout *layout, double top)
{
        const double bottom = top + (double)chart->count * layout->row;

        for (size_t i = 1; i < chart->count; i += 2)
                (void)fprintf(file,
                              "<rect class=\"stripe\" x=\"0\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                              top + (double)i * layout->row, layout->width, layout->row);
        put_grid(file, chart, layout, top, bottom);
        for (size_t i = 0; i < chart->count; i++)
                put_row(file, chart, layout, &chart->bars[i], top + (double)i * layout->row);
}

void svg_write(FILE *file, const struct chart *chart, enum svg_form form)
{
        static const char *const classes[] = {
                [SVG_FILE] = "chart",
                [SVG_WIDE] = "chart wide",
                [SVG_MIDDLE] = "chart middle",
                [SVG_NARROW] = "chart narrow",
        };
        const struct layout layout = layout_of(chart, form);
        const double axis = head_height(form), top = axis + AXIS_HEIGHT;
        const double bottom = top + (double)chart->count * layout.row;
        const bool twice = bottom - top > AXIS_OUT_OF_SIGHT;
        const double height = bottom + (twice ? AXIS_HEIGHT : 8) + (chart->left_out > 0 ? NOTE_HEIGHT : 0);

        (void)fprintf(file,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"%s\" width=\"%.0f\" height=\"%.0f\" "
                      "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"Timeline of %zu job%s\">\n",
                      classes[form], layout.width, height, layout.width, height, chart->count,
                      plural(chart->count));
        if (form == SVG_FILE)
                (void)fprintf(file, "<title>Background jobs</title><style>%s</style>\n", svg_style);
        (void)fprintf(file, "<rect class=\"paper\" width=\"%.0f\" height=\"%.0f\"/>\n", layout.width, height);
        put_head(file, chart, &layout, form);
        put_ticks(file, chart, &layout, axis);
        put_rows(file, chart, &layout, top);
        if (twice)
                put_ticks(file, chart, &layout, bottom);
        if (chart->left_out > 0)
                (void)fprintf(file,
                              "<text class=\"muted small\" x=\"%.1f\" y=\"%.1f\">%zu more job%s that changed "
                              "earlier "
                              "%s not shown.</text>",
                              layout.label - 18, height - 8, chart->left_out, plural(chart->left_out),
                              chart->left_out == 1 ? "is" : "are");
        (void)fputs("</svg>\n", file);
}
