/*
 * The writing side of the stream entry: see rum_entry.h.  MessagePack by
 * msgpack-c, the RESP around it by hand, since a formatter that parses a
 * format string per command costs ten times as many instructions.
 */

#include "rum_entry.h"
#include "rum_keys.h"
#include "rum_pack.h"

#include <math.h>
#include <stdio.h>


/* below this, a double holds a tenth of a unit */
#define RUM_ENTRY_INTEGER_MAX   1e14

/* below this, a float32 holds a tenth of a millisecond */
#define RUM_ENTRY_FLOAT_TENTHS  (10 * (1 << 20))

/* what a number without a unit is kept to */
#define RUM_ENTRY_STEP          0.0001


#define rum_entry_text(p, name, s)                                            \
    rum_pack_literal(p, name);                                                \
    rum_pack_str(p, s)

#define rum_entry_uint(p, name, n)                                            \
    rum_pack_literal(p, name);                                                \
    msgpack_pack_uint64(p, n)


static void rum_entry_pack_ms(rum_pack_t *p, double value);
static void rum_entry_pack_number(rum_pack_t *p, double value);
static void rum_entry_pack_metrics(rum_pack_t *p, const rum_event_t *event);
static void rum_entry_pack_ids(rum_pack_t *p, const rum_event_t *event,
    uint32_t n);
static void rum_entry_pack_errors(rum_pack_t *p, const rum_event_t *event);
static void rum_entry_pack_actions(rum_pack_t *p, const rum_event_t *event);
static void rum_entry_pack_resources(rum_pack_t *p, const rum_event_t *event);
static void rum_entry_pack_events(rum_pack_t *p, const rum_event_t *event);
static void rum_entry_pack_attribution(rum_pack_t *p,
    const rum_event_t *event);

static unsigned char *rum_entry_bulk(unsigned char *p, size_t len);
static size_t rum_entry_digits(uint64_t n);
static unsigned char *rum_entry_decimal(unsigned char *p, uint64_t n);


int
rum_entry_encode(const rum_event_t *event, unsigned char *buf, size_t size)
{
    uint32_t    i, ids, keys;
    rum_pack_t  p;

    p.pos = buf;
    p.end = buf + size;
    p.full = 0;

    ids = 0;

    for (i = 0; i < event->nmetrics; i++) {
        ids += (event->metrics[i].id.len != 0);
    }

    keys = 3 + (event->ndims != 0) + (event->nmetrics != 0)
           + (event->view.len != 0) + (event->session.len != 0)
           + (event->n != 0) + (event->seq != 0) + (event->from.len != 0)
           + (ids != 0) + (event->trace.len != 0) + (event->nerrors != 0)
           + (event->nactions != 0) + (event->nresources != 0)
           + (event->nevents != 0) + (event->nattributions != 0)
           + (event->weight > 1);

    msgpack_pack_map(&p, keys);

    rum_entry_uint(&p, "t", event->time);
    rum_entry_text(&p, "site", &event->site);
    rum_entry_text(&p, "page", &event->page);

    if (event->ndims != 0) {
        rum_pack_literal(&p, "dims");
        msgpack_pack_map(&p, event->ndims);

        for (i = 0; i < event->ndims; i++) {
            rum_pack_str(&p, &event->dims[i].name);
            rum_pack_str(&p, &event->dims[i].value);
        }
    }

    if (event->nmetrics != 0) {
        rum_entry_pack_metrics(&p, event);
    }

    if (event->view.len != 0) {
        rum_entry_text(&p, "view", &event->view);
    }

    if (event->session.len != 0) {
        rum_entry_text(&p, "session", &event->session);
    }

    if (event->n != 0) {
        rum_entry_uint(&p, "n", event->n);
    }

    if (event->seq != 0) {
        rum_entry_uint(&p, "seq", event->seq);
    }

    if (event->from.len != 0) {
        rum_entry_text(&p, "from", &event->from);
    }

    if (ids != 0) {
        rum_entry_pack_ids(&p, event, ids);
    }

    if (event->trace.len != 0) {
        rum_entry_text(&p, "trace", &event->trace);
    }

    if (event->nerrors != 0) {
        rum_entry_pack_errors(&p, event);
    }

    if (event->nactions != 0) {
        rum_entry_pack_actions(&p, event);
    }

    if (event->nresources != 0) {
        rum_entry_pack_resources(&p, event);
    }

    if (event->nevents != 0) {
        rum_entry_pack_events(&p, event);
    }

    if (event->nattributions != 0) {
        rum_entry_pack_attribution(&p, event);
    }

    if (event->weight > 1) {
        rum_entry_uint(&p, "weight", event->weight);
    }

    return p.full ? RUM_FULL : (int) (p.pos - buf);
}


/*
 * Milliseconds, to a tenth: an integer, float32, or float64 where that does
 * not hold a tenth.  value is not negative.
 */

static void
rum_entry_pack_ms(rum_pack_t *p, double value)
{
    uint64_t  tenths;

    if (value >= RUM_ENTRY_INTEGER_MAX) {
        msgpack_pack_double(p, value);
        return;
    }

    tenths = (uint64_t) (value * 10 + 0.5);

    if (tenths % 10 == 0) {
        msgpack_pack_uint64(p, tenths / 10);

    } else if (tenths < RUM_ENTRY_FLOAT_TENTHS) {
        msgpack_pack_float(p, (float) ((double) tenths / 10));

    } else {
        msgpack_pack_double(p, (double) tenths / 10);
    }
}


/* other numbers, to half of RUM_ENTRY_STEP */

static void
rum_entry_pack_number(rum_pack_t *p, double value)
{
    float    f;
    int64_t  n;

    if (fabs(value) >= RUM_ENTRY_INTEGER_MAX) {
        msgpack_pack_double(p, value);
        return;
    }

    n = (int64_t) (value < 0 ? value - 0.5 : value + 0.5);

    if (fabs(value - (double) n) <= RUM_ENTRY_STEP / 2) {
        msgpack_pack_int64(p, n);
        return;
    }

    f = (float) value;

    if (fabs((double) f - value) <= RUM_ENTRY_STEP / 2) {
        msgpack_pack_float(p, f);

    } else {
        msgpack_pack_double(p, value);
    }
}


static void
rum_entry_pack_metrics(rum_pack_t *p, const rum_event_t *event)
{
    uint32_t                   i;
    const rum_event_metric_t  *m;

    rum_pack_literal(p, "metrics");
    msgpack_pack_map(p, event->nmetrics);

    for (i = 0; i < event->nmetrics; i++) {
        m = &event->metrics[i];

        rum_pack_str(p, &m->name);

        /* "ms" is the only unit of two letters */

        if (m->metric != NULL && m->metric->unit.len == 2) {
            rum_entry_pack_ms(p, m->value);

        } else {
            rum_entry_pack_number(p, m->value);
        }
    }
}


static void
rum_entry_pack_ids(rum_pack_t *p, const rum_event_t *event, uint32_t n)
{
    uint32_t  i;

    rum_pack_literal(p, "ids");
    msgpack_pack_map(p, n);

    for (i = 0; i < event->nmetrics; i++) {
        if (event->metrics[i].id.len != 0) {
            rum_pack_str(p, &event->metrics[i].name);
            rum_pack_str(p, &event->metrics[i].id);
        }
    }
}


static void
rum_entry_pack_errors(rum_pack_t *p, const rum_event_t *event)
{
    uint32_t                  i;
    const rum_event_error_t  *e;

    rum_pack_literal(p, "errors");
    msgpack_pack_array(p, event->nerrors);

    for (i = 0; i < event->nerrors; i++) {
        e = &event->errors[i];

        msgpack_pack_map(p, 2 + (e->source.len != 0) + (e->line != 0)
                             + (e->col != 0) + (e->stack.len != 0)
                             + (e->count > 1));
        rum_entry_text(p, "type", &e->type);
        rum_entry_text(p, "message", &e->message);

        if (e->source.len != 0) {
            rum_entry_text(p, "source", &e->source);
        }

        if (e->line != 0) {
            rum_entry_uint(p, "line", e->line);
        }

        if (e->col != 0) {
            rum_entry_uint(p, "col", e->col);
        }

        if (e->stack.len != 0) {
            rum_entry_text(p, "stack", &e->stack);
        }

        if (e->count > 1) {
            rum_entry_uint(p, "count", e->count);
        }
    }
}


static void
rum_entry_pack_actions(rum_pack_t *p, const rum_event_t *event)
{
    uint32_t                   i;
    const rum_event_action_t  *a;

    rum_pack_literal(p, "actions");
    msgpack_pack_array(p, event->nactions);

    for (i = 0; i < event->nactions; i++) {
        a = &event->actions[i];

        msgpack_pack_map(p, 3);
        rum_entry_text(p, "type", &a->type);
        rum_entry_text(p, "target", &a->target);
        rum_pack_literal(p, "t");
        rum_entry_pack_ms(p, a->t);
    }
}


static void
rum_entry_pack_resources(rum_pack_t *p, const rum_event_t *event)
{
    uint32_t                     i, k;
    const rum_event_resource_t  *r;

    rum_pack_literal(p, "resources");
    msgpack_pack_array(p, event->nresources);

    for (i = 0; i < event->nresources; i++) {
        r = &event->resources[i];

        msgpack_pack_map(p, 3 + (r->ndurations != 0) + (r->bytes > 0)
                             + (r->url.len != 0) + (r->third_party != 0));
        rum_entry_text(p, "host", &r->host);
        rum_entry_text(p, "type", &r->type);
        rum_entry_uint(p, "count", r->count);

        if (r->ndurations != 0) {
            rum_pack_literal(p, "duration");
            msgpack_pack_array(p, r->ndurations);

            for (k = 0; k < r->ndurations; k++) {
                rum_entry_pack_ms(p, r->durations[k]);
            }
        }

        if (r->bytes > 0) {
            rum_pack_literal(p, "bytes");
            msgpack_pack_uint64(p, (uint64_t) r->bytes);
        }

        if (r->url.len != 0) {
            rum_entry_text(p, "url", &r->url);
        }

        if (r->third_party != 0) {
            rum_entry_uint(p, "third_party", 1);
        }
    }
}


static void
rum_entry_pack_events(rum_pack_t *p, const rum_event_t *event)
{
    uint32_t                   i;
    const rum_event_custom_t  *c;

    rum_pack_literal(p, "events");
    msgpack_pack_array(p, event->nevents);

    for (i = 0; i < event->nevents; i++) {
        c = &event->events[i];

        msgpack_pack_map(p, 1 + c->has_value);
        rum_entry_text(p, "name", &c->name);

        if (c->has_value) {
            rum_pack_literal(p, "value");
            rum_entry_pack_number(p, c->value);
        }
    }
}


static void
rum_entry_pack_attribution(rum_pack_t *p, const rum_event_t *event)
{
    uint32_t                        i;
    const rum_event_attribution_t  *a;

    rum_pack_literal(p, "attribution");
    msgpack_pack_map(p, event->nattributions);

    for (i = 0; i < event->nattributions; i++) {
        a = &event->attributions[i];

        rum_pack_str(p, &a->metric);
        msgpack_pack_map(p, (a->target.len != 0) + (a->url.len != 0)
                             + (a->type.len != 0));

        if (a->target.len != 0) {
            rum_entry_text(p, "target", &a->target);
        }

        if (a->url.len != 0) {
            rum_entry_text(p, "url", &a->url);
        }

        if (a->type.len != 0) {
            rum_entry_text(p, "type", &a->type);
        }
    }
}


void
rum_entry_prefix(rum_entry_prefix_t *prefix, unsigned partition,
    uint64_t maxlen)
{
    int        n;
    char       key[64], max[24];
    rum_key_t  k;

    memset(&k, 0, sizeof(rum_key_t));
    k.type = RUM_KEY_EVENTS;
    k.partition = partition;

    n = rum_key_write(&k, (unsigned char *) key, sizeof(key) - 1);
    key[n > 0 ? n : 0] = '\0';

    snprintf(max, sizeof(max), "%llu", (unsigned long long) maxlen);

    n = snprintf((char *) prefix->resp, sizeof(prefix->resp),
                 "*10\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$6\r\nMAXLEN\r\n"
                 "$1\r\n~\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$2\r\nid\r\n",
                 strlen(key), key, strlen(max), max);

    prefix->len = (size_t) n;
}


size_t
rum_entry_resp_len(const rum_entry_prefix_t *prefix, const rum_str_t *writer,
    uint64_t sequence, size_t encoded)
{
    size_t  id;

    id = writer->len + 1 + rum_entry_digits(sequence);

    /* $ID CRLF id CRLF $1 CRLF e CRLF $LEN CRLF e CRLF */

    return prefix->len + 1 + rum_entry_digits(id) + 2 + id + 2
           + sizeof("$1\r\ne\r\n") - 1
           + 1 + rum_entry_digits(encoded) + 2 + encoded + 2;
}


int
rum_entry_resp(const rum_entry_prefix_t *prefix, const rum_str_t *writer,
    uint64_t sequence, const unsigned char *e, size_t len,
    unsigned char *buf, size_t size)
{
    unsigned char  *p;

    if (rum_entry_resp_len(prefix, writer, sequence, len) > size) {
        return RUM_FULL;
    }

    p = buf;
    memcpy(p, prefix->resp, prefix->len);
    p += prefix->len;

    p = rum_entry_bulk(p, writer->len + 1 + rum_entry_digits(sequence));
    memcpy(p, writer->data, writer->len);
    p += writer->len;
    *p++ = '-';
    p = rum_entry_decimal(p, sequence);

    memcpy(p, "\r\n$1\r\ne\r\n", 9);
    p += 9;

    p = rum_entry_bulk(p, len);
    memcpy(p, e, len);
    p += len;

    *p++ = '\r';
    *p++ = '\n';

    return (int) (p - buf);
}


/* the key is the first argument, behind the command's name */

int
rum_entry_resp_partition(const unsigned char *resp, size_t len,
    unsigned *partition)
{
    rum_key_t             key;
    rum_str_t             text;
    unsigned char         scratch[64];
    const unsigned char  *p, *end;

    static const char  begin[] = "*10\r\n$4\r\nXADD\r\n$";

    if (len < sizeof(begin) - 1
        || memcmp(resp, begin, sizeof(begin) - 1) != 0)
    {
        return RUM_ERROR;
    }

    p = memchr(resp + sizeof(begin) - 1, '\n', len - (sizeof(begin) - 1));

    if (p == NULL) {
        return RUM_ERROR;
    }

    p++;
    end = memchr(p, '\r', len - (size_t) (p - resp));

    if (end == NULL || (size_t) (end - p) > sizeof(scratch)) {
        return RUM_ERROR;
    }

    text.data = (unsigned char *) p;
    text.len = (size_t) (end - p);

    if (rum_key_parse(&key, &text, scratch) != RUM_OK
        || key.type != RUM_KEY_EVENTS)
    {
        return RUM_ERROR;
    }

    *partition = key.partition;

    return RUM_OK;
}


static unsigned char *
rum_entry_bulk(unsigned char *p, size_t len)
{
    *p++ = '$';
    p = rum_entry_decimal(p, len);
    *p++ = '\r';
    *p++ = '\n';

    return p;
}


static size_t
rum_entry_digits(uint64_t n)
{
    size_t  digits;

    for (digits = 1; n >= 10; digits++) {
        n /= 10;
    }

    return digits;
}


static unsigned char *
rum_entry_decimal(unsigned char *p, uint64_t n)
{
    unsigned char  *last;

    p += rum_entry_digits(n);
    last = p;

    do {
        *--last = (unsigned char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    return p;
}


int
rum_entry_parse_id(const rum_str_t *id, rum_str_t *writer,
    uint64_t *sequence)
{
    size_t    i, dash;
    uint64_t  n;

    for (dash = 0; dash < id->len && id->data[dash] != '-'; dash++) {
        if ((id->data[dash] < '0' || id->data[dash] > '9')
            && (id->data[dash] < 'a' || id->data[dash] > 'z')
            && (id->data[dash] < 'A' || id->data[dash] > 'Z'))
        {
            return RUM_ERROR;
        }
    }

    if (dash == 0 || dash > RUM_WRITER_MAX || dash + 1 >= id->len
        || id->len - dash - 1 > 19)
    {
        return RUM_ERROR;
    }

    n = 0;

    for (i = dash + 1; i < id->len; i++) {
        if (id->data[i] < '0' || id->data[i] > '9') {
            return RUM_ERROR;
        }

        n = n * 10 + (uint64_t) (id->data[i] - '0');
    }

    if (n == 0) {
        return RUM_ERROR;
    }

    writer->data = id->data;
    writer->len = dash;
    *sequence = n;

    return RUM_OK;
}
