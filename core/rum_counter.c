/*
 * The counters' names: see rum_counter.h.
 */

#include "rum_counter.h"


const rum_str_t  rum_counter_names[RUM_COUNTER_LAST] = {
    rum_string("beacons"),
    rum_string("views"),
    rum_string("errors"),
    rum_string("entrances"),
    rum_string("bounces"),
    rum_string("requests"),
    rum_string("bytes"),
    rum_string("third_party_requests"),
    rum_string("actions"),
    rum_string("events"),
    rum_string("visits"),
    rum_string("conversions")
};


rum_counter_e
rum_counter_find(const rum_str_t *name)
{
    uint32_t  i;

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (rum_str_eq(name, &rum_counter_names[i])) {
            break;
        }
    }

    return (rum_counter_e) i;
}
