/*
 * Event streams of the status location: to a client that accepts
 * text/event-stream an answer is sent again whenever it has changed.
 *
 *   feed (a question) -- clients (requests that stay open)
 *
 * A feed asks its question once a second, as a request would, for all its
 * clients.  It ends with its last client; when the worker quits, all do.
 */

#ifndef NGX_HTTP_RUM_STATUS_FEED_H
#define NGX_HTTP_RUM_STATUS_FEED_H

#include "ngx_http_rum_module.h"

#include "rum_query.h"


void ngx_http_rum_status_feed_init(ngx_cycle_t *cycle);
void ngx_http_rum_status_feed_exit(void);

/*
 * NGX_OK: the request stays open, the handler returns NGX_DONE.  NGX_ERROR
 * without memory; with *busy set if there are too many feeds.
 */
ngx_int_t ngx_http_rum_status_feed_join(ngx_http_request_t *r,
    const rum_query_t *query, ngx_uint_t *busy);


#endif /* NGX_HTTP_RUM_STATUS_FEED_H */
