/* SPDX-License-Identifier: MIT */

/*
 * Parsing alone: a response with 100 jobs, read repeatedly from memory in chunks of 16 kB as libcurl delivers
 * them.
 *
 *     parse plain|records TIMES
 *
 * plain: yajl with callbacks that keep nothing (the baseline). records: the record reader. Prints
 * "RECORDS BYTES NANOSECONDS" of CPU time.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nexudus/record_reader.h"
#include "plain_parse.h"
#include "record.h"

#define ROWS  100
#define CHUNK 16384

static char body[ROWS * RECORD_SIZE_MAX];
static uint64_t records;

static void die(void)
{
        (void)fputs("parse: invalid job record\n", stderr);
        exit(EXIT_FAILURE);
}

static size_t write_body(void)
{
        char *end = body;

        for (uint64_t id = 1; id <= ROWS; id++) {
                *end++ = id == 1 ? '[' : ',';
                end += record_write(end, 87654000 + id, 0);
        }
        *end++ = ']';
        return (size_t)(end - body);
}

static size_t chunk_size(size_t left)
{
        return left < CHUNK ? left : CHUNK;
}

static void parse_plain(size_t size)
{
        struct plain_parse parse = { .records = 0 };
        yajl_handle parser = plain_parse_new(&parse);

        for (size_t at = 0; at < size; at += CHUNK)
                if (yajl_parse(parser, (unsigned char *)body + at, chunk_size(size - at)) != yajl_status_ok)
                        die();
        if (yajl_complete_parse(parser) != yajl_status_ok)
                die();
        yajl_free(parser);
        records += parse.records;
}

static int on_record(void *userdata, struct job_record *record)
{
        (void)userdata;
        (void)record;
        records++;
        return 0;
}

static void parse_records(size_t size)
{
        struct record_reader *reader = record_reader_new(RECORD_SHAPE_ARRAY, ROWS, on_record, NULL);

        for (size_t at = 0; at < size; at += CHUNK)
                if (record_reader_feed(reader, body + at, chunk_size(size - at)) != 0)
                        die();
        if (record_reader_finish(reader) != 0)
                die();
        record_reader_free(reader);
}

static uint64_t cpu_ns(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

int main(int argc, char *argv[])
{
        if (argc != 3)
                return EXIT_FAILURE;
        size_t size = write_body();
        uint64_t times = strtoull(argv[2], NULL, 10), began = cpu_ns();

        for (uint64_t i = 0; i < times; i++) {
                if (strcmp(argv[1], "plain") == 0)
                        parse_plain(size);
                else
                        parse_records(size);
        }
        (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", records, times * size, cpu_ns() - began);
        return EXIT_SUCCESS;
}
