/*
 * How far each writer was read: see rum_writers.h.
 */

#include "rum_writers.h"

#include <stdio.h>
#include <stdlib.h>


static rum_writer_t *rum_writers_find(rum_writers_t *w,
    const rum_str_t *name);
static rum_writer_t *rum_writers_add(rum_writers_t *w, const rum_str_t *name,
    uint64_t key);
static int rum_writer_open_gap(rum_writer_t *writer, uint64_t from,
    uint64_t to);
static int rum_writer_fill_gap(rum_writer_t *writer, uint64_t sequence);
static const char *rum_writer_number(const char *p, const char *last,
    uint64_t *number);


void
rum_writers_init(rum_writers_t *w, uint64_t seed)
{
    memset(w, 0, sizeof(rum_writers_t));
    w->seed = seed;
}


void
rum_writers_free(rum_writers_t *w)
{
    uint32_t  i;

    for (i = 0; i < w->n; i++) {
        free(w->writers[i].gaps);
    }

    free(w->writers);
    rum_map_free(&w->map);
    rum_writers_init(w, w->seed);
}


int
rum_writers_see(rum_writers_t *w, const rum_str_t *name, uint64_t sequence,
    uint64_t time, uint64_t *lost)
{
    rum_writer_t  *writer;

    writer = rum_writers_find(w, name);
    if (writer == NULL) {
        return RUM_ERROR;
    }

    writer->time = time;
    writer->dirty = 1;

    if (sequence > writer->highest) {
        if (sequence > writer->highest + 1) {
            if (rum_writer_open_gap(writer, writer->highest + 1,
                                    sequence - 1)
                != RUM_OK)
            {
                return RUM_ERROR;
            }

            *lost += sequence - 1 - writer->highest;
        }

        writer->highest = sequence;

        return RUM_OK;
    }

    if (rum_writer_fill_gap(writer, sequence) == RUM_OK) {
        *lost -= *lost > 0;     /* somebody may have set the figure to 0 */
        return RUM_OK;
    }

    return RUM_DECLINED;
}


static rum_writer_t *
rum_writers_find(rum_writers_t *w, const rum_str_t *name)
{
    uint32_t       i;
    uint64_t       key;
    rum_writer_t  *writer;

    if (name->len == 0 || name->len > RUM_WRITER_MAX) {
        return NULL;
    }

    /* entries of one writer come in runs */

    if (w->last < w->n) {
        writer = &w->writers[w->last];

        if (writer->len == name->len
            && memcmp(writer->name, name->data, name->len) == 0)
        {
            return writer;
        }
    }

    for (key = rum_hash(name->data, name->len, w->seed); ; key++) {
        i = rum_map_get(&w->map, key);

        if (i == RUM_MAP_NONE) {
            return rum_writers_add(w, name, key);
        }

        writer = &w->writers[i];

        if (writer->len == name->len
            && memcmp(writer->name, name->data, name->len) == 0)
        {
            w->last = i;
            return writer;
        }
    }
}


static rum_writer_t *
rum_writers_add(rum_writers_t *w, const rum_str_t *name, uint64_t key)
{
    uint32_t       size;
    rum_writer_t  *writer;

    if (w->n == w->size) {
        size = w->size ? 2 * w->size : 32;

        writer = realloc(w->writers, size * sizeof(rum_writer_t));
        if (writer == NULL) {
            return NULL;
        }

        w->writers = writer;
        w->size = size;
    }

    if (rum_map_set(&w->map, key, w->n) != RUM_OK) {
        return NULL;
    }

    w->last = w->n++;
    writer = &w->writers[w->last];
    memset(writer, 0, sizeof(rum_writer_t));

    writer->len = (uint8_t) name->len;
    memcpy(writer->name, name->data, name->len);

    return writer;
}


static int
rum_writer_open_gap(rum_writer_t *writer, uint64_t from, uint64_t to)
{
    if (writer->gaps == NULL) {
        writer->gaps = malloc(RUM_WRITER_GAPS * sizeof(rum_gap_t));
        if (writer->gaps == NULL) {
            return RUM_ERROR;
        }
    }

    /* what falls out of the list stays lost, even should it come */

    if (writer->ngaps == RUM_WRITER_GAPS) {
        writer->ngaps--;
        memmove(writer->gaps, writer->gaps + 1,
                writer->ngaps * sizeof(rum_gap_t));
    }

    writer->gaps[writer->ngaps].from = from;
    writer->gaps[writer->ngaps].to = to;
    writer->ngaps++;

    return RUM_OK;
}


static int
rum_writer_fill_gap(rum_writer_t *writer, uint64_t sequence)
{
    uint32_t    i;
    uint64_t    to;
    rum_gap_t  *gap;

    for (i = 0; i < writer->ngaps; i++) {
        gap = &writer->gaps[i];

        if (sequence >= gap->from && sequence <= gap->to) {
            break;
        }
    }

    if (i == writer->ngaps) {
        return RUM_DECLINED;
    }

    to = gap->to;

    if (gap->from == to) {
        writer->ngaps--;
        memmove(gap, gap + 1, (writer->ngaps - i) * sizeof(rum_gap_t));

    } else if (sequence == gap->from) {
        gap->from++;

    } else {
        gap->to = sequence - 1;

        if (sequence < to) {

            /* the gap falls apart; if the list is full, its oldest goes */

            if (writer->ngaps == RUM_WRITER_GAPS) {
                if (i == 0) {
                    gap->from = sequence + 1;
                    gap->to = to;
                    return RUM_OK;
                }

                writer->ngaps--;
                memmove(writer->gaps, writer->gaps + 1,
                        writer->ngaps * sizeof(rum_gap_t));
                i--;
            }

            memmove(&writer->gaps[i + 2], &writer->gaps[i + 1],
                    (writer->ngaps - i - 1) * sizeof(rum_gap_t));
            writer->gaps[i + 1].from = sequence + 1;
            writer->gaps[i + 1].to = to;
            writer->ngaps++;
        }
    }

    return RUM_OK;
}


int
rum_writers_load(rum_writers_t *w, const rum_str_t *name,
    const rum_str_t *value)
{
    uint64_t       from, to, highest, time;
    const char    *p, *last;
    rum_writer_t  *writer;

    p = (const char *) value->data;
    last = p + value->len;

    if (name->len == 0 || name->len > RUM_WRITER_MAX) {
        return RUM_DECLINED;
    }

    p = rum_writer_number(p, last, &highest);
    if (p == NULL || p == last || *p++ != ' ') {
        return RUM_DECLINED;
    }

    p = rum_writer_number(p, last, &time);
    if (p == NULL) {
        return RUM_DECLINED;
    }

    writer = rum_writers_find(w, name);
    if (writer == NULL) {
        return RUM_ERROR;
    }

    writer->highest = highest;
    writer->time = time;

    while (p != last) {
        if (*p++ != ' ') {
            return RUM_DECLINED;
        }

        p = rum_writer_number(p, last, &from);
        if (p == NULL || p == last || *p++ != '-') {
            return RUM_DECLINED;
        }

        p = rum_writer_number(p, last, &to);
        if (p == NULL || from > to || to >= highest) {
            return RUM_DECLINED;
        }

        if (rum_writer_open_gap(writer, from, to) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


int
rum_writer_write(const rum_writer_t *writer, char *buf)
{
    int       n;
    uint32_t  i;

    n = snprintf(buf, RUM_WRITER_VALUE, "%llu %llu",
                 (unsigned long long) writer->highest,
                 (unsigned long long) writer->time);

    /* 64 gaps of at most 42 bytes: it fits */

    for (i = 0; i < writer->ngaps; i++) {
        n += snprintf(buf + n, RUM_WRITER_VALUE - (size_t) n, " %llu-%llu",
                      (unsigned long long) writer->gaps[i].from,
                      (unsigned long long) writer->gaps[i].to);
    }

    return n;
}


int
rum_writers_stored(rum_writers_t *w)
{
    uint32_t       i, kept;
    uint64_t       key;
    rum_writer_t  *writer;

    for (i = 0, kept = 0; i < w->n; i++) {
        writer = &w->writers[i];
        writer->dirty = 0;

        if (writer->gone) {
            free(writer->gaps);

        } else {
            w->writers[kept++] = *writer;
        }
    }

    if (kept == w->n) {
        return RUM_OK;
    }

    w->n = kept;
    rum_map_clear(&w->map);

    for (i = 0; i < kept; i++) {
        writer = &w->writers[i];
        key = rum_hash(writer->name, writer->len, w->seed);

        while (rum_map_get(&w->map, key) != RUM_MAP_NONE) {
            key++;
        }

        if (rum_map_set(&w->map, key, i) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static const char *
rum_writer_number(const char *p, const char *last, uint64_t *number)
{
    const char  *first;

    *number = 0;

    for (first = p; p < last && *p >= '0' && *p <= '9'; p++) {
        if (p - first == 19) {
            return NULL;
        }

        *number = *number * 10 + (uint64_t) (*p - '0');
    }

    return p == first ? NULL : p;
}
