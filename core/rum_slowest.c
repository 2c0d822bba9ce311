/*
 * The slowest resource, packed and compared: see rum_slowest.h.  msgpack-c's
 * parser (its unpack_template.h) calls back for every value; nothing is
 * allocated, whatever an array claims to hold.
 */

#include "rum_slowest.h"
#include "rum_pack.h"

#include <math.h>

#define MSGPACK_EMBED_STACK_SIZE  1     /* no array in the array */

#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>


typedef enum {
    RUM_SLOW_NUMBER = 0,
    RUM_SLOW_STR,
    RUM_SLOW_ARRAY
} rum_slow_e;


typedef struct {
    rum_slow_e            type;
    double                number;
    rum_str_t             str;
} rum_slow_t;


typedef struct {
    rum_slowest_t        *slowest;
    uint32_t              n;            /* elements read */
} rum_slowest_in_t;


static inline rum_slow_t rum_slow_root(rum_slowest_in_t **in);
static inline int rum_slow_unsigned(rum_slowest_in_t **in, uint64_t value,
    rum_slow_t *item);
static inline int rum_slow_double(rum_slowest_in_t **in, double value,
    rum_slow_t *item);
static inline int rum_slow_str(rum_slowest_in_t **in, const char *base,
    const char *pos, uint32_t len, rum_slow_t *item);
static inline int rum_slow_array(rum_slowest_in_t **in, uint32_t n,
    rum_slow_t *item);
static inline int rum_slow_array_item(rum_slowest_in_t **in,
    rum_slow_t *array, rum_slow_t item);


#define rum_slow_uint8         rum_slow_unsigned
#define rum_slow_uint16        rum_slow_unsigned
#define rum_slow_uint32        rum_slow_unsigned
#define rum_slow_uint64        rum_slow_unsigned
#define rum_slow_float         rum_slow_double

#define rum_slow_int8(in, value, item)               RUM_ERROR
#define rum_slow_int16(in, value, item)              RUM_ERROR
#define rum_slow_int32(in, value, item)              RUM_ERROR
#define rum_slow_int64(in, value, item)              RUM_ERROR
#define rum_slow_nil(in, item)                       RUM_ERROR
#define rum_slow_false(in, item)                     RUM_ERROR
#define rum_slow_true(in, item)                      RUM_ERROR
#define rum_slow_bin(in, base, pos, len, item)       RUM_ERROR
#define rum_slow_ext(in, base, pos, len, item)       RUM_ERROR
#define rum_slow_map(in, n, item)                    RUM_ERROR
#define rum_slow_map_item(in, map, key, item)        RUM_ERROR

#define msgpack_unpack_struct(name)     struct rum_parse ## name
#define msgpack_unpack_func(ret, name)  static inline ret rum_parse ## name
#define msgpack_unpack_callback(name)   rum_slow ## name
#define msgpack_unpack_object           rum_slow_t
#define msgpack_unpack_user             rum_slowest_in_t *

#include <msgpack/unpack_template.h>


int
rum_slowest_before(const rum_slowest_t *one, const rum_slowest_t *two)
{
    int     cmp;
    size_t  len;

    if (one->duration != two->duration) {
        return one->duration > two->duration;
    }

    len = one->url.len < two->url.len ? one->url.len : two->url.len;
    cmp = len > 0 ? memcmp(one->url.data, two->url.data, len) : 0;

    return cmp != 0 ? cmp < 0 : one->url.len < two->url.len;
}


int
rum_slowest_encode(const rum_slowest_t *slowest, unsigned char *buf,
    size_t size)
{
    rum_pack_t  p;

    p.pos = buf;
    p.end = buf + size;
    p.full = 0;

    msgpack_pack_array(&p, 2);
    msgpack_pack_double(&p, slowest->duration);
    rum_pack_str(&p, &slowest->url);

    return p.full ? RUM_FULL : (int) (p.pos - buf);
}


int
rum_slowest_decode(rum_slowest_t *slowest, const rum_str_t *packed)
{
    size_t                    off;
    rum_slowest_in_t          in;
    struct rum_parse_context  ctx;

    in.slowest = slowest;
    in.n = 0;

    rum_parse_init(&ctx);
    ctx.user = &in;
    off = 0;

    if (rum_parse_execute(&ctx, (const char *) packed->data, packed->len,
                          &off)
        != 1
        || off != packed->len || in.n < 2)
    {
        return RUM_ERROR;
    }

    return RUM_OK;
}


static inline rum_slow_t
rum_slow_root(rum_slowest_in_t **in)
{
    rum_slow_t  item;

    (void) in;
    memset(&item, 0, sizeof(rum_slow_t));

    return item;
}


static inline int
rum_slow_unsigned(rum_slowest_in_t **in, uint64_t value, rum_slow_t *item)
{
    return rum_slow_double(in, (double) value, item);
}


static inline int
rum_slow_double(rum_slowest_in_t **in, double value, rum_slow_t *item)
{
    (void) in;

    item->type = RUM_SLOW_NUMBER;
    item->number = value;

    return RUM_OK;
}


static inline int
rum_slow_str(rum_slowest_in_t **in, const char *base, const char *pos,
    uint32_t len, rum_slow_t *item)
{
    (void) in;
    (void) base;

    item->type = RUM_SLOW_STR;
    item->str.data = (unsigned char *) pos;
    item->str.len = len;

    return RUM_OK;
}


/* the parser itself refuses one in another: its stack has one place */

static inline int
rum_slow_array(rum_slowest_in_t **in, uint32_t n, rum_slow_t *item)
{
    (void) in;
    (void) n;

    item->type = RUM_SLOW_ARRAY;

    return RUM_OK;
}


static inline int
rum_slow_array_item(rum_slowest_in_t **user, rum_slow_t *array,
    rum_slow_t item)
{
    rum_slowest_in_t  *in;

    (void) array;
    in = *user;

    switch (in->n++) {

    case 0:
        if (item.type != RUM_SLOW_NUMBER || !isfinite(item.number)
            || item.number < 0)
        {
            return RUM_ERROR;
        }

        in->slowest->duration = item.number;
        return RUM_OK;

    case 1:
        if (item.type != RUM_SLOW_STR || item.str.len == 0
            || item.str.len > RUM_SLOWEST_URL)
        {
            return RUM_ERROR;
        }

        in->slowest->url = item.str;
        return RUM_OK;

    default:
        return RUM_OK;
    }
}
