/*
 * The reading side of the stream entry: see rum_entry.h.  msgpack-c makes
 * objects in a zone that is reused; they point into the entry.
 */

#include "rum_entry.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <msgpack.h>


#define RUM_ENTRY_ZONE  32768           /* bytes; a usual event takes 4,000 */
#define RUM_ENTRY_TIME_MAX  253402300799999ULL      /* year 9999 */


struct rum_entry_decoder_s {
    msgpack_zone          zone;
};


typedef int (*rum_entry_field_pt)(rum_event_t *event,
    const msgpack_object *value);

typedef struct {
    rum_str_t             name;
    rum_entry_field_pt    decode;
} rum_entry_field_t;

/* one key of an element of an array of maps; unknown keys are RUM_OK */
typedef int (*rum_entry_element_pt)(void *element, const rum_str_t *key,
    const msgpack_object *value);


static int rum_entry_str(const msgpack_object *o, rum_str_t *s);
static int rum_entry_number(const msgpack_object *o, double *v);
static int rum_entry_uint(const msgpack_object *o, uint32_t *v);
static int rum_entry_get_time(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_site(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_page(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_from(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_view(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_session(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_trace(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_n(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_seq(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_dims(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_metrics(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_ids(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_errors(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_actions(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_resources(rum_event_t *event,
    const msgpack_object *o);
static int rum_entry_get_events(rum_event_t *event, const msgpack_object *o);
static int rum_entry_get_attributions(rum_event_t *event,
    const msgpack_object *o);
static int rum_entry_get_array(const msgpack_object *o, void *elements,
    size_t size, uint32_t max, uint32_t *n, rum_entry_element_pt decode);
static int rum_entry_get_map(const msgpack_object *o, void *element,
    rum_entry_element_pt decode);
static int rum_entry_get_error(void *element, const rum_str_t *key,
    const msgpack_object *o);
static int rum_entry_get_action(void *element, const rum_str_t *key,
    const msgpack_object *o);
static int rum_entry_get_resource(void *element, const rum_str_t *key,
    const msgpack_object *o);
static int rum_entry_get_custom(void *element, const rum_str_t *key,
    const msgpack_object *o);
static int rum_entry_get_attribution(void *element, const rum_str_t *key,
    const msgpack_object *o);
static int rum_entry_get_durations(rum_event_resource_t *r,
    const msgpack_object *o);


static const rum_entry_field_t  rum_entry_fields[] = {
    { rum_string("t"), rum_entry_get_time },
    { rum_string("site"), rum_entry_get_site },
    { rum_string("page"), rum_entry_get_page },
    { rum_string("dims"), rum_entry_get_dims },
    { rum_string("metrics"), rum_entry_get_metrics },
    { rum_string("view"), rum_entry_get_view },
    { rum_string("session"), rum_entry_get_session },
    { rum_string("n"), rum_entry_get_n },
    { rum_string("seq"), rum_entry_get_seq },
    { rum_string("from"), rum_entry_get_from },
    { rum_string("ids"), rum_entry_get_ids },
    { rum_string("trace"), rum_entry_get_trace },
    { rum_string("errors"), rum_entry_get_errors },
    { rum_string("actions"), rum_entry_get_actions },
    { rum_string("resources"), rum_entry_get_resources },
    { rum_string("events"), rum_entry_get_events },
    { rum_string("attribution"), rum_entry_get_attributions },
    { { 0, NULL }, NULL }
};


rum_entry_decoder_t *
rum_entry_decoder_create(void)
{
    rum_entry_decoder_t  *d;

    d = malloc(sizeof(rum_entry_decoder_t));
    if (d == NULL) {
        return NULL;
    }

    if (!msgpack_zone_init(&d->zone, RUM_ENTRY_ZONE)) {
        free(d);
        return NULL;
    }

    return d;
}


void
rum_entry_decoder_destroy(rum_entry_decoder_t *d)
{
    if (d != NULL) {
        msgpack_zone_destroy(&d->zone);
        free(d);
    }
}


int
rum_entry_decode(rum_entry_decoder_t *d, const unsigned char *data,
    size_t len, rum_event_t *event, const char **error)
{
    size_t                    off;
    uint32_t                  i;
    rum_str_t                 key;
    const char               *dummy;
    msgpack_object            o;
    msgpack_object_kv        *kv;
    const rum_entry_field_t  *field, *next;

    if (error == NULL) {
        error = &dummy;
    }

    rum_event_reset(event);
    msgpack_zone_clear(&d->zone);

    off = 0;

    if (msgpack_unpack((const char *) data, len, &off, &d->zone, &o)
        != MSGPACK_UNPACK_SUCCESS
        || o.type != MSGPACK_OBJECT_MAP)
    {
        *error = "not one MessagePack map";
        return RUM_ERROR;
    }

    /* our own entries have the fields in the order of the table */

    next = rum_entry_fields;

    for (i = 0; i < o.via.map.size; i++) {
        kv = &o.via.map.ptr[i];

        if (rum_entry_str(&kv->key, &key) != RUM_OK) {
            *error = "a key is not a string";
            return RUM_ERROR;
        }

        for (field = next; field->decode != NULL; field++) {
            if (rum_str_eq(&field->name, &key)) {
                break;
            }
        }

        if (field->decode == NULL) {
            for (field = rum_entry_fields; field != next; field++) {
                if (rum_str_eq(&field->name, &key)) {
                    break;
                }
            }

            if (field == next) {
                continue;
            }
        }

        if (field->decode(event, &kv->val) != RUM_OK) {
            *error = (const char *) field->name.data;
            return RUM_ERROR;
        }

        next = field + 1;
    }

    if (event->time == 0 || event->site.len == 0) {
        *error = "no t or no site";
        return RUM_ERROR;
    }

    return RUM_OK;
}

static int
rum_entry_str(const msgpack_object *o, rum_str_t *s)
{
    if (o->type != MSGPACK_OBJECT_STR) {
        return RUM_ERROR;
    }

    s->len = o->via.str.size;
    s->data = (unsigned char *) o->via.str.ptr;

    return RUM_OK;
}


static int
rum_entry_number(const msgpack_object *o, double *v)
{
    switch (o->type) {

    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        *v = (double) o->via.u64;
        return RUM_OK;

    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        *v = (double) o->via.i64;
        return RUM_OK;

    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        *v = o->via.f64;
        return isfinite(*v) ? RUM_OK : RUM_ERROR;

    default:
        return RUM_ERROR;
    }
}


static int
rum_entry_uint(const msgpack_object *o, uint32_t *v)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER
        || o->via.u64 > UINT32_MAX)
    {
        return RUM_ERROR;
    }

    *v = (uint32_t) o->via.u64;

    return RUM_OK;
}


static int
rum_entry_get_time(rum_event_t *event, const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER
        || o->via.u64 > RUM_ENTRY_TIME_MAX)
    {
        return RUM_ERROR;
    }

    event->time = o->via.u64;

    return RUM_OK;
}


static int
rum_entry_get_site(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_str(o, &event->site);
}


static int
rum_entry_get_page(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_str(o, &event->page);
}


static int
rum_entry_get_from(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_str(o, &event->from);
}


static int
rum_entry_get_view(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_str(o, &event->view);
}


static int
rum_entry_get_session(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_str(o, &event->session);
}


static int
rum_entry_get_trace(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_str(o, &event->trace);
}


static int
rum_entry_get_n(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_uint(o, &event->n);
}


static int
rum_entry_get_seq(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_uint(o, &event->seq);
}


static int
rum_entry_get_dims(rum_event_t *event, const msgpack_object *o)
{
    uint32_t            i;
    rum_event_dim_t    *dim;
    msgpack_object_kv  *kv;

    if (o->type != MSGPACK_OBJECT_MAP || o->via.map.size > RUM_MAX_DIMS) {
        return RUM_ERROR;
    }

    for (i = 0; i < o->via.map.size; i++) {
        kv = &o->via.map.ptr[i];
        dim = &event->dims[i];

        if (rum_entry_str(&kv->key, &dim->name) != RUM_OK
            || rum_entry_str(&kv->val, &dim->value) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    event->ndims = i;

    return RUM_OK;
}


static int
rum_entry_get_metrics(rum_event_t *event, const msgpack_object *o)
{
    double               unit;
    uint32_t             i;
    msgpack_object_kv   *kv;
    rum_event_metric_t  *m;

    if (o->type != MSGPACK_OBJECT_MAP || o->via.map.size > RUM_MAX_METRICS) {
        return RUM_ERROR;
    }

    for (i = 0; i < o->via.map.size; i++) {
        kv = &o->via.map.ptr[i];
        m = &event->metrics[i];

        if (rum_entry_str(&kv->key, &m->name) != RUM_OK
            || rum_entry_number(&kv->val, &m->value) != RUM_OK)
        {
            return RUM_ERROR;
        }

        m->metric = rum_metric_find(&m->name);
        rum_str_null(&m->id);

        /*
         * float32 stands for a decimal number, and next to a threshold it
         * matters which: make it that again, to a tenth of a millisecond or
         * as far as float32 goes
         */

        if (kv->val.type == MSGPACK_OBJECT_FLOAT32 && m->metric != NULL) {
            unit = m->metric->unit.len == 2 ? 10 : 1e6;
            m->value = round(m->value * unit) / unit;
        }
    }

    event->nmetrics = i;

    return RUM_OK;
}


static int
rum_entry_get_ids(rum_event_t *event, const msgpack_object *o)
{
    uint32_t            i, k;
    rum_str_t           name, id;
    msgpack_object_kv  *kv;

    if (o->type != MSGPACK_OBJECT_MAP) {
        return RUM_ERROR;
    }

    for (i = 0; i < o->via.map.size; i++) {
        kv = &o->via.map.ptr[i];

        if (rum_entry_str(&kv->key, &name) != RUM_OK
            || rum_entry_str(&kv->val, &id) != RUM_OK)
        {
            return RUM_ERROR;
        }

        for (k = 0; k < event->nmetrics; k++) {
            if (rum_str_eq(&event->metrics[k].name, &name)) {
                event->metrics[k].id = id;
                break;
            }
        }
    }

    return RUM_OK;
}


/*
 * An array of maps: each element is cleared, then filled key by key.
 */

static int
rum_entry_get_array(const msgpack_object *o, void *elements, size_t size,
    uint32_t max, uint32_t *n, rum_entry_element_pt decode)
{
    void      *element;
    uint32_t   i;

    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size > max) {
        return RUM_ERROR;
    }

    for (i = 0; i < o->via.array.size; i++) {
        element = (unsigned char *) elements + i * size;
        memset(element, 0, size);

        if (rum_entry_get_map(&o->via.array.ptr[i], element, decode)
            != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    *n = i;

    return RUM_OK;
}


static int
rum_entry_get_map(const msgpack_object *o, void *element,
    rum_entry_element_pt decode)
{
    uint32_t   i;
    rum_str_t  key;

    if (o->type != MSGPACK_OBJECT_MAP) {
        return RUM_ERROR;
    }

    for (i = 0; i < o->via.map.size; i++) {
        if (rum_entry_str(&o->via.map.ptr[i].key, &key) != RUM_OK
            || decode(element, &key, &o->via.map.ptr[i].val) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static int
rum_entry_get_errors(rum_event_t *event, const msgpack_object *o)
{
    uint32_t  i;

    if (rum_entry_get_array(o, event->errors, sizeof(rum_event_error_t),
                            RUM_MAX_ERRORS, &event->nerrors,
                            rum_entry_get_error)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    for (i = 0; i < event->nerrors; i++) {
        if (event->errors[i].count == 0) {
            event->errors[i].count = 1;
        }
    }

    return RUM_OK;
}


static int
rum_entry_get_error(void *element, const rum_str_t *key,
    const msgpack_object *o)
{
    rum_event_error_t *e = element;

    if (rum_str_is(key, "type")) {
        return rum_entry_str(o, &e->type);
    }

    if (rum_str_is(key, "message")) {
        return rum_entry_str(o, &e->message);
    }

    if (rum_str_is(key, "source")) {
        return rum_entry_str(o, &e->source);
    }

    if (rum_str_is(key, "stack")) {
        return rum_entry_str(o, &e->stack);
    }

    if (rum_str_is(key, "line")) {
        return rum_entry_uint(o, &e->line);
    }

    if (rum_str_is(key, "col")) {
        return rum_entry_uint(o, &e->col);
    }

    if (rum_str_is(key, "count")) {
        return rum_entry_uint(o, &e->count);
    }

    return RUM_OK;
}


static int
rum_entry_get_actions(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_get_array(o, event->actions, sizeof(rum_event_action_t),
                               RUM_MAX_ACTIONS, &event->nactions,
                               rum_entry_get_action);
}


static int
rum_entry_get_action(void *element, const rum_str_t *key,
    const msgpack_object *o)
{
    rum_event_action_t *a = element;

    if (rum_str_is(key, "type")) {
        return rum_entry_str(o, &a->type);
    }

    if (rum_str_is(key, "target")) {
        return rum_entry_str(o, &a->target);
    }

    if (rum_str_is(key, "t")) {
        return rum_entry_number(o, &a->t);
    }

    return RUM_OK;
}


static int
rum_entry_get_resources(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_get_array(o, event->resources,
                               sizeof(rum_event_resource_t),
                               RUM_MAX_RESOURCES, &event->nresources,
                               rum_entry_get_resource);
}


static int
rum_entry_get_resource(void *element, const rum_str_t *key,
    const msgpack_object *o)
{
    rum_event_resource_t *r = element;

    if (rum_str_is(key, "host")) {
        return rum_entry_str(o, &r->host);
    }

    if (rum_str_is(key, "type")) {
        return rum_entry_str(o, &r->type);
    }

    if (rum_str_is(key, "count")) {
        return rum_entry_uint(o, &r->count);
    }

    if (rum_str_is(key, "duration")) {
        return rum_entry_get_durations(r, o);
    }

    if (rum_str_is(key, "bytes")) {
        return rum_entry_number(o, &r->bytes);
    }

    return RUM_OK;
}


static int
rum_entry_get_durations(rum_event_resource_t *r, const msgpack_object *o)
{
    double    value;
    uint32_t  i;

    if (o->type != MSGPACK_OBJECT_ARRAY
        || o->via.array.size > RUM_MAX_DURATIONS)
    {
        return RUM_ERROR;
    }

    for (i = 0; i < o->via.array.size; i++) {
        if (rum_entry_number(&o->via.array.ptr[i], &value) != RUM_OK
            || fabs(value) > FLT_MAX)
        {
            return RUM_ERROR;
        }

        r->durations[i] = (float) value;
    }

    r->ndurations = i;

    return RUM_OK;
}


static int
rum_entry_get_events(rum_event_t *event, const msgpack_object *o)
{
    return rum_entry_get_array(o, event->events, sizeof(rum_event_custom_t),
                               RUM_MAX_EVENTS, &event->nevents,
                               rum_entry_get_custom);
}


static int
rum_entry_get_custom(void *element, const rum_str_t *key,
    const msgpack_object *o)
{
    rum_event_custom_t *c = element;

    if (rum_str_is(key, "name")) {
        return rum_entry_str(o, &c->name);
    }

    if (rum_str_is(key, "value")) {
        c->has_value = 1;
        return rum_entry_number(o, &c->value);
    }

    return RUM_OK;
}


static int
rum_entry_get_attributions(rum_event_t *event, const msgpack_object *o)
{
    uint32_t                  i;
    msgpack_object_kv        *kv;
    rum_event_attribution_t  *a;

    if (o->type != MSGPACK_OBJECT_MAP
        || o->via.map.size > RUM_MAX_ATTRIBUTIONS)
    {
        return RUM_ERROR;
    }

    for (i = 0; i < o->via.map.size; i++) {
        kv = &o->via.map.ptr[i];
        a = &event->attributions[i];
        memset(a, 0, sizeof(rum_event_attribution_t));

        if (rum_entry_str(&kv->key, &a->metric) != RUM_OK
            || rum_entry_get_map(&kv->val, a, rum_entry_get_attribution)
               != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    event->nattributions = i;

    return RUM_OK;
}


static int
rum_entry_get_attribution(void *element, const rum_str_t *key,
    const msgpack_object *o)
{
    rum_event_attribution_t *a = element;

    if (rum_str_is(key, "target")) {
        return rum_entry_str(o, &a->target);
    }

    if (rum_str_is(key, "url")) {
        return rum_entry_str(o, &a->url);
    }

    return RUM_OK;
}
