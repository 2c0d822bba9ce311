/*
 * rum_report: series by step, comparison with an earlier span, samples of
 * errors, lists, and all of it as CSV.
 */

#include "report_data.h"


static void a_series_has_the_figures_of_each_step(void **state);
static void buckets_keep_the_histogram_of_each_step(void **state);
static void counters_and_sessions_have_series(void **state);
static void a_comparison_has_both_and_the_difference(void **state);
static void the_sample_seen_last_is_kept(void **state);
static void lists_say_what_there_is(void **state);
static void csv_has_a_row_for_each(void **state);

static void add_at(rum_report_t *report, uint32_t metric,
    const rum_report_place_t *place, double value, uint32_t n);
static void count_at(rum_report_t *report, const rum_report_place_t *place,
    unsigned char n);
static yajl_val get(yajl_val node, const char *path);
static double number(yajl_val node, const char *path, size_t i);
static rum_report_sample_t sample_of(const char *message, const char *first,
    const char *last);
static char *list_of(const char *args, rum_text_t *text);


static void
a_series_has_the_figures_of_each_step(void **state)
{
    size_t              i;
    yajl_val            json, group;
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_place_t  place;

    (void) state;

    report = report_of(&q, "site=s&step=60&q=50,100", "lcp");
    report->nsteps = 3;
    memset(&place, 0, sizeof(place));

    /* two windows of the first step, one that is all there is of the third */

    add_at(report, 0, &place, 1000, 3);
    add_at(report, 0, &place, 5000, 1);
    assert_int_equal(rum_report_step(report, &report->sites[0], 0, 0),
                     RUM_OK);
    assert_null(report->sites[0].groups[0]->series[0]->points[0].histogram);

    place.step = 2;
    place.alone = 1;
    add_at(report, 0, &place, 3000, 2);

    json = json_of(report, &text);
    group = at(json, "lcp", 0);

    assert_true(number(group, "count", 0) == 6);
    assert_true(number(group, "max", 0) == 5000);
    assert_true(number(group, "good", 0) == 3);

    for (i = 0; i < 3; i++) {
        static const double  counts[] = { 4, 0, 2 };
        static const double  good[] = { 3, 0, 0 };
        static const double  fair[] = { 0, 0, 2 };
        static const double  poor[] = { 1, 0, 0 };

        assert_true(number(group, "series.count", i) == counts[i]);
        assert_true(number(group, "series.good", i) == good[i]);
        assert_true(number(group, "series.needs_improvement", i) == fair[i]);
        assert_true(number(group, "series.poor", i) == poor[i]);
    }

    assert_true(number(group, "series.mean", 0) == 2000);
    assert_true(YAJL_IS_NULL(get(group, "series.mean")->u.array.values[1]));
    assert_true(YAJL_IS_NULL(get(group, "series.p50")->u.array.values[1]));
    assert_true(number(group, "series.p100", 0) == 5000);
    assert_true(fabs(number(group, "series.p50", 0) / 1000 - 1) < 0.0055);
    assert_true(number(group, "series.p50", 2) == 3000);

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
buckets_keep_the_histogram_of_each_step(void **state)
{
    yajl_val            json, list;
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_place_t  place;

    (void) state;

    report = report_of(&q, "site=s&step=60&buckets=1", "lcp");
    report->nsteps = 2;
    memset(&place, 0, sizeof(place));
    place.step = 1;
    place.alone = 1;

    add_at(report, 0, &place, 1000, 7);
    assert_int_equal(rum_report_step(report, &report->sites[0], 0, 1),
                     RUM_OK);

    json = json_of(report, &text);
    list = get(at(json, "lcp", 0), "series.histogram");

    assert_true(YAJL_IS_NULL(list->u.array.values[0]));
    assert_true(number(list->u.array.values[1], "counts", 0) == 7);

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
counters_and_sessions_have_series(void **state)
{
    yajl_val            json, group;
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_place_t  place;
    rum_report_group_t *row;

    (void) state;

    report = report_of(&q, "site=s&step=60&metric=views,sessions", "views");
    report->nsteps = 3;
    report->sites[0].sessions = 1;
    report->sites[0].session_steps = 1;
    row = report->sites[0].groups[0];
    memset(&place, 0, sizeof(place));

    count_at(report, &place, 5);
    place.step = 2;
    count_at(report, &place, 2);
    count_at(report, &place, 1);

    /* of two partitions */

    assert_int_equal(rum_report_session_step(report, row, 2, 4), RUM_OK);
    assert_int_equal(rum_report_session_step(report, row, 2, 3), RUM_OK);
    row->sessions = 7;

    json = json_of(report, &text);
    group = at(json, "counters", 0);

    assert_true(number(group, "views", 0) == 8);
    assert_true(number(group, "series.views", 0) == 5);
    assert_true(number(group, "series.views", 1) == 0);
    assert_true(number(group, "series.views", 2) == 3);
    assert_true(number(group, "series.sessions", 0) == 0);
    assert_true(number(group, "series.sessions", 2) == 7);

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
a_comparison_has_both_and_the_difference(void **state)
{
    yajl_val            json, group;
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_place_t  now, before;

    (void) state;

    report = report_of(&q, "site=s&compare=1h&q=50", "lcp,views");
    report->sites[0].sessions = 1;
    memset(&now, 0, sizeof(now));
    memset(&before, 0, sizeof(before));
    before.earlier = 1;

    add_at(report, 0, &now, 1000, 200);
    add_at(report, 0, &before, 4000, 100);
    add_at(report, 0, &before, 4000, 100);
    count_at(report, &now, 9);
    count_at(report, &before, 4);
    assert_int_equal(rum_report_session_earlier(report,
                         report->sites[0].groups[0], 3), RUM_OK);

    json = json_of(report, &text);
    group = at(json, "lcp", 0);

    assert_true(number(group, "count", 0) == 200);
    assert_true(number(group, "compare.count", 0) == 200);
    assert_true(number(group, "compare.mean", 0) == 4000);
    assert_true(number(group, "compare.needs_improvement", 0) == 200);
    assert_true(number(group, "change.p50.value", 0) == -3000);
    assert_true(number(group, "change.p50.low", 0) <= -3000);
    assert_true(number(group, "change.p50.high", 0) >= -3000);
    assert_true(number(group, "change.p50.high", 0) < 0);

    group = at(json, "counters", 0);
    assert_true(number(group, "views", 0) == 9);
    assert_true(number(group, "compare.views", 0) == 4);
    assert_true(number(group, "compare.sessions", 0) == 3);

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);

    /* nothing was there then; with too few values there is no bound */

    report = report_of(&q, "site=s&compare=1h&q=50", "lcp,cls");
    add_at(report, 0, &now, 1000, 3);
    add_at(report, 1, &now, 0.25, 2);
    add_at(report, 1, &before, 0.05, 2);

    json = json_of(report, &text);
    group = at(json, "lcp", 0);
    assert_true(YAJL_IS_NULL(get(group, "compare")));
    assert_true(YAJL_IS_NULL(get(group, "change")));

    group = get(json, "metrics.cls.groups")->u.array.values[0];
    assert_true(fabs(number(group, "change.p50.value", 0) - 0.2) < 0.0001);
    assert_true(YAJL_IS_NULL(get(group, "change.p50.low")));
    assert_true(YAJL_IS_NULL(get(group, "change.p50.high")));

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
the_sample_seen_last_is_kept(void **state)
{
    yajl_val              json, error;
    rum_text_t            text;
    rum_query_t           q;
    rum_report_t         *report;
    rum_report_sample_t   sample;
    rum_report_group_t   *group;

    (void) state;

    report = report_of(&q, "site=s&by=error", "errors");
    count(report, RUM_COUNTER_ERRORS, "00c0ffee00c0ffee", 1);
    group = report->sites[0].groups[0];

    sample = sample_of("second", "200", "300");
    assert_int_equal(rum_report_sample(report, group, &sample), RUM_OK);
    sample = sample_of("last", "250", "900");
    assert_int_equal(rum_report_sample(report, group, &sample), RUM_OK);
    sample = sample_of("first", "100", "150");
    assert_int_equal(rum_report_sample(report, group, &sample), RUM_OK);
    sample = sample_of("no time", "", "x");
    assert_int_equal(rum_report_sample(report, group, &sample), RUM_OK);

    json = json_of(report, &text);
    error = get(at(json, "counters", 0), "error");

    assert_string_equal(YAJL_GET_STRING(get(error, "message")), "last");
    assert_true(number(error, "first_seen", 0) == 100);
    assert_true(number(error, "last_seen", 0) == 900);
    assert_true(YAJL_IS_NULL(get(error, "stack")));

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
lists_say_what_there_is(void **state)
{
    char        *json;
    rum_text_t   text;

    (void) state;

    json = list_of("list=sites", &text);
    assert_non_null(strstr(json, "\"total_sites\":2,\"sites\":[\"blog\","
                           "\"shop\"]"));
    rum_text_free(&text);

    /* in order, each once, counters apart; names as they are */

    json = list_of("list=dimensions&site=shop", &text);
    assert_non_null(strstr(json, "\"dimensions\":["
        "{\"name\":\"a:b\",\"metrics\":[\"lcp\"],\"counters\":[]},"
        "{\"name\":\"all\",\"metrics\":[\"lcp\",\"read.time\"],"
        "\"counters\":[\"views\"]},"
        "{\"name\":\"page\",\"metrics\":[\"lcp\"],\"counters\":[]}]"));
    assert_null(strstr(json, "blog"));
    rum_text_free(&text);

    json = list_of("list=dimensions", &text);
    assert_non_null(strstr(json, "{\"site\":\"blog\",\"dimensions\":["
        "{\"name\":\"all\",\"metrics\":[\"alpha\"],\"counters\":[]}]}"));
    assert_non_null(strstr(json, "{\"site\":\"shop\",\"dimensions\":[{"));
    rum_text_free(&text);

    /* known ones first, then the sites' own; nothing that cannot be one */

    json = list_of("list=metrics", &text);
    assert_non_null(strstr(json, "{\"name\":\"lcp\",\"unit\":\"ms\","
        "\"description\":\"Largest Contentful Paint\",\"good\":2500,"
        "\"poor\":4000}"));
    assert_non_null(strstr(json, "{\"name\":\"alpha\",\"unit\":\"\","
        "\"description\":\"A metric of the site's own\"},"
        "{\"name\":\"read.time\","));
    assert_non_null(strstr(json, "{\"name\":\"sessions\",\"description\":"));
    assert_null(strstr(json, "NOT A METRIC"));
    rum_text_free(&text);

    json = list_of("list=metrics&site=blog", &text);
    assert_null(strstr(json, "read.time"));
    assert_non_null(strstr(json, "\"alpha\""));
    rum_text_free(&text);
}


static void
csv_has_a_row_for_each(void **state)
{
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_place_t  now, before;

    (void) state;

    memset(&now, 0, sizeof(now));
    memset(&before, 0, sizeof(before));
    before.earlier = 1;

    report = report_of(&q, "site=s&compare=1h&q=50&format=csv", "lcp,views");
    add_at(report, 0, &now, 1000, 200);
    add_at(report, 0, &before, 4000, 200);
    count_at(report, &now, 9);
    count_at(report, &before, 4);

    assert_int_equal(rum_report_arrange(report), RUM_OK);
    rum_text_init(&text);
    assert_int_equal(rum_report_csv(report, &text), RUM_OK);
    rum_text_add(&text, "", 1);

    assert_string_equal((char *) text.data,
        "site,metric,value,count,sum,min,max,mean,p50,good,"
        "needs_improvement,poor,earlier_count,earlier_mean,p50_earlier,"
        "p50_change,p50_low,p50_high\r\n"
        "s,lcp,*,200,200000,1000,1000,1000,1000,200,0,0,200,4000,4000,"
        "-3000,-3000,-3000\r\n"
        "s,views,*,9,,,,,,,,,4,,,,,\r\n");

    rum_text_free(&text);
    rum_report_destroy(report);

    /* with "step" a row for each; the time is when it begins */

    report = report_of(&q, "site=s&step=60&q=50&format=csv", "lcp,views");
    report->nsteps = 2;
    report->from = 1795314600;
    now.step = 1;
    now.alone = 1;
    add_at(report, 0, &now, 3000, 2);
    count_at(report, &now, 6);

    assert_int_equal(rum_report_arrange(report), RUM_OK);
    assert_int_equal(rum_report_csv(report, &text), RUM_OK);
    rum_text_add(&text, "", 1);

    assert_string_equal((char *) text.data,
        "site,metric,value,time,count,mean,p50,good,needs_improvement,"
        "poor\r\n"
        "s,lcp,*,1795314600,0,,,,,\r\n"
        "s,lcp,*,1795314660,2,3000,3000,0,2,0\r\n"
        "s,views,*,1795314600,0,,,,,\r\n"
        "s,views,*,1795314660,6,,,,,\r\n");

    rum_text_free(&text);
    rum_report_destroy(report);
}


/* n times the value, as a window's field of "*" */

static void
add_at(rum_report_t *report, uint32_t metric, const rum_report_place_t *place,
    double value, uint32_t n)
{
    rum_str_t            all, packed;
    unsigned char        buf[4096];
    rum_histogram_t      h;
    const rum_metric_t  *known;

    known = rum_metric_find(&report->sites[0].metrics[metric].name);
    rum_histogram_init(&h);

    while (n-- > 0) {
        assert_int_equal(rum_histogram_record(&h, value,
                                   rum_metric_rate(known, value)), RUM_OK);
    }

    packed.data = buf;
    packed.len = rum_histogram_encode(&h, buf, sizeof(buf));
    all = str("*");

    assert_int_equal(rum_report_histogram(report, &report->sites[0], metric,
                                          place, &all, &packed), RUM_OK);
    rum_histogram_free(&h);
}


/* views; n is below 128, so it is its byte */

static void
count_at(rum_report_t *report, const rum_report_place_t *place,
    unsigned char n)
{
    rum_str_t  all, packed;

    all = str("*");
    packed.data = &n;
    packed.len = 1;

    assert_int_equal(rum_report_counter(report, &report->sites[0],
                                        RUM_COUNTER_VIEWS, place, &all,
                                        &packed), RUM_OK);
}


/* keys with "." in between */

static yajl_val
get(yajl_val node, const char *path)
{
    char        *keys, *key, *rest;
    const char  *one[] = { NULL, NULL };

    keys = strdup(path);

    for (key = strtok_r(keys, ".", &rest); key != NULL;
         key = strtok_r(NULL, ".", &rest))
    {
        one[0] = key;
        node = yajl_tree_get(node, one, yajl_t_any);
        assert_non_null(node);
    }

    free(keys);

    return node;
}


/* of an array the element i */

static double
number(yajl_val node, const char *path, size_t i)
{
    node = get(node, path);

    if (YAJL_IS_ARRAY(node)) {
        assert_true(i < node->u.array.len);
        node = node->u.array.values[i];
    }

    assert_true(YAJL_IS_NUMBER(node));

    return YAJL_GET_DOUBLE(node);
}


static rum_report_sample_t
sample_of(const char *message, const char *first, const char *last)
{
    rum_report_sample_t  sample;

    memset(&sample, 0, sizeof(sample));
    sample.fields[RUM_SAMPLE_MESSAGE] = str(message);
    sample.fields[RUM_SAMPLE_FIRST_SEEN] = str(first);
    sample.fields[RUM_SAMPLE_LAST_SEEN] = str(last);

    return sample;
}


static char *
list_of(const char *args, rum_text_t *text)
{
    size_t              i;
    rum_str_t           s;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_site_t  *site;
    rum_report_info_t   info;

    static const struct {
        const char  *site;
        const char  *entry;
    } entries[] = {
        { "shop", "page:lcp" }, { "shop", "all:views" }, { "shop", "all:lcp" },
        { "shop", "all:read.time" }, { "shop", "all:lcp" },
        { "shop", "a:b:lcp" }, { "blog", "all:alpha" }
    };

    s = str(args);
    assert_int_equal(rum_query_parse(&q, &s), RUM_OK);
    report = rum_report_create(&q);

    for (i = 0; i < 2 && q.site.len == 0; i++) {
        s = str(i ? "blog" : "shop");
        assert_int_equal(rum_report_add_site(report, &s), RUM_OK);
    }

    rum_report_cut_sites(report);

    for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        for (site = report->sites; site < report->sites + report->nsites;
             site++)
        {
            s = str(entries[i].entry);

            if (rum_str_is(&site->name, entries[i].site)) {
                assert_int_equal(rum_report_add_index(report, site, &s),
                                 RUM_OK);
            }
        }
    }

    for (i = 0; i < report->nsites; i++) {
        rum_report_order_index(&report->sites[i]);
    }

    memset(&info, 0, sizeof(info));
    rum_text_init(text);
    assert_int_equal(rum_report_json(report, &info, text, NULL), RUM_OK);
    rum_text_add(text, "", 1);

    rum_report_destroy(report);

    return (char *) text->data;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_series_has_the_figures_of_each_step),
        cmocka_unit_test(buckets_keep_the_histogram_of_each_step),
        cmocka_unit_test(counters_and_sessions_have_series),
        cmocka_unit_test(a_comparison_has_both_and_the_difference),
        cmocka_unit_test(the_sample_seen_last_is_kept),
        cmocka_unit_test(lists_say_what_there_is),
        cmocka_unit_test(csv_has_a_row_for_each)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
