/*
 * Spool files: the checksum, and what a reader makes of records that are
 * whole, torn or damaged.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "rum_spool.h"


static unsigned char *test_record(const void *data, size_t len);
static void test_crc32c_known(void **state);
static void test_crc32c_goes_on(void **state);
static void test_crc32c_all_alignments(void **state);
static void test_crc32c_portable(void **state);
static void test_head_length(void **state);
static void test_record_whole(void **state);
static void test_record_torn_anywhere(void **state);
static void test_record_torn_claims_its_length(void **state);
static void test_record_flipped_bit(void **state);
static void test_record_empty_or_too_long(void **state);
static void test_record_largest(void **state);
static void test_record_zeros(void **state);
static void test_records_in_a_row(void **state);


/* head and data, in memory that ends where they do; the caller frees it */

static unsigned char *
test_record(const void *data, size_t len)
{
    unsigned char  *p;

    p = malloc(RUM_SPOOL_RECORD_HEAD + len);
    assert_non_null(p);

    rum_spool_record_head(p, data, len);
    memcpy(p + RUM_SPOOL_RECORD_HEAD, data, len);

    return p;
}


/* RFC 3720, B.4, and the check value of the catalogue of CRCs */

static void
test_crc32c_known(void **state)
{
    size_t         i;
    unsigned char  buf[32];

    (void) state;

    assert_int_equal(rum_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(rum_crc32c(0, "", 0), 0);

    memset(buf, 0, 32);
    assert_int_equal(rum_crc32c(0, buf, 32), 0x8a9136aa);

    memset(buf, 0xff, 32);
    assert_int_equal(rum_crc32c(0, buf, 32), 0x62a8ab43);

    for (i = 0; i < 32; i++) {
        buf[i] = (unsigned char) i;
    }

    assert_int_equal(rum_crc32c(0, buf, 32), 0x46dd794e);
}


static void
test_crc32c_goes_on(void **state)
{
    size_t       i;
    const char  *text;

    (void) state;

    text = "123456789";

    for (i = 0; i <= 9; i++) {
        assert_int_equal(rum_crc32c(rum_crc32c(0, text, i), text + i, 9 - i),
                         0xe3069283);
    }
}


/* against bit by bit: eight bytes at a time and the rest must agree */

static void
test_crc32c_all_alignments(void **state)
{
    size_t         i, k, from, len;
    uint32_t       crc;
    unsigned char  buf[64];

    (void) state;

    for (i = 0; i < sizeof(buf); i++) {
        buf[i] = (unsigned char) (i * 37 + 11);
    }

    for (from = 0; from < 9; from++) {
        for (len = 0; len < 40; len++) {
            crc = 0xffffffff;

            for (i = from; i < from + len; i++) {
                crc ^= buf[i];

                for (k = 0; k < 8; k++) {
                    crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78 : 0);
                }
            }

            assert_int_equal(rum_crc32c(0, buf + from, len), ~crc);
        }
    }
}


/* what a processor without the instruction gets: the same */

static void
test_crc32c_portable(void **state)
{
    size_t         i, len;
    uint32_t       crc;
    unsigned char  buf[64];

    (void) state;

    assert_int_equal(rum_crc32c_portable(0, "123456789", 9), 0xe3069283);
    assert_int_equal(rum_crc32c_portable(0, "", 0), 0);

    for (i = 0; i < sizeof(buf); i++) {
        buf[i] = (unsigned char) (i * 37 + 11);
    }

    for (len = 0; len <= sizeof(buf); len++) {
        crc = rum_crc32c_portable(0, buf, len / 3);
        crc = rum_crc32c_portable(crc, buf + len / 3, len - len / 3);

        assert_int_equal(crc, rum_crc32c(0, buf, len));
    }
}


static void
test_head_length(void **state)
{
    (void) state;

    assert_int_equal(sizeof(RUM_SPOOL_HEAD) - 1, RUM_SPOOL_HEAD_LEN);
}


static void
test_record_whole(void **state)
{
    rum_str_t       record;
    unsigned char  *p;

    (void) state;

    p = test_record("*1\r\n$4\r\nPING\r\n", 14);

    assert_int_equal(rum_spool_record(p, RUM_SPOOL_RECORD_HEAD + 14, &record),
                     RUM_OK);
    assert_int_equal(record.len, 14);
    assert_ptr_equal(record.data, p + RUM_SPOOL_RECORD_HEAD);

    /* little-endian on any machine */

    assert_memory_equal(p, "\x0e\0\0\0", 4);

    free(p);
}


static void
test_record_torn_anywhere(void **state)
{
    size_t          len;
    rum_str_t       record;
    unsigned char  *p, *torn;

    (void) state;

    p = test_record("0123456789", 10);

    for (len = 0; len < RUM_SPOOL_RECORD_HEAD + 10; len++) {
        torn = malloc(len + 1);
        assert_non_null(torn);
        memcpy(torn, p, len);

        assert_int_equal(rum_spool_record(torn, len, &record), RUM_FULL);
        assert_null(record.data);

        free(torn);
    }

    free(p);
}


static void
test_record_torn_claims_its_length(void **state)
{
    rum_str_t       record;
    unsigned char  *p;

    (void) state;

    p = test_record("0123456789", 10);

    assert_int_equal(rum_spool_record(p, RUM_SPOOL_RECORD_HEAD - 1, &record),
                     RUM_FULL);
    assert_int_equal(record.len, 0);

    assert_int_equal(rum_spool_record(p, RUM_SPOOL_RECORD_HEAD, &record),
                     RUM_FULL);
    assert_int_equal(record.len, 10);

    free(p);
}


static void
test_record_flipped_bit(void **state)
{
    int             rc;
    size_t          bit, len;
    rum_str_t       record;
    unsigned char  *p;

    (void) state;

    len = RUM_SPOOL_RECORD_HEAD + 10;
    p = test_record("0123456789", 10);

    for (bit = 0; bit < 8 * len; bit++) {
        p[bit / 8] ^= (unsigned char) (1 << bit % 8);

        /* a longer length looks torn, all else damaged */

        rc = rum_spool_record(p, len, &record);
        assert_int_not_equal(rc, RUM_OK);
        assert_null(record.data);

        if (bit >= 32) {
            assert_int_equal(rc, RUM_ERROR);
        }

        p[bit / 8] ^= (unsigned char) (1 << bit % 8);
    }

    assert_int_equal(rum_spool_record(p, len, &record), RUM_OK);
    free(p);
}


static void
test_record_empty_or_too_long(void **state)
{
    uint32_t       i, n;
    rum_str_t      record;
    unsigned char  head[RUM_SPOOL_RECORD_HEAD];

    static const uint32_t  lengths[] = {
        0, RUM_SPOOL_RECORD_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff
    };

    (void) state;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(head, 0, sizeof(head));

        for (n = 0; n < 4; n++) {
            head[n] = (unsigned char) (lengths[i] >> 8 * n);
        }

        assert_int_equal(rum_spool_record(head, sizeof(head), &record),
                         RUM_ERROR);
        assert_int_equal(record.len, 0);
    }
}


static void
test_record_largest(void **state)
{
    rum_str_t       record;
    unsigned char  *data, *p;

    (void) state;

    data = calloc(1, RUM_SPOOL_RECORD_MAX);
    assert_non_null(data);
    p = test_record(data, RUM_SPOOL_RECORD_MAX);

    assert_int_equal(rum_spool_record(p, RUM_SPOOL_RECORD_HEAD
                                         + RUM_SPOOL_RECORD_MAX, &record),
                     RUM_OK);
    assert_int_equal(record.len, RUM_SPOOL_RECORD_MAX);

    free(data);
    free(p);
}


/* what a file system leaves where data did not get to the disk */

static void
test_record_zeros(void **state)
{
    rum_str_t      record;
    unsigned char  zeros[64];

    (void) state;

    memset(zeros, 0, sizeof(zeros));

    assert_int_equal(rum_spool_record(zeros, sizeof(zeros), &record),
                     RUM_ERROR);
}


static void
test_records_in_a_row(void **state)
{
    size_t          len, at;
    uint32_t        n;
    rum_str_t       record;
    unsigned char   file[3 * (RUM_SPOOL_RECORD_HEAD + 3)], *p;

    static const char  *texts[] = { "a", "bc", "def" };

    (void) state;

    for (n = 0, len = 0; n < 3; n++) {
        p = test_record(texts[n], n + 1);
        memcpy(file + len, p, RUM_SPOOL_RECORD_HEAD + n + 1);
        len += RUM_SPOOL_RECORD_HEAD + n + 1;
        free(p);
    }

    for (n = 0, at = 0; n < 3; n++) {
        assert_int_equal(rum_spool_record(file + at, len - at, &record),
                         RUM_OK);
        assert_int_equal(record.len, n + 1);
        assert_memory_equal(record.data, texts[n], n + 1);
        at += RUM_SPOOL_RECORD_HEAD + record.len;
    }

    assert_int_equal(rum_spool_record(file + at, len - at, &record),
                     RUM_FULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_crc32c_known),
        cmocka_unit_test(test_crc32c_goes_on),
        cmocka_unit_test(test_crc32c_all_alignments),
        cmocka_unit_test(test_crc32c_portable),
        cmocka_unit_test(test_head_length),
        cmocka_unit_test(test_record_whole),
        cmocka_unit_test(test_record_torn_anywhere),
        cmocka_unit_test(test_record_torn_claims_its_length),
        cmocka_unit_test(test_record_flipped_bit),
        cmocka_unit_test(test_record_empty_or_too_long),
        cmocka_unit_test(test_record_largest),
        cmocka_unit_test(test_record_zeros),
        cmocka_unit_test(test_records_in_a_row)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
