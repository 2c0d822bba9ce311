/*
 * The loop of rum-aggregator: see rum_worker.h.
 *
 * Two connections: one only reads the streams, so that the next batch is on
 * its way while this one is recorded; all else goes over the other, which is
 * blocking.
 */

#define _GNU_SOURCE                     /* ppoll() */

#include "rum_worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "rum_partition.h"


#define RUM_WORKER_COUNT     1000       /* entries of a stream at once */
#define RUM_WORKER_BLOCK     1000       /* ms that Redis waits for an entry */
#define RUM_WORKER_PACE      20         /* ms between reads of few entries */
#define RUM_WORKER_BEHIND    1000       /* ms between flushes, at least, while
                                           there is more to read */
#define RUM_WORKER_RETRY     500        /* ms between looks at a lease */
#define RUM_WORKER_BACKOFF   100        /* ms, the first time; then doubled */
#define RUM_WORKER_BACKOFFS  6          /* times, up to about 6 s */


typedef struct {
    const rum_config_t   *config;
    const char           *file;
    rum_signals_t        *signals;
    rum_config_t         *next;

    rum_redis_t           redis;
    rum_reader_t         *reader;
    rum_scratch_t         scratch;
    rum_partition_t      *partitions;
    rum_reader_stream_t  *streams;

    char                  token[RUM_TOKEN_MAX];
    uint64_t              asked_at;     /* monotonic ms */
    uint64_t              read_at;      /* not before */
    uint64_t              give_up_at;   /* once: the lease should be free */
    uint32_t              failures;     /* since the last flush */
    unsigned              once:1;
    unsigned              unread:1;     /* a partition that no request has
                                           asked for yet is held */
    unsigned              connected:1;
    unsigned              stale:1;      /* the reader asked for what is void */
    unsigned              behind:1;     /* the last batch was full, and the
                                           next one is on its way */
    unsigned              drained:1;    /* the last batch was empty */
} rum_worker_t;


static int rum_worker_init(rum_worker_t *w);
static void rum_worker_free(rum_worker_t *w);
static int rum_worker_loop(rum_worker_t *w);
static int rum_worker_turn(rum_worker_t *w);
static int rum_worker_connect(rum_worker_t *w);
static int rum_worker_fail(rum_worker_t *w, const char *error);
static int rum_worker_acquire(rum_worker_t *w);
static int rum_worker_held(rum_worker_t *w, rum_partition_t *p, int rc);
static int rum_worker_request(rum_worker_t *w);
static int rum_worker_wait(rum_worker_t *w);
static uint64_t rum_worker_timeout(rum_worker_t *w, uint64_t now);
static int rum_worker_read(rum_worker_t *w);
static int rum_worker_record(rum_worker_t *w, const rum_batch_t *batch);
static int rum_worker_flush_due(rum_worker_t *w);
static uint64_t rum_worker_flush_at(const rum_worker_t *w,
    const rum_partition_t *p);
static int rum_worker_flush(rum_worker_t *w, rum_partition_t *p);
static void rum_worker_drop(rum_worker_t *w, rum_partition_t *p);
static int rum_worker_drained(const rum_worker_t *w);
static int rum_worker_finish(rum_worker_t *w);
static void rum_worker_pause(rum_worker_t *w, uint64_t ms);
static uint64_t rum_worker_ms(clockid_t clock);
static uint64_t rum_worker_random(void);


int
rum_worker_run(const rum_config_t *config, const char *file, int once,
    rum_signals_t *signals, rum_config_t *next)
{
    int           rc;
    rum_worker_t  w;

    memset(&w, 0, sizeof(w));
    w.config = config;
    w.file = file;
    w.signals = signals;
    w.next = next;
    w.once = once != 0;

    if (rum_worker_init(&w) == RUM_OK) {
        rc = rum_worker_loop(&w);

    } else {
        rum_log(RUM_LOG_ERROR, "no memory");
        rc = RUM_WORKER_FAILED;
    }

    rum_worker_free(&w);

    return rc;
}


static int
rum_worker_init(rum_worker_t *w)
{
    char      host[64];
    uint32_t  i;
    uint64_t  seed;

    if (gethostname(host, sizeof(host)) != 0) {
        strcpy(host, "localhost");
    }

    host[sizeof(host) - 1] = '\0';

    snprintf(w->token, sizeof(w->token), "%s:%ld:%016llx", host,
             (long) getpid(), (unsigned long long) rum_worker_random());

    w->reader = rum_reader_create();
    w->partitions = calloc(w->config->partitions, sizeof(rum_partition_t));
    w->streams = calloc(w->config->partitions, sizeof(rum_reader_stream_t));

    if (w->reader == NULL || w->partitions == NULL || w->streams == NULL
        || rum_scratch_init(&w->scratch) != RUM_OK)
    {
        return RUM_ERROR;
    }

    seed = rum_worker_random();

    for (i = 0; i < w->config->partitions; i++) {
        rum_partition_init(&w->partitions[i], w->config, &w->scratch,
                           w->token, i, seed);
    }

    return RUM_OK;
}


static void
rum_worker_free(rum_worker_t *w)
{
    uint32_t  i;

    for (i = 0; w->partitions != NULL && i < w->config->partitions; i++) {
        if (w->partitions[i].held) {
            rum_partition_drop(&w->partitions[i]);
        }
    }

    rum_scratch_free(&w->scratch);
    rum_reader_destroy(w->reader);
    rum_redis_close(&w->redis);
    free(w->partitions);
    free(w->streams);
}


static int
rum_worker_loop(rum_worker_t *w)
{
    int  rc;

    for ( ;; ) {
        if (w->signals->quit) {
            return rum_worker_finish(w);
        }

        if (w->signals->reload) {
            w->signals->reload = 0;

            if (rum_config_read(w->next, w->file) == RUM_OK) {
                (void) rum_worker_finish(w);
                return RUM_WORKER_RELOAD;
            }

            rum_log(RUM_LOG_ERROR, "the configuration stays as it was");
        }

        rc = rum_worker_turn(w);

        if (rc == RUM_DECLINED
            || (rc == RUM_ERROR && w->once && !w->signals->quit))
        {
            return RUM_WORKER_FAILED;
        }

        if (rc == RUM_OK && w->once && rum_worker_drained(w)) {
            return rum_worker_finish(w);
        }
    }
}


/* RUM_ERROR: begin anew; RUM_DECLINED: give up, which only "once" does */

static int
rum_worker_turn(rum_worker_t *w)
{
    int  rc;

    rc = rum_worker_connect(w);

    if (rc == RUM_OK) {
        rc = rum_worker_acquire(w);
    }

    if (rc == RUM_OK) {
        rc = rum_worker_request(w);
    }

    if (rc == RUM_OK) {
        rc = rum_worker_wait(w);
    }

    if (rc == RUM_OK) {
        rc = rum_worker_flush_due(w);
    }

    return rc;
}


static int
rum_worker_connect(rum_worker_t *w)
{
    if (!w->connected) {
        if (rum_redis_connect(&w->redis, w->config) != RUM_OK) {
            return rum_worker_fail(w, w->redis.error);
        }

        w->connected = 1;
        w->stale = 1;
    }

    if (w->stale) {
        if (rum_reader_connect(w->reader, &w->redis, w->config) != RUM_OK) {
            return rum_worker_fail(w, rum_reader_error(w->reader));
        }

        w->stale = 0;
    }

    return RUM_OK;
}


/* what is not stored is dropped, and read again when Redis is back */

static int
rum_worker_fail(rum_worker_t *w, const char *error)
{
    uint32_t  i;
    uint64_t  wait;

    for (i = 0; i < w->config->partitions; i++) {
        if (w->partitions[i].held) {
            rum_partition_drop(&w->partitions[i]);
        }
    }

    wait = RUM_WORKER_BACKOFF << w->failures;
    wait = wait / 2 + rum_worker_random() % wait;

    if (w->failures < RUM_WORKER_BACKOFFS) {
        w->failures++;
    }

    if (w->once) {
        rum_log(RUM_LOG_ERROR, "Redis: %s", error);

    } else {
        rum_log(RUM_LOG_ERROR, "Redis: %s; again in %llu ms", error,
                (unsigned long long) wait);
    }

    rum_reader_close(w->reader);
    rum_redis_close(&w->redis);
    w->connected = 0;

    if (!w->once) {
        rum_worker_pause(w, wait);
    }

    return RUM_ERROR;
}


static int
rum_worker_acquire(rum_worker_t *w)
{
    int               rc;
    uint32_t          i;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_worker_ms(CLOCK_MONOTONIC);

    for (i = 0; i < w->config->partitions; i++) {
        p = &w->partitions[i];

        if (p->held || now < p->try_at) {
            continue;
        }

        p->try_at = now + RUM_WORKER_RETRY;

        rc = rum_worker_held(w, p, rum_partition_acquire(p, &w->redis));
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* what became of an attempt to take a lease */

static int
rum_worker_held(rum_worker_t *w, rum_partition_t *p, int rc)
{
    uint64_t  now;

    now = rum_worker_ms(CLOCK_MONOTONIC);

    if (rc == RUM_OK) {
        w->unread = 1;
        p->flushed = now;
        p->health.started_at = rum_worker_ms(CLOCK_REALTIME);

        rum_log(RUM_LOG_INFO, "partition %u: taken over at %llu-%llu",
                p->number, (unsigned long long) p->checkpoint.ms,
                (unsigned long long) p->checkpoint.seq);
        return RUM_OK;
    }

    if (rc != RUM_DECLINED) {
        return rum_worker_fail(w, w->redis.error[0] != '\0'
                                  ? w->redis.error : "no memory");
    }

    /* another one was faster: the next look tells who */

    if (p->holder[0] == '\0') {
        return RUM_OK;
    }

    if (!p->told) {
        p->told = 1;
        rum_log(RUM_LOG_INFO, "partition %u: held by %s, waiting",
                p->number, p->holder);

        if (w->give_up_at < now + p->free_in + 2 * RUM_WORKER_RETRY) {
            w->give_up_at = now + p->free_in + 2 * RUM_WORKER_RETRY;
        }
    }

    if (w->once && now > w->give_up_at) {
        rum_log(RUM_LOG_ERROR, "partition %u is held by %s, which goes on "
                "renewing its lease", p->number, p->holder);
        return RUM_DECLINED;
    }

    return RUM_OK;
}


/* asks for the next entries of what is held, unless that was done */

static int
rum_worker_request(rum_worker_t *w)
{
    uint32_t          i, n;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_worker_ms(CLOCK_MONOTONIC);

    if (rum_reader_waiting(w->reader) || now < w->read_at) {
        return RUM_OK;
    }

    for (i = 0, n = 0; i < w->config->partitions; i++) {
        p = &w->partitions[i];

        if (p->held) {
            w->streams[n].partition = p->number;
            w->streams[n].after = p->asked;
            n++;
        }
    }

    if (n == 0) {
        return RUM_OK;
    }

    if (rum_reader_request(w->reader, w->streams, n, RUM_WORKER_COUNT,
                           w->once ? 0 : RUM_WORKER_BLOCK)
        != RUM_OK)
    {
        return rum_worker_fail(w, rum_reader_error(w->reader));
    }

    w->asked_at = now;
    w->unread = 0;

    return RUM_OK;
}


static int
rum_worker_wait(rum_worker_t *w)
{
    int              n;
    uint64_t         now, ms;
    sigset_t         none;
    struct pollfd    pfd;
    struct timespec  ts;

    now = rum_worker_ms(CLOCK_MONOTONIC);
    ms = rum_worker_timeout(w, now);

    ts.tv_sec = (time_t) (ms / 1000);
    ts.tv_nsec = (long) (ms % 1000) * 1000000;

    pfd.fd = rum_reader_waiting(w->reader) ? rum_reader_fd(w->reader) : -1;
    pfd.events = POLLIN;
    pfd.revents = 0;

    sigemptyset(&none);
    n = ppoll(&pfd, 1, &ts, &none);

    if (n == -1 && errno != EINTR) {
        return rum_worker_fail(w, strerror(errno));
    }

    if (n > 0) {
        return rum_worker_read(w);
    }

    if (!rum_reader_waiting(w->reader)) {
        return RUM_OK;
    }

    now = rum_worker_ms(CLOCK_MONOTONIC);

    if (now >= w->asked_at + RUM_WORKER_PACE) {
        w->behind = 0;                  /* there is no more for now */
    }

    if (now > w->asked_at + RUM_WORKER_BLOCK + w->config->timeout) {
        return rum_worker_fail(w, "timed out");
    }

    return RUM_OK;
}


/* ms until something is to be done, should no entry come */

static uint64_t
rum_worker_timeout(rum_worker_t *w, uint64_t now)
{
    uint32_t          i;
    uint64_t          at, next;
    rum_partition_t  *p;

    next = now + RUM_WORKER_BLOCK;

    if (rum_reader_waiting(w->reader)) {
        at = w->asked_at + RUM_WORKER_PACE;
        next = w->behind && at < next ? at : next;

    } else if (w->read_at > now && w->read_at < next) {
        next = w->read_at;
    }

    for (i = 0; i < w->config->partitions; i++) {
        p = &w->partitions[i];

        at = p->held ? rum_worker_flush_at(w, p) : p->try_at;
        next = at < next ? at : next;
    }

    return next > now ? next - now : 0;
}


static int
rum_worker_read(rum_worker_t *w)
{
    int               rc;
    uint32_t          i;
    rum_batch_t       batch;
    rum_partition_t  *p;

    rc = rum_reader_read(w->reader, &batch);

    if (rc == RUM_DECLINED) {
        return RUM_OK;
    }

    if (rc != RUM_OK) {
        return rum_worker_fail(w, rum_reader_error(w->reader));
    }

    for (i = 0; i < batch.n; i++) {
        if (batch.entries[i].partition >= w->config->partitions) {
            return rum_worker_fail(w, "an answer for a stream not asked for");
        }

        if (i + 1 == batch.n
            || batch.entries[i].partition != batch.entries[i + 1].partition)
        {
            p = &w->partitions[batch.entries[i].partition];
            p->asked = batch.entries[i].entry;
        }
    }

    w->behind = batch.n >= RUM_WORKER_COUNT;
    w->drained = batch.n == 0;

    /* the next batch is made while this one is recorded; few entries are
       worth a pause, in which they become more */

    if (w->behind) {
        rc = rum_worker_request(w);
        if (rc != RUM_OK) {
            return rc;
        }

    } else if (!w->drained && !w->once) {
        w->read_at = rum_worker_ms(CLOCK_MONOTONIC) + RUM_WORKER_PACE;
    }

    return rum_worker_record(w, &batch);
}


static int
rum_worker_record(rum_worker_t *w, const rum_batch_t *batch)
{
    uint32_t          i;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_worker_ms(CLOCK_REALTIME);

    for (i = 0; i < batch->n; i++) {
        p = &w->partitions[batch->entries[i].partition];

        if (p->held
            && rum_partition_record(p, &batch->entries[i], now) != RUM_OK)
        {
            return rum_worker_fail(w, "no memory");
        }
    }

    return RUM_OK;
}


static int
rum_worker_flush_due(rum_worker_t *w)
{
    int               rc;
    uint32_t          i;
    uint64_t          now;
    rum_partition_t  *p;

    now = rum_worker_ms(CLOCK_MONOTONIC);

    for (i = 0; i < w->config->partitions; i++) {
        p = &w->partitions[i];

        if (p->held
            && (now >= rum_worker_flush_at(w, p)
                || rum_delta_large(&p->delta)))
        {
            rc = rum_worker_flush(w, p);
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
rum_worker_flush_at(const rum_worker_t *w, const rum_partition_t *p)
{
    uint64_t  wait;

    if (!rum_partition_pending(p)) {
        return p->flushed + w->config->lease / 3;
    }

    if (!w->once && rum_stream_id_cmp(&p->checkpoint, &p->found) < 0
        && rum_stream_id_cmp(&p->position, &p->found) >= 0)
    {
        return p->flushed;
    }

    wait = w->config->flush;

    if (w->behind && wait < RUM_WORKER_BEHIND
        && RUM_WORKER_BEHIND < w->config->lease / 3)
    {
        wait = RUM_WORKER_BEHIND;
    }

    return p->flushed + wait;
}


static int
rum_worker_flush(rum_worker_t *w, rum_partition_t *p)
{
    int       rc;
    size_t    events;
    uint64_t  began, now;

    began = rum_worker_ms(CLOCK_MONOTONIC);
    events = p->delta.nevents;
    w->redis.error[0] = '\0';

    rc = rum_partition_flush(p, &w->redis, rum_worker_ms(CLOCK_REALTIME),
                             began);

    now = rum_worker_ms(CLOCK_MONOTONIC);
    p->flushed = now;

    if (rc == RUM_OK) {
        w->failures = 0;
        rum_log(RUM_LOG_DEBUG, "partition %u: %zu events stored in %llu ms",
                p->number, events, (unsigned long long) (now - began));
        return RUM_OK;
    }

    if (rc == RUM_DECLINED) {
        rum_worker_drop(w, p);
        return RUM_OK;
    }

    return rum_worker_fail(w, w->redis.error[0] != '\0' ? w->redis.error
                                                        : "no memory");
}


/* what the reader asked for began where the partition does not any more */

static void
rum_worker_drop(rum_worker_t *w, rum_partition_t *p)
{
    rum_partition_drop(p);
    rum_reader_close(w->reader);
    w->stale = 1;
    p->try_at = 0;
}


/* once: all is held, and the last request, for all of it, brought nothing */

static int
rum_worker_drained(const rum_worker_t *w)
{
    uint32_t  i;

    for (i = 0; i < w->config->partitions; i++) {
        if (!w->partitions[i].held) {
            return 0;
        }
    }

    return w->drained && !w->unread && !rum_reader_waiting(w->reader);
}


/* stores what was read, and lets others have the partitions at once */

static int
rum_worker_finish(rum_worker_t *w)
{
    int               rc;
    uint32_t          i;
    rum_partition_t  *p;

    rc = RUM_WORKER_DONE;

    for (i = 0; w->connected && i < w->config->partitions; i++) {
        p = &w->partitions[i];

        if (!p->held) {
            continue;
        }

        if (rum_partition_flush(p, &w->redis, rum_worker_ms(CLOCK_REALTIME),
                                rum_worker_ms(CLOCK_MONOTONIC))
            != RUM_OK
            || rum_partition_release(p, &w->redis) != RUM_OK)
        {
            rum_log(RUM_LOG_WARN, "partition %u: what was read last is not "
                    "stored; it will be read again", p->number);
            rc = w->once ? RUM_WORKER_FAILED : RUM_WORKER_DONE;
        }
    }

    return rc;
}


static void
rum_worker_pause(rum_worker_t *w, uint64_t ms)
{
    sigset_t         none;
    struct timespec  ts;

    ts.tv_sec = (time_t) (ms / 1000);
    ts.tv_nsec = (long) (ms % 1000) * 1000000;

    sigemptyset(&none);

    if (!w->signals->quit) {
        (void) ppoll(NULL, 0, &ts, &none);
    }
}


static uint64_t
rum_worker_ms(clockid_t clock)
{
    struct timespec  ts;

    clock_gettime(clock, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static uint64_t
rum_worker_random(void)
{
    uint64_t  value;

    /* 8 bytes are never cut short once the kernel's pool is ready */

    if (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
        value = rum_worker_ms(CLOCK_REALTIME) ^ (uint64_t) getpid() << 32;
    }

    return value;
}
