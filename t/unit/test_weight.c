/*
 * Sampling by session: the same ones everywhere, as many as the rate says,
 * and weights that make up for the others.
 */

#include "rum_weight.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>


#define SESSIONS  200000


static uint64_t session_hash(int number);


static const uint32_t  rates[] = {
    RUM_RATE_MIN, 1001, 7777, 100000, 250000, 300000, 333333, 500000, 666667,
    750000, 999999, RUM_RATE_ALL
};


static uint64_t
session_hash(int number)
{
    rum_str_t  id;
    char       text[16];

    id.len = (size_t) sprintf(text, "s%d", number);
    id.data = (unsigned char *) text;

    return rum_weight_hash(&id);
}


/* what other implementations can be held against */

static void
the_hash_is_what_it_was(void **state)
{
    size_t  i;

    static const struct {
        rum_str_t  id;
        uint64_t   hash;
    } known[] = {
        { rum_string(""), 0xefd01f60ba992926ULL },
        { rum_string("q81mzp"), 0xa53f28c812ce1a96ULL },
        { rum_string("k3v9x2"), 0x3233afb2d906f81aULL },
        { rum_string("\xc3\xbc"), 0x9a8fa3aaaa09fd21ULL }
    };

    (void) state;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_true(rum_weight_hash(&known[i].id) == known[i].hash);
    }
}


/* both within five standard deviations, of ids that are always the same */

static void
as_many_are_kept_and_stand_for_all(void **state)
{
    int       n;
    double    rate, p, deviation, rest;
    size_t    i;
    uint64_t  kept, stand_for;
    uint32_t  weight, least;

    (void) state;

    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        least = RUM_RATE_ALL / rates[i];
        kept = 0;
        stand_for = 0;

        for (n = 0; n < SESSIONS; n++) {
            weight = rum_weight(session_hash(n), rates[i]);

            if (weight != 0) {
                assert_in_range(weight, least, least + 1);
                assert_in_range(weight, 1, RUM_MAX_WEIGHT);
                kept++;
                stand_for += weight;
            }
        }

        p = (double) rates[i] / RUM_RATE_ALL;
        rate = (double) kept / SESSIONS;
        deviation = sqrt(p * (1 - p) / SESSIONS);
        assert_true(fabs(rate - p) <= 5 * deviation);

        /* of those that are kept: least, or one more */

        rest = 1 / p - least;
        deviation = sqrt(rest * (1 - rest) / (double) kept);
        rate = (double) stand_for / (double) kept;
        assert_true(fabs(rate - 1 / p) <= 5 * deviation + 1e-9);
    }
}


static void
a_higher_rate_keeps_the_same_and_more(void **state)
{
    int       n;
    size_t    i;
    uint64_t  hash;

    (void) state;

    for (n = 0; n < SESSIONS; n++) {
        hash = session_hash(n);

        for (i = 1; i < sizeof(rates) / sizeof(rates[0]); i++) {
            if (rum_weight(hash, rates[i - 1]) != 0) {
                assert_true(rum_weight(hash, rates[i]) != 0);
            }
        }
    }
}


static void
extreme_hashes_have_weights_in_range(void **state)
{
    size_t    i;
    uint32_t  rest;

    (void) state;

    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        rest = (RUM_RATE_ALL % rates[i]) != 0;

        assert_int_equal(rum_weight(0, rates[i]),
                         RUM_RATE_ALL / rates[i] + rest);
        assert_int_equal(rum_weight(UINT32_MAX, rates[i]),
                         RUM_RATE_ALL / rates[i]);
        assert_int_equal(rum_weight(UINT64_MAX, rates[i]),
                         rates[i] == RUM_RATE_ALL);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_hash_is_what_it_was),
        cmocka_unit_test(as_many_are_kept_and_stand_for_all),
        cmocka_unit_test(a_higher_rate_keeps_the_same_and_more),
        cmocka_unit_test(extreme_hashes_have_weights_in_range)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
