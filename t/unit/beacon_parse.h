/*
 * What the tests of the beacon parser share: a parser, the event it fills,
 * and short ways to ask for what is in it.
 */

#ifndef BEACON_PARSE_H
#define BEACON_PARSE_H

#include "rum_beacon.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ok(json)          assert_int_equal(parse(json, strlen(json)), RUM_OK)
#define str(s, text)      assert_true(rum_str_is(&(s), text))
#define dim(name, text)   assert_true(is_dim(name, text))
#define fails(json, error, text)                                              \
    assert_true(is_error(json, RUM_BEACON_##error, text))

#define NATIVE            "{\"v\":1,\"page\":\"/a\","

static rum_event_t           event;
static rum_beacon_parser_t  *parser;


static int
setup(void **state)
{
    (void) state;
    parser = rum_beacon_create();
    return parser == NULL;
}


static int
teardown(void **state)
{
    (void) state;
    rum_beacon_destroy(parser);
    return 0;
}


static int
parse(const char *json, size_t len)
{
    int             rc;
    unsigned char  *copy;

    /* a copy that ends with its block, and is gone afterwards */

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, json, len);

    assert_int_equal(rum_beacon_begin(parser, &event), RUM_OK);

    rc = rum_beacon_feed(parser, copy, len);
    free(copy);

    if (rc != RUM_OK) {
        assert_int_equal(rum_beacon_end(parser), RUM_ERROR);
        return rc;
    }

    return rum_beacon_end(parser);
}


static int
is_dim(const char *name, const char *value)
{
    rum_str_t         key;
    const rum_str_t  *found;

    key.len = strlen(name);
    key.data = (unsigned char *) name;
    found = rum_event_dim(&event, &key);

    if (value == NULL) {
        return found == NULL;
    }

    return found != NULL && rum_str_is(found, value);
}


static int
is_error(const char *json, rum_beacon_error_e error, const char *text)
{
    size_t       offset;
    const char  *got;

    if (parse(json, strlen(json)) != RUM_ERROR) {
        print_error("accepted: %s\n", json);
        return 0;
    }

    got = rum_beacon_error_text(parser, &offset);

    if (rum_beacon_error(parser) != error
        || (text != NULL && strcmp(got, text) != 0)
        || offset > strlen(json))
    {
        print_error("%s: \"%s\" at %zu: %s\n", json, got, offset,
                    rum_beacon_error_names[rum_beacon_error(parser)].data);
        return 0;
    }

    return 1;
}


static inline char *
repeat(const char *head, const char *part, size_t n, const char *tail)
{
    char   *text, *p;
    size_t  i;

    text = malloc(strlen(head) + strlen(part) * n + strlen(tail) + 1);
    assert_non_null(text);

    p = stpcpy(text, head);

    for (i = 0; i < n; i++) {
        p = stpcpy(p, part);
    }

    strcpy(p, tail);

    return text;
}

#endif /* BEACON_PARSE_H */
