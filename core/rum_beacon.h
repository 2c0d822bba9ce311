/*
 * From the bytes of a beacon to an event: yajl drives, no tree is built, and
 * what is not asked for is skipped.  The body decides its format:
 *
 *   native       {"v":1,"page":...}                     (docs/beacon.md)
 *   web-vitals   {"name":"LCP","value":...,"id":...}, an array of such, or
 *                an object that holds such an array under "metrics"
 *
 * A parser is one per worker and reused; feeding may happen in any number of
 * pieces.  All memory of one beacon, yajl's too, comes from the parser's own
 * arena and is gone with the next rum_beacon_begin().
 *
 *   rum_beacon_begin(parser, event);
 *   while (piece) { if (rum_beacon_feed(parser, data, len) != RUM_OK) break; }
 *   rc = rum_beacon_end(parser);
 */

#ifndef RUM_BEACON_H
#define RUM_BEACON_H

#include "rum_event.h"

#define RUM_BEACON_DEPTH       8        /* nesting of objects and arrays */
#define RUM_BEACON_KEYS        2048     /* keys in one beacon, all levels */
#define RUM_BEACON_BODY        65536    /* bytes on the wire */
#define RUM_BEACON_INFLATED    524288   /* bytes after inflate */

/* why a beacon was refused; each has its own counter */
typedef enum {
    RUM_BEACON_OK = 0,
    RUM_BEACON_EMPTY,                   /* no JSON value at all */
    RUM_BEACON_SYNTAX,                  /* not JSON, or cut off */
    RUM_BEACON_UTF8,                    /* a string is not UTF-8 */
    RUM_BEACON_TOO_DEEP,                /* past RUM_BEACON_DEPTH */
    RUM_BEACON_TOO_MANY_KEYS,
    RUM_BEACON_TYPE,                    /* a known key has a wrong type */
    RUM_BEACON_FORMAT,                  /* JSON, but no known beacon */
    RUM_BEACON_VERSION,                 /* "v" is not 1 */
    RUM_BEACON_NO_PAGE,                 /* native without "page" */
    RUM_BEACON_NO_MEMORY,               /* the arena is used up */
    RUM_BEACON_ERROR_LAST
} rum_beacon_error_e;

/* names of the counters: "empty", "syntax", "utf8" ... */
extern const rum_str_t  rum_beacon_error_names[RUM_BEACON_ERROR_LAST];

typedef enum {
    RUM_FORMAT_UNKNOWN = 0,
    RUM_FORMAT_NATIVE,
    RUM_FORMAT_WEB_VITALS
} rum_format_e;

typedef struct rum_beacon_parser_s  rum_beacon_parser_t;

/* NULL without memory */
rum_beacon_parser_t *rum_beacon_create(void);
void rum_beacon_destroy(rum_beacon_parser_t *p);

/* resets both; the event's strings then live until the next begin */
int rum_beacon_begin(rum_beacon_parser_t *p, rum_event_t *event);

/* RUM_OK, or RUM_ERROR with the reason in rum_beacon_error() */
int rum_beacon_feed(rum_beacon_parser_t *p, const unsigned char *data,
    size_t len);

/* the input is complete: RUM_OK and the event is whole, or RUM_ERROR */
int rum_beacon_end(rum_beacon_parser_t *p);

rum_beacon_error_e rum_beacon_error(const rum_beacon_parser_t *p);
rum_format_e rum_beacon_format(const rum_beacon_parser_t *p);

/*
 * The error for a person: "metrics.lcp: a number is expected".  Of what the
 * client sent it shows at most names of known keys.  Lives until the next
 * begin.  *offset is set to the byte of the input where it was noticed.
 */
const char *rum_beacon_error_text(const rum_beacon_parser_t *p,
    size_t *offset);

/*
 * len bytes from the parser's arena, for strings that must live as long as
 * the event's; NULL when it is used up.
 */
unsigned char *rum_beacon_alloc(rum_beacon_parser_t *p, size_t len);

#endif /* RUM_BEACON_H */
