/*
 * rum_report: what goes in as fields of rollups comes out added up, in
 * order, and as valid JSON.
 */

#include "report_data.h"


static void numbers_are_short_and_exact(void **state);
static void report_adds_windows_up(void **state);
static void report_keeps_groups_apart(void **state);
static void report_writes_a_float32_as_it_was_sent(void **state);
static void report_skips_and_counts_what_it_cannot_read(void **state);
static void report_sums_negative_bounces(void **state);
static void report_orders_and_cuts_rows(void **state);
static void report_bounds_its_groups(void **state);
static void report_is_json_whatever_the_values(void **state);
static void report_gives_buckets_when_asked(void **state);
static void report_tells_the_aggregators_health(void **state);
static void report_groups_the_modules_figures(void **state);
static void error_names_the_parameter(void **state);


static void
numbers_are_short_and_exact(void **state)
{
    size_t         i, len;
    unsigned char  buf[RUM_NUMBER_MAX + 1];

    static const struct {
        double       value;
        unsigned     digits;
        const char  *text;
    } doubles[] = {
        { 0, 7, "0" },
        { 212.39999389648438, 7, "212.4" },
        { 12345.599609375, 7, "12345.6" },
        { 0.03099999949336052, 7, "0.031" },
        { 1000, 7, "1000" },
        { 123456789, 6, "123456789" },
        { 0.99999999, 6, "1" },
        { -1.5, 6, "-1.5" },
        { 1e-15, 6, "0" },
        { 0.0000123456789, 6, "0.0000123457" },
        { 1e15, 6, "1000000000000000" },
        { 1e16, 6, "0" },
        { NAN, 6, "0" },
        { -INFINITY, 6, "0" }
    };

    static const struct {
        int64_t      n;
        unsigned     decimals;
        const char  *text;
    } fixed[] = {
        { 0, 4, "0" },
        { 1, 4, "0.0001" },
        { -1, 4, "-0.0001" },
        { 31201125000, 4, "3120112.5" },
        { 10000, 4, "1" },
        { 99900, 3, "99.9" },
        { INT64_MIN, 0, "-9223372036854775808" },
        { INT64_MAX, 4, "922337203685477.5807" }
    };

    (void) state;

    for (i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
        len = rum_number_double(doubles[i].value, doubles[i].digits, buf);
        buf[len] = '\0';
        assert_string_equal((char *) buf, doubles[i].text);
    }

    for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        len = rum_number_fixed(fixed[i].n, fixed[i].decimals, buf);
        buf[len] = '\0';
        assert_string_equal((char *) buf, fixed[i].text);
    }

    len = rum_number_integer(UINT64_MAX, buf);
    buf[len] = '\0';
    assert_string_equal((char *) buf, "18446744073709551615");
}


static void
report_adds_windows_up(void **state)
{
    size_t         i, rank;
    double         values[1000], sum, exact;
    yajl_val       json;
    rum_text_t     text;
    rum_query_t    q;
    rum_report_t  *report;

    static const struct {
        const char  *key;
        double       q;
    } quantiles[] = { { "p50", .5 }, { "p75", .75 }, { "p99.9", .999 } };

    (void) state;

    srand(1);
    sum = 0;

    for (i = 0; i < 1000; i++) {
        values[i] = floor(exp(5 + 4.0 * rand() / RAND_MAX) * 10) / 10;
        sum += values[i];
    }

    report = report_of(&q, "site=shop&q=50,75,99.9", "lcp");

    for (i = 0; i < 10; i++) {
        add(report, 0, "*", values + i * 100, 100, "lcp");
    }

    json = json_of(report, &text);

    assert_string_equal(string_at(json, "groups", 0, "value"), "*");
    assert_true(number_at(json, "groups", 0, "count") == 1000);
    assert_true(fabs(number_at(json, "groups", 0, "sum") - sum) < 0.001);

    qsort(values, 1000, sizeof(double), by_size);

    assert_true(number_at(json, "groups", 0, "min") == values[0]);
    assert_true(number_at(json, "groups", 0, "max") == values[999]);
    assert_true(number_at(json, "groups", 0, "good")
                + number_at(json, "groups", 0, "needs_improvement")
                + number_at(json, "groups", 0, "poor") == 1000);

    for (i = 0; i < 3; i++) {
        rank = ceil(quantiles[i].q * 1000);
        exact = values[rank - 1];

        assert_true(fabs(number_at(json, "groups", 0, quantiles[i].key)
                         - exact) <= 0.0055 * exact);
    }

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_keeps_groups_apart(void **state)
{
    double         one[] = { 100, 200 }, two[] = { 50 };
    yajl_val       json;
    rum_text_t     text;
    rum_query_t    q;
    rum_report_t  *report;

    (void) state;

    report = report_of(&q, "site=shop&by=country", "lcp");

    add(report, 0, "DE", one, 2, "lcp");
    add(report, 0, "FR", two, 1, "lcp");
    add(report, 0, "DE", two, 1, "lcp");

    json = json_of(report, &text);

    assert_string_equal(string_at(json, "groups", 0, "value"), "DE");
    assert_true(number_at(json, "groups", 0, "count") == 3);
    assert_true(number_at(json, "groups", 0, "sum") == 350);
    assert_string_equal(string_at(json, "groups", 1, "value"), "FR");
    assert_true(number_at(json, "groups", 1, "count") == 1);
    assert_null(at(json, "groups", 2));

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_writes_a_float32_as_it_was_sent(void **state)
{
    double         value;
    rum_text_t     text;
    rum_query_t    q;
    rum_report_t  *report;

    (void) state;

    value = 212.4f;
    report = report_of(&q, "site=shop", "ttfb");
    add(report, 0, "*", &value, 1, "ttfb");

    yajl_tree_free(json_of(report, &text));
    rum_text_add(&text, "", 1);
    assert_non_null(strstr((char *) text.data, "\"sum\":212.4,\"min\":212.4,"
                                               "\"max\":212.4,\"mean\":212.4,"
                                               "\"p50\":212.4,"));

    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_skips_and_counts_what_it_cannot_read(void **state)
{
    size_t              i;
    yajl_val            json;
    rum_str_t           value, packed;
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_site_t  *site;

    static const struct {
        const char         *data;
        size_t              len;
    } bad[] = {
        { "", 0 },
        { "\xc1", 1 },
        { "\x90", 1 },
        { "\x93\x01\x06\x05", 4 },
        { "\xa3" "abc", 4 },
        { "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9 },
        { "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9 },
        { "\x01\x01", 2 },
        { "\xcd\x01", 2 }
    };

    (void) state;

    report = report_of(&q, "site=shop", "lcp");
    site = &report->sites[0];
    value = str("*");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        packed.data = (unsigned char *) bad[i].data;
        packed.len = bad[i].len;

        assert_int_equal(rum_report_histogram(report, site, 0, &whole,
                                              &value, &packed), RUM_OK);
        assert_int_equal(rum_report_counter(report, site,
                                            RUM_COUNTER_VIEWS, &whole,
                                            &value, &packed), RUM_OK);
    }

    count(report, RUM_COUNTER_VIEWS, "*", 3);

    assert_int_equal(report->unreadable, 2 * i);

    json = json_of(report, &text);

    assert_true(YAJL_GET_INTEGER(yajl_tree_get(json,
                    (const char *[]) { "unreadable", NULL }, yajl_t_number))
                == (long long) (2 * i));
    assert_null(at(json, "groups", 0));

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_sums_negative_bounces(void **state)
{
    yajl_val       json;
    rum_text_t     text;
    rum_query_t    q;
    rum_report_t  *report;

    (void) state;

    report = report_of(&q, "site=shop", "beacons,entrances,bounces");

    count(report, RUM_COUNTER_ENTRANCES, "*", 8);
    count(report, RUM_COUNTER_BOUNCES, "*", 5);
    count(report, RUM_COUNTER_BOUNCES, "*", -2);
    count(report, RUM_COUNTER_BOUNCES, "*", -1);

    json = json_of(report, &text);

    assert_true(number_at(json, "counters", 0, "bounces") == 2);
    assert_true(number_at(json, "counters", 0, "bounce_rate") == 0.25);
    assert_true(number_at(json, "counters", 0, "beacons") == 0);

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_orders_and_cuts_rows(void **state)
{
    size_t         i;
    double         a[] = { 1, 1, 1 }, b[] = { 500, 2 }, c[] = { 100, 100 };
    rum_query_t    q;
    rum_text_t     text;
    yajl_val       json;
    rum_report_t  *report;

    static const struct {
        const char  *sort;
        const char  *order;             /* the first two of three */
    } cases[] = {
        { "-count", "ab" }, { "count", "bc" },
        { "-value", "cb" }, { "value", "ab" },
        { "-sum", "bc" }, { "mean", "ac" }, { "-max", "bc" },
        { "min", "ab" }, { "-p50", "cb" }, { "-p100", "bc" },
        { "-poor", "ba" }, { "good", "bc" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char  args[64];

        snprintf(args, sizeof(args), "site=s&by=page&limit=2&sort=%s",
                 cases[i].sort);

        report = report_of(&q, args, "fid");
        add(report, 0, "a", a, 3, "fid");
        add(report, 0, "c", c, 2, "fid");
        add(report, 0, "b", b, 2, "fid");

        json = json_of(report, &text);

        if (string_at(json, "groups", 0, "value")[0] != cases[i].order[0]
            || string_at(json, "groups", 1, "value")[0] != cases[i].order[1])
        {
            fail_msg("sort=%s: %.*s", cases[i].sort, (int) text.len,
                     text.data);
        }

        assert_null(at(json, "groups", 2));
        assert_int_equal(report->sites[0].metrics[0].rows.total, 3);

        yajl_tree_free(json);
        rum_text_free(&text);
        rum_report_destroy(report);
    }
}


static void
report_bounds_its_groups(void **state)
{
    char           name[32];
    uint32_t       i;
    rum_query_t    q;
    rum_report_t  *report;

    (void) state;

    report = report_of(&q, "site=shop&by=page", "views");

    for (i = 0; i < RUM_REPORT_GROUPS + 50; i++) {
        snprintf(name, sizeof(name), "/page/%u", i);
        count(report, RUM_COUNTER_VIEWS, name, 1);
        count(report, RUM_COUNTER_VIEWS, "/page/7", 1);
    }

    assert_int_equal(report->sites[0].ngroups, RUM_REPORT_GROUPS + 1);
    assert_true(report->sites[0].limited);
    assert_int_equal(rum_report_arrange(report), RUM_OK);

    /* nothing is lost: all that was added is somewhere */

    assert_true(rum_str_is(&report->sites[0].rows.groups[0]->value,
                           "/page/7"));
    assert_int_equal(report->sites[0].rows.groups[0]
                     ->counters[RUM_COUNTER_VIEWS],
                     RUM_REPORT_GROUPS + 50 + 1);
    assert_int_equal(report->sites[0].rows.groups[1]
                     ->counters[RUM_COUNTER_VIEWS], 50);

    rum_report_destroy(report);
}


static void
report_is_json_whatever_the_values(void **state)
{
    double         v = 1;
    yajl_val       json;
    rum_text_t     text;
    rum_query_t    q;
    rum_report_t  *report;

    (void) state;

    report = report_of(&q, "site=%ff%00%22&by=tag", "lcp");

    add(report, 0, "a\xff\xc3(\xed\xa0\x80z", &v, 1, "lcp");
    add(report, 0, "\"</script>\\\n\x01", &v, 1, "lcp");
    add(report, 0, "\xf0\x9f\x98\x80", &v, 1, "lcp");

    json = json_of(report, &text);

    assert_string_equal(string_at(json, "groups", 0, "value"),
                        "\"</script>\\\n\x01");
    assert_string_equal(string_at(json, "groups", 1, "value"),
                        "a%FF%C3(%ED%A0%80z");
    assert_string_equal(string_at(json, "groups", 2, "value"),
                        "\xf0\x9f\x98\x80");

    yajl_tree_free(json);
    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_gives_buckets_when_asked(void **state)
{
    double         values[] = { 0, 1, 1, 2 };
    rum_text_t     text;
    rum_query_t    q;
    rum_report_t  *report;

    (void) state;

    report = report_of(&q, "site=shop&buckets=1", "custom");
    add(report, 0, "*", values, 4, "custom");

    yajl_tree_free(json_of(report, &text));
    rum_text_add(&text, "", 1);

    /* 1 ends bucket -1, 2 ends bucket 63 */

    assert_non_null(strstr((char *) text.data, "\"histogram\":{\"scale\":6,"
                           "\"zero_count\":1,\"offset\":-1,\"counts\":[2,0,"));
    assert_non_null(strstr((char *) text.data, ",0,1]}"));

    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_tells_the_aggregators_health(void **state)
{
    size_t             i;
    rum_str_t          name, value;
    rum_text_t         text;
    rum_query_t        q;
    rum_report_t      *report;
    rum_report_info_t  info;

    static const char *const  fields[][2] = {
        { "events", "100" }, { "events", "7" }, { "lost", "-3" },
        { "late", "x" }, { "rejected", "" }, { "flushed_at", "8000" },
        { "flushed_at", "5000" }, { "events_per_second", "12.25" },
        { "events_per_second", "0.5" }, { "other", "99999999999999999999" },
        { "holder", "12" }
    };

    (void) state;

    memset(&info, 0, sizeof(info));
    info.now = 10;

    report = report_of(&q, "", "");
    report->health.partitions = 2;
    report->health.owned = 2;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        name = str(fields[i][0]);
        value = str(fields[i][1]);
        rum_report_health(report, &name, &value);
    }

    rum_report_lag(report, 4);

    rum_text_init(&text);
    assert_int_equal(rum_report_json(report, &info, &text, NULL), RUM_OK);
    rum_text_add(&text, "", 1);

    assert_non_null(strstr((char *) text.data,
        "\"aggregator\":{\"running\":true,\"partitions\":2,\"owned\":2,"
        "\"lag\":null,\"last_flush_age\":5,\"events_per_second\":12.75,"
        "\"events\":107,\"duplicates\":0,\"lost\":0,"));

    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
report_groups_the_modules_figures(void **state)
{
    rum_text_t         text;
    rum_query_t        q;
    rum_report_t      *report;
    rum_report_info_t  info;

    static const rum_report_figure_t  figures[] = {
        { rum_string("redis"), rum_string("connects"), 3, 0 },
        { rum_string("ring"), rum_string("bytes"), 7, 1 },
        { rum_string("redis"), rum_string("errors"), 1, 0 }
    };

    (void) state;

    memset(&info, 0, sizeof(info));
    info.figures = figures;
    info.nfigures = 3;

    report = report_of(&q, "", "");

    rum_text_init(&text);
    assert_int_equal(rum_report_json(report, &info, &text, NULL), RUM_OK);
    rum_text_add(&text, "", 1);
    assert_non_null(strstr((char *) text.data, "\"module\":{\"redis\":"
                    "{\"connects\":3,\"errors\":1},\"ring\":{\"bytes\":7}}"));
    rum_text_free(&text);

    prometheus_of(report, &info, &text);
    assert_non_null(strstr((char *) text.data,
                    "# TYPE rum_module_redis_total counter\n"
                    "rum_module_redis_total{result=\"connects\"} 3\n"
                    "rum_module_redis_total{result=\"errors\"} 1\n"));
    assert_non_null(strstr((char *) text.data,
                    "# TYPE rum_module_ring_bytes gauge\n"
                    "rum_module_ring_bytes 7\n"));
    rum_text_free(&text);

    rum_report_destroy(report);
}


static void
error_names_the_parameter(void **state)
{
    rum_str_t          parameter;
    rum_text_t         text;
    rum_report_info_t  info;

    (void) state;

    memset(&info, 0, sizeof(info));
    info.now = 12;
    parameter = str("x\xff\"");

    rum_text_init(&text);
    assert_int_equal(rum_report_error(&info, &parameter, "is wrong", &text),
                     RUM_OK);
    rum_text_add(&text, "", 1);
    assert_string_equal((char *) text.data, "{\"generated_at\":12,"
              "\"error\":\"is wrong\",\"parameter\":\"x%FF\\\"\"}\n");
    rum_text_free(&text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(numbers_are_short_and_exact),
        cmocka_unit_test(report_adds_windows_up),
        cmocka_unit_test(report_keeps_groups_apart),
        cmocka_unit_test(report_writes_a_float32_as_it_was_sent),
        cmocka_unit_test(report_skips_and_counts_what_it_cannot_read),
        cmocka_unit_test(report_sums_negative_bounces),
        cmocka_unit_test(report_orders_and_cuts_rows),
        cmocka_unit_test(report_bounds_its_groups),
        cmocka_unit_test(report_is_json_whatever_the_values),
        cmocka_unit_test(report_gives_buckets_when_asked),
        cmocka_unit_test(report_tells_the_aggregators_health),
        cmocka_unit_test(report_groups_the_modules_figures),
        cmocka_unit_test(error_names_the_parameter)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
