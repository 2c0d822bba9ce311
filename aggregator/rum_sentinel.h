/*
 * Sentinel: where the master is, for redis = "sentinel:NAME HOST:PORT ...".
 * rum_redis.c asks before each connection, so that all follow the master.
 */

#ifndef RUM_SENTINEL_H
#define RUM_SENTINEL_H

#include "rum_redis.h"

/*
 * Asks the sentinels one after the other until one knows.  "redis" is the
 * connection to ask with; it is closed afterwards, and holds the error where
 * none knows.
 */
int rum_sentinel_find(rum_redis_t *redis, const rum_config_t *config,
    rum_address_t *master);

/* whether what was connected is a master; RUM_ERROR with an error */
int rum_sentinel_check_role(rum_redis_t *redis);

#endif /* RUM_SENTINEL_H */
