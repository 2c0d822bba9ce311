/*
 * rum_plan: what each parameter of a question changes in what is read.
 */

#include "plan_redis.h"


static void prometheus_reads_totals_only(void **state);
static void sessions_are_not_kept_by_page_or_pair(void **state);
static void unknown_dimension_is_refused(void **state);
static void unknown_site_has_an_empty_answer(void **state);
static void limit_cuts_sites(void **state);
static void where_reads_one_field_or_filters_a_pair(void **state);
static void steps_are_whole_and_take_each_window_once(void **state);
static void earlier_span_is_as_long_or_as_wide_as_is_kept(void **state);
static void series_and_earlier_counts_are_kept_apart(void **state);
static void errors_have_their_samples(void **state);
static void lists_read_no_rollup(void **state);


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


int
main(void)
{
    int                      rc;
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(prometheus_reads_totals_only),
        cmocka_unit_test(sessions_are_not_kept_by_page_or_pair),
        cmocka_unit_test(unknown_dimension_is_refused),
        cmocka_unit_test(unknown_site_has_an_empty_answer),
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
