/*
 * rum_plan: which reads answer a question, in which order, and what each
 * kind of reply leads to.
 */

#include "plan_redis.h"


static void cover_is_whole_exact_and_short(void **state);
static void cover_of_one_resolution_is_one_by_one(void **state);
static void span_is_covered_whole_and_open(void **state);
static void overview_asks_names_index_rollups_sessions(void **state);
static void site_is_not_looked_up(void **state);
static void partitions_are_added_up(void **state);
static void replies_may_come_in_any_order(void **state);
static void names_are_escaped_and_back(void **state);
static void sessions_unite_all_windows(void **state);
static void too_many_reads_are_refused(void **state);
static void error_replies_end_the_plan(void **state);
static void missing_stream_is_no_lag(void **state);


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
        cmocka_unit_test(sessions_unite_all_windows),
        cmocka_unit_test(too_many_reads_are_refused),
        cmocka_unit_test(error_replies_end_the_plan),
        cmocka_unit_test(missing_stream_is_no_lag)
    };

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    forget();

    return rc;
}
