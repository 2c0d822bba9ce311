/*
 * Numbers for the keys of the last while: see rum_lately.h.
 */

#include "rum_lately.h"


static void rum_lately_turn(rum_lately_t *l);


void
rum_lately_init(rum_lately_t *l, const rum_config_t *config)
{
    memset(l, 0, sizeof(rum_lately_t));

    l->span = config->recent;
    l->max = config->recent_views;
}


void
rum_lately_free(rum_lately_t *l)
{
    rum_map_free(&l->newer);
    rum_map_free(&l->older);
}


uint32_t
rum_lately_get(rum_lately_t *l, uint64_t key, uint64_t time,
    uint64_t *forgotten)
{
    uint32_t  value;
    uint64_t  period;

    if (l->span == 0) {
        return RUM_MAP_NONE;
    }

    period = time / l->span;

    if (period > l->period + 1) {
        rum_map_clear(&l->newer);
    }

    if (period > l->period) {
        rum_lately_turn(l);
        l->period = period;

    } else if (l->newer.used >= l->max) {
        *forgotten += l->older.used;
        rum_lately_turn(l);
    }

    value = rum_map_get(&l->newer, key);

    return value != RUM_MAP_NONE ? value : rum_map_get(&l->older, key);
}


/* the newer map becomes the older one */

static void
rum_lately_turn(rum_lately_t *l)
{
    rum_map_t  older;

    older = l->older;
    l->older = l->newer;
    l->newer = older;
    rum_map_clear(&l->newer);
}


int
rum_lately_set(rum_lately_t *l, uint64_t key, uint32_t value)
{
    if (l->span == 0) {
        return RUM_OK;
    }

    rum_map_remove(&l->older, key);

    return rum_map_set(&l->newer, key, value);
}
