/*
 * From the ring to Redis, and what its replies mean: see
 * ngx_http_rum_delivery.h.
 */

#include "ngx_http_rum_ring.h"


static void ngx_http_rum_delivery_flush_handler(ngx_event_t *ev);
static void ngx_http_rum_delivery_delay_handler(ngx_event_t *ev);
static void ngx_http_rum_delivery_flush(ngx_http_rum_link_t *link);
static void ngx_http_rum_delivery_sent(ngx_http_rum_ring_t *ring, size_t n);
static void ngx_http_rum_delivery_wait_command(ngx_http_rum_delivery_t *d);
static void ngx_http_rum_delivery_wait(ngx_http_rum_delivery_t *d);
static ngx_int_t ngx_http_rum_delivery_wait_send(ngx_http_rum_delivery_t *d,
    ngx_uint_t replies);
static void ngx_http_rum_delivery_waited(ngx_http_rum_delivery_t *d);
static void ngx_http_rum_delivery_release(ngx_http_rum_delivery_t *d,
    ngx_uint_t up_to);
static void ngx_http_rum_delivery_reply(ngx_http_rum_link_t *link,
    void *reply);
static void ngx_http_rum_delivery_ready(ngx_http_rum_link_t *link);
static void ngx_http_rum_delivery_closed(ngx_http_rum_link_t *link);
static void ngx_http_rum_delivery_secure(ngx_http_rum_ring_t *ring);
static void ngx_http_rum_delivery_given_up(ngx_http_rum_link_t *link);

static void *ngx_http_rum_delivery_create_string(const redisReadTask *task,
    char *str, size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_http_rum_delivery_create_array(const redisReadTask *task,
    size_t n);
#else
static void *ngx_http_rum_delivery_create_array(const redisReadTask *task,
    int n);
#endif
static void *ngx_http_rum_delivery_create_integer(const redisReadTask *task,
    long long value);
static void *ngx_http_rum_delivery_create_nil(const redisReadTask *task);
static void ngx_http_rum_delivery_free(void *reply);


/*
 * A reply to XADD only matters as "stored" or "not": no object is made of
 * it, these two stand for all replies.
 */
static u_char  ngx_http_rum_reply_ok, ngx_http_rum_reply_error;

static redisReplyObjectFunctions  ngx_http_rum_delivery_functions = {
    .createString = ngx_http_rum_delivery_create_string,
    .createArray = ngx_http_rum_delivery_create_array,
    .createInteger = ngx_http_rum_delivery_create_integer,
    .createNil = ngx_http_rum_delivery_create_nil,
    .freeObject = ngx_http_rum_delivery_free
};


void
ngx_http_rum_delivery_send_init(ngx_http_rum_delivery_t *d)
{
    ngx_http_rum_link_t  *link;

    link = &d->link;
    link->ready = ngx_http_rum_delivery_ready;
    link->writable = ngx_http_rum_delivery_flush;
    link->reply = ngx_http_rum_delivery_reply;
    link->closed = ngx_http_rum_delivery_closed;
    link->given_up = ngx_http_rum_delivery_given_up;
    link->functions = &ngx_http_rum_delivery_functions;

    d->flush.handler = ngx_http_rum_delivery_flush_handler;
    d->flush.data = d;
    d->flush.log = link->log;

    d->delay.handler = ngx_http_rum_delivery_delay_handler;
    d->delay.data = &link->dummy;
    d->delay.log = link->log;

    ngx_http_rum_delivery_wait_command(d);
}


static void
ngx_http_rum_delivery_flush_handler(ngx_event_t *ev)
{
    ngx_http_rum_delivery_t *d = ev->data;

    ngx_http_rum_delivery_flush(&d->link);
}


static void
ngx_http_rum_delivery_delay_handler(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;

    ngx_http_rum_delivery_flush(c->data);
}


/*
 * Sends what was not sent yet: usually all of it in one write, two where the
 * ring goes round.
 */

static void
ngx_http_rum_delivery_flush(ngx_http_rum_link_t *link)
{
    size_t                      len;
    u_char                     *p;
    ssize_t                     n;
    ngx_uint_t                  i, replies;
    ngx_http_rum_ring_t        *ring;
    ngx_http_rum_delivery_t    *d;
    ngx_http_rum_ring_entry_t  *entry;

    d = link->owner;
    ring = &d->ring;
    ring->unsent = 0;

    if (d->delay.timer_set) {
        ngx_del_timer(&d->delay);
    }

    if (d->wait_left != 0
        && ngx_http_rum_delivery_wait_send(d, 0) != NGX_OK)
    {
        return;
    }

    while (link->state == NGX_HTTP_RUM_LINK_READY
           && ring->send_entry != ring->head_entry)
    {
        i = ring->send_entry;
        entry = &ring->entries[i & ring->mask];
        p = ring->buf + entry->offset + ring->partial;
        len = entry->len - ring->partial;

        for (i++; i != ring->head_entry; i++) {
            entry = &ring->entries[i & ring->mask];

            if (ring->buf + entry->offset != p + len) {
                break;
            }

            len += entry->len;
        }

        replies = (i > ring->expected) ? i - ring->expected : 0;
        ring->expected += replies;

        n = ngx_http_rum_link_send(link, p, len, replies);

        if (n == NGX_ERROR) {
            return;
        }

        ngx_http_rum_delivery_sent(ring, (size_t) n);

        if ((size_t) n < len) {
            return;
        }
    }

    ngx_http_rum_delivery_wait(d);
}


static void
ngx_http_rum_delivery_sent(ngx_http_rum_ring_t *ring, size_t n)
{
    size_t      left;
    ngx_uint_t  again;

    again = 0;

    while (n > 0) {
        left = ring->entries[ring->send_entry & ring->mask].len
               - ring->partial;

        if (n < left) {
            ring->partial += n;
            break;
        }

        n -= left;
        ring->partial = 0;
        ring->send_entry++;

        if (ring->send_entry > ring->sent) {
            ring->sent = ring->send_entry;

        } else {
            again++;
        }
    }

    if (again != 0) {
        ngx_http_rum_stats_add(NGX_HTTP_RUM_RESENT, (ngx_int_t) again);
    }
}


/*
 * With replicas=N, entries stay until N replicas have them: then they survive
 * the master, as all that stays is sent again to the next one.  One WAIT is
 * under way at a time, for all that was sent before it; what is sent
 * meanwhile is for the next.
 */

static void
ngx_http_rum_delivery_wait_command(ngx_http_rum_delivery_t *d)
{
    u_char  replicas[NGX_INT_T_LEN], ms[NGX_INT_T_LEN], *p;

    p = ngx_cpymem(d->wait, "*3\r\n", 4);
    p = ngx_http_rum_link_bulk(p, "WAIT", 4);
    p = ngx_http_rum_link_bulk(p, (char *) replicas,
                               ngx_sprintf(replicas, "%ui", d->replicas)
                               - replicas);

    /* Redis is to say that it has not worked before the link times out */

    p = ngx_http_rum_link_bulk(p, (char *) ms,
                               ngx_sprintf(ms, "%M",
                                           d->link.redis->timeout / 2 + 1)
                               - ms);
    d->wait_len = p - d->wait;
}


static void
ngx_http_rum_delivery_wait(ngx_http_rum_delivery_t *d)
{
    ngx_http_rum_ring_t  *ring;

    ring = &d->ring;

    /* not while the socket has no room for the rest of what was to be sent */

    if (d->replicas == 0 || d->waiting || ring->send_entry != ring->expected
        || ring->send_entry == ring->tail_entry
        || d->link.state != NGX_HTTP_RUM_LINK_READY)
    {
        return;
    }

    d->waiting = 1;
    d->wait_entry = ring->send_entry;
    d->wait_left = d->wait_len;
    d->integer = -1;

    (void) ngx_http_rum_delivery_wait_send(d, 1);
}


static ngx_int_t
ngx_http_rum_delivery_wait_send(ngx_http_rum_delivery_t *d,
    ngx_uint_t replies)
{
    ssize_t  n;

    n = ngx_http_rum_link_send(&d->link, d->wait + d->wait_len - d->wait_left,
                               d->wait_left, replies);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    d->wait_left -= (size_t) n;

    return (d->wait_left == 0) ? NGX_OK : NGX_AGAIN;
}


/*
 * Too few replicas mean "not stored yet", as an error does: the next
 * connection may lead to a better master.
 */

static void
ngx_http_rum_delivery_waited(ngx_http_rum_delivery_t *d)
{
    d->waiting = 0;

    if (d->integer < (long long) d->replicas) {
        ngx_http_rum_stats_add(NGX_HTTP_RUM_REDIS_ERRORS, 1);
        ngx_http_rum_link_close(&d->link, "too few replicas have the events");
        return;
    }

    ngx_http_rum_link_works(&d->link);
    ngx_http_rum_delivery_release(d, d->wait_entry);
    ngx_http_rum_delivery_wait(d);
}


/*
 * Replies come in the order of the entries.  An error reply (-OOM, -LOADING,
 * -READONLY, -NOAUTH, -MISCONF ...) means "not stored yet": the link is
 * closed, and after the backoff everything from this entry on is sent again.
 */

static void
ngx_http_rum_delivery_reply(ngx_http_rum_link_t *link, void *reply)
{
    ngx_http_rum_ring_t      *ring;
    ngx_http_rum_delivery_t  *d;

    d = link->owner;
    ring = &d->ring;

    if (reply == &ngx_http_rum_reply_error) {
        ngx_http_rum_stats_add(NGX_HTTP_RUM_REDIS_ERRORS, 1);
        ngx_http_rum_link_close(link, (char *) link->error);
        return;
    }

    if (d->waiting && d->wait_left == 0
        && ring->reply_entry == d->wait_entry)
    {
        ngx_http_rum_delivery_waited(d);
        return;
    }

    if (ring->reply_entry == ring->send_entry) {
        ngx_http_rum_link_close(link, "a reply before its command");
        return;
    }

    ring->reply_entry++;

    if (d->replicas == 0) {
        ngx_http_rum_link_works(link);
        ngx_http_rum_delivery_release(d, ring->reply_entry);
    }
}


/* the entries before are where they should be */

static void
ngx_http_rum_delivery_release(ngx_http_rum_delivery_t *d, ngx_uint_t up_to)
{
    ngx_http_rum_ring_t        *ring;
    ngx_http_rum_waiter_t      *waiter;
    ngx_http_rum_ring_entry_t  *entry;

    ring = &d->ring;

    while (ring->tail_entry != up_to) {
        entry = &ring->entries[ring->tail_entry & ring->mask];
        waiter = entry->waiter;

        ring->tail_entry++;
        ring->used -= entry->len;

        ngx_http_rum_stats_add(NGX_HTTP_RUM_STORED, 1);
        ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_EVENTS, -1);
        ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_AT_RISK,
                               entry->spooled ? 0 : -1);
        ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_BYTES,
                               - (ngx_int_t) entry->len);

        if (ring->tail_entry == ring->head_entry) {
            ngx_http_rum_link_pending(&d->link, 0);
        }

        if (waiter != NULL) {
            waiter->entry = NULL;
            waiter->stored = 1;
            waiter->handler(waiter);
        }
    }
}


static void
ngx_http_rum_delivery_ready(ngx_http_rum_link_t *link)
{
    ngx_http_rum_delivery_t  *d;

    d = link->owner;
    d->up = 1;

    ngx_http_rum_stats_add(NGX_HTTP_RUM_REDIS_CONNECTS, 1);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_REDIS_LINKS, 1);

    ngx_http_rum_delivery_flush(link);
}


static void
ngx_http_rum_delivery_closed(ngx_http_rum_link_t *link)
{
    ngx_http_rum_ring_t      *ring;
    ngx_http_rum_delivery_t  *d;

    d = link->owner;
    ring = &d->ring;

    ring->send_entry = ring->tail_entry;
    ring->reply_entry = ring->tail_entry;
    ring->expected = ring->tail_entry;
    ring->partial = 0;

    d->waiting = 0;
    d->wait_left = 0;

    if (d->up) {
        d->up = 0;
        ngx_http_rum_stats_add(NGX_HTTP_RUM_REDIS_LINKS, -1);
    }

    ngx_http_rum_stats_add(NGX_HTTP_RUM_REDIS_FAILURES, 1);

    if (ngx_http_rum_spool_exists()) {
        ngx_http_rum_delivery_secure(ring);
    }
}


/*
 * Whether Redis has what was sent is unknown: who waits is told when it is
 * in the spool.  The entries stay in the ring as well, with the same ids.
 */

static void
ngx_http_rum_delivery_secure(ngx_http_rum_ring_t *ring)
{
    ngx_uint_t                  i;
    ngx_http_rum_waiter_t      *waiter;
    ngx_http_rum_ring_entry_t  *entry;

    for (i = ring->tail_entry; i != ring->head_entry; i++) {
        entry = &ring->entries[i & ring->mask];
        waiter = entry->waiter;

        if (waiter == NULL || !waiter->spoolable) {
            continue;
        }

        if (ngx_http_rum_spool_append(ring->buf + entry->offset, entry->len,
                                      waiter)
            != NGX_OK)
        {
            return;
        }

        entry->waiter = NULL;
        waiter->entry = NULL;

        if (!entry->spooled) {
            entry->spooled = 1;
            ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_AT_RISK, -1);
        }
    }
}


/* Redis is not asked any more: who waits need not, nor hold the worker */

static void
ngx_http_rum_delivery_given_up(ngx_http_rum_link_t *link)
{
    ngx_uint_t                  i;
    ngx_http_rum_ring_t        *ring;
    ngx_http_rum_waiter_t      *waiter;
    ngx_http_rum_delivery_t    *d;
    ngx_http_rum_ring_entry_t  *entry;

    d = link->owner;
    ring = &d->ring;

    for (i = ring->tail_entry; i != ring->head_entry; i++) {
        entry = &ring->entries[i & ring->mask];
        waiter = entry->waiter;

        /* what a file waits for can be read from it again */

        if (waiter == NULL || !waiter->spoolable) {
            continue;
        }

        entry->waiter = NULL;
        waiter->entry = NULL;
        waiter->stored = 0;
        waiter->handler(waiter);
    }
}


static void *
ngx_http_rum_delivery_create_string(const redisReadTask *task, char *str,
    size_t len)
{
    ngx_http_rum_link_t  *link;

    if (task->type != REDIS_REPLY_ERROR) {
        return &ngx_http_rum_reply_ok;
    }

    link = task->privdata;
    len = ngx_min(len, sizeof(link->error) - 1);
    ngx_cpystrn(link->error, (u_char *) str, len + 1);

    return &ngx_http_rum_reply_error;
}


#if (HIREDIS_MAJOR >= 1)

static void *
ngx_http_rum_delivery_create_array(const redisReadTask *task, size_t n)
{
    return &ngx_http_rum_reply_ok;
}

#else

static void *
ngx_http_rum_delivery_create_array(const redisReadTask *task, int n)
{
    return &ngx_http_rum_reply_ok;
}

#endif


static void *
ngx_http_rum_delivery_create_integer(const redisReadTask *task,
    long long value)
{
    ngx_http_rum_link_t      *link;
    ngx_http_rum_delivery_t  *d;

    link = task->privdata;
    d = link->owner;
    d->integer = value;

    return &ngx_http_rum_reply_ok;
}


static void *
ngx_http_rum_delivery_create_nil(const redisReadTask *task)
{
    return &ngx_http_rum_reply_ok;
}


static void
ngx_http_rum_delivery_free(void *reply)
{
    /* nothing was made */
}
