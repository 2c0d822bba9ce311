/*
 * The aggregator's own figures of a partition, in the hash rum:{P}:health
 * (docs/redis-schema.md).  They are written in the transaction of a flush, so
 * they go on counting where the last owner stopped.
 */

#ifndef RUM_HEALTH_H
#define RUM_HEALTH_H

#include "rum_redis.h"

typedef struct {
    uint64_t              started_at;   /* Unix ms; of this owner */
    uint64_t              flushed_at;

    uint64_t              events;
    uint64_t              duplicates;
    uint64_t              lost;
    uint64_t              late;
    uint64_t              rejected;
    uint64_t              replaced;
    uint64_t              forgotten;
    uint64_t              other;
    uint64_t              dropped;
    uint64_t              wrong_type;

    uint64_t              events_before;    /* at the last flush */
} rum_health_t;

/* takes over the counts from a reply to HGETALL */
void rum_health_load(rum_health_t *h, const redisReply *reply);

/* queues the HSET; now is Unix ms */
int rum_health_write(rum_health_t *h, rum_redis_t *redis, const char *key,
    const char *holder, uint64_t now);

#endif /* RUM_HEALTH_H */
