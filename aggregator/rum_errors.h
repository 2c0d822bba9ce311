/*
 * A sample of each group of JavaScript errors, in a hash of its own in Redis:
 * rum:{P}:error:SITE:FINGERPRINT (docs/redis-schema.md).  The rollups count
 * how often; this tells what the error is and when it was seen.
 *
 * What Redis has is asked for once, and then known.  Like everything of a
 * partition this is dropped when a flush fails, and read again.
 */

#ifndef RUM_ERRORS_H
#define RUM_ERRORS_H

#include "rum_event.h"
#include "rum_map.h"
#include "rum_redis.h"

typedef enum {
    RUM_ERRORS_TYPE = 0,
    RUM_ERRORS_MESSAGE,
    RUM_ERRORS_SOURCE,
    RUM_ERRORS_LINE,
    RUM_ERRORS_COL,
    RUM_ERRORS_STACK,
    RUM_ERRORS_PAGE,
    RUM_ERRORS_BROWSER,
    RUM_ERRORS_FIELDS
} rum_errors_field_e;

typedef struct {
    uint64_t              fingerprint;
    uint64_t              first;        /* Unix ms, of all that is known */
    uint64_t              last;
    uint64_t              stored;       /* the last that Redis has; 0: none */
    uint64_t              time;         /* of the event with the sample */
    uint32_t              site;
    unsigned              loaded:1;     /* Redis was asked */
    unsigned              refused:1;    /* its key is of a wrong type */
    unsigned char        *text;         /* the sample, field by field; NULL
                                           unless seen since the last flush */
    uint32_t              lens[RUM_ERRORS_FIELDS];
} rum_error_t;

typedef struct {
    rum_map_t             map;
    rum_error_t          *errors;
    uint32_t              n;
    uint32_t              size;
    uint32_t              nseen;
    uint32_t             *seen;         /* those since the last flush */
} rum_errors_t;

void rum_errors_init(rum_errors_t *e);
void rum_errors_free(rum_errors_t *e);

/*
 * An error came, in an event of that time (ms).  Past a number that no site
 * in its senses has in one flush they are passed over.  RUM_ERROR without
 * memory.
 */
int rum_errors_see(rum_errors_t *e, uint32_t site, uint64_t fingerprint,
    uint64_t time, const rum_event_error_t *error, const rum_str_t *page,
    const rum_str_t *browser);

/*
 * 1. Of one that was seen and is not loaded: what Redis must be asked.
 * RUM_DECLINED, until the next flush, if its key is of a wrong type.
 */
int rum_errors_ask(rum_redis_t *redis, const rum_str_t *key);
int rum_errors_take(rum_error_t *error, rum_redis_t *redis);

/*
 * 2. Queues what there is to say of it: all for a new one and for the first
 * of a day, else only when it was seen.  How many commands that were is
 * added.
 */
int rum_errors_write(rum_error_t *error, rum_redis_t *redis,
    const rum_str_t *key, uint64_t expiry, rum_args_t *args,
    uint32_t *commands);

/* 3. what was seen is stored now */
void rum_errors_stored(rum_errors_t *e);

#endif /* RUM_ERRORS_H */
