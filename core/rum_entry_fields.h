/*
 * The keys of an entry and what may stand behind them: see
 * docs/redis-schema.md.  For rum_entry_decode.c only.
 */

#ifndef RUM_ENTRY_FIELDS_H
#define RUM_ENTRY_FIELDS_H

#include "rum_event.h"

typedef enum {
    RUM_ITEM_NONE = 0,                  /* nil, booleans, binary */
    RUM_ITEM_STR,
    RUM_ITEM_UINT,
    RUM_ITEM_INT,                       /* negative */
    RUM_ITEM_FLOAT,
    RUM_ITEM_DOUBLE,

    RUM_ITEM_OTHER,                     /* containers: nobody's */
    RUM_ITEM_ROOT,
    RUM_ITEM_DIMS,
    RUM_ITEM_METRICS,
    RUM_ITEM_IDS,
    RUM_ITEM_ATTRIBUTIONS,
    RUM_ITEM_ATTRIBUTION,
    RUM_ITEM_ERRORS,
    RUM_ITEM_ERROR,
    RUM_ITEM_ACTIONS,
    RUM_ITEM_ACTION,
    RUM_ITEM_RESOURCES,
    RUM_ITEM_RESOURCE,
    RUM_ITEM_DURATIONS,
    RUM_ITEM_EVENTS,
    RUM_ITEM_EVENT,
    RUM_ITEM_LAST,

    RUM_ITEM_TIME,                      /* in tables of fields only */
    RUM_ITEM_COUNT,                     /* uint32_t */
    RUM_ITEM_WEIGHT,                    /* the same, in its range */
    RUM_ITEM_NUMBER,                    /* double */
    RUM_ITEM_VALUE                      /* of a custom event */
} rum_item_e;


/* one key of a map that fills a structure; ends with an empty name */
typedef struct {
    rum_str_t             name;
    rum_item_e            type;
    size_t                offset;
} rum_entry_field_t;


#define rum_field(type, name, kind)                                           \
    { rum_string(#name), kind, offsetof(type, name) }

#define rum_field_end  { { 0, NULL }, RUM_ITEM_NONE, 0 }


/* in the order in which rum_entry.c writes them */

static const rum_entry_field_t  rum_entry_root[] = {
    { rum_string("t"), RUM_ITEM_TIME, offsetof(rum_event_t, time) },
    rum_field(rum_event_t, site, RUM_ITEM_STR),
    rum_field(rum_event_t, page, RUM_ITEM_STR),
    rum_field(rum_event_t, dims, RUM_ITEM_DIMS),
    rum_field(rum_event_t, metrics, RUM_ITEM_METRICS),
    rum_field(rum_event_t, view, RUM_ITEM_STR),
    rum_field(rum_event_t, session, RUM_ITEM_STR),
    rum_field(rum_event_t, n, RUM_ITEM_COUNT),
    rum_field(rum_event_t, seq, RUM_ITEM_COUNT),
    rum_field(rum_event_t, from, RUM_ITEM_STR),
    { rum_string("ids"), RUM_ITEM_IDS, 0 },
    rum_field(rum_event_t, trace, RUM_ITEM_STR),
    rum_field(rum_event_t, errors, RUM_ITEM_ERRORS),
    rum_field(rum_event_t, actions, RUM_ITEM_ACTIONS),
    rum_field(rum_event_t, resources, RUM_ITEM_RESOURCES),
    rum_field(rum_event_t, events, RUM_ITEM_EVENTS),
    { rum_string("attribution"), RUM_ITEM_ATTRIBUTIONS, 0 },
    rum_field(rum_event_t, weight, RUM_ITEM_WEIGHT),
    rum_field_end
};

static const rum_entry_field_t  rum_entry_error[] = {
    rum_field(rum_event_error_t, type, RUM_ITEM_STR),
    rum_field(rum_event_error_t, message, RUM_ITEM_STR),
    rum_field(rum_event_error_t, source, RUM_ITEM_STR),
    rum_field(rum_event_error_t, line, RUM_ITEM_COUNT),
    rum_field(rum_event_error_t, col, RUM_ITEM_COUNT),
    rum_field(rum_event_error_t, stack, RUM_ITEM_STR),
    rum_field(rum_event_error_t, count, RUM_ITEM_COUNT),
    rum_field_end
};

static const rum_entry_field_t  rum_entry_action[] = {
    rum_field(rum_event_action_t, type, RUM_ITEM_STR),
    rum_field(rum_event_action_t, target, RUM_ITEM_STR),
    rum_field(rum_event_action_t, t, RUM_ITEM_NUMBER),
    rum_field_end
};

static const rum_entry_field_t  rum_entry_resource[] = {
    rum_field(rum_event_resource_t, host, RUM_ITEM_STR),
    rum_field(rum_event_resource_t, type, RUM_ITEM_STR),
    rum_field(rum_event_resource_t, count, RUM_ITEM_COUNT),
    { rum_string("duration"), RUM_ITEM_DURATIONS, 0 },
    rum_field(rum_event_resource_t, bytes, RUM_ITEM_NUMBER),
    rum_field(rum_event_resource_t, url, RUM_ITEM_STR),
    rum_field(rum_event_resource_t, third_party, RUM_ITEM_COUNT),
    rum_field_end
};

static const rum_entry_field_t  rum_entry_event[] = {
    rum_field(rum_event_custom_t, name, RUM_ITEM_STR),
    rum_field(rum_event_custom_t, value, RUM_ITEM_VALUE),
    rum_field_end
};

static const rum_entry_field_t  rum_entry_attribution[] = {
    rum_field(rum_event_attribution_t, target, RUM_ITEM_STR),
    rum_field(rum_event_attribution_t, url, RUM_ITEM_STR),
    rum_field(rum_event_attribution_t, type, RUM_ITEM_STR),
    rum_field_end
};

static const rum_entry_field_t *const  rum_entry_fields[RUM_ITEM_LAST] = {
    [RUM_ITEM_ROOT] = rum_entry_root,
    [RUM_ITEM_ERROR] = rum_entry_error,
    [RUM_ITEM_ACTION] = rum_entry_action,
    [RUM_ITEM_RESOURCE] = rum_entry_resource,
    [RUM_ITEM_EVENT] = rum_entry_event,
    [RUM_ITEM_ATTRIBUTION] = rum_entry_attribution
};

#endif /* RUM_ENTRY_FIELDS_H */
