/*
 * Redis keys, written and read back: see rum_keys.h.  The aggregator and the
 * status location write them; who walks the keyspace parses them.
 *
 * A key is written in exactly one way and only that way is parsed: what
 * parses is written again as the same text.
 */

#include "rum_keys.h"

#define RUM_START_MAX          (UINT64_C(1) << 53)


typedef struct {
    unsigned char        *pos;
    unsigned char        *last;
    unsigned              full;
} rum_key_out_t;


typedef struct {
    const unsigned char  *pos;
    const unsigned char  *last;
    unsigned char        *scratch;
} rum_key_in_t;


static void rum_key_bytes(rum_key_out_t *out, const unsigned char *data,
    size_t len);
static void rum_key_text(rum_key_out_t *out, const rum_str_t *s);
static void rum_key_number(rum_key_out_t *out, uint64_t number);
static void rum_key_part(rum_key_out_t *out, const rum_str_t *s);
static void rum_key_rollup(rum_key_out_t *out, const rum_key_t *key);
static int rum_key_escaped(unsigned char c);

static int rum_key_parse_rollup(rum_key_t *key, rum_key_in_t *in,
    const rum_str_t *res);
static int rum_key_parse_number(rum_key_in_t *in, unsigned char end,
    uint64_t max, uint64_t *number);
static int rum_key_parse_part(rum_key_in_t *in, rum_str_t *part);
static int rum_key_parse_hex(unsigned char c);
static int rum_key_find(const rum_str_t *names, int n, const rum_str_t *name);


const rum_str_t  rum_resolution_names[RUM_RES_LAST] = {
    rum_string("1m"),
    rum_string("1h"),
    rum_string("1d"),
    rum_string("total")
};


const uint32_t  rum_resolution_seconds[RUM_RES_LAST] = {
    60,
    3600,
    86400,
    0
};


/* by rum_key_e; a rollup has its resolution's name here */

static const rum_str_t  rum_key_names[] = {
    rum_string("events"),
    rum_string("lease"),
    rum_string("writers"),
    rum_string("rejected"),
    rum_string("health"),
    rum_string("sites"),
    rum_string("unsettled"),
    rum_string("index"),
    rum_string("error")
};


static rum_str_t  rum_key_sessions = rum_string("sessions");


uint64_t
rum_window_start(rum_resolution_e res, uint64_t seconds)
{
    uint32_t  width;

    width = rum_resolution_seconds[res];

    return (width == 0) ? 0 : seconds - seconds % width;
}


int
rum_key_write(const rum_key_t *key, unsigned char *buf, size_t size)
{
    rum_key_out_t  out;

    out.pos = buf;
    out.last = buf + size;
    out.full = 0;

    rum_key_bytes(&out, (const unsigned char *) "rum:{", 5);
    rum_key_number(&out, key->partition);
    rum_key_bytes(&out, (const unsigned char *) "}:", 2);

    if (key->type < RUM_KEY_ROLLUP) {
        rum_key_text(&out, &rum_key_names[key->type]);

        if (key->type >= RUM_KEY_INDEX) {
            rum_key_part(&out, &key->site);
        }

        if (key->type == RUM_KEY_ERROR) {
            rum_key_part(&out, &key->value);
        }

    } else {
        rum_key_rollup(&out, key);
    }

    return out.full ? RUM_FULL : (int) (out.pos - buf);
}


static void
rum_key_rollup(rum_key_out_t *out, const rum_key_t *key)
{
    rum_key_text(out, &rum_resolution_names[key->res]);
    rum_key_bytes(out, (const unsigned char *) ":", 1);
    rum_key_number(out, key->start);
    rum_key_part(out, &key->site);
    rum_key_part(out, &key->dimension);

    if (key->type == RUM_KEY_SESSIONS) {
        rum_key_part(out, &rum_key_sessions);
        rum_key_part(out, &key->value);
        return;
    }

    rum_key_part(out, &key->metric);
}


static void
rum_key_bytes(rum_key_out_t *out, const unsigned char *data, size_t len)
{
    if ((size_t) (out->last - out->pos) < len) {
        out->full = 1;
        out->last = out->pos;           /* nothing after it fits either */
        return;
    }

    memcpy(out->pos, data, len);
    out->pos += len;
}


static void
rum_key_text(rum_key_out_t *out, const rum_str_t *s)
{
    if (s->len != 0) {
        rum_key_bytes(out, s->data, s->len);
    }
}


static void
rum_key_number(rum_key_out_t *out, uint64_t number)
{
    unsigned char   digits[20];
    unsigned char  *p;

    p = digits + sizeof(digits);

    do {
        *--p = (unsigned char) ('0' + number % 10);
        number /= 10;
    } while (number != 0);

    rum_key_bytes(out, p, (size_t) (digits + sizeof(digits) - p));
}


/* a colon and the escaped string */

static void
rum_key_part(rum_key_out_t *out, const rum_str_t *s)
{
    size_t                i, begin;
    unsigned char         escape[3];
    static const uint8_t  hex[] = "0123456789ABCDEF";

    rum_key_bytes(out, (const unsigned char *) ":", 1);

    for (i = 0, begin = 0; i < s->len; i++) {

        if (!rum_key_escaped(s->data[i])) {
            continue;
        }

        escape[0] = '%';
        escape[1] = hex[s->data[i] >> 4];
        escape[2] = hex[s->data[i] & 15];

        rum_key_bytes(out, s->data + begin, i - begin);
        rum_key_bytes(out, escape, 3);

        begin = i + 1;
    }

    if (begin < s->len) {
        rum_key_bytes(out, s->data + begin, s->len - begin);
    }
}


static int
rum_key_escaped(unsigned char c)
{
    return c <= ' ' || c == 0x7f || c == '%' || c == ':' || c == '{'
           || c == '}';
}


int
rum_key_parse(rum_key_t *key, const rum_str_t *text, unsigned char *scratch)
{
    int           rc, type;
    uint64_t      partition;
    rum_str_t     name;
    rum_key_in_t  in;

    memset(key, 0, sizeof(rum_key_t));

    if (text->len < 5 || memcmp(text->data, "rum:{", 5) != 0) {
        return RUM_ERROR;
    }

    in.pos = text->data + 5;
    in.last = text->data + text->len;
    in.scratch = scratch;

    rc = rum_key_parse_number(&in, '}', RUM_MAX_PARTITIONS - 1, &partition);
    if (rc != RUM_OK) {
        return rc;
    }

    key->partition = (unsigned) partition;

    rc = rum_key_parse_part(&in, &name);
    if (rc != RUM_OK) {
        return rc;
    }

    type = rum_key_find(rum_key_names, RUM_KEY_ROLLUP, &name);

    if (type == RUM_ERROR) {
        return rum_key_parse_rollup(key, &in, &name);
    }

    key->type = (rum_key_e) type;

    if (key->type >= RUM_KEY_INDEX) {
        rc = rum_key_parse_part(&in, &key->site);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    if (key->type == RUM_KEY_ERROR) {
        rc = rum_key_parse_part(&in, &key->value);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return (in.pos == in.last) ? RUM_OK : RUM_ERROR;
}


static int
rum_key_parse_rollup(rum_key_t *key, rum_key_in_t *in, const rum_str_t *res)
{
    int  i;

    i = rum_key_find(rum_resolution_names, RUM_RES_LAST, res);

    if (i == RUM_ERROR || in->pos == in->last || *in->pos++ != ':') {
        return RUM_ERROR;
    }

    key->type = RUM_KEY_ROLLUP;
    key->res = (rum_resolution_e) i;

    if (rum_key_parse_number(in, ':', RUM_START_MAX, &key->start) != RUM_OK
        || key->start != rum_window_start(key->res, key->start))
    {
        return RUM_ERROR;
    }

    in->pos--;                          /* a part begins with its colon */

    if (rum_key_parse_part(in, &key->site) != RUM_OK
        || rum_key_parse_part(in, &key->dimension) != RUM_OK
        || rum_key_parse_part(in, &key->metric) != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (in->pos == in->last) {
        return rum_str_eq(&key->metric, &rum_key_sessions) ? RUM_ERROR
                                                           : RUM_OK;
    }

    if (!rum_str_eq(&key->metric, &rum_key_sessions)) {
        return RUM_ERROR;
    }

    key->type = RUM_KEY_SESSIONS;
    rum_str_null(&key->metric);

    if (rum_key_parse_part(in, &key->value) != RUM_OK) {
        return RUM_ERROR;
    }

    return (in->pos == in->last) ? RUM_OK : RUM_ERROR;
}


/* decimal digits without leading zeroes, and the character after them */

static int
rum_key_parse_number(rum_key_in_t *in, unsigned char end, uint64_t max,
    uint64_t *number)
{
    uint64_t              value;
    const unsigned char  *first;

    value = 0;

    for (first = in->pos; in->pos < in->last; in->pos++) {

        if (*in->pos < '0' || *in->pos > '9') {
            break;
        }

        value = value * 10 + (uint64_t) (*in->pos - '0');

        if (value > max || (*first == '0' && in->pos != first)) {
            return RUM_ERROR;
        }
    }

    if (in->pos == first || in->pos == in->last || *in->pos != end) {
        return RUM_ERROR;
    }

    in->pos++;
    *number = value;

    return RUM_OK;
}


/* a colon and an escaped string, up to the next colon or the end */

static int
rum_key_parse_part(rum_key_in_t *in, rum_str_t *part)
{
    int            high, low;
    unsigned char  c;

    if (in->pos == in->last || *in->pos++ != ':') {
        return RUM_ERROR;
    }

    part->data = in->scratch;

    while (in->pos < in->last && *in->pos != ':') {
        c = *in->pos++;

        if (c == '%') {
            if (in->last - in->pos < 2) {
                return RUM_ERROR;
            }

            high = rum_key_parse_hex(in->pos[0]);
            low = rum_key_parse_hex(in->pos[1]);
            in->pos += 2;

            if (high == RUM_ERROR || low == RUM_ERROR) {
                return RUM_ERROR;
            }

            c = (unsigned char) (high << 4 | low);

            if (!rum_key_escaped(c)) {
                return RUM_ERROR;
            }

        } else if (rum_key_escaped(c)) {
            return RUM_ERROR;
        }

        *in->scratch++ = c;
    }

    part->len = (size_t) (in->scratch - part->data);

    return (part->len != 0) ? RUM_OK : RUM_ERROR;
}


static int
rum_key_parse_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return RUM_ERROR;
}


static int
rum_key_find(const rum_str_t *names, int n, const rum_str_t *name)
{
    int  i;

    for (i = 0; i < n; i++) {
        if (rum_str_eq(&names[i], name)) {
            return i;
        }
    }

    return RUM_ERROR;
}


int
rum_pair_write(const rum_str_t *first, const rum_str_t *second,
    unsigned char *buf, size_t size)
{
    size_t         i, begin;
    rum_key_out_t  out;

    out.pos = buf;
    out.last = buf + size;
    out.full = 0;

    for (i = 0, begin = 0; i < first->len; i++) {

        if (first->data[i] == ',') {
            rum_key_bytes(&out, first->data + begin, i - begin);
            rum_key_bytes(&out, (const unsigned char *) "%2C", 3);
            begin = i + 1;
        }
    }

    if (begin < first->len) {
        rum_key_bytes(&out, first->data + begin, first->len - begin);
    }

    rum_key_bytes(&out, (const unsigned char *) ",", 1);
    rum_key_text(&out, second);

    return out.full ? RUM_FULL : (int) (out.pos - buf);
}


int
rum_pair_split(const rum_str_t *pair, rum_str_t *first, rum_str_t *second)
{
    unsigned char  *comma;

    comma = (pair->len != 0) ? memchr(pair->data, ',', pair->len) : NULL;

    if (comma == NULL) {
        return RUM_ERROR;
    }

    first->data = pair->data;
    first->len = (size_t) (comma - pair->data);

    second->data = comma + 1;
    second->len = pair->len - first->len - 1;

    return RUM_OK;
}
