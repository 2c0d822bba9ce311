/*
 * What was read of each writer: new, duplicate, lost, late.
 */

#include "rum_writers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>


static rum_writers_t  writers;
static uint64_t       lost;

/* ASan has a realloc() of its own, which must not be replaced */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUM_SANITIZED
#endif
#endif

#ifndef RUM_SANITIZED

void *__libc_realloc(void *p, size_t size);

static int            full;


void *
realloc(void *p, size_t size)
{
    return full ? NULL : __libc_realloc(p, size);
}

#endif


static int
setup(void **state)
{
    (void) state;

    lost = 0;
    rum_writers_init(&writers, 7);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    rum_writers_free(&writers);

    return 0;
}


static int
see(const char *name, uint64_t sequence)
{
    rum_str_t  text;

    text.data = (unsigned char *) name;
    text.len = strlen(name);

    return rum_writers_see(&writers, &text, sequence, 100, &lost);
}


static void
value_is(uint32_t i, const char *value)
{
    char  buf[RUM_WRITER_VALUE];

    assert_int_equal(rum_writer_write(&writers.writers[i], buf),
                     strlen(value));
    assert_string_equal(buf, value);
}


static void
in_order_nothing_is_lost(void **state)
{
    uint64_t  i;

    (void) state;

    for (i = 1; i < 1000; i++) {
        assert_int_equal(see("a", i), RUM_OK);
        assert_int_equal(see("b", i), RUM_OK);
        assert_int_equal(see("a", i), RUM_DECLINED);
    }

    assert_int_equal(lost, 0);
    value_is(0, "999 100");
    value_is(1, "999 100");
}


static void
a_gap_is_lost_until_it_comes(void **state)
{
    (void) state;

    assert_int_equal(see("a", 5), RUM_OK);
    assert_int_equal(lost, 4);
    value_is(0, "5 100 1-4");

    assert_int_equal(see("a", 9), RUM_OK);
    assert_int_equal(lost, 7);
    value_is(0, "9 100 1-4 6-8");

    assert_int_equal(see("a", 1), RUM_OK);
    value_is(0, "9 100 2-4 6-8");
    assert_int_equal(see("a", 3), RUM_OK);
    value_is(0, "9 100 2-2 4-4 6-8");
    assert_int_equal(see("a", 8), RUM_OK);
    value_is(0, "9 100 2-2 4-4 6-7");
    assert_int_equal(see("a", 2), RUM_OK);
    assert_int_equal(see("a", 4), RUM_OK);
    value_is(0, "9 100 6-7");
    assert_int_equal(see("a", 3), RUM_DECLINED);
    assert_int_equal(see("a", 7), RUM_OK);
    assert_int_equal(see("a", 6), RUM_OK);
    value_is(0, "9 100");
    assert_int_equal(lost, 0);
}


/* an operator deletes "health", and the gaps are there still */

static void
no_less_than_none_is_lost(void **state)
{
    (void) state;

    assert_int_equal(see("a", 3), RUM_OK);
    lost = 1;
    assert_int_equal(see("a", 1), RUM_OK);
    assert_int_equal(see("a", 2), RUM_OK);
    assert_int_equal(lost, 0);
}


/* any order, against a plain list of what was seen */

static void
any_order_is_told_apart(void **state)
{
    uint8_t   seen[200];
    uint32_t  i, n, missing;
    uint64_t  sequence, highest;

    (void) state;

    memset(seen, 0, sizeof(seen));
    srand(1);
    highest = 0;

    for (n = 0; n < 5000; n++) {
        sequence = 1 + (uint64_t) rand() % (n / 40 + 10);

        if (sequence >= sizeof(seen)) {
            continue;
        }

        assert_int_equal(see("a", sequence),
                         seen[sequence] ? RUM_DECLINED : RUM_OK);
        seen[sequence] = 1;
        highest = sequence > highest ? sequence : highest;

        for (i = 1, missing = 0; i <= highest; i++) {
            missing += !seen[i];
        }

        assert_int_equal(lost, missing);
    }
}


static void
past_the_list_of_gaps_the_oldest_stay_lost(void **state)
{
    uint64_t  i;

    (void) state;

    for (i = 1; i <= 100; i++) {
        assert_int_equal(see("a", 2 * i), RUM_OK);
    }

    assert_int_equal(lost, 100);
    assert_int_equal(writers.writers[0].ngaps, RUM_WRITER_GAPS);

    assert_int_equal(see("a", 1), RUM_DECLINED);
    assert_int_equal(lost, 100);
    assert_int_equal(see("a", 199), RUM_OK);
    assert_int_equal(lost, 99);
}


static void
a_full_list_still_splits(void **state)
{
    uint64_t  i;

    (void) state;

    for (i = 1; i <= RUM_WRITER_GAPS; i++) {
        assert_int_equal(see("a", 10 * i), RUM_OK);
    }

    /* in the middle: the oldest gap goes */

    assert_int_equal(see("a", 105), RUM_OK);
    assert_int_equal(see("a", 1), RUM_DECLINED);
    assert_int_equal(see("a", 104), RUM_OK);
    assert_int_equal(see("a", 106), RUM_OK);

    /* in the oldest: its first half goes */

    assert_int_equal(see("a", 15), RUM_OK);
    assert_int_equal(see("a", 14), RUM_DECLINED);
    assert_int_equal(see("a", 16), RUM_OK);
}


static void
values_are_read_back(void **state)
{
    rum_str_t  name, value;

    (void) state;

    name = (rum_str_t) rum_string("w");
    value = (rum_str_t) rum_string("50 1700000000 3-4 7-7");

    assert_int_equal(rum_writers_load(&writers, &name, &value), RUM_OK);
    value_is(0, "50 1700000000 3-4 7-7");

    assert_int_equal(see("w", 50), RUM_DECLINED);
    assert_int_equal(see("w", 7), RUM_OK);
    assert_int_equal(see("w", 51), RUM_OK);
    value_is(0, "51 100 3-4");
}


static void
what_is_no_value_is_declined(void **state)
{
    size_t              i;
    rum_str_t           name, value;

    static const char  *texts[] = {
        "", "x", "5", "5 ", "5 x", "5 1 ", "5 1 2", "5 1 2-", "5 1 3-2",
        "5 1 4-5", "5 1 2-3,", "5 1  2-3", "99999999999999999999 1", "-1 1"
    };

    (void) state;

    name = (rum_str_t) rum_string("w");

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        value.len = strlen(texts[i]);
        value.data = malloc(value.len + 1);
        assert_non_null(value.data);
        memcpy(value.data, texts[i], value.len);

        assert_int_equal(rum_writers_load(&writers, &name, &value),
                         RUM_DECLINED);
        free(value.data);
    }
}


static void
what_is_no_name_is_declined(void **state)
{
    rum_str_t      name, value;
    unsigned char  text[RUM_WRITER_MAX + 1];

    (void) state;

    memset(text, 'w', sizeof(text));
    name.data = text;
    value = (rum_str_t) rum_string("5 1");

    name.len = 0;
    assert_int_equal(rum_writers_load(&writers, &name, &value),
                     RUM_DECLINED);

    name.len = RUM_WRITER_MAX + 1;
    assert_int_equal(rum_writers_load(&writers, &name, &value),
                     RUM_DECLINED);

    name.len = RUM_WRITER_MAX;
    assert_int_equal(rum_writers_load(&writers, &name, &value), RUM_OK);
}


#ifndef RUM_SANITIZED

static void
without_memory_no_value_is_blamed(void **state)
{
    int        rc;
    rum_str_t  name, value;

    (void) state;

    name = (rum_str_t) rum_string("w");
    value = (rum_str_t) rum_string("5 1");

    full = 1;
    rc = rum_writers_load(&writers, &name, &value);
    full = 0;

    assert_int_equal(rc, RUM_ERROR);
}

#endif


static void
those_that_are_gone_are_forgotten(void **state)
{
    char      name[16];
    uint32_t  i;

    (void) state;

    for (i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "w%u", i);
        assert_int_equal(see(name, 1), RUM_OK);
        writers.writers[i].gone = i % 10 != 0;
    }

    assert_int_equal(rum_writers_stored(&writers), RUM_OK);
    assert_int_equal(writers.n, 100);

    for (i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "w%u", i);
        assert_int_equal(see(name, 1), i % 10 ? RUM_OK : RUM_DECLINED);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(in_order_nothing_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_gap_is_lost_until_it_comes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_less_than_none_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(any_order_is_told_apart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            past_the_list_of_gaps_the_oldest_stay_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_list_still_splits, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(values_are_read_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_value_is_declined, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_name_is_declined, setup,
                                        teardown),
#ifndef RUM_SANITIZED
        cmocka_unit_test_setup_teardown(without_memory_no_value_is_blamed,
                                        setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(those_that_are_gone_are_forgotten,
                                        setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
