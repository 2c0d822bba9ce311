/*
 * Content-Encoding gzip and deflate: see rum_inflate.h.  zlib with its window
 * is set up once and reset for each body.
 */

#include "rum_inflate.h"

#include <stdlib.h>

#include <zlib.h>

#define RUM_INFLATE_PIECE    16384      /* what the sink gets at once */

/* zlib's windowBits for what is expected */
#define RUM_INFLATE_RAW     -15
#define RUM_INFLATE_ZLIB     15
#define RUM_INFLATE_GZIPPED  31

static int rum_inflate_run(rum_inflate_t *z, const unsigned char *in,
    size_t len);
static int rum_inflate_step(rum_inflate_t *z);
static int rum_inflate_raw(rum_inflate_t *z, const unsigned char *in,
    size_t len);


struct rum_inflate_s {
    z_stream              stream;
    rum_inflate_sink_pt   sink;
    void                 *data;
    size_t                left;         /* bytes that may still come out */
    int                   error;        /* what feed() returned, for ever */
    unsigned              fresh:1;      /* deflate: zlib or raw not known */
    unsigned              first:1;      /* one byte of it is held back */
    unsigned              ended:1;
    unsigned char         byte;
    unsigned char         out[RUM_INFLATE_PIECE];
};


rum_inflate_t *
rum_inflate_create(void)
{
    rum_inflate_t  *z;

    z = calloc(1, sizeof(rum_inflate_t));
    if (z == NULL) {
        return NULL;
    }

    if (inflateInit2(&z->stream, RUM_INFLATE_GZIPPED) != Z_OK) {
        free(z);
        return NULL;
    }

    z->error = RUM_DECLINED;

    return z;
}


void
rum_inflate_destroy(rum_inflate_t *z)
{
    if (z == NULL) {
        return;
    }

    (void) inflateEnd(&z->stream);
    free(z);
}


int
rum_inflate_begin(rum_inflate_t *z, rum_inflate_e encoding, size_t max,
    rum_inflate_sink_pt sink, void *data)
{
    z->sink = sink;
    z->data = data;
    z->left = max;
    z->error = RUM_OK;
    z->fresh = encoding == RUM_INFLATE_DEFLATE;
    z->first = 0;
    z->ended = 0;

    if (inflateReset2(&z->stream, z->fresh ? RUM_INFLATE_ZLIB
                                           : RUM_INFLATE_GZIPPED)
        != Z_OK)
    {
        z->error = RUM_ERROR;
    }

    return z->error;
}


int
rum_inflate_feed(rum_inflate_t *z, const unsigned char *in, size_t len)
{
    if (z->error != RUM_OK || len == 0) {
        return z->error;
    }

    if (z->fresh) {
        z->error = rum_inflate_raw(z, in, len);

        if (z->fresh || z->error != RUM_OK) {
            return z->error;
        }
    }

    if (z->first) {
        z->first = 0;
        z->error = rum_inflate_run(z, &z->byte, 1);
    }

    if (z->error == RUM_OK) {
        z->error = rum_inflate_run(z, in, len);
    }

    return z->error;
}


int
rum_inflate_end(rum_inflate_t *z)
{
    if (z->error == RUM_OK && !z->ended) {
        z->error = RUM_DECLINED;
    }

    return z->error;
}


static int
rum_inflate_run(rum_inflate_t *z, const unsigned char *in, size_t len)
{
    int     rc;
    size_t  piece;

    while (len > 0) {
        piece = len < RUM_INFLATE_PIECE ? len : RUM_INFLATE_PIECE;

        z->stream.next_in = (Bytef *) in;
        z->stream.avail_in = (uInt) piece;

        do {
            if (z->ended) {
                return RUM_DECLINED;
            }

            rc = rum_inflate_step(z);
            if (rc != RUM_OK) {
                return rc;
            }

        } while (z->stream.avail_in > 0
                 || (z->stream.avail_out == 0 && !z->ended));

        in += piece;
        len -= piece;
    }

    return RUM_OK;
}


static int
rum_inflate_step(rum_inflate_t *z)
{
    int     rc;
    size_t  n;

    z->stream.next_out = z->out;
    z->stream.avail_out = RUM_INFLATE_PIECE;

    rc = inflate(&z->stream, Z_NO_FLUSH);

    switch (rc) {

    case Z_OK:
    case Z_BUF_ERROR:                   /* needs more input */
        break;

    case Z_STREAM_END:
        z->ended = 1;
        break;

    case Z_MEM_ERROR:
        return RUM_ERROR;

    default:                            /* broken, or wants a dictionary */
        return RUM_DECLINED;
    }

    n = RUM_INFLATE_PIECE - z->stream.avail_out;

    if (n > z->left) {
        return RUM_FULL;
    }

    z->left -= n;

    return n > 0 ? z->sink(z->data, z->out, n) : RUM_OK;
}


/*
 * "deflate" is zlib's format by the standard, and raw in some senders.  Two
 * bytes tell: no encoder begins a raw stream with a byte that reads as
 * zlib's method (a stored block with a bit set in its padding).
 */
static int
rum_inflate_raw(rum_inflate_t *z, const unsigned char *in, size_t len)
{
    unsigned  method, flags;

    if (!z->first && len == 1) {
        z->first = 1;
        z->byte = in[0];
        return RUM_OK;
    }

    method = z->first ? z->byte : in[0];
    flags = z->first ? in[0] : in[1];

    z->fresh = 0;

    if ((method & 0x0f) == Z_DEFLATED && (method << 8 | flags) % 31 == 0) {
        return RUM_OK;
    }

    return inflateReset2(&z->stream, RUM_INFLATE_RAW) == Z_OK ? RUM_OK
                                                              : RUM_ERROR;
}
