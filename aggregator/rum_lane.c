/*
 * A lane: see rum_lane.h.
 */

#include "rum_lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>


#define RUM_LANE_COUNT       1000       /* entries of a stream at once */
#define RUM_LANE_PACE        20         /* ms between reads of few entries */
#define RUM_LANE_BEHIND      1000       /* ms between flushes, at least, while
                                           there is more to read */
#define RUM_LANE_RETRY       500        /* ms between looks at a lease */
#define RUM_LANE_BACKOFF     100        /* ms, the first time; then doubled */
#define RUM_LANE_BACKOFFS    6          /* times, up to about 6 s */


static int rum_lane_silent(rum_lane_t *lane);
static void rum_lane_failed(rum_lane_t *lane, uint64_t began);
static int rum_lane_connect(rum_lane_t *lane);
static int rum_lane_acquire(rum_lane_t *lane);
static int rum_lane_held(rum_lane_t *lane, rum_partition_t *p, int rc);
static int rum_lane_request(rum_lane_t *lane);
static int rum_lane_read(rum_lane_t *lane);
static rum_partition_t *rum_lane_find(const rum_lane_t *lane,
    uint32_t number);
static int rum_lane_record(rum_lane_t *lane, const rum_batch_t *batch);
static uint64_t rum_lane_flush_at(const rum_lane_t *lane,
    const rum_partition_t *p);
static int rum_lane_flush(rum_lane_t *lane, rum_partition_t *p);
static void rum_lane_drop(rum_lane_t *lane, rum_partition_t *p);


int
rum_lane_init(rum_lane_t *lane, const rum_config_t *config,
    rum_partition_t *partitions, uint32_t n, rum_nodes_t *nodes, int once)
{
    memset(lane, 0, sizeof(rum_lane_t));

    lane->config = config;
    lane->partitions = partitions;
    lane->n = n;
    lane->once = once != 0;
    lane->redis.partition = partitions->number;
    lane->redis.nodes = nodes;

    lane->reader = rum_reader_create();
    lane->streams = calloc(n, sizeof(rum_reader_stream_t));

    return lane->reader != NULL && lane->streams != NULL ? RUM_OK
                                                         : RUM_ERROR;
}


void
rum_lane_free(rum_lane_t *lane)
{
    rum_reader_destroy(lane->reader);
    rum_redis_close(&lane->redis);
    free(lane->streams);
}


int
rum_lane_begin(rum_lane_t *lane)
{
    int  rc;

    if (rum_lane_ms(CLOCK_MONOTONIC) < lane->retry_at) {
        return RUM_OK;
    }

    rc = rum_lane_silent(lane);

    if (rc == RUM_OK) {
        rc = rum_lane_connect(lane);
    }

    if (rc == RUM_OK) {
        rc = rum_lane_acquire(lane);
    }

    if (rc == RUM_OK) {
        rc = rum_lane_request(lane);
    }

    return rc;
}


static int
rum_lane_connect(rum_lane_t *lane)
{
    if (!lane->connected) {
        if (rum_redis_connect(&lane->redis, lane->config) != RUM_OK) {
            return rum_lane_fail(lane, lane->redis.error);
        }

        lane->connected = 1;
        lane->stale = 1;
    }

    if (lane->stale) {
        if (rum_reader_connect(lane->reader, &lane->redis, lane->config)
            != RUM_OK)
        {
            return rum_lane_fail(lane, rum_reader_error(lane->reader));
        }

        lane->stale = 0;
    }

    return RUM_OK;
}


/* another lane may have found that the node does not answer */

static int
rum_lane_silent(rum_lane_t *lane)
{
    if (!lane->config->cluster || !lane->connected
        || !rum_nodes_silent(lane->redis.nodes, &lane->redis.master))
    {
        return RUM_OK;
    }

    return rum_lane_fail(lane, "the node does not answer");
}


static void
rum_lane_failed(rum_lane_t *lane, uint64_t began)
{
    if (lane->config->cluster) {
        rum_nodes_failed(lane->redis.nodes, &lane->redis.master, began);
    }
}


/* what is not stored is dropped, and read again when Redis is back */

int
rum_lane_fail(rum_lane_t *lane, const char *error)
{
    char      which[32];
    uint32_t  i;
    uint64_t  wait;

    for (i = 0; i < lane->n; i++) {
        if (lane->partitions[i].held) {
            rum_partition_drop(&lane->partitions[i]);
        }
    }

    wait = RUM_LANE_BACKOFF << lane->failures;
    wait = wait / 2 + rum_lane_random() % wait;

    if (lane->failures < RUM_LANE_BACKOFFS) {
        lane->failures++;
    }

    which[0] = '\0';

    if (lane->config->cluster) {
        snprintf(which, sizeof(which), "partition %u: ",
                 lane->partitions[0].number);
    }

    if (lane->once) {
        rum_log(RUM_LOG_ERROR, "%sRedis: %s", which, error);

    } else {
        rum_log(RUM_LOG_ERROR, "%sRedis: %s; again in %llu ms", which, error,
                (unsigned long long) wait);
    }

    rum_reader_close(lane->reader);
    rum_redis_close(&lane->redis);
    lane->connected = 0;
    lane->retry_at = rum_lane_ms(CLOCK_MONOTONIC) + wait;

    return RUM_ERROR;
}


static int
rum_lane_acquire(rum_lane_t *lane)
{
    int               rc;
    uint32_t          i;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_lane_ms(CLOCK_MONOTONIC);

    for (i = 0; i < lane->n; i++) {
        p = &lane->partitions[i];

        if (p->held || now < p->try_at) {
            continue;
        }

        p->try_at = now + RUM_LANE_RETRY;

        rc = rum_partition_acquire(p, &lane->redis);

        if (rc == RUM_ERROR) {
            rum_lane_failed(lane, now);
        }

        rc = rum_lane_held(lane, p, rc);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* what became of an attempt to take a lease */

static int
rum_lane_held(rum_lane_t *lane, rum_partition_t *p, int rc)
{
    uint64_t  now;

    now = rum_lane_ms(CLOCK_MONOTONIC);

    if (rc == RUM_OK) {
        lane->unread = 1;
        p->flushed = now;
        p->health.started_at = rum_lane_ms(CLOCK_REALTIME);

        rum_log(RUM_LOG_INFO, "partition %u: taken over at %llu-%llu",
                p->number, (unsigned long long) p->checkpoint.ms,
                (unsigned long long) p->checkpoint.seq);
        return RUM_OK;
    }

    if (rc != RUM_DECLINED) {
        return rum_lane_fail(lane, lane->redis.error[0] != '\0'
                                   ? lane->redis.error : "no memory");
    }

    /* another one was faster: the next look tells who */

    if (p->holder[0] == '\0') {
        return RUM_OK;
    }

    if (!p->told) {
        p->told = 1;
        rum_log(RUM_LOG_INFO, "partition %u: held by %s, waiting",
                p->number, p->holder);

        if (lane->give_up_at < now + p->free_in + 2 * RUM_LANE_RETRY) {
            lane->give_up_at = now + p->free_in + 2 * RUM_LANE_RETRY;
        }
    }

    if (lane->once && now > lane->give_up_at) {
        rum_log(RUM_LOG_ERROR, "partition %u is held by %s, which goes on "
                "renewing its lease", p->number, p->holder);
        return RUM_DECLINED;
    }

    return RUM_OK;
}


/* asks for the next entries of what is held, unless that was done */

static int
rum_lane_request(rum_lane_t *lane)
{
    uint32_t          i, n;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_lane_ms(CLOCK_MONOTONIC);

    if (rum_reader_waiting(lane->reader) || now < lane->read_at) {
        return RUM_OK;
    }

    /* once: the other lanes have something to do */

    if (lane->once && rum_lane_drained(lane)) {
        return RUM_OK;
    }

    for (i = 0, n = 0; i < lane->n; i++) {
        p = &lane->partitions[i];

        if (p->held) {
            lane->streams[n].partition = p->number;
            lane->streams[n].after = p->asked;
            n++;
        }
    }

    if (n == 0) {
        return RUM_OK;
    }

    if (rum_reader_request(lane->reader, lane->streams, n, RUM_LANE_COUNT,
                           lane->once ? 0 : RUM_LANE_BLOCK)
        != RUM_OK)
    {
        return rum_lane_fail(lane, rum_reader_error(lane->reader));
    }

    lane->asked_at = now;
    lane->unread = 0;

    return RUM_OK;
}


int
rum_lane_fd(const rum_lane_t *lane)
{
    return rum_reader_waiting(lane->reader) ? rum_reader_fd(lane->reader)
                                            : -1;
}


int
rum_lane_attend(rum_lane_t *lane, int readable)
{
    uint64_t  now;

    if (!rum_reader_waiting(lane->reader)) {
        return RUM_OK;
    }

    if (readable) {
        return rum_lane_read(lane);
    }

    now = rum_lane_ms(CLOCK_MONOTONIC);

    if (now >= lane->asked_at + RUM_LANE_PACE) {
        lane->behind = 0;               /* there is no more for now */
    }

    if (now > lane->asked_at + RUM_LANE_BLOCK + lane->config->timeout) {
        rum_lane_failed(lane, lane->asked_at);
        return rum_lane_fail(lane, "timed out");
    }

    return RUM_OK;
}


uint64_t
rum_lane_next(const rum_lane_t *lane, uint64_t now)
{
    uint32_t          i;
    uint64_t          at, next;
    rum_partition_t  *p;

    if (!lane->connected) {
        return lane->retry_at;
    }

    next = now + RUM_LANE_BLOCK;

    if (rum_reader_waiting(lane->reader)) {
        at = lane->asked_at + RUM_LANE_PACE;
        next = lane->behind && at < next ? at : next;

    } else if (lane->read_at > now && lane->read_at < next) {
        next = lane->read_at;
    }

    for (i = 0; i < lane->n; i++) {
        p = &lane->partitions[i];

        at = p->held ? rum_lane_flush_at(lane, p) : p->try_at;
        next = at < next ? at : next;
    }

    return next;
}


static int
rum_lane_read(rum_lane_t *lane)
{
    int               rc;
    uint32_t          i;
    rum_batch_t       batch;
    rum_partition_t  *p;

    rc = rum_reader_read(lane->reader, &batch);

    if (rc == RUM_DECLINED) {
        return RUM_OK;
    }

    if (rc != RUM_OK) {
        return rum_lane_fail(lane, rum_reader_error(lane->reader));
    }

    for (i = 0; i < batch.n; i++) {
        if (rum_lane_find(lane, batch.entries[i].partition) == NULL) {
            return rum_lane_fail(lane, "an answer for a stream not asked for");
        }

        if (i + 1 == batch.n
            || batch.entries[i].partition != batch.entries[i + 1].partition)
        {
            p = rum_lane_find(lane, batch.entries[i].partition);
            p->asked = batch.entries[i].entry;
        }
    }

    lane->behind = batch.n >= RUM_LANE_COUNT;
    lane->drained = batch.n == 0;

    /* the next batch is made while this one is recorded; few entries are
       worth a pause, in which they become more */

    if (lane->behind) {
        rc = rum_lane_request(lane);
        if (rc != RUM_OK) {
            return rc;
        }

    } else if (!lane->drained && !lane->once) {
        lane->read_at = rum_lane_ms(CLOCK_MONOTONIC) + RUM_LANE_PACE;
    }

    return rum_lane_record(lane, &batch);
}


/* NULL: it is none of the lane's */

static rum_partition_t *
rum_lane_find(const rum_lane_t *lane, uint32_t number)
{
    uint32_t  i;

    i = number - lane->partitions[0].number;

    return i < lane->n ? &lane->partitions[i] : NULL;
}


static int
rum_lane_record(rum_lane_t *lane, const rum_batch_t *batch)
{
    uint32_t          i;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_lane_ms(CLOCK_REALTIME);

    for (i = 0; i < batch->n; i++) {
        p = rum_lane_find(lane, batch->entries[i].partition);

        if (p->held
            && rum_partition_record(p, &batch->entries[i], now) != RUM_OK)
        {
            return rum_lane_fail(lane, "no memory");
        }
    }

    return RUM_OK;
}


int
rum_lane_flush_due(rum_lane_t *lane)
{
    int               rc;
    uint32_t          i;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_lane_ms(CLOCK_MONOTONIC);

    rc = rum_lane_silent(lane);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < lane->n; i++) {
        p = &lane->partitions[i];

        if (p->held
            && (now >= rum_lane_flush_at(lane, p)
                || rum_delta_large(&p->delta)))
        {
            rc = rum_lane_flush(lane, p);
            if (rc != RUM_OK) {
                return rc;
            }
        }
    }

    return RUM_OK;
}


/*
 * With nothing to store, in time to renew the lease.  While there is more to
 * read, what a flush costs is better spent on reading; what had gathered in
 * the stream when the partition was taken over has waited for long enough.
 */

static uint64_t
rum_lane_flush_at(const rum_lane_t *lane, const rum_partition_t *p)
{
    uint64_t  wait;

    if (!rum_partition_pending(p)) {
        return p->flushed + lane->config->lease / 3;
    }

    if (!lane->once && rum_stream_id_cmp(&p->checkpoint, &p->found) < 0
        && rum_stream_id_cmp(&p->position, &p->found) >= 0)
    {
        return p->flushed;
    }

    wait = lane->config->flush;

    if (lane->behind && wait < RUM_LANE_BEHIND
        && RUM_LANE_BEHIND < lane->config->lease / 3)
    {
        wait = RUM_LANE_BEHIND;
    }

    return p->flushed + wait;
}


static int
rum_lane_flush(rum_lane_t *lane, rum_partition_t *p)
{
    int       rc;
    size_t    events;
    uint64_t  began, now;

    began = rum_lane_ms(CLOCK_MONOTONIC);
    events = p->delta.nevents;
    lane->redis.error[0] = '\0';

    rc = rum_partition_flush(p, &lane->redis, rum_lane_ms(CLOCK_REALTIME),
                             began);

    now = rum_lane_ms(CLOCK_MONOTONIC);
    p->flushed = now;

    if (rc == RUM_OK) {
        lane->failures = 0;
        rum_log(RUM_LOG_DEBUG, "partition %u: %zu events stored in %llu ms",
                p->number, events, (unsigned long long) (now - began));
        return RUM_OK;
    }

    if (rc == RUM_DECLINED) {
        rum_lane_drop(lane, p);
        return RUM_OK;
    }

    rum_lane_failed(lane, began);

    return rum_lane_fail(lane, lane->redis.error[0] != '\0'
                               ? lane->redis.error : "no memory");
}


/* what the reader asked for began where the partition does not any more */

static void
rum_lane_drop(rum_lane_t *lane, rum_partition_t *p)
{
    rum_partition_drop(p);
    rum_reader_close(lane->reader);
    lane->stale = 1;
    p->try_at = 0;
}


int
rum_lane_drained(const rum_lane_t *lane)
{
    uint32_t  i;

    for (i = 0; i < lane->n; i++) {
        if (!lane->partitions[i].held) {
            return 0;
        }
    }

    return lane->drained && !lane->unread && !rum_reader_waiting(lane->reader);
}


int
rum_lane_finish(rum_lane_t *lane)
{
    int               rc;
    uint32_t          i;
    rum_partition_t  *p;

    rc = RUM_OK;

    for (i = 0; lane->connected && i < lane->n; i++) {
        p = &lane->partitions[i];

        if (!p->held) {
            continue;
        }

        if (rum_partition_flush(p, &lane->redis, rum_lane_ms(CLOCK_REALTIME),
                                rum_lane_ms(CLOCK_MONOTONIC))
            != RUM_OK
            || rum_partition_release(p, &lane->redis) != RUM_OK)
        {
            rum_log(RUM_LOG_WARN, "partition %u: what was read last is not "
                    "stored; it will be read again", p->number);
            rc = RUM_ERROR;
        }
    }

    return rc;
}


uint64_t
rum_lane_ms(clockid_t clock)
{
    struct timespec  ts;

    clock_gettime(clock, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


uint64_t
rum_lane_random(void)
{
    uint64_t  value;

    /* 8 bytes are never cut short once the kernel's pool is ready */

    if (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
        value = rum_lane_ms(CLOCK_REALTIME) ^ (uint64_t) getpid() << 32;
    }

    return value;
}
