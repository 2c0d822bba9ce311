/*
 * Strings to small numbers, and back: see rum_intern.h.
 */

#include "rum_intern.h"

#include <stdlib.h>

#include "rum_keys.h"


#define RUM_INTERN_SWEEP   65536        /* no sweep below so many strings */


static uint32_t rum_intern_add(rum_intern_t *in, const rum_str_t *text,
    uint64_t key);


int
rum_intern_init(rum_intern_t *in, uint64_t seed)
{
    uint32_t                i;

    static const rum_str_t  fixed[RUM_VALUE_FIXED] = {
        rum_string(""),
        rum_string(RUM_ALL_VALUE),
        rum_string(RUM_UNKNOWN),
        rum_string(RUM_OTHER),
        rum_string("yes")
    };

    memset(in, 0, sizeof(rum_intern_t));

    in->seed = seed;
    in->free = RUM_MAP_NONE;
    in->sweep_at = RUM_INTERN_SWEEP;

    for (i = 0; i < RUM_VALUE_FIXED; i++) {
        if (rum_intern(in, &fixed[i]) != i) {
            rum_intern_free(in);
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


void
rum_intern_free(rum_intern_t *in)
{
    uint32_t  i;

    for (i = 0; i < in->n; i++) {
        free(in->strings[i].text.data);
    }

    free(in->strings);
    rum_map_free(&in->map);
    memset(in, 0, sizeof(rum_intern_t));
}


uint32_t
rum_intern(rum_intern_t *in, const rum_str_t *text)
{
    uint32_t  value;
    uint64_t  key;

    for (key = rum_hash(text->data, text->len, in->seed); ; key++) {
        value = rum_map_get(&in->map, key);

        if (value == RUM_MAP_NONE) {
            return rum_intern_add(in, text, key);
        }

        if (rum_str_eq(&in->strings[value].text, text)) {
            return value;
        }
    }
}


static uint32_t
rum_intern_add(rum_intern_t *in, const rum_str_t *text, uint64_t key)
{
    uint32_t         value, size;
    unsigned char   *data;
    rum_interned_t  *grown, *s;

    if (in->free == RUM_MAP_NONE && in->n == in->size) {
        size = in->size ? 2 * in->size : 256;

        grown = realloc(in->strings, size * sizeof(rum_interned_t));
        if (grown == NULL) {
            return RUM_MAP_NONE;
        }

        in->strings = grown;
        in->size = size;
    }

    /* one byte more: never NULL, which would mean free */

    data = malloc(text->len + 1);
    if (data == NULL) {
        return RUM_MAP_NONE;
    }

    value = in->free != RUM_MAP_NONE ? in->free : in->n;

    if (rum_map_set(&in->map, key, value) != RUM_OK) {
        free(data);
        return RUM_MAP_NONE;
    }

    s = &in->strings[value];

    if (value == in->n) {
        in->n++;

    } else {
        in->free = (uint32_t) s->text.len;
    }

    if (text->len > 0) {
        memcpy(data, text->data, text->len);
    }

    s->text.data = data;
    s->text.len = text->len;
    s->key = key;
    s->marked = 0;
    in->used++;

    return value;
}


void
rum_intern_sweep(rum_intern_t *in)
{
    uint32_t         i;
    rum_interned_t  *s;

    for (i = 0; i < RUM_VALUE_FIXED; i++) {
        rum_intern_mark(in, i);
    }

    for (i = 0; i < in->n; i++) {
        s = &in->strings[i];

        if (s->text.data != NULL && !s->marked) {
            rum_map_remove(&in->map, s->key);
            free(s->text.data);

            /* free numbers are chained through len */

            s->text.data = NULL;
            s->text.len = in->free;
            in->free = i;
            in->used--;
        }

        s->marked = 0;
    }

    in->sweep_at = 2 * in->used;

    if (in->sweep_at < RUM_INTERN_SWEEP) {
        in->sweep_at = RUM_INTERN_SWEEP;
    }
}
