/*
 * Sentinel: where the master is.  "rum_redis sentinel:NAME HOST:PORT ..."
 * makes every link of the worker ask here before it connects, and closes it
 * when the master moves.  The sentinels are asked one after the other over a
 * link of their own.  Used by ngx_http_rum_module.c; nothing here blocks.
 *
 * The sentinels are entered by name at the start of nginx, as rum_redis is;
 * what they answer must be an address.
 */

#ifndef NGX_HTTP_RUM_SENTINEL_H
#define NGX_HTTP_RUM_SENTINEL_H

#include "ngx_http_rum_link.h"


/* what makes "sentinel:" an address of rum_redis */
#define NGX_HTTP_RUM_SENTINEL_PREFIX  "sentinel:"


/*
 * Takes the sentinels' addresses, the arguments of rum_redis from the third
 * on that are no parameters: "redis" becomes one whose master must be asked
 * for.  *used is how many arguments were taken.
 */
char *ngx_http_rum_sentinel_conf(ngx_conf_t *cf, ngx_http_rum_redis_t *redis,
    ngx_uint_t *used);

/* after all parameters: the sentinels' link takes over some of them */
char *ngx_http_rum_sentinel_conf_done(ngx_http_rum_redis_t *redis);

void ngx_http_rum_sentinel_init_process(ngx_cycle_t *cycle,
    const ngx_http_rum_redis_t *redis);
void ngx_http_rum_sentinel_exit_process(void);


#endif /* NGX_HTTP_RUM_SENTINEL_H */
