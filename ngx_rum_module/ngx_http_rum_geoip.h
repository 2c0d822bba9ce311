/*
 * GeoIP: country, region, city and autonomous system of an address, from any
 * number of MaxMind databases (libmaxminddb).
 *
 * A database is never mapped from its own file but from a private copy in
 * memory, so that a file overwritten in place cannot crash a worker.  Each
 * worker looks at the files every few seconds; a changed one is copied in
 * small steps between events, opened beside the old one, and swapped.  A
 * missing or broken file is a warning, never a failure.
 */

#ifndef NGX_HTTP_RUM_GEOIP_H
#define NGX_HTTP_RUM_GEOIP_H

#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_http_rum_geoip_s  ngx_http_rum_geoip_t;

typedef enum {
    NGX_HTTP_RUM_GEOIP_REGION = 0,      /* ISO 3166-2 code of the first
                                           subdivision */
    NGX_HTTP_RUM_GEOIP_CITY             /* English name */
} ngx_http_rum_geoip_field_e;


/* adds a file; *geoip is made when it is NULL */
char *ngx_http_rum_geoip_add(ngx_conf_t *cf, ngx_http_rum_geoip_t **geoip,
    ngx_str_t *file);

/* begins to watch the files; geoip may be NULL */
ngx_int_t ngx_http_rum_geoip_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_geoip_t *geoip);

/*
 * The ISO code of the country (2 bytes into "country", its length is
 * returned: 2 or 0) and the number of the autonomous system (0: unknown).
 */
size_t ngx_http_rum_geoip_lookup(ngx_http_rum_geoip_t *geoip,
    struct sockaddr *sockaddr, u_char *country, uint32_t *asn);

/*
 * The rarer fields; the value points into the database and must be copied
 * before the next event.  Empty if unknown.
 */
ngx_str_t ngx_http_rum_geoip_field(ngx_http_rum_geoip_t *geoip,
    struct sockaddr *sockaddr, ngx_http_rum_geoip_field_e field);


#endif /* NGX_HTTP_RUM_GEOIP_H */
