/*
 * A histogram as MessagePack, to and from Redis: see rum_histogram.h and
 * docs/redis-schema.md.
 *
 * msgpack-c packs and parses the elements.  Only the counts of buckets, of
 * which there are hundreds, mostly below 128, have short cuts here: the
 * status location decodes thousands of histograms for one answer, inside
 * nginx.
 */

#include "rum_histogram.h"
#include "rum_pack.h"

#include <math.h>

/* of msgpack-c's parser: it is given one number at a time */
#define MSGPACK_EMBED_STACK_SIZE  1

#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

#define RUM_HISTOGRAM_VERSION  1

/* sums below this, in 1/RUM_SUM_UNIT, come back exactly from a double */
#define RUM_HISTOGRAM_SUM_EXACT  (INT64_C(1) << 50)

#define RUM_FIXINT_LIMIT       0x80     /* up to here a number is its byte */


/* RUM_HISTOGRAM_STEP counts, packed and in memory */

typedef uint8_t   rum_bytes_t  __attribute__((vector_size(16)));
typedef uint16_t  rum_counts_t __attribute__((vector_size(32)));


typedef struct {
    const unsigned char     *pos;
    const unsigned char     *last;
} rum_histogram_in_t;


typedef enum {
    RUM_HIST_UNSIGNED = 0,
    RUM_HIST_NEGATIVE,
    RUM_HIST_DOUBLE
} rum_hist_e;


typedef struct {
    rum_hist_e               type;
    union {
        uint64_t             u;
        int64_t              i;
        double               d;
    } value;
} rum_hist_t;


static int rum_histogram_pack_step(rum_pack_t *p,
    const rum_histogram_t *h, uint32_t k);
static void rum_histogram_pack_sum(rum_pack_t *p, int64_t sum);
static void rum_histogram_pack_number(rum_pack_t *p, double value);

static int rum_histogram_unpack(rum_histogram_t *h, rum_histogram_in_t *in);
static int rum_histogram_unpack_head(rum_histogram_in_t *in, uint32_t *n);
static int rum_histogram_unpack_buckets(rum_histogram_in_t *in,
    rum_histogram_t *h);
static int rum_histogram_unpack_counts(rum_histogram_in_t *in,
    rum_histogram_t *h, uint32_t k, uint32_t n, uint64_t *total);
static int rum_histogram_unpack_step(rum_histogram_in_t *in,
    rum_histogram_t *h, uint32_t k, uint64_t *total);
static int rum_histogram_check_extremes(const rum_histogram_t *h);
static int rum_histogram_unpack_ratings(rum_histogram_in_t *in,
    rum_histogram_t *h);
static int rum_histogram_unpack_array(rum_histogram_in_t *in, uint32_t *n);
static int rum_histogram_unpack_count(rum_histogram_in_t *in,
    uint64_t *count);
static int rum_histogram_unpack_sum(rum_histogram_in_t *in, int64_t *sum);
static int rum_histogram_unpack_number(rum_histogram_in_t *in,
    double *number);
static int rum_histogram_unpack_offset(rum_histogram_in_t *in,
    int32_t *offset);
static int rum_histogram_unpack_item(rum_histogram_in_t *in,
    rum_hist_t *item);

static inline rum_hist_t rum_hist_root(void *user);
static inline int rum_hist_unsigned(void *user, uint64_t value,
    rum_hist_t *item);
static inline int rum_hist_signed(void *user, int64_t value,
    rum_hist_t *item);
static inline int rum_hist_double(void *user, double value,
    rum_hist_t *item);


/*
 * msgpack-c's parser calls rum_hist_TYPE().  Numbers of one kind share a
 * function; what is not a number is refused.
 */

#define rum_hist_uint8         rum_hist_unsigned
#define rum_hist_uint16        rum_hist_unsigned
#define rum_hist_uint32        rum_hist_unsigned
#define rum_hist_uint64        rum_hist_unsigned
#define rum_hist_int8          rum_hist_signed
#define rum_hist_int16         rum_hist_signed
#define rum_hist_int32         rum_hist_signed
#define rum_hist_int64         rum_hist_signed
#define rum_hist_float         rum_hist_double

#define rum_hist_nil(user, item)                     RUM_ERROR
#define rum_hist_false(user, item)                   RUM_ERROR
#define rum_hist_true(user, item)                    RUM_ERROR
#define rum_hist_str(user, base, pos, len, item)     RUM_ERROR
#define rum_hist_bin(user, base, pos, len, item)     RUM_ERROR
#define rum_hist_ext(user, base, pos, len, item)     RUM_ERROR
#define rum_hist_array(user, n, item)                RUM_ERROR
#define rum_hist_array_item(user, array, item)       RUM_ERROR
#define rum_hist_map(user, n, item)                  RUM_ERROR
#define rum_hist_map_item(user, map, key, item)      RUM_ERROR

#define msgpack_unpack_struct(name)     struct rum_parse ## name
#define msgpack_unpack_func(ret, name)  static inline ret rum_parse ## name
#define msgpack_unpack_callback(name)   rum_hist ## name
#define msgpack_unpack_object           rum_hist_t
#define msgpack_unpack_user             void *

#include <msgpack/unpack_template.h>


size_t
rum_histogram_encoded_max(const rum_histogram_t *h)
{
    size_t  width;

    /* a bucket's count is at most that of all; the rest is under 100 */

    if (h->count < 128) {
        width = 1;

    } else if (h->count <= UINT16_MAX) {
        width = 3;

    } else if (h->count <= UINT32_MAX) {
        width = 5;

    } else {
        width = 9;
    }

    return 100 + h->n * width;
}


int
rum_histogram_encode(const rum_histogram_t *h, unsigned char *buf,
    size_t size)
{
    int         rated;
    uint32_t    i, k, n, end;
    rum_pack_t  p;

    p.pos = buf;
    p.end = buf + size;
    p.full = 0;

    n = rum_histogram_trim(h, &k);
    rated = (h->ratings[0] | h->ratings[1] | h->ratings[2]) != 0;

    msgpack_pack_array(&p, rated ? 10 : 9);
    msgpack_pack_uint8(&p, RUM_HISTOGRAM_VERSION);
    msgpack_pack_uint8(&p, RUM_HISTOGRAM_SCALE);
    msgpack_pack_uint64(&p, h->count);
    rum_histogram_pack_sum(&p, h->sum);
    rum_histogram_pack_number(&p, h->min);
    rum_histogram_pack_number(&p, h->max);
    msgpack_pack_uint64(&p, h->zero_count);
    msgpack_pack_int32(&p, n ? h->offset + (int32_t) k : 0);
    msgpack_pack_array(&p, n);

    for (end = k + n; k < end; k += n) {

        if (end - k >= RUM_HISTOGRAM_STEP
            && rum_histogram_pack_step(&p, h, k) == RUM_OK)
        {
            n = RUM_HISTOGRAM_STEP;
            continue;
        }

        n = (end - k < RUM_HISTOGRAM_STEP) ? end - k : RUM_HISTOGRAM_STEP;

        for (i = 0; i < n; i++) {
            msgpack_pack_uint64(&p, rum_histogram_bucket(h, k + i));
        }
    }

    if (rated) {
        msgpack_pack_array(&p, RUM_UNRATED);

        for (i = 0; i < RUM_UNRATED; i++) {
            msgpack_pack_uint64(&p, h->ratings[i]);
        }
    }

    return p.full ? RUM_FULL : (int) (p.pos - buf);
}


/* packs RUM_HISTOGRAM_STEP counts, if all of them are small */

static int
rum_histogram_pack_step(rum_pack_t *p, const rum_histogram_t *h, uint32_t k)
{
    uint64_t         words[4];
    rum_bytes_t      bytes;
    rum_counts_t     counts;
    const uint16_t  *from;

    if (h->width != 0 || p->end - p->pos < RUM_HISTOGRAM_STEP) {
        return RUM_DECLINED;
    }

    from = (const uint16_t *) h->counts + k;
    memcpy(words, from, sizeof(words));

    if ((words[0] | words[1] | words[2] | words[3])
        & UINT64_C(0xff80ff80ff80ff80))
    {
        return RUM_DECLINED;
    }

    memcpy(&counts, from, sizeof(rum_counts_t));
    bytes = __builtin_convertvector(counts, rum_bytes_t);
    memcpy(p->pos, &bytes, sizeof(rum_bytes_t));

    p->pos += RUM_HISTOGRAM_STEP;

    return RUM_OK;
}


static void
rum_histogram_pack_sum(rum_pack_t *p, int64_t sum)
{
    int64_t  unit, rest;

    unit = (int64_t) RUM_SUM_UNIT;
    rest = sum % unit;

    if (sum >= RUM_HISTOGRAM_SUM_EXACT) {
        msgpack_pack_int64(p, sum / unit + (rest >= unit / 2));

    } else if (rest == 0) {
        msgpack_pack_int64(p, sum / unit);

    } else {
        msgpack_pack_double(p, (double) sum / RUM_SUM_UNIT);
    }
}


static void
rum_histogram_pack_number(rum_pack_t *p, double value)
{
    uint64_t  whole;

    whole = (uint64_t) value;

    if ((double) whole == value) {
        msgpack_pack_uint64(p, whole);

    } else {
        msgpack_pack_double(p, value);
    }
}


int
rum_histogram_decode(rum_histogram_t *h, const unsigned char *data,
    size_t len)
{
    int                 rc;
    rum_histogram_in_t  in;

    rum_histogram_reset(h);

    in.pos = data;
    in.last = len ? data + len : data;  /* data may be NULL */

    rc = rum_histogram_unpack(h, &in);

    if (rc == RUM_OK && in.pos != in.last) {
        rc = RUM_ERROR;
    }

    if (rc != RUM_OK) {
        rum_histogram_reset(h);
    }

    return rc;
}


static int
rum_histogram_unpack(rum_histogram_t *h, rum_histogram_in_t *in)
{
    int       rc;
    uint32_t  n;

    rc = rum_histogram_unpack_head(in, &n);
    if (rc != RUM_OK) {
        return rc;
    }

    if (rum_histogram_unpack_count(in, &h->count) != RUM_OK
        || rum_histogram_unpack_sum(in, &h->sum) != RUM_OK
        || rum_histogram_unpack_number(in, &h->min) != RUM_OK
        || rum_histogram_unpack_number(in, &h->max) != RUM_OK
        || rum_histogram_unpack_count(in, &h->zero_count) != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (h->min > h->max
        || h->zero_count > h->count
        || (h->count == 0 && (h->sum != 0 || h->max != 0)))
    {
        return RUM_ERROR;
    }

    rc = rum_histogram_unpack_buckets(in, h);
    if (rc != RUM_OK) {
        return rc;
    }

    if (rum_histogram_check_extremes(h) != RUM_OK) {
        return RUM_ERROR;
    }

    return (n == 10) ? rum_histogram_unpack_ratings(in, h) : RUM_OK;
}


/* the outer array, of n elements, and its first two: what it all is */

static int
rum_histogram_unpack_head(rum_histogram_in_t *in, uint32_t *n)
{
    uint64_t    version;
    rum_hist_t  scale;

    if (rum_histogram_unpack_array(in, n) != RUM_OK || *n < 9 || *n > 10) {
        return RUM_ERROR;
    }

    if (rum_histogram_unpack_count(in, &version) != RUM_OK
        || version != RUM_HISTOGRAM_VERSION)
    {
        return RUM_ERROR;
    }

    if (rum_histogram_unpack_item(in, &scale) != RUM_OK
        || scale.type == RUM_HIST_DOUBLE)
    {
        return RUM_ERROR;
    }

    return (scale.type == RUM_HIST_UNSIGNED
            && scale.value.u == RUM_HISTOGRAM_SCALE) ? RUM_OK : RUM_DECLINED;
}


static int
rum_histogram_unpack_buckets(rum_histogram_in_t *in, rum_histogram_t *h)
{
    int       rc;
    int32_t   offset;
    uint32_t  n;
    uint64_t  total;

    if (rum_histogram_unpack_offset(in, &offset) != RUM_OK
        || rum_histogram_unpack_array(in, &n) != RUM_OK
        || n > (uint32_t) (RUM_HISTOGRAM_LAST + 1 - offset))
    {
        return RUM_ERROR;
    }

    total = h->zero_count;

    if (n != 0) {
        rc = rum_histogram_cover(h, offset, offset + (int32_t) n,
                                 rum_histogram_width(h->count));
        if (rc != RUM_OK) {
            return rc;
        }

        rc = rum_histogram_unpack_counts(in, h,
                                         (uint32_t) (offset - h->offset), n,
                                         &total);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return (total == h->count) ? RUM_OK : RUM_ERROR;
}


/* n counts, which are the window's from k on; adds them to total */

static int
rum_histogram_unpack_counts(rum_histogram_in_t *in, rum_histogram_t *h,
    uint32_t k, uint32_t n, uint64_t *total)
{
    uint32_t  end, step;
    uint64_t  count;

    for (end = k + n; k < end; /* void */ ) {

        if (end - k >= RUM_HISTOGRAM_STEP
            && rum_histogram_unpack_step(in, h, k, total) == RUM_OK)
        {
            k += RUM_HISTOGRAM_STEP;
            continue;
        }

        /* a large count is among the next ones: one by one */

        step = (end - k < RUM_HISTOGRAM_STEP) ? end : k + RUM_HISTOGRAM_STEP;

        for ( /* void */ ; k < step; k++) {

            if (rum_histogram_unpack_count(in, &count) != RUM_OK) {
                return RUM_ERROR;
            }

            /* also keeps each count within the width, and the sum */

            *total += count;

            if (*total > h->count) {
                return RUM_ERROR;
            }

            rum_histogram_set(h, k, count);
        }
    }

    return RUM_OK;
}


/* unpacks RUM_HISTOGRAM_STEP counts, if all of them are small */

static int
rum_histogram_unpack_step(rum_histogram_in_t *in, rum_histogram_t *h,
    uint32_t k, uint64_t *total)
{
    uint64_t      words[2], pairs;
    rum_bytes_t   bytes;
    rum_counts_t  counts;

    if (h->width != 0 || in->last - in->pos < RUM_HISTOGRAM_STEP) {
        return RUM_DECLINED;
    }

    memcpy(words, in->pos, sizeof(rum_bytes_t));

    if ((words[0] | words[1]) & UINT64_C(0x8080808080808080)) {
        return RUM_DECLINED;
    }

    memcpy(&bytes, in->pos, sizeof(rum_bytes_t));
    counts = __builtin_convertvector(bytes, rum_counts_t);
    memcpy((uint16_t *) h->counts + k, &counts, sizeof(rum_counts_t));

    in->pos += RUM_HISTOGRAM_STEP;

    /* bytes to four sums of 16 bits, those to one in the upper bits */

    words[0] += words[1];
    pairs = (words[0] & UINT64_C(0x00ff00ff00ff00ff))
            + ((words[0] >> 8) & UINT64_C(0x00ff00ff00ff00ff));

    *total += (pairs * UINT64_C(0x0001000100010001)) >> 48;

    return RUM_OK;
}


/* min and max must be in the outermost occupied buckets, bounds included */

static int
rum_histogram_check_extremes(const rum_histogram_t *h)
{
    double    low, high;
    int32_t   index;
    uint32_t  n, first;

    if (h->count == 0) {
        return RUM_OK;
    }

    n = rum_histogram_trim(h, &first);
    index = h->offset + (int32_t) first;

    if (h->zero_count != 0) {
        low = 0;
        high = RUM_HISTOGRAM_ZERO;

    } else {
        low = rum_histogram_bound(index - 1);
        high = rum_histogram_bound(index);
    }

    if (h->min < low || h->min > high) {
        return RUM_ERROR;
    }

    if (n != 0) {
        low = rum_histogram_bound(index + (int32_t) n - 2);
        high = rum_histogram_bound(index + (int32_t) n - 1);
    }

    return (h->max < low || h->max > high) ? RUM_ERROR : RUM_OK;
}


static int
rum_histogram_unpack_ratings(rum_histogram_in_t *in, rum_histogram_t *h)
{
    uint32_t  i, n;
    uint64_t  total;

    if (rum_histogram_unpack_array(in, &n) != RUM_OK || n != RUM_UNRATED) {
        return RUM_ERROR;
    }

    for (i = 0, total = 0; i < n; i++) {
        if (rum_histogram_unpack_count(in, &h->ratings[i]) != RUM_OK) {
            return RUM_ERROR;
        }

        total += h->ratings[i];
    }

    return (total <= h->count) ? RUM_OK : RUM_ERROR;
}


static int
rum_histogram_unpack_array(rum_histogram_in_t *in, uint32_t *n)
{
    uint16_t              n16;
    const unsigned char  *p;

    p = in->pos;

    if (in->last - p >= 1 && (*p & 0xf0) == 0x90) {
        *n = *p & 0x0f;
        in->pos = p + 1;
        return RUM_OK;
    }

    if (in->last - p >= 3 && *p == 0xdc) {
        _msgpack_load16(uint16_t, p + 1, &n16);
        *n = n16;
        in->pos = p + 3;
        return RUM_OK;
    }

    /* an array of 2^16 and more elements is not one of ours */

    return RUM_ERROR;
}


static int
rum_histogram_unpack_count(rum_histogram_in_t *in, uint64_t *count)
{
    uint16_t              value;
    rum_hist_t            item;
    const unsigned char  *p;

    p = in->pos;

    if (in->last - p >= 1 && p[0] < RUM_FIXINT_LIMIT) {
        *count = p[0];
        in->pos = p + 1;
        return RUM_OK;
    }

    if (in->last - p >= 2 && p[0] == 0xcc) {
        *count = p[1];
        in->pos = p + 2;
        return RUM_OK;
    }

    if (in->last - p >= 3 && p[0] == 0xcd) {
        _msgpack_load16(uint16_t, p + 1, &value);
        *count = value;
        in->pos = p + 3;
        return RUM_OK;
    }

    if (rum_histogram_unpack_item(in, &item) != RUM_OK
        || item.type != RUM_HIST_UNSIGNED
        || item.value.u > RUM_HISTOGRAM_COUNT_MAX)
    {
        return RUM_ERROR;
    }

    *count = item.value.u;

    return RUM_OK;
}


static int
rum_histogram_unpack_sum(rum_histogram_in_t *in, int64_t *sum)
{
    double      value;
    int64_t     unit, units;
    rum_hist_t  item;

    if (rum_histogram_unpack_item(in, &item) != RUM_OK) {
        return RUM_ERROR;
    }

    unit = (int64_t) RUM_SUM_UNIT;

    if (item.type == RUM_HIST_UNSIGNED) {
        *sum = (item.value.u > (uint64_t) (INT64_MAX / unit))
               ? INT64_MAX : (int64_t) item.value.u * unit;

        return RUM_OK;
    }

    value = item.value.d;

    if (item.type != RUM_HIST_DOUBLE
        || !(value >= 0 && value <= (double) UINT64_MAX))
    {
        return RUM_ERROR;
    }

    units = rum_histogram_units(value);

    if (units >= RUM_HISTOGRAM_SUM_EXACT && units != INT64_MAX) {
        units = (int64_t) (value + 0.5) * unit;
    }

    *sum = units;

    return RUM_OK;
}


static int
rum_histogram_unpack_number(rum_histogram_in_t *in, double *number)
{
    double      value;
    rum_hist_t  item;

    if (rum_histogram_unpack_item(in, &item) != RUM_OK
        || item.type == RUM_HIST_NEGATIVE)
    {
        return RUM_ERROR;
    }

    value = (item.type == RUM_HIST_DOUBLE) ? item.value.d
                                           : (double) item.value.u;

    if (!(value >= 0 && value <= RUM_HISTOGRAM_MAX)) {
        return RUM_ERROR;
    }

    *number = fabs(value);              /* -0.0 */

    return RUM_OK;
}


static int
rum_histogram_unpack_offset(rum_histogram_in_t *in, int32_t *offset)
{
    rum_hist_t  item;

    if (rum_histogram_unpack_item(in, &item) != RUM_OK) {
        return RUM_ERROR;
    }

    if ((item.type == RUM_HIST_UNSIGNED && item.value.u <= RUM_HISTOGRAM_LAST)
        || (item.type == RUM_HIST_NEGATIVE
            && item.value.i >= RUM_HISTOGRAM_FIRST))
    {
        *offset = (int32_t) item.value.i;
        return RUM_OK;
    }

    return RUM_ERROR;
}


/* a number of any kind */

static int
rum_histogram_unpack_item(rum_histogram_in_t *in, rum_hist_t *item)
{
    size_t                    used;
    struct rum_parse_context  ctx;

    ctx.user = NULL;
    rum_parse_init(&ctx);
    used = 0;

    if (in->pos == in->last
        || rum_parse_execute(&ctx, (const char *) in->pos,
                             (size_t) (in->last - in->pos), &used) != 1)
    {
        return RUM_ERROR;
    }

    *item = rum_parse_data(&ctx);
    in->pos += used;

    return RUM_OK;
}


static inline rum_hist_t
rum_hist_root(void *user)
{
    rum_hist_t  item;

    (void) user;
    memset(&item, 0, sizeof(rum_hist_t));

    return item;
}


static inline int
rum_hist_unsigned(void *user, uint64_t value, rum_hist_t *item)
{
    (void) user;
    item->type = RUM_HIST_UNSIGNED;
    item->value.u = value;

    return RUM_OK;
}


static inline int
rum_hist_signed(void *user, int64_t value, rum_hist_t *item)
{
    (void) user;
    item->type = (value < 0) ? RUM_HIST_NEGATIVE : RUM_HIST_UNSIGNED;
    item->value.i = value;

    return RUM_OK;
}


static inline int
rum_hist_double(void *user, double value, rum_hist_t *item)
{
    (void) user;
    item->type = RUM_HIST_DOUBLE;
    item->value.d = value;

    return RUM_OK;
}
