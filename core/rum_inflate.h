/*
 * gzip and deflate (zlib or raw, as browsers differ) to bytes, in pieces and
 * with a cap on what comes out.  One inflater is reused for all beacons of a
 * worker.  Every output piece goes to the sink; a sink that does not return
 * RUM_OK stops it, and its code is returned.
 */

#ifndef RUM_INFLATE_H
#define RUM_INFLATE_H

#include "rum.h"

typedef enum {
    RUM_INFLATE_GZIP = 0,
    RUM_INFLATE_DEFLATE
} rum_inflate_e;

typedef struct rum_inflate_s  rum_inflate_t;

typedef int (*rum_inflate_sink_pt)(void *data, const unsigned char *out,
    size_t len);

rum_inflate_t *rum_inflate_create(void);
void rum_inflate_destroy(rum_inflate_t *z);

/* max: most bytes that may come out; RUM_ERROR without memory */
int rum_inflate_begin(rum_inflate_t *z, rum_inflate_e encoding, size_t max,
    rum_inflate_sink_pt sink, void *data);

/*
 * RUM_OK; RUM_DECLINED if it is not what it claims to be, or goes on after
 * its end; RUM_FULL past max; or what the sink returned.
 */
int rum_inflate_feed(rum_inflate_t *z, const unsigned char *in, size_t len);

/* RUM_OK, or RUM_DECLINED if the stream is cut off */
int rum_inflate_end(rum_inflate_t *z);

#endif /* RUM_INFLATE_H */
