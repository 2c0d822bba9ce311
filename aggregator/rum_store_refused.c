/*
 * Keys of the store that are of a wrong type, since somebody else wrote them:
 * see rum_store.h.
 *
 * Most are found when they are read.  A key that is not read first (sessions,
 * and hashes that the index lacks) is found when the transaction is answered:
 * so it is noted which command stores what.
 */

#include "rum_store.h"

#include <stdlib.h>


#define RUM_STORE_TOLD  10000           /* more, and all are forgotten */


static int rum_store_cell_key(const rum_store_t *s,
    const rum_window_t *window, uint32_t cell, unsigned char *buf);
static rum_sent_t *rum_store_find_sent(const rum_store_t *s,
    uint32_t command);
static int rum_store_sessions_key(const rum_store_t *s,
    const rum_window_t *window, const rum_row_t *row, unsigned char *buf);
static int rum_store_told(const rum_store_t *s, const unsigned char *key,
    int len);


int
rum_store_refused_key(rum_store_t *s, const void *key, size_t len)
{
    uint64_t  hash;

    hash = rum_hash(key, len, 0);
    s->refusing = 1;

    if (rum_map_get(&s->told, hash) != RUM_MAP_NONE) {
        return RUM_OK;
    }

    if (s->told.used >= RUM_STORE_TOLD) {
        rum_map_clear(&s->told);
    }

    rum_log(RUM_LOG_ERROR, "the key \"%.*s\" is of a wrong type: what belongs "
            "there is not stored, until somebody deletes it", (int) len,
            (const char *) key);

    return rum_map_set(&s->told, hash, 1);
}


int
rum_store_refuse(rum_store_t *s, rum_window_t *window, uint32_t cell)
{
    int            len;
    unsigned char  key[RUM_KEY_MAX];

    if (rum_window_flags(window, cell + 1) != RUM_OK) {
        return RUM_ERROR;
    }

    window->flags[cell] |= RUM_HASH_REFUSED;
    window->refused = 1;

    len = rum_store_cell_key(s, window, cell, key);

    return len < 0 ? RUM_ERROR : rum_store_refused_key(s, key, (size_t) len);
}


static int
rum_store_cell_key(const rum_store_t *s, const rum_window_t *window,
    uint32_t cell, unsigned char *buf)
{
    rum_str_t  name;

    name = rum_site_cell_name(s->sites, s->sites->sites[window->site], cell);

    return rum_store_key(s, window, RUM_KEY_ROLLUP, &name, buf);
}


int
rum_store_was_refused(const rum_store_t *s, const rum_window_t *window,
    uint32_t cell)
{
    int            len;
    unsigned char  key[RUM_KEY_MAX];

    if (s->told.used == 0) {
        return 0;
    }

    len = rum_store_cell_key(s, window, cell, key);

    return rum_store_told(s, key, len);
}


int
rum_store_refused_sessions(const rum_store_t *s, const rum_window_t *window,
    const rum_row_t *row)
{
    int            len;
    unsigned char  key[RUM_KEY_MAX];

    if (s->told.used == 0) {
        return 0;
    }

    len = rum_store_sessions_key(s, window, row, key);

    return rum_store_told(s, key, len);
}


static int
rum_store_sessions_key(const rum_store_t *s, const rum_window_t *window,
    const rum_row_t *row, unsigned char *buf)
{
    return rum_store_key(s, window, RUM_KEY_SESSIONS,
                         rum_intern_text(s->intern, row->value), buf);
}


static int
rum_store_told(const rum_store_t *s, const unsigned char *key, int len)
{
    return len > 0 && rum_map_get(&s->told, rum_hash(key, (size_t) len, 0))
                      != RUM_MAP_NONE;
}


int
rum_window_refused(const rum_window_t *window, uint32_t cell)
{
    return window->refused && cell < window->nflags
           && (window->flags[cell] & RUM_HASH_REFUSED);
}


int
rum_window_flags(rum_window_t *window, uint32_t ncells)
{
    uint8_t  *flags;

    if (window->nflags >= ncells) {
        return RUM_OK;
    }

    flags = realloc(window->flags, ncells);
    if (flags == NULL) {
        return RUM_ERROR;
    }

    memset(flags + window->nflags, 0, ncells - window->nflags);
    window->flags = flags;
    window->nflags = ncells;

    return RUM_OK;
}


int
rum_store_sent(rum_store_t *s, const rum_sent_t *sent)
{
    uint32_t     size;
    rum_sent_t  *grown;

    if (s->nsent == s->sent_size) {
        size = s->sent_size ? 2 * s->sent_size : 256;

        grown = realloc(s->sent, size * sizeof(rum_sent_t));
        if (grown == NULL) {
            return RUM_ERROR;
        }

        s->sent = grown;
        s->sent_size = size;
    }

    s->sent[s->nsent++] = *sent;

    return RUM_OK;
}


int
rum_store_refused(rum_store_t *s, uint32_t command)
{
    int             len;
    rum_row_t      *row;
    rum_sent_t     *sent;
    unsigned char   key[RUM_KEY_MAX];

    sent = rum_store_find_sent(s, command);

    if (sent == NULL) {
        return RUM_DECLINED;
    }

    s->wrong_type++;

    if (sent->cell != RUM_NO_NUMBER) {
        return rum_store_refuse(s, sent->window, sent->cell);
    }

    /* a union fails for either of two keys; the other one was used before */

    if (sent->from != NULL && sent->from->rows[sent->from_row].refused) {
        return RUM_OK;
    }

    row = &sent->window->rows[sent->row];
    row->refused = 1;

    len = rum_store_sessions_key(s, sent->window, row, key);

    return len < 0 ? RUM_ERROR : rum_store_refused_key(s, key, (size_t) len);
}


/* commands ascend */

static rum_sent_t *
rum_store_find_sent(const rum_store_t *s, uint32_t command)
{
    uint32_t  low, high, middle;

    low = 0;
    high = s->nsent;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (s->sent[middle].command < command) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low < s->nsent && s->sent[low].command == command ? &s->sent[low]
                                                             : NULL;
}
