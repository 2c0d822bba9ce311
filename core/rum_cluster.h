/*
 * Redis Cluster: the slot of a partition, and what a node answers to CLUSTER
 * SLOTS.  Used by the module (ngx_http_rum_cluster.c) and the aggregator
 * (rum_nodes.c), which do the asking.
 *
 * Source: the Redis Cluster specification.  A key with a hash tag is in slot
 * CRC16(tag) mod 16384 (CRC-16/XMODEM), so all keys of partition P are in the
 * slot of the decimal text of P.
 */

#ifndef RUM_CLUSTER_H
#define RUM_CLUSTER_H

#include "rum.h"

#include <hiredis/hiredis.h>

#define RUM_CLUSTER_SLOTS      16384

/* strings point into the reply */
typedef struct {
    rum_str_t             host;         /* its name, or address; empty: that
                                           of the node which was asked */
    rum_str_t             address;      /* the same, or what the reply says
                                           about the name; not a name, unless
                                           the reply has no more */
    unsigned              port;
} rum_cluster_node_t;

unsigned rum_cluster_slot(unsigned partition);

/* the primary of the n-th range of slots; RUM_ERROR: it is none */
int rum_cluster_range(const redisReply *slots, size_t n, unsigned *first,
    unsigned *last, rum_cluster_node_t *primary);

/* the primary of a slot; RUM_DECLINED: no node has it */
int rum_cluster_find(const redisReply *slots, unsigned slot,
    rum_cluster_node_t *primary);

#endif /* RUM_CLUSTER_H */
