/*
 * A beacon in a parameter of a GET: whatever is unescaped fits, and is the
 * same in place; what a form escapes comes back as it was; and the beacon
 * parser takes or refuses it.
 */

#include "rum_beacon.h"
#include "rum_text.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_unescape(const uint8_t *data, size_t size);
static void check_escaped(const uint8_t *data, size_t size);
static void parse(const unsigned char *data, size_t size);

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }

    check_unescape(data, size);
    check_escaped(data, size);

    return 0;
}


static void
check_unescape(const uint8_t *data, size_t size)
{
    size_t          len;
    unsigned char  *copy, *out;

    /* of the exact size, so that a byte too many is seen */

    copy = malloc(size);
    out = malloc(size);
    must(copy != NULL && out != NULL)
    memcpy(copy, data, size);

    len = rum_text_unescape(data, size, out);

    must(len <= size)
    must(rum_text_unescape(copy, size, copy) == len)
    must(memcmp(copy, out, len) == 0)

    parse(out, len);

    free(copy);
    free(out);
}


static void
check_escaped(const uint8_t *data, size_t size)
{
    size_t          i, len;
    unsigned char  *text;

    static const char  hex[] = "0123456789abcdef";

    text = malloc(3 * size);
    must(text != NULL)
    len = 0;

    for (i = 0; i < size; i++) {
        if (data[i] >= 'a' && data[i] <= 'z') {
            text[len++] = data[i];
            continue;
        }

        text[len++] = '%';
        text[len++] = (unsigned char) hex[data[i] >> 4];
        text[len++] = (unsigned char) hex[data[i] & 15];
    }

    must(rum_text_unescape(text, len, text) == size)
    must(memcmp(text, data, size) == 0)

    free(text);
}


static void
parse(const unsigned char *data, size_t size)
{
    int  rc;

    static rum_event_t           event;
    static rum_beacon_parser_t  *p;

    /* reused, as a worker does */

    if (p == NULL) {
        p = rum_beacon_create();
        must(p != NULL)
    }

    must(rum_beacon_begin(p, &event) == RUM_OK)

    rc = rum_beacon_feed(p, data, size);

    if (rc == RUM_OK) {
        rc = rum_beacon_end(p);
    }

    must((rc == RUM_OK) == (rum_beacon_error(p) == RUM_BEACON_OK))
}
