/*
 * A histogram as MessagePack, to and from Redis: see rum_histogram.h and
 * docs/redis-schema.md.
 *
 * Decoding trusts nothing: it runs msgpack-c's parser with callbacks of its
 * own, so that what a histogram cannot have is refused where it is met, and
 * no more memory is taken than the widest histogram has.
 */

#include "rum_histogram.h"

/* of msgpack-c's parser: arrays in arrays, and no deeper */
#define MSGPACK_EMBED_STACK_SIZE  2

#include <msgpack/pack.h>
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

#define RUM_HISTOGRAM_VERSION  1

/* sums below this, in 1/RUM_SUM_UNIT, come back exactly from a double */
#define RUM_HISTOGRAM_SUM_EXACT  (INT64_C(1) << 50)

/* elements of the array */
#define RUM_ELEMENT_VERSION    0
#define RUM_ELEMENT_SCALE      1
#define RUM_ELEMENT_COUNT      2
#define RUM_ELEMENT_SUM        3
#define RUM_ELEMENT_MIN        4
#define RUM_ELEMENT_MAX        5
#define RUM_ELEMENT_ZERO       6
#define RUM_ELEMENT_OFFSET     7
#define RUM_ELEMENT_BUCKETS    8
#define RUM_ELEMENT_RATINGS    9


typedef struct {
    unsigned char           *pos;
    unsigned char           *last;
} rum_histogram_out_t;


typedef struct {
    rum_histogram_t         *h;
    int                      rc;        /* of what was refused */
    int32_t                  offset;
    uint32_t                 element;   /* of the outer array, the next one */
    uint32_t                 arrays;    /* begun so far */
    uint32_t                 k;         /* in the array of buckets, ratings */
    uint64_t                 total;     /* of the bucket counts */
} rum_histogram_in_t;


typedef enum {
    RUM_ITEM_UNSIGNED = 0,
    RUM_ITEM_NEGATIVE,
    RUM_ITEM_DOUBLE,
    RUM_ITEM_HISTOGRAM,
    RUM_ITEM_BUCKETS,
    RUM_ITEM_RATINGS
} rum_item_e;


typedef struct {
    rum_item_e               type;
    union {
        uint64_t             u;
        int64_t              i;
        double               d;
    } value;
} rum_item_t;


static int rum_histogram_write(void *data, const char *buf, size_t len);
static int rum_histogram_pack_sum(msgpack_packer *pk, int64_t sum);
static int rum_histogram_pack_number(msgpack_packer *pk, double value);

static int rum_histogram_element(rum_histogram_in_t *in, rum_item_t item);
static int rum_histogram_begin_buckets(rum_histogram_in_t *in, uint32_t n);
static int rum_histogram_count(rum_histogram_in_t *in, rum_item_t item);
static int rum_histogram_rating(rum_histogram_in_t *in, rum_item_t item);
static int rum_histogram_unpack_count(uint64_t *count, rum_item_t item);
static int rum_histogram_unpack_sum(int64_t *sum, rum_item_t item);
static int rum_histogram_unpack_number(double *value, rum_item_t item);
static int rum_histogram_unpack_offset(int32_t *offset, rum_item_t item);
static int rum_histogram_check(const rum_histogram_in_t *in);

static inline rum_item_t rum_item_root(rum_histogram_in_t *in);
static inline int rum_item_unsigned(rum_histogram_in_t *in, uint64_t value,
    rum_item_t *item);
static inline int rum_item_signed(rum_histogram_in_t *in, int64_t value,
    rum_item_t *item);
static inline int rum_item_double(rum_histogram_in_t *in, double value,
    rum_item_t *item);
static inline int rum_item_array(rum_histogram_in_t *in, uint32_t n,
    rum_item_t *item);
static inline int rum_item_array_item(rum_histogram_in_t *in,
    rum_item_t *array, rum_item_t item);


/*
 * msgpack-c's parser calls rum_item_TYPE(); the types of one family share a
 * function, the types that no histogram has fail.
 */

#define rum_item_uint8         rum_item_unsigned
#define rum_item_uint16        rum_item_unsigned
#define rum_item_uint32        rum_item_unsigned
#define rum_item_uint64        rum_item_unsigned
#define rum_item_int8          rum_item_signed
#define rum_item_int16         rum_item_signed
#define rum_item_int32         rum_item_signed
#define rum_item_int64         rum_item_signed
#define rum_item_float         rum_item_double

#define rum_item_nil(in, item)                    RUM_ERROR
#define rum_item_false(in, item)                  RUM_ERROR
#define rum_item_true(in, item)                   RUM_ERROR
#define rum_item_str(in, base, pos, len, item)    RUM_ERROR
#define rum_item_bin(in, base, pos, len, item)    RUM_ERROR
#define rum_item_ext(in, base, pos, len, item)    RUM_ERROR
#define rum_item_map(in, n, item)                 RUM_ERROR
#define rum_item_map_item(in, map, key, value)    RUM_ERROR

#define msgpack_unpack_struct(name)     struct rum_parse ## name
#define msgpack_unpack_func(ret, name)  static inline ret rum_parse ## name
#define msgpack_unpack_callback(name)   rum_item ## name
#define msgpack_unpack_object           rum_item_t
#define msgpack_unpack_user             rum_histogram_in_t

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
    int                  failed, rated;
    uint32_t             k, n, first;
    msgpack_packer       pk;
    rum_histogram_out_t  out;

    out.pos = buf;
    out.last = buf + size;
    msgpack_packer_init(&pk, &out, rum_histogram_write);

    n = rum_histogram_trim(h, &first);
    rated = (h->ratings[0] | h->ratings[1] | h->ratings[2]) != 0;

    failed = msgpack_pack_array(&pk, rated ? 10 : 9);
    failed |= msgpack_pack_uint8(&pk, RUM_HISTOGRAM_VERSION);
    failed |= msgpack_pack_uint8(&pk, RUM_HISTOGRAM_SCALE);
    failed |= msgpack_pack_uint64(&pk, h->count);
    failed |= rum_histogram_pack_sum(&pk, h->sum);
    failed |= rum_histogram_pack_number(&pk, h->min);
    failed |= rum_histogram_pack_number(&pk, h->max);
    failed |= msgpack_pack_uint64(&pk, h->zero_count);
    failed |= msgpack_pack_int32(&pk, n ? h->offset + (int32_t) first : 0);
    failed |= msgpack_pack_array(&pk, n);

    for (k = first; k < first + n; k++) {
        failed |= msgpack_pack_uint64(&pk, rum_histogram_bucket(h, k));
    }

    if (rated) {
        failed |= msgpack_pack_array(&pk, RUM_UNRATED);

        for (k = 0; k < RUM_UNRATED; k++) {
            failed |= msgpack_pack_uint64(&pk, h->ratings[k]);
        }
    }

    return failed ? RUM_FULL : (int) (out.pos - buf);
}


static int
rum_histogram_write(void *data, const char *buf, size_t len)
{
    rum_histogram_out_t  *out;

    out = data;

    if ((size_t) (out->last - out->pos) < len) {
        return -1;
    }

    memcpy(out->pos, buf, len);
    out->pos += len;

    return 0;
}


static int
rum_histogram_pack_sum(msgpack_packer *pk, int64_t sum)
{
    int64_t  unit, rest;

    unit = (int64_t) RUM_SUM_UNIT;
    rest = sum % unit;

    if (sum >= RUM_HISTOGRAM_SUM_EXACT) {
        return msgpack_pack_int64(pk, sum / unit + (rest >= unit / 2));
    }

    if (rest == 0) {
        return msgpack_pack_int64(pk, sum / unit);
    }

    return msgpack_pack_double(pk, (double) sum / RUM_SUM_UNIT);
}


static int
rum_histogram_pack_number(msgpack_packer *pk, double value)
{
    uint64_t  whole;

    whole = (uint64_t) value;

    if ((double) whole == value) {
        return msgpack_pack_uint64(pk, whole);
    }

    return msgpack_pack_double(pk, value);
}


int
rum_histogram_decode(rum_histogram_t *h, const unsigned char *data,
    size_t len)
{
    int                        rc;
    size_t                     parsed;
    struct rum_parse_context   ctx;

    rum_histogram_reset(h);

    if (len == 0) {
        return RUM_ERROR;
    }

    memset(&ctx.user, 0, sizeof(rum_histogram_in_t));
    ctx.user.h = h;
    ctx.user.rc = RUM_ERROR;

    rum_parse_init(&ctx);
    parsed = 0;

    rc = rum_parse_execute(&ctx, (const char *) data, len, &parsed);

    if (rc == 1 && parsed == len
        && rum_histogram_check(&ctx.user) == RUM_OK)
    {
        return RUM_OK;
    }

    rum_histogram_reset(h);

    return ctx.user.rc;
}


static int
rum_histogram_check(const rum_histogram_in_t *in)
{
    const rum_histogram_t  *h;

    h = in->h;

    /* none of these sums overflows: each count is at most 2^53 */

    if (in->element < RUM_ELEMENT_RATINGS
        || in->total + h->zero_count != h->count
        || h->ratings[0] + h->ratings[1] + h->ratings[2] > h->count
        || h->min > h->max)
    {
        return RUM_ERROR;
    }

    if (h->count == 0 && (h->sum != 0 || h->max != 0)) {
        return RUM_ERROR;
    }

    return RUM_OK;
}


static int
rum_histogram_element(rum_histogram_in_t *in, rum_item_t item)
{
    rum_histogram_t  *h;

    h = in->h;

    switch (in->element++) {

    case RUM_ELEMENT_VERSION:
        return (item.type == RUM_ITEM_UNSIGNED
                && item.value.u == RUM_HISTOGRAM_VERSION)
               ? RUM_OK : RUM_ERROR;

    case RUM_ELEMENT_SCALE:
        if (item.type == RUM_ITEM_UNSIGNED
            && item.value.u == RUM_HISTOGRAM_SCALE)
        {
            return RUM_OK;
        }

        if (item.type <= RUM_ITEM_NEGATIVE) {
            in->rc = RUM_DECLINED;
        }

        return RUM_ERROR;

    case RUM_ELEMENT_COUNT:
        return rum_histogram_unpack_count(&h->count, item);

    case RUM_ELEMENT_SUM:
        return rum_histogram_unpack_sum(&h->sum, item);

    case RUM_ELEMENT_MIN:
        return rum_histogram_unpack_number(&h->min, item);

    case RUM_ELEMENT_MAX:
        return rum_histogram_unpack_number(&h->max, item);

    case RUM_ELEMENT_ZERO:
        return rum_histogram_unpack_count(&h->zero_count, item);

    case RUM_ELEMENT_OFFSET:
        return rum_histogram_unpack_offset(&in->offset, item);

    case RUM_ELEMENT_BUCKETS:
        return (item.type == RUM_ITEM_BUCKETS) ? RUM_OK : RUM_ERROR;

    default: /* RUM_ELEMENT_RATINGS */
        return (item.type == RUM_ITEM_RATINGS) ? RUM_OK : RUM_ERROR;
    }
}


static int
rum_histogram_begin_buckets(rum_histogram_in_t *in, uint32_t n)
{
    int               rc;
    int32_t           offset;
    rum_histogram_t  *h;

    h = in->h;
    offset = in->offset;

    if (n == 0) {
        return RUM_OK;
    }

    if (n > (uint32_t) (RUM_HISTOGRAM_LAST - offset + 1)) {
        return RUM_ERROR;
    }

    rc = rum_histogram_cover(h, offset, offset + (int32_t) n,
                             h->count > UINT32_MAX);

    in->k = (uint32_t) (offset - h->offset);

    return rc;
}


static int
rum_histogram_count(rum_histogram_in_t *in, rum_item_t item)
{
    rum_histogram_t  *h;

    h = in->h;

    /* so the count fits, too, if the counts are narrow */

    if (item.type != RUM_ITEM_UNSIGNED
        || item.value.u > h->count - in->total)
    {
        return RUM_ERROR;
    }

    in->total += item.value.u;

    if (h->wide) {
        ((uint64_t *) h->counts)[in->k++] = item.value.u;

    } else {
        ((uint32_t *) h->counts)[in->k++] = (uint32_t) item.value.u;
    }

    return RUM_OK;
}


static int
rum_histogram_rating(rum_histogram_in_t *in, rum_item_t item)
{
    return rum_histogram_unpack_count(&in->h->ratings[in->k++], item);
}


static int
rum_histogram_unpack_count(uint64_t *count, rum_item_t item)
{
    if (item.type != RUM_ITEM_UNSIGNED
        || item.value.u > RUM_HISTOGRAM_COUNT_MAX)
    {
        return RUM_ERROR;
    }

    *count = item.value.u;

    return RUM_OK;
}


static int
rum_histogram_unpack_sum(int64_t *sum, rum_item_t item)
{
    double   value;
    int64_t  unit, units;

    unit = (int64_t) RUM_SUM_UNIT;

    if (item.type == RUM_ITEM_UNSIGNED) {
        *sum = (item.value.u > (uint64_t) (INT64_MAX / unit))
               ? INT64_MAX : (int64_t) item.value.u * unit;

        return RUM_OK;
    }

    value = item.value.d;

    if (item.type != RUM_ITEM_DOUBLE || !(value >= 0)
        || value > (double) UINT64_MAX)
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
rum_histogram_unpack_number(double *value, rum_item_t item)
{
    double  number;

    if (item.type == RUM_ITEM_UNSIGNED) {
        number = (double) item.value.u;

    } else if (item.type == RUM_ITEM_DOUBLE) {
        number = item.value.d;

    } else {
        return RUM_ERROR;
    }

    if (!(number >= 0 && number <= RUM_HISTOGRAM_MAX)) {
        return RUM_ERROR;
    }

    *value = number + 0.0;              /* -0.0 becomes 0 */

    return RUM_OK;
}


static int
rum_histogram_unpack_offset(int32_t *offset, rum_item_t item)
{
    switch (item.type) {

    case RUM_ITEM_UNSIGNED:
        if (item.value.u > RUM_HISTOGRAM_LAST) {
            return RUM_ERROR;
        }

        break;

    case RUM_ITEM_NEGATIVE:
        if (item.value.i < RUM_HISTOGRAM_FIRST) {
            return RUM_ERROR;
        }

        break;

    default:
        return RUM_ERROR;
    }

    *offset = (int32_t) item.value.i;

    return RUM_OK;
}


static inline rum_item_t
rum_item_root(rum_histogram_in_t *in)
{
    rum_item_t  item;

    (void) in;
    memset(&item, 0, sizeof(rum_item_t));

    return item;
}


static inline int
rum_item_unsigned(rum_histogram_in_t *in, uint64_t value, rum_item_t *item)
{
    (void) in;
    item->type = RUM_ITEM_UNSIGNED;
    item->value.u = value;

    return RUM_OK;
}


static inline int
rum_item_signed(rum_histogram_in_t *in, int64_t value, rum_item_t *item)
{
    (void) in;
    item->type = (value < 0) ? RUM_ITEM_NEGATIVE : RUM_ITEM_UNSIGNED;
    item->value.i = value;

    return RUM_OK;
}


static inline int
rum_item_double(rum_histogram_in_t *in, double value, rum_item_t *item)
{
    (void) in;
    item->type = RUM_ITEM_DOUBLE;
    item->value.d = value;

    return RUM_OK;
}


/* an array begins: the histogram, then its buckets, then its ratings */

static inline int
rum_item_array(rum_histogram_in_t *in, uint32_t n, rum_item_t *item)
{
    switch (in->arrays++) {

    case 0:
        item->type = RUM_ITEM_HISTOGRAM;
        return (n == RUM_ELEMENT_RATINGS || n == RUM_ELEMENT_RATINGS + 1)
               ? RUM_OK : RUM_ERROR;

    case 1:
        item->type = RUM_ITEM_BUCKETS;
        return (in->element == RUM_ELEMENT_BUCKETS)
               ? rum_histogram_begin_buckets(in, n) : RUM_ERROR;

    case 2:
        item->type = RUM_ITEM_RATINGS;
        in->k = 0;
        return (in->element == RUM_ELEMENT_RATINGS && n == RUM_UNRATED)
               ? RUM_OK : RUM_ERROR;

    default:
        return RUM_ERROR;
    }
}


static inline int
rum_item_array_item(rum_histogram_in_t *in, rum_item_t *array,
    rum_item_t item)
{
    switch (array->type) {

    case RUM_ITEM_BUCKETS:
        return rum_histogram_count(in, item);

    case RUM_ITEM_RATINGS:
        return rum_histogram_rating(in, item);

    default:
        return rum_histogram_element(in, item);
    }
}
