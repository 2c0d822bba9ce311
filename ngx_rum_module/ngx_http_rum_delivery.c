/*
 * Delivery of events to Redis: see ngx_http_rum_delivery.h.
 */

#include "ngx_http_rum_cluster.h"
#include "ngx_http_rum_ring.h"

#include "rum_cluster.h"

#include <sys/random.h>


/*
 * Entries in a ring: one for so many bytes of it.  The smallest entry takes
 * about 200 bytes.
 */
#define NGX_HTTP_RUM_ENTRY_BYTES     256

/* events nobody waits for are written when they are so many bytes, or ms old */
#define NGX_HTTP_RUM_DELIVERY_BATCH  16384
#define NGX_HTTP_RUM_DELIVERY_DELAY  2


static ngx_int_t ngx_http_rum_delivery_init(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf, ngx_http_rum_delivery_t *d,
    ngx_uint_t partition, size_t ring);
static void ngx_http_rum_delivery_exit(ngx_http_rum_delivery_t *d);
static ngx_int_t ngx_http_rum_delivery_ring(ngx_cycle_t *cycle,
    ngx_http_rum_ring_t *ring, size_t size);
static void ngx_http_rum_delivery_name(ngx_http_rum_writer_t *w);
static u_char *ngx_http_rum_delivery_reserve(ngx_http_rum_ring_t *ring,
    size_t len);
static void ngx_http_rum_delivery_enter(ngx_http_rum_delivery_t *d,
    u_char *p, size_t len, ngx_http_rum_waiter_t *waiter,
    ngx_uint_t spooled);
static ngx_int_t ngx_http_rum_delivery_spool(
    ngx_http_rum_partition_t *partition, size_t len,
    ngx_http_rum_waiter_t *waiter);
static ngx_uint_t ngx_http_rum_delivery_at_risk(ngx_http_rum_ring_t *ring);
static ngx_uint_t ngx_http_rum_delivery_rescue(ngx_http_rum_ring_t *ring);


static ngx_http_rum_writer_t  ngx_http_rum_writer;

static u_char  ngx_http_rum_encoded[RUM_ENTRY_MAX];


ngx_int_t
ngx_http_rum_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf)
{
    size_t                     ring;
    ngx_uint_t                 i;
    ngx_http_rum_writer_t     *w;
    ngx_http_rum_delivery_t   *d;
    ngx_http_rum_partition_t  *partition;

    w = &ngx_http_rum_writer;

    ngx_memzero(w, sizeof(ngx_http_rum_writer_t));
    ngx_http_rum_delivery_name(w);

    w->npartitions = rmcf->partitions;
    w->ndeliveries = ngx_http_rum_cluster_links(rmcf->redis,
                                                rmcf->partitions);

    w->partitions = ngx_pcalloc(cycle->pool,
                          w->npartitions * sizeof(ngx_http_rum_partition_t));
    d = ngx_pcalloc(cycle->pool,
                    w->ndeliveries * sizeof(ngx_http_rum_delivery_t));

    if (w->partitions == NULL || d == NULL) {
        return NGX_ERROR;
    }

    w->deliveries = d;

    for (i = 0; i < w->npartitions; i++) {
        partition = &w->partitions[i];
        partition->delivery = &d[i % w->ndeliveries];
        rum_entry_prefix(&partition->prefix, i, rmcf->maxlen);
    }

    ring = ngx_max(rmcf->ring / w->ndeliveries, NGX_HTTP_RUM_RING_MIN);

    for (i = 0; i < w->ndeliveries; i++) {
        if (ngx_http_rum_delivery_init(cycle, rmcf, &d[i], i, ring)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_rum_spool_init_process(cycle, rmcf->spool, &w->name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < w->ndeliveries; i++) {
        (void) ngx_http_rum_link_start(&d[i].link);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_delivery_init(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf, ngx_http_rum_delivery_t *d,
    ngx_uint_t partition, size_t ring)
{
    ngx_http_rum_link_t  *link;

    if (ngx_http_rum_delivery_ring(cycle, &d->ring, ring) != NGX_OK) {
        return NGX_ERROR;
    }

    link = &d->link;
    link->redis = rmcf->redis;
    link->role = "delivery";
    link->owner = d;
    link->slot = rum_cluster_slot(partition);
    link->log = cycle->log;

    d->replicas = rmcf->replicas;
    ngx_http_rum_delivery_send_init(d);

    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_SIZE, (ngx_int_t) d->ring.size);

    return NGX_OK;
}


void
ngx_http_rum_delivery_exit_process(void)
{
    ngx_uint_t              i;
    ngx_http_rum_writer_t  *w;

    w = &ngx_http_rum_writer;

    if (w->deliveries == NULL) {
        return;
    }

    for (i = 0; i < w->ndeliveries; i++) {
        ngx_http_rum_delivery_exit(&w->deliveries[i]);
    }

    ngx_http_rum_spool_exit_process();

    for (i = 0; i < w->ndeliveries; i++) {
        ngx_free(w->deliveries[i].ring.buf);
        ngx_free(w->deliveries[i].ring.entries);
    }

    w->deliveries = NULL;
}


static void
ngx_http_rum_delivery_exit(ngx_http_rum_delivery_t *d)
{
    ngx_uint_t            left;
    ngx_http_rum_ring_t  *ring;

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
                      left, (ngx_str_t *) &ngx_http_rum_writer.name,
                      &d->link.redis->name, d->link.error);

        ngx_http_rum_stats_add(NGX_HTTP_RUM_LOST_EXIT, (ngx_int_t) left);
    }

    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_BYTES,
                           - (ngx_int_t) ring->used);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_RING_SIZE,
                           - (ngx_int_t) ring->size);
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
ngx_http_rum_delivery_name(ngx_http_rum_writer_t *w)
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
        w->text[i] = digits[n % 36];
        n /= 36;
    }

    w->name.data = w->text;
    w->name.len = NGX_HTTP_RUM_WRITER_LEN;

    w->text[i] = 's';
    w->spool_name.data = w->text;
    w->spool_name.len = NGX_HTTP_RUM_WRITER_LEN + 1;
}


ngx_int_t
ngx_http_rum_delivery_push(const rum_event_t *event, ngx_uint_t hash,
    ngx_http_rum_waiter_t *waiter)
{
    int                        n;
    size_t                     len;
    u_char                    *p;
    ngx_http_rum_writer_t     *w;
    ngx_http_rum_delivery_t   *d;
    ngx_http_rum_partition_t  *partition;

    w = &ngx_http_rum_writer;

    if (w->deliveries == NULL) {
        return NGX_BUSY;
    }

    partition = &w->partitions[hash % w->npartitions];
    d = partition->delivery;

    n = rum_entry_encode(event, ngx_http_rum_encoded, RUM_ENTRY_MAX);

    if (n < 0) {
        return NGX_BUSY;
    }

    /* who waits for an event to be safe does not wait for Redis to return */

    if (waiter != NULL && d->link.state != NGX_HTTP_RUM_LINK_READY
        && ngx_http_rum_delivery_spool(partition, (size_t) n, waiter)
           == NGX_OK)
    {
        return NGX_OK;
    }

    len = rum_entry_resp_len(&partition->prefix, &w->name,
                             partition->sequence + 1, (size_t) n);

    p = ngx_http_rum_delivery_reserve(&d->ring, len);

    if (p == NULL) {
        return ngx_http_rum_delivery_spool(partition, (size_t) n, waiter);
    }

    (void) rum_entry_resp(&partition->prefix, &w->name,
                          ++partition->sequence, ngx_http_rum_encoded,
                          (size_t) n, p, len);

    if (waiter != NULL) {
        waiter->spoolable = 1;
    }

    ngx_http_rum_delivery_enter(d, p, len, waiter, 0);
    ngx_http_rum_stats_add(NGX_HTTP_RUM_QUEUED, 1);

    if (ngx_exiting) {
        ngx_http_rum_link_extend(&d->link);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_rum_delivery_replay(ngx_uint_t number, const u_char *command,
    size_t len, ngx_http_rum_waiter_t *waiter)
{
    u_char                   *p;
    ngx_http_rum_delivery_t  *d;

    d = &ngx_http_rum_writer.deliveries[number];
    p = ngx_http_rum_delivery_reserve(&d->ring, len);

    if (p == NULL) {
        return NGX_BUSY;
    }

    ngx_memcpy(p, command, len);
    ngx_http_rum_delivery_enter(d, p, len, waiter, 1);

    return NGX_OK;
}


ngx_uint_t
ngx_http_rum_delivery_count(void)
{
    return ngx_http_rum_writer.ndeliveries;
}


ngx_int_t
ngx_http_rum_delivery_of(const u_char *command, size_t len)
{
    unsigned                partition;
    ngx_http_rum_writer_t  *w;

    w = &ngx_http_rum_writer;

    if (w->deliveries[0].link.redis->cluster == NULL) {
        return 0;
    }

    if (rum_entry_resp_partition(command, len, &partition) != RUM_OK
        || partition >= w->npartitions)
    {
        return NGX_ERROR;
    }

    return partition;
}


ngx_uint_t
ngx_http_rum_delivery_has_time(void)
{
    ngx_uint_t                i;
    ngx_http_rum_writer_t    *w;
    ngx_http_rum_delivery_t  *d;

    w = &ngx_http_rum_writer;

    if (w->deliveries == NULL) {
        return 0;
    }

    for (i = 0; i < w->ndeliveries; i++) {
        d = &w->deliveries[i];

        if (d->link.state != NGX_HTTP_RUM_LINK_READY
            || d->ring.used >= d->ring.size / 4)
        {
            return 0;
        }
    }

    return 1;
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
ngx_http_rum_delivery_spool(ngx_http_rum_partition_t *partition, size_t len,
    ngx_http_rum_waiter_t *waiter)
{
    int  n;

    static u_char  command[RUM_ENTRY_MAX + 1024];

    if (!ngx_http_rum_spool_exists()) {
        return NGX_BUSY;
    }

    n = rum_entry_resp(&partition->prefix, &ngx_http_rum_writer.spool_name,
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
