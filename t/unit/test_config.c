/*
 * The configuration's values, the list of rollups, times.  Files with errors
 * are in t/aggregator_program.t.
 */

#include "rum_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>


static int
read_text(rum_config_t *config, const char *text)
{
    int   fd, rc;
    char  file[] = "/tmp/rum-config-XXXXXX";

    fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    close(fd);

    rc = rum_config_read(config, file);
    unlink(file);

    return rc;
}


static void
an_empty_file_is_the_defaults(void **state)
{
    rum_config_t  none, empty;

    (void) state;

    assert_int_equal(rum_config_read(&none, NULL), RUM_OK);
    assert_int_equal(read_text(&empty, ""), RUM_OK);

    assert_string_equal(none.address.host, "127.0.0.1");
    assert_int_equal(none.address.port, 6379);
    assert_null(none.path);
    assert_null(none.password);
    assert_int_equal(none.flush, 1000);
    assert_int_equal(none.retention[RUM_RES_HOUR], 35 * 86400000ULL);
    assert_int_equal(none.limit_default, 1000);
    assert_int_equal(none.recent, 1800000);
    assert_int_equal(none.rollup.ndims, 9);
    assert_string_equal(none.rollup.dims[0].text, "all");
    assert_string_equal(none.rollup.dims[8].text, "page,country");

    assert_int_equal(none.rollup.ndims, empty.rollup.ndims);
    assert_memory_equal(&none.rollup, &empty.rollup, sizeof(none.rollup));
    assert_int_equal(none.details, (1 << RUM_DETAIL_LAST) - 1);

    rum_config_free(&none);
    rum_config_free(&empty);
}


static void
values_arrive(void **state)
{
    rum_str_t     page, ab, other;
    rum_config_t  config;

    (void) state;

    assert_int_equal(read_text(&config,
        "redis = \"[::1]:7000\"; user = \"u\"; password = \"p\\\"q;#\"\n"
        "db = 2 /* ; */ partitions = 8; # x = 1\n"
        "flush = 250ms; lease = 3s; timeout = 1s;\n"
        "retention { minute = 2h day = 10d }\n"
        "limit { default = 7; page = 9; ab = 11; sites = 3; metrics = 0 }\n"
        "recent { views = 5 }\n"
        "rollup = { }\n"
        "details = { error, \"host,type\" }\n"
        "log_level = 'debug'\n"), RUM_OK);

    assert_string_equal(config.address.host, "::1");
    assert_int_equal(config.address.port, 7000);
    assert_string_equal(config.user, "u");
    assert_string_equal(config.password, "p\"q;#");
    assert_int_equal(config.db, 2);
    assert_int_equal(config.partitions, 8);
    assert_int_equal(config.flush, 250);
    assert_int_equal(config.lease, 3000);
    assert_int_equal(config.retention[RUM_RES_MINUTE], 7200000);
    assert_int_equal(config.retention[RUM_RES_HOUR], 35 * 86400000ULL);
    assert_int_equal(config.retention[RUM_RES_DAY], 10 * 86400000ULL);
    assert_int_equal(config.limit_sites, 3);
    assert_int_equal(config.limit_metrics, 0);
    assert_int_equal(config.limit_dimensions, 16);
    assert_int_equal(config.recent_views, 5);
    assert_int_equal(config.rollup.ndims, 1);
    assert_int_equal(config.details,
                     1 << RUM_DETAIL_ERROR | 1 << RUM_DETAIL_HOST_TYPE);
    assert_int_equal(config.log_level, RUM_LOG_DEBUG);

    page = (rum_str_t) rum_string("page");
    ab = (rum_str_t) rum_string("ab");
    other = (rum_str_t) rum_string("country");

    assert_int_equal(rum_config_limit(&config, &page), 9);
    assert_int_equal(rum_config_limit(&config, &ab), 11);
    assert_int_equal(rum_config_limit(&config, &other), 7);

    rum_config_free(&config);
}


static void
a_unix_socket_has_no_host(void **state)
{
    rum_config_t  config;

    (void) state;

    assert_int_equal(read_text(&config, "redis = \"unix:/run/r.sock\""),
                     RUM_OK);
    assert_string_equal(config.address.host, "");
    assert_string_equal(config.path, "/run/r.sock");
    rum_config_free(&config);
}


static void
times_have_units(void **state)
{
    uint64_t  ms;

    (void) state;

    assert_int_equal(rum_config_duration("100ms", &ms), RUM_OK);
    assert_int_equal(ms, 100);
    assert_int_equal(rum_config_duration("2s", &ms), RUM_OK);
    assert_int_equal(ms, 2000);
    assert_int_equal(rum_config_duration("5m", &ms), RUM_OK);
    assert_int_equal(ms, 300000);
    assert_int_equal(rum_config_duration("6h", &ms), RUM_OK);
    assert_int_equal(ms, 21600000);
    assert_int_equal(rum_config_duration("35d", &ms), RUM_OK);
    assert_int_equal(ms, 3024000000);
    assert_int_equal(rum_config_duration("0s", &ms), RUM_OK);
    assert_int_equal(ms, 0);

    assert_int_equal(rum_config_duration("", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration("5", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration("s", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration("-5s", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration(" 5s", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration("5 s", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration("1.5s", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration("5sec", &ms), RUM_ERROR);
    assert_int_equal(rum_config_duration("99999999999999999999s", &ms),
                     RUM_ERROR);
    assert_int_equal(rum_config_duration("9999999999999999d", &ms),
                     RUM_ERROR);
}


static void
pairs_make_attributes_of_own_dimensions(void **state)
{
    rum_str_t     ab, os;
    const char   *error;
    rum_rollup_t  rollup;

    (void) state;

    ab = (rum_str_t) rum_string("ab");
    os = (rum_str_t) rum_string("os");

    rum_rollup_init(&rollup);
    assert_int_equal(rum_rollup_add(&rollup, "ab", &error), RUM_OK);
    assert_int_equal(rollup.ndims, 1);
    assert_int_equal(rum_rollup_attr(&rollup, &ab), RUM_ATTR_NONE);

    assert_int_equal(rum_rollup_add(&rollup, "os,ab", &error), RUM_OK);
    assert_int_equal(rollup.ndims, 2);
    assert_int_equal(rum_rollup_attr(&rollup, &ab), RUM_ROLLUP_BUILTIN);
    assert_true(rollup.attrs[RUM_ROLLUP_BUILTIN].needed);
    assert_true(rollup.attrs[rum_rollup_attr(&rollup, &os)].needed);
    assert_false(rollup.attrs[RUM_ATTR_PAGE].needed);

    assert_int_equal(rum_rollup_add(&rollup, "os,ab", &error), RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup, "os,os", &error), RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup, "a,b,c", &error), RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup, ",b", &error), RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup, "a,", &error), RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup, "", &error), RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup, "all", &error), RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup, "page,all", &error),
                     RUM_DECLINED);
    assert_int_equal(rum_rollup_add(&rollup,
                                    "a23456789012345678901234567890123",
                                    &error),
                     RUM_DECLINED);
    assert_int_equal(rollup.ndims, 2);
}


static void
too_many_pairs_are_refused(void **state)
{
    int           rc;
    char          name[32];
    uint32_t      i;
    const char   *error;
    rum_rollup_t  rollup;

    (void) state;

    rum_rollup_init(&rollup);

    for (i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "page,own%u", i);
        rc = rum_rollup_add(&rollup, name, &error);

        if (rc != RUM_OK) {
            break;
        }
    }

    assert_int_equal(rc, RUM_FULL);
    assert_int_equal(i, RUM_ROLLUP_ATTRS - RUM_ROLLUP_BUILTIN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(an_empty_file_is_the_defaults),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(a_unix_socket_has_no_host),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(pairs_make_attributes_of_own_dimensions),
        cmocka_unit_test(too_many_pairs_are_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
