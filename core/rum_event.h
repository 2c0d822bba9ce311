/*
 * The event: what one beacon says, after parsing and enrichment.  Every
 * format a client may speak becomes this, and the stream entry is made of it.
 *
 * The structure is large and reused: rum_event_reset() clears the counts and
 * the scalars, not the arrays.  Strings point into the memory of whoever
 * filled the event (the parser's arena, a stream entry) and live as long.
 */

#ifndef RUM_EVENT_H
#define RUM_EVENT_H

#include "rum.h"
#include "rum_metric.h"

/* limits; what is beyond is cut and counted in event->cut[] */
#define RUM_MAX_METRICS        64
#define RUM_MAX_ERRORS         32
#define RUM_MAX_ACTIONS        64
#define RUM_MAX_RESOURCES      64
#define RUM_MAX_EVENTS         32
#define RUM_MAX_TAGS           16
#define RUM_MAX_DIMS           32       /* built-in, own and tags together */
#define RUM_MAX_DURATIONS      8        /* per resource group */

/* longest strings in bytes; longer ones are cut on a UTF-8 boundary */
#define RUM_LEN_ID             64       /* view, session, metric id */
#define RUM_LEN_NAME           32       /* names of dimensions and metrics */
#define RUM_LEN_VALUE          128      /* values of dimensions, targets */
#define RUM_LEN_PAGE           256      /* page group, from */
#define RUM_LEN_URL            512      /* script sources, page URL */
#define RUM_LEN_MESSAGE        256      /* error messages */
#define RUM_LEN_STACK          2048

#define RUM_MAX_COUNT          1000000  /* n, seq, line, col, counts */
#define RUM_MAX_WEIGHT         1000     /* sessions that one stands for */

typedef struct {
    const rum_metric_t   *metric;       /* NULL: a custom metric */
    rum_str_t             name;
    double                value;
    rum_str_t             id;           /* web-vitals' metric id, or empty */
} rum_event_metric_t;

typedef struct {
    rum_str_t             name;
    rum_str_t             value;
} rum_event_dim_t;

typedef struct {
    rum_str_t             type;
    rum_str_t             message;
    rum_str_t             source;
    rum_str_t             stack;
    uint32_t              line;
    uint32_t              col;
    uint32_t              count;        /* how often; at least 1 */
} rum_event_error_t;

typedef struct {
    rum_str_t             type;         /* click, rage, dead, scroll ... */
    rum_str_t             target;
    double                t;            /* ms since navigation start */
} rum_event_action_t;

typedef struct {
    rum_str_t             host;
    rum_str_t             type;
    rum_str_t             url;          /* of the slowest, without query */
    uint32_t              count;
    uint32_t              third_party;  /* 1: of another site than the page */
    uint32_t              ndurations;
    float                 durations[RUM_MAX_DURATIONS];     /* ms */
    double                bytes;
} rum_event_resource_t;

typedef struct {
    rum_str_t             name;
    double                value;
    unsigned              has_value:1;
} rum_event_custom_t;

typedef struct {
    rum_str_t             metric;       /* lcp, inp, cls ... */
    rum_str_t             target;       /* CSS selector of the element */
    rum_str_t             url;          /* without query */
    rum_str_t             type;         /* of an interaction: pointer ... */
} rum_event_attribution_t;

#define RUM_MAX_ATTRIBUTIONS   8

typedef enum {
    RUM_CUT_STRINGS = 0,                /* longer than allowed */
    RUM_CUT_METRICS,                    /* more than allowed, or a bad name */
    RUM_CUT_RANGE,                      /* number not in its metric's range */
    RUM_CUT_ERRORS,
    RUM_CUT_ACTIONS,
    RUM_CUT_RESOURCES,
    RUM_CUT_EVENTS,
    RUM_CUT_TAGS,
    RUM_CUT_LAST
} rum_cut_e;

/* the names the counters of rum_cut_e have in status */
extern const rum_str_t  rum_cut_names[RUM_CUT_LAST];

typedef struct {
    uint64_t              time;         /* of receipt, Unix ms */

    rum_str_t             site;
    rum_str_t             page;         /* page group */
    rum_str_t             from;         /* group of the page before, or the
                                           host of a referrer */
    rum_str_t             view;
    rum_str_t             session;
    rum_str_t             trace;        /* trace id, 32 hex digits */

    rum_str_t             url;          /* page as sent; never stored */
    rum_str_t             path;         /* its path, no query, no fragment;
                                           never stored */
    uint32_t              n;            /* number of the view in its session,
                                           from 1; 0: not told */
    uint32_t              seq;          /* 0: begins the view */
    uint32_t              weight;       /* how often it counts; 1: once */

    uint32_t              nmetrics;
    uint32_t              ndims;
    uint32_t              nerrors;
    uint32_t              nactions;
    uint32_t              nresources;
    uint32_t              nevents;
    uint32_t              nattributions;

    uint32_t              cut[RUM_CUT_LAST];

    rum_event_metric_t       metrics[RUM_MAX_METRICS];
    rum_event_dim_t          dims[RUM_MAX_DIMS];
    rum_event_error_t        errors[RUM_MAX_ERRORS];
    rum_event_action_t       actions[RUM_MAX_ACTIONS];
    rum_event_resource_t     resources[RUM_MAX_RESOURCES];
    rum_event_custom_t       events[RUM_MAX_EVENTS];
    rum_event_attribution_t  attributions[RUM_MAX_ATTRIBUTIONS];
} rum_event_t;

void rum_event_reset(rum_event_t *event);

/*
 * Adds a dimension, or replaces the value of one that is there.  Empty
 * values are not added.  RUM_FULL (and counted as cut) past RUM_MAX_DIMS.
 */
int rum_event_set_dim(rum_event_t *event, const rum_str_t *name,
    const rum_str_t *value);

/* the value of a dimension, or NULL; "page" is found too */
const rum_str_t *rum_event_dim(const rum_event_t *event,
    const rum_str_t *name);

/* the longest prefix of s that is at most max bytes and whole UTF-8 */
size_t rum_utf8_cut(const unsigned char *s, size_t len, size_t max);

/* 1 if all of it is UTF-8 */
int rum_utf8_valid(const unsigned char *s, size_t len);

#endif /* RUM_EVENT_H */
