/*
 * Sentinel: where the master is, for redis = "sentinel:NAME HOST:PORT ...".
 * rum_redis.c asks before each connection, so that all follow the master.
 */

#ifndef RUM_SENTINEL_H
#define RUM_SENTINEL_H

#include "rum_redis.h"

/*
 * Asks the sentinels one after the other, until what one of them names can be
 * connected and says itself that it is a master (ROLE): a sentinel that was
 * cut off may name the one before.  RUM_ERROR with the last one's error.
 */
int rum_sentinel_connect(rum_redis_t *redis, const rum_config_t *config);

#endif /* RUM_SENTINEL_H */
