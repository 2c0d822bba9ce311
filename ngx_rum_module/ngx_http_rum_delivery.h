/*
 * Delivery: the way of an event from a worker to Redis.  An event is encoded
 * as an XADD command into the worker's ring; the ring is written at most once
 * per event-loop turn, and an entry leaves it only when Redis has acknowledged
 * it.  After a reconnect everything that was not acknowledged is sent again,
 * in order and with the same ids: the aggregator drops what it has seen.
 *
 *       tail            send             head
 *   ----[ sent, no reply ][ to be sent    ]-------   entries (records)
 *
 *   bytes  |..free..|ddddddddddddddddd|...free...|   one entry is contiguous
 */

#ifndef NGX_HTTP_RUM_DELIVERY_H
#define NGX_HTTP_RUM_DELIVERY_H

#include "ngx_http_rum_module.h"


/*
 * Somebody who waits until an event is stored: acknowledged by Redis, or on
 * disk in the spool.  The owner keeps it alive until the handler was called
 * or ngx_http_rum_delivery_forget().
 */
typedef struct ngx_http_rum_waiter_s  ngx_http_rum_waiter_t;

typedef void (*ngx_http_rum_stored_pt)(ngx_http_rum_waiter_t *waiter);

struct ngx_http_rum_waiter_s {
    ngx_http_rum_stored_pt    handler;
    void                     *data;
    unsigned                  stored:1;     /* set before the handler is
                                               called */

    /* delivery's own */
    unsigned                  spoolable:1;  /* the spool will do as well */
    ngx_http_rum_waiter_t   **entry;        /* in the ring, or NULL */
    ngx_queue_t               queue;        /* in the spool, next or NULL */
};


ngx_int_t ngx_http_rum_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf);
void ngx_http_rum_delivery_exit_process(void);

/*
 * NGX_OK, or NGX_BUSY when neither the ring nor the spool takes it.  hash
 * chooses the partition; waiter may be NULL.
 */
ngx_int_t ngx_http_rum_delivery_push(const rum_event_t *event,
    ngx_uint_t hash, ngx_http_rum_waiter_t *waiter);

/*
 * For the spool: how many rings there are, and the one of a command, or
 * NGX_ERROR if it is for a partition that is not configured (any more).
 */
ngx_uint_t ngx_http_rum_delivery_count(void);
ngx_int_t ngx_http_rum_delivery_of(const u_char *command, size_t len);

/* one command from the spool into its ring; NGX_BUSY when that is full */
ngx_int_t ngx_http_rum_delivery_replay(ngx_uint_t number,
    const u_char *command, size_t len, ngx_http_rum_waiter_t *waiter);

/* 1 if Redis takes events and the fresh ones leave room for others */
ngx_uint_t ngx_http_rum_delivery_has_time(void);

/* the handler will not be called any more */
void ngx_http_rum_delivery_forget(ngx_http_rum_waiter_t *waiter);


#endif /* NGX_HTTP_RUM_DELIVERY_H */
