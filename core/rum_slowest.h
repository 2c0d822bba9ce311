/*
 * The slowest resource of a host and type: its URL and how long it took.  The
 * aggregator keeps one for each row of RUM_DETAIL_SLOWEST, in a hash of its
 * own beside those of the counters; the status location shows it.  To merge
 * two is to keep the slower one.
 *
 * Packed it is a MessagePack array of the duration (ms) and the URL.
 */

#ifndef RUM_SLOWEST_H
#define RUM_SLOWEST_H

#include "rum_detail.h"
#include "rum_event.h"

#define RUM_SLOWEST            "slowest"    /* the hash's METRIC */
#define RUM_DETAIL_SLOWEST     RUM_DETAIL_HOST_TYPE

#define RUM_SLOWEST_URL        RUM_LEN_PAGE         /* bytes at most */
#define RUM_SLOWEST_MAX        (RUM_SLOWEST_URL + 16)       /* packed */

typedef struct {
    double                duration;     /* ms, not negative */
    rum_str_t             url;
} rum_slowest_t;

/*
 * 1 if the first is slower than the second; of two that took as long, the one
 * whose URL comes first, so that the order of merging makes no difference.
 */
int rum_slowest_before(const rum_slowest_t *one, const rum_slowest_t *two);

/* returns the length, or RUM_FULL */
int rum_slowest_encode(const rum_slowest_t *slowest, unsigned char *buf,
    size_t size);

/*
 * The URL points into packed.  Elements behind the two are passed over.
 * RUM_ERROR for anything else.
 */
int rum_slowest_decode(rum_slowest_t *slowest, const rum_str_t *packed);

#endif /* RUM_SLOWEST_H */
