/*
 * What to read from Redis to answer a question, and in which order: names
 * first (sites and, for the overview, the aggregators' health), then what
 * each site's index knows, then the rollups, and last the sessions and the
 * samples of the rows that are shown.  Each step waits for the one before it.
 *
 * No I/O: whoever owns the plan sends the commands it asks for, in that
 * order or any other, and hands back each reply with its read.
 *
 *   while (rum_plan_next(plan, &read, &command) == RUM_OK) { send }
 *   on a reply:  outcome = rum_plan_reply(plan, &read, &reply);
 *
 * Used by the status location, one plan for each answer that is made.
 */

#ifndef RUM_PLAN_H
#define RUM_PLAN_H

#include "rum_closed.h"
#include "rum_report.h"

#define RUM_PLAN_READS_MAX     20000    /* keys of one answer */
#define RUM_PLAN_WINDOWS       1024

/*
 * Minutes and hours are kept so long, if nothing else is configured: what
 * began earlier is answered from coarser windows.
 */
#define RUM_PLAN_MINUTES       (6 * 3600)
#define RUM_PLAN_HOURS         (35 * 86400)

/* hours at the edges of a longer span cost more than they tell */
#define RUM_PLAN_HOURS_SPAN    (14 * 86400)

typedef struct {
    rum_resolution_e       res;
    uint64_t               start;
    uint32_t               step;        /* of the series */
    unsigned               earlier:1;   /* of the span to compare with */
} rum_window_t;

typedef enum {
    RUM_READ_SITES = 0,                 /* SMEMBERS */
    RUM_READ_HEALTH,                    /* HGETALL */
    RUM_READ_LAG,                       /* XINFO GROUPS */
    RUM_READ_LEASE,                     /* EXISTS */
    RUM_READ_INDEX,                     /* SMEMBERS */
    RUM_READ_ROLLUP,                    /* HGETALL, or HMGET */
    RUM_READ_SESSIONS,                  /* PFCOUNT, of some windows */
    RUM_READ_SAMPLE                     /* HGETALL */
} rum_read_e;

/* the windows of a span, or of the earlier one, that are closed */
typedef struct {
    uint32_t               first;
    uint32_t               n;           /* from the first on */
} rum_plan_closed_t;

/* what of a column is in them */
typedef struct {
    uint32_t               left;        /* reads; 0: nothing to be kept */
    uint32_t               fields;
} rum_plan_sum_t;

/* which sessions: of the span, of the earlier one, of a step and so on */
#define RUM_PART_ALL           0
#define RUM_PART_EARLIER       1
#define RUM_PART_STEPS         2

/* what a reply answers; opaque to the owner of the plan */
typedef struct {
    rum_read_e             type;
    uint32_t               partition;
    uint32_t               site;
    uint32_t               column;      /* a metric, then the counters,
                                           then the slowest resource */
    uint32_t               sequence;    /* of the columns of all sites */
    uint32_t               window;
    uint32_t               row;
    uint32_t               part;        /* RUM_PART_ALL ... */
} rum_read_t;

/* a rollup that would answer the question */
typedef struct {
    rum_str_t              name;        /* the dimension, or a pair */
    rum_str_t              index;       /* as the index writes it */
    unsigned char          data[512];   /* of both */
    unsigned               found:1;     /* in some site's index */
} rum_plan_rollup_t;

/* which fields of the rollup count, and for which value */
typedef enum {
    RUM_SHOW_FIELD = 0,
    RUM_SHOW_FIRST,                     /* of the pair */
    RUM_SHOW_SECOND,
    RUM_SHOW_ALL                        /* "*" */
} rum_plan_show_e;

typedef struct {
    rum_plan_show_e        show;
    rum_str_t              field;       /* the one to read; empty: all */
    const rum_str_t       *second;      /* of the pair must be this; or NULL */
    rum_str_t              first;       /* the pair begins so; or empty */
    unsigned char          data[4 * RUM_QUERY_VALUE_MAX];
} rum_plan_filter_t;

/* as hiredis' redisFormatCommandArgv() takes it; until the next one */
typedef struct {
    int                    argc;
    const char           **argv;
    size_t                *argvlen;
} rum_command_t;

typedef struct {
    rum_str_t              text;        /* empty for the others */
    int64_t                integer;     /* -1 for nil */
} rum_reply_item_t;

/* an array comes flat: its elements, and theirs */
typedef struct {
    const rum_reply_item_t  *items;
    size_t                   nitems;
    int64_t                  integer;
    rum_str_t                error;     /* an error reply, else empty */
} rum_reply_t;

typedef enum {
    RUM_PLAN_RUNNING = 0,
    RUM_PLAN_DONE,                      /* the report is complete */
    RUM_PLAN_REFUSED,                   /* the question is: parameter, error */
    RUM_PLAN_UNAVAILABLE,               /* Redis says no: error */
    RUM_PLAN_FAILED                     /* no memory */
} rum_plan_e;

typedef enum {
    RUM_STEP_NAMES = 0,
    RUM_STEP_INDEX,
    RUM_STEP_ROLLUPS,
    RUM_STEP_SESSIONS,
    RUM_STEP_SAMPLES
} rum_step_e;

typedef struct {
    rum_plan_e             outcome;
    rum_str_t              parameter;
    char                   error[128];

    const rum_query_t     *query;
    rum_report_t          *report;
    uint32_t               partitions;

    rum_step_e             step;
    rum_read_t             next;        /* of this step */
    uint32_t               outstanding; /* reads without a reply */
    uint32_t               answered;    /* and with one, in all */

    uint32_t               nrollups;
    rum_plan_rollup_t      rollups[2];
    rum_plan_rollup_t     *rollup;      /* the one that is read */
    rum_plan_filter_t      filter;

    unsigned               asked:1;     /* all reads of this step */
    unsigned               health:1;    /* to be read */
    unsigned               indexed:1;   /* some site has an index */
    unsigned               samples:1;   /* of errors: to be read */

    uint32_t              *left;        /* reads of each column's step */
    uint32_t               step_windows[RUM_PLAN_WINDOWS];

    uint32_t               nwindows;
    rum_window_t           windows[RUM_PLAN_WINDOWS];

    rum_closed_t          *closed;      /* NULL: all is read */
    uint64_t               now;
    rum_plan_closed_t      parts[2];    /* of the span, of the earlier one */
    rum_plan_sum_t        *sums;        /* by column, for each part */

    size_t                 used;        /* of keys */
    size_t                 size;
    char                  *keys;
    const char            *argv[RUM_PLAN_WINDOWS + 4];
    size_t                 argvlen[RUM_PLAN_WINDOWS + 4];
} rum_plan_t;

/* now is Unix seconds; the query must outlive the plan; NULL: no memory */
rum_plan_t *rum_plan_create(const rum_query_t *query, uint32_t partitions,
    uint64_t now);
void rum_plan_destroy(rum_plan_t *plan);

/*
 * The plan may take sums of closed windows from there, and keep some; closed
 * must outlive it.  Before the first rum_plan_next().
 */
void rum_plan_keep(rum_plan_t *plan, rum_closed_t *closed, uint64_t now);

/*
 * RUM_OK: send this.  RUM_DECLINED: nothing now; go on after a reply, or
 * the outcome is no longer RUM_PLAN_RUNNING.
 */
int rum_plan_next(rum_plan_t *plan, rum_read_t *read,
    rum_command_t *command);

rum_plan_e rum_plan_reply(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);

/*
 * Covers from .. to, both on edges of res, with as few windows as there are:
 * a coarser one wherever a whole one fits.  Returns their number, or
 * RUM_FULL.
 */
int rum_plan_cover(uint64_t from, uint64_t to, rum_resolution_e res,
    rum_window_t *windows, int max);

/* what the files of the plan share */

#define rum_plan_columns(site)  ((site)->nmetrics + RUM_COUNTER_LAST + 1)
#define rum_plan_is_slowest(site, column)                                     \
    ((column) + 1 == rum_plan_columns(site))

/* METRIC of the column's keys */
rum_str_t rum_plan_column_name(const rum_report_site_t *site,
    uint32_t column);

/* from the question's span to windows; may refuse */
void rum_plan_span(rum_plan_t *plan, uint64_t now);

/* the rollups that would do, the first is preferred; RUM_ERROR: too long */
int rum_plan_rollups(rum_plan_t *plan);

/* the rollup that is there, and what of it is shown; RUM_DECLINED: refused */
int rum_plan_choose(rum_plan_t *plan);

/*
 * The value that a field of the rollup counts for, perhaps in scratch (as
 * large as the field); RUM_DECLINED if it counts for none.
 */
int rum_plan_value(const rum_plan_t *plan, const rum_str_t *field,
    rum_str_t *value, unsigned char *scratch);

/* so many columns there are */
int rum_plan_begin_sums(rum_plan_t *plan, uint32_t columns);

/*
 * The read is the first of a column's closed windows, and their sum is known:
 * adds it, and returns how many windows need not be read.  May end the plan.
 */
int rum_plan_take_sum(rum_plan_t *plan, const rum_read_t *read);

/* a reply was added to the report */
void rum_plan_note_sum(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);

/* all reads of a step were asked and answered: on to the next */
void rum_plan_step(rum_plan_t *plan);

/* ends the plan: RUM_FULL or RUM_ERROR is what the report says */
void rum_plan_fail(rum_plan_t *plan, int rc);

/* ends the plan; both are static texts.  RUM_DECLINED */
int rum_plan_refuse(rum_plan_t *plan, const char *parameter,
    const char *error);

#endif /* RUM_PLAN_H */
