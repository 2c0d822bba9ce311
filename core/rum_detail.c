/*
 * The table of details: see rum_detail.h.
 */

#include "rum_detail.h"


#define RUM_DETAIL_BEACONS                                                    \
    (rum_counter_bit(BEACONS) | rum_counter_bit(VIEWS)                        \
     | rum_counter_bit(ERRORS) | rum_counter_bit(ENTRANCES)                   \
     | rum_counter_bit(BOUNCES))

#define RUM_DETAIL_RESOURCES                                                  \
    (rum_counter_bit(REQUESTS) | rum_counter_bit(BYTES)                       \
     | rum_counter_bit(THIRD_PARTY))

#define RUM_DETAIL_NO_METRIC   rum_string("")


const rum_detail_t  rum_details[RUM_DETAIL_LAST] = {

    { rum_string("error"), rum_string("errors"),
      rum_counter_bit(ERRORS) | rum_counter_bit(VIEWS),
      RUM_DETAIL_NO_METRIC },
    { rum_string("error,page"), rum_string("errors"),
      rum_counter_bit(ERRORS), RUM_DETAIL_NO_METRIC },
    { rum_string("error,browser"), rum_string("errors"),
      rum_counter_bit(ERRORS), RUM_DETAIL_NO_METRIC },

    { rum_string("host"), rum_string("requests"),
      RUM_DETAIL_RESOURCES, rum_string("duration") },
    { rum_string("host,type"), rum_string("requests"),
      RUM_DETAIL_RESOURCES, rum_string("duration") },

    { rum_string("from,page"), rum_string("views"),
      rum_counter_bit(VIEWS), RUM_DETAIL_NO_METRIC },

    { rum_string("action"), rum_string("actions"),
      rum_counter_bit(ACTIONS), RUM_DETAIL_NO_METRIC },
    { rum_string("action,target"), rum_string("actions"),
      rum_counter_bit(ACTIONS), RUM_DETAIL_NO_METRIC },

    { rum_string("event"), rum_string("events"),
      rum_counter_bit(EVENTS), rum_string("value") },
    { rum_string("event,page"), rum_string("events"),
      rum_counter_bit(EVENTS), RUM_DETAIL_NO_METRIC },

    { rum_string("lcp_target"), rum_string("lcp"), 0, rum_string("lcp") },
    { rum_string("lcp_url"), rum_string("lcp"), 0, rum_string("lcp") },
    { rum_string("inp_target"), rum_string("inp"), 0, rum_string("inp") },
    { rum_string("inp_url"), rum_string("inp"), 0, rum_string("inp") },
    { rum_string("inp_type"), rum_string("inp"), 0, rum_string("inp") },
    { rum_string("inp_target,inp_type"), rum_string("inp"), 0,
      rum_string("inp") },
    { rum_string("cls_target"), rum_string("cls"), 0, rum_string("cls") },

    { rum_string("speed"), rum_string("visits"),
      rum_counter_bit(VISITS) | rum_counter_bit(CONVERSIONS),
      RUM_DETAIL_NO_METRIC }
};


rum_detail_e
rum_detail_find(const rum_str_t *dimension)
{
    uint32_t  i;

    for (i = 0; i < RUM_DETAIL_LAST; i++) {
        if (rum_str_eq(dimension, &rum_details[i].name)) {
            break;
        }
    }

    return (rum_detail_e) i;
}


/* the names themselves, and what the pairs among them begin with */

int
rum_detail_reserved(const rum_str_t *name)
{
    uint32_t          i;
    const rum_str_t  *dimension;

    for (i = 0; i < RUM_DETAIL_LAST; i++) {
        dimension = &rum_details[i].name;

        if (name->len > 0 && dimension->len >= name->len
            && memcmp(dimension->data, name->data, name->len) == 0
            && (dimension->len == name->len
                || dimension->data[name->len] == ','))
        {
            return 1;
        }
    }

    return 0;
}


uint32_t
rum_detail_counters(const rum_str_t *dimension)
{
    rum_detail_e  detail;

    detail = rum_detail_find(dimension);

    return detail != RUM_DETAIL_LAST ? rum_details[detail].counters
                                     : RUM_DETAIL_BEACONS;
}
