/*
 * The beacon parser: what each format's keys become.
 */

#include "beacon_parse.h"


static void
a_viewport_in_numbers_is_its_class(void **state)
{
    size_t  i;
    char    json[128];

    static const struct {
        int          width;
        const char  *class;
    }  widths[] = {
        { 0, "xs" }, { 479, "xs" }, { 480, "sm" }, { 767, "sm" },
        { 768, "md" }, { 1023, "md" }, { 1024, "lg" }, { 1439, "lg" },
        { 1440, "xl" }, { 5120, "xl" }
    };

    (void) state;

    for (i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        snprintf(json, sizeof(json), NATIVE "\"viewport\":[%d,900]}",
                 widths[i].width);
        ok(json);
        assert_int_equal(event.ndims, 1);
        dim("viewport", widths[i].class);
    }

    ok(NATIVE "\"viewport\":[]}");
    assert_int_equal(event.ndims, 0);

    ok(NATIVE "\"viewport\":[-1,-1]}");
    assert_int_equal(event.ndims, 0);
    assert_int_equal(event.cut[RUM_CUT_RANGE], 2);
}


static void
a_native_beacon_fills_the_event(void **state)
{
    (void) state;

    ok("{\"v\":1,\"view\":\"k3v9x2\",\"session\":\"q81mzp\",\"n\":2,"
       "\"seq\":3,\"page\":\"https://shop.example/p/18231?utm=x\","
       "\"from\":\"/list/7\",\"nav\":\"navigate\","
       "\"metrics\":{\"ttfb\":212.4,\"cls\":0.031,\"boot\":12},"
       "\"network\":\"4g\",\"memory\":0.5,\"cores\":12,\"viewport\":\"md\","
       "\"save_data\":\"yes\",\"ink\":[1,2],\"traceparent\":"
       "\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"}");

    assert_int_equal(rum_beacon_format(parser), RUM_FORMAT_NATIVE);
    str(event.view, "k3v9x2");
    str(event.session, "q81mzp");
    assert_int_equal(event.n, 2);
    assert_int_equal(event.seq, 3);
    str(event.url, "https://shop.example/p/18231?utm=x");
    str(event.path, "/p/18231");
    str(event.page, "/p/:id");
    str(event.from, "/list/:id");
    str(event.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
    dim("nav", "navigate");
    dim("network", "4g");
    dim("memory", "0.5");
    dim("cores", "12");
    dim("viewport", "md");
    dim("save_data", "yes");

    assert_int_equal(event.nmetrics, 3);
    str(event.metrics[0].name, "ttfb");
    assert_ptr_equal(event.metrics[0].metric,
                     rum_metric_find(&event.metrics[0].name));
    assert_true(event.metrics[0].value == 212.4);
    assert_true(event.metrics[1].value == 0.031);
    str(event.metrics[2].name, "boot");
    assert_null(event.metrics[2].metric);
}


static void
lists_of_a_native_beacon_fill_the_event(void **state)
{
    (void) state;

    ok(NATIVE
       "\"attribution\":{\"lcp\":{\"target\":\"img.hero\","
       "\"url\":\"https://cdn.example/h.avif?size=2\"},\"zzz\":1,"
       "\"inp\":{\"type\":\"keyboard\"}},"
       "\"errors\":[{\"type\":\"TypeError\",\"message\":\"x\","
       "\"source\":\"/app.js?v=3#top\",\"line\":3,\"col\":14,"
       "\"stack\":\"s\",\"count\":4},{\"message\":\"y\",\"stack\":null}],"
       "\"actions\":[{\"type\":\"click\",\"target\":\"b\",\"t\":5210.5}],"
       "\"resources\":[{\"host\":\"cdn\",\"type\":\"img\",\"count\":14,"
       "\"duration\":[120,88],\"bytes\":182003,"
       "\"url\":\"https://cdn.example/h.avif?size=2#x\"},{\"duration\":7}],"
       "\"events\":[{\"name\":\"checkout\",\"value\":59.9},"
       "{\"name\":\"seen\"}]}");

    assert_int_equal(event.nattributions, 2);
    str(event.attributions[0].metric, "lcp");
    str(event.attributions[0].target, "img.hero");
    str(event.attributions[0].url, "https://cdn.example/h.avif");
    assert_int_equal(event.attributions[0].type.len, 0);
    str(event.attributions[1].metric, "inp");
    str(event.attributions[1].type, "keyboard");

    assert_int_equal(event.nerrors, 2);
    str(event.errors[0].type, "TypeError");
    str(event.errors[0].message, "x");
    str(event.errors[0].source, "/app.js");
    str(event.errors[0].stack, "s");
    assert_int_equal(event.errors[0].line, 3);
    assert_int_equal(event.errors[0].col, 14);
    assert_int_equal(event.errors[0].count, 4);
    assert_int_equal(event.errors[1].count, 1);
    assert_int_equal(event.errors[1].stack.len, 0);

    assert_int_equal(event.nactions, 1);
    str(event.actions[0].type, "click");
    str(event.actions[0].target, "b");
    assert_true(event.actions[0].t == 5210.5);

    assert_int_equal(event.nresources, 2);
    str(event.resources[0].host, "cdn");
    str(event.resources[0].type, "img");
    assert_int_equal(event.resources[0].count, 14);
    assert_int_equal(event.resources[0].ndurations, 2);
    assert_true(event.resources[0].durations[1] == 88);
    assert_true(event.resources[0].bytes == 182003);
    str(event.resources[0].url, "https://cdn.example/h.avif");
    assert_int_equal(event.resources[1].url.len, 0);
    assert_int_equal(event.resources[1].count, 1);
    assert_int_equal(event.resources[1].ndurations, 1);

    assert_int_equal(event.nevents, 2);
    str(event.events[0].name, "checkout");
    assert_int_equal(event.events[0].has_value, 1);
    assert_true(event.events[0].value == 59.9);
    assert_int_equal(event.events[1].has_value, 0);
}


static void
nothing_is_left_of_the_beacon_before(void **state)
{
    (void) state;

    ok(NATIVE "\"view\":\"x\",\"metrics\":{\"lcp\":1},\"network\":\"4g\","
       "\"errors\":[{\"type\":\"a\",\"count\":3,\"line\":9}],"
       "\"events\":[{\"name\":\"a\",\"value\":1}]}");
    ok(NATIVE "\"errors\":[{\"type\":\"b\"}],\"events\":[{\"name\":\"b\"}]}");

    assert_int_equal(event.view.len, 0);
    assert_int_equal(event.nmetrics, 0);
    assert_int_equal(event.ndims, 0);
    assert_int_equal(event.nerrors, 1);
    assert_int_equal(event.errors[0].count, 1);
    assert_int_equal(event.errors[0].line, 0);
    assert_int_equal(event.events[0].has_value, 0);
}


static void
any_order_and_unknown_keys_are_fine(void **state)
{
    (void) state;

    ok(" {\"x\":{\"v\":9,\"page\":[{\"a\":[1,true,null,\"s\"]}]},"
       "\"metrics\":{\"lcp\":2},\"seq\":1,\"page\":\"/b\",\"n\":4,"
       "\"view\":\"w\",\"y\":false,\"v\":1} \r\n");

    str(event.page, "/b");
    str(event.view, "w");
    assert_int_equal(event.n, 4);
    assert_int_equal(event.nmetrics, 1);
}


static void
null_is_as_good_as_absent(void **state)
{
    (void) state;

    ok(NATIVE "\"view\":null,\"metrics\":null,\"errors\":null,\"n\":null,"
       "\"tags\":{\"a\":null},\"network\":null}");

    assert_int_equal(event.view.len, 0);
    assert_int_equal(event.ndims, 0);
    fails("{\"v\":null,\"page\":\"/\"}", FORMAT, NULL);
    fails("{\"v\":1,\"page\":null}", NO_PAGE, "page: is missing");
}


static void
the_last_of_duplicate_keys_wins(void **state)
{
    (void) state;

    ok("{\"v\":2,\"v\":1,\"page\":\"/a\",\"page\":\"/b\",\"network\":\"3g\","
       "\"network\":\"4g\",\"metrics\":{\"lcp\":1,\"x\":5,\"lcp\":2,\"x\":6},"
       "\"metrics\":{\"lcp\":3}}");

    str(event.page, "/b");
    dim("network", "4g");
    assert_int_equal(event.nmetrics, 2);
    assert_true(event.metrics[0].value == 3);
    assert_true(event.metrics[1].value == 6);
}


static void
formats_are_told_apart(void **state)
{
    (void) state;

    fails("{}", FORMAT, "this is not a known kind of beacon");
    fails("[]", FORMAT, NULL);
    fails("1", FORMAT, "an object or an array of objects is expected");
    fails("null", FORMAT, NULL);
    fails("[1]", FORMAT, NULL);
    fails("\"x\"", FORMAT, NULL);
    fails("[{}]", FORMAT, NULL);
    fails("{\"page\":\"/\",\"metricName\":\"fcp\",\"data\":1}", FORMAT, NULL);
    fails("[{\"type\":\"deprecation\",\"age\":1,\"body\":{}}]", FORMAT, NULL);
    fails("{\"v\":2,\"page\":\"/\"}", VERSION, "v: the number 1 is expected");
    fails("{\"v\":\"1\",\"page\":\"/\"}", VERSION, NULL);
    fails("{\"page\":\"/\",\"metrics\":{}}", VERSION, NULL);
    fails("{\"v\":1}", NO_PAGE, "page: is missing");
    fails("{\"v\":1,\"page\":\"\"}", NO_PAGE, NULL);
}


static void
tags_become_dimensions(void **state)
{
    int   i;
    char  json[1024], *p;

    (void) state;

    ok(NATIVE "\"tags\":{\"ab\":\"B\",\"plan\":3,\"x_9\":2.5,\"Up\":\"a\","
       "\"a-b\":\"a\",\"\":\"a\"}}");
    dim("ab", "B");
    dim("plan", "3");
    dim("x_9", "2.5");
    assert_int_equal(event.ndims, 3);
    assert_int_equal(event.cut[RUM_CUT_TAGS], 3);

    /* numbers keep their digits: a build is not another one */

    ok(NATIVE "\"tags\":{\"build\":20241122,\"max\":1000000000,\"low\":"
       "-1234567.25,\"tenth\":0.1,\"zero\":-0.0}}");
    dim("build", "20241122");
    dim("max", "1000000000");
    dim("low", "-1234567.25");
    dim("tenth", "0.1");
    dim("zero", "0");

    /* what others decide is not for a client to say */

    ok(NATIVE "\"nav\":\"reload\",\"tags\":{\"country\":\"XX\",\"human\":"
       "\"no\",\"page\":\"/x\",\"nav\":\"x\",\"network\":\"x\",\"os\":\"x\","
       "\"site\":\"x\",\"all\":\"x\",\"device\":\"x\",\"browser\":\"x\","
       "\"browser_version\":\"x\",\"region\":\"x\",\"city\":\"x\","
       "\"asn\":\"x\",\"memory\":\"x\",\"cores\":\"x\","
       "\"viewport\":\"x\",\"save_data\":\"x\"}}");
    assert_int_equal(event.ndims, 1);
    assert_int_equal(event.cut[RUM_CUT_TAGS], 18);
    dim("nav", "reload");
    str(event.page, "/a");

    /* nor are details */

    ok(NATIVE "\"tags\":{\"host\":\"x\",\"from\":\"x\",\"error\":\"x\","
       "\"lcp_url\":\"x\",\"type\":\"x\",\"hos\":\"x\",\"hosts\":\"x\"}}");
    assert_int_equal(event.ndims, 3);
    assert_int_equal(event.cut[RUM_CUT_TAGS], 4);

    p = stpcpy(json, NATIVE "\"tags\":{\"t0\":\"a\"");

    for (i = 0; i <= RUM_MAX_TAGS; i++) {
        p += sprintf(p, ",\"t%d\":\"a\"", i);
    }

    strcpy(p, "}}");

    ok(json);
    assert_int_equal(event.ndims, RUM_MAX_TAGS);
    assert_int_equal(event.cut[RUM_CUT_TAGS], 1);
}


static void
the_page_before_is_a_group_or_a_host(void **state)
{
    size_t  i;
    char    json[512];

    static const struct {
        const char  *from, *becomes;
    } cases[] = {
        { "/p/1?x=1", "/p/:id" },
        { "", "" },
        { "https://www.Google.com/search?q=secret", "www.google.com" },
        { "https://SHOP.example:8443/p/7#top", "/p/:id" },
        { "https://shop.example", "/" },
        { "android-app://com.google.android.gm/", "com.google.android.gm" },
        { "about:client", "" },
        { "some words", "" },
        { "//cdn.example/x", "cdn.example" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(json, sizeof(json), "{\"from\":\"%s\",\"v\":1,"
                 "\"page\":\"https://shop.example/a\"}", cases[i].from);
        ok(json);
        str(event.from, cases[i].becomes);
    }

    /* a page that does not tell its host */

    ok(NATIVE "\"from\":\"https://shop.example/p/7\"}");
    str(event.from, "shop.example");
}


static void
a_trace_must_be_a_valid_traceparent(void **state)
{
    size_t  i;
    char    json[256];

    static const char *const  bad[] = {
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(json, sizeof(json), NATIVE "\"traceparent\":\"%s\"}",
                 bad[i]);
        ok(json);
        assert_int_equal(event.trace.len, 0);
    }

    ok(NATIVE "\"traceparent\":"
       "\"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what\"}");
    str(event.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
}


static void
queries_do_not_stay_in_errors(void **state)
{
    (void) state;

    ok(NATIVE "\"errors\":[{\"type\":\"a\",\"message\":"
       "\"GET https://a.test/x?token=1 failed, is it up?\","
       "\"stack\":\"at f (https://a.test/x.js?token=1:10:5)\\n"
       "g@https://a.test/y.js#k=2:3:4\\nwhy? no\"}]}");
    str(event.errors[0].message, "GET https://a.test/x failed, is it up?");
    str(event.errors[0].stack, "at f (https://a.test/x.js:10:5)\n"
        "g@https://a.test/y.js:3:4\nwhy? no");

    /* what looks like an end in the query is none */

    ok(NATIVE "\"errors\":[{\"type\":\"a\",\"message\":"
       "\"https://a.test/x?at=12:30&f[a]=1&g=(2)&token=1 (https://b.test/"
       "?u=http://c.test:80/d&k={1}) /x?y=1 and/or? '/z?k=2'\","
       "\"stack\":\"at f (https://a.test/x.js?at=1:2:3&t[]=4:10:5)\\n"
       "g@https://a.test/y.js?a=1:2&k=2:3\\n[/z?q=1:4] //b/c?d\"}]}");
    str(event.errors[0].message,
        "https://a.test/x (https://b.test/) /x and/or? '/z'");
    str(event.errors[0].stack, "at f (https://a.test/x.js:10:5)\n"
        "g@https://a.test/y.js:3\n[/z:4] //b/c");
}


static void
a_web_vitals_object_is_a_beacon(void **state)
{
    (void) state;

    ok("{\"name\":\"LCP\",\"value\":2124,\"delta\":2124,\"rating\":\"good\","
       "\"id\":\"v6-1\",\"navigationType\":\"back-forward-cache\","
       "\"navigationId\":2242,\"navigationURL\":\"https://shop.test/p/1\","
       "\"entries\":[{\"name\":\"x\",\"value\":\"y\",\"id\":7}],"
       "\"attribution\":{\"target\":\"#hero\",\"timeToFirstByte\":1.5}}");

    assert_int_equal(rum_beacon_format(parser), RUM_FORMAT_WEB_VITALS);
    str(event.page, "/p/:id");
    dim("nav", "back_forward_cache");
    assert_int_equal(event.seq, 1);
    assert_int_equal(event.view.len, 0);
    assert_int_equal(event.nmetrics, 1);
    str(event.metrics[0].name, "lcp");
    assert_non_null(event.metrics[0].metric);
    assert_true(event.metrics[0].value == 2124);
    str(event.metrics[0].id, "v6-1");
    assert_int_equal(event.cut[RUM_CUT_METRICS], 0);
}


static void
ttfb_begins_the_view(void **state)
{
    (void) state;

    ok("{\"id\":\"v6-7\",\"value\":244.9,\"name\":\"TTFB\"}");
    assert_int_equal(event.seq, 0);
    str(event.view, "v6-7");
    assert_int_equal(event.page.len, 0);

    /* out of range, it still says that the view has begun */

    ok("{\"id\":\"v6-7\",\"value\":-1,\"name\":\"TTFB\"}");
    assert_int_equal(event.seq, 0);
    assert_int_equal(event.nmetrics, 0);
}


static void
web_vitals_come_in_arrays_too(void **state)
{
    (void) state;

    ok("[{\"name\":\"FCP\",\"value\":1,\"id\":\"a\",\"navigationURL\":"
       "\"https://s.test/one\"},{\"name\":\"CLS\",\"value\":0.1,\"id\":\"b\","
       "\"navigationURL\":\"https://s.test/two\"}]");
    assert_int_equal(event.nmetrics, 2);
    str(event.metrics[1].id, "b");
    str(event.page, "/one");
    assert_int_equal(event.seq, 1);

    ok("{\"v\":1,\"url\":\"https://s.test/two?from=x\",\"path\":\"/two\","
       "\"ref\":\"https://s.test/one\",\"ect\":\"4g\",\"sid\":\"s1\","
       "\"reason\":\"hidden\",\"metrics\":["
       "{\"name\":\"CLS\",\"value\":0.1,\"id\":\"a\"},"
       "{\"name\":\"CLS\",\"value\":0.2,\"id\":\"a\"},"
       "{\"name\":\"TTFB\",\"value\":9,\"id\":\"b\"},"
       "{\"name\":\"boot_ms\",\"value\":12},"
       "{\"name\":\"error\",\"message\":\"m\"},"
       "{\"name\":\"FID\",\"value\":1}, {\"name\":\"INP\"}, {}]}");
    assert_int_equal(rum_beacon_format(parser), RUM_FORMAT_WEB_VITALS);
    str(event.page, "/two");
    str(event.from, "/one");
    str(event.session, "s1");
    dim("network", "4g");
    assert_int_equal(event.seq, 0);
    str(event.view, "b");
    assert_int_equal(event.nmetrics, 3);
    assert_true(event.metrics[0].value == 0.2);
    str(event.metrics[2].name, "boot_ms");
    assert_int_equal(event.nerrors, 1);
    assert_int_equal(event.cut[RUM_CUT_METRICS], 2);

    ok("{\"metrics\":[{\"name\":\"LCP\",\"value\":1}],\"path\":\"/p/9\"}");
    str(event.page, "/p/:id");
}


static void
senders_of_web_vitals_report_errors_and_events(void **state)
{
    (void) state;

    ok("{\"url\":\"https://s.test/\",\"ref\":\"\",\"name\":\"error\","
       "\"message\":\"Uncaught TypeError: no a at https://s.test/?q=1\","
       "\"source\":\"https://s.test/app.js?v=1\",\"line\":10,\"col\":50,"
       "\"stack\":\"TypeError: no a\\n at f (https://s.test/a.js?x:1:2)\"}");
    assert_int_equal(event.nerrors, 1);
    str(event.errors[0].type, "TypeError");
    str(event.errors[0].message,
        "Uncaught TypeError: no a at https://s.test/");
    str(event.errors[0].source, "https://s.test/app.js");
    str(event.errors[0].stack,
        "TypeError: no a\n at f (https://s.test/a.js:1:2)");
    assert_int_equal(event.errors[0].line, 10);
    assert_int_equal(event.errors[0].col, 50);
    assert_int_equal(event.errors[0].count, 1);

    ok("{\"name\":\"rejection\",\"message\":\"no b\",\"stack\":null}");
    str(event.errors[0].type, "rejection");

    ok("{\"name\":\"rejection\",\"message\":\"no b\","
       "\"stack\":\"SyntaxError: no b\"}");
    str(event.errors[0].type, "SyntaxError");

    ok("{\"name\":\"event\",\"event\":\"add_to_cart\","
       "\"attrs\":{\"sku\":\"x1\",\"price\":349.5}}");
    assert_int_equal(event.nevents, 1);
    str(event.events[0].name, "add_to_cart");
    assert_int_equal(event.events[0].has_value, 0);

    ok("{\"name\":\"error\"}");
    assert_int_equal(event.nerrors, 0);
    assert_int_equal(event.cut[RUM_CUT_ERRORS], 1);

    fails("{\"name\":\"LCP\",\"value\":\"12\"}", TYPE,
          "value: a number is expected");
}


static void
pieces_make_no_difference(void **state)
{
    size_t       i, k, len, whole;

    static const char  json[] =
        " {\"v\":1,\"page\":\"/\xc3\xa9/12\",\"view\":\"a\\u00e9\\ud83d"
        "\\ude00b\",\"metrics\":{\"lcp\":123.25,\"cls\":0.5e-1},"
        "\"x\":[true,null,-1],\"errors\":[{\"message\":\"\xe2\x82\xac\"}]} ";

    (void) state;

    len = sizeof(json) - 1;

    for (i = 0; i <= len; i++) {
        for (k = i; k <= len; k += 7) {
            assert_int_equal(rum_beacon_begin(parser, &event), RUM_OK);

            whole = 0;
            whole |= rum_beacon_feed(parser, (unsigned char *) json, i);
            whole |= rum_beacon_feed(parser, (unsigned char *) json + i,
                                     k - i);
            whole |= rum_beacon_feed(parser, (unsigned char *) json + k,
                                     len - k);
            assert_int_equal(whole, RUM_OK);
            assert_int_equal(rum_beacon_end(parser), RUM_OK);

            str(event.page, "/\xc3\xa9/:id");
            str(event.view, "a\xc3\xa9\xf0\x9f\x98\x80" "b");
            assert_true(event.metrics[0].value == 123.25);
            assert_true(event.metrics[1].value == 0.05);
            str(event.errors[0].message, "\xe2\x82\xac");
        }
    }
}


static void
others_may_borrow_from_the_arena(void **state)
{
    unsigned char  *a, *b;

    (void) state;

    ok(NATIVE "\"view\":\"abc\"}");

    a = rum_beacon_alloc(parser, 100);
    b = rum_beacon_alloc(parser, 100);
    assert_non_null(a);
    assert_non_null(b);
    memset(a, 'x', 100);
    memset(b, 'y', 100);
    assert_int_equal(a[99], 'x');
    str(event.view, "abc");

    assert_null(rum_beacon_alloc(parser, 1 << 20));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_native_beacon_fills_the_event),
        cmocka_unit_test(a_viewport_in_numbers_is_its_class),
        cmocka_unit_test(lists_of_a_native_beacon_fill_the_event),
        cmocka_unit_test(nothing_is_left_of_the_beacon_before),
        cmocka_unit_test(any_order_and_unknown_keys_are_fine),
        cmocka_unit_test(null_is_as_good_as_absent),
        cmocka_unit_test(the_last_of_duplicate_keys_wins),
        cmocka_unit_test(formats_are_told_apart),
        cmocka_unit_test(tags_become_dimensions),
        cmocka_unit_test(the_page_before_is_a_group_or_a_host),
        cmocka_unit_test(a_trace_must_be_a_valid_traceparent),
        cmocka_unit_test(queries_do_not_stay_in_errors),
        cmocka_unit_test(a_web_vitals_object_is_a_beacon),
        cmocka_unit_test(ttfb_begins_the_view),
        cmocka_unit_test(web_vitals_come_in_arrays_too),
        cmocka_unit_test(senders_of_web_vitals_report_errors_and_events),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(others_may_borrow_from_the_arena)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
