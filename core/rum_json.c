/*
 * JSON under construction: see rum_json.h.
 */

#include <stdlib.h>

#include "rum_event.h"
#include "rum_json.h"


static void rum_json_print(void *ctx, const char *str, size_t len);


int
rum_json_open(rum_json_t *json, rum_text_t *text)
{
    json->scratch = malloc(3 * RUM_JSON_STRING_MAX);
    if (json->scratch == NULL) {
        return RUM_ERROR;
    }

    json->gen = yajl_gen_alloc(NULL);
    if (json->gen == NULL) {
        free(json->scratch);
        return RUM_ERROR;
    }

    yajl_gen_config(json->gen, yajl_gen_print_callback, rum_json_print, text);
    yajl_gen_map_open(json->gen);

    return RUM_OK;
}


int
rum_json_close(rum_json_t *json, rum_text_t *text)
{
    yajl_gen_status  status;

    status = yajl_gen_map_close(json->gen);

    yajl_gen_free(json->gen);
    free(json->scratch);

    rum_text_add(text, "\n", 1);

    return status == yajl_gen_status_ok ? rum_text_status(text) : RUM_ERROR;
}


static void
rum_json_print(void *ctx, const char *str, size_t len)
{
    rum_text_add(ctx, str, len);
}


void
rum_json_map(rum_json_t *json)
{
    yajl_gen_map_open(json->gen);
}


void
rum_json_map_end(rum_json_t *json)
{
    yajl_gen_map_close(json->gen);
}


void
rum_json_array(rum_json_t *json)
{
    yajl_gen_array_open(json->gen);
}


void
rum_json_array_end(rum_json_t *json)
{
    yajl_gen_array_close(json->gen);
}


void
rum_json_key(rum_json_t *json, const char *key)
{
    rum_json_text(json, key);
}


void
rum_json_text(rum_json_t *json, const char *text)
{
    yajl_gen_string(json->gen, (const unsigned char *) text, strlen(text));
}


void
rum_json_string(rum_json_t *json, const rum_str_t *str)
{
    rum_str_t  clean;

    clean = *str;

    if (clean.len > RUM_JSON_STRING_MAX) {
        clean.len = rum_utf8_cut(clean.data, clean.len, RUM_JSON_STRING_MAX);
    }

    clean = rum_text_utf8(&clean, json->scratch);
    yajl_gen_string(json->gen, clean.len ? clean.data
                                         : (const unsigned char *) "",
                    clean.len);
}


void
rum_json_count(rum_json_t *json, uint64_t n)
{
    size_t         len;
    unsigned char  number[RUM_NUMBER_MAX];

    len = rum_number_integer(n, number);
    yajl_gen_number(json->gen, (const char *) number, len);
}


void
rum_json_signed(rum_json_t *json, int64_t n)
{
    yajl_gen_integer(json->gen, n);
}


void
rum_json_double(rum_json_t *json, double value, unsigned digits)
{
    size_t         len;
    unsigned char  number[RUM_NUMBER_MAX];

    len = rum_number_double(value, digits, number);
    yajl_gen_number(json->gen, (const char *) number, len);
}


void
rum_json_null(rum_json_t *json)
{
    yajl_gen_null(json->gen);
}


void
rum_json_integer(rum_json_t *json, const char *key, uint64_t n)
{
    rum_json_key(json, key);
    rum_json_count(json, n);
}


void
rum_json_bool(rum_json_t *json, const char *key, int value)
{
    rum_json_key(json, key);
    yajl_gen_bool(json->gen, value);
}
