/*
 * The answer of the status location under construction: fields of rollup
 * hashes go in, are added up over windows and partitions by the value of
 * their dimension, and come out as JSON or Prometheus text
 * (docs/status-api.md).
 *
 *   report -- site -+- metrics: lcp, cls ...       (columns)
 *                   +- groups:  DE, FR, ...        (rows; "*" without "by")
 *                        +- a histogram per metric, counters, sessions
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
#include "rum_text.h"

#define RUM_REPORT_SITES       1000
#define RUM_REPORT_METRICS     512      /* of one site */
#define RUM_REPORT_GROUPS      20000    /* of one site */
#define RUM_REPORT_MEMORY      (64 * 1024 * 1024)
#define RUM_REPORT_VALUE_MAX   1024     /* bytes of a dimension's value */

typedef struct {
    rum_str_t              value;
    uint32_t               hash;
    uint32_t               next;        /* in the chain: index + 1, or 0 */
    uint64_t               sessions;
    int64_t                counters[RUM_COUNTER_LAST];
    rum_histogram_t      **histograms;  /* by metric; NULL: no value */
} rum_report_group_t;

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

    rum_report_rows_t      rows;        /* of the counters */

    unsigned               counters[RUM_COUNTER_LAST];      /* 1: read */
    unsigned               sessions:1;  /* read */
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

    uint32_t               nsites;
    uint32_t               total_sites; /* before the limit */
    rum_report_site_t     *sites;       /* by name */

    rum_report_health_t    health;

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

/*
 * One field of a rollup hash, added to what is there.  metric is an index
 * into the site's metrics.  RUM_OK, also for what is unreadable; RUM_ERROR
 * without memory; RUM_FULL past RUM_REPORT_MEMORY.
 */
int rum_report_histogram(rum_report_t *report, rum_report_site_t *site,
    uint32_t metric, const rum_str_t *value, const rum_str_t *packed);
int rum_report_counter(rum_report_t *report, rum_report_site_t *site,
    rum_counter_e counter, const rum_str_t *value, const rum_str_t *packed);

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

/*
 * The JSON body of a refusal; parameter may be empty.  With figures, the
 * module's own part of the overview is in it.
 */
int rum_report_error(const rum_report_info_t *info,
    const rum_str_t *parameter, const char *error, rum_text_t *text);

#endif /* RUM_REPORT_H */
