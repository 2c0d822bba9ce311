/*
 * The status location: GET LOCATION answers what the rollups in Redis say
 * (docs/status-api.md).  ngx_http_rum_module.c puts the handler into the
 * locations that have rum_status.
 */

#ifndef NGX_HTTP_RUM_STATUS_H
#define NGX_HTTP_RUM_STATUS_H

#include "ngx_http_rum_status_answer.h"


ngx_int_t ngx_http_rum_status_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf);
void ngx_http_rum_status_exit_process(void);

/* content handler; the location's configuration has rum_redis */
ngx_int_t ngx_http_rum_status_handler(ngx_http_request_t *r);

/* the rest is for the answers to requests, streams among them */

/* sends an error that concerns this request alone */
ngx_int_t ngx_http_rum_status_refuse(ngx_http_request_t *r,
    ngx_uint_t status, const rum_str_t *parameter, const char *error);

/* sends an answer that is made */
ngx_int_t ngx_http_rum_status_give(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer);

/* a header of the answer; both are static texts */
ngx_int_t ngx_http_rum_status_header(ngx_http_request_t *r,
    const char *name, const char *value);


#endif /* NGX_HTTP_RUM_STATUS_H */
