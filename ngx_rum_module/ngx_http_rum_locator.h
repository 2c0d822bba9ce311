/*
 * A locator: links that are to connect wait here until it is known where.  One
 * link of its own asks (a sentinel, a node of a cluster); the first that waits
 * begins a round: each of those that can be asked is asked once, from the one
 * on that answered last, until one knows.  If none does, all who wait are
 * closed, and come back after their own backoff.
 *
 * Used by ngx_http_rum_sentinel.c and ngx_http_rum_cluster.c, which know the
 * question and what an answer means.  Nothing here blocks.
 */

#ifndef NGX_HTTP_RUM_LOCATOR_H
#define NGX_HTTP_RUM_LOCATOR_H

#include "ngx_http_rum_link.h"


typedef struct {
    /* set by the owner before ngx_http_rum_locator_init() */
    const char                   *role;         /* for the log */
    const char                   *nobody;       /* for the log: none knows */
    ngx_str_t                     question;     /* one command */
    ngx_http_rum_link_reply_pt    answer;       /* no error: it ends in
                                                   ngx_http_rum_locator_told()
                                                   or ..._link_close() */

    /* may be asked beside the addresses of the link's redis */
    ngx_uint_t                    others;

    /* for the owner to read */
    ngx_http_rum_link_t           link;         /* asks */
    ngx_uint_t                    turn;         /* whom: modulo naddrs and
                                                   others */
    unsigned                      asking:1;     /* a round is under way */

    /* its own */
    ngx_queue_t                   waiting;      /* of ...link_t.waiting */
    ngx_uint_t                    tries;        /* in this round */
} ngx_http_rum_locator_t;


/* "redis": whom to ask; NULL, which all is before: there is none */
void ngx_http_rum_locator_init(ngx_http_rum_locator_t *locator,
    const ngx_http_rum_redis_t *redis, ngx_log_t *log);
void ngx_http_rum_locator_stop(ngx_http_rum_locator_t *locator);

/* a link waits: it will be closed, or taken by ngx_http_rum_locator_next() */
void ngx_http_rum_locator_wait(ngx_http_rum_locator_t *locator,
    ngx_http_rum_link_t *link);

/* begins a round, if none is under way */
void ngx_http_rum_locator_ask(ngx_http_rum_locator_t *locator);

/* the answer was one: the round is over */
void ngx_http_rum_locator_told(ngx_http_rum_locator_t *locator);

/* takes the next one that waits, or NULL */
ngx_http_rum_link_t *ngx_http_rum_locator_next(
    ngx_http_rum_locator_t *locator);


#endif /* NGX_HTTP_RUM_LOCATOR_H */
