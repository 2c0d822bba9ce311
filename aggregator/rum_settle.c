/*
 * Minutes whose values may still be replaced: see rum_settle.h.
 */

#include "rum_settle.h"

#include <stdlib.h>


static uint32_t rum_settle_find(const rum_settle_t *s, uint32_t site,
    uint32_t minute, uint64_t *key);


void
rum_settle_init(rum_settle_t *s)
{
    memset(s, 0, sizeof(rum_settle_t));
    rum_map_init(&s->map);
}


void
rum_settle_free(rum_settle_t *s)
{
    free(s->minutes);
    rum_map_free(&s->map);
    rum_settle_init(s);
}


/* RUM_MAP_NONE if it is not there; *key is where it is or belongs */

static uint32_t
rum_settle_find(const rum_settle_t *s, uint32_t site, uint32_t minute,
    uint64_t *key)
{
    uint32_t  i;

    for (*key = rum_hash_pair(site, minute); ; (*key)++) {
        i = rum_map_get(&s->map, *key);

        if (i == RUM_MAP_NONE
            || (s->minutes[i].minute == minute && s->minutes[i].site == site))
        {
            return i;
        }
    }
}


int
rum_settle_open(const rum_settle_t *s, uint32_t site, uint32_t minute)
{
    uint64_t  key;

    return rum_settle_find(s, site, minute, &key) != RUM_MAP_NONE;
}


int
rum_settle_add(rum_settle_t *s, uint32_t site, uint32_t minute,
    unsigned stored)
{
    uint32_t            size;
    uint64_t            key;
    rum_open_minute_t  *minutes;

    if (rum_settle_find(s, site, minute, &key) != RUM_MAP_NONE) {
        return RUM_OK;
    }

    if (s->n == s->size) {
        size = s->size ? 2 * s->size : 16;

        minutes = realloc(s->minutes, size * sizeof(rum_open_minute_t));
        if (minutes == NULL) {
            return RUM_ERROR;
        }

        s->minutes = minutes;
        s->size = size;
    }

    if (rum_map_set(&s->map, key, s->n) != RUM_OK) {
        return RUM_ERROR;
    }

    s->minutes[s->n].site = site;
    s->minutes[s->n].minute = minute;
    s->minutes[s->n].stored = stored != 0;
    s->minutes[s->n].due = 0;
    s->n++;

    return RUM_OK;
}


int
rum_settle_stored(rum_settle_t *s)
{
    uint32_t  i, kept;
    uint64_t  key;

    for (i = 0, kept = 0; i < s->n; i++) {
        s->minutes[i].stored = 1;

        if (!s->minutes[i].due) {
            s->minutes[kept++] = s->minutes[i];
        }
    }

    if (kept == s->n) {
        return RUM_OK;
    }

    rum_map_clear(&s->map);

    for (i = 0, s->n = 0; i < kept; i++, s->n++) {
        (void) rum_settle_find(s, s->minutes[i].site, s->minutes[i].minute,
                               &key);

        if (rum_map_set(&s->map, key, i) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}
