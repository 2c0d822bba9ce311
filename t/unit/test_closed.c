/*
 * rum_closed, and what rum_plan makes of it: an answer is the same whether
 * closed windows were read or their sums taken, and what changed after all
 * comes a minute later.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rum_plan.h"

#define NOW            UINT64_C(1795318230)
#define VALUES         100              /* of the dimension */
#define PACKED_MAX     512

#define LONG           "site=shop&last=30d&by=page&metric=lcp,views&limit=9"


/* one Redis: what its windows hold, and how often they were read */
typedef struct {
    uint32_t              reads;
    uint32_t              values;
    uint32_t              partitions;   /* 0: one */
    uint32_t              extra;        /* added to every count of views */
    unsigned              backwards:1;
    unsigned              unreadable:1;
} store_t;


static void answers_are_the_same(void **state);
static void what_changed_comes_when_the_sum_is_old(void **state);
static void one_reads_anew_for_all(void **state);
static void other_questions_have_other_sums(void **state);
static void not_everything_is_kept(void **state);
static void memory_is_bounded(void **state);
static void numbers_come_back(void **state);

static rum_text_t ask(const char *question, rum_closed_t *closed,
    uint64_t later, store_t *store);
static void reply(rum_plan_t *plan, const rum_read_t *read, store_t *store);
static void reply_index(rum_plan_t *plan, const rum_read_t *read);
static int pack(const rum_plan_t *plan, const rum_read_t *read, uint32_t i,
    const store_t *store, unsigned char *buf);
static int same(const rum_text_t *a, const rum_text_t *b);
static rum_closed_sum_t sum_of(const char *key, const char *fields);


static void
answers_are_the_same(void **state)
{
    size_t         i;
    store_t        store = { .values = VALUES };
    uint32_t       all;
    rum_text_t     read, first, second;
    rum_closed_t  *closed;

    static const char *const  questions[] = {
        LONG,
        "site=shop&last=30d&by=page&metric=lcp,views&compare=previous",
        "site=shop&last=30d&by=page&metric=lcp,views&compare=1d&sort=-p75",
        "site=shop&last=30d&by=page&where=device:d3&metric=lcp,views",
        "site=shop&last=30d&where=page:p7&by=device&metric=views&buckets=1",
        "last=30d&by=page",
        "site=shop&last=30d&by=host,type&metric=requests,slowest&compare=1d",
        "site=shop&last=30d&by=page&metric=lcp&format=csv"
    };

    (void) state;

    for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        closed = rum_closed_create(RUM_CLOSED_MEMORY);
        assert_non_null(closed);

        store.reads = 0;
        read = ask(questions[i], NULL, 0, &store);
        all = store.reads;

        store.reads = 0;
        first = ask(questions[i], closed, 0, &store);
        assert_int_equal(store.reads, all);

        store.reads = 0;
        second = ask(questions[i], closed, 1, &store);
        assert_true(store.reads <= all / 10);

        assert_true(read.len > 100);
        assert_true(same(&read, &first));
        assert_true(same(&read, &second));

        rum_text_free(&read);
        rum_text_free(&first);
        rum_text_free(&second);
        rum_closed_destroy(closed);
    }
}


static void
what_changed_comes_when_the_sum_is_old(void **state)
{
    store_t        store = { .values = VALUES };
    rum_text_t     before, kept, late, expected;
    rum_closed_t  *closed;

    (void) state;

    closed = rum_closed_create(RUM_CLOSED_MEMORY);
    before = ask(LONG, closed, 0, &store);

    /* in all windows; the open one is always read */

    store.extra = 5;
    expected = ask(LONG, NULL, 0, &store);
    kept = ask(LONG, closed, RUM_CLOSED_AGE - 1, &store);
    late = ask(LONG, closed, RUM_CLOSED_AGE, &store);

    assert_false(same(&before, &kept));
    assert_false(same(&kept, &expected));
    assert_true(same(&late, &expected));

    rum_text_free(&before);
    rum_text_free(&expected);
    rum_text_free(&kept);
    rum_text_free(&late);
    rum_closed_destroy(closed);
}


/* who finds an old sum reads, others take it until that has come */

static void
one_reads_anew_for_all(void **state)
{
    rum_str_t          key;
    rum_closed_t      *closed;
    rum_closed_sum_t   sum, found;

    (void) state;

    closed = rum_closed_create(RUM_CLOSED_MEMORY);
    sum = sum_of("key", "old");
    key = sum.key;

    assert_int_equal(rum_closed_find(closed, &key, 0, &found), RUM_DECLINED);
    rum_closed_put(closed, &sum, 100);

    assert_int_equal(rum_closed_find(closed, &key, 100 + RUM_CLOSED_AGE,
                                     &found), RUM_DECLINED);
    assert_int_equal(rum_closed_find(closed, &key, 101 + RUM_CLOSED_AGE,
                                     &found), RUM_OK);
    assert_memory_equal(found.fields.data, "old", 3);

    sum = sum_of("key", "new");
    rum_closed_put(closed, &sum, 102 + RUM_CLOSED_AGE);
    assert_int_equal(rum_closed_find(closed, &key, 102 + RUM_CLOSED_AGE,
                                     &found), RUM_OK);
    assert_memory_equal(found.fields.data, "new", 3);

    /* nothing has come: the next one tries */

    assert_int_equal(rum_closed_find(closed, &key, 102 + 2 * RUM_CLOSED_AGE,
                                     &found), RUM_DECLINED);
    assert_int_equal(rum_closed_find(closed, &key, 102 + 2 * RUM_CLOSED_AGE
                                     + RUM_CLOSED_RENEWAL, &found),
                     RUM_DECLINED);

    rum_closed_destroy(closed);
}


static void
other_questions_have_other_sums(void **state)
{
    size_t         i;
    store_t        store = { .values = VALUES };
    rum_text_t     read, kept;
    rum_closed_t  *closed;

    static const char *const  questions[] = {
        LONG,
        "site=blog&last=30d&by=page&metric=lcp,views&limit=9",
        "site=shop&last=31d&by=page&metric=lcp,views&limit=9",
        "site=shop&last=30d&by=page&where=device:d3&metric=lcp,views",
        "site=shop&last=30d&by=page&where=device:d4&metric=lcp,views",
        "site=shop&last=30d&by=device&where=page:p4&metric=lcp,views",
        "site=shop&last=30d&by=device&where=page:p5&metric=lcp,views",
        "site=shop&last=30d&by=page,device&metric=lcp,views",
        "site=shop&last=30d&by=browser&metric=lcp,views",
        "site=shop&last=1000d&where=page:p3&metric=views",
        "site=shop&last=1000d&where=page:p4&metric=views",
        "site=shop&from=1790294400&to=1792800000&by=host,type&metric=slowest",
        ("site=shop&from=1792800000&to=1795305600&by=host,type"
         "&metric=slowest&compare=previous")
    };

    (void) state;

    /* so that of a single value there is enough to be kept, too */

    store.partitions = 2;

    closed = rum_closed_create(RUM_CLOSED_MEMORY);

    for (i = 0; i < 2 * sizeof(questions) / sizeof(questions[0]); i++) {
        read = ask(questions[i / 2], NULL, 0, &store);
        kept = ask(questions[i / 2], closed, 0, &store);

        assert_true(same(&read, &kept));

        rum_text_free(&read);
        rum_text_free(&kept);
    }

    rum_closed_destroy(closed);
}


static void
not_everything_is_kept(void **state)
{
    size_t         i;
    uint32_t       all;
    rum_text_t     text;
    rum_closed_t  *closed;

    static const struct {
        const char  *question;
        store_t      store;
    } cases[] = {
        { LONG, { .values = 60 } },                     /* little */
        { LONG, { .values = RUM_CLOSED_VALUES + 1 } },  /* too much */
        { LONG, { .values = VALUES, .backwards = 1 } },
        { LONG, { .values = VALUES, .unreadable = 1 } },
        { LONG "&step=1d", { .values = VALUES } },
        { "site=shop&last=1h&by=page&metric=views", { .values = VALUES } },
        { "site=shop&last=30d&where=page:p3&metric=views",
          { .values = VALUES } }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        store_t  store = cases[i].store;

        closed = rum_closed_create(RUM_CLOSED_MEMORY);

        text = ask(cases[i].question, closed, 0, &store);
        rum_text_free(&text);
        all = store.reads;

        text = ask(cases[i].question, closed, 0, &store);
        rum_text_free(&text);
        assert_int_equal(store.reads, 2 * all);

        rum_closed_destroy(closed);
    }
}


static void
memory_is_bounded(void **state)
{
    int                i;
    char               key[16], large[2000];
    rum_closed_t      *closed;
    rum_closed_sum_t   sum, found;

    (void) state;

    closed = rum_closed_create(5000);

    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';

    for (i = 0; i < 10; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        sum = sum_of(key, large);
        rum_closed_put(closed, &sum, 1);

        /* the first one is asked for all the time */

        sum = sum_of("key0", "");
        assert_int_equal(rum_closed_find(closed, &sum.key, 1, &found), RUM_OK);
    }

    sum = sum_of("key8", "");
    assert_int_equal(rum_closed_find(closed, &sum.key, 1, &found),
                     RUM_DECLINED);
    sum = sum_of("key9", "");
    assert_int_equal(rum_closed_find(closed, &sum.key, 1, &found), RUM_OK);

    rum_closed_destroy(closed);

    /* many small ones; and one that never fits */

    closed = rum_closed_create(1000000);

    for (i = 0; i < RUM_CLOSED_SUMS + 10; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        sum = sum_of(key, "x");
        rum_closed_put(closed, &sum, 1);
    }

    sum = sum_of("key9", "");
    assert_int_equal(rum_closed_find(closed, &sum.key, 1, &found),
                     RUM_DECLINED);
    sum = sum_of("key10", "");
    assert_int_equal(rum_closed_find(closed, &sum.key, 1, &found), RUM_OK);

    rum_closed_destroy(closed);

    closed = rum_closed_create(100);
    sum = sum_of("key", large);
    rum_closed_put(closed, &sum, 1);
    assert_int_equal(rum_closed_find(closed, &sum.key, 1, &found),
                     RUM_DECLINED);
    rum_closed_destroy(closed);
}


static void
numbers_come_back(void **state)
{
    size_t      i, off;
    rum_str_t   value, packed, fields;
    rum_text_t  text;

    static const int64_t  numbers[] = {
        0, 1, -1, 127, 128, -33, 70000, INT64_MIN, INT64_MAX
    };

    (void) state;

    rum_text_init(&text);
    value.data = (unsigned char *) "v";

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        value.len = i % 2;
        rum_closed_add_number(&text, &value, numbers[i]);
    }

    assert_int_equal(rum_text_status(&text), RUM_OK);
    fields.data = text.data;
    fields.len = text.len;

    for (i = 0; rum_closed_next(&fields, &value, &packed) == RUM_OK; i++) {
        msgpack_unpacked  unpacked;

        off = 0;
        msgpack_unpacked_init(&unpacked);
        assert_int_equal(msgpack_unpack_next(&unpacked,
                                             (const char *) packed.data,
                                             packed.len, &off),
                         MSGPACK_UNPACK_SUCCESS);
        assert_true(unpacked.data.via.i64 == numbers[i]);
        assert_int_equal(value.len, i % 2);
        msgpack_unpacked_destroy(&unpacked);
    }

    assert_int_equal(i, sizeof(numbers) / sizeof(numbers[0]));
    rum_text_free(&text);
}


/* the answer, without the time it was made */

static rum_text_t
ask(const char *question, rum_closed_t *closed, uint64_t later,
    store_t *store)
{
    int                 n;
    rum_str_t           args;
    rum_plan_t         *plan;
    rum_read_t          reads[2048];
    rum_text_t          text;
    rum_command_t       command;
    rum_report_info_t   info;

    static rum_query_t  q;

    args.data = (unsigned char *) question;
    args.len = strlen(question);
    assert_int_equal(rum_query_parse(&q, &args), RUM_OK);

    plan = rum_plan_create(&q, store->partitions ? store->partitions : 1, NOW);
    assert_non_null(plan);

    if (closed != NULL) {
        rum_plan_keep(plan, closed, NOW + later);
    }

    do {
        for (n = 0; n < 2048; n++) {
            if (rum_plan_next(plan, &reads[n], &command) != RUM_OK) {
                break;
            }
        }

        if (store->backwards) {
            for ( /* void */ ; n > 0; n--) {
                reply(plan, &reads[n - 1], store);
            }

        } else {
            for (int i = 0; i < n; i++) {
                reply(plan, &reads[i], store);
            }
        }

    } while (plan->outcome == RUM_PLAN_RUNNING);

    assert_int_equal(plan->outcome, RUM_PLAN_DONE);

    memset(&info, 0, sizeof(info));
    rum_text_init(&text);

    assert_int_equal(q.format == RUM_QUERY_CSV
                     ? rum_report_csv(plan->report, &text)
                     : rum_report_json(plan->report, &info, &text, NULL),
                     RUM_OK);

    rum_plan_destroy(plan);

    return text;
}


static void
reply(rum_plan_t *plan, const rum_read_t *read, store_t *store)
{
    int                n;
    char               pair[64];
    size_t             used;
    uint32_t           i;
    rum_reply_t        answer;
    unsigned char     *text;
    rum_reply_item_t  *items;

    if (read->type != RUM_READ_ROLLUP) {
        reply_index(plan, read);
        return;
    }

    store->reads++;

    memset(&answer, 0, sizeof(answer));
    items = calloc(2 * store->values, sizeof(rum_reply_item_t));
    text = malloc((size_t) store->values * (PACKED_MAX + sizeof(pair)));
    answer.items = items;
    used = 0;

    for (i = 0; i < store->values; i++) {
        if (memchr(plan->rollup->name.data, ',', plan->rollup->name.len)) {
            n = snprintf(pair, sizeof(pair), "p%u,d%u", i % 20, i / 20);

        } else {
            n = snprintf(pair, sizeof(pair), "p%u", i);
        }

        items[2 * i].text.data = text + used;
        items[2 * i].text.len = n;
        memcpy(text + used, pair, n);
        used += n;

        n = pack(plan, read, i, store, text + used);
        items[2 * i + 1].text.data = text + used;
        items[2 * i + 1].text.len = n;
        used += n;
    }

    answer.nitems = 2 * store->values;

    /* of one value, where only one is asked for */

    if (plan->filter.field.len) {
        items[0] = items[1];
        memset(&items[1], 0, sizeof(rum_reply_item_t));
        answer.nitems = 2;
    }

    rum_plan_reply(plan, read, &answer);

    free(items);
    free(text);
}


static void
reply_index(rum_plan_t *plan, const rum_read_t *read)
{
    size_t             i, n;
    rum_reply_t        answer;
    rum_reply_item_t   items[8];    /* as many as the index has */

    static const char *const  index[] = {
        "page:lcp", "page:views", "page,device:lcp", "page,device:views",
        "browser:lcp", "browser:views", "device:lcp", "host,type:requests"
    };

    memset(&answer, 0, sizeof(answer));
    memset(items, 0, sizeof(items));
    answer.items = items;

    n = read->type == RUM_READ_INDEX ? 8 : read->type == RUM_READ_SITES;

    for (i = 0; i < n; i++) {
        items[i].text.data = (unsigned char *)
                             (read->type == RUM_READ_SITES ? "shop"
                                                           : index[i]);
        items[i].text.len = strlen((char *) items[i].text.data);
    }

    answer.nitems = n;
    rum_plan_reply(plan, read, &answer);
}


/* depends on the value, the window, the metric, the rollup and the site */

static int
pack(const rum_plan_t *plan, const rum_read_t *read, uint32_t i,
    const store_t *store, unsigned char *buf)
{
    int                n;
    uint32_t           k, seed;
    rum_slowest_t      slowest;
    rum_histogram_t    h;
    const rum_str_t   *rollup, *field;

    rollup = &plan->rollup->name;
    field = &plan->filter.field;

    seed = (uint32_t) (plan->windows[read->window].start / 60) * 31
           + i * 17 + rollup->data[rollup->len - 1]
           + plan->report->sites[read->site].name.data[0]
           + (field->len ? field->data[field->len - 1] : 0);

    if (store->unreadable && i == 1) {
        buf[0] = 0xc1;
        return 1;
    }

    if (rum_plan_is_slowest(&plan->report->sites[read->site], read->column)) {
        slowest.duration = seed % 907;
        slowest.url = *rollup;
        return rum_slowest_encode(&slowest, buf, PACKED_MAX);
    }

    if (read->column >= plan->report->sites[read->site].nmetrics) {
        buf[0] = seed % 90 + store->extra;      /* below 128 it is its byte */
        return 1;
    }

    rum_histogram_init(&h);

    for (k = 0; k < 5; k++) {
        assert_int_equal(rum_histogram_record(&h, 300 + (seed * 7 + k * k)
                                              % 200, k % 3), RUM_OK);
    }

    n = rum_histogram_encode(&h, buf, PACKED_MAX);
    assert_true(n > 0);
    rum_histogram_free(&h);

    return n;
}


static int
same(const rum_text_t *a, const rum_text_t *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}


static rum_closed_sum_t
sum_of(const char *key, const char *fields)
{
    rum_closed_sum_t  sum;

    memset(&sum, 0, sizeof(sum));
    sum.key.data = (unsigned char *) key;
    sum.key.len = strlen(key);
    sum.fields.data = (unsigned char *) fields;
    sum.fields.len = strlen(fields);

    return sum;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(answers_are_the_same),
        cmocka_unit_test(what_changed_comes_when_the_sum_is_old),
        cmocka_unit_test(one_reads_anew_for_all),
        cmocka_unit_test(other_questions_have_other_sums),
        cmocka_unit_test(not_everything_is_kept),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(numbers_come_back)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
