/*
 * The native format, version 1: what the agent sends (docs/beacon.md).
 */

#include "rum_beacon_schema.h"
#include "rum_detail.h"

#include <stdio.h>

static int rum_beacon_native_version(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);
static int rum_beacon_native_other_version(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
static int rum_beacon_native_from(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
static int rum_beacon_native_trace(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
static int rum_beacon_native_viewport(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);
static int rum_beacon_native_size(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);

static void *rum_beacon_native_metrics_begin(rum_beacon_parser_t *p);
static const rum_beacon_key_t *rum_beacon_native_metric_name(
    rum_beacon_parser_t *p, const rum_str_t *name);
static int rum_beacon_native_metric(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);

static const rum_beacon_key_t *rum_beacon_native_tag_name(
    rum_beacon_parser_t *p, const rum_str_t *name);
static int rum_beacon_native_tag(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
static int rum_beacon_native_tag_number(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);
static void rum_beacon_native_number(rum_str_t *text, double value);

static const rum_beacon_key_t *rum_beacon_native_attribution_name(
    rum_beacon_parser_t *p, const rum_str_t *name);
static void *rum_beacon_native_attribution_begin(rum_beacon_parser_t *p);

static void *rum_beacon_native_error_begin(rum_beacon_parser_t *p);
static int rum_beacon_native_error_end(rum_beacon_parser_t *p);
static void *rum_beacon_native_action_begin(rum_beacon_parser_t *p);
static int rum_beacon_native_action_end(rum_beacon_parser_t *p);
static void *rum_beacon_native_resource_begin(rum_beacon_parser_t *p);
static int rum_beacon_native_duration(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);
static void *rum_beacon_native_event_begin(rum_beacon_parser_t *p);
static int rum_beacon_native_event_end(rum_beacon_parser_t *p);
static int rum_beacon_native_event_value(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);


#define rum_beacon_native_string(key, type, member, max)                      \
    { .name = rum_string(key), .string = rum_beacon_set_string,               \
      .offset = offsetof(type, member), .limit = max }

#define rum_beacon_native_count(key, type, member)                            \
    { .name = rum_string(key), .number = rum_beacon_set_count,                \
      .offset = offsetof(type, member) }

#define rum_beacon_native_array(key, of)                                      \
    { .name = rum_string(key), .element = &of }


static const rum_beacon_key_t  rum_beacon_native_metric_key = {
    .name = rum_string("*"),
    .number = rum_beacon_native_metric
};

static const rum_beacon_schema_t  rum_beacon_native_metrics = {
    .name = rum_beacon_native_metric_name,
    .begin = rum_beacon_native_metrics_begin
};


static const rum_beacon_key_t  rum_beacon_native_tag_key = {
    .name = rum_string("*"),
    .string = rum_beacon_native_tag,
    .number = rum_beacon_native_tag_number
};

static const rum_beacon_schema_t  rum_beacon_native_tags = {
    .name = rum_beacon_native_tag_name
};


static const rum_beacon_key_t  rum_beacon_native_attribution_keys[] = {
    rum_beacon_native_string("target", rum_event_attribution_t, target,
                             RUM_LEN_VALUE),
    { .name = rum_string("url"), .string = rum_beacon_set_url,
      .offset = offsetof(rum_event_attribution_t, url),
      .limit = RUM_LEN_URL },
    rum_beacon_native_string("type", rum_event_attribution_t, type,
                             RUM_LEN_NAME)
};

static const rum_beacon_schema_t  rum_beacon_native_attribution = {
    .keys = rum_beacon_native_attribution_keys,
    .n = rum_beacon_keys_n(rum_beacon_native_attribution_keys),
    .begin = rum_beacon_native_attribution_begin
};

static const rum_beacon_key_t  rum_beacon_native_attribution_key = {
    .name = rum_string("*"),
    .object = &rum_beacon_native_attribution
};

static const rum_beacon_schema_t  rum_beacon_native_attributions = {
    .name = rum_beacon_native_attribution_name
};


static const rum_beacon_key_t  rum_beacon_native_error_keys[] = {
    rum_beacon_native_string("type", rum_event_error_t, type, RUM_LEN_VALUE),
    { .name = rum_string("message"), .string = rum_beacon_set_text,
      .offset = offsetof(rum_event_error_t, message),
      .limit = RUM_LEN_MESSAGE },
    { .name = rum_string("source"), .string = rum_beacon_set_url,
      .offset = offsetof(rum_event_error_t, source), .limit = RUM_LEN_URL },
    rum_beacon_native_count("line", rum_event_error_t, line),
    rum_beacon_native_count("col", rum_event_error_t, col),
    { .name = rum_string("stack"), .string = rum_beacon_set_text,
      .offset = offsetof(rum_event_error_t, stack), .limit = RUM_LEN_STACK },
    rum_beacon_native_count("count", rum_event_error_t, count)
};

static const rum_beacon_schema_t  rum_beacon_native_error = {
    .keys = rum_beacon_native_error_keys,
    .n = rum_beacon_keys_n(rum_beacon_native_error_keys),
    .begin = rum_beacon_native_error_begin,
    .end = rum_beacon_native_error_end
};

static const rum_beacon_key_t  rum_beacon_native_error_element = {
    .object = &rum_beacon_native_error
};


static const rum_beacon_key_t  rum_beacon_native_action_keys[] = {
    rum_beacon_native_string("type", rum_event_action_t, type, RUM_LEN_NAME),
    rum_beacon_native_string("target", rum_event_action_t, target,
                             RUM_LEN_VALUE),
    { .name = rum_string("t"), .number = rum_beacon_set_amount,
      .offset = offsetof(rum_event_action_t, t) }
};

static const rum_beacon_schema_t  rum_beacon_native_action = {
    .keys = rum_beacon_native_action_keys,
    .n = rum_beacon_keys_n(rum_beacon_native_action_keys),
    .begin = rum_beacon_native_action_begin,
    .end = rum_beacon_native_action_end
};

static const rum_beacon_key_t  rum_beacon_native_action_element = {
    .object = &rum_beacon_native_action
};


static const rum_beacon_key_t  rum_beacon_native_duration_element = {
    .number = rum_beacon_native_duration
};

static const rum_beacon_key_t  rum_beacon_native_resource_keys[] = {
    rum_beacon_native_string("host", rum_event_resource_t, host,
                             RUM_LEN_VALUE),
    rum_beacon_native_string("type", rum_event_resource_t, type,
                             RUM_LEN_NAME),
    rum_beacon_native_count("count", rum_event_resource_t, count),
    { .name = rum_string("duration"), .number = rum_beacon_native_duration,
      .element = &rum_beacon_native_duration_element },
    { .name = rum_string("bytes"), .number = rum_beacon_set_amount,
      .offset = offsetof(rum_event_resource_t, bytes) },
    { .name = rum_string("url"), .string = rum_beacon_set_url,
      .offset = offsetof(rum_event_resource_t, url), .limit = RUM_LEN_URL }
};

static const rum_beacon_schema_t  rum_beacon_native_resource = {
    .keys = rum_beacon_native_resource_keys,
    .n = rum_beacon_keys_n(rum_beacon_native_resource_keys),
    .begin = rum_beacon_native_resource_begin
};

static const rum_beacon_key_t  rum_beacon_native_resource_element = {
    .object = &rum_beacon_native_resource
};


static const rum_beacon_key_t  rum_beacon_native_event_keys[] = {
    rum_beacon_native_string("name", rum_event_custom_t, name,
                             RUM_LEN_VALUE),
    { .name = rum_string("value"), .number = rum_beacon_native_event_value }
};

static const rum_beacon_schema_t  rum_beacon_native_event = {
    .keys = rum_beacon_native_event_keys,
    .n = rum_beacon_keys_n(rum_beacon_native_event_keys),
    .begin = rum_beacon_native_event_begin,
    .end = rum_beacon_native_event_end
};

static const rum_beacon_key_t  rum_beacon_native_event_element = {
    .object = &rum_beacon_native_event
};


/* "metrics" of a web-vitals beacon is an array of its objects */

static const rum_beacon_key_t  rum_beacon_native_vital_element = {
    .object = &rum_beacon_web_vitals
};

/* [width, height] is as good as the width's class */

static const rum_beacon_key_t  rum_beacon_native_viewport_element = {
    .name = rum_string("viewport"),
    .number = rum_beacon_native_viewport
};

/* in the order in which the agent writes them */

static const rum_beacon_key_t  rum_beacon_native_keys[] = {
    { .name = rum_string("v"), .number = rum_beacon_native_version,
      .string = rum_beacon_native_other_version },
    rum_beacon_native_string("view", rum_event_t, view, RUM_LEN_ID),
    rum_beacon_native_string("session", rum_event_t, session, RUM_LEN_ID),
    rum_beacon_native_count("n", rum_event_t, n),
    rum_beacon_native_count("seq", rum_event_t, seq),
    rum_beacon_native_string("page", rum_event_t, url, RUM_LEN_URL),
    { .name = rum_string("from"), .string = rum_beacon_native_from },
    { .name = rum_string("nav"), .string = rum_beacon_set_nav },
    { .name = rum_string("metrics"), .object = &rum_beacon_native_metrics,
      .element = &rum_beacon_native_vital_element },
    { .name = rum_string("attribution"),
      .object = &rum_beacon_native_attributions },
    rum_beacon_native_array("errors", rum_beacon_native_error_element),
    rum_beacon_native_array("actions", rum_beacon_native_action_element),
    rum_beacon_native_array("resources", rum_beacon_native_resource_element),
    rum_beacon_native_array("events", rum_beacon_native_event_element),
    { .name = rum_string("tags"), .object = &rum_beacon_native_tags },
    { .name = rum_string("network"), .string = rum_beacon_set_dim },
    { .name = rum_string("memory"), .number = rum_beacon_native_size },
    { .name = rum_string("cores"), .number = rum_beacon_native_size },
    { .name = rum_string("viewport"), .string = rum_beacon_set_dim,
      .element = &rum_beacon_native_viewport_element },
    { .name = rum_string("save_data"), .string = rum_beacon_set_dim },
    { .name = rum_string("traceparent"), .string = rum_beacon_native_trace }
};

const rum_beacon_schema_t  rum_beacon_native = {
    .keys = rum_beacon_native_keys,
    .n = rum_beacon_keys_n(rum_beacon_native_keys),
    .next = &rum_beacon_web_vitals,
    .end = rum_beacon_web_vitals_root
};


/* dimensions that are not for a client to say */

static const rum_str_t  rum_beacon_native_reserved[] = {
    rum_string("country"), rum_string("region"), rum_string("city"),
    rum_string("asn"), rum_string("device"), rum_string("browser"),
    rum_string("browser_version"), rum_string("os"), rum_string("network"),
    rum_string("nav"), rum_string("memory"), rum_string("cores"),
    rum_string("viewport"), rum_string("save_data"), rum_string("human"),
    rum_string("page"), rum_string("site"), rum_string("all")
};


int
rum_beacon_native_end(rum_beacon_parser_t *p)
{
    int        rc;
    rum_str_t  url;

    if (!p->has_version || p->version != 1) {
        return rum_beacon_fail(p, RUM_BEACON_VERSION,
                               "v: the number 1 is expected");
    }

    if (p->event->url.len == 0) {
        return rum_beacon_fail(p, RUM_BEACON_NO_PAGE, "page: is missing");
    }

    p->format = RUM_FORMAT_NATIVE;

    url = p->event->url;

    rc = rum_beacon_page(p, &url);
    if (rc != RUM_OK) {
        return rc;
    }

    return rum_beacon_from(p, &p->from);
}


static int
rum_beacon_native_version(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value)
{
    (void) key;

    p->has_version = 1;
    p->version = value;

    return RUM_OK;
}


/* other formats have a "v" too, such as "1.815.1" */

static int
rum_beacon_native_other_version(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value)
{
    (void) value;

    return rum_beacon_native_version(p, key, -1);
}


static int
rum_beacon_native_from(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    (void) key;

    return rum_beacon_copy(p, value, RUM_LEN_URL, &p->from);
}


/*
 * https://www.w3.org/TR/trace-context/: VERSION-TRACE-PARENT-FLAGS in
 * lower-case hex, of 2, 32, 16 and 2 digits; neither id may be all zero.
 * Anything else is as good as absent.
 */
static int
rum_beacon_native_trace(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    size_t          i;
    rum_str_t       trace;
    unsigned char   c, id[2];

    (void) key;

    if (value->len < 55 || (value->len > 55 && value->data[55] != '-')
        || memcmp(value->data, "ff", 2) == 0)
    {
        return RUM_OK;
    }

    id[0] = 0;
    id[1] = 0;

    for (i = 0; i < 55; i++) {
        c = value->data[i];

        if (i == 2 || i == 35 || i == 52) {
            if (c != '-') {
                return RUM_OK;
            }

            continue;
        }

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return RUM_OK;
        }

        if (i > 2 && i < 52) {
            id[i > 35] |= c ^ '0';
        }
    }

    if (id[0] == 0 || id[1] == 0) {
        return RUM_OK;
    }

    trace.len = 32;
    trace.data = value->data + 3;

    return rum_beacon_copy(p, &trace, 32, &p->event->trace);
}


/* of the device, as a dimension: GB of memory, cores */

static int
rum_beacon_native_size(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value)
{
    rum_str_t      text;
    unsigned char  buf[32];

    if (!(value > 0 && value <= 1024)) {
        p->event->cut[RUM_CUT_RANGE]++;
        return RUM_OK;
    }

    text.data = buf;
    rum_beacon_native_number(&text, value);

    return rum_beacon_set_dim(p, key, &text);
}


/* the classes are the agent's; the first number is the width */

static int
rum_beacon_native_viewport(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value)
{
    rum_str_t  class;

    if (rum_event_dim(p->event, &key->name) != NULL) {
        return RUM_OK;
    }

    if (!(value >= 0 && value <= RUM_MAX_COUNT)) {
        p->event->cut[RUM_CUT_RANGE]++;
        return RUM_OK;
    }

    class.len = 2;
    class.data = (unsigned char *) (value < 480 ? "xs" : value < 768 ? "sm"
                                    : value < 1024 ? "md"
                                    : value < 1440 ? "lg" : "xl");

    (void) rum_event_set_dim(p->event, &key->name, &class);

    return RUM_OK;
}


/* a number as people write it: 8, 0.5 */

static void
rum_beacon_native_number(rum_str_t *text, double value)
{
    if (value >= 0 && value < 10 && value == (int) value) {
        text->len = 1;
        text->data[0] = '0' + (int) value;
        return;
    }

    text->len = snprintf((char *) text->data, 32, "%.10g", value);
}


static void *
rum_beacon_native_metrics_begin(rum_beacon_parser_t *p)
{
    p->has_metrics = 1;

    return p->event;
}


static const rum_beacon_key_t *
rum_beacon_native_metric_name(rum_beacon_parser_t *p, const rum_str_t *name)
{
    p->metric = rum_metric_find(name);

    if (p->metric != NULL) {
        p->name = p->metric->name;
        return &rum_beacon_native_metric_key;
    }

    if (!rum_metric_name_valid(name)) {
        p->event->cut[RUM_CUT_METRICS]++;
        return NULL;
    }

    if (rum_beacon_copy(p, name, RUM_METRIC_NAME_MAX, &p->name) != RUM_OK) {
        return NULL;
    }

    return &rum_beacon_native_metric_key;
}


static int
rum_beacon_native_metric(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value)
{
    static const rum_str_t  id = { 0, NULL };

    (void) key;

    return rum_beacon_metric(p, p->metric, &p->name, value, &id);
}


static const rum_beacon_key_t *
rum_beacon_native_tag_name(rum_beacon_parser_t *p, const rum_str_t *name)
{
    size_t         i;
    unsigned char  c;

    if (name->len == 0 || name->len > RUM_LEN_NAME) {
        goto cut;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            goto cut;
        }
    }

    for (i = 0; i < rum_beacon_keys_n(rum_beacon_native_reserved); i++) {
        if (rum_str_eq(&rum_beacon_native_reserved[i], name)) {
            goto cut;
        }
    }

    if (rum_detail_reserved(name)) {
        goto cut;
    }

    if (rum_event_dim(p->event, name) == NULL) {
        if (p->tags == RUM_MAX_TAGS) {
            goto cut;
        }

        p->tags++;
    }

    p->metric = NULL;

    if (rum_beacon_copy(p, name, RUM_LEN_NAME, &p->name) != RUM_OK) {
        return NULL;
    }

    return &rum_beacon_native_tag_key;

cut:

    p->event->cut[RUM_CUT_TAGS]++;

    return NULL;
}


static int
rum_beacon_native_tag(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    rum_beacon_key_t  dim;

    dim = *key;
    dim.name = p->name;

    return rum_beacon_set_dim(p, &dim, value);
}


static int
rum_beacon_native_tag_number(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value)
{
    rum_str_t      text;
    unsigned char  buf[32];

    if (!(value >= -RUM_METRIC_CUSTOM_MAX && value <= RUM_METRIC_CUSTOM_MAX))
    {
        p->event->cut[RUM_CUT_RANGE]++;
        return RUM_OK;
    }

    text.data = buf;
    rum_beacon_native_number(&text, value);

    return rum_beacon_native_tag(p, key, &text);
}


/*
 * Of the metrics in the table only.  In a web-vitals object "attribution" is
 * about its one metric and has other keys: those are skipped here.
 */
static const rum_beacon_key_t *
rum_beacon_native_attribution_name(rum_beacon_parser_t *p,
    const rum_str_t *name)
{
    p->metric = rum_metric_find(name);

    return p->metric != NULL ? &rum_beacon_native_attribution_key : NULL;
}


static void *
rum_beacon_native_attribution_begin(rum_beacon_parser_t *p)
{
    uint32_t                  i;
    rum_event_t              *event;
    rum_event_attribution_t  *a;

    event = p->event;

    for (i = 0; i < event->nattributions; i++) {
        if (rum_str_eq(&event->attributions[i].metric, &p->metric->name)) {
            break;
        }
    }

    if (i == RUM_MAX_ATTRIBUTIONS) {
        event->cut[RUM_CUT_METRICS]++;
        return NULL;
    }

    if (i == event->nattributions) {
        event->nattributions++;
    }

    a = &event->attributions[i];
    memset(a, 0, sizeof(rum_event_attribution_t));
    a->metric = p->metric->name;

    return a;
}


static void *
rum_beacon_native_error_begin(rum_beacon_parser_t *p)
{
    rum_event_error_t  *error;

    if (p->event->nerrors == RUM_MAX_ERRORS) {
        p->event->cut[RUM_CUT_ERRORS]++;
        return NULL;
    }

    error = &p->event->errors[p->event->nerrors++];
    memset(error, 0, sizeof(rum_event_error_t));

    return error;
}


static int
rum_beacon_native_error_end(rum_beacon_parser_t *p)
{
    rum_event_error_t  *error;

    error = &p->event->errors[p->event->nerrors - 1];

    if (error->count == 0) {
        error->count = 1;
    }

    if (error->type.len == 0 && error->message.len == 0) {
        p->event->nerrors--;
        p->event->cut[RUM_CUT_ERRORS]++;
    }

    return RUM_OK;
}


static void *
rum_beacon_native_action_begin(rum_beacon_parser_t *p)
{
    rum_event_action_t  *action;

    if (p->event->nactions == RUM_MAX_ACTIONS) {
        p->event->cut[RUM_CUT_ACTIONS]++;
        return NULL;
    }

    action = &p->event->actions[p->event->nactions++];
    memset(action, 0, sizeof(rum_event_action_t));

    return action;
}


static int
rum_beacon_native_action_end(rum_beacon_parser_t *p)
{
    if (p->event->actions[p->event->nactions - 1].type.len == 0) {
        p->event->nactions--;
        p->event->cut[RUM_CUT_ACTIONS]++;
    }

    return RUM_OK;
}


static void *
rum_beacon_native_resource_begin(rum_beacon_parser_t *p)
{
    rum_event_resource_t  *resource;

    if (p->event->nresources == RUM_MAX_RESOURCES) {
        p->event->cut[RUM_CUT_RESOURCES]++;
        return NULL;
    }

    resource = &p->event->resources[p->event->nresources++];
    memset(resource, 0, sizeof(rum_event_resource_t));
    resource->count = 1;

    return resource;
}


static int
rum_beacon_native_duration(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value)
{
    rum_event_resource_t  *resource;

    (void) key;

    resource = &p->event->resources[p->event->nresources - 1];

    if (!(value >= 0 && value <= RUM_METRIC_CUSTOM_MAX)) {
        p->event->cut[RUM_CUT_RANGE]++;
        return RUM_OK;
    }

    if (resource->ndurations == RUM_MAX_DURATIONS) {
        p->event->cut[RUM_CUT_RESOURCES]++;
        return RUM_OK;
    }

    resource->durations[resource->ndurations++] = (float) value;

    return RUM_OK;
}


static void *
rum_beacon_native_event_begin(rum_beacon_parser_t *p)
{
    rum_event_custom_t  *event;

    if (p->event->nevents == RUM_MAX_EVENTS) {
        p->event->cut[RUM_CUT_EVENTS]++;
        return NULL;
    }

    event = &p->event->events[p->event->nevents++];
    memset(event, 0, sizeof(rum_event_custom_t));

    return event;
}


static int
rum_beacon_native_event_end(rum_beacon_parser_t *p)
{
    if (p->event->events[p->event->nevents - 1].name.len == 0) {
        p->event->nevents--;
        p->event->cut[RUM_CUT_EVENTS]++;
    }

    return RUM_OK;
}


static int
rum_beacon_native_event_value(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value)
{
    rum_event_custom_t  *event;

    (void) key;

    event = &p->event->events[p->event->nevents - 1];

    if (!(value >= 0 && value <= RUM_METRIC_CUSTOM_MAX)) {
        p->event->cut[RUM_CUT_RANGE]++;
        return RUM_OK;
    }

    event->value = value + 0.0;
    event->has_value = 1;

    return RUM_OK;
}
