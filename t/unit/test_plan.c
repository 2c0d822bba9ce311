/*
 * rum_plan: which reads answer a question, in which order, and what each
 * kind of reply leads to.  A small scripted Redis answers by the text of the
 * command.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rum_plan.h"

#define NOW            UINT64_C(1795318230)     /* 30 s into a minute */
#define MAX_ASKED      4096


typedef struct {
    const char        *command;         /* as joined by spaces */
    const char        *items;           /* "|" separates; NULL: none */
    int64_t            integer;
    const char        *error;
} reply_t;


static void cover_is_whole_exact_and_short(void **state);
static void cover_of_one_resolution_is_one_by_one(void **state);
static void span_is_covered_whole_and_open(void **state);
static void overview_asks_names_index_rollups_sessions(void **state);
static void site_is_not_looked_up(void **state);
static void partitions_are_added_up(void **state);
static void replies_may_come_in_any_order(void **state);
static void names_are_escaped_and_back(void **state);
static void prometheus_reads_totals_only(void **state);
static void sessions_unite_all_windows(void **state);
static void sessions_are_not_kept_by_page_or_pair(void **state);
static void unknown_dimension_is_refused(void **state);
static void unknown_site_has_an_empty_answer(void **state);
static void too_many_reads_are_refused(void **state);
static void error_replies_end_the_plan(void **state);
static void missing_stream_is_no_lag(void **state);
static void limit_cuts_sites(void **state);
static void where_reads_one_field_or_filters_a_pair(void **state);
static void steps_are_whole_and_take_each_window_once(void **state);
static void earlier_span_is_as_long_or_as_wide_as_is_kept(void **state);
static void series_and_earlier_counts_are_kept_apart(void **state);
static void errors_have_their_samples(void **state);
static void lists_read_no_rollup(void **state);

static rum_plan_t *plan_of(rum_query_t *q, const char *args,
    uint32_t partitions);
static void run(rum_plan_t *plan, const reply_t *replies, int backwards);
static void answer(rum_plan_t *plan, const rum_read_t *read,
    const char *text, const reply_t *replies);
static int asked(const char *text);
static int asked_like(const char *text);
static void forget(void);


static char  *log_of[MAX_ASKED];
static int    nlog;


static void
cover_is_whole_exact_and_short(void **state)
{
    int            i, k, n;
    uint64_t       from, to, at;
    rum_window_t   w[RUM_PLAN_WINDOWS];

    (void) state;

    srand(3);

    for (k = 0; k < 2000; k++) {
        from = 1795000000 / 60 * 60 + (uint64_t) (rand() % 5000) * 60;
        to = from + (uint64_t) (1 + rand() % 400) * 60;

        n = rum_plan_cover(from, to, RUM_RES_MINUTE, w, RUM_PLAN_WINDOWS);
        assert_true(n > 0);

        for (i = 0, at = from; i < n; i++) {
            assert_int_equal(w[i].start, at);
            assert_int_equal(w[i].start, rum_window_start(w[i].res, at));
            at += rum_resolution_seconds[w[i].res];
        }

        assert_int_equal(at, to);
        assert_true(n <= 59 + 59 + 7);
    }

    assert_int_equal(rum_plan_cover(0, 600, RUM_RES_MINUTE, w, 9), RUM_FULL);
}


static void
cover_of_one_resolution_is_one_by_one(void **state)
{
    rum_window_t  w[8];

    (void) state;

    assert_int_equal(rum_plan_cover(86400, 5 * 86400, RUM_RES_DAY, w, 8), 4);
    assert_int_equal(w[3].start, 4 * 86400);
    assert_int_equal(w[3].res, RUM_RES_DAY);
}


static void
span_is_covered_whole_and_open(void **state)
{
    size_t        i;
    rum_query_t   q;
    rum_plan_t   *plan;

    static const struct {
        const char  *args;
        uint32_t     seconds;
        uint32_t     resolution;
    } spans[] = {
        { "last=1m", 60, 60 }, { "", 300, 60 }, { "last=6h", 21600, 60 },
        { "last=361m", 21660, 3600 }, { "last=14d", 14 * 86400, 3600 },
        { "last=337h", 337 * 3600, 86400 }, { "last=35d", 35 * 86400, 86400 },
        { "last=1000d", 1000 * 86400, 86400 }
    };

    (void) state;

    for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        plan = plan_of(&q, spans[i].args, 1);

        assert_int_equal(plan->report->resolution, spans[i].resolution);
        assert_int_equal(plan->report->from % spans[i].resolution, 0);
        assert_int_equal(plan->report->to % spans[i].resolution, 0);

        /* all of the span, and at most one window more at each end */

        assert_true(plan->report->from <= NOW - spans[i].seconds);
        assert_true(plan->report->from + spans[i].resolution
                    > NOW - spans[i].seconds);
        assert_true(plan->report->to > NOW);
        assert_true(plan->report->to <= NOW + spans[i].resolution);
        assert_true(plan->nwindows > 0);

        rum_plan_destroy(plan);
    }
}


static const reply_t  shop[] = {
    { "SMEMBERS rum:{0}:sites", "shop", 0, NULL },
    { "HGETALL rum:{0}:health", "events|5", 0, NULL },
    { "XINFO GROUPS rum:{0}:events", "name|other|lag|#9|name|rum|lag|#2", 0,
      NULL },
    { "EXISTS rum:{0}:lease", NULL, 1, NULL },
    { "SMEMBERS rum:{0}:index:shop",
      "all:lcp|all:views|all:sessions|country:lcp|page:lcp|page,device:lcp",
      0, NULL },
    { "HGETALL rum:{0}:1m:1795318200:shop:all:views", "*|\x05", 0, NULL },
    { "HGETALL rum:{0}:1m:1795318140:shop:all:views", "*|\x02", 0, NULL },
    { "HGETALL rum:{0}:1m:1795318200:shop:country:beacons", "DE|\x05|FR|\x03",
      0, NULL },
    { "HGETALL rum:{0}:1m:1795318140:shop:country:beacons", "FR|\x04", 0,
      NULL },
    { NULL, NULL, 0, NULL }
};


static void
overview_asks_names_index_rollups_sessions(void **state)
{
    rum_query_t          q;
    rum_plan_t          *plan;
    rum_report_site_t   *site;

    (void) state;

    plan = plan_of(&q, "last=1m", 1);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->health.counts[RUM_HEALTH_EVENTS], 5);
    assert_int_equal(plan->report->health.lag, 2);
    assert_int_equal(plan->report->health.lagging, 1);
    assert_int_equal(plan->report->health.owned, 1);

    assert_int_equal(plan->report->nsites, 1);
    site = &plan->report->sites[0];
    assert_int_equal(site->nmetrics, 1);
    assert_int_equal(site->groups[0]->counters[RUM_COUNTER_VIEWS], 7);

    /* 4 names, 1 index, (1 metric + 5 counters) * 2 windows, 1 PFCOUNT */

    assert_int_equal(nlog, 4 + 1 + 12 + 1);
    assert_true(asked("SMEMBERS rum:{0}:sites") < 4);
    assert_int_equal(asked("SMEMBERS rum:{0}:index:shop"), 4);
    assert_int_equal(asked("PFCOUNT "
                           "rum:{0}:1m:1795318140:shop:all:sessions:* "
                           "rum:{0}:1m:1795318200:shop:all:sessions:*"), 17);

    rum_plan_destroy(plan);
}


static void
site_is_not_looked_up(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "site=shop&last=1m&metric=lcp", 1);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(nlog, 3);
    assert_int_equal(asked("SMEMBERS rum:{0}:index:shop"), 0);
    assert_true(asked("HGETALL rum:{0}:1m:1795318200:shop:all:lcp") > 0);

    rum_plan_destroy(plan);
}


static void
partitions_are_added_up(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    static const reply_t  replies[] = {
        { "SMEMBERS rum:{0}:sites", "a", 0, NULL },
        { "SMEMBERS rum:{1}:sites", "b|a", 0, NULL },
        { "HGETALL rum:{0}:1m:1795318200:a:all:views", "*|\x05", 0, NULL },
        { "HGETALL rum:{1}:1m:1795318200:a:all:views", "*|\x06", 0, NULL },
        { "PFCOUNT rum:{0}:1m:1795318140:a:all:sessions:* "
          "rum:{0}:1m:1795318200:a:all:sessions:*", NULL, 3, NULL },
        { "PFCOUNT rum:{1}:1m:1795318140:a:all:sessions:* "
          "rum:{1}:1m:1795318200:a:all:sessions:*", NULL, 4, NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "last=1m", 2);
    run(plan, replies, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->nsites, 2);
    assert_int_equal(plan->report->sites[0].groups[0]
                     ->counters[RUM_COUNTER_VIEWS], 11);
    assert_int_equal(plan->report->sites[0].groups[0]->sessions, 7);
    assert_int_equal(plan->report->sites[1].groups[0]->sessions, 0);

    rum_plan_destroy(plan);
}


static void
replies_may_come_in_any_order(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "last=1m", 1);
    run(plan, shop, 1);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->sites[0].groups[0]
                     ->counters[RUM_COUNTER_VIEWS], 7);

    rum_plan_destroy(plan);
}


static void
names_are_escaped_and_back(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    static const reply_t  replies[] = {
        { "SMEMBERS rum:{0}:sites", "a%3Ab%20%7B|%zz|a:b", 0, NULL },
        { "SMEMBERS rum:{0}:index:a%3Ab%20%7B", "x%3Ay:lcp|x:y:lcp", 0,
          NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "last=1m&by=x:y&metric=lcp", 1);
    run(plan, replies, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->nsites, 1);
    assert_true(rum_str_is(&plan->report->sites[0].name, "a:b {"));
    assert_int_equal(plan->report->unreadable, 2);
    assert_true(asked("HGETALL rum:{0}:1m:1795318200:a%3Ab%20%7B:x%3Ay:lcp")
                > 0);

    rum_plan_destroy(plan);
}


static void
prometheus_reads_totals_only(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "format=prometheus&last=6h", 1);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(nlog, 4 + 1 + 6);
    assert_true(asked("HGETALL rum:{0}:total:0:shop:all:lcp") > 0);
    assert_int_equal(asked_like("PFCOUNT"), 0);

    rum_plan_destroy(plan);
}


static void
sessions_unite_all_windows(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "site=shop&last=1m&by=country&metric=sessions"
                   "&limit=1", 1);
    run(plan, shop, 0);

    /* the values come from beacons; only the row shown is counted */

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(asked_like("PFCOUNT"), 1);
    assert_true(asked("PFCOUNT "
                      "rum:{0}:1m:1795318140:shop:country:sessions:FR "
                      "rum:{0}:1m:1795318200:shop:country:sessions:FR") > 0);

    rum_plan_destroy(plan);
}


static void
sessions_are_not_kept_by_page_or_pair(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "site=shop&by=page", 1);
    run(plan, shop, 0);
    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(asked_like("PFCOUNT"), 0);
    assert_false(plan->report->sites[0].sessions);
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&by=page,device", 1);
    run(plan, shop, 0);
    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(asked_like("PFCOUNT"), 0);
    rum_plan_destroy(plan);
}


static void
unknown_dimension_is_refused(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "by=countr", 1);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_REFUSED);
    assert_true(rum_str_is(&plan->parameter, "by"));
    assert_int_equal(asked_like("HGETALL"), 0);

    rum_plan_destroy(plan);
}


static void
unknown_site_has_an_empty_answer(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "site=nobody&by=country", 1);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->sites[0].ngroups, 0);

    rum_plan_destroy(plan);
}


static void
too_many_reads_are_refused(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    (void) state;

    plan = plan_of(&q, "site=shop&last=1000d", 10);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_REFUSED);
    assert_true(rum_str_is(&plan->parameter, "metric"));
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&last=1000d&metric=lcp", 20);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_REFUSED);
    assert_true(rum_str_is(&plan->parameter, "last"));
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&last=1000d&metric=lcp", 19);
    run(plan, shop, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    rum_plan_destroy(plan);
}


static void
error_replies_end_the_plan(void **state)
{
    char          left[64];
    rum_query_t   q;
    rum_plan_t   *plan;

    static const reply_t  loading[] = {
        { "HGETALL rum:{0}:1m:1795318200:shop:all:views", NULL, 0,
          "LOADING Redis is loading the dataset in memory" },
        { NULL, NULL, 0, NULL }
    };

    static const reply_t  wrong[] = {
        { "HGETALL rum:{0}:1m:1795318200:shop:all:views", NULL, 0,
          "WRONGTYPE Operation against a key" },
        { "HGETALL rum:{0}:1m:1795318140:shop:all:views", "*|\x02", 0, NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "site=shop&metric=views", 1);
    run(plan, loading, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_UNAVAILABLE);
    snprintf(left, sizeof(left), "%.20s", plan->error);
    assert_string_equal(left, "redis says: LOADING ");
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&metric=views", 1);
    run(plan, wrong, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->unreadable, 1);
    assert_int_equal(plan->report->sites[0].groups[0]
                     ->counters[RUM_COUNTER_VIEWS], 2);
    rum_plan_destroy(plan);
}


static void
missing_stream_is_no_lag(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    static const reply_t  replies[] = {
        { "XINFO GROUPS rum:{0}:events", NULL, 0, "ERR no such key" },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "", 1);
    run(plan, replies, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->health.lagging, 1);
    assert_int_equal(plan->report->health.lag, 0);
    assert_int_equal(plan->report->nsites, 0);

    rum_plan_destroy(plan);
}


static void
limit_cuts_sites(void **state)
{
    rum_query_t   q;
    rum_plan_t   *plan;

    static const reply_t  replies[] = {
        { "SMEMBERS rum:{0}:sites", "c|a|b", 0, NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "limit=2", 1);
    run(plan, replies, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(plan->report->total_sites, 3);
    assert_int_equal(plan->report->nsites, 2);
    assert_true(rum_str_is(&plan->report->sites[1].name, "b"));
    assert_int_equal(asked_like("SMEMBERS rum:{0}:index"), 2);

    rum_plan_destroy(plan);
}


static void
where_reads_one_field_or_filters_a_pair(void **state)
{
    rum_query_t          q;
    rum_plan_t          *plan;
    rum_report_site_t   *site;

    static const reply_t  replies[] = {
        { "SMEMBERS rum:{0}:index:shop",
          "device:views|page,device:views|page:views", 0, NULL },
        { "HMGET rum:{0}:1m:1795318200:shop:device:views mobile (other)",
          "\x05|\x01", 0, NULL },
        { "HGETALL rum:{0}:1m:1795318200:shop:page,device:views",
          "/a%2Cb,mobile|\x05|/a%2Cb,tv|\x07|/c,mobile|\x03|(other)|\x09",
          0, NULL },
        { "HMGET rum:{0}:1m:1795318200:shop:page,device:views "
          "/a%2Cb,mobile (other)", "\x05", 0, NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "site=shop&last=1m&metric=views&where=device:mobile",
                   1);
    run(plan, replies, 0);
    site = &plan->report->sites[0];

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(site->ngroups, 1);
    assert_true(rum_str_is(&site->groups[0]->value, "*"));
    assert_int_equal(site->groups[0]->counters[RUM_COUNTER_VIEWS], 5);
    assert_true(site->limited);
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&last=1m&metric=views&by=page"
                   "&where=device:mobile&sort=value", 1);
    run(plan, replies, 0);
    site = &plan->report->sites[0];

    assert_int_equal(site->ngroups, 2);
    assert_true(rum_str_is(&site->rows.groups[0]->value, "/a,b"));
    assert_int_equal(site->rows.groups[0]->counters[RUM_COUNTER_VIEWS], 5);
    assert_int_equal(site->rows.groups[1]->counters[RUM_COUNTER_VIEWS], 3);
    assert_true(site->limited);
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&last=1m&metric=views&by=device"
                   "&where=page:/a,b&sort=value", 1);
    run(plan, replies, 0);
    site = &plan->report->sites[0];

    assert_int_equal(site->ngroups, 2);
    assert_true(rum_str_is(&site->rows.groups[1]->value, "tv"));
    assert_int_equal(site->rows.groups[1]->counters[RUM_COUNTER_VIEWS], 7);
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&last=1m&metric=views&where=page:/a,b"
                   "&where=device:mobile", 1);
    run(plan, replies, 0);
    assert_int_equal(plan->report->sites[0].groups[0]
                     ->counters[RUM_COUNTER_VIEWS], 5);
    rum_plan_destroy(plan);

    plan = plan_of(&q, "site=shop&where=country:DE&by=page", 1);
    run(plan, replies, 0);
    assert_int_equal(plan->outcome, RUM_PLAN_REFUSED);
    assert_true(rum_str_is(&plan->parameter, "where"));
    rum_plan_destroy(plan);
}


static void
steps_are_whole_and_take_each_window_once(void **state)
{
    uint32_t       i;
    uint64_t       at;
    rum_query_t    q;
    rum_plan_t    *plan;

    static const struct {
        const char  *args;
        uint32_t     steps;
        uint64_t     from;
        const char  *refused;
    } spans[] = {
        { "last=1h&step=1m", 61, 1795314600, NULL },
        { "last=1h&step=5m", 13, 1795314600, NULL },
        { "last=1d&step=1h", 25, 1795230000, NULL },
        { "last=30d&step=1d", 31, 1792713600, NULL },
        { "from=1795306260&to=1795307460&step=7m", 4, 1795306260 / 420 * 420,
          NULL },
        { "last=1d&step=5m", 0, 0, "step" },
        { "last=36d&step=1h", 0, 0, "step" },
        { "last=6h&step=1m&compare=1000d", 0, 0, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        plan = plan_of(&q, spans[i].args, 1);

        if (spans[i].refused != NULL) {
            assert_int_equal(plan->outcome, RUM_PLAN_REFUSED);
            assert_true(rum_str_is(&plan->parameter, spans[i].refused));
            rum_plan_destroy(plan);
            continue;
        }

        assert_int_equal(plan->outcome, RUM_PLAN_RUNNING);

        if (spans[i].steps) {
            assert_int_equal(plan->report->nsteps, spans[i].steps);
            assert_int_equal(plan->report->from, spans[i].from);
        }

        assert_int_equal(plan->report->from % q.step, 0);
        assert_int_equal(plan->report->to - plan->report->from,
                         (uint64_t) plan->report->nsteps * q.step);

        at = plan->report->from;

        for (uint32_t k = 0; k < plan->nwindows; k++) {
            const rum_window_t  *w = &plan->windows[k];

            if (w->earlier) {
                continue;
            }

            assert_int_equal(w->start, at);
            assert_int_equal((w->start - plan->report->from) / q.step,
                             w->step);
            at += rum_resolution_seconds[w->res];
        }

        assert_int_equal(at, plan->report->to);
        rum_plan_destroy(plan);
    }
}


static void
earlier_span_is_as_long_or_as_wide_as_is_kept(void **state)
{
    uint32_t       i;
    rum_query_t    q;
    rum_plan_t    *plan;

    static const struct {
        const char  *args;
        uint64_t     from;
        uint64_t     to;
    } spans[] = {
        { "last=1h&compare=previous", 1795310940, 1795314600 },
        { "last=1h&compare=1h", 1795311000, 1795314660 },
        { "last=1h&compare=1d", 1795226400, 1795233600 },
        { "last=1h&compare=60d", 1790121600, 1790208000 },
        { "last=30d&step=1d&compare=previous", 1790035200, 1792713600 }
    };

    (void) state;

    for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        plan = plan_of(&q, spans[i].args, 1);

        assert_int_equal(plan->outcome, RUM_PLAN_RUNNING);
        assert_int_equal(plan->report->earlier_from, spans[i].from);
        assert_int_equal(plan->report->earlier_to, spans[i].to);
        assert_true(plan->windows[plan->nwindows - 1].earlier);

        rum_plan_destroy(plan);
    }
}


static void
series_and_earlier_counts_are_kept_apart(void **state)
{
    int                  backwards;
    rum_query_t          q;
    rum_plan_t          *plan;
    rum_report_group_t  *group;

    static const reply_t  replies[] = {
        { "SMEMBERS rum:{0}:index:shop", "all:views", 0, NULL },
        { "HGETALL rum:{0}:1m:1795318140:shop:all:views", "*|\x02", 0, NULL },
        { "HGETALL rum:{0}:1m:1795318200:shop:all:views", "*|\x05", 0, NULL },
        { "HGETALL rum:{1}:1m:1795318200:shop:all:views", "*|\x01", 0, NULL },
        { "HGETALL rum:{0}:1m:1795318020:shop:all:views", "*|\x04", 0, NULL },
        { "HGETALL rum:{1}:1m:1795318080:shop:all:views", "*|\x03", 0, NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    for (backwards = 0; backwards < 2; backwards++) {
        plan = plan_of(&q, "site=shop&last=1m&step=1m&compare=previous"
                       "&metric=views", 2);
        run(plan, replies, backwards);

        assert_int_equal(plan->outcome, RUM_PLAN_DONE);
        group = plan->report->sites[0].groups[0];

        assert_int_equal(plan->report->nsteps, 2);
        assert_int_equal(group->counters[RUM_COUNTER_VIEWS], 8);
        assert_int_equal(group->steps[RUM_COUNTER_VIEWS][0], 2);
        assert_int_equal(group->steps[RUM_COUNTER_VIEWS][1], 6);
        assert_int_equal(group->earlier->counters[RUM_COUNTER_VIEWS], 7);

        rum_plan_destroy(plan);
    }
}


static void
errors_have_their_samples(void **state)
{
    rum_query_t           q;
    rum_plan_t           *plan;
    rum_report_sample_t  *sample;

    static const reply_t  replies[] = {
        { "SMEMBERS rum:{0}:index:shop", "error:errors|error:views", 0,
          NULL },
        { "HGETALL rum:{0}:1m:1795318200:shop:error:errors",
          "f00|\x05|(other)|\x01", 0, NULL },
        { "HGETALL rum:{0}:error:shop:f00",
          "message|newer|last_seen|1795318200000|first_seen|1795318100000", 0,
          NULL },
        { "HGETALL rum:{1}:error:shop:f00",
          "message|older|last_seen|1795318000000|first_seen|1795310000000", 0,
          NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "site=shop&last=1m&by=error", 2);
    run(plan, replies, 0);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(asked_like("HGETALL rum:{1}:error:shop:"), 2);
    assert_int_equal(asked_like("PFCOUNT"), 0);

    sample = plan->report->sites[0].rows.groups[0]->sample;
    assert_true(rum_str_is(&sample->fields[RUM_SAMPLE_MESSAGE], "newer"));
    assert_true(rum_str_is(&sample->fields[RUM_SAMPLE_FIRST_SEEN],
                           "1795310000000"));
    assert_null(plan->report->sites[0].rows.groups[1]->sample);
    rum_plan_destroy(plan);

    plan = plan_of(&q, "format=prometheus&by=error&site=shop", 2);
    run(plan, replies, 0);
    assert_int_equal(plan->outcome, RUM_PLAN_REFUSED);
    assert_true(rum_str_is(&plan->parameter, "by"));
    rum_plan_destroy(plan);
}


static void
lists_read_no_rollup(void **state)
{
    rum_query_t          q;
    rum_plan_t          *plan;
    rum_report_site_t   *site;

    static const reply_t  replies[] = {
        { "SMEMBERS rum:{0}:sites", "a|b", 0, NULL },
        { "SMEMBERS rum:{0}:index:a", "x%3Ay:lcp|all:views|nothing", 0, NULL },
        { "SMEMBERS rum:{1}:index:a", "all:views|all:lcp", 0, NULL },
        { NULL, NULL, 0, NULL }
    };

    (void) state;

    plan = plan_of(&q, "list=sites", 2);
    run(plan, replies, 0);
    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(nlog, 2);
    assert_int_equal(plan->report->nsites, 2);
    rum_plan_destroy(plan);

    plan = plan_of(&q, "list=dimensions", 2);
    run(plan, replies, 0);
    assert_int_equal(plan->outcome, RUM_PLAN_DONE);
    assert_int_equal(nlog, 2 + 4);

    site = &plan->report->sites[0];
    assert_int_equal(site->nindex, 3);
    assert_true(rum_str_is(&site->index[0], "all:lcp"));
    assert_true(rum_str_is(&site->index[1], "all:views"));
    assert_true(rum_str_is(&site->index[2], "x:y:lcp"));
    assert_int_equal(plan->report->unreadable, 1);
    rum_plan_destroy(plan);
}


static rum_plan_t *
plan_of(rum_query_t *q, const char *args, uint32_t partitions)
{
    rum_str_t    text;
    rum_plan_t  *plan;

    text.data = (unsigned char *) args;
    text.len = strlen(args);

    assert_int_equal(rum_query_parse(q, &text), RUM_OK);

    plan = rum_plan_create(q, partitions, NOW);
    assert_non_null(plan);

    return plan;
}


/* asks all that can be asked, then answers it, forwards or backwards */

static void
run(rum_plan_t *plan, const reply_t *replies, int backwards)
{
    int             i, k, n, len;
    char            text[4096];
    rum_read_t     *reads;
    rum_command_t   command;

    forget();
    reads = malloc(32768 * sizeof(rum_read_t));

    for ( ;; ) {
        k = nlog;

        for (n = 0; n < 32768; n++) {
            if (rum_plan_next(plan, &reads[n], &command) != RUM_OK) {
                break;
            }

            for (i = 0, len = 0; i < command.argc && len < 4000; i++) {
                len += snprintf(text + len, sizeof(text) - len, "%s%.*s",
                                i ? " " : "", (int) command.argvlen[i],
                                command.argv[i]);
            }

            if (nlog < MAX_ASKED) {
                log_of[nlog++] = strdup(text);
            }
        }

        if (n == 0) {
            break;
        }

        for (i = 0; i < n; i++) {
            int  j = backwards ? n - 1 - i : i;

            answer(plan, &reads[j], k + j < nlog ? log_of[k + j] : "",
                   replies);
        }
    }

    free(reads);
}


static void
answer(rum_plan_t *plan, const rum_read_t *read, const char *text,
    const reply_t *replies)
{
    char              *list, *item, *rest;
    rum_reply_t        reply;
    rum_reply_item_t   items[32];

    memset(&reply, 0, sizeof(reply));
    memset(items, 0, sizeof(items));
    list = NULL;

    for ( /* void */ ; replies->command != NULL; replies++) {

        if (strcmp(replies->command, text) != 0) {
            continue;
        }

        reply.integer = replies->integer;

        if (replies->error != NULL) {
            reply.error.data = (unsigned char *) replies->error;
            reply.error.len = strlen(replies->error);
        }

        list = strdup(replies->items ? replies->items : "");

        for (item = strtok_r(list, "|", &rest); item != NULL;
             item = strtok_r(NULL, "|", &rest))
        {
            if (*item == '#') {
                items[reply.nitems++].integer = atoi(item + 1);
                continue;
            }

            items[reply.nitems].text.data = (unsigned char *) item;
            items[reply.nitems++].text.len = strlen(item);
        }

        reply.items = items;
        break;
    }

    rum_plan_reply(plan, read, &reply);
    free(list);
}


/* the position of a command in what was asked, or -1 */

static int
asked(const char *text)
{
    int  i;

    for (i = 0; i < nlog; i++) {
        if (strcmp(log_of[i], text) == 0) {
            return i;
        }
    }

    return -1;
}


static int
asked_like(const char *text)
{
    int  i, n;

    for (i = 0, n = 0; i < nlog; i++) {
        n += strncmp(log_of[i], text, strlen(text)) == 0;
    }

    return n;
}


static void
forget(void)
{
    while (nlog > 0) {
        free(log_of[--nlog]);
    }
}


int
main(void)
{
    int                      rc;
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(cover_is_whole_exact_and_short),
        cmocka_unit_test(cover_of_one_resolution_is_one_by_one),
        cmocka_unit_test(span_is_covered_whole_and_open),
        cmocka_unit_test(overview_asks_names_index_rollups_sessions),
        cmocka_unit_test(site_is_not_looked_up),
        cmocka_unit_test(partitions_are_added_up),
        cmocka_unit_test(replies_may_come_in_any_order),
        cmocka_unit_test(names_are_escaped_and_back),
        cmocka_unit_test(prometheus_reads_totals_only),
        cmocka_unit_test(sessions_unite_all_windows),
        cmocka_unit_test(sessions_are_not_kept_by_page_or_pair),
        cmocka_unit_test(unknown_dimension_is_refused),
        cmocka_unit_test(unknown_site_has_an_empty_answer),
        cmocka_unit_test(too_many_reads_are_refused),
        cmocka_unit_test(error_replies_end_the_plan),
        cmocka_unit_test(missing_stream_is_no_lag),
        cmocka_unit_test(limit_cuts_sites),
        cmocka_unit_test(where_reads_one_field_or_filters_a_pair),
        cmocka_unit_test(steps_are_whole_and_take_each_window_once),
        cmocka_unit_test(earlier_span_is_as_long_or_as_wide_as_is_kept),
        cmocka_unit_test(series_and_earlier_counts_are_kept_apart),
        cmocka_unit_test(errors_have_their_samples),
        cmocka_unit_test(lists_read_no_rollup)
    };

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    forget();

    return rc;
}
