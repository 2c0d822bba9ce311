/*
 * TLS to Redis, by nginx's own SSL: the tls parameters of rum_redis, and
 * the handshake of a connection.  Used by ngx_http_rum_module.c (parameters)
 * and ngx_http_rum_link.c (connections).  An nginx without SSL refuses tls=on
 * when it reads its configuration.
 */

#ifndef NGX_HTTP_RUM_TLS_H
#define NGX_HTTP_RUM_TLS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef struct {
    ngx_flag_t            on;
    ngx_flag_t            verify;       /* unset: on */
    ngx_str_t             ca;           /* none: the system's */
    ngx_str_t             cert;
    ngx_str_t             key;
    ngx_str_t             name;         /* none: the host that is connected */
    ngx_ssl_t            *ssl;
} ngx_http_rum_tls_t;


typedef void (*ngx_http_rum_tls_pt)(ngx_connection_t *c);


void ngx_http_rum_tls_defaults(ngx_http_rum_tls_t *tls);

/* takes a parameter; NGX_DECLINED: it is none of TLS; NGX_ERROR: bad value */
ngx_int_t ngx_http_rum_tls_param(ngx_http_rum_tls_t *tls, ngx_str_t *name,
    ngx_str_t *value);

/* when all parameters are known; NGX_CONF_OK or what a setter returns */
char *ngx_http_rum_tls_init(ngx_conf_t *cf, ngx_http_rum_tls_t *tls);

/*
 * Begins the handshake of a connection that is up; "host" is what was
 * connected.  NGX_AGAIN: handler is called when it is over or an event has
 * timed out; else it is over (NGX_OK) or failed (NGX_ERROR).
 */
ngx_int_t ngx_http_rum_tls_start(const ngx_http_rum_tls_t *tls,
    ngx_connection_t *c, const ngx_str_t *host, ngx_http_rum_tls_pt handler);

/* NULL after a good handshake with who was meant, else what is wrong */
const char *ngx_http_rum_tls_fault(const ngx_http_rum_tls_t *tls,
    ngx_connection_t *c);

/* before ngx_close_connection(); of a connection without TLS too */
void ngx_http_rum_tls_close(ngx_connection_t *c);


#endif /* NGX_HTTP_RUM_TLS_H */
