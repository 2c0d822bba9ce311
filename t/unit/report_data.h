/*
 * What the tests of rum_report share: reports that are filled by hand, and
 * ways into the answers made of them.
 */

#ifndef REPORT_DATA_H
#define REPORT_DATA_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "rum_report.h"


static inline rum_report_t *report_of(rum_query_t *q, const char *args,
    const char *metrics);
static inline void add(rum_report_t *report, uint32_t metric, const char *group,
    const double *values, size_t n, const char *name);
static inline void count(rum_report_t *report, rum_counter_e counter,
    const char *group, int64_t n);
static inline yajl_val json_of(rum_report_t *report, rum_text_t *text);
static inline char *prometheus_of(rum_report_t *report, rum_report_info_t *info,
    rum_text_t *text);
static inline yajl_val at(yajl_val node, const char *path, size_t index);
static inline double number_at(yajl_val node, const char *path, size_t index,
    const char *key);
static inline const char *string_at(yajl_val node, const char *path, size_t index,
    const char *key);
static inline rum_str_t str(const char *text);
static inline int by_size(const void *a, const void *b);


/* the span that is asked for, without steps */
static const rum_report_place_t  whole;


/* a report of one site with these metrics and counters */

static inline rum_report_t *
report_of(rum_query_t *q, const char *args, const char *metrics)
{
    char          *list, *name;
    rum_str_t      text;
    rum_report_t  *report;

    text = str(args);
    assert_int_equal(rum_query_parse(q, &text), RUM_OK);

    report = rum_report_create(q);
    assert_non_null(report);

    list = strdup(metrics);

    for (name = strtok(list, ","); name != NULL; name = strtok(NULL, ",")) {
        text = str(name);
        assert_int_equal(rum_report_add_metric(report, &report->sites[0],
                                               &text), RUM_OK);
    }

    free(list);

    assert_int_equal(rum_report_begin(report), RUM_OK);

    return report;
}


/* the values as one window's field */

static inline void
add(rum_report_t *report, uint32_t metric, const char *group,
    const double *values, size_t n, const char *name)
{
    size_t               i, size;
    rum_str_t            text, packed;
    rum_histogram_t      h;
    const rum_metric_t  *known;

    text = str(name);
    known = rum_metric_find(&text);
    rum_histogram_init(&h);

    for (i = 0; i < n; i++) {
        assert_int_equal(rum_histogram_record(&h, values[i],
                             rum_metric_rate(known, values[i])), RUM_OK);
    }

    size = rum_histogram_encoded_max(&h);
    packed.data = malloc(size);
    packed.len = rum_histogram_encode(&h, packed.data, size);

    text = str(group);
    assert_int_equal(rum_report_histogram(report, &report->sites[0], metric,
                                          &whole, &text, &packed), RUM_OK);

    free(packed.data);
    rum_histogram_free(&h);
}


static inline void
count(rum_report_t *report, rum_counter_e counter, const char *group,
    int64_t n)
{
    rum_str_t        value, packed;
    msgpack_packer   pk;
    msgpack_sbuffer  buffer;

    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
    msgpack_pack_int64(&pk, n);

    value = str(group);
    packed.data = (unsigned char *) buffer.data;
    packed.len = buffer.size;

    assert_int_equal(rum_report_counter(report, &report->sites[0], counter,
                                        &whole, &value, &packed), RUM_OK);

    msgpack_sbuffer_destroy(&buffer);
}


static inline yajl_val
json_of(rum_report_t *report, rum_text_t *text)
{
    yajl_val           json;
    rum_report_info_t  info;

    memset(&info, 0, sizeof(info));

    assert_int_equal(rum_report_arrange(report), RUM_OK);

    rum_text_init(text);
    assert_int_equal(rum_report_json(report, &info, text, NULL), RUM_OK);

    rum_text_add(text, "", 1);
    json = yajl_tree_parse((char *) text->data, NULL, 0);
    text->len--;
    assert_non_null(json);

    return json;
}


static inline char *
prometheus_of(rum_report_t *report, rum_report_info_t *info,
    rum_text_t *text)
{
    assert_int_equal(rum_report_arrange(report), RUM_OK);

    rum_text_init(text);
    assert_int_equal(rum_report_prometheus(report, info, text), RUM_OK);
    rum_text_add(text, "", 1);

    return (char *) text->data;
}


/* row "index" of the only metric ("groups") or of "counters" */

static inline yajl_val
at(yajl_val node, const char *path, size_t index)
{
    yajl_val  metrics, rows;

    if (strcmp(path, "counters") == 0) {
        rows = yajl_tree_get(node, (const char *[]) { "counters", "groups",
                             NULL }, yajl_t_array);

    } else {
        metrics = yajl_tree_get(node, (const char *[]) { "metrics", NULL },
                                yajl_t_object);
        rows = yajl_tree_get(metrics->u.object.values[0],
                             (const char *[]) { "groups", NULL },
                             yajl_t_array);
    }

    return index < rows->u.array.len ? rows->u.array.values[index] : NULL;
}


static inline double
number_at(yajl_val node, const char *path, size_t index, const char *key)
{
    yajl_val  value;

    value = yajl_tree_get(at(node, path, index),
                          (const char *[]) { key, NULL }, yajl_t_number);
    assert_non_null(value);

    return YAJL_GET_DOUBLE(value);
}


static inline const char *
string_at(yajl_val node, const char *path, size_t index, const char *key)
{
    yajl_val  value;

    value = yajl_tree_get(at(node, path, index),
                          (const char *[]) { key, NULL }, yajl_t_string);
    assert_non_null(value);

    return YAJL_GET_STRING(value);
}


static inline rum_str_t
str(const char *text)
{
    rum_str_t  s;

    s.data = (unsigned char *) text;
    s.len = strlen(text);

    return s;
}


static inline int
by_size(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return (x > y) - (x < y);
}

#endif /* REPORT_DATA_H */
