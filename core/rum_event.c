/*
 * The event model: see rum_event.h.
 */

#include "rum_event.h"
#include "rum_utf8.h"


const rum_str_t  rum_cut_names[RUM_CUT_LAST] = {
    rum_string("strings"),
    rum_string("metrics"),
    rum_string("range"),
    rum_string("errors"),
    rum_string("actions"),
    rum_string("resources"),
    rum_string("events"),
    rum_string("tags")
};


void
rum_event_reset(rum_event_t *event)
{
    /* the arrays, by far the largest part, are the last members */
    memset(event, 0, offsetof(rum_event_t, metrics));
    event->weight = 1;
}


int
rum_event_set_dim(rum_event_t *event, const rum_str_t *name,
    const rum_str_t *value)
{
    uint32_t          i;
    rum_event_dim_t  *dim;

    if (value->len == 0) {
        return RUM_OK;
    }

    for (i = 0; i < event->ndims; i++) {
        dim = &event->dims[i];

        if (rum_str_eq(&dim->name, name)) {
            dim->value = *value;
            return RUM_OK;
        }
    }

    if (event->ndims == RUM_MAX_DIMS) {
        event->cut[RUM_CUT_TAGS]++;
        return RUM_FULL;
    }

    dim = &event->dims[event->ndims++];
    dim->name = *name;
    dim->value = *value;

    return RUM_OK;
}


const rum_str_t *
rum_event_dim(const rum_event_t *event, const rum_str_t *name)
{
    uint32_t  i;

    if (rum_str_is(name, "page")) {
        return &event->page;
    }

    for (i = 0; i < event->ndims; i++) {
        if (rum_str_eq(&event->dims[i].name, name)) {
            return &event->dims[i].value;
        }
    }

    return NULL;
}


size_t
rum_utf8_cut(const unsigned char *s, size_t len, size_t max)
{
    if (len <= max) {
        return len;
    }

    /* s[max] is the first byte left out: step back over continuations */

    while (max > 0 && (s[max] & 0xc0) == 0x80) {
        max--;
    }

    return max;
}


int
rum_utf8_valid(const unsigned char *s, size_t len)
{
    size_t  n;

    while (len > 0) {

        if (*s < 0x80) {
            s++;
            len--;
            continue;
        }

        n = rum_utf8_char(s, len);

        if (n == 0) {
            return 0;
        }

        s += n;
        len -= n;
    }

    return 1;
}
