/*
 * The loop of rum-aggregator: connections, leases, reading, flushing, all
 * partitions of the configuration in one thread.
 */

#ifndef RUM_WORKER_H
#define RUM_WORKER_H

#include "rum_config.h"

/* set by signal handlers, which are let in only while the loop waits */
typedef struct {
    volatile int          quit;
    volatile int          reload;
} rum_signals_t;

#define RUM_WORKER_DONE        0
#define RUM_WORKER_FAILED      1
#define RUM_WORKER_RELOAD      2

/*
 * Runs until it is told to quit or, once, until everything that is in the
 * streams is in the rollups.  RUM_WORKER_RELOAD: "next" was read from the
 * file and is to be run with instead.  Leases are given back in any case.
 */
int rum_worker_run(const rum_config_t *config, const char *file, int once,
    rum_signals_t *signals, rum_config_t *next);

#endif /* RUM_WORKER_H */
