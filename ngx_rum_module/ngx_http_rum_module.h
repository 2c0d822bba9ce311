/*
 * The module's configuration, as its files share it.
 */

#ifndef NGX_HTTP_RUM_MODULE_H
#define NGX_HTTP_RUM_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "rum_beacon.h"
#include "rum_client.h"
#include "rum_entry.h"
#include "rum_page.h"

#include "ngx_http_rum_geoip.h"
#include "ngx_http_rum_link.h"
#include "ngx_http_rum_stats.h"


#define NGX_HTTP_RUM_RING_MIN         (1024 * 1024)

#define NGX_HTTP_RUM_ACK_QUEUED       0
#define NGX_HTTP_RUM_ACK_STORED       1

#define NGX_HTTP_RUM_PRIVACY_OFF      0
#define NGX_HTTP_RUM_PRIVACY_SIGNALS  1
#define NGX_HTTP_RUM_PRIVACY_STRICT   2


typedef struct ngx_http_rum_spool_s  ngx_http_rum_spool_t;


typedef struct {
    ngx_http_rum_redis_t         *redis;        /* rum_redis, or NULL */
    ngx_uint_t                    partitions;
    ngx_uint_t                    maxlen;
    ngx_uint_t                    replicas;     /* that must have an event */
    size_t                        ring;

    ngx_http_rum_spool_t         *spool;        /* NULL: none */
    ngx_http_rum_geoip_t         *geoip;        /* NULL: none configured */

    ngx_shm_zone_t               *stats;

    unsigned                      cluster:1;    /* redis is one */
    unsigned                      enabled:1;    /* a location has rum_beacon
                                                   or rum_status */
} ngx_http_rum_main_conf_t;


typedef struct {
    rum_str_t                     name;
    ngx_http_complex_value_t      value;
} ngx_http_rum_dimension_t;


typedef struct {
    ngx_http_complex_value_t     *site;         /* rum_beacon, or NULL */
    ngx_http_complex_value_t     *page;         /* rum_page, or NULL */
    ngx_http_complex_value_t     *token;        /* rum_token, or NULL */
    ngx_array_t                  *origins;      /* of ngx_str_t; NULL: any */
    ngx_array_t                  *dimensions;   /* of ..._dimension_t */
    ngx_uint_t                    ack;
    ngx_uint_t                    privacy;
    ngx_uint_t                    sample;       /* RUM_RATE_ALL: no sampling */
} ngx_http_rum_loc_conf_t;


/* what the variables tell of a request; strings live in r->pool */
typedef struct {
    ngx_uint_t                    result;
    ngx_str_t                     site;
    ngx_str_t                     path;
    ngx_str_t                     page;
    ngx_str_t                     country;
    u_char                        country_code[2];
    rum_client_t                  client;
} ngx_http_rum_ctx_t;


extern ngx_module_t  ngx_http_rum_module;


/* ngx_http_rum_redis.c: the directive */
char *ngx_http_rum_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_rum_variables.c */
ngx_int_t ngx_http_rum_add_variables(ngx_conf_t *cf);

/* ngx_http_rum_beacon.c */
ngx_int_t ngx_http_rum_beacon_init_process(ngx_cycle_t *cycle);
void ngx_http_rum_beacon_exit_process(void);
ngx_int_t ngx_http_rum_beacon_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_RUM_MODULE_H */
