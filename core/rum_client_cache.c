/*
 * See rum_client_cache.h.  A table with one place for each hash: who comes
 * later has it.  The headers are kept whole and compared, so that nobody can
 * make up a User-Agent that changes what another one's is taken for.
 */

#include "rum_client_cache.h"

#include <stdlib.h>

#define RUM_CLIENT_CACHE_ENTRIES  256           /* a power of two */
#define RUM_CLIENT_CACHE_TEXT     400           /* all headers together */
#define RUM_CLIENT_CACHE_HEADERS  4
#define RUM_CLIENT_CACHE_MIX      0x9e3779b97f4a7c15ull

typedef struct {
    rum_client_t          client;
    size_t                version;      /* offset in text */
    uint16_t              len[RUM_CLIENT_CACHE_HEADERS];
    uint16_t              used;         /* of text; 0: a free place */
    unsigned char         text[RUM_CLIENT_CACHE_TEXT];
} rum_client_cache_entry_t;

struct rum_client_cache_s {
    rum_client_cache_entry_t  entries[RUM_CLIENT_CACHE_ENTRIES];
};

static uint64_t rum_client_cache_hash(uint64_t hash, const rum_str_t *text);
static int rum_client_cache_is(const rum_client_cache_entry_t *entry,
    const rum_str_t **headers);
static void rum_client_cache_fill(rum_client_cache_entry_t *entry,
    const rum_client_t *client, const rum_str_t **headers);


rum_client_cache_t *
rum_client_cache_create(void)
{
    return calloc(1, sizeof(rum_client_cache_t));
}


void
rum_client_cache_destroy(rum_client_cache_t *cache)
{
    free(cache);
}


void
rum_client_cache_detect(rum_client_cache_t *cache, rum_client_t *client,
    const rum_client_headers_t *headers)
{
    size_t                     i, len, start;
    uint64_t                   hash;
    const rum_str_t           *h[RUM_CLIENT_CACHE_HEADERS];
    rum_client_cache_entry_t  *entry;

    h[0] = &headers->user_agent;
    h[1] = &headers->ch_ua;
    h[2] = &headers->ch_mobile;
    h[3] = &headers->ch_platform;

    hash = 0;
    len = 0;

    for (i = 0; i < RUM_CLIENT_CACHE_HEADERS; i++) {
        len += h[i]->len;
        hash = rum_client_cache_hash(hash, h[i]);
    }

    if (len == 0 || len > RUM_CLIENT_CACHE_TEXT) {
        rum_client_detect(client, headers);
        return;
    }

    entry = &cache->entries[(hash >> 32) & (RUM_CLIENT_CACHE_ENTRIES - 1)];

    if (!rum_client_cache_is(entry, h)) {
        rum_client_detect(client, headers);
        rum_client_cache_fill(entry, client, h);
        return;
    }

    *client = entry->client;

    if (client->version.len == 0) {
        return;
    }

    /* in the same place of this request's header */

    for (i = 0, start = 0; i < RUM_CLIENT_CACHE_HEADERS; i++) {
        if (entry->version - start < h[i]->len) {
            client->version.data = h[i]->data + (entry->version - start);
            return;
        }

        start += h[i]->len;
    }
}


static uint64_t
rum_client_cache_hash(uint64_t hash, const rum_str_t *text)
{
    size_t    i;
    uint64_t  word;

    if (text->len == 0) {
        return hash * RUM_CLIENT_CACHE_MIX;
    }

    for (i = 0; i + 8 <= text->len; i += 8) {
        memcpy(&word, text->data + i, 8);
        hash = (hash ^ word) * RUM_CLIENT_CACHE_MIX;
        hash ^= hash >> 29;
    }

    word = 0;
    memcpy(&word, text->data + i, text->len % 8);

    return (hash ^ word ^ text->len) * RUM_CLIENT_CACHE_MIX;
}


static int
rum_client_cache_is(const rum_client_cache_entry_t *entry,
    const rum_str_t **headers)
{
    size_t                i;
    const unsigned char  *text;

    if (entry->used == 0) {
        return 0;
    }

    text = entry->text;

    for (i = 0; i < RUM_CLIENT_CACHE_HEADERS; i++) {
        if (entry->len[i] != headers[i]->len
            || !rum_bytes_eq(text, headers[i]->data, entry->len[i]))
        {
            return 0;
        }

        text += entry->len[i];
    }

    return 1;
}


static void
rum_client_cache_fill(rum_client_cache_entry_t *entry,
    const rum_client_t *client, const rum_str_t **headers)
{
    size_t                i, used;
    const unsigned char  *version;

    entry->client = *client;
    version = client->version.data;
    used = 0;

    for (i = 0; i < RUM_CLIENT_CACHE_HEADERS; i++) {

        if (client->version.len != 0 && headers[i]->len != 0
            && version >= headers[i]->data
            && version < headers[i]->data + headers[i]->len)
        {
            entry->version = used + (size_t) (version - headers[i]->data);
        }

        rum_bytes_copy(entry->text + used, headers[i]->data,
                       headers[i]->len);

        entry->len[i] = (uint16_t) headers[i]->len;
        used += headers[i]->len;
    }

    entry->used = (uint16_t) used;
}
