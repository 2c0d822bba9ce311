/*
 * Strings to small numbers, and back: the values of dimensions.  A number
 * stays until its string is swept; a sweep is told first which numbers are
 * still in use.  One per partition; not thread-safe.
 */

#ifndef RUM_INTERN_H
#define RUM_INTERN_H

#include "rum_map.h"

/* there from the start, never swept */
#define RUM_VALUE_NONE         0        /* "" */
#define RUM_VALUE_ALL          1        /* "*" */
#define RUM_VALUE_UNKNOWN      2        /* "(unknown)" */
#define RUM_VALUE_OTHER        3        /* "(other)" */
#define RUM_VALUE_YES          4        /* "yes" */
#define RUM_VALUE_FIXED        5

typedef struct {
    rum_str_t             text;         /* data NULL: the number is free */
    uint64_t              key;
    uint32_t              marked;
} rum_interned_t;

typedef struct {
    rum_map_t             map;
    rum_interned_t       *strings;
    uint64_t              seed;
    uint32_t              n;            /* numbers given out, free ones too */
    uint32_t              size;
    uint32_t              used;         /* strings held */
    uint32_t              free;         /* first free number, or NONE */
    uint32_t              sweep_at;     /* strings that make a sweep due */
} rum_intern_t;

/* RUM_ERROR without memory */
int rum_intern_init(rum_intern_t *in, uint64_t seed);
void rum_intern_free(rum_intern_t *in);

/* the number of the string, new or known; RUM_MAP_NONE without memory */
uint32_t rum_intern(rum_intern_t *in, const rum_str_t *text);

/* lives until the number is swept */
static inline const rum_str_t *
rum_intern_text(const rum_intern_t *in, uint32_t value)
{
    return &in->strings[value].text;
}

/* 1 when so many strings came that a sweep pays */
static inline int
rum_intern_sweep_due(const rum_intern_t *in)
{
    return in->used >= in->sweep_at;
}

static inline void
rum_intern_mark(rum_intern_t *in, uint32_t value)
{
    in->strings[value].marked = 1;
}

/* drops all strings that were not marked, and all marks */
void rum_intern_sweep(rum_intern_t *in);

#endif /* RUM_INTERN_H */
