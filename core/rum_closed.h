/*
 * What was added up of windows that are closed, kept for a while: a question
 * that comes again, or another one about the same figures, reads from Redis
 * what may still change and takes the rest from here.
 *
 * A sum is of one metric or counter of a rollup, over windows that follow one
 * another.  It looks as a field of the rollup's hash does: for each value of
 * the dimension a packed histogram, number or slowest resource.  Sums of
 * little are not worth their keeping, and of too many values they would hold
 * the worker up.
 *
 * What changes a closed window after all (beacons that lay in a spool) is seen
 * when the sum is RUM_CLOSED_AGE old: then one question reads anew, and
 * others take the old sum meanwhile.
 *
 * One for each worker, used by rum_plan.  Memory is bounded: sums that were
 * not asked for the longest go first.
 */

#ifndef RUM_CLOSED_H
#define RUM_CLOSED_H

#include "rum_histogram.h"
#include "rum_slowest.h"
#include "rum_text.h"

#define RUM_CLOSED_LATE        3600     /* s after its end a window is closed */
#define RUM_CLOSED_AGE         60       /* s */
#define RUM_CLOSED_RENEWAL     10       /* s that reading anew may take */
#define RUM_CLOSED_FIELDS      2000     /* of all windows; fewer are not kept */
#define RUM_CLOSED_VALUES      4096     /* more are not kept */
#define RUM_CLOSED_SUMS        256
#define RUM_CLOSED_MEMORY      (32 * 1024 * 1024)

typedef struct rum_closed_s  rum_closed_t;

typedef struct {
    rum_str_t              key;         /* opaque; whoever asks makes it */
    rum_str_t              fields;      /* as rum_closed_next() takes them */
    unsigned               limited:1;   /* there was "(other)" */
} rum_closed_sum_t;

/* max: bytes of all sums; NULL without memory */
rum_closed_t *rum_closed_create(size_t max);
void rum_closed_destroy(rum_closed_t *closed);

/* now is Unix seconds; RUM_DECLINED: read it.  Valid until the next put */
int rum_closed_find(rum_closed_t *closed, const rum_str_t *key, uint64_t now,
    rum_closed_sum_t *sum);

/* keeps a copy; where there is no memory for it, nothing is kept */
void rum_closed_put(rum_closed_t *closed, const rum_closed_sum_t *sum,
    uint64_t now);

/* appends a field to what will be sum->fields */
void rum_closed_add(rum_text_t *fields, const rum_str_t *value,
    const rum_str_t *packed);
void rum_closed_add_histogram(rum_text_t *fields, const rum_str_t *value,
    const rum_histogram_t *h);
void rum_closed_add_number(rum_text_t *fields, const rum_str_t *value,
    int64_t n);
void rum_closed_add_slowest(rum_text_t *fields, const rum_str_t *value,
    const rum_slowest_t *slowest);

/* takes the first field off; RUM_DECLINED when there is none */
int rum_closed_next(rum_str_t *fields, rum_str_t *value, rum_str_t *packed);

#endif /* RUM_CLOSED_H */
