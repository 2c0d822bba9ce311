/*
 * The grammar of the Redis keys, both ways (docs/redis-schema.md).
 *
 *   rum:{P}:events|lease|writers|rejected|health|sites|unsettled
 *   rum:{P}:index:SITE
 *   rum:{P}:error:SITE:FINGERPRINT
 *   rum:{P}:RES:START:SITE:DIMENSION:METRIC
 *   rum:{P}:RES:START:SITE:DIMENSION:sessions:VALUE
 *
 * SITE, DIMENSION, METRIC, VALUE and FINGERPRINT are escaped: "%", ":", "{",
 * "}", space, DEL and control characters are written %XX.  A pair of
 * dimensions is "FIRST,SECOND" and its value "VALUE1,VALUE2", where a comma in
 * VALUE1 is written %2C.
 */

#ifndef RUM_KEYS_H
#define RUM_KEYS_H

#include "rum.h"

#define RUM_MAX_PARTITIONS     1024
#define RUM_KEY_MAX            2048     /* the longest key */

#define RUM_ALL                "all"    /* the dimension of everything */
#define RUM_ALL_VALUE          "*"      /* its one value */
#define RUM_OTHER              "(other)"    /* past the cardinality limit */
#define RUM_UNKNOWN            "(unknown)"  /* the event does not say */

typedef enum {
    RUM_RES_MINUTE = 0,                 /* "1m" */
    RUM_RES_HOUR,                       /* "1h" */
    RUM_RES_DAY,                        /* "1d" */
    RUM_RES_TOTAL,                      /* "total", START is 0 */
    RUM_RES_LAST
} rum_resolution_e;

extern const rum_str_t  rum_resolution_names[RUM_RES_LAST];
extern const uint32_t   rum_resolution_seconds[RUM_RES_LAST];   /* total: 0 */

/* the start of the window that holds the time; Unix seconds, UTC */
uint64_t rum_window_start(rum_resolution_e res, uint64_t seconds);

typedef enum {
    RUM_KEY_EVENTS = 0,
    RUM_KEY_LEASE,
    RUM_KEY_WRITERS,
    RUM_KEY_REJECTED,
    RUM_KEY_HEALTH,
    RUM_KEY_SITES,
    RUM_KEY_UNSETTLED,
    RUM_KEY_INDEX,
    RUM_KEY_ERROR,
    RUM_KEY_ROLLUP,
    RUM_KEY_SESSIONS
} rum_key_e;

typedef struct {
    rum_key_e             type;
    unsigned              partition;
    rum_resolution_e      res;          /* rollup and sessions */
    uint64_t              start;
    rum_str_t             site;         /* index and error too */
    rum_str_t             dimension;
    rum_str_t             metric;       /* rollup */
    rum_str_t             value;        /* sessions; fingerprint of error */
} rum_key_t;

/*
 * Writes the key and returns its length, or RUM_FULL if it does not fit
 * (RUM_KEY_MAX is enough for strings within the limits of rum_event.h).
 */
int rum_key_write(const rum_key_t *key, unsigned char *buf, size_t size);

/*
 * The reverse; unescaped strings go to scratch (as large as the key), the
 * key's strings point there.  RUM_ERROR for what is not such a key.
 */
int rum_key_parse(rum_key_t *key, const rum_str_t *text,
    unsigned char *scratch);

/* the value of a pair; returns its length, or RUM_FULL */
int rum_pair_write(const rum_str_t *first, const rum_str_t *second,
    unsigned char *buf, size_t size);

/* takes a pair's value apart without unescaping; RUM_ERROR without a comma */
int rum_pair_split(const rum_str_t *pair, rum_str_t *first,
    rum_str_t *second);

#endif /* RUM_KEYS_H */
