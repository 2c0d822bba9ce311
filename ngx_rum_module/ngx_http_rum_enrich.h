/*
 * What nginx knows and the beacon does not say: when, which site, where the
 * visitor is and with what software, the page group, own dimensions.
 */

#ifndef NGX_HTTP_RUM_ENRICH_H
#define NGX_HTTP_RUM_ENRICH_H

#include "ngx_http_rum_answer.h"

/* NGX_ERROR without memory */
ngx_int_t ngx_http_rum_enrich_init_process(void);
void ngx_http_rum_enrich_exit_process(void);

/*
 * NGX_HTTP_RUM_ACCEPTED, or why the event cannot be taken;
 * NGX_HTTP_RUM_NONE without memory.  What the variables tell goes to ctx.
 * The event is valid until the next one.
 */
ngx_uint_t ngx_http_rum_enrich(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx,
    ngx_http_rum_headers_t *headers, rum_event_t *event);

#endif /* NGX_HTTP_RUM_ENRICH_H */
