/*
 * Growing text, numbers without a locale, and UTF-8 that can be relied on.
 */

#include <math.h>
#include <stdlib.h>

#include "rum_text.h"
#include "rum_utf8.h"

#define RUM_TEXT_FIRST         4096
#define RUM_NUMBER_DECIMALS    12
#define RUM_NUMBER_LARGEST     1e15


static size_t rum_number_decimal(uint64_t n, unsigned decimals,
    unsigned char *buf);
static int rum_text_hex(unsigned char c);


void
rum_text_init(rum_text_t *text)
{
    memset(text, 0, sizeof(rum_text_t));
}


void
rum_text_free(rum_text_t *text)
{
    free(text->data);
    rum_text_init(text);
}


int
rum_text_status(const rum_text_t *text)
{
    return text->status;
}


void
rum_text_add(rum_text_t *text, const void *data, size_t len)
{
    size_t          size;
    unsigned char  *p;

    if (len == 0 || text->status != RUM_OK) {
        return;
    }

    if (len > RUM_TEXT_MAX - text->len) {
        text->status = RUM_FULL;
        return;
    }

    if (text->size - text->len < len) {
        size = text->size ? text->size : RUM_TEXT_FIRST;

        while (size - text->len < len) {
            size *= 2;
        }

        p = realloc(text->data, size);
        if (p == NULL) {
            text->status = RUM_ERROR;
            return;
        }

        text->data = p;
        text->size = size;
    }

    memcpy(text->data + text->len, data, len);
    text->len += len;
}


void
rum_text_add_str(rum_text_t *text, const rum_str_t *str)
{
    rum_text_add(text, str->data, str->len);
}


void
rum_text_add_c(rum_text_t *text, const char *str)
{
    rum_text_add(text, str, strlen(str));
}


size_t
rum_number_integer(uint64_t n, unsigned char *buf)
{
    return rum_number_decimal(n, 0, buf);
}


size_t
rum_number_fixed(int64_t n, unsigned decimals, unsigned char *buf)
{
    if (n < 0) {
        *buf = '-';
        return 1 + rum_number_decimal(-(uint64_t) n, decimals, buf + 1);
    }

    return rum_number_decimal(n, decimals, buf);
}


static size_t
rum_number_decimal(uint64_t n, unsigned decimals, unsigned char *buf)
{
    size_t         len, i;
    unsigned       written;
    unsigned char  digits[RUM_NUMBER_MAX];

    while (decimals > 0 && n % 10 == 0) {
        n /= 10;
        decimals--;
    }

    /* from the last digit to the first, with at least one before the point */

    len = 0;
    written = 0;

    do {
        if (decimals > 0 && written == decimals) {
            digits[len++] = '.';
        }

        digits[len++] = '0' + n % 10;
        n /= 10;
        written++;

    } while (n > 0 || written <= decimals);

    for (i = 0; i < len; i++) {
        buf[i] = digits[len - 1 - i];
    }

    return len;
}


size_t
rum_number_double(double value, unsigned digits, unsigned char *buf)
{
    int     magnitude, decimals, i;
    double  scale;

    if (!isfinite(value) || fabs(value) > RUM_NUMBER_LARGEST || value == 0) {
        return rum_number_integer(0, buf);
    }

    magnitude = (int) floor(log10(fabs(value)));
    decimals = (int) digits - 1 - magnitude;

    if (decimals < 0) {
        decimals = 0;
    }

    if (decimals > RUM_NUMBER_DECIMALS) {
        decimals = RUM_NUMBER_DECIMALS;
    }

    scale = 1;

    for (i = 0; i < decimals; i++) {
        scale *= 10;
    }

    return rum_number_fixed(llround(value * scale), decimals, buf);
}


rum_str_t
rum_text_utf8(const rum_str_t *str, unsigned char *buf)
{
    size_t             i, n;
    rum_str_t          out;
    static const char  hex[] = "0123456789ABCDEF";

    i = 0;

    while (i < str->len) {
        n = rum_utf8_char(str->data + i, str->len - i);
        if (n == 0) {
            break;
        }

        i += n;
    }

    if (i == str->len) {
        return *str;
    }

    out.data = buf;
    out.len = 0;
    i = 0;

    while (i < str->len) {
        n = rum_utf8_char(str->data + i, str->len - i);

        if (n == 0) {
            buf[out.len++] = '%';
            buf[out.len++] = hex[str->data[i] >> 4];
            buf[out.len++] = hex[str->data[i] & 0xf];
            i++;
            continue;
        }

        memcpy(buf + out.len, str->data + i, n);
        out.len += n;
        i += n;
    }

    return out;
}


size_t
rum_text_unescape(const unsigned char *in, size_t len, unsigned char *out)
{
    int                   high, low;
    unsigned char        *p;
    const unsigned char  *last;

    last = in + len;
    p = out;

    while (in < last) {
        high = -1;
        low = -1;

        if (*in == '%' && last - in > 2) {
            high = rum_text_hex(in[1]);
            low = rum_text_hex(in[2]);
        }

        if (high >= 0 && low >= 0) {
            *p++ = (unsigned char) (high << 4 | low);
            in += 3;
            continue;
        }

        *p++ = (*in == '+') ? ' ' : *in;
        in++;
    }

    return (size_t) (p - out);
}


static int
rum_text_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


int
rum_text_compare(const rum_str_t *a, const rum_str_t *b)
{
    int     cmp;
    size_t  len;

    len = a->len < b->len ? a->len : b->len;

    cmp = len ? memcmp(a->data, b->data, len) : 0;
    if (cmp != 0) {
        return cmp;
    }

    return (a->len > b->len) - (a->len < b->len);
}
