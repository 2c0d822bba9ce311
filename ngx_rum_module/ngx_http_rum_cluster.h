/*
 * Redis Cluster: which node a partition is on.  "rum_redis ... cluster=on"
 * makes every link of the worker ask here, for its slot, before it connects.
 * A node of the cluster is asked (CLUSTER SLOTS) over a link of its own: the
 * seed, which is the address of rum_redis, or a primary that is known already.
 * Used by ngx_http_rum_module.c; nothing here blocks.
 */

#ifndef NGX_HTTP_RUM_CLUSTER_H
#define NGX_HTTP_RUM_CLUSTER_H

#include "ngx_http_rum_link.h"


/* after all parameters: "redis" becomes one whose nodes must be asked for */
char *ngx_http_rum_cluster_conf(ngx_conf_t *cf, ngx_http_rum_redis_t *redis);

void ngx_http_rum_cluster_init_process(ngx_cycle_t *cycle,
    const ngx_http_rum_redis_t *redis);
void ngx_http_rum_cluster_exit_process(void);

/*
 * How many links a user of all partitions needs: a connection has one node,
 * and a partition moves to another one by itself.
 */
ngx_uint_t ngx_http_rum_cluster_links(const ngx_http_rum_redis_t *redis,
    ngx_uint_t partitions);


#endif /* NGX_HTTP_RUM_CLUSTER_H */
