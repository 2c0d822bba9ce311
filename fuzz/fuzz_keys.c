/*
 * The key grammar under any input: what parses is written as the same text,
 * and what a pair is made of is what it splits into.
 */

#include "rum_keys.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const uint8_t *data, size_t size);
static void check_value(const uint8_t *data, size_t size);
static void check_pair(const uint8_t *data, size_t size);

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > RUM_KEY_MAX / 4) {
        return 0;
    }

    check_key(data, size);
    check_value(data, size);
    check_pair(data, size);

    return 0;
}


static void
check_key(const uint8_t *data, size_t size)
{
    rum_str_t       text;
    rum_key_t       key;
    unsigned char  *scratch, *written;

    /* of the exact size, so that a byte too many is seen */

    scratch = malloc(size);
    written = malloc(size);
    must(scratch != NULL && written != NULL)

    text.data = (unsigned char *) data;
    text.len = size;

    if (rum_key_parse(&key, &text, scratch) == RUM_OK) {
        must(rum_key_write(&key, written, size) == (int) size)
        must(memcmp(written, data, size) == 0)
        must(rum_key_write(&key, written, size - 1) == RUM_FULL)
    }

    free(scratch);
    free(written);
}


/* any bytes may be a value, and come back */

static void
check_value(const uint8_t *data, size_t size)
{
    int            len;
    rum_key_t      key, parsed;
    rum_str_t      text;
    unsigned char  buf[RUM_KEY_MAX], scratch[RUM_KEY_MAX];

    memset(&key, 0, sizeof(rum_key_t));

    key.type = RUM_KEY_SESSIONS;
    rum_str_set(&key.site, "shop");
    rum_str_set(&key.dimension, "page,device");
    key.value.data = (unsigned char *) data;
    key.value.len = size;

    len = rum_key_write(&key, buf, sizeof(buf));

    if (len == RUM_FULL) {
        return;
    }

    text.data = buf;
    text.len = (size_t) len;

    must(rum_key_parse(&parsed, &text, scratch) == RUM_OK)
    must(parsed.type == RUM_KEY_SESSIONS)
    must(rum_str_eq(&parsed.value, &key.value))
}


static void
check_pair(const uint8_t *data, size_t size)
{
    int            len;
    size_t         i;
    rum_str_t      pair, first, second, a, b;
    unsigned char  buf[RUM_KEY_MAX];

    first.data = (unsigned char *) data;
    first.len = size / 2;
    second.data = first.data + first.len;
    second.len = size - first.len;

    len = rum_pair_write(&first, &second, buf, sizeof(buf));
    must(len > 0)

    pair.data = buf;
    pair.len = (size_t) len;

    must(rum_pair_split(&pair, &a, &b) == RUM_OK)
    must(rum_str_eq(&b, &second))
    must(a.len >= first.len)

    for (i = 0; i < a.len; i++) {
        must(a.data[i] != ',')
    }
}
