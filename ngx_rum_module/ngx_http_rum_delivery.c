/*
 * Delivery of events to Redis: see ngx_http_rum_delivery.h.
 */

#include "ngx_http_rum_spool.h"

#include "rum_ring.h"

#include <sys/random.h>


/*
 * Entries in a ring: one for so many bytes of it.  The smallest entry takes
 * about 200 bytes.
 */
#define NGX_HTTP_RUM_ENTRY_BYTES     256

#define NGX_HTTP_RUM_WRITER_LEN      10

/* events nobody waits for are written when they are so many bytes, or ms old */
#define NGX_HTTP_RUM_DELIVERY_BATCH  16384
#define NGX_HTTP_RUM_DELIVERY_DELAY  2

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
    rum_entry_prefix_t            prefix;
    uint64_t                      sequence;
    uint64_t                      spool_sequence;
} ngx_http_rum_partition_t;


typedef struct {
    ngx_http_rum_link_t           link;
    ngx_http_rum_ring_t           ring;
    ngx_event_t                   flush;        /* posted */
    ngx_event_t                   delay;        /* a timer, to the same end */
    rum_str_t                     writer;
    rum_str_t                     spool_writer;
    u_char                        writer_name[NGX_HTTP_RUM_WRITER_LEN + 1];
    ngx_uint_t                    npartitions;
    ngx_http_rum_partition_t     *partitions;

    ngx_uint_t                    replicas;     /* that must have it as well */
    ngx_uint_t                    wait_entry;   /* WAIT is about those before */
    size_t                        wait_len;
    size_t                        wait_left;    /* bytes not sent yet */
    long long                     integer;      /* of the last such reply */
    u_char                        wait[NGX_HTTP_RUM_DELIVERY_WAIT];

    unsigned                      waiting:1;    /* for the reply to WAIT */
    unsigned                      up:1;         /* counted as a link */
} ngx_http_rum_delivery_t;


static ngx_int_t ngx_http_rum_delivery_ring(ngx_cycle_t *cycle,
    ngx_http_rum_ring_t *ring, size_t size);
static void ngx_http_rum_delivery_writer(ngx_http_rum_delivery_t *d);
static u_char *ngx_http_rum_delivery_reserve(ngx_http_rum_ring_t *ring,
    size_t len);
static void ngx_http_rum_delivery_enter(ngx_http_rum_delivery_t *d,
    u_char *p, size_t len, ngx_http_rum_waiter_t *waiter,
    ngx_uint_t spooled);
static ngx_int_t ngx_http_rum_delivery_spool(ngx_http_rum_delivery_t *d,
    ngx_http_rum_partition_t *partition, size_t len,
    ngx_http_rum_waiter_t *waiter);
static ngx_uint_t ngx_http_rum_delivery_at_risk(ngx_http_rum_ring_t *ring);
static ngx_uint_t ngx_http_rum_delivery_rescue(ngx_http_rum_ring_t *ring);
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

static ngx_http_rum_delivery_t  *ngx_http_rum_delivery;

static u_char  ngx_http_rum_encoded[RUM_ENTRY_MAX];


ngx_int_t
ngx_http_rum_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf)
{
    ngx_uint_t                i;
    ngx_http_rum_link_t      *link;
    ngx_http_rum_delivery_t  *d;

    d = ngx_pcalloc(cycle->pool, sizeof(ngx_http_rum_delivery_t));
    if (d == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_rum_delivery_ring(cycle, &d->ring, rmcf->ring) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_rum_delivery_writer(d);

    d->npartitions = rmcf->partitions;
    d->partitions = ngx_pcalloc(cycle->pool,
                       rmcf->partitions * sizeof(ngx_http_rum_partition_t));
    if (d->partitions == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < d->npartitions; i++) {
        rum_entry_prefix(&d->partitions[i].prefix, i, rmcf->maxlen);
    }

    d->flush.handler = ngx_http_rum_delivery_flush_handler;
    d->flush.data = d;
    d->flush.log = cycle->log;

    d->delay.handler = ngx_http_rum_delivery_delay_handler;
    d->delay.data = &d->link.dummy;
    d->delay.log = cycle->log;

    link = &d->link;
    link->redis = rmcf->redis;
    link->role = "delivery";
    link->owner = d;
    link->ready = ngx_http_rum_delivery_ready;
    link->writable = ngx_http_rum_delivery_flush;
    link->reply = ngx_http_rum_delivery_reply;
    link->closed = ngx_http_rum_delivery_closed;
    link->functions = &ngx_http_rum_delivery_functions;
    link->log = cycle->log;

    d->replicas = rmcf->replicas;
    ngx_http_rum_delivery_wait_command(d);

    if (ngx_http_rum_spool_init_process(cycle, rmcf->spool, &d->writer)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_rum_delivery = d;
    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_SIZE, (ngx_int_t) d->ring.size);

    return ngx_http_rum_link_start(link);
}


void
ngx_http_rum_delivery_exit_process(void)
{
    ngx_uint_t                left;
    ngx_http_rum_ring_t      *ring;
    ngx_http_rum_delivery_t  *d;

    d = ngx_http_rum_delivery;

    if (d == NULL) {
        return;
    }

    ring = &d->ring;
    left = ngx_http_rum_delivery_at_risk(ring);

    if (d->up) {
        ngx_http_rum_stats_add(NGX_HTTP_RUM_REDIS_LINKS, -1);
    }

    if (d->delay.timer_set) {
        ngx_del_timer(&d->delay);
    }

    ngx_http_rum_link_stop(&d->link);

    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_AT_RISK, - (ngx_int_t) left);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_EVENTS,
                           - (ngx_int_t) (ring->head_entry
                                          - ring->tail_entry));

    if (left != 0 && ngx_http_rum_spool_exists()) {
        left -= ngx_http_rum_delivery_rescue(ring);
    }

    if (left != 0) {
        ngx_log_error(NGX_LOG_CRIT, d->link.log, 0,
                      "rum delivery: %ui events of writer \"%V\" "
                      "were not acknowledged by redis \"%V\": %s",
                      left, (ngx_str_t *) &d->writer, &d->link.redis->name,
                      d->link.error);

        ngx_http_rum_stats_add(NGX_HTTP_RUM_LOST_EXIT, (ngx_int_t) left);
    }

    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_BYTES,
                           - (ngx_int_t) ring->used);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_SIZE,
                           - (ngx_int_t) ring->size);

    ngx_http_rum_spool_exit_process();

    ngx_free(ring->buf);
    ngx_free(ring->entries);

    ngx_http_rum_delivery = NULL;
}


/* how many events the ring alone has */

static ngx_uint_t
ngx_http_rum_delivery_at_risk(ngx_http_rum_ring_t *ring)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = ring->tail_entry; i != ring->head_entry; i++) {
        n += !ring->entries[i & ring->mask].spooled;
    }

    return n;
}


/* what the ring alone has goes to the spool; returns how much of it went */

static ngx_uint_t
ngx_http_rum_delivery_rescue(ngx_http_rum_ring_t *ring)
{
    ngx_uint_t                  i, n;
    ngx_http_rum_ring_entry_t  *entry;

    n = 0;

    for (i = ring->tail_entry; i != ring->head_entry; i++) {
        entry = &ring->entries[i & ring->mask];

        if (!entry->spooled
            && ngx_http_rum_spool_append(ring->buf + entry->offset,
                                         entry->len, NULL)
               == NGX_OK)
        {
            n++;
        }
    }

    return n;
}


static ngx_int_t
ngx_http_rum_delivery_ring(ngx_cycle_t *cycle, ngx_http_rum_ring_t *ring,
    size_t size)
{
    ngx_uint_t  n;

    for (n = 1024; n < size / NGX_HTTP_RUM_ENTRY_BYTES; n *= 2) { /* void */ }

    /* not from a pool: pages that are never used are never touched */

    ring->buf = ngx_alloc(size, cycle->log);
    ring->entries = ngx_alloc(n * sizeof(ngx_http_rum_ring_entry_t),
                              cycle->log);

    if (ring->buf == NULL || ring->entries == NULL) {
        return NGX_ERROR;
    }

    ring->size = size;
    ring->mask = n - 1;
    rum_ring_init(&ring->room, size);

    return NGX_OK;
}


/*
 * The writer's name is new for each run of each worker on any machine: 50
 * random bits.  What goes to the spool before it was in the ring comes to
 * Redis much later than its neighbours, and counts as a writer of its own:
 * there are no gaps in either, however often events go now here, now there.
 */

static void
ngx_http_rum_delivery_writer(ngx_http_rum_delivery_t *d)
{
    size_t    i;
    uint64_t  n;

    static const u_char  digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    if (getrandom(&n, sizeof(uint64_t), GRND_NONBLOCK)
        != (ssize_t) sizeof(uint64_t))
    {
        n = ((uint64_t) ngx_random() << 33) ^ ((uint64_t) ngx_pid << 24)
            ^ (uint64_t) ngx_current_msec;
    }

    for (i = 0; i < NGX_HTTP_RUM_WRITER_LEN; i++) {
        d->writer_name[i] = digits[n % 36];
        n /= 36;
    }

    d->writer.data = d->writer_name;
    d->writer.len = NGX_HTTP_RUM_WRITER_LEN;

    d->writer_name[i] = 's';
    d->spool_writer.data = d->writer_name;
    d->spool_writer.len = NGX_HTTP_RUM_WRITER_LEN + 1;
}


ngx_int_t
ngx_http_rum_delivery_push(const rum_event_t *event, ngx_uint_t hash,
    ngx_http_rum_waiter_t *waiter)
{
    int                        n;
    size_t                     len;
    u_char                    *p;
    ngx_http_rum_delivery_t   *d;
    ngx_http_rum_partition_t  *partition;

    d = ngx_http_rum_delivery;

    if (d == NULL) {
        return NGX_BUSY;
    }

    partition = &d->partitions[hash % d->npartitions];

    n = rum_entry_encode(event, ngx_http_rum_encoded, RUM_ENTRY_MAX);

    if (n < 0) {
        return NGX_BUSY;
    }

    /* who waits for an event to be safe does not wait for Redis to return */

    if (waiter != NULL && d->link.state != NGX_HTTP_RUM_LINK_READY
        && ngx_http_rum_delivery_spool(d, partition, (size_t) n, waiter)
           == NGX_OK)
    {
        return NGX_OK;
    }

    len = rum_entry_resp_len(&partition->prefix, &d->writer,
                             partition->sequence + 1, (size_t) n);

    p = ngx_http_rum_delivery_reserve(&d->ring, len);

    if (p == NULL) {
        return ngx_http_rum_delivery_spool(d, partition, (size_t) n, waiter);
    }

    (void) rum_entry_resp(&partition->prefix, &d->writer,
                          ++partition->sequence, ngx_http_rum_encoded,
                          (size_t) n, p, len);

    if (waiter != NULL) {
        waiter->spoolable = 1;
    }

    ngx_http_rum_delivery_enter(d, p, len, waiter, 0);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_QUEUED, 1);

    return NGX_OK;
}


ngx_int_t
ngx_http_rum_delivery_replay(const u_char *command, size_t len,
    ngx_http_rum_waiter_t *waiter)
{
    u_char                   *p;
    ngx_http_rum_delivery_t  *d;

    d = ngx_http_rum_delivery;
    p = ngx_http_rum_delivery_reserve(&d->ring, len);

    if (p == NULL) {
        return NGX_BUSY;
    }

    ngx_memcpy(p, command, len);
    ngx_http_rum_delivery_enter(d, p, len, waiter, 1);

    return NGX_OK;
}


ngx_uint_t
ngx_http_rum_delivery_has_time(void)
{
    ngx_http_rum_delivery_t  *d;

    d = ngx_http_rum_delivery;

    return d != NULL && d->link.state == NGX_HTTP_RUM_LINK_READY
           && d->ring.used < d->ring.size / 4;
}


/* an entry whose bytes are in the ring becomes one of its entries */

static void
ngx_http_rum_delivery_enter(ngx_http_rum_delivery_t *d, u_char *p,
    size_t len, ngx_http_rum_waiter_t *waiter, ngx_uint_t spooled)
{
    ngx_http_rum_ring_t        *ring;
    ngx_http_rum_ring_entry_t  *entry;

    ring = &d->ring;

    entry = &ring->entries[ring->head_entry & ring->mask];
    entry->offset = (uint32_t) (p - ring->buf);
    entry->len = (uint32_t) len & 0x7fffffff;
    entry->spooled = (spooled != 0);
    entry->waiter = waiter;

    if (waiter != NULL) {
        waiter->entry = &entry->waiter;
    }

    ring->head_entry++;
    ring->used += len;

    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_EVENTS, 1);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_AT_RISK, spooled ? 0 : 1);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_BYTES, (ngx_int_t) len);
    ngx_http_rum_stats_max(NGX_HTTP_RUM_RING_HIGH, ring->used);

    ngx_http_rum_link_pending(&d->link, 1);

    /*
     * Written after all other events of this turn, once, if somebody waits
     * for it or it is much; else a little later with those of other turns: a
     * write costs as much as an event.
     */

    ring->unsent += len;

    if (waiter != NULL || ring->unsent >= NGX_HTTP_RUM_DELIVERY_BATCH) {

        if (!d->flush.posted) {
            ngx_post_event(&d->flush, &ngx_posted_events);
        }

    } else if (!d->delay.timer_set && !d->flush.posted) {
        ngx_add_timer(&d->delay, NGX_HTTP_RUM_DELIVERY_DELAY);
    }
}


static ngx_int_t
ngx_http_rum_delivery_spool(ngx_http_rum_delivery_t *d,
    ngx_http_rum_partition_t *partition, size_t len,
    ngx_http_rum_waiter_t *waiter)
{
    int  n;

    static u_char  command[RUM_ENTRY_MAX + 1024];

    if (!ngx_http_rum_spool_exists()) {
        return NGX_BUSY;
    }

    n = rum_entry_resp(&partition->prefix, &d->spool_writer,
                       partition->spool_sequence + 1, ngx_http_rum_encoded,
                       len, command, sizeof(command));

    if (n < 0
        || ngx_http_rum_spool_append(command, (size_t) n, waiter) != NGX_OK)
    {
        return NGX_BUSY;
    }

    partition->spool_sequence++;

    return NGX_OK;
}


/* room for one entry in one piece, or NULL */

static u_char *
ngx_http_rum_delivery_reserve(ngx_http_rum_ring_t *ring, size_t len)
{
    size_t  at;

    if (ring->head_entry - ring->tail_entry > ring->mask) {
        return NULL;
    }

    at = rum_ring_reserve(&ring->room, ring->tail_entry,
                          ring->entries[ring->tail_entry & ring->mask].offset,
                          ring->head_entry, len);

    return (at != RUM_RING_FULL) ? ring->buf + at : NULL;
}


void
ngx_http_rum_delivery_forget(ngx_http_rum_waiter_t *waiter)
{
    if (waiter->entry != NULL) {
        *waiter->entry = NULL;
        waiter->entry = NULL;
    }

    if (waiter->queue.next != NULL) {
        ngx_queue_remove(&waiter->queue);
        waiter->queue.next = NULL;
    }
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

    if (d->replicas == 0 || d->waiting || ring->partial != 0
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
