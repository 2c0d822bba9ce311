/*
 * Views and ids of the last while: what is replaced, what is forgotten.
 */

#include "rum_recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>


#define KEYS   500
#define CELLS  6


/* what removed() was told last */
static rum_place_t         place;
static rum_recent_value_t  values[RUM_MAX_METRICS];
static uint32_t            nvalues, calls;
static int                 stale;
static uint32_t            counts_in;

static rum_config_t        config;
static rum_recent_t        recent;
static uint64_t            forgotten;


static int
setup(void **state)
{
    (void) state;

    assert_int_equal(rum_config_read(&config, NULL), RUM_OK);
    config.recent = 1000;
    config.settle = 60000;
    config.recent_views = 100000;
    rum_recent_init(&recent, &config);
    forgotten = 0;

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    rum_recent_free(&recent);
    rum_config_free(&config);

    return 0;
}


static int
removed(void *data, const rum_place_t *where, const rum_recent_value_t *v,
    uint32_t n)
{
    (void) data;

    place = *where;
    memcpy(&values[nvalues], v, n * sizeof(rum_recent_value_t));
    nvalues += n;
    calls++;

    return RUM_OK;
}


/* one value under the key, in that minute; whether the view began */

static unsigned
put_in_order(uint64_t key, uint64_t time, uint64_t order, uint32_t minute,
    uint32_t cell, double value, unsigned began)
{
    rum_place_t         where;
    rum_recent_value_t  v;

    memset(&where, 0, sizeof(where));
    where.site = 3;
    where.minute = minute;
    where.values[0] = minute + 1;
    where.weight = minute + 3;
    where.nown = 2;
    where.own[1].dim = 1;
    where.own[1].value = minute + 2;

    v.value = value;
    v.cell = cell;
    v.minute = minute;
    nvalues = 0;
    calls = 0;

    assert_int_equal(rum_recent_put(&recent, key, time, order, &where, &v, 1,
                                    &began, &forgotten, removed, NULL),
                     RUM_OK);
    stale = v.cell == RUM_NO_NUMBER;
    counts_in = v.minute;
    return began;
}


static unsigned
put(uint64_t key, uint64_t time, uint32_t minute, uint32_t cell, double value,
    unsigned began)
{
    return put_in_order(key, time, time, minute, cell, value, began);
}


static void
a_later_value_removes_the_earlier(void **state)
{
    (void) state;

    put(1, 10, 5, 20, 1.5, 1);
    assert_int_equal(calls, 0);

    put(2, 10, 5, 20, 7, 1);
    assert_int_equal(calls, 0);

    put(1, 11, 6, 21, 2.5, 0);
    assert_int_equal(calls, 0);

    put(1, 12, 7, 20, 3.5, 0);
    assert_int_equal(calls, 1);
    assert_int_equal(nvalues, 1);
    assert_true(values[0].value == 1.5 && values[0].cell == 20);

    /* where it had been counted */

    assert_int_equal(place.site, 3);
    assert_int_equal(place.minute, 5);
    assert_int_equal(place.weight, 8);
    assert_int_equal(place.values[0], 6);
    assert_int_equal(place.nown, 2);
    assert_int_equal(place.own[1].dim, 1);
    assert_int_equal(place.own[1].value, 7);

    put(1, 13, 8, 20, 4.5, 0);
    assert_int_equal(nvalues, 1);
    assert_true(values[0].value == 3.5);
    assert_int_equal(place.minute, 7);
}


static void
an_older_value_that_comes_later_is_stale(void **state)
{
    (void) state;

    put_in_order(1, 10, 200, 5, 20, 2.5, 0);
    assert_false(stale);

    /* from a spool: it was made before */

    put_in_order(1, 11, 100, 5, 20, 1.5, 1);
    assert_true(stale);
    assert_int_equal(calls, 0);

    /* what it has besides is news */

    put_in_order(1, 12, 100, 5, 21, 7, 0);
    assert_false(stale);

    put_in_order(1, 13, 300, 6, 20, 3.5, 0);
    assert_false(stale);
    assert_int_equal(nvalues, 1);
    assert_true(values[0].value == 2.5);
}


static void
a_view_begins_once(void **state)
{
    (void) state;

    assert_int_equal(put(1, 10, 5, 20, 1, 1), 1);
    assert_int_equal(put(1, 10, 5, 20, 1, 0), 0);
    assert_int_equal(put(1, 10, 5, 20, 1, 1), 0);
    assert_int_equal(put(1, 10, 5, 21, 1, 1), 0);

    /* its later part may come first */

    assert_int_equal(put(2, 10, 5, 20, 1, 0), 0);
    assert_int_equal(put(2, 10, 5, 20, 1, 1), 1);
    assert_int_equal(put(2, 10, 5, 20, 1, 1), 0);
}


static void
what_is_old_is_forgotten(void **state)
{
    (void) state;

    put(1, 1000, 5, 20, 1, 1);
    put(2, 2001, 5, 20, 2, 1);
    assert_int_equal(recent.count, 1);

    assert_int_equal(put(1, 2001, 5, 20, 3, 1), 1);
    assert_int_equal(calls, 0);
    assert_int_equal(forgotten, 0);

    put(2, 3001, 5, 20, 3, 1);
    assert_int_equal(calls, 1);
}


static void
what_has_no_room_is_forgotten_and_counted(void **state)
{
    uint64_t  i;

    (void) state;

    recent.max = 10;

    for (i = 0; i < 30; i++) {
        put(i, 1000, 5, 20, 1, 1);
    }

    assert_int_equal(recent.count, 10);
    assert_int_equal(forgotten, 20);

    put(29, 1000, 5, 20, 2, 0);
    assert_int_equal(calls, 1);
    put(0, 1000, 5, 20, 2, 0);
    assert_int_equal(calls, 0);

    /* what was replaced is no loss */

    recent.max = 2;
    put(50, 1000, 5, 20, 1, 0);
    put(50, 1000, 5, 20, 1, 0);
    forgotten = 0;
    put(50, 1000, 5, 20, 1, 0);
    put(50, 1000, 5, 20, 1, 0);
    assert_int_equal(forgotten, 0);
}


static void
nothing_is_remembered_when_it_is_off(void **state)
{
    (void) state;

    recent.span = 0;
    assert_int_equal(put(1, 10, 5, 20, 1, 1), 1);
    assert_int_equal(put(1, 10, 5, 20, 1, 1), 1);
    assert_int_equal(calls, 0);
    assert_int_equal(recent.count, 0);
}


/*
 * Against a plain table, through many blocks and rounds of forgetting: the
 * value that is removed is the last one put, if that is not too old.
 */

static void
many_are_as_in_a_plain_table(void **state)
{
    double    last[KEYS][CELLS], value;
    uint32_t  i, k, cell;
    uint64_t  time, when[KEYS][CELLS];

    (void) state;

    memset(when, 0, sizeof(when));
    memset(last, 0, sizeof(last));
    srand(2);
    time = 10000;

    for (i = 0; i < 200000; i++) {
        time += rand() % 100 == 0;
        k = (uint32_t) rand() % KEYS;
        cell = (uint32_t) rand() % CELLS;
        value = i + 1;

        put(k, time, i, cell, value, 0);

        if (when[k][cell] + recent.span >= time) {
            assert_int_equal(nvalues, 1);
            assert_true(values[0].value == last[k][cell]);
            assert_int_equal(place.minute, (uint32_t) last[k][cell] - 1);

        } else {
            assert_int_equal(nvalues, 0);
        }

        when[k][cell] = time;
        last[k][cell] = value;

        /* a quiet while: all is forgotten */

        if (i % 50000 == 49999) {
            time += 5000;
        }
    }

    assert_int_equal(forgotten, 0);
}


static void
values_in_use_are_marked(void **state)
{
    uint32_t      i;
    rum_str_t     text;
    rum_intern_t  intern;
    unsigned char name[2];

    (void) state;

    assert_int_equal(rum_intern_init(&intern, 1), RUM_OK);
    text.data = name;
    text.len = 2;

    for (i = 0; i < 2000; i++) {
        name[0] = (unsigned char) (i >> 8);
        name[1] = (unsigned char) i;
        assert_int_not_equal(rum_intern(&intern, &text), RUM_MAP_NONE);
    }

    /* the first ends a block, so that the walk has to cross it */

    for (i = 0; i < 1500; i++) {
        put(i, 100, 1000 + i % 7, 20, 1, 1);
    }

    rum_recent_mark(&recent, &intern);

    for (i = RUM_VALUE_FIXED; i < 2000; i++) {
        assert_int_equal(intern.strings[i].marked, i > 1000 && i <= 1008);
    }

    rum_intern_sweep(&intern);
    assert_int_equal(intern.used, RUM_VALUE_FIXED + 8);
    rum_intern_free(&intern);
}


static void
a_settled_value_keeps_its_place(void **state)
{
    (void) state;

    recent.span = 1000000;

    /* minute 5 ends at 360000 and has settled a minute later */

    put(1, 300000, 5, 20, 1, 1);
    put(1, 419999, 6, 20, 2, 0);
    assert_int_equal(counts_in, 6);
    assert_int_equal(values[0].minute, 5);

    put(2, 300000, 5, 20, 1, 1);
    put(2, 420000, 7, 20, 2, 0);
    assert_int_equal(counts_in, 5);
    assert_int_equal(values[0].minute, 5);

    /* where it is now is its place */

    put(2, 430000, 7, 20, 3, 0);
    assert_int_equal(counts_in, 5);
    assert_int_equal(values[0].minute, 5);
    assert_true(values[0].value == 2);

    recent.settle = 0;
    put(3, 300000, 5, 20, 1, 1);
    put(3, 300001, 6, 20, 2, 0);
    assert_int_equal(counts_in, 5);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(a_later_value_removes_the_earlier,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_settled_value_keeps_its_place,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_older_value_that_comes_later_is_stale, setup, teardown),
        cmocka_unit_test_setup_teardown(a_view_begins_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_old_is_forgotten, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            what_has_no_room_is_forgotten_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_remembered_when_it_is_off,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(many_are_as_in_a_plain_table, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(values_in_use_are_marked, setup,
                                        teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
