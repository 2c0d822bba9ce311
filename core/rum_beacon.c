/*
 * The beacon parser's engine: yajl's callbacks walk the tables of the formats
 * (rum_beacon_schema.h), with hard limits on depth, keys and memory.  Used by
 * the module for every beacon, so it allocates nothing after its creation.
 */

#include "rum_beacon_schema.h"

#include <stdio.h>
#include <stdlib.h>

static void rum_beacon_reset(rum_beacon_parser_t *p, rum_event_t *event);
static int rum_beacon_drive(rum_beacon_parser_t *p,
    const unsigned char *data, size_t len);
static int rum_beacon_syntax(rum_beacon_parser_t *p);
static int rum_beacon_rest(rum_beacon_parser_t *p, const unsigned char *data,
    size_t len);
static size_t rum_beacon_white(const unsigned char *data, size_t len);

static int rum_beacon_on_null(void *ctx);
static int rum_beacon_on_boolean(void *ctx, int value);
static int rum_beacon_on_number(void *ctx, const char *text, size_t len);
static int rum_beacon_on_string(void *ctx, const unsigned char *data,
    size_t len);
static int rum_beacon_on_start_map(void *ctx);
static int rum_beacon_on_key(void *ctx, const unsigned char *data,
    size_t len);
static int rum_beacon_on_end_map(void *ctx);
static int rum_beacon_on_start_array(void *ctx);
static int rum_beacon_on_end_array(void *ctx);

static int rum_beacon_other_key(rum_beacon_parser_t *p,
    rum_beacon_frame_t *frame, const unsigned char *data, size_t len);
static const rum_beacon_key_t *rum_beacon_find(rum_beacon_parser_t *p,
    rum_beacon_frame_t *frame, const rum_str_t *name);
static const rum_beacon_key_t *rum_beacon_scan(const rum_beacon_key_t *key,
    const rum_beacon_key_t *end, const rum_str_t *name);
static int rum_beacon_push(rum_beacon_parser_t *p,
    const rum_beacon_schema_t *schema, const rum_beacon_key_t *key,
    void *base);
static int rum_beacon_pop(rum_beacon_parser_t *p);
static int rum_beacon_type(rum_beacon_parser_t *p);


const rum_str_t  rum_beacon_error_names[RUM_BEACON_ERROR_LAST] = {
    rum_string("ok"),
    rum_string("empty"),
    rum_string("syntax"),
    rum_string("utf8"),
    rum_string("too_deep"),
    rum_string("too_many_keys"),
    rum_string("type"),
    rum_string("format"),
    rum_string("version"),
    rum_string("no_page"),
    rum_string("no_memory")
};


static const yajl_callbacks  rum_beacon_callbacks = {
    rum_beacon_on_null,
    rum_beacon_on_boolean,
    NULL,
    NULL,
    rum_beacon_on_number,
    rum_beacon_on_string,
    rum_beacon_on_start_map,
    rum_beacon_on_key,
    rum_beacon_on_end_map,
    rum_beacon_on_start_array,
    rum_beacon_on_end_array
};


/* the whole body: one object, or an array of web-vitals objects */

static const rum_beacon_key_t  rum_beacon_root_element = {
    .object = &rum_beacon_web_vitals
};

static const rum_beacon_key_t  rum_beacon_root = {
    .object = &rum_beacon_native,
    .element = &rum_beacon_root_element
};


rum_beacon_parser_t *
rum_beacon_create(void)
{
    rum_beacon_parser_t  *p;

    p = malloc(sizeof(rum_beacon_parser_t));
    if (p == NULL) {
        return NULL;
    }

    p->arena = malloc(RUM_BEACON_ARENA);
    if (p->arena == NULL) {
        free(p);
        return NULL;
    }

    rum_beacon_reset(p, NULL);

    return p;
}


void
rum_beacon_destroy(rum_beacon_parser_t *p)
{
    if (p == NULL) {
        return;
    }

    free(p->arena);
    free(p);
}


static void
rum_beacon_reset(rum_beacon_parser_t *p, rum_event_t *event)
{
    memset(p, 0, offsetof(rum_beacon_parser_t, text));

    p->event = event;
    p->key = &rum_beacon_root;
    p->vital = &p->root;
    p->blank = 1;
    p->text[0] = '\0';

    p->low = p->arena;
    p->high = p->arena + RUM_BEACON_ARENA;
    p->last = NULL;
}


int
rum_beacon_begin(rum_beacon_parser_t *p, rum_event_t *event)
{
    yajl_alloc_funcs  funcs;

    rum_event_reset(event);
    rum_beacon_reset(p, event);

    rum_beacon_arena_funcs(p, &funcs);

    /* fits: the arena is empty */

    p->yajl = yajl_alloc(&rum_beacon_callbacks, &funcs, p);

    return p->yajl != NULL ? RUM_OK : RUM_ERROR;
}


int
rum_beacon_feed(rum_beacon_parser_t *p, const unsigned char *data, size_t len)
{
    int     rc;
    size_t  used;

    if (p->error != RUM_BEACON_OK) {
        return RUM_ERROR;
    }

    if (p->done) {
        return rum_beacon_rest(p, data, len);
    }

    if (p->blank) {
        used = rum_beacon_white(data, len);
        p->offset += used;
        data += used;
        len -= used;
    }

    if (len == 0) {
        return RUM_OK;
    }

    p->blank = 0;

    rc = rum_beacon_drive(p, data, len);
    used = yajl_get_bytes_consumed(p->yajl);

    if (rc != RUM_OK) {
        p->error_offset = p->offset + used;
        return rc;
    }

    if (p->done) {
        p->offset += used;
        return rum_beacon_rest(p, data + used, len - used);
    }

    p->offset += len;

    return RUM_OK;
}


int
rum_beacon_end(rum_beacon_parser_t *p)
{
    int  rc;

    if (p->error != RUM_BEACON_OK) {
        return RUM_ERROR;
    }

    p->error_offset = p->offset;

    if (p->blank) {
        return rum_beacon_fail(p, RUM_BEACON_EMPTY, "the body is empty");
    }

    if (!p->done) {
        rc = rum_beacon_drive(p, NULL, 0);
        if (rc != RUM_OK) {
            return rc;
        }

        return rum_beacon_fail(p, RUM_BEACON_SYNTAX,
                               "parse error: premature EOF");
    }

    if (p->has_vitals) {
        return rum_beacon_web_vitals_end(p);
    }

    if (p->has_version || p->has_metrics) {
        return rum_beacon_native_end(p);
    }

    return rum_beacon_fail(p, RUM_BEACON_FORMAT,
                           "this is not a known kind of beacon");
}


rum_beacon_error_e
rum_beacon_error(const rum_beacon_parser_t *p)
{
    return p->error;
}


rum_format_e
rum_beacon_format(const rum_beacon_parser_t *p)
{
    return p->format;
}


const char *
rum_beacon_error_text(const rum_beacon_parser_t *p, size_t *offset)
{
    *offset = p->error_offset;
    return p->text;
}


int
rum_beacon_fail(rum_beacon_parser_t *p, rum_beacon_error_e error,
    const char *text)
{
    if (p->error == RUM_BEACON_OK) {
        p->error = error;
        snprintf(p->text, sizeof(p->text), "%s", text);
    }

    return RUM_ERROR;
}


/*
 * data NULL: the end.  yajl does not look whether it got memory, so its
 * allocator leaves by longjmp() when the arena is used up: all that yajl
 * holds is in the arena, nothing is lost.
 */
static int
rum_beacon_drive(rum_beacon_parser_t *p, const unsigned char *data,
    size_t len)
{
    yajl_status  status;

    if (setjmp(p->no_memory) != 0) {
        return rum_beacon_fail(p, RUM_BEACON_NO_MEMORY,
                               "the beacon needs too much memory");
    }

    if (data != NULL) {
        status = yajl_parse(p->yajl, data, len);

    } else {
        status = yajl_complete_parse(p->yajl);
    }

    if (status == yajl_status_error) {
        return rum_beacon_syntax(p);
    }

    /* canceled by a callback: an error, or the value is complete */

    return p->error == RUM_BEACON_OK ? RUM_OK : RUM_ERROR;
}


static int
rum_beacon_syntax(rum_beacon_parser_t *p)
{
    char                *text;
    rum_beacon_error_e   error;

    /* without "verbose" the text holds nothing of the input */

    text = (char *) yajl_get_error(p->yajl, 0, NULL, 0);
    text[strcspn(text, "\n")] = '\0';

    error = strstr(text, "UTF8") != NULL ? RUM_BEACON_UTF8
                                         : RUM_BEACON_SYNTAX;

    return rum_beacon_fail(p, error, text);
}


/*
 * What follows the value.  Not left to yajl: it takes an unfinished token
 * there ("{} tru") for a good end.
 */
static int
rum_beacon_rest(rum_beacon_parser_t *p, const unsigned char *data, size_t len)
{
    size_t  n;

    n = rum_beacon_white(data, len);
    p->offset += n;

    if (n < len) {
        p->error_offset = p->offset;
        return rum_beacon_fail(p, RUM_BEACON_SYNTAX,
                               "parse error: trailing garbage");
    }

    return RUM_OK;
}


static size_t
rum_beacon_white(const unsigned char *data, size_t len)
{
    size_t  n;

    for (n = 0; n < len; n++) {
        if (data[n] != ' ' && data[n] != '\n' && data[n] != '\r'
            && data[n] != '\t')
        {
            break;
        }
    }

    return n;
}


static int
rum_beacon_on_null(void *ctx)
{
    rum_beacon_parser_t  *p;

    p = ctx;

    return p->depth != 0 || rum_beacon_type(p);
}


static int
rum_beacon_on_boolean(void *ctx, int value)
{
    rum_beacon_parser_t  *p;

    p = ctx;
    (void) value;

    return p->key == NULL || rum_beacon_type(p);
}


static int
rum_beacon_on_number(void *ctx, const char *text, size_t len)
{
    rum_beacon_parser_t  *p;

    p = ctx;

    if (p->key == NULL) {
        return 1;
    }

    if (p->key->number == NULL) {
        return rum_beacon_type(p);
    }

    return p->key->number(p, p->key, rum_beacon_decimal(text, len)) == RUM_OK;
}


static int
rum_beacon_on_string(void *ctx, const unsigned char *data, size_t len)
{
    rum_str_t             value;
    rum_beacon_parser_t  *p;

    p = ctx;

    if (p->key == NULL) {
        return 1;
    }

    if (p->key->string == NULL) {
        return rum_beacon_type(p);
    }

    value.len = len;
    value.data = (unsigned char *) data;

    return p->key->string(p, p->key, &value) == RUM_OK;
}


static int
rum_beacon_on_start_map(void *ctx)
{
    void                       *base;
    rum_beacon_parser_t        *p;
    const rum_beacon_schema_t  *schema;

    p = ctx;

    if (p->key == NULL) {
        return rum_beacon_push(p, NULL, NULL, NULL);
    }

    schema = p->key->object;
    if (schema == NULL) {
        return rum_beacon_type(p);
    }

    if (schema->begin != NULL) {
        base = schema->begin(p);
        if (base == NULL) {
            p->key = NULL;
            return rum_beacon_push(p, NULL, NULL, NULL);
        }

    } else {
        base = p->depth ? p->frames[p->depth - 1].base : p->event;
    }

    return rum_beacon_push(p, schema, NULL, base);
}


static int
rum_beacon_on_key(void *ctx, const unsigned char *data, size_t len)
{
    rum_beacon_frame_t      *frame;
    rum_beacon_parser_t     *p;
    const rum_beacon_key_t  *key;

    p = ctx;

    if (++p->keys > RUM_BEACON_KEYS) {
        rum_beacon_fail(p, RUM_BEACON_TOO_MANY_KEYS, "too many keys");
        return 0;
    }

    if (p->skip) {
        return 1;
    }

    frame = &p->frames[p->depth - 1];
    key = frame->next;

    /*
     * Clients send the keys of an object in the same order every time, and
     * the tables have that order: the one behind the last is it, mostly.
     */

    if (key != frame->end && key->name.len == len
        && rum_bytes_eq(key->name.data, data, len))
    {
        frame->next = key + 1;
        frame->key = key;
        p->key = key;
        return 1;
    }

    return rum_beacon_other_key(p, frame, data, len);
}


/* not inline: the callback above is left with few registers to save */

static __attribute__((noinline)) int
rum_beacon_other_key(rum_beacon_parser_t *p, rum_beacon_frame_t *frame,
    const unsigned char *data, size_t len)
{
    rum_str_t  name;

    name.len = len;
    name.data = (unsigned char *) data;

    frame->key = rum_beacon_find(p, frame, &name);
    p->key = frame->key;

    return p->error == RUM_BEACON_OK;
}


static int
rum_beacon_on_end_map(void *ctx)
{
    rum_beacon_parser_t        *p;
    const rum_beacon_schema_t  *schema;

    p = ctx;

    if (p->skip == 0) {
        schema = p->frames[p->depth - 1].schema;

        if (schema->end != NULL && schema->end(p) != RUM_OK) {
            return 0;
        }
    }

    return rum_beacon_pop(p);
}


static int
rum_beacon_on_start_array(void *ctx)
{
    void                 *base;
    rum_beacon_parser_t  *p;

    p = ctx;

    if (p->key == NULL) {
        return rum_beacon_push(p, NULL, NULL, NULL);
    }

    if (p->key->element == NULL) {
        return rum_beacon_type(p);
    }

    base = p->depth ? p->frames[p->depth - 1].base : p->event;

    return rum_beacon_push(p, NULL, p->key->element, base);
}


static int
rum_beacon_on_end_array(void *ctx)
{
    return rum_beacon_pop(ctx);
}


/* the search begins behind the key found last */

static const rum_beacon_key_t *
rum_beacon_find(rum_beacon_parser_t *p, rum_beacon_frame_t *frame,
    const rum_str_t *name)
{
    const rum_beacon_key_t     *key;
    const rum_beacon_schema_t  *schema;

    schema = frame->schema;

    /* an object whose keys are free has no table */

    if (schema->name != NULL) {
        return schema->name(p, name);
    }

    key = rum_beacon_scan(frame->next, frame->end, name);

    if (key == NULL) {
        key = rum_beacon_scan(schema->keys, frame->next, name);
    }

    if (key != NULL) {
        frame->next = key + 1;
        return key;
    }

    while (schema->next != NULL) {
        schema = schema->next;

        key = rum_beacon_scan(schema->keys, schema->keys + schema->n, name);
        if (key != NULL) {
            return key;
        }
    }

    return NULL;
}


static inline const rum_beacon_key_t *
rum_beacon_scan(const rum_beacon_key_t *key, const rum_beacon_key_t *end,
    const rum_str_t *name)
{
    for ( /* void */ ; key != end; key++) {
        if (rum_str_eq(&key->name, name)) {
            return key;
        }
    }

    return NULL;
}


/* opens an object (schema) or an array (key of elements), or skips one */

static int
rum_beacon_push(rum_beacon_parser_t *p, const rum_beacon_schema_t *schema,
    const rum_beacon_key_t *key, void *base)
{
    rum_beacon_frame_t  *frame;

    if (p->error != RUM_BEACON_OK) {
        return 0;
    }

    if (p->depth + p->skip == RUM_BEACON_DEPTH) {
        rum_beacon_fail(p, RUM_BEACON_TOO_DEEP, "nested too deep");
        return 0;
    }

    if (base == NULL) {
        p->skip++;
        return 1;
    }

    frame = &p->frames[p->depth++];

    frame->schema = schema;
    frame->key = key;
    frame->base = base;
    frame->next = schema != NULL ? schema->keys : NULL;
    frame->end = frame->next != NULL ? frame->next + schema->n : NULL;

    p->key = key;

    return 1;
}


/* returns 0, which makes yajl stop, at the end of the body's value */

static int
rum_beacon_pop(rum_beacon_parser_t *p)
{
    if (p->skip) {
        p->skip--;

    } else {
        p->depth--;

        if (p->depth == 0) {
            p->done = 1;
            return 0;
        }
    }

    if (p->skip == 0) {
        p->key = p->frames[p->depth - 1].key;
    }

    return 1;
}


/* "metrics.lcp: a number is expected"; always 0, for yajl's callbacks */

static int
rum_beacon_type(rum_beacon_parser_t *p)
{
    int                      n;
    char                     text[sizeof(p->text)];
    size_t                   i;
    const char              *sep;
    const rum_str_t         *name;
    const rum_beacon_key_t  *key;

    n = 0;

    for (i = 0; i < p->depth; i++) {
        key = p->frames[i].key;
        name = &key->name;

        if (rum_str_is(name, "*") && p->metric != NULL) {
            name = &p->metric->name;
        }

        if (name->len != 0) {
            n += snprintf(text + n, sizeof(text) - n, "%s%.*s",
                          n ? "." : "", (int) name->len, name->data);
        }
    }

    if (n == 0) {
        rum_beacon_fail(p, RUM_BEACON_FORMAT,
                        "an object or an array of objects is expected");
        return 0;
    }

    sep = ": ";

#define rum_beacon_expected(handler, what)                                    \
    if (p->key->handler != NULL) {                                            \
        n += snprintf(text + n, sizeof(text) - n, "%s" what, sep);            \
        sep = " or ";                                                         \
    }

    rum_beacon_expected(string, "a string")
    rum_beacon_expected(number, "a number")
    rum_beacon_expected(object, "an object")
    rum_beacon_expected(element, "an array")

    snprintf(text + n, sizeof(text) - n, " is expected");

    rum_beacon_fail(p, RUM_BEACON_TYPE, text);

    return 0;
}
