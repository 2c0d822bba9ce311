/*
 * Redis Cluster: which node a partition is on, for cluster = on.  rum_redis.c
 * asks before each connection, so that all follow their partition.
 */

#ifndef RUM_NODES_H
#define RUM_NODES_H

#include "rum_redis.h"

#define RUM_NODES_MAX          64

/* whom to ask: who answered last, and the primaries it named */
struct rum_nodes_s {
    uint32_t              n;
    rum_address_t         nodes[RUM_NODES_MAX];
};

/*
 * Asks nodes that are known, and then the seed (config->address), until what
 * one of them names can be connected and serves the partition: one that is cut
 * off may name the node before.  RUM_ERROR with the last one's error.
 */
int rum_nodes_connect(rum_redis_t *redis, const rum_config_t *config);

/* the node that is connected goes on serving the partition of "redis" */
int rum_nodes_enter(rum_redis_t *redis, const rum_config_t *config);

#endif /* RUM_NODES_H */
