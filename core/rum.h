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

static inline int
rum_str_eq(const rum_str_t *a, const rum_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static inline int
rum_str_is(const rum_str_t *s, const char *text)
{
    size_t  len;

    len = strlen(text);
    return s->len == len && (len == 0 || memcmp(s->data, text, len) == 0);
}

#endif /* RUM_H */
