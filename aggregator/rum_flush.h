/*
 * A flush in the making: what its parts share.  rum_flush.c does the
 * transaction, rum_flush_rollups.c the rollups in it, rum_flush_settle.c what
 * enters "total" late, rum_flush_errors.c the samples of errors.
 */

#ifndef RUM_FLUSH_H
#define RUM_FLUSH_H

#include "rum_partition.h"

typedef struct {
    rum_partition_t      *p;
    rum_redis_t          *redis;
    uint64_t              now;          /* Unix seconds */
    uint64_t              clock;        /* ms: what comes is not older */
    uint32_t              commands;     /* since MULTI */
} rum_flush_t;

/* everything that the rollups will touch is in memory after this */
int rum_flush_load(rum_flush_t *f);

/* queues the commands that store them */
int rum_flush_rollups(rum_flush_t *f);

/* the samples of errors (rum_flush_errors.c): loads them, queues them */
int rum_flush_load_errors(rum_flush_t *f);
int rum_flush_errors(rum_flush_t *f);

/*
 * What settles (rum_flush_settle.c).  First the clock is set: now is Unix ms,
 * drained whether all that Redis has was read.  Then minutes are opened, and
 * it is found what is due; windows, and then rows, are asked for; at last
 * "total" gets what has settled.
 */
void rum_flush_clock(rum_flush_t *f, uint64_t now, unsigned drained);
int rum_flush_open_minutes(rum_flush_t *f);
int rum_flush_settle_ask(rum_flush_t *f);
int rum_flush_settle_rows(rum_flush_t *f);
int rum_flush_settle(rum_flush_t *f);

#endif /* RUM_FLUSH_H */
