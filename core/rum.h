/*
 * What every part of core shares: the string type, the return codes, the
 * version.  core knows neither nginx nor Redis connections and does no I/O;
 * the module and the aggregator both build on it.
 */

#ifndef RUM_H
#define RUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RUM_VERSION      "0.1.0"

/* every function that can fail returns one of these */
#define RUM_OK           0
#define RUM_ERROR       -1      /* no memory, or broken data */
#define RUM_DECLINED    -2      /* well-formed, but not acceptable here */
#define RUM_FULL        -3      /* a documented limit is reached */

/*
 * A string that is not terminated and not owned: whoever hands it over says
 * how long the bytes live.  Laid out as ngx_str_t, so that the module passes
 * its own strings without a copy.
 */
typedef struct {
    size_t                len;
    unsigned char        *data;
} rum_str_t;

#define rum_string(s)    { sizeof(s) - 1, (unsigned char *) s }

#define rum_str_set(str, text)                                                \
    (str)->len = sizeof(text) - 1; (str)->data = (unsigned char *) text

#define rum_str_null(str)  (str)->len = 0; (str)->data = NULL

/*
 * Names are short: these compare and copy up to 16 bytes in place, as two
 * words that may overlap, where the call to libc would cost more.
 */

static inline int
rum_bytes_eq(const unsigned char *a, const unsigned char *b, size_t len)
{
    uint32_t  s[4];
    uint64_t  l[4];

    if (len > 16) {
        return memcmp(a, b, len) == 0;
    }

    if (len >= 8) {
        memcpy(&l[0], a, 8);
        memcpy(&l[1], b, 8);
        memcpy(&l[2], a + len - 8, 8);
        memcpy(&l[3], b + len - 8, 8);

        return ((l[0] ^ l[1]) | (l[2] ^ l[3])) == 0;
    }

    if (len >= 4) {
        memcpy(&s[0], a, 4);
        memcpy(&s[1], b, 4);
        memcpy(&s[2], a + len - 4, 4);
        memcpy(&s[3], b + len - 4, 4);

        return ((s[0] ^ s[1]) | (s[2] ^ s[3])) == 0;
    }

    return len == 0
           || (a[0] == b[0] && a[len / 2] == b[len / 2]
               && a[len - 1] == b[len - 1]);
}

/* the two do not overlap */

static inline void
rum_bytes_copy(unsigned char *to, const unsigned char *from, size_t len)
{
    uint32_t  s[2];
    uint64_t  l[2];

    if (len > 16) {
        memcpy(to, from, len);

    } else if (len >= 8) {
        memcpy(&l[0], from, 8);
        memcpy(&l[1], from + len - 8, 8);
        memcpy(to, &l[0], 8);
        memcpy(to + len - 8, &l[1], 8);

    } else if (len >= 4) {
        memcpy(&s[0], from, 4);
        memcpy(&s[1], from + len - 4, 4);
        memcpy(to, &s[0], 4);
        memcpy(to + len - 4, &s[1], 4);

    } else if (len != 0) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

static inline int
rum_str_eq(const rum_str_t *a, const rum_str_t *b)
{
    return a->len == b->len && rum_bytes_eq(a->data, b->data, a->len);
}

static inline int
rum_str_is(const rum_str_t *s, const char *text)
{
    size_t  len;

    len = strlen(text);
    return s->len == len && (len == 0 || memcmp(s->data, text, len) == 0);
}

#endif /* RUM_H */
