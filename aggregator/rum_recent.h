/*
 * The views and metric ids of the last while, and what was counted for them
 * where: a later value of the same metric replaces the earlier one.
 *
 * A record is what one event had under one key; records of a key are
 * chained, the newest first, and each value lives in one of them only.  They
 * lie in the order they came, so that the oldest are forgotten first.
 */

#ifndef RUM_RECENT_H
#define RUM_RECENT_H

#include "rum_delta.h"

typedef struct {
    double                value;
    uint32_t              cell;         /* RUM_NO_NUMBER: replaced */
    uint32_t              minute;       /* where it counts */
} rum_recent_value_t;

typedef struct {
    const rum_rollup_t   *rollup;
    uint64_t              span;         /* ms a record is kept */
    uint64_t              settle;       /* ms, see rum_settle.h */
    uint32_t              max;          /* records */

    rum_map_t             map;          /* key -> its newest record */
    unsigned char       **blocks;
    uint32_t              nblocks;
    uint32_t              blocks_size;
    uint32_t              first;        /* positions: of the oldest record */
    uint32_t              next;         /* and of the one to come */
    uint32_t              count;

    uint32_t             *marks;        /* by cell: serial of the last put */
    uint32_t              nmarks;
    uint32_t              serial;
} rum_recent_t;

/* values of an earlier event are replaced by what is being put */
typedef int (*rum_recent_removed_pt)(void *data, const rum_place_t *place,
    const rum_recent_value_t *values, uint32_t n);

void rum_recent_init(rum_recent_t *r, const rum_config_t *config);
void rum_recent_free(rum_recent_t *r);

/*
 * What an event has under a key.  Values of the same cells that the key has
 * had are handed to removed(), a call for each place (but for the minute,
 * which each value has for itself); but entries may come
 * out of order (from a spool, or by another worker's link), and a value that
 * is older than the one the key has is itself too late: its cell becomes
 * RUM_NO_NUMBER.  One that replaces a value that has settled counts in the
 * minute of that: its minute becomes the same.  *began is whether the key's
 * view begins here: 0 on return if it had begun before.
 *
 * time is the entry's, in ms, and never goes back; order is the event's.
 * What has to go for want of room is added to *forgotten.  RUM_ERROR without
 * memory, or what removed() returned.
 */
int rum_recent_put(rum_recent_t *r, uint64_t key, uint64_t time,
    uint64_t order, const rum_place_t *place, rum_recent_value_t *values,
    uint32_t n, unsigned *began, uint64_t *forgotten,
    rum_recent_removed_pt removed, void *data);

/* marks the values of dimensions that are still needed */
void rum_recent_mark(const rum_recent_t *r, rum_intern_t *in);

#endif /* RUM_RECENT_H */
