/*
 * The question put to the status location: its query string, taken apart,
 * checked, and with every default filled in (docs/status-api.md).  Whoever
 * holds a rum_query_t holds a question that can be answered.
 *
 * Used by the status location of the module, by rum_plan (what to read) and
 * by rum_report (what to answer).
 */

#ifndef RUM_QUERY_H
#define RUM_QUERY_H

#include "rum_detail.h"
#include "rum_event.h"

#define RUM_QUERY_ARGS_MAX     4096     /* bytes of a query string */
#define RUM_QUERY_METRICS      64
#define RUM_QUERY_QUANTILES    16
#define RUM_QUERY_WHERES       2
#define RUM_QUERY_VALUE_MAX    1024     /* bytes of a value in "where" */
#define RUM_QUERY_LIMIT_MAX    10000
#define RUM_QUERY_LAST_MAX     (1000 * 86400)   /* seconds */

typedef enum {
    RUM_QUERY_JSON = 0,
    RUM_QUERY_PROMETHEUS,
    RUM_QUERY_CSV
} rum_query_format_e;

/* what there is to ask for, instead of figures */
typedef enum {
    RUM_LIST_NONE = 0,
    RUM_LIST_METRICS,
    RUM_LIST_SITES,
    RUM_LIST_DIMENSIONS
} rum_query_list_e;

typedef struct {
    rum_str_t             dimension;
    rum_str_t             value;
} rum_query_where_t;

/* the name under which sessions are asked for; they are no rollup field */
#define RUM_SESSIONS           "sessions"

typedef enum {
    RUM_SORT_COUNT = 0,
    RUM_SORT_VALUE,                     /* the dimension's value, as bytes */
    RUM_SORT_SUM,
    RUM_SORT_MEAN,
    RUM_SORT_MIN,
    RUM_SORT_MAX,
    RUM_SORT_GOOD,
    RUM_SORT_NEEDS_IMPROVEMENT,
    RUM_SORT_POOR,
    RUM_SORT_QUANTILE,
    RUM_SORT_COUNTER
} rum_query_sort_e;

typedef struct {
    rum_str_t             site;         /* empty: all */
    rum_str_t             by;           /* dimension or pair; "all" */
    rum_str_t             last;         /* as asked, "5m" */

    uint64_t              from;         /* Unix seconds; 0: last instead */
    uint64_t              to;           /* 0: now */
    uint32_t              seconds;      /* of last */
    uint32_t              step;         /* seconds; 0: no series */
    uint32_t              shift;        /* seconds back to the span to
                                           compare with */
    uint32_t              limit;        /* rows, and sites without site */

    uint32_t              nmetrics;     /* 0: all */
    uint32_t              nquantiles;
    uint32_t              nwheres;
    rum_query_where_t     wheres[RUM_QUERY_WHERES];     /* by dimension */
    rum_str_t             metrics[RUM_QUERY_METRICS];   /* sorted, unique */
    uint32_t              quantiles[RUM_QUERY_QUANTILES];   /* in 1/1000 %,
                                           0 .. 100000, as asked */
    rum_query_format_e    format;
    rum_query_list_e      list;
    rum_query_sort_e      sort;
    uint32_t              sort_by;      /* the quantile or the counter */

    unsigned              descending:1;
    unsigned              buckets:1;
    unsigned              compare:1;    /* with an earlier span ... */
    unsigned              previous:1;   /* ... the one just before; no shift */
    unsigned              overview:1;   /* neither site, metric, by nor where,
                                           and not as CSV */

    /* after RUM_DECLINED: which parameter, and what is wrong with it */
    rum_str_t             parameter;
    const char           *error;

    size_t                used;         /* of text */
    unsigned char         text[RUM_QUERY_ARGS_MAX];     /* what the strings
                                           above point into */
} rum_query_t;

/*
 * args is the query string without "?", still URL-encoded; it is not needed
 * afterwards.  RUM_DECLINED if it is no valid question.  The query must not
 * be moved: its strings point into itself.
 */
int rum_query_parse(rum_query_t *q, const rum_str_t *args);

/* 1 if both ask the same */
int rum_query_eq(const rum_query_t *a, const rum_query_t *b);

/* 1 if the metric, counter or RUM_SESSIONS is asked for */
int rum_query_wants(const rum_query_t *q, const rum_str_t *metric);

/* 1 if "by" is a pair; the names of its two dimensions */
int rum_query_pair(const rum_query_t *q, rum_str_t *first,
    rum_str_t *second);

/*
 * The handlers of the parameters, in rum_query_values.c: value is decoded
 * and points into the query.
 */

typedef int (*rum_query_handler_pt)(rum_query_t *q, rum_str_t *value);

int rum_query_site(rum_query_t *q, rum_str_t *value);
int rum_query_metric(rum_query_t *q, rum_str_t *value);
int rum_query_by(rum_query_t *q, rum_str_t *value);
int rum_query_where(rum_query_t *q, rum_str_t *value);
int rum_query_last(rum_query_t *q, rum_str_t *value);
int rum_query_from(rum_query_t *q, rum_str_t *value);
int rum_query_to(rum_query_t *q, rum_str_t *value);
int rum_query_step(rum_query_t *q, rum_str_t *value);
int rum_query_compare(rum_query_t *q, rum_str_t *value);
int rum_query_q(rum_query_t *q, rum_str_t *value);
int rum_query_buckets(rum_query_t *q, rum_str_t *value);
int rum_query_limit(rum_query_t *q, rum_str_t *value);
int rum_query_sort(rum_query_t *q, rum_str_t *value);
int rum_query_format(rum_query_t *q, rum_str_t *value);
int rum_query_list(rum_query_t *q, rum_str_t *value);

/* error is a static text; RUM_DECLINED */
int rum_query_decline(rum_query_t *q, const char *error);

#endif /* RUM_QUERY_H */
