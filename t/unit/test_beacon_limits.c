/*
 * The beacon parser's limits: what is refused, and what is cut and counted.
 */

#include "beacon_parse.h"


static void
wrong_types_are_named(void **state)
{
    (void) state;

    fails(NATIVE "\"metrics\":{\"lcp\":\"secret\"}}", TYPE,
          "metrics.lcp: a number is expected");
    fails(NATIVE "\"metrics\":{\"secret\":\"x\"}}", TYPE,
          "metrics.*: a number is expected");
    fails(NATIVE "\"metrics\":3}", TYPE,
          "metrics: an object or an array is expected");
    fails(NATIVE "\"tags\":{\"secret\":[]}}", TYPE,
          "tags.*: a string or a number is expected");
    fails(NATIVE "\"view\":1}", TYPE, "view: a string is expected");
    fails(NATIVE "\"n\":true}", TYPE, "n: a number is expected");
    fails(NATIVE "\"errors\":{}}", TYPE, "errors: an array is expected");
    fails(NATIVE "\"errors\":[1]}", TYPE, "errors: an object is expected");
    fails(NATIVE "\"errors\":[{\"line\":\"3\"}]}", TYPE,
          "errors.line: a number is expected");
    fails(NATIVE "\"attribution\":{\"lcp\":{\"url\":1}}}", TYPE,
          "attribution.lcp.url: a string is expected");
    fails(NATIVE "\"resources\":[{\"duration\":[\"1\"]}]}", TYPE,
          "resources.duration: a number is expected");
    fails(NATIVE "\"resources\":[{\"url\":[]}]}", TYPE,
          "resources.url: a string is expected");
    fails(NATIVE "\"attribution\":{\"inp\":{\"type\":1}}}", TYPE,
          "attribution.inp.type: a string is expected");
}


static void
what_is_no_json_is_a_syntax_error(void **state)
{
    (void) state;

    fails("{", SYNTAX, "parse error: premature EOF");
    fails(NATIVE "\"view\":\"", SYNTAX, NULL);
    fails("tru", SYNTAX, NULL);
    fails("{\"v\":1,}", SYNTAX, NULL);
    fails("{'v':1}", SYNTAX, NULL);
    fails("v=1&page=/", SYNTAX, NULL);
    fails("{\"v\":01}", SYNTAX, NULL);
    fails("{\"v\":NaN}", SYNTAX, NULL);
    fails("{\"v\":\"\n\"}", SYNTAX, NULL);
    fails("\xef\xbb\xbf{}", SYNTAX, NULL);
}


static void
nothing_may_follow_the_value(void **state)
{
    (void) state;

    fails("{\"v\":1,\"page\":\"/\"} x", SYNTAX,
          "parse error: trailing garbage");
    fails("{\"v\":1,\"page\":\"/\"}{}", SYNTAX, NULL);
    fails("{\"v\":1,\"page\":\"/\"}]", SYNTAX, NULL);

    /* unfinished tokens, which yajl would let pass */
    fails("{\"v\":1,\"page\":\"/\"} tru", SYNTAX, NULL);
    fails("{\"v\":1,\"page\":\"/\"} \"abc", SYNTAX, NULL);
    fails("{\"v\":1,\"page\":\"/\"} 1", SYNTAX, NULL);
}


static void
an_empty_body_is_its_own_error(void **state)
{
    (void) state;

    fails("", EMPTY, "the body is empty");
    fails(" \r\n\t ", EMPTY, NULL);
}


static void
strings_must_be_utf8(void **state)
{
    (void) state;

    fails(NATIVE "\"view\":\"\xff\"}", UTF8, NULL);
    fails(NATIVE "\"unknown\":\"a\xc3(\"}", UTF8, NULL);
    fails("{\"\x80\":1}", UTF8, NULL);
    ok(NATIVE "\"view\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}");
    str(event.view, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}


static void
escapes_that_are_no_characters_do_no_harm(void **state)
{
    (void) state;

    ok(NATIVE "\"view\":\"a\\u0000b\",\"session\":\"x\\udc00y\","
       "\"network\":\"\\u0000\",\"tags\":{\"t\":\"\\ud83d\\ude00\"}}");

    str(event.view, "ab");
    str(event.session, "x?y");
    dim("network", NULL);
    dim("t", "\xf0\x9f\x98\x80");

    /* overlong, and past U+10FFFF: yajl lets both pass */

    ok(NATIVE "\"view\":\"a\xc0\x80z\",\"session\":\"\xf7\xbf\xbf\xbf\"}");
    str(event.view, "a?z");
    str(event.session, "?");

    /* control characters are kept */

    ok(NATIVE "\"view\":\"\\u0001\\n\"}");
    str(event.view, "\001\n");
}


static void
depth_is_limited_where_skipped_too(void **state)
{
    (void) state;

    ok(NATIVE "\"x\":[[[[[[[]]]]]]]}");
    fails(NATIVE "\"x\":[[[[[[[[]]]]]]]]}", TOO_DEEP, "nested too deep");
    fails(NATIVE "\"x\":{\"a\":[{\"a\":[{\"a\":[{\"a\":{}}]}]}]}}", TOO_DEEP,
          NULL);
    fails("[[", FORMAT, NULL);
}


static void
keys_are_limited_where_skipped_too(void **state)
{
    char  *json;

    (void) state;

    json = repeat(NATIVE "\"x\":{", "\"\":1,", RUM_BEACON_KEYS - 4,
                  "\"\":1}}");
    ok(json);
    free(json);

    json = repeat(NATIVE "\"x\":{", "\"\":1,", RUM_BEACON_KEYS - 3,
                  "\"\":1}}");
    fails(json, TOO_MANY_KEYS, "too many keys");
    free(json);
}


static void
memory_is_limited(void **state)
{
    char  *json;

    (void) state;

    /* decoded by yajl, so that a copy of it is made */

    json = repeat(NATIVE "\"x\":\"\\n", "0123456789abcdef", 4000, "\"}");
    ok(json);
    free(json);

    json = repeat(NATIVE "\"x\":\"\\n", "0123456789abcdef", 20000, "\"}");
    fails(json, NO_MEMORY, "the beacon needs too much memory");
    free(json);

    /* strings that are kept */

    json = repeat(NATIVE "\"tags\":{\"x\":\"\"", ",\"a\":\"0123456789abcdef"
                  "0123456789abcdef0123456789abcdef0123456789abcdef"
                  "0123456789abcdef0123456789abcdef0123456789abcdef"
                  "0123456789abcdef0123456789abcdef\"", 2040, "}}");
    fails(json, NO_MEMORY, NULL);
    free(json);

    /* none of which hurts the next one */

    ok(NATIVE "\"view\":\"x\"}");
    str(event.view, "x");
}


static void
a_full_beacon_fits_in_memory(void **state)
{
    char  *stack, *error, *json;

    (void) state;

    stack = repeat("{\"stack\":\"\\n", "0123456789abcdef", 128, "\",");
    error = repeat(stack, "\"message\":\"m\",\"source\":\"/s\"", 1, "},");
    json = repeat(NATIVE "\"errors\":[", error, 31, "{\"type\":\"t\"}]}");

    ok(json);
    assert_int_equal(event.nerrors, 32);
    assert_int_equal(event.errors[30].stack.len, RUM_LEN_STACK);

    free(stack);
    free(error);
    free(json);
}


static void
numbers_are_exact(void **state)
{
    size_t  i;
    char    json[256];

    static const char *const  numbers[] = {
        "0", "1", "212.4", "0.1", "0.30000000000000004", "2310.2", "1e3",
        "1.5E+2", "25e-1", "9007199254740992", "9007199254740993",
        "244.8999999994412", "0.11669308743971812", "1e-7", "4.35", "0.031",
        "123456789.123456789", "1e-400", "0.000000000000000000000000000001",
        "126.74332622251747", "850.46610352879495", "997.06511228898695"
    };

    (void) state;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(json, sizeof(json), NATIVE "\"events\":[{\"name\":\"a\","
                 "\"value\":%s}],\"metrics\":{\"x\":%s}}", numbers[i],
                 numbers[i]);
        ok(json);

        if (strtod(numbers[i], NULL) > RUM_METRIC_CUSTOM_MAX) {
            assert_int_equal(event.nmetrics, 0);
            continue;
        }

        assert_int_equal(event.nmetrics, 1);
        assert_true(event.metrics[0].value == strtod(numbers[i], NULL));
    }
}


static void
numbers_out_of_range_are_cut_and_counted(void **state)
{
    (void) state;

    ok(NATIVE "\"metrics\":{\"lcp\":-1,\"fcp\":1e999,\"cls\":1e9,"
       "\"x\":1000000001,\"load\":-0.0,\"y\":0.0000000000000000000000000"
       "00000000000000000000000000000000000000000000000001}}");
    assert_int_equal(event.nmetrics, 1);
    assert_int_equal(event.cut[RUM_CUT_RANGE], 5);
    str(event.metrics[0].name, "load");
    assert_false(signbit(event.metrics[0].value));

    ok(NATIVE "\"n\":-1,\"seq\":1e300,\"memory\":0,\"cores\":-1,"
       "\"errors\":[{\"type\":\"a\",\"col\":5e6,\"line\":2.9}],\"actions\":[{\"type\":\"a\","
       "\"t\":-1}],\"resources\":[{\"bytes\":1e99,\"duration\":[-1,2]}],"
       "\"events\":[{\"name\":\"a\",\"value\":-1}],\"tags\":{\"t\":1e99}}");
    assert_int_equal(event.cut[RUM_CUT_RANGE], 10);
    assert_int_equal(event.n, 0);
    assert_int_equal(event.seq, RUM_MAX_COUNT);
    assert_int_equal(event.errors[0].col, RUM_MAX_COUNT);
    assert_int_equal(event.errors[0].line, 2);
    assert_int_equal(event.resources[0].ndurations, 1);
    assert_int_equal(event.events[0].has_value, 0);
    assert_int_equal(event.ndims, 0);
}


static void
long_strings_are_cut_between_characters(void **state)
{
    char  *json;

    (void) state;

    json = repeat(NATIVE "\"view\":\"x", "\xc3\xa9", 40, "\"}");
    ok(json);
    assert_int_equal(event.view.len, RUM_LEN_ID - 1);
    assert_int_equal(event.cut[RUM_CUT_STRINGS], 1);
    free(json);

    json = repeat("{\"v\":1,\"page\":\"/", "a/", 400, "\"}");
    ok(json);
    assert_int_equal(event.url.len, RUM_LEN_URL);
    assert_true(event.page.len <= RUM_LEN_PAGE);
    free(json);

    json = repeat(NATIVE "\"resources\":[{\"url\":\"/", "a/", 400, "\"}]}");
    ok(json);
    assert_int_equal(event.resources[0].url.len, RUM_LEN_URL);
    assert_int_equal(event.cut[RUM_CUT_STRINGS], 1);
    free(json);

    json = repeat(NATIVE "\"attribution\":{\"inp\":{\"type\":\"", "abc", 20,
                  "\"}}}");
    ok(json);
    assert_int_equal(event.attributions[0].type.len, RUM_LEN_NAME);
    assert_int_equal(event.cut[RUM_CUT_STRINGS], 1);
    free(json);
}


static void
parts_beyond_their_number_are_cut_and_counted(void **state)
{
    size_t  i;
    char   *json;

    static const struct {
        const char  *head, *part, *tail;
        size_t       n;
        rum_cut_e    cut;
    } parts[] = {
        { "\"errors\":[", "{\"type\":\"a\"},", "{\"type\":\"b\"}]}",
          RUM_MAX_ERRORS, RUM_CUT_ERRORS },
        { "\"actions\":[", "{\"type\":\"a\"},", "{\"type\":\"b\"}]}",
          RUM_MAX_ACTIONS, RUM_CUT_ACTIONS },
        { "\"resources\":[", "{},", "{}]}",
          RUM_MAX_RESOURCES, RUM_CUT_RESOURCES },
        { "\"events\":[", "{\"name\":\"a\"},", "{\"name\":\"b\"}]}",
          RUM_MAX_EVENTS, RUM_CUT_EVENTS },
        { "\"resources\":[{\"duration\":[", "1,", "2]}]}",
          RUM_MAX_DURATIONS, RUM_CUT_RESOURCES }
    };

    (void) state;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char  head[128];

        snprintf(head, sizeof(head), NATIVE "%s", parts[i].head);

        json = repeat(head, parts[i].part, parts[i].n - 1, parts[i].tail);
        ok(json);
        assert_int_equal(event.cut[parts[i].cut], 0);
        free(json);

        json = repeat(head, parts[i].part, parts[i].n, parts[i].tail);
        ok(json);
        assert_int_equal(event.cut[parts[i].cut], 1);
        free(json);
    }
}


static void
parts_that_say_nothing_are_cut_and_counted(void **state)
{
    (void) state;

    ok(NATIVE "\"errors\":[{\"line\":1},{\"type\":\"a\"}],"
       "\"actions\":[{\"t\":1}],\"events\":[{\"value\":1}]}");
    assert_int_equal(event.nerrors, 1);
    assert_int_equal(event.nactions, 0);
    assert_int_equal(event.nevents, 0);
    assert_int_equal(event.cut[RUM_CUT_ERRORS], 1);
    assert_int_equal(event.cut[RUM_CUT_ACTIONS], 1);
    assert_int_equal(event.cut[RUM_CUT_EVENTS], 1);
}


static void
metrics_beyond_their_number_are_cut_and_counted(void **state)
{
    int   i;
    char  json[4096], *p;

    (void) state;

    p = stpcpy(json, NATIVE "\"metrics\":{");

    for (i = 0; i <= RUM_MAX_METRICS; i++) {
        p += sprintf(p, "%s\"m%d\":%d", i ? "," : "", i, i);
    }

    /* the first may still be replaced */

    strcpy(p, ",\"m0\":7}}");

    ok(json);
    assert_int_equal(event.nmetrics, RUM_MAX_METRICS);
    assert_int_equal(event.cut[RUM_CUT_METRICS], 1);
    assert_true(event.metrics[0].value == 7);

    ok(NATIVE "\"metrics\":{\"LCP\":1,\"\":1,\"a b\":1,\"views\":1,"
       "\"a23456789012345678901234567890123\":1,\"ok\":1}}");
    assert_int_equal(event.nmetrics, 1);
    assert_int_equal(event.cut[RUM_CUT_METRICS], 5);
}


static void
each_error_has_its_counter_name(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < RUM_BEACON_ERROR_LAST; i++) {
        assert_true(rum_beacon_error_names[i].len > 0);
    }

    str(rum_beacon_error_names[RUM_BEACON_TOO_MANY_KEYS], "too_many_keys");
    str(rum_beacon_error_names[RUM_BEACON_NO_MEMORY], "no_memory");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(what_is_no_json_is_a_syntax_error),
        cmocka_unit_test(nothing_may_follow_the_value),
        cmocka_unit_test(an_empty_body_is_its_own_error),
        cmocka_unit_test(strings_must_be_utf8),
        cmocka_unit_test(escapes_that_are_no_characters_do_no_harm),
        cmocka_unit_test(depth_is_limited_where_skipped_too),
        cmocka_unit_test(keys_are_limited_where_skipped_too),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(a_full_beacon_fits_in_memory),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(numbers_out_of_range_are_cut_and_counted),
        cmocka_unit_test(long_strings_are_cut_between_characters),
        cmocka_unit_test(parts_beyond_their_number_are_cut_and_counted),
        cmocka_unit_test(parts_that_say_nothing_are_cut_and_counted),
        cmocka_unit_test(metrics_beyond_their_number_are_cut_and_counted),
        cmocka_unit_test(each_error_has_its_counter_name)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
