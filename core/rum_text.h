/*
 * Text under construction: bytes that grow at the end, and numbers written
 * the same whatever the locale.  The renderers of rum_report use it.
 *
 * What goes wrong is remembered, what follows is ignored, and whoever takes
 * the text asks rum_text_status() once, at the end.
 */

#ifndef RUM_TEXT_H
#define RUM_TEXT_H

#include "rum.h"

#define RUM_TEXT_MAX           (16 * 1024 * 1024)
#define RUM_NUMBER_MAX         32       /* the longest number */

typedef struct {
    size_t                len;
    size_t                size;
    unsigned char        *data;
    int                   status;       /* RUM_OK until something failed */
} rum_text_t;

void rum_text_init(rum_text_t *text);
void rum_text_free(rum_text_t *text);

/* RUM_OK; RUM_ERROR without memory; RUM_FULL past RUM_TEXT_MAX */
int rum_text_status(const rum_text_t *text);

void rum_text_add(rum_text_t *text, const void *data, size_t len);
void rum_text_add_str(rum_text_t *text, const rum_str_t *str);
void rum_text_add_c(rum_text_t *text, const char *str);

/* these write at most RUM_NUMBER_MAX bytes and return how many */
size_t rum_number_integer(uint64_t n, unsigned char *buf);

/* n / 10^decimals, exact, without trailing zeros; decimals <= 18 */
size_t rum_number_fixed(int64_t n, unsigned decimals, unsigned char *buf);

/*
 * The value rounded to so many significant digits (1 .. 15), without
 * trailing zeros, never with an exponent: digits before the point are all
 * written, after it at most 12.  "0" for what is not finite or is beyond
 * 1e15.
 */
size_t rum_number_double(double value, unsigned digits, unsigned char *buf);

/*
 * The string if it is UTF-8, else a copy in buf, which must have room for
 * three times its length, where each wrong byte is %XX.
 */
rum_str_t rum_text_utf8(const rum_str_t *str, unsigned char *buf);

/*
 * The value of a parameter as forms write it: "+" is a space, %XX a byte; what
 * is no such thing stays as it is.  out may be in, and needs no more room.
 * Returns how many bytes there are.
 */
size_t rum_text_unescape(const unsigned char *in, size_t len,
    unsigned char *out);

/* < 0, 0, > 0 by the order of their bytes */
int rum_text_compare(const rum_str_t *a, const rum_str_t *b);

#endif /* RUM_TEXT_H */
