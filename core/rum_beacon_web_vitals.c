/*
 * The objects of Google's web-vitals library, as the usual hand-written
 * senders post them: one object per request, an array of them, or an array
 * under "metrics" with facts about the page around it (docs/beacon.md).
 *
 *   {"name":"LCP","value":2124,"id":"v6-...","navigationType":"navigate",
 *    "navigationURL":"https://shop.test/"}
 *
 * The same senders post their errors and events in the same shape.
 */

#include "rum_beacon_schema.h"

static void *rum_beacon_vital_begin(rum_beacon_parser_t *p);
static int rum_beacon_vital_end(rum_beacon_parser_t *p);
static int rum_beacon_vital_string(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
static int rum_beacon_vital_value(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);
static int rum_beacon_vital_count(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);
static int rum_beacon_vital_network(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
static int rum_beacon_vital_session(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
static int rum_beacon_vital_about(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);

static int rum_beacon_vital_take(rum_beacon_parser_t *p,
    rum_beacon_vital_t *vital);
static int rum_beacon_vital_metric(rum_beacon_parser_t *p,
    rum_beacon_vital_t *vital);
static void rum_beacon_vital_error(rum_beacon_parser_t *p,
    rum_beacon_vital_t *vital);
static rum_str_t rum_beacon_vital_error_type(const rum_str_t *text);
static void rum_beacon_vital_event(rum_beacon_parser_t *p,
    rum_beacon_vital_t *vital);


/* facts about the page, kept in the parser */

#define rum_beacon_vital_fact(key, member)                                    \
    { .name = rum_string(key), .string = rum_beacon_vital_about,              \
      .offset = offsetof(rum_beacon_parser_t, member), .limit = RUM_LEN_URL }

#define rum_beacon_vital_text(key, member, max)                               \
    { .name = rum_string(key), .string = rum_beacon_vital_string,             \
      .offset = offsetof(rum_beacon_vital_t, member), .limit = max }

static const rum_beacon_key_t  rum_beacon_vital_keys[] = {
    rum_beacon_vital_fact("url", url),
    rum_beacon_vital_fact("path", path),
    rum_beacon_vital_fact("ref", from),
    { .name = rum_string("ect"), .string = rum_beacon_vital_network },
    { .name = rum_string("sid"), .string = rum_beacon_vital_session },
    rum_beacon_vital_text("name", name, RUM_LEN_NAME),
    { .name = rum_string("value"), .number = rum_beacon_vital_value },
    rum_beacon_vital_text("id", id, RUM_LEN_ID),
    { .name = rum_string("navigationType"), .string = rum_beacon_set_nav },
    rum_beacon_vital_text("navigationURL", url, RUM_LEN_URL),
    rum_beacon_vital_text("event", event, RUM_LEN_VALUE),
    rum_beacon_vital_text("message", message, RUM_LEN_MESSAGE),
    rum_beacon_vital_text("source", source, RUM_LEN_URL),
    { .name = rum_string("line"), .number = rum_beacon_vital_count,
      .offset = offsetof(rum_beacon_vital_t, line) },
    { .name = rum_string("col"), .number = rum_beacon_vital_count,
      .offset = offsetof(rum_beacon_vital_t, col) },
    rum_beacon_vital_text("stack", stack, RUM_LEN_STACK)
};

const rum_beacon_schema_t  rum_beacon_web_vitals = {
    .keys = rum_beacon_vital_keys,
    .n = rum_beacon_keys_n(rum_beacon_vital_keys),
    .begin = rum_beacon_vital_begin,
    .end = rum_beacon_vital_end
};


/* the library's own names; what it writes in capitals but is not here goes */

static const struct {
    rum_str_t             sent;
    rum_str_t             name;
} rum_beacon_vital_names[] = {
    { rum_string("LCP"), rum_string("lcp") },
    { rum_string("INP"), rum_string("inp") },
    { rum_string("CLS"), rum_string("cls") },
    { rum_string("FCP"), rum_string("fcp") },
    { rum_string("TTFB"), rum_string("ttfb") }
};


int
rum_beacon_web_vitals_root(rum_beacon_parser_t *p)
{
    if (p->has_metrics || p->event->url.len != 0 || p->root.name.len == 0) {
        return RUM_OK;
    }

    return rum_beacon_vital_take(p, &p->root);
}


/*
 * The page is the metrics' own (navigationURL), since in a single-page
 * application they come when the document's URL is another already.
 * TTFB is reported once for each page view: the beacon that has it begins
 * the view, and its id is the view's.
 */
int
rum_beacon_web_vitals_end(rum_beacon_parser_t *p)
{
    int           rc;
    rum_str_t     url;
    rum_event_t  *event;

    event = p->event;
    p->format = RUM_FORMAT_WEB_VITALS;

    event->seq = p->has_ttfb ? 0 : 1;
    event->view = p->ttfb_id;

    url = event->url.len ? event->url
          : p->vital_url.len ? p->vital_url
          : p->url.len ? p->url : p->path;

    if (url.len != 0) {
        rc = rum_beacon_page(p, &url);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return rum_beacon_from(p, &p->from);
}


static void *
rum_beacon_vital_begin(rum_beacon_parser_t *p)
{
    memset(&p->element, 0, sizeof(rum_beacon_vital_t));
    p->vital = &p->element;

    return p->vital;
}


static int
rum_beacon_vital_end(rum_beacon_parser_t *p)
{
    p->vital = &p->root;

    if (p->element.name.len == 0) {
        return RUM_OK;
    }

    return rum_beacon_vital_take(p, &p->element);
}


static int
rum_beacon_vital_string(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    return rum_beacon_copy(p, value, key->limit,
                           (rum_str_t *) ((char *) p->vital + key->offset));
}


static int
rum_beacon_vital_value(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value)
{
    (void) key;

    p->vital->value = value;
    p->vital->has_value = 1;

    return RUM_OK;
}


static int
rum_beacon_vital_count(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value)
{
    *(uint32_t *) ((char *) p->vital + key->offset)
        = rum_beacon_count(p, value);

    return RUM_OK;
}


static int
rum_beacon_vital_about(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    return rum_beacon_copy(p, value, key->limit,
                           (rum_str_t *) ((char *) p + key->offset));
}


static int
rum_beacon_vital_session(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    (void) key;

    return rum_beacon_copy(p, value, RUM_LEN_ID, &p->event->session);
}


static int
rum_beacon_vital_network(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    rum_beacon_key_t  dim;

    dim = *key;
    rum_str_set(&dim.name, "network");

    return rum_beacon_set_dim(p, &dim, value);
}


/* what the object is, now that all its keys were seen */

static int
rum_beacon_vital_take(rum_beacon_parser_t *p, rum_beacon_vital_t *vital)
{
    p->has_vitals = 1;

    if (rum_str_is(&vital->name, "error")
        || rum_str_is(&vital->name, "rejection"))
    {
        rum_beacon_vital_error(p, vital);
        return RUM_OK;
    }

    if (rum_str_is(&vital->name, "event")) {
        rum_beacon_vital_event(p, vital);
        return RUM_OK;
    }

    return rum_beacon_vital_metric(p, vital);
}


static int
rum_beacon_vital_metric(rum_beacon_parser_t *p, rum_beacon_vital_t *vital)
{
    size_t               i;
    rum_str_t            name;
    const rum_metric_t  *metric;

    name = vital->name;

    for (i = 0; i < rum_beacon_keys_n(rum_beacon_vital_names); i++) {
        if (rum_str_eq(&rum_beacon_vital_names[i].sent, &name)) {
            name = rum_beacon_vital_names[i].name;
            break;
        }
    }

    if (!vital->has_value || !rum_metric_name_valid(&name)) {
        p->event->cut[RUM_CUT_METRICS]++;
        return RUM_OK;
    }

    if (p->vital_url.len == 0) {
        p->vital_url = vital->url;
    }

    if (rum_str_is(&name, "ttfb")) {
        p->has_ttfb = 1;
        p->ttfb_id = vital->id;

        if (vital->url.len != 0) {
            p->vital_url = vital->url;
        }
    }

    metric = rum_metric_find(&name);

    return rum_beacon_metric(p, metric, metric != NULL ? &metric->name : &name,
                             vital->value, &vital->id);
}


static void
rum_beacon_vital_error(rum_beacon_parser_t *p, rum_beacon_vital_t *vital)
{
    rum_str_t           type;
    rum_event_error_t  *error;

    if (vital->message.len == 0 || p->event->nerrors == RUM_MAX_ERRORS) {
        p->event->cut[RUM_CUT_ERRORS]++;
        return;
    }

    type = rum_beacon_vital_error_type(&vital->message);

    if (type.len == 0) {
        type = rum_beacon_vital_error_type(&vital->stack);
    }

    rum_beacon_strip_text(&vital->message);
    rum_beacon_strip_text(&vital->stack);
    rum_beacon_strip_url(&vital->source);

    error = &p->event->errors[p->event->nerrors++];

    error->type = type.len != 0 ? type : vital->name;
    error->message = vital->message;
    error->source = vital->source;
    error->stack = vital->stack;
    error->line = vital->line;
    error->col = vital->col;
    error->count = 1;
}


/* "Uncaught TypeError: x is undefined" -> "TypeError"; empty if none */

static rum_str_t
rum_beacon_vital_error_type(const rum_str_t *text)
{
    size_t          i;
    rum_str_t       type;
    unsigned char   c;

    static const rum_str_t  uncaught = rum_string("Uncaught ");

    type = *text;

    if (type.len > uncaught.len
        && memcmp(type.data, uncaught.data, uncaught.len) == 0)
    {
        type.data += uncaught.len;
        type.len -= uncaught.len;
    }

    for (i = 0; i < type.len && i < RUM_LEN_NAME; i++) {
        c = type.data[i] | 0x20;

        if (c < 'a' || c > 'z') {
            break;
        }
    }

    if (i < 5 || i == type.len || type.data[i] != ':'
        || memcmp(type.data + i - 5, "Error", 5) != 0)
    {
        type.len = 0;
        return type;
    }

    type.len = i;

    return type;
}


static void
rum_beacon_vital_event(rum_beacon_parser_t *p, rum_beacon_vital_t *vital)
{
    rum_event_custom_t  *event;

    if (vital->event.len == 0 || p->event->nevents == RUM_MAX_EVENTS) {
        p->event->cut[RUM_CUT_EVENTS]++;
        return;
    }

    event = &p->event->events[p->event->nevents++];

    event->name = vital->event;
    event->value = 0;
    event->has_value = 0;

    if (vital->has_value) {
        if (vital->value >= 0 && vital->value <= RUM_METRIC_CUSTOM_MAX) {
            event->value = vital->value + 0.0;
            event->has_value = 1;

        } else {
            p->event->cut[RUM_CUT_RANGE]++;
        }
    }
}
