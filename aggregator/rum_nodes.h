/*
 * Redis Cluster: which node a partition is on, for cluster = on.  rum_redis.c
 * asks before each connection, so that all follow their partition.
 */

#ifndef RUM_NODES_H
#define RUM_NODES_H

#include "rum_redis.h"

#define RUM_NODES_MAX          64
#define RUM_NODES_SILENT       8

/*
 * Whom to ask: who answered last, and the primaries it named.  And whom not:
 * nodes that did not answer in time are left alone for a while, so that a
 * process with many partitions there does not wait for each of them.
 */
struct rum_nodes_s {
    uint32_t              n;
    rum_address_t         nodes[RUM_NODES_MAX];

    uint32_t              nsilent;      /* ever */
    struct {
        rum_address_t     node;
        uint64_t          until;        /* monotonic ms */
    } silent[RUM_NODES_SILENT];         /* of these, the last ones */
};

/*
 * Asks nodes that are known, and then the seed (config->address), until what
 * one of them names can be connected and serves the partition: one that is cut
 * off may name the node before.  RUM_ERROR with the last one's error.
 */
int rum_nodes_connect(rum_redis_t *redis, const rum_config_t *config);

/* the node that is connected goes on serving the partition of "redis" */
int rum_nodes_enter(rum_redis_t *redis, const rum_config_t *config);

/* what was begun then, in monotonic ms, has failed: it may have been silent */
void rum_nodes_failed(rum_nodes_t *nodes, const rum_address_t *node,
    uint64_t began);

/* 1 if it is to be left alone */
int rum_nodes_silent(const rum_nodes_t *nodes, const rum_address_t *node);

#endif /* RUM_NODES_H */
