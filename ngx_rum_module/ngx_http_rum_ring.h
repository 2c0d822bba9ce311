/*
 * The ring of a worker: entries that Redis has not acknowledged.  Shared by
 * the two files of delivery: ngx_http_rum_delivery.c puts entries in,
 * ngx_http_rum_delivery_send.c sends them and takes them out.
 *
 *   writer -- partitions ---+--> delivery: a ring and its link
 *
 * One delivery has all partitions, but for a Redis Cluster, where each
 * partition has its own: the order of entries need not change when the
 * partition moves to another node.
 */

#ifndef NGX_HTTP_RUM_RING_H
#define NGX_HTTP_RUM_RING_H

#include "ngx_http_rum_spool.h"

#include "rum_ring.h"

#define NGX_HTTP_RUM_WRITER_LEN      10

/* WAIT and two numbers */
#define NGX_HTTP_RUM_DELIVERY_WAIT   (64 + 2 * NGX_INT_T_LEN)


typedef struct {
    uint32_t                      offset;       /* into the ring's bytes */
    uint32_t                      len:31;
    uint32_t                      spooled:1;    /* the spool has it too */
    ngx_http_rum_waiter_t        *waiter;
} ngx_http_rum_ring_entry_t;


typedef struct {
    u_char                       *buf;
    size_t                        size;
    rum_ring_t                    room;         /* where in buf */

    ngx_http_rum_ring_entry_t    *entries;
    ngx_uint_t                    mask;         /* entries allocated - 1 */
    ngx_uint_t                    tail_entry;   /* these four only grow */
    ngx_uint_t                    reply_entry;  /* first without a reply */
    ngx_uint_t                    send_entry;   /* first not wholly sent */
    ngx_uint_t                    head_entry;
    size_t                        partial;      /* bytes of it sent */
    ngx_uint_t                    expected;     /* replies announced so far */
    ngx_uint_t                    sent;         /* highest ever sent */
    size_t                        used;         /* bytes of all entries */
    size_t                        unsent;       /* of those since the last
                                                   flush */
} ngx_http_rum_ring_t;


typedef struct {
    ngx_http_rum_link_t           link;
    ngx_http_rum_ring_t           ring;
    ngx_event_t                   flush;        /* posted */
    ngx_event_t                   delay;        /* a timer, to the same end */

    ngx_uint_t                    replicas;     /* that must have it as well */
    ngx_uint_t                    wait_entry;   /* WAIT is about those before */
    size_t                        wait_len;
    size_t                        wait_left;    /* bytes not sent yet */
    long long                     integer;      /* of the last such reply */
    u_char                        wait[NGX_HTTP_RUM_DELIVERY_WAIT];

    unsigned                      waiting:1;    /* for the reply to WAIT */
    unsigned                      up:1;         /* counted as a link */
} ngx_http_rum_delivery_t;


typedef struct {
    rum_entry_prefix_t            prefix;
    uint64_t                      sequence;
    uint64_t                      spool_sequence;
    ngx_http_rum_delivery_t      *delivery;
} ngx_http_rum_partition_t;


typedef struct {
    rum_str_t                     name;
    rum_str_t                     spool_name;
    u_char                        text[NGX_HTTP_RUM_WRITER_LEN + 1];
    ngx_uint_t                    npartitions;
    ngx_http_rum_partition_t     *partitions;
    ngx_uint_t                    ndeliveries;
    ngx_http_rum_delivery_t      *deliveries;   /* NULL: not begun, or over */
} ngx_http_rum_writer_t;


/* what the link calls, and the events that flush the ring */
void ngx_http_rum_delivery_send_init(ngx_http_rum_delivery_t *d);

#endif /* NGX_HTTP_RUM_RING_H */
