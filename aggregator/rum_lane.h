/*
 * A lane: partitions that share their connections to Redis, and what is done
 * with them.  Two connections: one only reads the streams, so that the next
 * batch is on its way while this one is recorded; all else goes over the
 * other, which is blocking.
 *
 * There is one lane for all partitions, but for a Redis Cluster: there each
 * partition has its own, and follows its node.  A lane that fails waits for a
 * while and begins anew; the others go on.  rum_worker.c runs them.
 *
 * All times are monotonic milliseconds.  Whatever returns RUM_ERROR has told
 * why in the log and has the lane begin anew.
 */

#ifndef RUM_LANE_H
#define RUM_LANE_H

#include <time.h>

#include "rum_nodes.h"
#include "rum_partition.h"

#define RUM_LANE_BLOCK       1000       /* ms that Redis waits for an entry */

typedef struct {
    const rum_config_t   *config;
    rum_redis_t           redis;
    rum_reader_t         *reader;
    rum_partition_t      *partitions;   /* the first of n */
    rum_reader_stream_t  *streams;
    uint32_t              n;

    uint64_t              asked_at;
    uint64_t              read_at;      /* not before */
    uint64_t              retry_at;     /* after a failure */
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
} rum_lane_t;

/*
 * The partitions are initialized; they must outlive the lane, as must nodes,
 * which only a cluster has.  RUM_ERROR without memory; to be freed in any
 * case.
 */
int rum_lane_init(rum_lane_t *lane, const rum_config_t *config,
    rum_partition_t *partitions, uint32_t n, rum_nodes_t *nodes, int once);
void rum_lane_free(rum_lane_t *lane);

/*
 * Connects, takes leases and asks for entries, whatever is due.  RUM_DECLINED:
 * give up, which only "once" does.
 */
int rum_lane_begin(rum_lane_t *lane);

/* the socket to poll, or -1; and when to go on, should nothing come */
int rum_lane_fd(const rum_lane_t *lane);
uint64_t rum_lane_next(const rum_lane_t *lane, uint64_t now);

/* after the poll: takes what the socket holds, or sees that it is silent */
int rum_lane_attend(rum_lane_t *lane, int readable);
int rum_lane_flush_due(rum_lane_t *lane);

/* once: all is held, and the last request, for all of it, brought nothing */
int rum_lane_drained(const rum_lane_t *lane);

/*
 * Stores what was read, and lets others have the partitions at once.
 * RUM_ERROR: something is not stored, and will be read again.
 */
int rum_lane_finish(rum_lane_t *lane);

/* drops what is not stored, and begins anew after a while; RUM_ERROR */
int rum_lane_fail(rum_lane_t *lane, const char *error);

uint64_t rum_lane_ms(clockid_t clock);
uint64_t rum_lane_random(void);

#endif /* RUM_LANE_H */
