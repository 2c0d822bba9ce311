/*
 * The writing side of the stream entry: see rum_entry.h.  MessagePack by msgpack-c, the RESP
 * around it by hand, since a formatter that parses a format string per
 * command costs ten times as much (measured in bench/).
 */

#include "rum_entry.h"
#include "rum_keys.h"

#include <math.h>
#include <stdio.h>

#include <msgpack.h>


/* numbers are kept to half of this: of their unit, and of milliseconds */
#define RUM_STEP        0.0001
#define RUM_STEP_MS     0.1


typedef struct {
    unsigned char        *pos;
    unsigned char        *end;
    unsigned              full:1;
} rum_entry_buf_t;


static int rum_entry_write(void *data, const char *buf, size_t len);
static void rum_entry_pack_str(msgpack_packer *pk, const rum_str_t *s);
static void rum_entry_pack_text(msgpack_packer *pk, const char *name,
    const rum_str_t *s);
static void rum_entry_pack_uint(msgpack_packer *pk, const char *name,
    uint64_t value);
static void rum_entry_pack_number(msgpack_packer *pk, double value,
    double step);
static void rum_entry_pack_metrics(msgpack_packer *pk,
    const rum_event_t *event);
static void rum_entry_pack_ids(msgpack_packer *pk, const rum_event_t *event,
    uint32_t n);
static void rum_entry_pack_errors(msgpack_packer *pk,
    const rum_event_t *event);
static void rum_entry_pack_actions(msgpack_packer *pk,
    const rum_event_t *event);
static void rum_entry_pack_resources(msgpack_packer *pk,
    const rum_event_t *event);
static void rum_entry_pack_events(msgpack_packer *pk,
    const rum_event_t *event);
static void rum_entry_pack_attribution(msgpack_packer *pk,
    const rum_event_t *event);

static unsigned char *rum_entry_bulk(unsigned char *p, size_t len);
static size_t rum_entry_digits(uint64_t n);
static unsigned char *rum_entry_decimal(unsigned char *p, uint64_t n);


int
rum_entry_encode(const rum_event_t *event, unsigned char *buf, size_t size)
{
    uint32_t         i, ids, keys;
    msgpack_packer   pk;
    rum_entry_buf_t  b;

    b.pos = buf;
    b.end = buf + size;
    b.full = 0;

    ids = 0;

    for (i = 0; i < event->nmetrics; i++) {
        ids += (event->metrics[i].id.len != 0);
    }

    keys = 3 + (event->ndims != 0) + (event->nmetrics != 0)
           + (event->view.len != 0) + (event->session.len != 0)
           + (event->n != 0) + (event->seq != 0) + (event->from.len != 0)
           + (ids != 0) + (event->trace.len != 0) + (event->nerrors != 0)
           + (event->nactions != 0) + (event->nresources != 0)
           + (event->nevents != 0) + (event->nattributions != 0);

    msgpack_packer_init(&pk, &b, rum_entry_write);
    msgpack_pack_map(&pk, keys);

    rum_entry_pack_uint(&pk, "t", event->time);
    rum_entry_pack_text(&pk, "site", &event->site);
    rum_entry_pack_text(&pk, "page", &event->page);

    if (event->ndims != 0) {
        msgpack_pack_str_with_body(&pk, "dims", 4);
        msgpack_pack_map(&pk, event->ndims);

        for (i = 0; i < event->ndims; i++) {
            rum_entry_pack_str(&pk, &event->dims[i].name);
            rum_entry_pack_str(&pk, &event->dims[i].value);
        }
    }

    if (event->nmetrics != 0) {
        rum_entry_pack_metrics(&pk, event);
    }

    if (event->view.len != 0) {
        rum_entry_pack_text(&pk, "view", &event->view);
    }

    if (event->session.len != 0) {
        rum_entry_pack_text(&pk, "session", &event->session);
    }

    if (event->n != 0) {
        rum_entry_pack_uint(&pk, "n", event->n);
    }

    if (event->seq != 0) {
        rum_entry_pack_uint(&pk, "seq", event->seq);
    }

    if (event->from.len != 0) {
        rum_entry_pack_text(&pk, "from", &event->from);
    }

    if (ids != 0) {
        rum_entry_pack_ids(&pk, event, ids);
    }

    if (event->trace.len != 0) {
        rum_entry_pack_text(&pk, "trace", &event->trace);
    }

    if (event->nerrors != 0) {
        rum_entry_pack_errors(&pk, event);
    }

    if (event->nactions != 0) {
        rum_entry_pack_actions(&pk, event);
    }

    if (event->nresources != 0) {
        rum_entry_pack_resources(&pk, event);
    }

    if (event->nevents != 0) {
        rum_entry_pack_events(&pk, event);
    }

    if (event->nattributions != 0) {
        rum_entry_pack_attribution(&pk, event);
    }

    return b.full ? RUM_FULL : (int) (b.pos - buf);
}


static int
rum_entry_write(void *data, const char *buf, size_t len)
{
    rum_entry_buf_t *b = data;

    if ((size_t) (b->end - b->pos) < len) {
        b->full = 1;
        return -1;
    }

    memcpy(b->pos, buf, len);
    b->pos += len;

    return 0;
}


static void
rum_entry_pack_str(msgpack_packer *pk, const rum_str_t *s)
{
    msgpack_pack_str(pk, s->len);

    if (s->len != 0) {
        msgpack_pack_str_body(pk, s->data, s->len);
    }
}


static void
rum_entry_pack_text(msgpack_packer *pk, const char *name, const rum_str_t *s)
{
    msgpack_pack_str_with_body(pk, name, strlen(name));
    rum_entry_pack_str(pk, s);
}


static void
rum_entry_pack_uint(msgpack_packer *pk, const char *name, uint64_t value)
{
    msgpack_pack_str_with_body(pk, name, strlen(name));
    msgpack_pack_uint64(pk, value);
}


/*
 * The shortest form that holds the value to half a step: an integer,
 * float32, else float64.
 */
static void
rum_entry_pack_number(msgpack_packer *pk, double value, double step)
{
    float   f;
    double  rounded;

    rounded = round(value);

    if (fabs(value - rounded) <= step / 2 && fabs(rounded) < 1e15) {
        msgpack_pack_int64(pk, (int64_t) rounded);
        return;
    }

    if (step == RUM_STEP_MS) {
        value = round(value / step) * step;
    }

    f = (float) value;

    if (fabs((double) f - value) <= step / 2) {
        msgpack_pack_float(pk, f);
        return;
    }

    msgpack_pack_double(pk, value);
}


static void
rum_entry_pack_metrics(msgpack_packer *pk, const rum_event_t *event)
{
    double                     step;
    uint32_t                   i;
    const rum_event_metric_t  *m;

    msgpack_pack_str_with_body(pk, "metrics", 7);
    msgpack_pack_map(pk, event->nmetrics);

    for (i = 0; i < event->nmetrics; i++) {
        m = &event->metrics[i];
        step = (m->metric != NULL && m->metric->unit.len == 2)
               ? RUM_STEP_MS : RUM_STEP;

        rum_entry_pack_str(pk, &m->name);
        rum_entry_pack_number(pk, m->value, step);
    }
}


static void
rum_entry_pack_ids(msgpack_packer *pk, const rum_event_t *event, uint32_t n)
{
    uint32_t  i;

    msgpack_pack_str_with_body(pk, "ids", 3);
    msgpack_pack_map(pk, n);

    for (i = 0; i < event->nmetrics; i++) {
        if (event->metrics[i].id.len != 0) {
            rum_entry_pack_str(pk, &event->metrics[i].name);
            rum_entry_pack_str(pk, &event->metrics[i].id);
        }
    }
}


static void
rum_entry_pack_errors(msgpack_packer *pk, const rum_event_t *event)
{
    uint32_t                  i;
    const rum_event_error_t  *e;

    msgpack_pack_str_with_body(pk, "errors", 6);
    msgpack_pack_array(pk, event->nerrors);

    for (i = 0; i < event->nerrors; i++) {
        e = &event->errors[i];

        msgpack_pack_map(pk, 2 + (e->source.len != 0) + (e->line != 0)
                             + (e->col != 0) + (e->stack.len != 0)
                             + (e->count > 1));
        rum_entry_pack_text(pk, "type", &e->type);
        rum_entry_pack_text(pk, "message", &e->message);

        if (e->source.len != 0) {
            rum_entry_pack_text(pk, "source", &e->source);
        }

        if (e->line != 0) {
            rum_entry_pack_uint(pk, "line", e->line);
        }

        if (e->col != 0) {
            rum_entry_pack_uint(pk, "col", e->col);
        }

        if (e->stack.len != 0) {
            rum_entry_pack_text(pk, "stack", &e->stack);
        }

        if (e->count > 1) {
            rum_entry_pack_uint(pk, "count", e->count);
        }
    }
}


static void
rum_entry_pack_actions(msgpack_packer *pk, const rum_event_t *event)
{
    uint32_t                   i;
    const rum_event_action_t  *a;

    msgpack_pack_str_with_body(pk, "actions", 7);
    msgpack_pack_array(pk, event->nactions);

    for (i = 0; i < event->nactions; i++) {
        a = &event->actions[i];

        msgpack_pack_map(pk, 3);
        rum_entry_pack_text(pk, "type", &a->type);
        rum_entry_pack_text(pk, "target", &a->target);
        msgpack_pack_str_with_body(pk, "t", 1);
        rum_entry_pack_number(pk, a->t, RUM_STEP_MS);
    }
}


static void
rum_entry_pack_resources(msgpack_packer *pk, const rum_event_t *event)
{
    uint32_t                     i, k;
    const rum_event_resource_t  *r;

    msgpack_pack_str_with_body(pk, "resources", 9);
    msgpack_pack_array(pk, event->nresources);

    for (i = 0; i < event->nresources; i++) {
        r = &event->resources[i];

        msgpack_pack_map(pk, 3 + (r->ndurations != 0) + (r->bytes > 0));
        rum_entry_pack_text(pk, "host", &r->host);
        rum_entry_pack_text(pk, "type", &r->type);
        rum_entry_pack_uint(pk, "count", r->count);

        if (r->ndurations != 0) {
            msgpack_pack_str_with_body(pk, "duration", 8);
            msgpack_pack_array(pk, r->ndurations);

            for (k = 0; k < r->ndurations; k++) {
                rum_entry_pack_number(pk, r->durations[k], RUM_STEP_MS);
            }
        }

        if (r->bytes > 0) {
            msgpack_pack_str_with_body(pk, "bytes", 5);
            rum_entry_pack_number(pk, r->bytes, 1);
        }
    }
}


static void
rum_entry_pack_events(msgpack_packer *pk, const rum_event_t *event)
{
    uint32_t                   i;
    const rum_event_custom_t  *c;

    msgpack_pack_str_with_body(pk, "events", 6);
    msgpack_pack_array(pk, event->nevents);

    for (i = 0; i < event->nevents; i++) {
        c = &event->events[i];

        msgpack_pack_map(pk, 1 + c->has_value);
        rum_entry_pack_text(pk, "name", &c->name);

        if (c->has_value) {
            msgpack_pack_str_with_body(pk, "value", 5);
            rum_entry_pack_number(pk, c->value, RUM_STEP);
        }
    }
}


static void
rum_entry_pack_attribution(msgpack_packer *pk, const rum_event_t *event)
{
    uint32_t                        i;
    const rum_event_attribution_t  *a;

    msgpack_pack_str_with_body(pk, "attribution", 11);
    msgpack_pack_map(pk, event->nattributions);

    for (i = 0; i < event->nattributions; i++) {
        a = &event->attributions[i];

        rum_entry_pack_str(pk, &a->metric);
        msgpack_pack_map(pk, (a->target.len != 0) + (a->url.len != 0));

        if (a->target.len != 0) {
            rum_entry_pack_text(pk, "target", &a->target);
        }

        if (a->url.len != 0) {
            rum_entry_pack_text(pk, "url", &a->url);
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
