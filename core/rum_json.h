/*
 * JSON under construction: yajl_gen into a rum_text_t, with numbers that are
 * written the same whatever the locale, and strings of any bytes.  Used by
 * the files that write answers of the status location as JSON.
 */

#ifndef RUM_JSON_H
#define RUM_JSON_H

#include <yajl/yajl_gen.h>

#include "rum_text.h"

#define RUM_JSON_STRING_MAX    4096     /* bytes of a string */

typedef struct rum_json_s {
    yajl_gen               gen;
    unsigned char         *scratch;     /* for repaired strings */
} rum_json_t;

/* RUM_ERROR without memory, and there is nothing to close then */
int rum_json_open(rum_json_t *json, rum_text_t *text);

/* RUM_OK if it is a whole JSON text, and within the limits of the text */
int rum_json_close(rum_json_t *json, rum_text_t *text);

void rum_json_map(rum_json_t *json);
void rum_json_map_end(rum_json_t *json);
void rum_json_array(rum_json_t *json);
void rum_json_array_end(rum_json_t *json);

void rum_json_key(rum_json_t *json, const char *key);

/*
 * Names and values come from clients' headers too, as any bytes: those that
 * are not UTF-8 are written %XX.
 */
void rum_json_string(rum_json_t *json, const rum_str_t *str);
void rum_json_text(rum_json_t *json, const char *text);
void rum_json_count(rum_json_t *json, uint64_t n);
void rum_json_signed(rum_json_t *json, int64_t n);
void rum_json_double(rum_json_t *json, double value, unsigned digits);
void rum_json_null(rum_json_t *json);

/* a key and its value */
void rum_json_integer(rum_json_t *json, const char *key, uint64_t n);
void rum_json_bool(rum_json_t *json, const char *key, int value);

#endif /* RUM_JSON_H */
