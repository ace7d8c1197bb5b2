/* SPDX-License-Identifier: MIT */

/* A disk that lost everything, one that kept the order, or one that wrote whatever it liked. */

#include "fate.h"

#include <string.h>

#include "../unit/random.h"

enum kind {
        FATE_NONE,     /* nothing was written */
        FATE_ALL,      /* everything was */
        FATE_IN_ORDER, /* what was before a moment; the change of that moment in part */
        FATE_ANY,      /* any sectors of any changes, as they were at any time */
};

static struct {
        uint64_t random, number;
        enum kind kind;
        size_t sector;
        uint64_t moment;   /* the change that was being written */
        bool is_torn;      /* IN_ORDER: the sectors of the change at that moment that follow are lost */
        unsigned permille; /* ANY: of sectors that are written */
} fate;

static uint64_t draw(uint64_t count)
{
        return random_next(&fate.random) % count;
}

void fate_begin(uint64_t seed)
{
        fate.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
        fate.number = 0;
        for (unsigned i = 0; i < 4; i++)
                (void)random_next(&fate.random);
}

uint64_t fate_next_number(void)
{
        return ++fate.number;
}

void fate_draw(void)
{
        static const enum kind kinds[] = { FATE_NONE,     FATE_ALL, FATE_IN_ORDER, FATE_IN_ORDER,
                                           FATE_IN_ORDER, FATE_ANY, FATE_ANY,      FATE_ANY };
        static const unsigned permille[] = { 50, 500, 950 };

        fate.kind = kinds[draw(sizeof(kinds) / sizeof(kinds[0]))];
        fate.sector = draw(2) == 0 ? FATE_SECTOR_MIN : FATE_SECTOR_MAX;
        /* What is pending is mostly young. */
        fate.moment = fate.number - draw(fate.number + 1 < 20 ? fate.number + 1 : 20);
        fate.is_torn = false;
        fate.permille = permille[draw(3)];
}

size_t fate_sector(void)
{
        return fate.sector;
}

/* Of a page that is written while the power fails, 512 bytes are the least. */
static size_t part_of_sector(void)
{
        return draw(fate.sector / FATE_SECTOR_MIN) * FATE_SECTOR_MIN;
}

static size_t bytes_in_order(uint64_t change)
{
        if (change != fate.moment)
                return change < fate.moment ? fate.sector : 0;
        if (fate.is_torn || draw(4) > 0)
                return fate.is_torn ? 0 : fate.sector;
        fate.is_torn = true;
        return part_of_sector();
}

size_t fate_bytes_written(uint64_t change)
{
        switch (fate.kind) {
        case FATE_NONE:
                return 0;
        case FATE_ALL:
                return fate.sector;
        case FATE_IN_ORDER:
                return bytes_in_order(change);
        case FATE_ANY:
                if (draw(1000) >= fate.permille)
                        return 0;
                return draw(8) == 0 ? part_of_sector() : fate.sector;
        }
        return 0;
}

uint64_t fate_first_lost(void)
{
        switch (fate.kind) {
        case FATE_NONE:
                return 0;
        case FATE_ALL:
                return UINT64_MAX;
        case FATE_IN_ORDER:
                return fate.moment;
        case FATE_ANY:
                return draw(2) == 0 ? draw(fate.number + 1) : fate.number + 1 - draw(2);
        }
        return 0;
}

void fate_fill(unsigned char *data, size_t size)
{
        if (fate.kind != FATE_ANY || draw(2) == 0)
                memset(data, 0, size);
        else
                for (size_t i = 0; i < size; i++)
                        data[i] = (unsigned char)random_next(&fate.random);
}
