/*
 * rum_report as Prometheus text.
 */

#include "report_data.h"


static void prometheus_buckets_are_exact_counts(void **state);
static void prometheus_labels_are_escaped(void **state);
static void prometheus_labels_a_pair(void **state);
static void prometheus_has_labels_of_its_own(void **state);
static void prometheus_keeps_the_lines_of_a_name_together(void **state);


static void
prometheus_buckets_are_exact_counts(void **state)
{
    int                i;
    char              *line, *end;
    double             values[300], bound, last;
    size_t             k, n, lines;
    unsigned long      got;
    rum_text_t         text;
    rum_query_t        q;
    rum_report_t      *report;
    rum_report_info_t  info;

    (void) state;

    memset(&info, 0, sizeof(info));
    srand(2);

    for (i = 0; i < 300; i++) {
        values[i] = exp(12.0 * rand() / RAND_MAX);
    }

    values[0] = 0;
    values[1] = 1024;                   /* on a bound: it belongs below */

    report = report_of(&q, "format=prometheus&site=shop", "lcp");
    add(report, 0, "*", values, 300, "lcp");

    line = prometheus_of(report, &info, &text);
    last = 0;
    lines = 0;

    while ((line = strstr(line, "_bucket{")) != NULL) {
        line = strstr(line, "le=\"") + 4;
        bound = strtod(line, &end);
        got = strtoul(strchr(end, ' '), NULL, 10);

        assert_true(bound > last);
        last = bound;
        lines++;

        for (k = 0, n = 0; k < 300; k++) {
            n += values[k] <= bound * 1000 * (1 + 1e-9);
        }

        assert_int_equal(got, n);
    }

    assert_int_equal(lines, 28);
    assert_non_null(strstr((char *) text.data,
                           "rum_lcp_seconds_count{site=\"shop\"} 300\n"));

    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
prometheus_labels_are_escaped(void **state)
{
    double             v = 1000;
    rum_text_t         text;
    rum_query_t        q;
    rum_report_t      *report;
    rum_report_info_t  info;

    (void) state;

    memset(&info, 0, sizeof(info));

    report = report_of(&q, "format=prometheus&site=a%22%5c&by=my-site", "x.y");
    add(report, 0, "l1\nl2\"\\\xff", &v, 1, "x.y");

    prometheus_of(report, &info, &text);
    assert_non_null(strstr((char *) text.data,
        "rum_custom_count{site=\"a\\\"\\\\\",metric=\"x.y\","
        "my_site=\"l1\\nl2\\\"\\\\%FF\"} 1\n"));

    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
prometheus_labels_a_pair(void **state)
{
    double             v = 1;
    rum_text_t         text;
    rum_query_t        q;
    rum_report_t      *report;
    rum_report_info_t  info;

    (void) state;

    memset(&info, 0, sizeof(info));

    report = report_of(&q, "format=prometheus&site=s&by=site,le", "cls");
    add(report, 0, "/a,b,c", &v, 1, "cls");
    add(report, 0, "(other)", &v, 1, "cls");

    prometheus_of(report, &info, &text);
    assert_non_null(strstr((char *) text.data,
        "rum_cls_count{site=\"s\",site_=\"/a\",le_=\"b,c\"} 1\n"));
    assert_non_null(strstr((char *) text.data,
        "rum_cls_count{site=\"s\",site_=\"(other)\",le_=\"(other)\"} 1\n"));

    rum_text_free(&text);
    rum_report_destroy(report);
}


static void
prometheus_has_labels_of_its_own(void **state)
{
    size_t              i;
    double              v = 1;
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_info_t   info;

    static const char  *names[][2] = {
        { "__name__", "{site=\"s\",_name__=\"a\"} 1\n" },
        { "___x", "{site=\"s\",_x=\"a\"} 1\n" },
        { "-_x", "{site=\"s\",_x=\"a\"} 1\n" },
        { "--", "{site=\"s\",_=\"a\"} 1\n" },
        { "_x__", "{site=\"s\",_x__=\"a\"} 1\n" },
        { "0x", "{site=\"s\",_x=\"a\"} 1\n" },
        { "__a,_a", "{site=\"s\",_a=\"a\",_a_=\"b\"} 1\n" }
    };

    char                query[64];

    (void) state;

    memset(&info, 0, sizeof(info));

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(query, sizeof(query), "format=prometheus&site=s&by=%s",
                 names[i][0]);

        report = report_of(&q, query, "cls");
        add(report, 0, strchr(query, ',') != NULL ? "a,b" : "a", &v, 1, "cls");

        prometheus_of(report, &info, &text);

        if (strstr((char *) text.data, names[i][1]) == NULL) {
            print_error("%s: %.*s\n", names[i][0], (int) text.len, text.data);
            fail();
        }

        rum_text_free(&text);
        rum_report_destroy(report);
    }
}


static void
prometheus_keeps_the_lines_of_a_name_together(void **state)
{
    char              *text_of, *first;
    double             v = 1;
    uint32_t           i;
    rum_str_t          name;
    rum_text_t         text;
    rum_query_t        q;
    rum_report_t      *report;
    rum_report_info_t  info;
    rum_str_t          args = rum_string("format=prometheus");

    (void) state;

    memset(&info, 0, sizeof(info));

    assert_int_equal(rum_query_parse(&q, &args), RUM_OK);
    report = rum_report_create(&q);

    name = str("two");
    rum_report_add_site(report, &name);
    name = str("one");
    rum_report_add_site(report, &name);

    for (i = 0; i < 2; i++) {
        name = str("fcp");
        rum_report_add_metric(report, &report->sites[i], &name);
        name = str("lcp");
        rum_report_add_metric(report, &report->sites[i], &name);
    }

    rum_report_begin(report);

    for (i = 0; i < 2; i++) {
        rum_histogram_t  h;
        unsigned char    buf[512];
        rum_str_t        packed, all = rum_string("*");

        rum_histogram_init(&h);
        rum_histogram_record(&h, v, RUM_GOOD);
        packed.data = buf;
        packed.len = rum_histogram_encode(&h, buf, sizeof(buf));
        rum_report_histogram(report, &report->sites[i], 0, &whole, &all,
                             &packed);
        rum_report_histogram(report, &report->sites[i], 1, &whole, &all,
                             &packed);
        rum_histogram_free(&h);
    }

    text_of = prometheus_of(report, &info, &text);

    first = strstr(text_of, "# TYPE rum_fcp_seconds histogram\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE rum_fcp_seconds histogram\n"));
    assert_null(strstr(first, "rum_lcp_seconds"));
    assert_true(strstr(text_of, "rum_lcp_seconds_count{site=\"one\"} 1\n")
                < strstr(text_of, "rum_lcp_seconds_count{site=\"two\"} 1\n"));

    rum_text_free(&text);
    rum_report_destroy(report);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(prometheus_buckets_are_exact_counts),
        cmocka_unit_test(prometheus_labels_are_escaped),
        cmocka_unit_test(prometheus_labels_a_pair),
        cmocka_unit_test(prometheus_has_labels_of_its_own),
        cmocka_unit_test(prometheus_keeps_the_lines_of_a_name_together)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
