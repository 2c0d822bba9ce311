/*
 * How fast the sessions of the last while have been: see rum_speed.h.
 */

#include "rum_speed.h"


#define RUM_SPEED_BITS     2            /* of the rating */
#define RUM_SPEED_MAX      (UINT32_MAX >> (RUM_SPEED_BITS + 1))


static void rum_speed_turn(rum_speed_t *s);


void
rum_speed_init(rum_speed_t *s, const rum_config_t *config)
{
    memset(s, 0, sizeof(rum_speed_t));

    s->span = config->recent;
    s->max = config->recent_views;
}


void
rum_speed_free(rum_speed_t *s)
{
    rum_map_free(&s->newer);
    rum_map_free(&s->older);
}


rum_session_t
rum_speed_get(rum_speed_t *s, uint64_t key, uint64_t time,
    uint64_t *forgotten)
{
    uint32_t       value;
    uint64_t       period;
    rum_session_t  session;

    period = time / s->span;

    if (period > s->period + 1) {
        rum_map_clear(&s->newer);
    }

    if (period > s->period) {
        rum_speed_turn(s);
        s->period = period;

    } else if (s->newer.used >= s->max) {
        *forgotten += s->older.used;
        rum_speed_turn(s);
    }

    value = rum_map_get(&s->newer, key);

    if (value == RUM_MAP_NONE) {
        value = rum_map_get(&s->older, key);
    }

    session.rating = RUM_UNRATED;
    session.conversions = 0;

    if (value != RUM_MAP_NONE) {
        session.rating = (rum_rating_e) (value & ((1 << RUM_SPEED_BITS) - 1));
        session.conversions = value >> RUM_SPEED_BITS;
    }

    return session;
}


/* the newer map becomes the older one */

static void
rum_speed_turn(rum_speed_t *s)
{
    rum_map_t  older;

    older = s->older;
    s->older = s->newer;
    s->newer = older;
    rum_map_clear(&s->newer);
}


int
rum_speed_set(rum_speed_t *s, uint64_t key, const rum_session_t *session)
{
    uint32_t  conversions;

    conversions = session->conversions < RUM_SPEED_MAX ? session->conversions
                                                       : RUM_SPEED_MAX;

    rum_map_remove(&s->older, key);

    return rum_map_set(&s->newer, key, conversions << RUM_SPEED_BITS
                                       | session->rating);
}
