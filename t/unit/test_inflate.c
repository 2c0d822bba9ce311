/*
 * gzip and deflate bodies: what is taken, what is not, and the cap.
 */

#include "rum_inflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#define GZIP   31
#define ZLIB   15
#define RAW   -15

typedef struct {
    size_t                len;
    size_t                calls;
    int                   answer;
    unsigned char         data[262144];
} sink_t;

static rum_inflate_t  *z;
static sink_t          out;

static int setup(void **state);
static int teardown(void **state);
static int take(void *data, const unsigned char *piece, size_t len);
static size_t compress_as(int bits, const unsigned char *in, size_t len,
    unsigned char *buf, size_t size);
static int inflate_in(rum_inflate_e encoding, size_t max,
    const unsigned char *in, size_t len, size_t piece);


static int
setup(void **state)
{
    (void) state;
    z = rum_inflate_create();
    return z == NULL;
}


static int
teardown(void **state)
{
    (void) state;
    rum_inflate_destroy(z);
    return 0;
}


static int
take(void *data, const unsigned char *piece, size_t len)
{
    sink_t  *sink;

    sink = data;
    sink->calls++;

    assert_true(len > 0);
    assert_true(sink->len + len <= sizeof(sink->data));
    memcpy(sink->data + sink->len, piece, len);
    sink->len += len;

    return sink->answer;
}


static size_t
compress_as(int bits, const unsigned char *in, size_t len, unsigned char *buf,
    size_t size)
{
    z_stream  s;

    memset(&s, 0, sizeof(s));
    assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, bits, 8,
                                  Z_DEFAULT_STRATEGY), Z_OK);
    s.next_in = (unsigned char *) in;
    s.avail_in = len;
    s.next_out = buf;
    s.avail_out = size;
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);

    return size - s.avail_out;
}


/* in pieces of that many bytes; what feed or end said first */

static int
inflate_in(rum_inflate_e encoding, size_t max, const unsigned char *in,
    size_t len, size_t piece)
{
    int     rc;
    size_t  i, n;

    out.len = 0;
    out.calls = 0;

    assert_int_equal(rum_inflate_begin(z, encoding, max, take, &out), RUM_OK);

    for (i = 0; i < len; i += n) {
        n = len - i < piece ? len - i : piece;

        rc = rum_inflate_feed(z, in + i, n);
        if (rc != RUM_OK) {
            assert_int_equal(rum_inflate_feed(z, in, 1), rc);
            assert_int_equal(rum_inflate_end(z), rc);
            return rc;
        }
    }

    return rum_inflate_end(z);
}


static void
each_encoding_comes_out_whole_in_any_pieces(void **state)
{
    size_t         i, k, len;
    unsigned char  text[40000], buf[50000];

    static const struct {
        int            bits;
        rum_inflate_e  encoding;
    } cases[] = {
        { GZIP, RUM_INFLATE_GZIP },
        { ZLIB, RUM_INFLATE_DEFLATE },
        { RAW, RUM_INFLATE_DEFLATE }
    };

    static const size_t  pieces[] = { 1, 2, 3, 7, 1000, 100000 };

    (void) state;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (i * i >> 7) ^ i;
    }

    for (i = 0; i < 3; i++) {
        len = compress_as(cases[i].bits, text, sizeof(text), buf,
                          sizeof(buf));

        for (k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
            assert_int_equal(inflate_in(cases[i].encoding, sizeof(text), buf,
                                        len, pieces[k]), RUM_OK);
            assert_int_equal(out.len, sizeof(text));
            assert_memory_equal(out.data, text, sizeof(text));
        }
    }
}


static void
what_is_still_inside_when_the_input_ends_comes_out(void **state)
{
    size_t         n, len;
    unsigned char  buf[4096];

    static const unsigned char  zeroes[100000];

    (void) state;

    /* raw, so that no trailer asks for it */

    for (n = 16000; n < sizeof(zeroes); n += 193) {
        len = compress_as(RAW, zeroes, n, buf, sizeof(buf));

        assert_int_equal(inflate_in(RUM_INFLATE_DEFLATE, n, buf, len, 4096),
                         RUM_OK);
        assert_int_equal(out.len, n);
    }
}


static void
an_empty_stream_is_fine_and_no_stream_is_not(void **state)
{
    size_t         len;
    unsigned char  buf[64];

    (void) state;

    len = compress_as(GZIP, (unsigned char *) "", 0, buf, sizeof(buf));
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 0, buf, len, 64), RUM_OK);
    assert_int_equal(out.calls, 0);

    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 9, buf, 0, 64),
                     RUM_DECLINED);
    assert_int_equal(inflate_in(RUM_INFLATE_DEFLATE, 9, buf, 1, 64),
                     RUM_DECLINED);
}


static void
a_cut_off_stream_is_declined_at_every_byte(void **state)
{
    size_t         i, len;
    unsigned char  buf[256];

    static const unsigned char  text[] = "a text, a text and another text";

    (void) state;

    len = compress_as(GZIP, text, sizeof(text), buf, sizeof(buf));

    for (i = 0; i < len; i++) {
        assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, buf, i, 5),
                         RUM_DECLINED);
    }

    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, buf, len, 5), RUM_OK);
}


static void
an_encoding_does_not_pass_for_another(void **state)
{
    size_t         len;
    unsigned char  buf[256];

    static const unsigned char  text[] = "a text, a text and another text";

    (void) state;

    len = compress_as(ZLIB, text, sizeof(text), buf, sizeof(buf));
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, buf, len, 256),
                     RUM_DECLINED);

    len = compress_as(GZIP, text, sizeof(text), buf, sizeof(buf));
    assert_int_equal(inflate_in(RUM_INFLATE_DEFLATE, 100, buf, len, 256),
                     RUM_DECLINED);

    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, text, sizeof(text),
                                256), RUM_DECLINED);
}


static void
nothing_may_follow_the_stream(void **state)
{
    size_t         len;
    unsigned char  buf[512];

    static const unsigned char  text[] = "a text, a text and another text";

    (void) state;

    len = compress_as(GZIP, text, sizeof(text), buf, 256);
    buf[len] = 'x';

    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, buf, len + 1, 512),
                     RUM_DECLINED);
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, buf, len + 1, 1),
                     RUM_DECLINED);

    /* not another member either, which gzip's own format allows */

    memcpy(buf + len, buf, len);
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, buf, 2 * len, 512),
                     RUM_DECLINED);
}


static void
a_wrong_checksum_is_declined(void **state)
{
    size_t         len;
    unsigned char  buf[256];

    static const unsigned char  text[] = "a text, a text and another text";

    (void) state;

    len = compress_as(GZIP, text, sizeof(text), buf, sizeof(buf));
    buf[len - 8] ^= 1;
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100, buf, len, 256),
                     RUM_DECLINED);
}


static void
what_comes_out_is_capped(void **state)
{
    size_t          len;
    unsigned char  *bomb, buf[65536];

    (void) state;

    bomb = calloc(1, 10000000);
    assert_non_null(bomb);
    len = compress_as(GZIP, bomb, 10000000, buf, sizeof(buf));
    free(bomb);

    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 200000, buf, len, 65536),
                     RUM_FULL);
    assert_true(out.len <= 200000);

    /* the cap is exact */

    len = compress_as(GZIP, out.data, 1000, buf, sizeof(buf));
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 1000, buf, len, 65536),
                     RUM_OK);
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 999, buf, len, 65536),
                     RUM_FULL);
}


static void
the_sink_may_stop_it(void **state)
{
    size_t         len;
    unsigned char  buf[65536];

    (void) state;

    len = compress_as(GZIP, out.data, 100000, buf, sizeof(buf));

    out.answer = -77;
    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100000, buf, len, 65536),
                     -77);
    assert_int_equal(out.calls, 1);
    out.answer = RUM_OK;

    /* and the inflater is as good as new */

    assert_int_equal(inflate_in(RUM_INFLATE_GZIP, 100000, buf, len, 65536),
                     RUM_OK);
    assert_int_equal(out.len, 100000);
}


static void
a_preset_dictionary_is_declined(void **state)
{
    z_stream       s;
    unsigned char  buf[256];

    (void) state;

    memset(&s, 0, sizeof(s));
    assert_int_equal(deflateInit(&s, 6), Z_OK);
    assert_int_equal(deflateSetDictionary(&s, (unsigned char *) "text", 4),
                     Z_OK);
    s.next_in = (unsigned char *) "text text";
    s.avail_in = 9;
    s.next_out = buf;
    s.avail_out = sizeof(buf);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);

    assert_int_equal(inflate_in(RUM_INFLATE_DEFLATE, 100, buf,
                                sizeof(buf) - s.avail_out, 256),
                     RUM_DECLINED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(each_encoding_comes_out_whole_in_any_pieces),
        cmocka_unit_test(what_is_still_inside_when_the_input_ends_comes_out),
        cmocka_unit_test(an_empty_stream_is_fine_and_no_stream_is_not),
        cmocka_unit_test(a_cut_off_stream_is_declined_at_every_byte),
        cmocka_unit_test(an_encoding_does_not_pass_for_another),
        cmocka_unit_test(nothing_may_follow_the_stream),
        cmocka_unit_test(a_wrong_checksum_is_declined),
        cmocka_unit_test(what_comes_out_is_capped),
        cmocka_unit_test(the_sink_may_stop_it),
        cmocka_unit_test(a_preset_dictionary_is_declined)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
