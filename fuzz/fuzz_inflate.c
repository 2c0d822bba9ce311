/*
 * Inflate under any body.  The first byte chooses encoding and pieces; the
 * pieces make no difference, no more comes out than allowed, and what zlib
 * itself makes of the body agrees with what came out.
 */

#include "rum_inflate.h"

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

#define MAX  100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    size_t                len;
    unsigned char         data[MAX + 1];
} sink_t;

static int take(void *data, const unsigned char *piece, size_t len);
static int inflate_in(rum_inflate_t *z, rum_inflate_e encoding, size_t max,
    const uint8_t *data, size_t size, size_t piece, sink_t *sink);
static int by_zlib(int bits, const uint8_t *data, size_t size, sink_t *sink);

static sink_t  a, b;

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    size_t          piece, max;
    rum_inflate_e   encoding;
    rum_inflate_t  *z;

    if (size == 0) {
        return 0;
    }

    encoding = data[0] & 1 ? RUM_INFLATE_DEFLATE : RUM_INFLATE_GZIP;
    max = data[0] & 2 ? 100 : MAX;
    piece = 1 + (data[0] >> 2);
    data++;
    size--;

    z = rum_inflate_create();
    must(z != NULL)

    rc = inflate_in(z, encoding, max, data, size, size + 1, &a);
    must(a.len <= max)

    /* what is wrong with it first may be the cap or the stream */

    if (rc == RUM_OK) {
        must(inflate_in(z, encoding, max, data, size, piece, &b) == RUM_OK)
        must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0)

        if (encoding == RUM_INFLATE_GZIP) {
            must(by_zlib(31, data, size, &b))

        } else {
            must(by_zlib(15, data, size, &b) || by_zlib(-15, data, size, &b))
        }

        must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0)

    } else {
        must(rc == RUM_DECLINED || rc == RUM_FULL)
        must(inflate_in(z, encoding, max, data, size, piece, &b) != RUM_OK)

        if (rc == RUM_DECLINED && encoding == RUM_INFLATE_GZIP) {
            must(!by_zlib(31, data, size, &b))
        }
    }

    rum_inflate_destroy(z);

    return 0;
}


static int
take(void *data, const unsigned char *piece, size_t len)
{
    sink_t  *sink;

    sink = data;

    must(len > 0 && sink->len + len <= MAX)
    memcpy(sink->data + sink->len, piece, len);
    sink->len += len;

    return RUM_OK;
}


static int
inflate_in(rum_inflate_t *z, rum_inflate_e encoding, size_t max,
    const uint8_t *data, size_t size, size_t piece, sink_t *sink)
{
    size_t  i, n;

    sink->len = 0;
    must(rum_inflate_begin(z, encoding, max, take, sink) == RUM_OK)

    for (i = 0; i < size; i += n) {
        n = size - i < piece ? size - i : piece;
        (void) rum_inflate_feed(z, data + i, n);
    }

    return rum_inflate_end(z);
}


/* 1 if the body is exactly one stream of at most MAX bytes */

static int
by_zlib(int bits, const uint8_t *data, size_t size, sink_t *sink)
{
    int       rc;
    z_stream  s;

    memset(&s, 0, sizeof(s));
    must(inflateInit2(&s, bits) == Z_OK)

    s.next_in = (unsigned char *) data;
    s.avail_in = size;
    s.next_out = sink->data;
    s.avail_out = MAX + 1;

    rc = inflate(&s, Z_FINISH);
    sink->len = MAX + 1 - s.avail_out;
    inflateEnd(&s);

    return rc == Z_STREAM_END && s.avail_in == 0 && sink->len <= MAX;
}
