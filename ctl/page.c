/* SPDX-License-Identifier: MIT */

/*
 * The page of `jobwatchctl report`. Its policy allows nothing but its own style sheet, named by the digest;
 * so what might get past markup_put() would still not be executed, and nothing is ever requested.
 */

#include "ctl/page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/markup.h"
#include "ctl/svg.h"
#include "ctl/times.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

/* Characters of a ResultData; the service sends the first 200 bytes. */
#define RESULT_MAX 200

static const char page_style[] =
        ":root{color-scheme:light "
        "dark;--back:#eef1f5;--card:#fff;--text:#1b2330;--muted:#5a6678;--line:#dde2ea;"
        "--bad:#b3261e;--bad-back:#fdecea}"
        "@media(prefers-color-scheme:dark){:root{--back:#0e1116;--card:#161b23;--text:#e7ebf2;--muted:#"
        "9aa7ba;"
        "--line:#2d3643;--bad:#ff9a93;--bad-back:#3a1c1c}}"
        "*{box-sizing:border-box}"
        "body{margin:0;background:var(--back);color:var(--text);font:15px/1.5 system-ui,-apple-system,'Segoe "
        "UI',Roboto,"
        "'Noto Sans','DejaVu Sans',sans-serif;-webkit-text-size-adjust:100%}"
        "main{max-width:1080px;margin:0 auto;padding:28px 20px 40px}"
        "header{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:4px 20px;"
        "margin-bottom:18px}"
        "h1{font-size:24px;line-height:1.25;margin:0;letter-spacing:-.01em}"
        "h2{font-size:16px;margin:0;padding:16px 20px 12px}h2 "
        "small{font-weight:400;color:var(--muted);font-size:13px}"
        "p{margin:0}time,.number{font-variant-numeric:tabular-nums}.time{color:var(--muted);font-size:13px}"
        ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:0 0 "
        "18px;overflow:hidden}"
        ".alert{color:var(--bad);background:var(--bad-back);border-color:var(--bad);padding:12px "
        "20px;font-weight:500}"
        ".alert p+p{margin-top:4px}"
        ".counts{display:grid;grid-template-columns:repeat(3,1fr);gap:12px;margin:0 0 "
        "18px;padding:0;list-style:none}"
        ".counts li{margin:0;padding:12px 20px}"
        ".counts b{display:block;font-size:28px;line-height:1.2;font-weight:600}"
        ".counts span{color:var(--muted);font-size:13px;display:flex;align-items:center;gap:7px}"
        ".sign{flex:none;display:block}"
        ".chart{display:block;width:100%;height:auto}.middle,.narrow{display:none}"
        ".picture{padding:0 6px 10px}"
        "table{width:100%;border-collapse:collapse;font-size:14px;table-layout:fixed}"
        "th:nth-child(1){width:28%}th:nth-child(2){width:17%}th:nth-child(3){width:16%}th:nth-child(4){width:"
        "11%}"
        "th{text-align:left;font-weight:500;color:var(--muted);font-size:12.5px;padding:6px 12px;"
        "border-bottom:1px solid var(--line);white-space:nowrap}"
        "td{padding:9px 12px;vertical-align:top;border-bottom:1px solid var(--line)}"
        "tr:last-child td{border-bottom:0}"
        "th:first-child,td:first-child{padding-left:20px}th:last-child,td:last-child{padding-right:20px}"
        ".job{overflow-wrap:anywhere}.job "
        "small{display:block;color:var(--muted);font-size:12.5px}"
        ".status span{display:flex;align-items:flex-start;gap:8px;overflow-wrap:anywhere}"
        ".status .sign{margin-top:4px}.status small{color:var(--muted);font-size:12.5px;padding-left:22px}"
        ".took{color:var(--muted)}"
        ".result{overflow-wrap:anywhere;color:var(--muted);font:12.5px/1.5 "
        "ui-monospace,SFMono-Regular,"
        "'DejaVu Sans Mono',monospace}"
        ".none{padding:0 20px 18px;color:var(--muted)}"
        "footer{color:var(--muted);font-size:13px;padding:0 4px}"
        "@media(max-width:860px){th:nth-child(1){width:25%}th:nth-child(2){width:20%}th:nth-child(3){width:"
        "17%}"
        "th:nth-child(4){width:13%}}"
        "@media(max-width:700px){"
        "main{padding:18px 12px "
        "28px}h1{font-size:21px}.picture{padding:0 8px 8px}"
        "h2{padding:14px 14px 10px}.counts{gap:8px}.counts li{padding:10px 12px}.counts b{font-size:23px}"
        ".alert,.none{padding-left:14px;padding-right:14px}"
        "table,tbody,tr,td{display:block}thead{display:none}"
        "tr{padding:11px 14px;border-top:1px solid var(--line)}"
        "td,td:first-child,td:last-child{border:0;padding:2px 0}"
        "td[data-name]{display:flex;gap:10px}"
        "td[data-name]::before{content:attr(data-name);flex:0 0 5.2em;color:var(--muted);"
        "font:13px/1.6 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif}"
        ".job{font-weight:500}.job small{display:inline;font-weight:400;margin-left:6px}"
        "}"
        "@media(max-width:920px){.wide{display:none}.middle{display:block}}"
        "@media(max-width:600px){.middle{display:none}.narrow{display:block}}";

/* Of svg_style and page_style together, as the policy wants it: test_ctl_report.py says what it must be. */
static const char style_digest[] = "sha256-Rjeos+Mub82rlw5zDx2gU+ph63XmqUWkanzgRi0H588=";

/* ---- the head ---- */

static void put_time(FILE *file, uint64_t time_us)
{
        const time_t seconds = (time_t)(time_us / USEC_PER_SEC);
        CLEANUP(cleanup_free) char *text = time_format(time_us);
        char machine[32] = "";
        struct tm parts;

        if (gmtime_r(&seconds, &parts) != NULL)
                (void)strftime(machine, sizeof(machine), "%FT%TZ", &parts);
        (void)fprintf(file, "<time datetime=\"%s\">%s</time>", machine, text);
}

static void put_head(FILE *file, const struct page *page)
{
        (void)fprintf(
                file,
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '%s'; "
                "base-uri 'none'; form-action 'none'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"referrer\" content=\"no-referrer\">\n"
                "<meta name=\"robots\" content=\"noindex\">\n",
                style_digest);
        if (page->refresh > 0)
                (void)fprintf(file, "<meta http-equiv=\"refresh\" content=\"%u\">\n", page->refresh);
        (void)fprintf(file,
                      "<title>%zu open, %zu failed: background jobs</title>\n<style>%s%s</style>\n</head>\n",
                      page->chart->counts[BAR_OPEN],
                      page->chart->counts[BAR_FAILED] + page->chart->counts[BAR_GONE], svg_style, page_style);
}

static void put_header(FILE *file, const struct page *page)
{
        (void)fputs("<header>\n<h1>Background jobs", file);
        if (page->instance != NULL) {
                (void)fputs(" of <bdi>", file);
                markup_put(file, page->instance, strlen(page->instance), 0);
                (void)fputs("</bdi>", file);
        }
        (void)fputs("</h1>\n<p class=\"time\">Generated ", file);
        put_time(file, page->now_us);
        (void)fputs("</p>\n</header>\n", file);
}

static void put_problems(FILE *file, const struct page *page)
{
        char *const *problem = page->problems;

        if (!page->absent && (problem == NULL || *problem == NULL))
                return;
        (void)fputs("<section class=\"card alert\" role=\"alert\">\n", file);
        if (page->absent)
                (void)fputs("<p>jobwatchd is not running.", file);
        if (page->absent && page->known_us > 0) {
                (void)fputs(" This is what was known at ", file);
                put_time(file, page->known_us);
                (void)fputs(".", file);
        }
        if (page->absent)
                (void)fputs("</p>\n", file);
        for (; problem != NULL && *problem != NULL; problem++) {
                CLEANUP(cleanup_free) char *text = text_without_addresses(*problem);
                (void)fputs("<p>", file);
                markup_put(file, text, strlen(text), 0);
                (void)fputs("</p>\n", file);
        }
        (void)fputs("</section>\n", file);
}

static void put_count(FILE *file, enum bar_kind kind, size_t count, const char *name)
{
        (void)fprintf(file, "<li class=\"card\"><b class=\"number\">%zu</b><span>", count);
        svg_write_sign(file, kind);
        (void)fprintf(file, "%s</span></li>\n", name);
}

static void put_counts(FILE *file, const struct chart *chart)
{
        (void)fputs("<ul class=\"counts\">\n", file);
        put_count(file, BAR_OPEN, chart->counts[BAR_OPEN], "open");
        put_count(file, BAR_SUCCEEDED, chart->counts[BAR_SUCCEEDED], "succeeded");
        put_count(file, BAR_FAILED, chart->counts[BAR_FAILED] + chart->counts[BAR_GONE],
                  chart->counts[BAR_GONE] > 0 ? "failed or gone" : "failed");
        (void)fputs("</ul>\n", file);
}

/* ---- tables ---- */

static void put_result(FILE *file, const struct row *job)
{
        CLEANUP(cleanup_free) char *result = text_without_addresses(row_text(job, "Result"));

        if (result == NULL || *result == '\0') {
                (void)fputs("<td class=\"result\"></td>", file);
                return;
        }
        (void)fputs("<td class=\"result\" data-name=\"Result\"><bdi>", file);
        markup_put(file, result, strlen(result), RESULT_MAX);
        (void)fputs("</bdi></td>", file);
}

/* How far it is, and how long it still takes, as far as that is known. */
static void put_prospect(FILE *file, const struct row *job)
{
        const bool progress = row_value(job, "Progress") != NULL, left = row_value(job, "LeftUSec") != NULL;

        if (!progress && !left)
                return;
        (void)fputs(" <small class=\"number\">", file);
        if (progress)
                (void)fprintf(file, "%" PRIu64 "%%", row_number(job, "Progress"));
        if (left) {
                CLEANUP(cleanup_free) char *span = time_format_left(row_number(job, "LeftUSec"));
                const bool known = *span == '~'; /* otherwise "soon" */
                (void)fprintf(file, "%s%s%s%s", progress ? ", " : "", known ? "" : "ends ", span,
                              known ? " left" : "");
        }
        (void)fputs("</small>", file);
}

static void put_job(FILE *file, const struct bar *bar)
{
        const char *failing = row_text(bar->job, "Failing");
        char span[TIMESPAN_TEXT_MAX];

        (void)fputs("<tr><td class=\"job\"><bdi>", file);
        put_job_label(file, bar->job, 120);
        (void)fprintf(file, "</bdi> <small class=\"number\">%" PRIu64 "</small></td>",
                      row_number(bar->job, "Id"));
        (void)fputs("<td class=\"status\"><span>", file);
        svg_write_sign(file, bar->kind);
        (void)fputs("<bdi>", file);
        put_job_status(file, bar->job, 60);
        if (failing != NULL) {
                (void)fputs(" (", file);
                markup_put(file, failing, strlen(failing), 60);
                (void)fputc(')', file);
        }
        (void)fputs("</bdi></span>", file);
        put_prospect(file, bar->job);
        (void)fprintf(file, "</td><td class=\"when\" data-name=\"%s\">",
                      bar->kind == BAR_OPEN ? "Since" : "Ended");
        put_time(file, bar->kind == BAR_OPEN ? bar->begin_us : bar->end_us);
        (void)fprintf(file, "</td><td class=\"took number\" data-name=\"Time\">%s%s</td>",
                      bar->earlier ? "over " : "", timespan_format_rough(bar->end_us - bar->begin_us, span));
        put_result(file, bar->job);
        (void)fputs("</tr>\n", file);
}

/* Of open jobs the last that began is first, of others the last that ended. */
static int compare_ends(const void *left, const void *right)
{
        const struct bar *const *a = left, *const *b = right;

        return ((*a)->end_us < (*b)->end_us) - ((*a)->end_us > (*b)->end_us);
}

static void put_rows(FILE *file, const struct bar *const *bars, size_t count, bool open)
{
        (void)fprintf(file,
                      "<table>\n<thead><tr><th scope=\"col\">Job</th><th scope=\"col\">Status</th>"
                      "<th scope=\"col\">%s</th><th scope=\"col\">Time</th><th scope=\"col\">Result</th>"
                      "</tr></thead>\n<tbody>\n",
                      open ? "Since" : "Ended");
        for (size_t i = 0; i < count; i++)
                put_job(file, bars[i]);
        (void)fputs("</tbody>\n</table>\n", file);
}

static void put_table(FILE *file, const struct chart *chart, bool open)
{
        CLEANUP(cleanup_free)
        const struct bar **bars = memory_need(calloc(chart->count + 1, sizeof(struct bar *)));
        size_t count = 0;

        for (size_t i = 0; i < chart->count; i++)
                if ((chart->bars[i].kind == BAR_OPEN) == open)
                        bars[count++] = &chart->bars[i];
        if (!open && count > 0)
                qsort(bars, count, sizeof(struct bar *), compare_ends);
        (void)fprintf(file, "<section class=\"card\">\n<h2>%s</h2>\n",
                      open ? "Open" : "Ended <small>in the last 24 hours</small>");
        if (count > 0)
                put_rows(file, bars, count, open);
        else
                (void)fputs("<p class=\"none\">None.</p>\n", file);
        (void)fputs("</section>\n", file);
}

/* ---- the page ---- */

void page_write(FILE *file, const struct page *page)
{
        const struct chart *chart = page->chart;

        put_head(file, page);
        (void)fputs("<body>\n<main>\n", file);
        put_header(file, page);
        put_problems(file, page);
        put_counts(file, chart);
        if (chart->count > 0) {
                (void)fputs("<section class=\"card\">\n<h2>Timeline</h2>\n<div class=\"picture\">\n", file);
                svg_write(file, chart, SVG_WIDE);
                svg_write(file, chart, SVG_MIDDLE);
                svg_write(file, chart, SVG_NARROW);
                (void)fputs("</div>\n</section>\n", file);
        }
        put_table(file, chart, true);
        put_table(file, chart, false);
        (void)fputs("<footer><p>", file);
        if (chart->left_out > 0)
                (void)fprintf(file, "%zu more job%s that changed earlier %s not shown. ", chart->left_out,
                              plural(chart->left_out), chart->left_out == 1 ? "is" : "are");
        (void)fputs("Made by jobwatchctl report.</p></footer>\n</main>\n</body>\n</html>\n", file);
}
