/*
 * Taking one histogram back from another: the reverse of merging, or nothing.
 */

#include "rum_histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>


static double
any_value(int spread)
{
    return rand() % 20 == 0 ? 0 : exp(rand() % (100 * spread) / 100.0);
}


static void
fill(rum_histogram_t *h, unsigned n, int spread, rum_histogram_t *too)
{
    double    value;
    unsigned  i, rating;

    for (i = 0; i < n; i++) {
        value = any_value(spread);
        rating = (unsigned) rand() % 4;

        assert_int_equal(rum_histogram_record(h, value, rating), RUM_OK);

        if (too != NULL) {
            assert_int_equal(rum_histogram_record(too, value, rating),
                             RUM_OK);
        }
    }
}


/* the same but for min and max, which may have become bounds of buckets */

static void
is_same(const rum_histogram_t *a, const rum_histogram_t *b)
{
    int              n;
    rum_histogram_t  x, y;
    unsigned char    buf[65536], other[65536];

    assert_true(a->min <= b->min && a->max >= b->max);

    x = *a;
    y = *b;
    x.min = y.min;
    x.max = y.max;

    n = rum_histogram_encode(&x, buf, sizeof(buf));
    assert_true(n > 0);
    assert_int_equal(rum_histogram_encode(&y, other, sizeof(other)), n);
    assert_memory_equal(buf, other, (size_t) n);
}


static void
it_undoes_a_merge(void **state)
{
    int              spread;
    unsigned         round;
    rum_histogram_t  kept, taken, all;

    (void) state;

    srand(5);

    for (round = 0; round < 300; round++) {
        rum_histogram_init(&kept);
        rum_histogram_init(&taken);
        rum_histogram_init(&all);

        spread = 1 + rand() % 30;
        fill(&kept, (unsigned) rand() % 300, spread, &all);
        fill(&taken, (unsigned) rand() % 300, spread, NULL);

        assert_int_equal(rum_histogram_merge(&all, &taken), RUM_OK);
        assert_int_equal(rum_histogram_unmerge(&all, &taken), RUM_OK);
        is_same(&all, &kept);

        if (kept.count > 0) {
            assert_int_equal(rum_histogram_unmerge(&all, &kept), RUM_OK);
        }

        assert_int_equal(all.count, 0);
        assert_true(all.sum == 0 && all.min == 0 && all.max == 0);

        rum_histogram_free(&kept);
        rum_histogram_free(&taken);
        rum_histogram_free(&all);
    }
}


static void
it_is_all_or_nothing(void **state)
{
    unsigned         i;
    rum_histogram_t  h, before, more[4];

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&before);

    for (i = 100; i < 200; i++) {
        rum_histogram_record(&h, i, RUM_GOOD);
        rum_histogram_record(&before, i, RUM_GOOD);
    }

    for (i = 0; i < 4; i++) {
        rum_histogram_init(&more[i]);
        rum_histogram_record(&more[i], 150, RUM_GOOD);
    }

    /* below, above, a zero, a rating that is not there */

    rum_histogram_record(&more[0], 1, RUM_GOOD);
    rum_histogram_record(&more[1], 100000, RUM_GOOD);
    rum_histogram_record(&more[2], 0, RUM_GOOD);
    rum_histogram_record(&more[3], 151, RUM_POOR);

    for (i = 0; i < 4; i++) {
        assert_int_equal(rum_histogram_unmerge(&h, &more[i]), RUM_DECLINED);
        is_same(&h, &before);
        assert_true(h.min == 100 && h.max == 199);
        rum_histogram_free(&more[i]);
    }

    /* more of one bucket than there is */

    rum_histogram_init(&more[0]);

    for (i = 0; i < 5; i++) {
        rum_histogram_record(&more[0], 100, RUM_GOOD);
    }

    assert_int_equal(rum_histogram_unmerge(&h, &more[0]), RUM_DECLINED);
    is_same(&h, &before);
    rum_histogram_free(&more[0]);

    /* from nothing, nothing */

    rum_histogram_init(&more[0]);
    rum_histogram_init(&more[1]);
    assert_int_equal(rum_histogram_unmerge(&more[0], &more[1]), RUM_OK);
    assert_int_equal(rum_histogram_unmerge(&h, &more[1]), RUM_OK);
    assert_int_equal(rum_histogram_unmerge(&more[0], &h), RUM_DECLINED);
    is_same(&h, &before);

    rum_histogram_free(&h);
    rum_histogram_free(&before);
}


/* more values than 16 bits count, from and of a histogram of fewer */

static void
widths_may_differ(void **state)
{
    unsigned         i;
    rum_histogram_t  wide, narrow;

    (void) state;

    rum_histogram_init(&wide);
    rum_histogram_init(&narrow);

    for (i = 0; i < 100000; i++) {
        rum_histogram_record(&wide, 7, RUM_UNRATED);
    }

    for (i = 0; i < 1000; i++) {
        rum_histogram_record(&narrow, 7, RUM_UNRATED);
    }

    assert_int_not_equal(wide.width, narrow.width);
    assert_int_equal(rum_histogram_unmerge(&wide, &narrow), RUM_OK);
    assert_int_equal(wide.count, 99000);
    assert_int_equal(wide.sum, 99000 * 7 * (int64_t) RUM_SUM_UNIT);
    assert_int_equal(rum_histogram_unmerge(&narrow, &wide), RUM_DECLINED);
    assert_int_equal(narrow.count, 1000);

    rum_histogram_free(&wide);
    rum_histogram_free(&narrow);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(it_undoes_a_merge),
        cmocka_unit_test(it_is_all_or_nothing),
        cmocka_unit_test(widths_may_differ)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
