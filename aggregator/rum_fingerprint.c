/*
 * Which JavaScript errors are the same: see rum_fingerprint.h.
 */

#include "rum_fingerprint.h"

#include <stdio.h>


#define RUM_FNV_BASIS      0xcbf29ce484222325ULL
#define RUM_FNV_PRIME      0x100000001b3ULL
#define RUM_FNV_END        0xff         /* in no UTF-8: ends a part */


static void rum_fingerprint_bytes(uint64_t *hash, const void *data,
    size_t len);
static void rum_fingerprint_end(uint64_t *hash);
static void rum_fingerprint_message(uint64_t *hash, const rum_str_t *text);
static void rum_fingerprint_source(uint64_t *hash,
    const rum_event_error_t *error);
static rum_str_t rum_fingerprint_frame(const rum_str_t *stack);
static int rum_fingerprint_is_frame(const rum_str_t *line);
static void rum_fingerprint_plain(uint64_t *hash, const rum_str_t *frame);


uint64_t
rum_fingerprint(const rum_event_error_t *error)
{
    uint64_t   hash;
    rum_str_t  frame;

    hash = RUM_FNV_BASIS;

    rum_fingerprint_bytes(&hash, error->type.data, error->type.len);
    rum_fingerprint_end(&hash);
    rum_fingerprint_message(&hash, &error->message);
    rum_fingerprint_end(&hash);

    if (error->source.len > 0) {
        rum_fingerprint_source(&hash, error);

    } else {
        frame = rum_fingerprint_frame(&error->stack);
        rum_fingerprint_plain(&hash, &frame);
    }

    return hash;
}


void
rum_fingerprint_write(uint64_t fingerprint, unsigned char *buf)
{
    int                   i;
    static const uint8_t  hex[] = "0123456789abcdef";

    for (i = RUM_FINGERPRINT_LEN - 1; i >= 0; i--) {
        buf[i] = hex[fingerprint & 15];
        fingerprint >>= 4;
    }
}


static void
rum_fingerprint_bytes(uint64_t *hash, const void *data, size_t len)
{
    size_t                i;
    const unsigned char  *p;

    p = data;

    for (i = 0; i < len; i++) {
        *hash = (*hash ^ p[i]) * RUM_FNV_PRIME;
    }
}


static void
rum_fingerprint_end(uint64_t *hash)
{
    *hash = (*hash ^ RUM_FNV_END) * RUM_FNV_PRIME;
}


/* "Order 4711 is gone" is the same error for every order */

static void
rum_fingerprint_message(uint64_t *hash, const rum_str_t *text)
{
    size_t         i;
    unsigned       digits;
    unsigned char  c;

    digits = 0;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c < '0' || c > '9') {
            digits = 0;
            rum_fingerprint_bytes(hash, &c, 1);

        } else if (!digits) {
            digits = 1;
            rum_fingerprint_bytes(hash, "0", 1);
        }
    }
}


static void
rum_fingerprint_source(uint64_t *hash, const rum_event_error_t *error)
{
    int     n;
    char    line[16];
    size_t  len;

    for (len = 0; len < error->source.len; len++) {
        if (error->source.data[len] == '?' || error->source.data[len] == '#')
        {
            break;
        }
    }

    n = snprintf(line, sizeof(line), ":%u", error->line);

    rum_fingerprint_bytes(hash, error->source.data, len);
    rum_fingerprint_bytes(hash, line, (size_t) n);
}


/* the first line that names a place; empty if there is none */

static rum_str_t
rum_fingerprint_frame(const rum_str_t *stack)
{
    size_t     begin, end;
    rum_str_t  line;

    for (begin = 0; begin < stack->len; begin = end + 1) {

        for (end = begin; end < stack->len; end++) {
            if (stack->data[end] == '\n') {
                break;
            }
        }

        while (begin < end && (stack->data[begin] == ' '
                               || stack->data[begin] == '\t'))
        {
            begin++;
        }

        line.data = stack->data + begin;
        line.len = end - begin;

        if (rum_fingerprint_is_frame(&line)) {
            return line;
        }
    }

    rum_str_null(&line);

    return line;
}


/* "at f (URL:1:2)" as V8 writes it, "f@URL:1:2" as the others do */

static int
rum_fingerprint_is_frame(const rum_str_t *line)
{
    return (line->len > 3 && memcmp(line->data, "at ", 3) == 0)
           || (line->len > 0 && memchr(line->data, '@', line->len) != NULL);
}


/* without what is between "?" or "#" and the next ":" or ")" */

static void
rum_fingerprint_plain(uint64_t *hash, const rum_str_t *frame)
{
    size_t         i;
    unsigned       query;
    unsigned char  c;

    query = 0;

    for (i = 0; i < frame->len; i++) {
        c = frame->data[i];

        if (c == '?' || c == '#') {
            query = 1;

        } else if (c == ':' || c == ')') {
            query = 0;
        }

        if (!query && c != '\r') {
            rum_fingerprint_bytes(hash, &c, 1);
        }
    }
}
