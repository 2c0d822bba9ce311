/*
 * A flush in the making: what its two halves share.  rum_flush.c does the
 * transaction, rum_flush_rollups.c the rollups in it.
 */

#ifndef RUM_FLUSH_H
#define RUM_FLUSH_H

#include "rum_partition.h"

typedef struct {
    rum_partition_t      *p;
    rum_redis_t          *redis;
    uint64_t              now;          /* Unix seconds */
    uint32_t              commands;     /* since MULTI */
} rum_flush_t;

/* everything that the rollups will touch is in memory after this */
int rum_flush_load(rum_flush_t *f);

/* queues the commands that store them */
int rum_flush_rollups(rum_flush_t *f);

#endif /* RUM_FLUSH_H */
