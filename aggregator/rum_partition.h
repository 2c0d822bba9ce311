/*
 * One partition: its lease, its state in memory, and the three things that
 * are done with it: take the lease and load, record entries, flush.
 *
 * Everything in memory follows from Redis and from the entries read since
 * the checkpoint.  Whenever it is not certain that the two agree (the lease
 * is gone, the checkpoint was moved, a transaction failed or its outcome is
 * not known), the memory is dropped and loaded again: that is the whole of
 * error handling here.
 */

#ifndef RUM_PARTITION_H
#define RUM_PARTITION_H

#include "rum_entry.h"
#include "rum_errors.h"
#include "rum_gather.h"
#include "rum_health.h"
#include "rum_lately.h"
#include "rum_reader.h"
#include "rum_recent.h"
#include "rum_settle.h"
#include "rum_store.h"
#include "rum_writers.h"

#define RUM_GROUP              "rum"    /* the consumer group */
#define RUM_TOKEN_MAX          128
#define RUM_PARTITION_KEY      32       /* "rum:{1023}:unsettled" */

#define RUM_SESSIONS           1000     /* arguments of one PFADD */
#define RUM_SESSION_NUMBER     6        /* "/1000" */

/* a member of a HyperLogLog, for a session that stands for several */
typedef struct {
    char                  text[RUM_LEN_ID + RUM_SESSION_NUMBER];
} rum_session_t;

/* what partitions of a process share, one being worked on at a time */
typedef struct {
    rum_entry_decoder_t  *decoder;
    rum_event_t           event;

    rum_gather_t          gather;
    rum_args_t            args;
    rum_session_t         members[RUM_SESSIONS];  /* of args */
    rum_histogram_t       histogram;
} rum_scratch_t;

typedef struct {
    const rum_config_t   *config;
    rum_scratch_t        *scratch;
    const char           *token;        /* of this process */
    uint32_t              number;
    uint64_t              seed;

    char                  events[RUM_PARTITION_KEY];
    char                  lease[RUM_PARTITION_KEY];
    char                  writers_key[RUM_PARTITION_KEY];
    char                  health_key[RUM_PARTITION_KEY];
    char                  sites_key[RUM_PARTITION_KEY];
    char                  rejected[RUM_PARTITION_KEY];
    char                  open_key[RUM_PARTITION_KEY];

    unsigned              held:1;       /* the lease is ours, memory valid */
    unsigned              told:1;       /* that another holds it */
    char                  holder[RUM_TOKEN_MAX];    /* that other; empty: not
                                           known, it has just taken it */
    uint64_t              free_in;      /* ms until its lease expires */

    rum_stream_id_t       checkpoint;   /* as Redis has it */
    rum_stream_id_t       found;        /* last entry when taken over */
    rum_stream_id_t       position;     /* last entry recorded, or only
                                           remembered before checkpoint */
    rum_stream_id_t       asked;        /* last entry received */
    int64_t               entries_read; /* up to position; -1: not known */

    uint64_t              flushed;      /* monotonic ms, of the last flush */
    uint64_t              try_at;       /* monotonic ms, for the lease */
    uint32_t              evict_at;     /* tick of the store */

    rum_health_t          health;
    rum_intern_t          intern;
    rum_sites_t           sites;
    rum_delta_t           delta;
    rum_errors_t          errors;
    rum_recent_t          recent;
    rum_settle_t          settle;
    rum_lately_t          speed;        /* session -> how fast it is */
    rum_lately_t          lists;        /* beacons that listed something */
    rum_writers_t         writers;
    rum_writers_t         reread;       /* of entries before the checkpoint */
    rum_store_t           store;
    rum_map_t             sessions;     /* hash -> minute it was counted */
} rum_partition_t;

/* RUM_ERROR without memory */
int rum_scratch_init(rum_scratch_t *scratch);
void rum_scratch_free(rum_scratch_t *scratch);

void rum_partition_init(rum_partition_t *p, const rum_config_t *config,
    rum_scratch_t *scratch, const char *token, uint32_t number,
    uint64_t seed);

/*
 * Takes the lease if it is free or already ours, and loads.  RUM_DECLINED,
 * with holder and free_in set, if another holds it.
 */
int rum_partition_acquire(rum_partition_t *p, rum_redis_t *redis);

/* frees the memory; nothing is said to Redis */
void rum_partition_drop(rum_partition_t *p);

/* gives the lease back, if it is still ours */
int rum_partition_release(rum_partition_t *p, rum_redis_t *redis);

/*
 * Records an entry (rum_record.c); now is Unix ms.  RUM_ERROR without memory:
 * the partition is to be dropped then.
 */
int rum_partition_record(rum_partition_t *p, const rum_batch_entry_t *entry,
    uint64_t now);

/* 1 if there is something to store */
int rum_partition_pending(const rum_partition_t *p);

/*
 * Stores what was recorded and renews the lease (rum_flush.c); now is Unix
 * ms, ticks are monotonic ms.  RUM_DECLINED: the lease or the checkpoint is
 * not what it was, and nothing was written.  After anything but RUM_OK the
 * partition is to be dropped.
 */
int rum_partition_flush(rum_partition_t *p, rum_redis_t *redis, uint64_t now,
    uint64_t ticks);

#endif /* RUM_PARTITION_H */
