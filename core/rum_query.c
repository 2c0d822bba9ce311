/*
 * Parsing of the status location's query string: one pass that decodes and
 * splits, one function per parameter that checks its value.
 */

#include "rum_query.h"
#include "rum_keys.h"
#include "rum_text.h"

#define RUM_QUERY_LIMIT        100

typedef struct {
    rum_str_t             name;
    int                 (*handler)(rum_query_t *q, rum_str_t *value);
} rum_query_parameter_t;


static int rum_query_parameter(rum_query_t *q, rum_str_t *name,
    rum_str_t *value, uint32_t *seen);
static int rum_query_decode(rum_query_t *q, const unsigned char *p,
    const unsigned char *last, rum_str_t *decoded);
static int rum_query_hex(unsigned char c);
static int rum_query_site(rum_query_t *q, rum_str_t *value);
static int rum_query_metric(rum_query_t *q, rum_str_t *value);
static int rum_query_by(rum_query_t *q, rum_str_t *value);
static int rum_query_last(rum_query_t *q, rum_str_t *value);
static int rum_query_q(rum_query_t *q, rum_str_t *value);
static int rum_query_buckets(rum_query_t *q, rum_str_t *value);
static int rum_query_limit(rum_query_t *q, rum_str_t *value);
static int rum_query_sort(rum_query_t *q, rum_str_t *value);
static int rum_query_format(rum_query_t *q, rum_str_t *value);
static int rum_query_quantile(const rum_str_t *text, uint32_t *quantile);
static int rum_query_number(const rum_str_t *text, uint32_t *number);
static int rum_query_next(rum_str_t *list, rum_str_t *item);
static int rum_query_decline(rum_query_t *q, const char *error);


static const rum_query_parameter_t  rum_query_parameters[] = {
    { rum_string("site"), rum_query_site },
    { rum_string("metric"), rum_query_metric },
    { rum_string("by"), rum_query_by },
    { rum_string("last"), rum_query_last },
    { rum_string("q"), rum_query_q },
    { rum_string("buckets"), rum_query_buckets },
    { rum_string("limit"), rum_query_limit },
    { rum_string("sort"), rum_query_sort },
    { rum_string("format"), rum_query_format }
};

#define RUM_QUERY_PARAMETERS                                                  \
    (sizeof(rum_query_parameters) / sizeof(rum_query_parameters[0]))


static const struct {
    rum_str_t             name;
    rum_query_sort_e      sort;
} rum_query_sorts[] = {
    { rum_string("count"), RUM_SORT_COUNT },
    { rum_string("value"), RUM_SORT_VALUE },
    { rum_string("sum"), RUM_SORT_SUM },
    { rum_string("mean"), RUM_SORT_MEAN },
    { rum_string("min"), RUM_SORT_MIN },
    { rum_string("max"), RUM_SORT_MAX },
    { rum_string("good"), RUM_SORT_GOOD },
    { rum_string("needs_improvement"), RUM_SORT_NEEDS_IMPROVEMENT },
    { rum_string("poor"), RUM_SORT_POOR }
};

#define RUM_QUERY_SORTS                                                       \
    (sizeof(rum_query_sorts) / sizeof(rum_query_sorts[0]))


int
rum_query_parse(rum_query_t *q, const rum_str_t *args)
{
    int                   rc;
    uint32_t              seen, i;
    rum_str_t             name, value;
    const unsigned char  *p, *end, *stop, *eq;
    static const uint32_t defaults[] = { 50000, 75000, 90000, 95000, 99000 };

    memset(q, 0, offsetof(rum_query_t, text));

    rum_str_set(&q->by, RUM_ALL);
    rum_str_set(&q->last, "5m");
    q->seconds = 300;
    q->limit = RUM_QUERY_LIMIT;
    q->descending = 1;
    q->nquantiles = sizeof(defaults) / sizeof(defaults[0]);

    for (i = 0; i < q->nquantiles; i++) {
        q->quantiles[i] = defaults[i];
    }

    if (args->len > RUM_QUERY_ARGS_MAX) {
        return rum_query_decline(q, "the query string is too long");
    }

    seen = 0;
    p = args->data;
    end = args->len ? p + args->len : p;

    while (p < end) {
        stop = memchr(p, '&', end - p);
        if (stop == NULL) {
            stop = end;
        }

        if (stop == p) {
            p++;
            continue;
        }

        eq = memchr(p, '=', stop - p);

        rc = rum_query_decode(q, p, eq ? eq : stop, &name);
        if (rc == RUM_OK) {
            rc = rum_query_decode(q, eq ? eq + 1 : stop, stop, &value);
        }

        if (rc == RUM_OK) {
            rc = rum_query_parameter(q, &name, &value, &seen);
        }

        if (rc != RUM_OK) {
            q->parameter = name;
            return rc;
        }

        p = stop < end ? stop + 1 : end;
    }

    q->overview = q->site.len == 0 && q->nmetrics == 0
                  && rum_str_is(&q->by, RUM_ALL);

    return RUM_OK;
}


static int
rum_query_parameter(rum_query_t *q, rum_str_t *name, rum_str_t *value,
    uint32_t *seen)
{
    uint32_t  i;

    for (i = 0; i < RUM_QUERY_PARAMETERS; i++) {
        if (!rum_str_eq(name, &rum_query_parameters[i].name)) {
            continue;
        }

        if (*seen & (1u << i)) {
            return rum_query_decline(q, "is given twice");
        }

        *seen |= 1u << i;

        return rum_query_parameters[i].handler(q, value);
    }

    return rum_query_decline(q, "is not a parameter");
}


/*
 * What comes out is never longer than what went in, so text, as large as
 * the longest query string, always has room.
 */

static int
rum_query_decode(rum_query_t *q, const unsigned char *p,
    const unsigned char *last, rum_str_t *decoded)
{
    int             hi, lo;
    unsigned char  *out;

    out = q->text + q->used;
    decoded->data = out;

    while (p < last) {

        if (*p == '+') {
            *out++ = ' ';
            p++;

        } else if (*p == '%') {
            hi = last - p > 2 ? rum_query_hex(p[1]) : -1;
            lo = last - p > 2 ? rum_query_hex(p[2]) : -1;

            if (hi < 0 || lo < 0) {
                decoded->len = out - decoded->data;
                return rum_query_decline(q, "has a broken %XX");
            }

            *out++ = (unsigned char) (hi << 4 | lo);
            p += 3;

        } else {
            *out++ = *p++;
        }
    }

    decoded->len = out - decoded->data;
    q->used += decoded->len;

    return RUM_OK;
}


static int
rum_query_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static int
rum_query_site(rum_query_t *q, rum_str_t *value)
{
    if (value->len == 0 || value->len > RUM_LEN_VALUE) {
        return rum_query_decline(q, "is not the name of a site");
    }

    q->site = *value;

    return RUM_OK;
}


/* kept sorted and unique, so that equal questions are equal */

static int
rum_query_metric(rum_query_t *q, rum_str_t *value)
{
    int        cmp;
    uint32_t   i;
    rum_str_t  item;

    while (rum_query_next(value, &item)) {

        if (!rum_metric_name_valid(&item)
            && rum_counter_find(&item) == RUM_COUNTER_LAST
            && !rum_str_is(&item, RUM_SESSIONS))
        {
            return rum_query_decline(q, "is not a list of metric names");
        }

        cmp = 1;

        for (i = q->nmetrics; i > 0; i--) {
            cmp = rum_text_compare(&q->metrics[i - 1], &item);
            if (cmp <= 0) {
                break;
            }
        }

        if (q->nmetrics > 0 && cmp == 0) {
            continue;
        }

        if (q->nmetrics == RUM_QUERY_METRICS) {
            return rum_query_decline(q, "has more than 64 metrics");
        }

        memmove(&q->metrics[i + 1], &q->metrics[i],
                (q->nmetrics - i) * sizeof(rum_str_t));
        q->metrics[i] = item;
        q->nmetrics++;
    }

    return RUM_OK;
}


static int
rum_query_by(rum_query_t *q, rum_str_t *value)
{
    rum_str_t  first, second;

    q->by = *value;

    if (!rum_query_pair(q, &first, &second)) {
        first = *value;
        second = *value;
    }

    if (first.len == 0 || first.len > RUM_LEN_NAME
        || second.len == 0 || second.len > RUM_LEN_NAME
        || memchr(second.data, ',', second.len) != NULL)
    {
        return rum_query_decline(q, "is not a dimension or a pair of them");
    }

    return RUM_OK;
}


static int
rum_query_last(rum_query_t *q, rum_str_t *value)
{
    uint32_t   n, unit;
    rum_str_t  digits;

    if (value->len < 2) {
        goto invalid;
    }

    switch (value->data[value->len - 1]) {

    case 'm':
        unit = 60;
        break;

    case 'h':
        unit = 3600;
        break;

    case 'd':
        unit = 86400;
        break;

    default:
        goto invalid;
    }

    digits.data = value->data;
    digits.len = value->len - 1;

    if (rum_query_number(&digits, &n) != RUM_OK || n == 0) {
        goto invalid;
    }

    if (n > RUM_QUERY_LAST_MAX / unit) {
        return rum_query_decline(q, "is longer than 1000d");
    }

    q->last = *value;
    q->seconds = n * unit;

    return RUM_OK;

invalid:

    return rum_query_decline(q, "is not a span such as 5m, 1h or 7d");
}


static int
rum_query_q(rum_query_t *q, rum_str_t *value)
{
    uint32_t   quantile, i;
    rum_str_t  item;

    q->nquantiles = 0;

    while (rum_query_next(value, &item)) {

        if (rum_query_quantile(&item, &quantile) != RUM_OK) {
            return rum_query_decline(q, "is not a list of quantiles from 0 "
                                     "to 100, such as 50,95,99.9");
        }

        for (i = 0; i < q->nquantiles; i++) {
            if (q->quantiles[i] == quantile) {
                break;
            }
        }

        if (i < q->nquantiles) {
            continue;
        }

        if (q->nquantiles == RUM_QUERY_QUANTILES) {
            return rum_query_decline(q, "has more than 16 quantiles");
        }

        q->quantiles[q->nquantiles++] = quantile;
    }

    return RUM_OK;
}


static int
rum_query_buckets(rum_query_t *q, rum_str_t *value)
{
    if (!rum_str_is(value, "0") && !rum_str_is(value, "1")) {
        return rum_query_decline(q, "is neither 0 nor 1");
    }

    q->buckets = value->data[0] == '1';

    return RUM_OK;
}


static int
rum_query_limit(rum_query_t *q, rum_str_t *value)
{
    uint32_t  n;

    if (rum_query_number(value, &n) != RUM_OK
        || n == 0 || n > RUM_QUERY_LIMIT_MAX)
    {
        return rum_query_decline(q, "is not a number from 1 to 10000");
    }

    q->limit = n;

    return RUM_OK;
}


static int
rum_query_sort(rum_query_t *q, rum_str_t *value)
{
    size_t         i;
    rum_str_t      key, number;
    rum_counter_e  counter;

    key = *value;
    q->descending = 0;

    if (key.len > 0 && key.data[0] == '-') {
        q->descending = 1;
        key.data++;
        key.len--;
    }

    for (i = 0; i < RUM_QUERY_SORTS; i++) {
        if (rum_str_eq(&key, &rum_query_sorts[i].name)) {
            q->sort = rum_query_sorts[i].sort;
            return RUM_OK;
        }
    }

    counter = rum_counter_find(&key);
    if (counter != RUM_COUNTER_LAST) {
        q->sort = RUM_SORT_COUNTER;
        q->sort_by = counter;
        return RUM_OK;
    }

    if (key.len > 1 && key.data[0] == 'p') {
        number.data = key.data + 1;
        number.len = key.len - 1;

        if (rum_query_quantile(&number, &q->sort_by) == RUM_OK) {
            q->sort = RUM_SORT_QUANTILE;
            return RUM_OK;
        }
    }

    return rum_query_decline(q, "is not one of count, value, sum, mean, min, "
                             "max, good, needs_improvement, poor, p75, "
                             "beacons, views, errors, entrances, bounces, "
                             "requests, bytes, actions, events, visits, "
                             "conversions, with - before it for the "
                             "largest first");
}


static int
rum_query_format(rum_query_t *q, rum_str_t *value)
{
    if (rum_str_is(value, "json")) {
        q->format = RUM_QUERY_JSON;
        return RUM_OK;
    }

    if (rum_str_is(value, "prometheus")) {
        q->format = RUM_QUERY_PROMETHEUS;
        return RUM_OK;
    }

    return rum_query_decline(q, "is neither json nor prometheus");
}


/* "99.9" becomes 99900 */

static int
rum_query_quantile(const rum_str_t *text, uint32_t *quantile)
{
    uint32_t              n, unit;
    rum_str_t             part;
    const unsigned char  *dot, *p, *last;

    if (text->len == 0) {
        return RUM_DECLINED;
    }

    last = text->data + text->len;
    dot = memchr(text->data, '.', text->len);

    part.data = text->data;
    part.len = (dot ? dot : last) - text->data;

    if (rum_query_number(&part, &n) != RUM_OK || n > 100) {
        return RUM_DECLINED;
    }

    n *= 1000;

    if (dot != NULL) {
        unit = 1000;

        if (dot + 1 == last) {
            return RUM_DECLINED;
        }

        for (p = dot + 1; p < last; p++) {
            unit /= 10;

            if (*p < '0' || *p > '9' || unit == 0) {
                return RUM_DECLINED;
            }

            n += (*p - '0') * unit;
        }
    }

    if (n > 100000) {
        return RUM_DECLINED;
    }

    *quantile = n;

    return RUM_OK;
}


static int
rum_query_number(const rum_str_t *text, uint32_t *number)
{
    size_t    i;
    uint32_t  n;

    if (text->len == 0 || text->len > 9) {
        return RUM_DECLINED;
    }

    n = 0;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return RUM_DECLINED;
        }

        n = n * 10 + (text->data[i] - '0');
    }

    *number = n;

    return RUM_OK;
}


/*
 * The next item of a comma-separated list, which is used up; an empty item
 * is an item.  A used-up list has no data.
 */

static int
rum_query_next(rum_str_t *list, rum_str_t *item)
{
    unsigned char  *comma;

    if (list->data == NULL) {
        return 0;
    }

    item->data = list->data;
    comma = list->len ? memchr(list->data, ',', list->len) : NULL;

    if (comma == NULL) {
        item->len = list->len;
        rum_str_null(list);
        return 1;
    }

    item->len = comma - list->data;
    list->data = comma + 1;
    list->len -= item->len + 1;

    return 1;
}


static int
rum_query_decline(rum_query_t *q, const char *error)
{
    q->error = error;

    return RUM_DECLINED;
}


int
rum_query_eq(const rum_query_t *a, const rum_query_t *b)
{
    uint32_t  i;

    if (a->format != b->format
        || a->seconds != b->seconds
        || a->limit != b->limit
        || a->sort != b->sort
        || a->sort_by != b->sort_by
        || a->descending != b->descending
        || a->buckets != b->buckets
        || a->nmetrics != b->nmetrics
        || a->nquantiles != b->nquantiles
        || !rum_str_eq(&a->site, &b->site)
        || !rum_str_eq(&a->by, &b->by)
        || !rum_str_eq(&a->last, &b->last))
    {
        return 0;
    }

    for (i = 0; i < a->nmetrics; i++) {
        if (!rum_str_eq(&a->metrics[i], &b->metrics[i])) {
            return 0;
        }
    }

    for (i = 0; i < a->nquantiles; i++) {
        if (a->quantiles[i] != b->quantiles[i]) {
            return 0;
        }
    }

    return 1;
}


int
rum_query_wants(const rum_query_t *q, const rum_str_t *metric)
{
    uint32_t  i;

    for (i = 0; i < q->nmetrics; i++) {
        if (rum_str_eq(&q->metrics[i], metric)) {
            return 1;
        }
    }

    return q->nmetrics == 0;
}


int
rum_query_pair(const rum_query_t *q, rum_str_t *first, rum_str_t *second)
{
    return rum_pair_split(&q->by, first, second) == RUM_OK;
}
