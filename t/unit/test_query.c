/*
 * rum_query: what is a question, what is not, and what it then says.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rum_query.h"


static void query_defaults(void **state);
static void query_takes_every_parameter(void **state);
static void query_decodes_names_and_values(void **state);
static void query_sorts_metrics_and_drops_repeats(void **state);
static void query_takes_counters_and_sessions_as_metrics(void **state);
static void query_takes_quantiles_with_decimals(void **state);
static void query_takes_every_order(void **state);
static void query_takes_pairs(void **state);
static void query_takes_conditions(void **state);
static void query_takes_spans_steps_and_comparisons(void **state);
static void query_takes_lists_and_csv(void **state);
static void query_names_the_wrong_parameter(void **state);
static void query_bounds_its_input(void **state);
static void query_equality_is_by_meaning(void **state);
static void query_overview_is_without_narrowing(void **state);

static int parse(rum_query_t *q, const char *args);
static void assert_text(const rum_str_t *str, const char *text);


static void
query_defaults(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, ""), RUM_OK);
    assert_int_equal(q.site.len, 0);
    assert_int_equal(q.nmetrics, 0);
    assert_text(&q.by, "all");
    assert_text(&q.last, "5m");
    assert_int_equal(q.seconds, 300);
    assert_int_equal(q.limit, 100);
    assert_int_equal(q.sort, RUM_SORT_COUNT);
    assert_true(q.descending);
    assert_false(q.buckets);
    assert_int_equal(q.format, RUM_QUERY_JSON);
    assert_int_equal(q.nquantiles, 5);
    assert_int_equal(q.quantiles[0], 50000);
    assert_int_equal(q.quantiles[4], 99000);

    assert_int_equal(parse(&q, "&&"), RUM_OK);
}


static void
query_takes_every_parameter(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "site=shop&metric=lcp&by=country&last=7d&q=75"
                           "&buckets=1&limit=7&sort=value&format=prometheus"),
                     RUM_OK);
    assert_text(&q.site, "shop");
    assert_int_equal(q.nmetrics, 1);
    assert_text(&q.metrics[0], "lcp");
    assert_text(&q.by, "country");
    assert_text(&q.last, "7d");
    assert_int_equal(q.seconds, 7 * 86400);
    assert_int_equal(q.nquantiles, 1);
    assert_true(q.buckets);
    assert_int_equal(q.limit, 7);
    assert_int_equal(q.sort, RUM_SORT_VALUE);
    assert_false(q.descending);
    assert_int_equal(q.format, RUM_QUERY_PROMETHEUS);
}


static void
query_decodes_names_and_values(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "s%69te=my+%C3%A9%20%26%3d%2B"), RUM_OK);
    assert_text(&q.site, "my \xc3\xa9 &=+");
}


static void
query_sorts_metrics_and_drops_repeats(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "metric=lcp,cls,inp,cls,lcp"), RUM_OK);
    assert_int_equal(q.nmetrics, 3);
    assert_text(&q.metrics[0], "cls");
    assert_text(&q.metrics[1], "inp");
    assert_text(&q.metrics[2], "lcp");
}


static void
query_takes_counters_and_sessions_as_metrics(void **state)
{
    rum_query_t  q;
    rum_str_t    views = rum_string("views"), lcp = rum_string("lcp");

    (void) state;

    assert_int_equal(parse(&q, "metric=views,sessions"), RUM_OK);
    assert_true(rum_query_wants(&q, &views));
    assert_false(rum_query_wants(&q, &lcp));

    assert_int_equal(parse(&q, ""), RUM_OK);
    assert_true(rum_query_wants(&q, &lcp));
}


static void
query_takes_quantiles_with_decimals(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "q=99.9,0,100,99.999,50,50.0"), RUM_OK);
    assert_int_equal(q.nquantiles, 5);
    assert_int_equal(q.quantiles[0], 99900);
    assert_int_equal(q.quantiles[1], 0);
    assert_int_equal(q.quantiles[2], 100000);
    assert_int_equal(q.quantiles[3], 99999);
    assert_int_equal(q.quantiles[4], 50000);
}


static void
query_takes_every_order(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "sort=-p99.5"), RUM_OK);
    assert_int_equal(q.sort, RUM_SORT_QUANTILE);
    assert_int_equal(q.sort_by, 99500);
    assert_true(q.descending);

    assert_int_equal(parse(&q, "sort=errors"), RUM_OK);
    assert_int_equal(q.sort, RUM_SORT_COUNTER);
    assert_int_equal(q.sort_by, RUM_COUNTER_ERRORS);
    assert_false(q.descending);

    assert_int_equal(parse(&q, "sort=-needs_improvement"), RUM_OK);
    assert_int_equal(q.sort, RUM_SORT_NEEDS_IMPROVEMENT);
}


static void
query_takes_pairs(void **state)
{
    rum_str_t    first, second;
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "by=page,device"), RUM_OK);
    assert_true(rum_query_pair(&q, &first, &second));
    assert_text(&first, "page");
    assert_text(&second, "device");

    assert_int_equal(parse(&q, "by=page"), RUM_OK);
    assert_false(rum_query_pair(&q, &first, &second));
}


static void
query_takes_conditions(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "where=page:/a:b&where=device:mobile"), RUM_OK);
    assert_int_equal(q.nwheres, 2);
    assert_text(&q.wheres[0].dimension, "device");
    assert_text(&q.wheres[0].value, "mobile");
    assert_text(&q.wheres[1].dimension, "page");
    assert_text(&q.wheres[1].value, "/a:b");
    assert_false(q.overview);

    assert_int_equal(parse(&q, "by=page,device&where=page:/a"
                           "&where=device:mobile"), RUM_OK);
    assert_int_equal(parse(&q, "by=page&where=page:/a&where=device:m"),
                     RUM_OK);
}


static void
query_takes_spans_steps_and_comparisons(void **state)
{
    size_t       i;
    rum_query_t  q;

    static const struct {
        const char  *args;
        uint32_t     seconds;
    } steps[] = {
        { "step=60", 60 }, { "step=1m", 60 }, { "step=3600", 3600 },
        { "step=20m", 1200 }, { "step=6h", 21600 }, { "step=7d", 604800 }
    };

    (void) state;

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(parse(&q, steps[i].args), RUM_OK);
        assert_int_equal(q.step, steps[i].seconds);
        assert_true(q.overview);
    }

    assert_int_equal(parse(&q, "from=1795314600&to=1795318200"), RUM_OK);
    assert_int_equal(q.from, 1795314600);
    assert_int_equal(q.to, 1795318200);
    assert_int_equal(q.last.len, 0);

    assert_int_equal(parse(&q, "from=1795314600"), RUM_OK);
    assert_int_equal(q.to, 0);

    assert_int_equal(parse(&q, "compare=7d"), RUM_OK);
    assert_true(q.compare && !q.previous);
    assert_int_equal(q.shift, 604800);

    assert_int_equal(parse(&q, "compare=previous"), RUM_OK);
    assert_true(q.compare && q.previous);
}


static void
query_takes_lists_and_csv(void **state)
{
    rum_query_t  q;

    (void) state;

    assert_int_equal(parse(&q, "list=metrics"), RUM_OK);
    assert_int_equal(q.list, RUM_LIST_METRICS);
    assert_false(q.overview);

    assert_int_equal(parse(&q, "list=sites&limit=3&format=json"), RUM_OK);
    assert_int_equal(q.list, RUM_LIST_SITES);

    assert_int_equal(parse(&q, "list=dimensions&site=a"), RUM_OK);
    assert_int_equal(q.list, RUM_LIST_DIMENSIONS);

    assert_int_equal(parse(&q, "format=csv"), RUM_OK);
    assert_int_equal(q.format, RUM_QUERY_CSV);
    assert_false(q.overview);
}


static void
query_names_the_wrong_parameter(void **state)
{
    size_t       i;
    rum_query_t  q;

    static const struct {
        const char  *args;
        const char  *parameter;
    } bad[] = {
        { "foo=1", "foo" },
        { "=1", "" },
        { "site", "site" },
        { "site=", "site" },
        { "site=a&site=b", "site" },
        { "metric=", "metric" },
        { "metric=lcp,", "metric" },
        { "metric=LCP", "metric" },
        { "by=", "by" },
        { "by=a,", "by" },
        { "by=,a", "by" },
        { "by=a,b,c", "by" },
        { "by=123456789012345678901234567890123", "by" },
        { "last=5", "last" },
        { "last=m", "last" },
        { "last=0m", "last" },
        { "last=-5m", "last" },
        { "last=5s", "last" },
        { "last=1001d", "last" },
        { "last=999999999d", "last" },
        { "last=99999999999999999999m", "last" },
        { "q=", "q" },
        { "q=100.1", "q" },
        { "q=50.", "q" },
        { "q=.5", "q" },
        { "q=1.2345", "q" },
        { "q=1e1", "q" },
        { "q=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "q" },
        { "buckets=2", "buckets" },
        { "buckets=", "buckets" },
        { "limit=0", "limit" },
        { "limit=10001", "limit" },
        { "limit=1x", "limit" },
        { "sort=", "sort" },
        { "sort=-", "sort" },
        { "sort=p", "sort" },
        { "sort=p101", "sort" },
        { "sort=--count", "sort" },
        { "format=xml", "format" },
        { "site=%", "site" },
        { "site=%4", "site" },
        { "site=%4g", "site" },
        { "si%=a", "si" },
        { "limit=5&last=x", "last" },
        { "where=", "where" },
        { "where=device", "where" },
        { "where=:mobile", "where" },
        { "where=device:", "where" },
        { "where=a,b:c", "where" },
        { "where=all:*", "where" },
        { "where=a:1&where=a:2", "where" },
        { "where=a:1&where=b:2&where=c:3", "where" },
        { "by=a&where=b:1&where=c:2", "where" },
        { "by=a,b&where=c:1", "where" },
        { "from=", "from" },
        { "from=5m", "from" },
        { "from=0795318200", "from" },
        { "from=17953182001", "from" },
        { "from=1000000000&to=1795318200", "from" },
        { "to=1795318200", "to" },
        { "from=1795318200&to=1795318200", "to" },
        { "from=1795318200&last=5m", "last" },
        { "step=", "step" },
        { "step=59", "step" },
        { "step=0m", "step" },
        { "step=1001d", "step" },
        { "compare=", "compare" },
        { "compare=60", "compare" },
        { "compare=before", "compare" },
        { "list=", "list" },
        { "list=metric", "list" },
        { "list=sites&last=5m", "last" },
        { "list=sites&format=csv", "list" },
        { "format=csv&buckets=1", "buckets" },
        { "format=prometheus&where=a:b", "where" },
        { "format=prometheus&step=60", "step" },
        { "format=prometheus&compare=1d", "compare" },
        { "format=prometheus&from=1795318200", "from" }
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(&q, bad[i].args) != RUM_DECLINED) {
            fail_msg("\"%s\" was taken", bad[i].args);
        }

        assert_text(&q.parameter, bad[i].parameter);
        assert_non_null(q.error);
    }
}


static void
query_bounds_its_input(void **state)
{
    rum_str_t    args;
    rum_query_t  q;

    (void) state;

    args.len = RUM_QUERY_ARGS_MAX + 1;
    args.data = malloc(args.len);
    memset(args.data, '&', args.len);

    assert_int_equal(rum_query_parse(&q, &args), RUM_DECLINED);

    args.len--;
    assert_int_equal(rum_query_parse(&q, &args), RUM_OK);

    /* text is used to the last byte */

    memset(args.data, 'a', args.len);
    assert_int_equal(rum_query_parse(&q, &args), RUM_DECLINED);
    assert_int_equal(q.parameter.len, args.len);

    free(args.data);
}


static void
query_equality_is_by_meaning(void **state)
{
    size_t       i;
    rum_query_t  a, b;

    static const char *const  others[] = {
        "where=a:2&where=b:2&step=5m&compare=1d",
        "where=a:2&step=5m&compare=1d", "where=a:2&where=b:1&compare=1d",
        "where=a:2&where=b:1&step=5m", "list=sites", "format=csv",
        "where=a:2&where=b:1&step=5m&compare=2d",
        "where=a:2&where=b:1&step=5m&compare=previous",
        "where=a:2&where=b:1&step=5m&compare=1d&from=1795318200"
    };

    (void) state;

    parse(&a, "metric=lcp,cls&site=shop");
    parse(&b, "site=sh%6fp&metric=cls,lcp,lcp&limit=100&last=5m");
    assert_true(rum_query_eq(&a, &b));

    parse(&b, "site=shop&metric=cls");
    assert_false(rum_query_eq(&a, &b));

    parse(&b, "site=shop&metric=cls,lcp&q=50");
    assert_false(rum_query_eq(&a, &b));

    parse(&b, "site=shop&metric=cls,lcp&sort=p50");
    assert_false(rum_query_eq(&a, &b));

    parse(&a, "sort=p50");
    parse(&b, "sort=p51");
    assert_false(rum_query_eq(&a, &b));

    parse(&a, "where=b:1&where=a:2&step=5m&compare=1d");
    parse(&b, "where=a:2&where=b:1&step=300&compare=24h");
    assert_true(rum_query_eq(&a, &b));

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        parse(&b, others[i]);
        assert_false(rum_query_eq(&a, &b));
    }
}


static void
query_overview_is_without_narrowing(void **state)
{
    rum_query_t  q;

    (void) state;

    parse(&q, "last=1h&limit=3&format=prometheus");
    assert_true(q.overview);

    parse(&q, "by=all");
    assert_true(q.overview);

    parse(&q, "by=page");
    assert_false(q.overview);

    parse(&q, "site=a");
    assert_false(q.overview);

    parse(&q, "metric=lcp");
    assert_false(q.overview);
}


static int
parse(rum_query_t *q, const char *args)
{
    rum_str_t  str;

    str.data = (unsigned char *) args;
    str.len = strlen(args);

    return rum_query_parse(q, &str);
}


static void
assert_text(const rum_str_t *str, const char *text)
{
    assert_int_equal(str->len, strlen(text));
    assert_memory_equal(str->data, text, str->len);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(query_defaults),
        cmocka_unit_test(query_takes_every_parameter),
        cmocka_unit_test(query_decodes_names_and_values),
        cmocka_unit_test(query_sorts_metrics_and_drops_repeats),
        cmocka_unit_test(query_takes_counters_and_sessions_as_metrics),
        cmocka_unit_test(query_takes_quantiles_with_decimals),
        cmocka_unit_test(query_takes_every_order),
        cmocka_unit_test(query_takes_pairs),
        cmocka_unit_test(query_takes_conditions),
        cmocka_unit_test(query_takes_spans_steps_and_comparisons),
        cmocka_unit_test(query_takes_lists_and_csv),
        cmocka_unit_test(query_names_the_wrong_parameter),
        cmocka_unit_test(query_bounds_its_input),
        cmocka_unit_test(query_equality_is_by_meaning),
        cmocka_unit_test(query_overview_is_without_narrowing)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
