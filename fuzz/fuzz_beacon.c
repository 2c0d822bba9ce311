/*
 * The beacon parser under any input.  The first two bytes choose where the
 * body is split; fed whole and in pieces, it must come to the same end, and
 * an event that came out must keep to its limits.
 */

#include "rum_beacon.h"
#include "rum_utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(rum_beacon_parser_t *p, rum_event_t *event,
    const uint8_t *data, size_t size, size_t piece);
static void check(const rum_event_t *event);
static void check_str(const rum_str_t *s, size_t max);
static void same(const rum_event_t *a, const rum_event_t *b);
static void same_str(const rum_str_t *a, const rum_str_t *b);

static rum_event_t  whole, split;

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          a, b;
    size_t       piece, offset;
    const char  *text;

    static rum_beacon_parser_t  *p, *q;

    static const uint8_t  next[] = "{\"v\":1,\"page\":\"/x\"}";

    if (size < 2) {
        return 0;
    }

    piece = 1 + ((size_t) data[0] | (size_t) data[1] << 8) % 2048;
    data += 2;
    size -= 2;

    /* reused, as a worker does */

    if (p == NULL) {
        p = rum_beacon_create();
        q = rum_beacon_create();
        must(p != NULL && q != NULL)
    }

    a = parse(p, &whole, data, size, size + 1);
    b = parse(q, &split, data, size, piece);

    text = rum_beacon_error_text(p, &offset);
    must(offset <= size)
    must(a == RUM_OK || text[0] != '\0')
    must(a == RUM_OK || rum_beacon_error(p) != RUM_BEACON_OK)

    /* pieces of a token are copied, so that only memory may differ */

    if (rum_beacon_error(p) != RUM_BEACON_NO_MEMORY
        && rum_beacon_error(q) != RUM_BEACON_NO_MEMORY)
    {
        must(a == b)
        must(rum_beacon_error(p) == rum_beacon_error(q))
        must(rum_beacon_format(p) == rum_beacon_format(q))
        must(strcmp(text, rum_beacon_error_text(q, &offset)) == 0)
        must(offset <= size)

        if (a == RUM_OK) {
            check(&whole);
            same(&whole, &split);
        }
    }

    /* nothing of this body may be left in the next */

    a = parse(p, &whole, next, sizeof(next) - 1, sizeof(next));
    must(a == RUM_OK)
    must(rum_str_is(&whole.page, "/x"))
    must(whole.nmetrics == 0 && whole.ndims == 0 && whole.view.len == 0)

    return 0;
}


static int
parse(rum_beacon_parser_t *p, rum_event_t *event, const uint8_t *data,
    size_t size, size_t piece)
{
    size_t          i, n;
    unsigned char  *copy;

    must(rum_beacon_begin(p, event) == RUM_OK)

    for (i = 0; i < size; i += n) {
        n = size - i < piece ? size - i : piece;

        /* a block of its own, gone at once: nothing may point into it */

        copy = malloc(n);
        must(copy != NULL)
        memcpy(copy, data + i, n);
        (void) rum_beacon_feed(p, copy, n);
        free(copy);
    }

    return rum_beacon_end(p);
}


static void
check(const rum_event_t *event)
{
    uint32_t  i, k;

    must(event->nmetrics <= RUM_MAX_METRICS)
    must(event->ndims <= RUM_MAX_DIMS)
    must(event->nerrors <= RUM_MAX_ERRORS)
    must(event->nactions <= RUM_MAX_ACTIONS)
    must(event->nresources <= RUM_MAX_RESOURCES)
    must(event->nevents <= RUM_MAX_EVENTS)
    must(event->nattributions <= RUM_MAX_ATTRIBUTIONS)
    must(event->n <= RUM_MAX_COUNT && event->seq <= RUM_MAX_COUNT)

    check_str(&event->page, RUM_LEN_PAGE);
    check_str(&event->from, RUM_LEN_PAGE);
    check_str(&event->view, RUM_LEN_ID);
    check_str(&event->session, RUM_LEN_ID);
    check_str(&event->trace, 32);

    for (i = 0; i < event->nmetrics; i++) {
        must(rum_metric_name_valid(&event->metrics[i].name))
        must(isfinite(event->metrics[i].value))
        must(event->metrics[i].value >= 0)
        check_str(&event->metrics[i].id, RUM_LEN_ID);

        for (k = 0; k < i; k++) {
            must(!rum_str_eq(&event->metrics[i].name,
                             &event->metrics[k].name))
        }
    }

    for (i = 0; i < event->ndims; i++) {
        check_str(&event->dims[i].name, RUM_LEN_NAME);
        check_str(&event->dims[i].value, RUM_LEN_VALUE);
        must(event->dims[i].value.len != 0)
    }

    for (i = 0; i < event->nerrors; i++) {
        check_str(&event->errors[i].type, RUM_LEN_VALUE);
        check_str(&event->errors[i].message, RUM_LEN_MESSAGE);
        check_str(&event->errors[i].source, RUM_LEN_URL);
        check_str(&event->errors[i].stack, RUM_LEN_STACK);
        must(memchr(event->errors[i].source.data ? event->errors[i].source.data
                    : (unsigned char *) "", '?', event->errors[i].source.len)
             == NULL)
    }

    for (i = 0; i < event->nactions; i++) {
        check_str(&event->actions[i].type, RUM_LEN_NAME);
        check_str(&event->actions[i].target, RUM_LEN_VALUE);
        must(isfinite(event->actions[i].t))
    }

    for (i = 0; i < event->nresources; i++) {
        check_str(&event->resources[i].host, RUM_LEN_VALUE);
        check_str(&event->resources[i].type, RUM_LEN_NAME);
        check_str(&event->resources[i].url, RUM_LEN_URL);
        must(event->resources[i].ndurations <= RUM_MAX_DURATIONS)
        must(isfinite(event->resources[i].bytes))
    }

    for (i = 0; i < event->nevents; i++) {
        check_str(&event->events[i].name, RUM_LEN_VALUE);
        must(event->events[i].name.len != 0)
        must(isfinite(event->events[i].value))
    }

    for (i = 0; i < event->nattributions; i++) {
        check_str(&event->attributions[i].target, RUM_LEN_VALUE);
        check_str(&event->attributions[i].url, RUM_LEN_URL);
        check_str(&event->attributions[i].type, RUM_LEN_NAME);
    }
}


static void
check_str(const rum_str_t *s, size_t max)
{
    size_t  i, n;

    must(s->len <= max)

    for (i = 0; i < s->len; i += n) {
        n = rum_utf8_char(s->data + i, s->len - i);
        must(n != 0)
        must(s->data[i] != '\0')
    }
}


static void
same(const rum_event_t *a, const rum_event_t *b)
{
    uint32_t  i;

    same_str(&a->page, &b->page);
    same_str(&a->from, &b->from);
    same_str(&a->view, &b->view);
    same_str(&a->session, &b->session);
    same_str(&a->trace, &b->trace);
    same_str(&a->url, &b->url);
    same_str(&a->path, &b->path);

    must(a->n == b->n && a->seq == b->seq)
    must(memcmp(a->cut, b->cut, sizeof(a->cut)) == 0)
    must(a->nmetrics == b->nmetrics && a->ndims == b->ndims)
    must(a->nerrors == b->nerrors && a->nactions == b->nactions)
    must(a->nresources == b->nresources && a->nevents == b->nevents)
    must(a->nattributions == b->nattributions)

    for (i = 0; i < a->nmetrics; i++) {
        must(a->metrics[i].metric == b->metrics[i].metric)
        must(a->metrics[i].value == b->metrics[i].value)
        same_str(&a->metrics[i].name, &b->metrics[i].name);
        same_str(&a->metrics[i].id, &b->metrics[i].id);
    }

    for (i = 0; i < a->ndims; i++) {
        same_str(&a->dims[i].name, &b->dims[i].name);
        same_str(&a->dims[i].value, &b->dims[i].value);
    }

    for (i = 0; i < a->nerrors; i++) {
        same_str(&a->errors[i].type, &b->errors[i].type);
        same_str(&a->errors[i].message, &b->errors[i].message);
        same_str(&a->errors[i].stack, &b->errors[i].stack);
        must(a->errors[i].line == b->errors[i].line)
        must(a->errors[i].count == b->errors[i].count)
    }

    for (i = 0; i < a->nevents; i++) {
        same_str(&a->events[i].name, &b->events[i].name);
        must(a->events[i].value == b->events[i].value)
    }
}


static void
same_str(const rum_str_t *a, const rum_str_t *b)
{
    must(rum_str_eq(a, b))
}
