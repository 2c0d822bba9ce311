/*
 * The reading side of the stream entry: see rum_entry.h.  msgpack-c's parser
 * (its unpack_template.h) calls back for every value, and the value goes
 * straight into the event: no objects are made and nothing is allocated,
 * whatever an entry claims to hold.
 *
 *   open[]  ROOT -> ERRORS -> ERROR        containers that are being read
 *   last    the string read before: the key of a container that begins now
 */

#include "rum_entry.h"
#include "rum_entry_fields.h"
#include "rum_item.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define MSGPACK_EMBED_STACK_SIZE  8     /* nesting of containers */

#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>


#define RUM_ENTRY_TIME_MAX  253402300799999ULL      /* year 9999 */


typedef struct {
    rum_item_e            type;
    uint32_t              left;         /* items to come */
    void                 *base;
} rum_entry_open_t;


typedef struct {
    rum_event_t          *event;
    const char           *error;
    rum_str_t             last;
    uint32_t              depth;
    rum_entry_open_t      open[MSGPACK_EMBED_STACK_SIZE];

    /* by type: where the key that comes next most likely is */
    const rum_entry_field_t  *next[RUM_ITEM_LAST];
} rum_entry_in_t;


struct rum_entry_decoder_s {
    rum_entry_in_t        in;
};


static int rum_entry_refuse(rum_entry_in_t *in, const char *error);
static int rum_entry_begin(rum_entry_in_t *in, rum_item_e type, void *base,
    uint32_t n, rum_item_t *item);
static void rum_entry_complete(rum_entry_in_t *in);
static rum_item_e rum_entry_parent(rum_entry_in_t *in);
static rum_item_e rum_entry_named(rum_entry_in_t *in);
static const rum_entry_field_t *rum_entry_find(rum_entry_in_t *in,
    rum_item_e type, const rum_str_t *key);
static int rum_entry_element(rum_entry_in_t *in, rum_item_e type,
    uint32_t *count, uint32_t max, void *elements, size_t size, uint32_t n,
    rum_item_t *item);
static int rum_entry_field(rum_entry_in_t *in, rum_item_t map,
    rum_item_t key, rum_item_t item);
static int rum_entry_store(unsigned char *base, const rum_entry_field_t *f,
    rum_item_t item);
static int rum_entry_number(rum_item_t item, double *number);
static int rum_entry_dim(rum_event_t *event, rum_item_t name,
    rum_item_t item);
static int rum_entry_metric(rum_event_t *event, rum_item_t name,
    rum_item_t item);
static int rum_entry_id(rum_event_t *event, rum_item_t name,
    rum_item_t item);
static int rum_entry_duration(rum_event_resource_t *resource,
    rum_item_t item);

static inline rum_item_t rum_item_root(rum_entry_in_t **in);
static inline int rum_item_scalar(rum_entry_in_t **in, rum_item_e type,
    rum_item_t *item);
static inline int rum_item_nil(rum_entry_in_t **in, rum_item_t *item);
static inline int rum_item_unsigned(rum_entry_in_t **in, uint64_t value,
    rum_item_t *item);
static inline int rum_item_signed(rum_entry_in_t **in, int64_t value,
    rum_item_t *item);
static inline int rum_item_float(rum_entry_in_t **in, float value,
    rum_item_t *item);
static inline int rum_item_double(rum_entry_in_t **in, double value,
    rum_item_t *item);
static inline int rum_item_str(rum_entry_in_t **in, const char *base,
    const char *pos, uint32_t len, rum_item_t *item);
static inline int rum_item_array(rum_entry_in_t **in, uint32_t n,
    rum_item_t *item);
static inline int rum_item_map(rum_entry_in_t **in, uint32_t n,
    rum_item_t *item);
static inline int rum_item_array_item(rum_entry_in_t **in,
    rum_item_t *array, rum_item_t item);
static inline int rum_item_map_item(rum_entry_in_t **in, rum_item_t *map,
    rum_item_t key, rum_item_t item);


#define rum_item_uint8         rum_item_unsigned
#define rum_item_uint16        rum_item_unsigned
#define rum_item_uint32        rum_item_unsigned
#define rum_item_uint64        rum_item_unsigned
#define rum_item_int8          rum_item_signed
#define rum_item_int16         rum_item_signed
#define rum_item_int32         rum_item_signed
#define rum_item_int64         rum_item_signed
#define rum_item_true          rum_item_nil
#define rum_item_false         rum_item_nil

#define rum_item_bin(in, base, pos, len, item)  rum_item_nil(in, item)
#define rum_item_ext(in, base, pos, len, item)  rum_item_nil(in, item)

#define msgpack_unpack_struct(name)     struct rum_parse ## name
#define msgpack_unpack_func(ret, name)  static inline ret rum_parse ## name
#define msgpack_unpack_callback(name)   rum_item ## name
#define msgpack_unpack_object           rum_item_t
#define msgpack_unpack_user             rum_entry_in_t *

#include <msgpack/unpack_template.h>


rum_entry_decoder_t *
rum_entry_decoder_create(void)
{
    return calloc(1, sizeof(rum_entry_decoder_t));
}


void
rum_entry_decoder_destroy(rum_entry_decoder_t *d)
{
    free(d);
}


int
rum_entry_decode(rum_entry_decoder_t *d, const unsigned char *data,
    size_t len, rum_event_t *event, const char **error)
{
    size_t                    off;
    const char               *dummy;
    struct rum_parse_context  ctx;

    if (error == NULL) {
        error = &dummy;
    }

    rum_event_reset(event);

    d->in.event = event;
    d->in.error = NULL;
    d->in.depth = 0;
    rum_str_null(&d->in.last);

    rum_parse_init(&ctx);
    ctx.user = &d->in;
    off = 0;

    if (rum_parse_execute(&ctx, (const char *) data, len, &off) != 1
        || off != len)
    {
        *error = (d->in.error != NULL) ? d->in.error
                                       : "not one MessagePack map";
        return RUM_ERROR;
    }

    if (event->time == 0 || event->site.len == 0) {
        *error = "no t or no site";
        return RUM_ERROR;
    }

    return RUM_OK;
}


static int
rum_entry_refuse(rum_entry_in_t *in, const char *error)
{
    in->error = error;

    return RUM_ERROR;
}


/* a container begins; an empty one has no items to close it */

static int
rum_entry_begin(rum_entry_in_t *in, rum_item_e type, void *base, uint32_t n,
    rum_item_t *item)
{
    rum_entry_open_t  *open;

    item->type = type;
    rum_item_set_base(item, base);

    if (n != 0) {
        open = &in->open[in->depth++];
        open->type = type;
        open->left = n;
        open->base = base;
    }

    rum_str_null(&in->last);

    return RUM_OK;
}


/* an item of the innermost container is complete */

static void
rum_entry_complete(rum_entry_in_t *in)
{
    if (--in->open[in->depth - 1].left == 0) {
        in->depth--;
    }
}


static rum_item_e
rum_entry_parent(rum_entry_in_t *in)
{
    return (in->depth == 0) ? RUM_ITEM_NONE : in->open[in->depth - 1].type;
}


/* the type of container that the key before it asks for */

static rum_item_e
rum_entry_named(rum_entry_in_t *in)
{
    const rum_entry_field_t  *f;

    f = rum_entry_find(in, rum_entry_parent(in), &in->last);

    return (f != NULL && f->type < RUM_ITEM_LAST) ? f->type : RUM_ITEM_OTHER;
}


/*
 * The key's entry in the table of that type of map, or NULL.  Our own
 * entries have their keys in the order of the tables.
 */

static const rum_entry_field_t *
rum_entry_find(rum_entry_in_t *in, rum_item_e type, const rum_str_t *key)
{
    const rum_entry_field_t  *f, *table, *next;

    table = rum_entry_fields[type];

    if (table == NULL) {
        return NULL;
    }

    next = (in->next[type] != NULL) ? in->next[type] : table;

    for (f = next; f->name.len != 0; f++) {
        if (rum_str_eq(&f->name, key)) {
            in->next[type] = f;
            return f;
        }
    }

    for (f = table; f != next; f++) {
        if (rum_str_eq(&f->name, key)) {
            in->next[type] = f;
            return f;
        }
    }

    return NULL;
}


static int
rum_entry_element(rum_entry_in_t *in, rum_item_e type, uint32_t *count,
    uint32_t max, void *elements, size_t size, uint32_t n, rum_item_t *item)
{
    unsigned char  *element;

    if (*count == max) {
        return rum_entry_refuse(in, "too many elements");
    }

    element = (unsigned char *) elements + *count * size;
    memset(element, 0, size);
    (*count)++;

    return rum_entry_begin(in, type, element, n, item);
}


static inline int
rum_item_map(rum_entry_in_t **user, uint32_t n, rum_item_t *item)
{
    rum_str_t        name;
    rum_item_e       type;
    rum_event_t     *event;
    rum_entry_in_t  *in;

    in = *user;
    event = in->event;

    switch (rum_entry_parent(in)) {

    case RUM_ITEM_NONE:
        return rum_entry_begin(in, RUM_ITEM_ROOT, event, n, item);

    case RUM_ITEM_ROOT:
        type = rum_entry_named(in);

        if (type != RUM_ITEM_DIMS && type != RUM_ITEM_METRICS
            && type != RUM_ITEM_IDS && type != RUM_ITEM_ATTRIBUTIONS)
        {
            type = RUM_ITEM_OTHER;
        }

        return rum_entry_begin(in, type, event, n, item);

    case RUM_ITEM_ERRORS:
        if (rum_entry_element(in, RUM_ITEM_ERROR, &event->nerrors,
                              RUM_MAX_ERRORS, event->errors,
                              sizeof(rum_event_error_t), n, item)
            != RUM_OK)
        {
            return RUM_ERROR;
        }

        event->errors[event->nerrors - 1].count = 1;
        return RUM_OK;

    case RUM_ITEM_ACTIONS:
        return rum_entry_element(in, RUM_ITEM_ACTION, &event->nactions,
                                 RUM_MAX_ACTIONS, event->actions,
                                 sizeof(rum_event_action_t), n, item);

    case RUM_ITEM_RESOURCES:
        return rum_entry_element(in, RUM_ITEM_RESOURCE, &event->nresources,
                                 RUM_MAX_RESOURCES, event->resources,
                                 sizeof(rum_event_resource_t), n, item);

    case RUM_ITEM_EVENTS:
        return rum_entry_element(in, RUM_ITEM_EVENT, &event->nevents,
                                 RUM_MAX_EVENTS, event->events,
                                 sizeof(rum_event_custom_t), n, item);

    case RUM_ITEM_ATTRIBUTIONS:
        name = in->last;

        if (rum_entry_element(in, RUM_ITEM_ATTRIBUTION,
                              &event->nattributions, RUM_MAX_ATTRIBUTIONS,
                              event->attributions,
                              sizeof(rum_event_attribution_t), n, item)
            != RUM_OK)
        {
            return RUM_ERROR;
        }

        event->attributions[event->nattributions - 1].metric = name;
        return RUM_OK;

    default:
        return rum_entry_begin(in, RUM_ITEM_OTHER, NULL, n, item);
    }
}


static inline int
rum_item_array(rum_entry_in_t **user, uint32_t n, rum_item_t *item)
{
    void            *base;
    rum_item_e       type;
    rum_entry_in_t  *in;

    in = *user;

    if (in->depth == 0) {
        return RUM_ERROR;
    }

    type = rum_entry_named(in);
    base = in->open[in->depth - 1].base;

    if (type != RUM_ITEM_ERRORS && type != RUM_ITEM_ACTIONS
        && type != RUM_ITEM_RESOURCES && type != RUM_ITEM_EVENTS
        && type != RUM_ITEM_DURATIONS)
    {
        type = RUM_ITEM_OTHER;
    }

    return rum_entry_begin(in, type, base, n, item);
}


static inline int
rum_item_array_item(rum_entry_in_t **user, rum_item_t *array,
    rum_item_t item)
{
    rum_item_e       element;
    rum_entry_in_t  *in;

    in = *user;
    rum_entry_complete(in);

    switch (array->type) {

    case RUM_ITEM_DURATIONS:
        return (rum_entry_duration(rum_item_base(*array), item) == RUM_OK)
               ? RUM_OK : rum_entry_refuse(in, "duration");

    case RUM_ITEM_ERRORS:
    case RUM_ITEM_ACTIONS:
    case RUM_ITEM_RESOURCES:
    case RUM_ITEM_EVENTS:
        element = array->type + 1;

        return (item.type == element)
               ? RUM_OK : rum_entry_refuse(in, "an element is not a map");

    default:
        return RUM_OK;
    }
}


static inline int
rum_item_map_item(rum_entry_in_t **user, rum_item_t *map, rum_item_t key,
    rum_item_t item)
{
    int              rc;
    const char      *what;
    rum_entry_in_t  *in;

    in = *user;
    rum_entry_complete(in);

    if (map->type == RUM_ITEM_OTHER) {
        return RUM_OK;
    }

    if (key.type != RUM_ITEM_STR) {
        return rum_entry_refuse(in, "a key is not a string");
    }

    switch (map->type) {

    case RUM_ITEM_DIMS:
        rc = rum_entry_dim(in->event, key, item);
        what = "dims";
        break;

    case RUM_ITEM_METRICS:
        rc = rum_entry_metric(in->event, key, item);
        what = "metrics";
        break;

    case RUM_ITEM_IDS:
        rc = rum_entry_id(in->event, key, item);
        what = "ids";
        break;

    case RUM_ITEM_ATTRIBUTIONS:
        rc = (item.type == RUM_ITEM_ATTRIBUTION) ? RUM_OK : RUM_ERROR;
        what = "attribution";
        break;

    default:
        return rum_entry_field(in, *map, key, item);
    }

    return (rc == RUM_OK) ? RUM_OK : rum_entry_refuse(in, what);
}


/* unknown keys are skipped */

static int
rum_entry_field(rum_entry_in_t *in, rum_item_t map, rum_item_t key,
    rum_item_t item)
{
    rum_str_t                 name;
    const rum_entry_field_t  *f;

    name = rum_item_text(key);
    f = rum_entry_find(in, map.type, &name);

    if (f == NULL) {
        return RUM_OK;
    }

    if (rum_entry_store(rum_item_base(map), f, item) != RUM_OK) {
        return rum_entry_refuse(in, (const char *) f->name.data);
    }

    in->next[map.type] = f + 1;

    return RUM_OK;
}


static int
rum_entry_store(unsigned char *base, const rum_entry_field_t *f,
    rum_item_t item)
{
    uint32_t             count;
    rum_str_t            text;
    rum_event_custom_t  *custom;

    switch (f->type) {

    case RUM_ITEM_STR:
        if (item.type != RUM_ITEM_STR) {
            return RUM_ERROR;
        }

        text = rum_item_text(item);
        memcpy(base + f->offset, &text, sizeof(rum_str_t));
        return RUM_OK;

    case RUM_ITEM_COUNT:
        if (item.type != RUM_ITEM_UINT || item.bits > UINT32_MAX) {
            return RUM_ERROR;
        }

        count = (uint32_t) item.bits;
        memcpy(base + f->offset, &count, sizeof(uint32_t));
        return RUM_OK;

    case RUM_ITEM_WEIGHT:
        if (item.type != RUM_ITEM_UINT || item.bits == 0
            || item.bits > RUM_MAX_WEIGHT)
        {
            return RUM_ERROR;
        }

        count = (uint32_t) item.bits;
        memcpy(base + f->offset, &count, sizeof(uint32_t));
        return RUM_OK;

    case RUM_ITEM_TIME:
        if (item.type != RUM_ITEM_UINT || item.bits > RUM_ENTRY_TIME_MAX) {
            return RUM_ERROR;
        }

        memcpy(base + f->offset, &item.bits, sizeof(uint64_t));
        return RUM_OK;

    case RUM_ITEM_NUMBER:
        return rum_entry_number(item, (double *) (void *) (base + f->offset));

    case RUM_ITEM_VALUE:
        custom = (rum_event_custom_t *) (void *) base;
        custom->has_value = 1;
        return rum_entry_number(item, &custom->value);

    default:
        return (item.type == f->type) ? RUM_OK : RUM_ERROR;
    }
}


static int
rum_entry_number(rum_item_t item, double *number)
{
    switch (item.type) {

    case RUM_ITEM_UINT:
        *number = (double) item.bits;
        return RUM_OK;

    case RUM_ITEM_INT:
    case RUM_ITEM_FLOAT:
    case RUM_ITEM_DOUBLE:
        *number = rum_item_number(item);
        return isfinite(*number) ? RUM_OK : RUM_ERROR;

    default:
        return RUM_ERROR;
    }
}


static int
rum_entry_dim(rum_event_t *event, rum_item_t name,
    rum_item_t item)
{
    rum_event_dim_t  *dim;

    if (item.type != RUM_ITEM_STR || event->ndims == RUM_MAX_DIMS) {
        return RUM_ERROR;
    }

    dim = &event->dims[event->ndims++];
    dim->name = rum_item_text(name);
    dim->value = rum_item_text(item);

    return RUM_OK;
}


static int
rum_entry_metric(rum_event_t *event, rum_item_t name,
    rum_item_t item)
{
    double               unit;
    rum_event_metric_t  *m;

    if (event->nmetrics == RUM_MAX_METRICS) {
        return RUM_ERROR;
    }

    m = &event->metrics[event->nmetrics++];
    m->name = rum_item_text(name);
    m->metric = rum_metric_find(&m->name);
    rum_str_null(&m->id);

    if (rum_entry_number(item, &m->value) != RUM_OK) {
        return RUM_ERROR;
    }

    /*
     * float32 stands for a decimal number, and next to a threshold it
     * matters which: make it that again, to a tenth of a millisecond or as
     * far as float32 goes
     */

    if (item.type == RUM_ITEM_FLOAT && m->metric != NULL) {
        unit = (m->metric->unit.len == 2) ? 10 : 1e6;
        m->value = round(m->value * unit) / unit;
    }

    return RUM_OK;
}


static int
rum_entry_id(rum_event_t *event, rum_item_t name,
    rum_item_t item)
{
    uint32_t   i;
    rum_str_t  text;

    if (item.type != RUM_ITEM_STR) {
        return RUM_ERROR;
    }

    text = rum_item_text(name);

    for (i = 0; i < event->nmetrics; i++) {
        if (rum_str_eq(&event->metrics[i].name, &text)) {
            event->metrics[i].id = rum_item_text(item);
            break;
        }
    }

    return RUM_OK;
}


static int
rum_entry_duration(rum_event_resource_t *resource, rum_item_t item)
{
    double  value;

    if (resource->ndurations == RUM_MAX_DURATIONS
        || rum_entry_number(item, &value) != RUM_OK
        || fabs(value) > FLT_MAX)
    {
        return RUM_ERROR;
    }

    resource->durations[resource->ndurations++] = (float) value;

    return RUM_OK;
}


static inline rum_item_t
rum_item_root(rum_entry_in_t **in)
{
    rum_item_t  item;

    (void) in;

    item.type = RUM_ITEM_NONE;
    rum_item_set_base(&item, NULL);

    return item;
}


/* an entry is a map: outside of it nothing else may stand */

static inline int
rum_item_scalar(rum_entry_in_t **in, rum_item_e type, rum_item_t *item)
{
    rum_str_null(&(*in)->last);
    item->type = type;

    return ((*in)->depth == 0) ? RUM_ERROR : RUM_OK;
}


static inline int
rum_item_nil(rum_entry_in_t **in, rum_item_t *item)
{
    rum_item_set_base(item, NULL);

    return rum_item_scalar(in, RUM_ITEM_NONE, item);
}


static inline int
rum_item_unsigned(rum_entry_in_t **in, uint64_t value, rum_item_t *item)
{
    item->bits = value;
    item->len = 0;

    return rum_item_scalar(in, RUM_ITEM_UINT, item);
}


static inline int
rum_item_signed(rum_entry_in_t **in, int64_t value, rum_item_t *item)
{
    if (value >= 0) {
        return rum_item_unsigned(in, (uint64_t) value, item);
    }

    rum_item_set_number(item, (double) value);

    return rum_item_scalar(in, RUM_ITEM_INT, item);
}


static inline int
rum_item_float(rum_entry_in_t **in, float value, rum_item_t *item)
{
    rum_item_set_number(item, value);

    return rum_item_scalar(in, RUM_ITEM_FLOAT, item);
}


static inline int
rum_item_double(rum_entry_in_t **in, double value, rum_item_t *item)
{
    rum_item_set_number(item, value);

    return rum_item_scalar(in, RUM_ITEM_DOUBLE, item);
}


static inline int
rum_item_str(rum_entry_in_t **in, const char *base, const char *pos,
    uint32_t len, rum_item_t *item)
{
    (void) base;

    item->type = RUM_ITEM_STR;
    rum_item_set_base(item, pos);
    item->len = len;
    (*in)->last = rum_item_text(*item);

    return ((*in)->depth == 0) ? RUM_ERROR : RUM_OK;
}
