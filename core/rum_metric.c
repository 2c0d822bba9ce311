/*
 * The metrics known by name: see rum_metric.h.
 *
 * rum_metric_find() is called for every metric of every beacon: it takes the
 * only candidate by the length and the first letters, then compares once.
 * A new metric needs its line in rum_metrics[], its place in rum_metric_e
 * and a case in rum_metric_find(); t/unit/test_metric.c looks for all of them.
 */

#include "rum_metric.h"

#include "rum_counter.h"

#define RUM_TIME_MAX           3600000.0    /* an hour, in ms */
#define RUM_DAY_MAX            86400000.0   /* a day */
#define RUM_SHIFT_MAX          1000.0       /* CLS is hardly ever above 10 */

#define rum_time(name, good, poor, description)                               \
    { rum_string(name), rum_string("ms"), RUM_TIME_MAX, good, poor,           \
      description }

#define rum_letters(a, b, c)   ((uint32_t) (a) << 16 | (b) << 8 | (c))


typedef enum {
    RUM_METRIC_LCP = 0,
    RUM_METRIC_INP,
    RUM_METRIC_CLS,
    RUM_METRIC_FCP,
    RUM_METRIC_TTFB,
    RUM_METRIC_FID,
    RUM_METRIC_LOAD,
    RUM_METRIC_REDIRECT,
    RUM_METRIC_WORKER,
    RUM_METRIC_DNS,
    RUM_METRIC_TCP,
    RUM_METRIC_TLS,
    RUM_METRIC_REQUEST,
    RUM_METRIC_RESPONSE,
    RUM_METRIC_DOM_INTERACTIVE,
    RUM_METRIC_DOM_CONTENT_LOADED,
    RUM_METRIC_TTI,
    RUM_METRIC_TBT,
    RUM_METRIC_LONG_FRAMES,
    RUM_METRIC_BACKEND,
    RUM_METRIC_LCP_LOAD_DELAY,
    RUM_METRIC_LCP_LOAD_TIME,
    RUM_METRIC_LCP_RENDER_DELAY,
    RUM_METRIC_INP_DELAY,
    RUM_METRIC_INP_PROCESSING,
    RUM_METRIC_INP_PRESENTATION,
    RUM_METRIC_TIME_VISIBLE,
    RUM_METRIC_DURATION,
    RUM_METRIC_NONE
} rum_metric_e;


static rum_metric_e rum_metric_candidate(const rum_str_t *name);
static rum_metric_e rum_metric_three(const unsigned char *name);
static rum_metric_e rum_metric_eight(const unsigned char *name);


const rum_metric_t  rum_metrics[] = {

    rum_time("lcp", 2500, 4000, "Largest Contentful Paint"),
    rum_time("inp", 200, 500, "Interaction to Next Paint"),
    { rum_string("cls"), rum_string("1"), RUM_SHIFT_MAX, 0.1, 0.25,
      "Cumulative Layout Shift" },
    rum_time("fcp", 1800, 3000, "First Contentful Paint"),
    rum_time("ttfb", 800, 1800, "Time to First Byte"),
    rum_time("fid", 100, 300, "First Input Delay"),
    rum_time("load", 0, 0, "Navigation start to the end of load"),
    rum_time("redirect", 0, 0, "Redirects before the document"),
    rum_time("worker", 0, 0, "Start of the service worker"),
    rum_time("dns", 0, 0, "Name lookup"),
    rum_time("tcp", 0, 0, "TCP connect"),
    rum_time("tls", 0, 0, "TLS handshake"),
    rum_time("request", 0, 0, "Request sent to first byte of the response"),
    rum_time("response", 0, 0, "First to last byte of the response"),
    rum_time("dom_interactive", 0, 0,
             "Navigation start to the end of HTML parsing"),
    rum_time("dom_content_loaded", 0, 0,
             "Navigation start to the end of DOMContentLoaded"),
    rum_time("tti", 0, 0, "Time to Interactive"),
    rum_time("tbt", 0, 0, "Total Blocking Time"),
    rum_time("long_animation_frames", 0, 0,
             "Blocking time of long animation frames"),
    rum_time("backend", 0, 0,
             "What the server says it took of the Time to First Byte"),
    rum_time("lcp_load_delay", 0, 0,
             "First byte to the start of loading the LCP element"),
    rum_time("lcp_load_time", 0, 0, "Loading the LCP element"),
    rum_time("lcp_render_delay", 0, 0,
             "LCP element loaded to its rendering"),
    rum_time("inp_delay", 0, 0,
             "Interaction of INP to the start of its handlers"),
    rum_time("inp_processing", 0, 0, "Handlers of the interaction of INP"),
    rum_time("inp_presentation", 0, 0,
             "End of the handlers of INP to the next frame"),
    { rum_string("time_visible"), rum_string("ms"), RUM_DAY_MAX, 0, 0,
      "For how long the view was visible" },
    rum_time("duration", 0, 0, "Time of a resource, from start to end"),

    { rum_string(""), rum_string(""), 0, 0, 0, NULL }
};


const rum_metric_t *
rum_metric_find(const rum_str_t *name)
{
    const rum_metric_t  *metric;

    metric = &rum_metrics[rum_metric_candidate(name)];

    if (metric->name.len != 0 && rum_str_eq(&metric->name, name)) {
        return metric;
    }

    return NULL;
}


static rum_metric_e
rum_metric_candidate(const rum_str_t *name)
{
    switch (name->len) {

    case 3:
        return rum_metric_three(name->data);

    case 4:
        return (name->data[0] == 't') ? RUM_METRIC_TTFB : RUM_METRIC_LOAD;

    case 6:
        return RUM_METRIC_WORKER;

    case 7:
        return (name->data[0] == 'b') ? RUM_METRIC_BACKEND
                                      : RUM_METRIC_REQUEST;

    case 8:
        return rum_metric_eight(name->data);

    case 9:
        return RUM_METRIC_INP_DELAY;

    case 12:
        return RUM_METRIC_TIME_VISIBLE;

    case 13:
        return RUM_METRIC_LCP_LOAD_TIME;

    case 14:
        return (name->data[0] == 'l') ? RUM_METRIC_LCP_LOAD_DELAY
                                      : RUM_METRIC_INP_PROCESSING;

    case 15:
        return RUM_METRIC_DOM_INTERACTIVE;

    case 16:
        return (name->data[0] == 'l') ? RUM_METRIC_LCP_RENDER_DELAY
                                      : RUM_METRIC_INP_PRESENTATION;

    case 18:
        return RUM_METRIC_DOM_CONTENT_LOADED;

    case 21:
        return RUM_METRIC_LONG_FRAMES;

    default:
        return RUM_METRIC_NONE;
    }
}


static rum_metric_e
rum_metric_three(const unsigned char *name)
{
    switch (rum_letters(name[0], name[1], name[2])) {

    case rum_letters('l', 'c', 'p'):
        return RUM_METRIC_LCP;

    case rum_letters('i', 'n', 'p'):
        return RUM_METRIC_INP;

    case rum_letters('c', 'l', 's'):
        return RUM_METRIC_CLS;

    case rum_letters('f', 'c', 'p'):
        return RUM_METRIC_FCP;

    case rum_letters('f', 'i', 'd'):
        return RUM_METRIC_FID;

    case rum_letters('d', 'n', 's'):
        return RUM_METRIC_DNS;

    case rum_letters('t', 'c', 'p'):
        return RUM_METRIC_TCP;

    case rum_letters('t', 'l', 's'):
        return RUM_METRIC_TLS;

    case rum_letters('t', 't', 'i'):
        return RUM_METRIC_TTI;

    case rum_letters('t', 'b', 't'):
        return RUM_METRIC_TBT;

    default:
        return RUM_METRIC_NONE;
    }
}


static rum_metric_e
rum_metric_eight(const unsigned char *name)
{
    if (name[0] == 'd') {
        return RUM_METRIC_DURATION;
    }

    return (name[2] == 'd') ? RUM_METRIC_REDIRECT : RUM_METRIC_RESPONSE;
}


int
rum_metric_name_valid(const rum_str_t *name)
{
    size_t         i;
    unsigned char  c;

    if (name->len == 0 || name->len > RUM_METRIC_NAME_MAX) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || c == '_' || c == '.'))
        {
            return 0;
        }
    }

    /* counters have the same place in the Redis keys */

    return rum_counter_find(name) == RUM_COUNTER_LAST
           && !rum_str_is(name, "sessions");
}


rum_rating_e
rum_metric_rate(const rum_metric_t *metric, double value)
{
    if (metric == NULL || metric->poor == 0) {
        return RUM_UNRATED;
    }

    if (value <= metric->good) {
        return RUM_GOOD;
    }

    return (value <= metric->poor) ? RUM_NEEDS_IMPROVEMENT : RUM_POOR;
}
