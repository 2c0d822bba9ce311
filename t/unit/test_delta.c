/*
 * A delta and its gathering: each group has its events, added up to the same
 * histogram that recording one value after the other makes.
 */

#include "rum_gather.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>


#define EVENTS  3000
#define PAGES   7
#define CELL    RUM_CELL_METRICS        /* the first of the metrics */
#define CELLS   40


static rum_config_t  config;
static rum_delta_t   delta;
static rum_gather_t  gather;
static uint32_t      weight;            /* of events that are added */


static int
setup(void **state)
{
    (void) state;

    assert_int_equal(rum_config_read(&config, NULL), RUM_OK);
    rum_delta_init(&delta, &config.rollup);
    rum_gather_init(&gather);
    weight = 1;

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    rum_gather_free(&gather);
    rum_delta_free(&delta);
    rum_config_free(&config);

    return 0;
}


static double
any_value(void)
{
    switch (rand() % 10) {

    case 0:
        return 0;

    case 1:
        return RUM_HISTOGRAM_ZERO;

    case 2:
        return RUM_HISTOGRAM_MAX;

    case 3:
        return nextafter(RUM_HISTOGRAM_ZERO, 1);

    default:
        return exp(rand() % 2000 / 100.0 - 5);
    }
}


static void
add(uint32_t page, uint32_t minute, uint32_t own, uint32_t n, double *values)
{
    uint32_t            i;
    rum_place_t         place;
    rum_sample_t       *s;
    rum_delta_event_t  *event;

    memset(&place, 0, sizeof(place));
    place.site = 1;
    place.minute = minute;
    place.weight = weight;
    place.values[RUM_ATTR_PAGE] = 100 + page;

    for (i = 1; i < config.rollup.nattrs; i++) {
        place.values[i] = RUM_VALUE_UNKNOWN;
    }

    if (own) {
        place.nown = 1;
        place.own[0].dim = 2;
        place.own[0].value = own;
    }

    event = rum_delta_event(&delta, &place, n);
    assert_non_null(event);
    event->beacons = 1;
    event->errors = page;
    event->bounces = page == 0 ? -1 : 1;

    for (i = 0; i < n; i++) {
        s = &event->samples[i];
        memset(s, 0, sizeof(rum_sample_t));
        s->value = values[i];
        s->cell = (uint16_t) (CELL + i);
        s->rating = (uint8_t) (i % 4);
        s->bucket = values[i] > RUM_HISTOGRAM_ZERO
                    ? (int16_t) rum_histogram_index(values[i])
                    : RUM_SAMPLE_ZERO;
    }

    event->nsamples = (uint8_t) n;
}


static const rum_group_t *
group(uint32_t dim, uint32_t minute, uint32_t first)
{
    size_t  i;

    for (i = 0; i < delta.ngroups; i++) {
        if (delta.groups[i].dim == dim && delta.groups[i].minute == minute
            && delta.groups[i].first == first)
        {
            return &delta.groups[i];
        }
    }

    return NULL;
}


static void
each_group_has_its_events(void **state)
{
    const rum_group_t  *g;

    (void) state;

    add(1, 10, 0, 0, NULL);
    add(0, 10, 7, 0, NULL);
    add(1, 11, 7, 0, NULL);
    add(1, 10, 0, 0, NULL);
    assert_int_equal(rum_delta_sort(&delta), RUM_OK);

    g = group(0, 10, RUM_VALUE_ALL);
    assert_non_null(g);
    assert_int_equal(g->count, 3);
    assert_int_equal(rum_gather(&gather, &delta, g), RUM_OK);
    assert_int_equal(gather.counters[RUM_COUNTER_BEACONS], 3);
    assert_int_equal(gather.counters[RUM_COUNTER_ERRORS], 2);
    assert_int_equal(gather.counters[RUM_COUNTER_BOUNCES], 1);
    assert_int_equal(gather.counters[RUM_COUNTER_VIEWS], 0);

    g = group(1, 10, 101);
    assert_non_null(g);
    assert_int_equal(rum_gather(&gather, &delta, g), RUM_OK);
    assert_int_equal(gather.counters[RUM_COUNTER_BEACONS], 2);

    g = group(config.rollup.ndims + 2, 11, 7);
    assert_non_null(g);
    assert_int_equal(g->count, 1);
    assert_null(group(config.rollup.ndims + 2, 11, 0));

    rum_delta_reset(&delta);
    assert_true(rum_delta_empty(&delta));
    add(5, 10, 0, 0, NULL);
    assert_int_equal(rum_delta_sort(&delta), RUM_OK);
    assert_int_equal(delta.ngroups, config.rollup.ndims);
    assert_int_equal(group(0, 10, RUM_VALUE_ALL)->count, 1);
}


static void
groups_are_in_order_of_dimensions(void **state)
{
    size_t              i;
    const rum_group_t  *a, *b;

    (void) state;

    for (i = 0; i < 100; i++) {
        add((uint32_t) rand() % PAGES, 10 + (uint32_t) rand() % 2,
            (uint32_t) rand() % 3, 0, NULL);
    }

    assert_int_equal(rum_delta_sort(&delta), RUM_OK);

    for (i = 1; i < delta.ngroups; i++) {
        a = &delta.groups[delta.order[i - 1]];
        b = &delta.groups[delta.order[i]];
        assert_true(a->dim <= b->dim);
    }
}


static void
sums_are_those_of_single_values(void **state)
{
    double           values[CELLS];
    uint32_t         i, k, page, n;
    rum_histogram_t  h, sum, plain[PAGES][CELLS];
    unsigned char    a[65536], b[65536];

    (void) state;

    srand(3);

    for (page = 0; page < PAGES; page++) {
        for (k = 0; k < CELLS; k++) {
            rum_histogram_init(&plain[page][k]);
        }
    }

    for (i = 0; i < EVENTS; i++) {
        page = (uint32_t) rand() % PAGES;
        n = (uint32_t) rand() % CELLS;
        weight = i % 5 == 0 ? 1 + (uint32_t) rand() % 20 : 1;

        for (k = 0; k < n * weight; k++) {
            if (k < n) {
                values[k] = any_value();
            }

            assert_int_equal(rum_histogram_record(&plain[page][k % n],
                                                  values[k % n], k % n % 4),
                             RUM_OK);
        }

        add(page, 10, 0, n, values);
    }

    assert_int_equal(rum_delta_sort(&delta), RUM_OK);

    for (page = 0; page < PAGES; page++) {
        assert_int_equal(rum_gather(&gather, &delta,
                                    group(1, 10, 100 + page)),
                         RUM_OK);

        for (k = 0; k < gather.added.ntouched; k++) {
            i = gather.added.touched[k];
            rum_gather_histogram(&gather.added, i, &h);

            rum_histogram_init(&sum);
            assert_int_equal(rum_histogram_merge(&sum, &h), RUM_OK);

            n = (uint32_t) rum_histogram_encode(&sum, a, sizeof(a));
            assert_int_equal(rum_histogram_encode(&plain[page][i - CELL], b,
                                                  sizeof(b)),
                             n);
            assert_memory_equal(a, b, n);

            rum_histogram_free(&sum);
            rum_histogram_free(&plain[page][i - CELL]);
        }
    }

    /* what was gathered had all there was */

    for (page = 0; page < PAGES; page++) {
        for (k = 0; k < CELLS; k++) {
            assert_int_equal(plain[page][k].count, 0);
        }
    }
}


static void
removed_and_void_samples_are_told_apart(void **state)
{
    double              values[3] = { 10, 20, 30 };
    rum_histogram_t     h;
    rum_delta_event_t  *event;

    (void) state;

    add(0, 10, 0, 3, values);
    event = rum_delta_event_at(&delta, delta.last);
    event->samples[1].kind = RUM_SAMPLE_VOID;
    event->samples[2].kind = RUM_SAMPLE_REMOVED;

    assert_int_equal(rum_delta_sort(&delta), RUM_OK);
    assert_int_equal(rum_gather(&gather, &delta,
                                group(0, 10, RUM_VALUE_ALL)),
                     RUM_OK);

    assert_int_equal(gather.added.ntouched, 1);
    assert_int_equal(gather.added.touched[0], CELL);
    rum_gather_histogram(&gather.added, CELL, &h);
    assert_int_equal(h.count, 1);
    assert_true(h.min == 10 && h.max == 10);

    assert_int_equal(gather.removed.ntouched, 1);
    assert_int_equal(gather.removed.touched[0], CELL + 2);
    rum_gather_histogram(&gather.removed, CELL + 2, &h);
    assert_int_equal(h.count, 1);
    assert_true(h.min == 30 && rum_histogram_sum(&h) == 30);
    assert_int_equal(gather.nsamples, 1);

    /* nothing stays behind for the next group */

    rum_delta_reset(&delta);
    add(0, 10, 0, 0, NULL);
    assert_int_equal(rum_delta_sort(&delta), RUM_OK);
    assert_int_equal(rum_gather(&gather, &delta,
                                group(0, 10, RUM_VALUE_ALL)),
                     RUM_OK);
    assert_int_equal(gather.added.ntouched, 0);
    assert_int_equal(gather.removed.ntouched, 0);
    assert_int_equal(gather.nsamples, 0);
}


/* all that an event counts is counted so often, but it is one entry */

static void
an_event_counts_by_its_weight(void **state)
{
    double              values[2] = { 10, 0 };
    rum_histogram_t     h;
    rum_delta_event_t  *event;

    (void) state;

    add(1, 10, 0, 0, NULL);

    weight = RUM_MAX_WEIGHT;
    add(2, 10, 0, 2, values);
    event = rum_delta_event_at(&delta, delta.last);
    event->views = 1;
    event->entrances = 1;

    weight = 3;
    add(0, 10, 0, 2, values);
    event = rum_delta_event_at(&delta, delta.last);
    event->samples[0].kind = RUM_SAMPLE_REMOVED;

    assert_int_equal(rum_delta_sort(&delta), RUM_OK);
    assert_int_equal(rum_gather(&gather, &delta,
                                group(0, 10, RUM_VALUE_ALL)),
                     RUM_OK);

    assert_int_equal(gather.entries, 3);
    assert_int_equal(gather.counters[RUM_COUNTER_BEACONS], 1 + 1000 + 3);
    assert_int_equal(gather.counters[RUM_COUNTER_VIEWS], 1000);
    assert_int_equal(gather.counters[RUM_COUNTER_ENTRANCES], 1000);
    assert_int_equal(gather.counters[RUM_COUNTER_ERRORS], 1 + 2 * 1000);
    assert_int_equal(gather.counters[RUM_COUNTER_BOUNCES], 1 + 1000 - 3);

    rum_gather_histogram(&gather.added, CELL, &h);
    assert_int_equal(h.count, 1000);
    assert_int_equal(h.ratings[0], 1000);
    assert_true(rum_histogram_sum(&h) == 10000);
    assert_true(h.min == 10 && h.max == 10);

    rum_gather_histogram(&gather.added, CELL + 1, &h);
    assert_int_equal(h.count, 1003);
    assert_int_equal(h.zero_count, 1003);

    rum_gather_histogram(&gather.removed, CELL, &h);
    assert_int_equal(h.count, 3);
    assert_int_equal(gather.nsamples, 1);
    assert_int_equal(gather.samples[0].weight, 3);
    assert_true(gather.samples[0].sample->value == 10);
}


static void
a_counter_that_is_too_large_stays(void **state)
{
    int                 i;
    rum_place_t         place;
    const rum_group_t  *g;
    rum_delta_event_t  *event;

    static const rum_sample_t  sample = {
        1e15, 0, RUM_COUNTER_BYTES, 0, RUM_SAMPLE_COUNTER
    };

    (void) state;

    memset(&place, 0, sizeof(place));
    place.weight = RUM_MAX_WEIGHT;

    for (i = 0; i < 20; i++) {
        event = rum_delta_detail(&delta, &place, 1);
        assert_non_null(event);
        event->samples[0] = sample;
        event->nsamples = 1;
        assert_int_equal(rum_delta_member(&delta, event, &place,
                                          RUM_DETAIL_HOST, 50, 0), RUM_OK);
    }

    assert_int_equal(rum_delta_sort(&delta), RUM_OK);
    g = group(RUM_DIM_DETAILS + RUM_DETAIL_HOST, 0, 50);
    assert_non_null(g);
    assert_int_equal(rum_gather(&gather, &delta, g), RUM_OK);
    assert_true(gather.counters[RUM_COUNTER_BYTES] == INT64_MAX);
}


static void
what_is_rejected_is_kept_up_to_a_limit(void **state)
{
    uint32_t   i;
    rum_str_t  id, e;

    (void) state;

    e = (rum_str_t) rum_string("event");
    rum_str_null(&id);

    for (i = 0; i < RUM_DELTA_REJECTED + 10; i++) {
        assert_int_equal(rum_delta_reject(&delta, i < 10 ? "old" : "new", &id,
                                          &e, "why"),
                         RUM_OK);
    }

    assert_int_equal(delta.nrejected, RUM_DELTA_REJECTED);
    assert_string_equal(delta.rejected[0].entry, "new");
    assert_false(delta.rejected[0].has_id);
    assert_true(delta.rejected[0].has_e);
    assert_false(rum_delta_empty(&delta));
}


static void
a_detail_has_its_own_counters_and_values(void **state)
{
    uint32_t            i;
    rum_place_t         place;
    rum_histogram_t     h;
    const rum_group_t  *g;
    rum_delta_event_t  *event;

    static const rum_sample_t  samples[] = {
        { 5e9, 0, RUM_COUNTER_BYTES, 0, RUM_SAMPLE_COUNTER },
        { -2, 0, RUM_COUNTER_VISITS, 0, RUM_SAMPLE_COUNTER },
        { 0, RUM_SAMPLE_ZERO, CELL, RUM_UNRATED, RUM_SAMPLE_ADDED },
        { 0, RUM_SAMPLE_ZERO, CELL, RUM_UNRATED, RUM_SAMPLE_MOVED },
        { 0, RUM_SAMPLE_ZERO, CELL, RUM_UNRATED, RUM_SAMPLE_MOVED },
        { 0, RUM_SAMPLE_ZERO, CELL, RUM_UNRATED, RUM_SAMPLE_VOID }
    };

    (void) state;

    memset(&place, 0, sizeof(place));
    place.site = 1;
    place.minute = 10;
    place.weight = 1;

    for (i = 0; i < 2; i++) {
        event = rum_delta_detail(&delta, &place, 6);
        assert_non_null(event);
        memcpy(event->samples, samples, sizeof(samples));
        event->nsamples = 6;

        assert_int_equal(rum_delta_member(&delta, event, &place,
                                          RUM_DETAIL_HOST, 50, 0), RUM_OK);
        assert_int_equal(event->nmembers, 1);
    }

    assert_int_equal(rum_delta_sort(&delta), RUM_OK);
    assert_int_equal(delta.ngroups, 1);

    g = group(RUM_DIM_DETAILS + RUM_DETAIL_HOST, 10, 50);
    assert_non_null(g);
    assert_int_equal(rum_gather(&gather, &delta, g), RUM_OK);

    assert_int_equal(gather.counters[RUM_COUNTER_BYTES], 10000000000);
    assert_int_equal(gather.counters[RUM_COUNTER_VISITS], -4);
    assert_int_equal(gather.counters[RUM_COUNTER_BEACONS], 0);

    rum_gather_histogram(&gather.added, CELL, &h);
    assert_int_equal(h.count, 2);
    rum_gather_histogram(&gather.moved, CELL, &h);
    assert_int_equal(h.count, 4);
    assert_int_equal(gather.removed.ntouched, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(
            a_detail_has_its_own_counters_and_values, setup, teardown),
        cmocka_unit_test_setup_teardown(each_group_has_its_events, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(groups_are_in_order_of_dimensions,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(sums_are_those_of_single_values,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_counts_by_its_weight, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_counter_that_is_too_large_stays,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            removed_and_void_samples_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_is_rejected_is_kept_up_to_a_limit, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
