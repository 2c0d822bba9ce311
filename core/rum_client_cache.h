/*
 * Remembers what rum_client_detect() found in the headers of recent
 * beacons: visitors are many, browsers are few.  Used by the module, one
 * cache per worker.
 */

#ifndef RUM_CLIENT_CACHE_H
#define RUM_CLIENT_CACHE_H

#include "rum_client.h"

typedef struct rum_client_cache_s  rum_client_cache_t;

/* NULL: no memory.  About 128 KB, touched as it fills */
rum_client_cache_t *rum_client_cache_create(void);
void rum_client_cache_destroy(rum_client_cache_t *cache);

/* the same as rum_client_detect(), the version points into headers too */
void rum_client_cache_detect(rum_client_cache_t *cache,
    rum_client_t *client, const rum_client_headers_t *headers);

#endif /* RUM_CLIENT_CACHE_H */
