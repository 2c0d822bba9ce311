/*
 * What a histogram's encoding is, takes and refuses.
 */

#include "histogram_data.h"

static void assert_refused(const unsigned char *data, size_t len, int rc);


static void
test_encoding_is_the_documented_array(void **state)
{
    size_t               len;
    unsigned char        buf[200];
    rum_histogram_t      h;
    static const char    empty[] = "\x99\x01\x06\x00\x00\x00\x00\x00\x00\x90";
    static const char    rated[] =
        "\x9a\x01\x06\x04\xcb\x40\x12\x00\x00\x00\x00\x00\x00\x00\x02\x01"
        "\xff\xdc\x00\x41\x01"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x01"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
        "\x93\x01\x00\x02";

    (void) state;

    rum_histogram_init(&h);

    len = encode(&h, buf);
    assert_int_equal(len, sizeof(empty) - 1);
    assert_memory_equal(buf, empty, len);

    /* 1.5 is in bucket 37, 1 and 2 are upper bounds of -1 and 63 */

    record(&h, 0, RUM_GOOD);
    record(&h, 1, RUM_POOR);
    record(&h, 1.5, RUM_POOR);
    record(&h, 2, RUM_UNRATED);

    len = encode(&h, buf);
    assert_int_equal(len, sizeof(rated) - 1);
    assert_memory_equal(buf, rated, len);

    rum_histogram_free(&h);
}


static void
test_decoding_brings_everything_back(void **state)
{
    unsigned              round;
    size_t                len;
    rum_histogram_t       h, back;
    static unsigned char  buf[PACKED_MAX];

    (void) state;

    rum_histogram_init(&back);

    for (round = 0; round < 200; round++) {
        rum_histogram_init(&h);
        fill(&h, (round % 50 == 3) ? 100000 : round * 3);

        len = encode(&h, buf);
        decode(&back, buf, len);

        assert_same(&h, &back);
        assert_int_equal(back.sum, h.sum);
        assert_true(back.min == h.min && back.max == h.max);
        assert_true(rum_histogram_quantile(&h, 0.75)
                    == rum_histogram_quantile(&back, 0.75));

        rum_histogram_free(&h);
    }

    rum_histogram_free(&back);
}


static void
test_encoding_that_does_not_fit_is_full(void **state)
{
    size_t           len, size;
    unsigned char    buf[2000];
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    fill(&h, 200);
    len = encode(&h, buf);

    for (size = 0; size < len; size++) {
        assert_int_equal(rum_histogram_encode(&h, buf, size), RUM_FULL);
    }

    assert_int_equal(rum_histogram_encode(&h, buf, len), len);

    rum_histogram_free(&h);
}


static void
test_other_forms_of_the_same_numbers_are_decoded(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);

    /* 8 bytes long, signed, float32, an array of 16 bits length */

    decode(&h, packed("\xdc\x00\x09\x01\xd0\x06"
                      "\xcf\x00\x00\x00\x00\x00\x00\x00\x03"
                      "\xca\x40\x40\x00\x00\xd1\x00\x01\x01\xcc\x00"
                      "\xd2\xff\xff\xff\xff\x91\xd0\x03"));

    assert_int_equal(h.count, 3);
    assert_true(rum_histogram_sum(&h) == 3);
    assert_true(rum_histogram_quantile(&h, 0.5) == 1);

    rum_histogram_free(&h);
}


static void
assert_refused(const unsigned char *data, size_t len, int rc)
{
    rum_histogram_t  h, empty;

    rum_histogram_init(&h);
    rum_histogram_init(&empty);
    record(&h, 5, RUM_GOOD);

    assert_int_equal(rum_histogram_decode(&h, data, len), rc);
    assert_same(&h, &empty);

    rum_histogram_free(&h);
}


static void
test_what_is_no_histogram_is_refused(void **state)
{
    (void) state;

#define refused(bytes)  assert_refused(packed(bytes), RUM_ERROR)

    refused("");
    refused("\xc0");
    refused("\x01");
    refused("\xa3" "abc");
    refused("\x80");
    refused("\xdd\xff\xff\xff\xff");
    refused("\x98\x01\x06\x01\x05\x05\x05\x00\x00");
    refused("\x9b\x01\x06\x00\x00\x00\x00\x00\x00\x90\x90\x90");

    /* version, scale, count, offset of another type or another value */

    refused("\x99\x02\x06\x00\x00\x00\x00\x00\x00\x90");
    refused("\x99\xff\x06\x00\x00\x00\x00\x00\x00\x90");
    refused("\x99\x01\xc3\x00\x00\x00\x00\x00\x00\x90");
    refused("\x99\x01\x06\xff\x00\x00\x00\x00\x00\x90");
    refused("\x99\x01\x06\x00\x00\x00\x00\x00\xa0\x90");
    refused("\x99\x01\x06\x00\x00\x00\x00\x00\x00\x00");

    /* an element too many, a byte too many */

    refused("\x9a\x01\x06\x00\x00\x00\x00\x00\x00\x90\x94\x00\x00\x00\x00");
    refused("\x9a\x01\x06\x00\x00\x00\x00\x00\x00\x90\x90");
    refused("\x99\x01\x06\x00\x00\x00\x00\x00\x00\x90\x00");
}


static void
test_counts_that_do_not_add_up_are_refused(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    decode(&h, packed("\x99\x01\x06\x03\x02\x00\x01\x01\xff\x91\x02"));
    rum_histogram_free(&h);

    /* the same with another count, other zeroes, another bucket count */

    refused("\x99\x01\x06\x04\x02\x00\x01\x01\xff\x91\x02");
    refused("\x99\x01\x06\x02\x02\x00\x01\x01\xff\x91\x02");
    refused("\x99\x01\x06\x03\x02\x00\x01\x00\xff\x91\x02");
    refused("\x99\x01\x06\x03\x02\x00\x01\x01\xff\x91\x03");
    refused("\x99\x01\x06\x03\x02\x00\x01\x01\xff\x90");

    /* sums that only add up modulo 2^64 */

    refused("\x99\x01\x06\x02\x03\x01\x01\x00\x00\x92"
            "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x03");
    refused("\x99\x01\x06\x01\x03\x01\x01"
            "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00\x91\x02");

    /* ratings above the count, values where there is no count */

    refused("\x9a\x01\x06\x03\x02\x00\x01\x01\xff\x91\x02\x93\x02\x01\x01");
    refused("\x99\x01\x06\x00\x01\x00\x00\x00\x00\x90");
    refused("\x99\x01\x06\x00\x00\x00\x01\x00\x00\x90");
}


static void
test_impossible_numbers_are_refused(void **state)
{
    (void) state;

    /* min above max; negative, infinite, no number; too large */

    refused("\x99\x01\x06\x01\x01\x02\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\xff\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\xff\x01\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\xca\x7f\xc0\x00\x00\x01\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\xca\x7f\xc0\x00\x00\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\xca\x7f\x80\x00\x00\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\xcf\x00\x04\x00\x00\x00\x00\x00\x00"
            "\x00\xff\x91\x01");

    /* buckets outside of the range */

    refused("\x99\x01\x06\x01\x01\x01\x01\x00\xd1\xfb\x03\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\x01\x00\xcd\x0c\x76\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\x01\x00\xcd\x0c\x75\x92\x00\x01");
    refused("\x99\x01\x06\x01\x01\x01\x01\x00"
            "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x91\x01");
}


static void
test_extremes_outside_of_the_outer_buckets_are_refused(void **state)
{
    rum_histogram_t  h;

    (void) state;

    /* 1 and 2; 1 alone; a zero alone */

    rum_histogram_init(&h);
    decode(&h, packed("\x99\x01\x06\x02\x03\x01\x02\x00\xff\xdc\x00\x41\x01"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x01"));
    rum_histogram_free(&h);

    decode(&h, packed("\x99\x01\x06\x01\x01\x01\x01\x00\xff\x91\x01"));
    rum_histogram_free(&h);
    decode(&h, packed("\x99\x01\x06\x01\x00\x00\x00\x01\x00\x90"));
    rum_histogram_free(&h);

    refused("\x99\x01\x06\x01\x01\x01\x02\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x00\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x02\x02\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x00\x00\x01\x01\x00\x90");
    refused("\x99\x01\x06\x02\x01\x01\x01\x01\xff\x91\x01");
}


static void
test_another_scale_is_declined(void **state)
{
    (void) state;

    assert_refused(packed("\x99\x01\x05\x01\x01\x01\x01\x00\xff\x91\x01"),
                   RUM_DECLINED);
    assert_refused(packed("\x99\x01\xff\x01\x01\x01\x01\x00\xff\x91\x01"),
                   RUM_DECLINED);
}


static void
test_a_cut_encoding_is_refused_at_every_byte(void **state)
{
    size_t           len, cut;
    unsigned char    buf[2000];
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    fill(&h, 300);
    len = encode(&h, buf);

    for (cut = 0; cut < len; cut++) {
        assert_refused(buf, cut, RUM_ERROR);
    }

    rum_histogram_free(&h);
}


static void
test_the_sum_saturates_and_stays(void **state)
{
    size_t           len;
    unsigned char    buf[PACKED_MAX];
    rum_histogram_t  h, back;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&back);

    record(&h, 9e14, RUM_UNRATED);
    assert_true(rum_histogram_sum(&h) == 9e14);

    record(&h, 9e14, RUM_UNRATED);
    record(&h, 1, RUM_UNRATED);
    assert_int_equal(h.sum, INT64_MAX);

    len = encode(&h, buf);
    decode(&back, buf, len);
    assert_int_equal(back.sum, INT64_MAX);

    assert_int_equal(rum_histogram_subtract(&h, 1, RUM_UNRATED), RUM_OK);
    assert_int_equal(h.sum, INT64_MAX);

    rum_histogram_free(&h);
    rum_histogram_free(&back);
}


static void
test_large_sums_are_encoded_whole(void **state)
{
    size_t           len;
    unsigned char    buf[PACKED_MAX];
    rum_histogram_t  h, back;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&back);

    record(&h, 1e11, RUM_UNRATED);
    record(&h, 0.0001, RUM_UNRATED);
    len = encode(&h, buf);
    decode(&back, buf, len);
    assert_int_equal(back.sum, 1000000000000001);

    record(&h, 1e12, RUM_UNRATED);
    record(&h, 0.6, RUM_UNRATED);
    len = encode(&h, buf);
    decode(&back, buf, len);
    assert_true(rum_histogram_sum(&back) == 1100000000001.0);

    rum_histogram_free(&h);
    rum_histogram_free(&back);
}


int
main(void)
{
#define test(name)  cmocka_unit_test_setup(test_ ## name, setup)

    static const struct CMUnitTest  tests[] = {
        test(encoding_is_the_documented_array),
        test(decoding_brings_everything_back),
        test(encoding_that_does_not_fit_is_full),
        test(other_forms_of_the_same_numbers_are_decoded),
        test(what_is_no_histogram_is_refused),
        test(counts_that_do_not_add_up_are_refused),
        test(impossible_numbers_are_refused),
        test(extremes_outside_of_the_outer_buckets_are_refused),
        test(another_scale_is_declined),
        test(a_cut_encoding_is_refused_at_every_byte),
        test(the_sum_saturates_and_stays),
        test(large_sums_are_encoded_whole)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
