/*
 * The status location: GET LOCATION answers what the rollups in Redis say
 * (docs/status-api.md).  ngx_http_rum_module.c puts the handler into the
 * locations that have rum_status.
 */

#ifndef NGX_HTTP_RUM_STATUS_H
#define NGX_HTTP_RUM_STATUS_H

#include "ngx_http_rum_module.h"


ngx_int_t ngx_http_rum_status_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf);
void ngx_http_rum_status_exit_process(void);

/* content handler; the location's configuration has rum_redis */
ngx_int_t ngx_http_rum_status_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_RUM_STATUS_H */
