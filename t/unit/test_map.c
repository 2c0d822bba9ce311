/*
 * The hash table and the numbering of strings.
 */

#include "rum_intern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>


#define KEYS  3000


/* few low bits, so that runs are long and wrap around the end */

static void
it_holds_what_a_plain_table_holds(void **state)
{
    uint32_t   i, k, plain[KEYS], used;
    uint64_t   keys[KEYS];
    rum_map_t  map;

    (void) state;

    srand(4);
    rum_map_init(&map);
    used = 0;

    for (k = 0; k < KEYS; k++) {
        keys[k] = (uint64_t) (rand() % 64) - 8 + ((uint64_t) k << 32);
        plain[k] = RUM_MAP_NONE;
    }

    for (i = 0; i < 200000; i++) {
        k = (uint32_t) rand() % KEYS;

        assert_int_equal(rum_map_get(&map, keys[k]), plain[k]);

        if (rand() % 2) {
            used += plain[k] == RUM_MAP_NONE;
            plain[k] = i;
            assert_int_equal(rum_map_set(&map, keys[k], i), RUM_OK);

        } else {
            used -= plain[k] != RUM_MAP_NONE;
            plain[k] = RUM_MAP_NONE;
            rum_map_remove(&map, keys[k]);
        }

        assert_int_equal(map.used, used);
    }

    rum_map_clear(&map);
    assert_int_equal(map.used, 0);

    for (k = 0; k < KEYS; k++) {
        assert_int_equal(rum_map_get(&map, keys[k]), RUM_MAP_NONE);
    }

    rum_map_free(&map);
}


static void
a_table_that_was_large_shrinks(void **state)
{
    uint64_t   i;
    rum_map_t  map;

    (void) state;

    rum_map_init(&map);

    for (i = 0; i < 100000; i++) {
        assert_int_equal(rum_map_set(&map, i * 7919, 1), RUM_OK);
    }

    rum_map_clear(&map);
    assert_non_null(map.slots);
    assert_int_equal(rum_map_set(&map, 1, 1), RUM_OK);
    rum_map_clear(&map);
    assert_null(map.slots);
    assert_int_equal(rum_map_get(&map, 1), RUM_MAP_NONE);
    rum_map_free(&map);
}


static void
a_hash_depends_on_every_byte(void **state)
{
    uint64_t       hash;
    size_t         len, i;
    unsigned char  text[40];

    (void) state;

    for (len = 0; len <= sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        hash = rum_hash(text, len, 1);

        assert_int_equal(rum_hash(text, len, 1), hash);
        assert_int_not_equal(rum_hash(text, len, 2), hash);

        for (i = 0; i < len; i++) {
            text[i] ^= 1;
            assert_int_not_equal(rum_hash(text, len, 1), hash);
            text[i] ^= 1;
        }

        if (len > 0) {
            assert_int_not_equal(rum_hash(text, len - 1, 1), hash);
        }
    }
}


static void
strings_keep_their_numbers_until_swept(void **state)
{
    char          name[16];
    uint32_t      i, value, numbers[1000];
    rum_str_t     text;
    rum_intern_t  in;

    (void) state;

    assert_int_equal(rum_intern_init(&in, 5), RUM_OK);

    text = (rum_str_t) rum_string("(other)");
    assert_int_equal(rum_intern(&in, &text), RUM_VALUE_OTHER);

    text.data = (unsigned char *) name;

    for (i = 0; i < 1000; i++) {
        text.len = (size_t) snprintf(name, sizeof(name), "v%u", i);
        numbers[i] = rum_intern(&in, &text);
        assert_true(rum_str_eq(rum_intern_text(&in, numbers[i]), &text));
    }

    for (i = 0; i < 1000; i += 2) {
        rum_intern_mark(&in, numbers[i]);
    }

    rum_intern_sweep(&in);
    assert_int_equal(in.used, RUM_VALUE_FIXED + 500);

    /* the others come back under numbers that are free, not new ones */

    for (i = 0; i < 1000; i++) {
        text.len = (size_t) snprintf(name, sizeof(name), "v%u", i);
        value = rum_intern(&in, &text);
        assert_true(rum_str_eq(rum_intern_text(&in, value), &text));
        assert_true(i % 2 || value == numbers[i]);
    }

    assert_int_equal(in.n, RUM_VALUE_FIXED + 1000);

    /* marks are gone with the sweep */

    rum_intern_sweep(&in);
    assert_int_equal(in.used, RUM_VALUE_FIXED);
    rum_intern_free(&in);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(it_holds_what_a_plain_table_holds),
        cmocka_unit_test(a_table_that_was_large_shrinks),
        cmocka_unit_test(a_hash_depends_on_every_byte),
        cmocka_unit_test(strings_keep_their_numbers_until_swept)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
