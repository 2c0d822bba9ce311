/*
 * Inside the beacon parser: how a format says what its keys mean.  The engine
 * (rum_beacon.c) walks the JSON along these tables and knows no key itself;
 * each format is one file of tables (rum_beacon_native.c,
 * rum_beacon_web_vitals.c), and what they fill in goes through the setters of
 * rum_beacon_set.c.  Nobody else includes this.
 *
 *   key      what may stand as its value: a handler that is NULL means that
 *            this type is not accepted there
 *   schema   the keys of one kind of object
 *
 * A value whose key is unknown is skipped, whatever it is; null is as good
 * as absent; any other type than the accepted is RUM_BEACON_TYPE.
 */

#ifndef RUM_BEACON_SCHEMA_H
#define RUM_BEACON_SCHEMA_H

#include "rum_beacon.h"

#include <setjmp.h>

#include <yajl/yajl_parse.h>

typedef struct rum_beacon_key_s     rum_beacon_key_t;
typedef struct rum_beacon_schema_s  rum_beacon_schema_t;
typedef struct rum_beacon_frame_s   rum_beacon_frame_t;

/*
 * Handlers return RUM_OK, or RUM_ERROR after rum_beacon_fail().  The string
 * is only valid during the call.  A number may be infinite or NaN: that is
 * what a number becomes which no double holds, or of absurd length.
 */
typedef int (*rum_beacon_string_pt)(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
typedef int (*rum_beacon_number_pt)(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);

struct rum_beacon_key_s {
    rum_str_t                   name;
    rum_beacon_string_pt        string;
    rum_beacon_number_pt        number;
    const rum_beacon_schema_t  *object;
    const rum_beacon_key_t     *element;    /* of an array */
    size_t                      offset;     /* in the object being filled */
    size_t                      limit;      /* of a string */
};

struct rum_beacon_schema_s {
    const rum_beacon_key_t     *keys;
    size_t                      n;

    /* keys not found above are looked for there */
    const rum_beacon_schema_t  *next;

    /*
     * Instead of all that, for objects whose keys are free: what to do with
     * the value of this name, or NULL to skip it.  The name is valid during
     * the call only.
     */
    const rum_beacon_key_t   *(*name)(rum_beacon_parser_t *p,
                                      const rum_str_t *name);

    /*
     * Where the object's values go; NULL skips the object, which begin() has
     * counted then.  Without begin() it is that of the object around.
     */
    void                     *(*begin)(rum_beacon_parser_t *p);
    int                       (*end)(rum_beacon_parser_t *p);
};

#define rum_beacon_keys_n(keys)  (sizeof(keys) / sizeof((keys)[0]))

/* an open object or array */
struct rum_beacon_frame_s {
    const rum_beacon_schema_t  *schema;     /* NULL: an array */
    const rum_beacon_key_t     *key;        /* whose value is being read */
    const rum_beacon_key_t     *next;       /* is tried first */
    const rum_beacon_key_t     *end;        /* of the schema's keys */
    void                       *base;
};

/* what web-vitals objects say until their end tells what they are */
typedef struct {
    rum_str_t                   name;
    rum_str_t                   id;
    rum_str_t                   event;
    rum_str_t                   url;        /* navigationURL */
    rum_str_t                   message;
    rum_str_t                   source;
    rum_str_t                   stack;
    double                      value;
    uint32_t                    line;
    uint32_t                    col;
    unsigned                    has_value:1;
} rum_beacon_vital_t;

struct rum_beacon_parser_s {
    rum_event_t                *event;
    yajl_handle                 yajl;

    /* the value read next */
    const rum_beacon_key_t     *key;        /* NULL: skip it */
    unsigned                    skip;       /* open levels inside of it */
    unsigned                    depth;      /* frames in use */
    unsigned                    keys;
    unsigned                    tags;

    rum_beacon_frame_t          frames[RUM_BEACON_DEPTH];

    /* native */
    const rum_metric_t         *metric;     /* of the value read next */
    rum_str_t                   name;       /* the same, or of a tag */
    uint64_t                    seen;       /* known metrics already there */
    rum_str_t                   from;       /* as sent */
    rum_str_t                   host;       /* of the page */
    double                      version;

    /* web-vitals */
    rum_beacon_vital_t          root;
    rum_beacon_vital_t          element;
    rum_beacon_vital_t         *vital;
    rum_str_t                   vital_url;  /* the metrics' */
    rum_str_t                   url;        /* the document's */
    rum_str_t                   path;
    rum_str_t                   ttfb_id;

    /* what the body has shown of its format */
    unsigned                    has_version:1;
    unsigned                    has_metrics:1;      /* native ones */
    unsigned                    has_vitals:1;
    unsigned                    has_ttfb:1;

    unsigned                    blank:1;    /* nothing but white space yet */
    unsigned                    done:1;     /* the one value is complete */

    rum_format_e                format;
    rum_beacon_error_e          error;
    size_t                      offset;     /* bytes fed before this piece */
    size_t                      error_offset;
    char                        text[160];

    /*
     *   arena [ yajl's blocks ->   free   <- strings of the event ]
     *                         ^low        ^high
     */
    unsigned char              *low;
    unsigned char              *high;
    unsigned char              *last;       /* yajl's newest block */
    unsigned char              *arena;
    jmp_buf                     no_memory;
};

/* bytes; rum_beacon_arena.c */
#define RUM_BEACON_ARENA       262144

/* yajl's memory comes from the arena too; it leaves by longjmp(no_memory) */
void rum_beacon_arena_funcs(rum_beacon_parser_t *p, yajl_alloc_funcs *funcs);

extern const rum_beacon_schema_t  rum_beacon_native;
extern const rum_beacon_schema_t  rum_beacon_web_vitals;

/* the end of the root object, which may be a web-vitals object itself */
int rum_beacon_web_vitals_root(rum_beacon_parser_t *p);

/* the end of a beacon: RUM_OK, or RUM_ERROR after rum_beacon_fail() */
int rum_beacon_native_end(rum_beacon_parser_t *p);
int rum_beacon_web_vitals_end(rum_beacon_parser_t *p);

/* keeps the first error and its text; always RUM_ERROR */
int rum_beacon_fail(rum_beacon_parser_t *p, rum_beacon_error_e error,
    const char *text);

/*
 * Copies a string into the arena: cut to limit (and counted), NUL dropped,
 * what is not UTF-8 (escaped lone surrogates) replaced by "?".
 */
int rum_beacon_copy(rum_beacon_parser_t *p, const rum_str_t *value,
    size_t limit, rum_str_t *copy);

/* cuts a URL's query and fragment off; those of all URLs in a text */
void rum_beacon_strip_url(rum_str_t *url);
void rum_beacon_strip_text(rum_str_t *text);

/*
 * A JSON number: infinite if no double holds it, NaN if its text is absurdly
 * long (64 characters).
 */
double rum_beacon_decimal(const char *text, size_t len);

/* 0 .. RUM_MAX_COUNT; what is not is clamped and counted */
uint32_t rum_beacon_count(rum_beacon_parser_t *p, double value);

/*
 * Setters for tables; the target is key->offset in the current object.
 *   string   rum_str_t, at most key->limit bytes
 *   url      the same, without query and fragment
 *   text     the same, without the queries of the URLs in it
 *   count    uint32_t, as rum_beacon_count()
 *   amount   double, 0 .. RUM_METRIC_CUSTOM_MAX, else not taken and counted
 *   dim      the dimension named key->name
 */
int rum_beacon_set_string(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, const rum_str_t *value);
int rum_beacon_set_url(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value);
int rum_beacon_set_text(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value);
int rum_beacon_set_count(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value);
int rum_beacon_set_amount(rum_beacon_parser_t *p,
    const rum_beacon_key_t *key, double value);
int rum_beacon_set_dim(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value);

/* the type of navigation: "back-forward" becomes "back_forward" */
int rum_beacon_set_nav(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value);

/* adds a metric, or replaces its value; checks name and range */
int rum_beacon_metric(rum_beacon_parser_t *p, const rum_metric_t *metric,
    const rum_str_t *name, double value, const rum_str_t *id);

/* event->url, path and page from the page as sent */
int rum_beacon_page(rum_beacon_parser_t *p, const rum_str_t *url);

/* event->from from the page before as sent; after the page is set */
int rum_beacon_from(rum_beacon_parser_t *p, const rum_str_t *from);

#endif /* RUM_BEACON_SCHEMA_H */
