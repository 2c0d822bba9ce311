/*
 * The ring's places: entries never overlap, memory is used sparingly while
 * little is held, and nearly all of it when much is.
 */

#include "rum_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIZE     (4 * 1024 * 1024)
#define ENTRIES  65536
#define LARGEST  4096

typedef struct {
    size_t         at;
    size_t         len;
} place_t;

typedef struct {
    rum_ring_t     ring;
    uint64_t       first;
    uint64_t       next;
    size_t         held;
    size_t         top;                 /* highest byte ever taken */
    place_t        places[ENTRIES];
    unsigned char  bytes[SIZE];         /* whose entry is here */
} model_t;

static model_t *model_create(size_t size);
static int model_push(model_t *m, size_t len);
static void model_pop(model_t *m);


static model_t *
model_create(size_t size)
{
    model_t  *m;

    m = calloc(1, sizeof(model_t));
    assert_non_null(m);

    rum_ring_init(&m->ring, size);

    return m;
}


/* fills the entry with a mark of its own, so that an overlap is seen later */

static int
model_push(model_t *m, size_t len)
{
    size_t    at;
    place_t  *first, *place;

    first = &m->places[m->first % ENTRIES];
    at = rum_ring_reserve(&m->ring, m->first, first->at, m->next, len);

    if (at == RUM_RING_FULL) {
        return RUM_FULL;
    }

    assert_true(at <= m->ring.size && len <= m->ring.size - at);

    place = &m->places[m->next % ENTRIES];
    place->at = at;
    place->len = len;

    memset(m->bytes + at, (int) (m->next % 251), len);

    m->next++;
    m->held += len;
    m->top = at + len > m->top ? at + len : m->top;

    return RUM_OK;
}


static void
model_pop(model_t *m)
{
    size_t    i;
    place_t  *place;

    place = &m->places[m->first % ENTRIES];

    for (i = 0; i < place->len; i++) {
        if (m->bytes[place->at + i] != m->first % 251) {
            fail_msg("entry %lu is overwritten", (unsigned long) m->first);
        }
    }

    m->first++;
    m->held -= place->len;
}


static void
little_is_held_little_is_used(void **state)
{
    size_t    i;
    model_t  *m;

    (void) state;
    m = model_create(SIZE);

    for (i = 0; i < 200000; i++) {
        assert_int_equal(model_push(m, 200 + i % 1700), RUM_OK);

        while (m->held > RUM_RING_WARM / 3) {
            model_pop(m);
        }
    }

    assert_true(m->top <= RUM_RING_WARM);

    free(m);
}


/* however far it has gone round when the reader stops */

static void
much_is_held_when_it_must_be(void **state)
{
    size_t    i, before;
    model_t  *m;

    (void) state;

    for (before = 0; before < 3000; before += 50) {
        m = model_create(SIZE);

        for (i = 0; i < before; i++) {
            assert_int_equal(model_push(m, 700), RUM_OK);

            if (m->held > 100000) {
                model_pop(m);
            }
        }

        while (model_push(m, 700) == RUM_OK) { /* void */ }

        assert_true(m->held > SIZE - RUM_RING_WARM - 700);

        /* and goes on when the reader does */

        for (i = 0; i < 2 * SIZE / 700; i++) {
            model_pop(m);

            while (model_push(m, 700) == RUM_OK) { /* void */ }
        }

        while (m->first != m->next) {
            model_pop(m);
        }

        free(m);
        before += before / 8;
    }
}


static void
entries_never_overlap(void **state)
{
    size_t    i, len, target;
    model_t  *m;

    (void) state;
    srand(7);

    m = model_create(SIZE);
    target = 0;

    for (i = 0; i < 400000; i++) {

        if (i % 1000 == 0) {
            target = (size_t) rand() % (SIZE + SIZE / 4);
        }

        len = 1 + (size_t) rand() % LARGEST;

        if (m->held < target && m->next - m->first < ENTRIES
            && model_push(m, len) == RUM_OK)
        {
            continue;
        }

        while (m->first != m->next && (size_t) rand() % 4 != 0) {
            model_pop(m);
        }
    }

    free(m);
}


static void
sizes_at_the_edge(void **state)
{
    model_t  *m;

    (void) state;
    m = model_create(4096);

    assert_int_equal(model_push(m, 4097), RUM_FULL);
    assert_int_equal(model_push(m, 4096), RUM_OK);
    assert_int_equal(model_push(m, 1), RUM_FULL);
    model_pop(m);
    assert_int_equal(model_push(m, 4096), RUM_OK);
    model_pop(m);

    assert_int_equal(model_push(m, 2000), RUM_OK);
    assert_int_equal(model_push(m, 2000), RUM_OK);
    model_pop(m);
    assert_int_equal(model_push(m, 1999), RUM_OK);
    model_pop(m);
    model_pop(m);
    assert_int_equal(m->first, m->next);

    free(m);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(little_is_held_little_is_used),
        cmocka_unit_test(much_is_held_when_it_must_be),
        cmocka_unit_test(entries_never_overlap),
        cmocka_unit_test(sizes_at_the_edge)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
