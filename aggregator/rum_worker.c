/*
 * The loop of rum-aggregator: see rum_worker.h.
 */

#define _GNU_SOURCE                     /* ppoll() */

#include "rum_worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rum_lane.h"


typedef struct {
    const rum_config_t   *config;
    const char           *file;
    rum_signals_t        *signals;
    rum_config_t         *next;

    rum_scratch_t         scratch;
    rum_partition_t      *partitions;
    rum_nodes_t          *nodes;
    uint32_t              nlanes;
    rum_lane_t           *lanes;
    struct pollfd        *polls;        /* of the lanes */

    char                  token[RUM_TOKEN_MAX];
    unsigned              once:1;
} rum_worker_t;


static int rum_worker_init(rum_worker_t *w);
static int rum_worker_init_lanes(rum_worker_t *w);
static void rum_worker_free(rum_worker_t *w);
static int rum_worker_loop(rum_worker_t *w);
static int rum_worker_turn(rum_worker_t *w);
static int rum_worker_wait(rum_worker_t *w);
static int rum_worker_drained(const rum_worker_t *w);
static int rum_worker_finish(rum_worker_t *w);


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
             (long) getpid(), (unsigned long long) rum_lane_random());

    w->partitions = calloc(w->config->partitions, sizeof(rum_partition_t));

    if (w->partitions == NULL || rum_scratch_init(&w->scratch) != RUM_OK) {
        return RUM_ERROR;
    }

    seed = rum_lane_random();

    for (i = 0; i < w->config->partitions; i++) {
        rum_partition_init(&w->partitions[i], w->config, &w->scratch,
                           w->token, i, seed);
    }

    return rum_worker_init_lanes(w);
}


static int
rum_worker_init_lanes(rum_worker_t *w)
{
    uint32_t  i, n;

    w->nlanes = w->config->cluster ? w->config->partitions : 1;
    n = w->config->partitions / w->nlanes;

    w->nodes = calloc(1, sizeof(rum_nodes_t));
    w->polls = calloc(w->nlanes, sizeof(struct pollfd));
    w->lanes = calloc(w->nlanes, sizeof(rum_lane_t));

    if (w->nodes == NULL || w->polls == NULL || w->lanes == NULL) {
        return RUM_ERROR;
    }

    for (i = 0; i < w->nlanes; i++) {
        if (rum_lane_init(&w->lanes[i], w->config, &w->partitions[i * n], n,
                          w->nodes, w->once)
            != RUM_OK)
        {
            return RUM_ERROR;
        }
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

    for (i = 0; w->lanes != NULL && i < w->nlanes; i++) {
        rum_lane_free(&w->lanes[i]);
    }

    rum_scratch_free(&w->scratch);
    free(w->partitions);
    free(w->nodes);
    free(w->polls);
    free(w->lanes);
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


/*
 * RUM_ERROR: a lane begins anew; RUM_DECLINED: give up, which only "once"
 * does
 */

static int
rum_worker_turn(rum_worker_t *w)
{
    int       rc, all;
    uint32_t  i;

    all = RUM_OK;

    for (i = 0; i < w->nlanes; i++) {
        rc = rum_lane_begin(&w->lanes[i]);

        if (rc == RUM_DECLINED) {
            return rc;
        }

        all |= rc;
    }

    if (all == RUM_OK || !w->once) {
        all |= rum_worker_wait(w);
    }

    for (i = 0; i < w->nlanes; i++) {
        all |= rum_lane_flush_due(&w->lanes[i]);
    }

    return all;
}


static int
rum_worker_wait(rum_worker_t *w)
{
    int              n, all, err;
    uint32_t         i;
    uint64_t         now, at, next;
    sigset_t         none;
    struct timespec  ts;

    now = rum_lane_ms(CLOCK_MONOTONIC);
    next = now + RUM_LANE_BLOCK;

    for (i = 0; i < w->nlanes; i++) {
        w->polls[i].fd = rum_lane_fd(&w->lanes[i]);
        w->polls[i].events = POLLIN;
        w->polls[i].revents = 0;

        at = rum_lane_next(&w->lanes[i], now);
        next = at < next ? at : next;
    }

    next = next > now ? next - now : 0;

    ts.tv_sec = (time_t) (next / 1000);
    ts.tv_nsec = (long) (next % 1000) * 1000000;

    sigemptyset(&none);
    n = ppoll(w->polls, w->nlanes, &ts, &none);
    err = n == -1 ? errno : 0;

    all = RUM_OK;

    for (i = 0; i < w->nlanes; i++) {
        all |= err != 0 && err != EINTR
               ? rum_lane_fail(&w->lanes[i], strerror(err))
               : rum_lane_attend(&w->lanes[i], w->polls[i].revents != 0);
    }

    return all;
}


static int
rum_worker_drained(const rum_worker_t *w)
{
    uint32_t  i;

    for (i = 0; i < w->nlanes; i++) {
        if (!rum_lane_drained(&w->lanes[i])) {
            return 0;
        }
    }

    return 1;
}


/* what a lane could not store is read again by who comes next */

static int
rum_worker_finish(rum_worker_t *w)
{
    int       rc;
    uint32_t  i;

    rc = RUM_OK;

    for (i = 0; i < w->nlanes; i++) {
        rc |= rum_lane_finish(&w->lanes[i]);
    }

    return rc != RUM_OK && w->once ? RUM_WORKER_FAILED : RUM_WORKER_DONE;
}
