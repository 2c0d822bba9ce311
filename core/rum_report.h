/*
 * The answer of the status location under construction: fields of rollup
 * hashes go in, are added up over windows and partitions by the value of
 * their dimension, and come out as JSON, CSV or Prometheus text
 * (docs/status-api.md).
 *
 *   report -- site -+- metrics: lcp, cls ...       (columns)
 *                   +- groups:  DE, FR, ...        (rows; "*" without "by")
 *                        +- a histogram per metric, counters, sessions
 *                        +- the same of the earlier span, with "compare"
 *                        +- a series per metric and counter, with "step"
 *                        +- the sample of an error, by "error"
 *                        +- the slowest resource, by "host,type"
 *
 * Filled by rum_plan, from Redis replies; nothing that comes from there is
 * trusted.  A field that cannot be understood is counted in "unreadable".
 * Memory is bounded: past RUM_REPORT_GROUPS values are added to "(other)",
 * past RUM_REPORT_MEMORY the question is refused with RUM_FULL.
 */

#ifndef RUM_REPORT_H
#define RUM_REPORT_H

#include <msgpack.h>

#include "rum_histogram.h"
#include "rum_keys.h"
#include "rum_query.h"
#include "rum_slowest.h"
#include "rum_text.h"

#define RUM_REPORT_SITES       1000
#define RUM_REPORT_METRICS     512      /* of one site */
#define RUM_REPORT_GROUPS      20000    /* of one site */
#define RUM_REPORT_MEMORY      (64 * 1024 * 1024)
#define RUM_REPORT_VALUE_MAX   1024     /* bytes of a dimension's value */
#define RUM_REPORT_INDEX       20000    /* entries of a site's index */

/* where a value belongs */
typedef struct {
    uint32_t               step;
    unsigned               earlier:1;   /* the span to compare with */
    unsigned               alone:1;     /* it is all there is of the step */
} rum_report_place_t;

/* a metric in one step */
typedef struct {
    uint64_t               count;
    double                 mean;
    uint64_t               ratings[3];
    rum_histogram_t       *histogram;   /* while values may come, and with
                                           "buckets" */
} rum_report_point_t;

typedef struct {
    float                 *quantiles;   /* by step, then those asked for */
    rum_report_point_t     points[];
} rum_report_series_t;

typedef struct {
    uint64_t               sessions;
    int64_t                counters[RUM_COUNTER_LAST];
} rum_report_counts_t;

typedef enum {
    RUM_SAMPLE_TYPE = 0,
    RUM_SAMPLE_MESSAGE,
    RUM_SAMPLE_SOURCE,
    RUM_SAMPLE_LINE,
    RUM_SAMPLE_COL,
    RUM_SAMPLE_STACK,
    RUM_SAMPLE_PAGE,
    RUM_SAMPLE_BROWSER,
    RUM_SAMPLE_FIRST_SEEN,              /* Unix ms */
    RUM_SAMPLE_LAST_SEEN,
    RUM_SAMPLE_LAST
} rum_sample_e;

extern const rum_str_t  rum_sample_names[RUM_SAMPLE_LAST];

/* an error as it was seen last: texts, as the aggregator wrote them */
typedef struct {
    rum_str_t              fields[RUM_SAMPLE_LAST];
} rum_report_sample_t;

typedef struct rum_report_group_s  rum_report_group_t;

struct rum_report_group_s {
    rum_str_t              value;
    uint32_t               hash;
    uint32_t               next;        /* in the chain: index + 1, or 0 */
    rum_report_group_t    *after;       /* what came after it last time */
    uint64_t               sessions;
    int64_t                counters[RUM_COUNTER_LAST];
    rum_histogram_t      **histograms;  /* by metric, then those of the
                                           earlier span; NULL: no value */
    rum_report_counts_t   *earlier;     /* NULL: nothing was counted */
    rum_report_series_t  **series;      /* by metric; NULL: no value */
    int64_t               *steps[RUM_COUNTER_LAST + 1];     /* counters, and
                                           sessions; NULL: all are 0 */
    rum_report_sample_t   *sample;
    rum_slowest_t         *slowest;     /* with its own URL */
};

/* groups in the order of the answer, cut at the limit */
typedef struct {
    uint32_t               n;
    uint32_t               total;       /* before the limit */
    rum_report_group_t   **groups;
} rum_report_rows_t;

typedef struct {
    rum_str_t              name;
    const rum_metric_t    *metric;      /* NULL: a custom one */
    rum_report_rows_t      rows;
} rum_report_metric_t;

typedef struct {
    rum_str_t              name;

    uint32_t               nmetrics;
    rum_report_metric_t   *metrics;     /* known ones first, then by name */

    uint32_t               ngroups;
    uint32_t               size;        /* of groups */
    rum_report_group_t   **groups;
    uint32_t              *chains;      /* hash table over groups */
    uint32_t               nchains;     /* a power of 2 */
    rum_report_group_t    *last;        /* asked for */

    rum_report_rows_t      rows;        /* of the counters */

    uint32_t               nindex;
    uint32_t               index_size;
    rum_str_t             *index;       /* DIMENSION:METRIC, for "list" */

    unsigned               counters[RUM_COUNTER_LAST];      /* 1: read */
    unsigned               sessions:1;  /* read */
    unsigned               slowest:1;   /* read */
    unsigned               session_steps:1;     /* for each step, too */
    unsigned               limited:1;   /* "(other)" occurs */
} rum_report_site_t;

/* the aggregators' own figures, all partitions together */
typedef enum {
    RUM_HEALTH_EVENTS = 0,
    RUM_HEALTH_DUPLICATES,
    RUM_HEALTH_LOST,
    RUM_HEALTH_LATE,
    RUM_HEALTH_REJECTED,
    RUM_HEALTH_REPLACED,
    RUM_HEALTH_FORGOTTEN,
    RUM_HEALTH_OTHER,
    RUM_HEALTH_LAST
} rum_health_e;

extern const rum_str_t  rum_health_names[RUM_HEALTH_LAST];

typedef struct {
    uint64_t               counts[RUM_HEALTH_LAST];
    double                 events_per_second;
    uint64_t               lag;         /* entries not read yet */
    uint64_t               flushed_at;  /* Unix ms; of the partition that is
                                           furthest behind */
    uint32_t               partitions;
    uint32_t               flushed;     /* partitions that say flushed_at */
    uint32_t               lagging;     /* partitions that say their lag */
    uint32_t               owned;       /* partitions with a lease */
} rum_report_health_t;

typedef struct {
    const rum_query_t     *query;
    uint64_t               from;        /* Unix seconds */
    uint64_t               to;
    uint32_t               resolution;  /* of the edges, seconds */
    uint32_t               nsteps;      /* of query->step seconds; 0: no
                                           series */
    uint64_t               earlier_from;        /* of the span to compare */
    uint64_t               earlier_to;          /* with */

    uint32_t               nsites;
    uint32_t               total_sites; /* before the limit */
    rum_report_site_t     *sites;       /* by name */

    rum_report_health_t    health;

    rum_counter_e          lead;        /* rows are in its order, if nothing
                                           else is said and it was read */
    uint64_t               unreadable;  /* fields */
    size_t                 memory;

    rum_histogram_t        scratch;
    msgpack_unpacked       unpacked;
} rum_report_t;

/* one of the module's own figures */
typedef struct {
    rum_str_t              group;       /* "beacons", "ring" ... */
    rum_str_t              name;        /* "accepted" */
    uint64_t               value;
    unsigned               gauge:1;     /* it may fall */
} rum_report_figure_t;

typedef struct {
    uint64_t               now;         /* Unix seconds */
    const rum_report_figure_t  *figures;
    size_t                 nfigures;
} rum_report_info_t;

/*
 * The query must live as long as the report; the site it asks for is added.
 * NULL without memory.
 */
rum_report_t *rum_report_create(const rum_query_t *query);
void rum_report_destroy(rum_report_t *report);

/*
 * First the names: sites, then the metrics of each, then for good.  Names
 * are copied.  A name that is there already is RUM_OK; RUM_DECLINED if it
 * cannot be one, or past the limits above.  A counter's name is a metric
 * here too and marks it as read.
 */
int rum_report_add_site(rum_report_t *report, const rum_str_t *name);
int rum_report_add_metric(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *name);

/* all sites are added: those past the limit go */
void rum_report_cut_sites(rum_report_t *report);

/* the names are complete; makes the group "*" when there is no "by" */
int rum_report_begin(rum_report_t *report);

/* an entry of a site's index, for "list"; it is copied */
int rum_report_add_index(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *entry);
void rum_report_order_index(rum_report_site_t *site);

/*
 * One field of a rollup hash, added to what is there.  metric is an index
 * into the site's metrics.  RUM_OK, also for what is unreadable; RUM_ERROR
 * without memory; RUM_FULL past RUM_REPORT_MEMORY.
 */
int rum_report_histogram(rum_report_t *report, rum_report_site_t *site,
    uint32_t metric, const rum_report_place_t *place, const rum_str_t *value,
    const rum_str_t *packed);
int rum_report_counter(rum_report_t *report, rum_report_site_t *site,
    rum_counter_e counter, const rum_report_place_t *place,
    const rum_str_t *value, const rum_str_t *packed);

/*
 * All of a metric's step was added: its figures are taken, and what they
 * were taken from is added to the whole and, without "buckets", freed.
 * Returns as rum_report_histogram().
 */
int rum_report_step(rum_report_t *report, rum_report_site_t *site,
    uint32_t metric, uint32_t step);

/* sessions of a step, of one partition */
int rum_report_session_step(rum_report_t *report, rum_report_group_t *group,
    uint32_t step, uint64_t n);

/* those of the earlier span */
int rum_report_session_earlier(rum_report_t *report,
    rum_report_group_t *group, uint64_t n);

/* an error's sample of one partition; the one seen last is kept */
int rum_report_sample(rum_report_t *report, rum_report_group_t *group,
    const rum_report_sample_t *sample);

/*
 * The slowest resource of one window and partition; the slowest of all is
 * kept.  Returns as rum_report_histogram().
 */
int rum_report_slowest(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *value, const rum_str_t *packed);

/* one field of rum:{P}:health */
void rum_report_health(rum_report_t *report, const rum_str_t *name,
    const rum_str_t *text);

/* the lag of one partition's consumer group; negative: unknown */
void rum_report_lag(rum_report_t *report, int64_t lag);

/*
 * All is added: puts the rows in order and cuts them at the limit.  Sessions
 * are added to the rows that are left, afterwards.
 */
int rum_report_arrange(rum_report_t *report);

/* the quantile's name, "p99.9"; returns its length, at most 8 */
size_t rum_report_quantile_name(uint32_t quantile, unsigned char *buf);

/*
 * The answer; RUM_FULL if it is longer than RUM_TEXT_MAX.  *stable (may be
 * NULL) is set to where in the text begins what does not change with the
 * time of the answer alone.
 */
int rum_report_json(const rum_report_t *report,
    const rum_report_info_t *info, rum_text_t *text, size_t *stable);
int rum_report_prometheus(const rum_report_t *report,
    const rum_report_info_t *info, rum_text_t *text);
int rum_report_csv(const rum_report_t *report, rum_text_t *text);

/*
 * The JSON body of a refusal; parameter may be empty.  With figures, the
 * module's own part of the overview is in it.
 */
int rum_report_error(const rum_report_info_t *info,
    const rum_str_t *parameter, const char *error, rum_text_t *text);

/* what the files of the report share */

#define RUM_REPORT_DIGITS      7        /* what a float32 of an event holds */
#define RUM_REPORT_QUANTILE    6        /* far below the bucket's 0.54 % */

/* the group of a value, made if there is none */
int rum_report_group(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *value, rum_report_group_t **group);
void rum_report_free_group(rum_report_group_t *group, uint32_t nmetrics,
    uint32_t nsteps);

/* adds to a histogram, which is made if there is none */
int rum_report_merge(rum_report_t *report, rum_histogram_t **h,
    const rum_histogram_t *src);

/* adds what was decoded into scratch to a step */
int rum_report_point(rum_report_t *report, rum_report_group_t *group,
    uint32_t metric, const rum_report_place_t *place);

/* the figures of a counter, or of sessions (RUM_COUNTER_LAST), by step */
int64_t *rum_report_steps(rum_report_t *report, rum_report_group_t *group,
    uint32_t counter);

/* the earlier counts, made if there are none; NULL: no memory */
rum_report_counts_t *rum_report_earlier(rum_report_t *report,
    rum_report_group_t *group);

int rum_report_copy(rum_report_t *report, rum_str_t *dst,
    const rum_str_t *src);

/* digits, and perhaps a point and digits */
int rum_report_number(const rum_str_t *text, double *number);

/* "metrics" and "counters" of a site as JSON; its lists */
typedef struct rum_json_s  rum_json_t;

void rum_report_json_site(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site);
void rum_report_json_list(rum_json_t *json, const rum_report_t *report);

#endif /* RUM_REPORT_H */
