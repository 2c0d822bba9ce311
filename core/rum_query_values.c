/*
 * The parameters of the status location's query string, one function each:
 * see rum_query.h.
 */

#include "rum_query.h"
#include "rum_keys.h"
#include "rum_text.h"

#define RUM_QUERY_TIME_DIGITS  10


static int rum_query_duration(const rum_str_t *text, unsigned seconds,
    uint32_t *duration);
static int rum_query_time(const rum_str_t *text, uint64_t *time);
static int rum_query_quantile(const rum_str_t *text, uint32_t *quantile);
static int rum_query_number(const rum_str_t *text, uint32_t *number);
static int rum_query_next(rum_str_t *list, rum_str_t *item);


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
rum_query_site(rum_query_t *q, rum_str_t *value)
{
    if (value->len == 0 || value->len > RUM_LEN_VALUE) {
        return rum_query_decline(q, "is not the name of a site");
    }

    q->site = *value;

    return RUM_OK;
}


/* kept sorted and unique, so that equal questions are equal */

int
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


int
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


/* may repeat; kept in the order of the dimensions, as for metrics */

int
rum_query_where(rum_query_t *q, rum_str_t *value)
{
    int                 cmp;
    unsigned char      *colon;
    rum_query_where_t   where;

    colon = value->len ? memchr(value->data, ':', value->len) : NULL;

    if (colon == NULL) {
        return rum_query_decline(q, "is not DIMENSION:VALUE");
    }

    where.dimension.data = value->data;
    where.dimension.len = colon - value->data;
    where.value.data = colon + 1;
    where.value.len = value->len - where.dimension.len - 1;

    if (where.dimension.len == 0 || where.dimension.len > RUM_LEN_NAME
        || memchr(where.dimension.data, ',', where.dimension.len) != NULL
        || rum_str_is(&where.dimension, RUM_ALL)
        || where.value.len == 0 || where.value.len > RUM_QUERY_VALUE_MAX)
    {
        return rum_query_decline(q, "is not DIMENSION:VALUE");
    }

    if (q->nwheres == RUM_QUERY_WHERES) {
        return rum_query_decline(q, "is given more than twice, and rollups "
                                 "have two dimensions at most");
    }

    cmp = q->nwheres ? rum_text_compare(&q->wheres[0].dimension,
                                        &where.dimension) : -1;

    if (cmp == 0) {
        return rum_query_decline(q, "names a dimension twice");
    }

    if (cmp > 0) {
        q->wheres[1] = q->wheres[0];
        q->wheres[0] = where;

    } else {
        q->wheres[q->nwheres] = where;
    }

    q->nwheres++;

    return RUM_OK;
}


int
rum_query_last(rum_query_t *q, rum_str_t *value)
{
    int  rc;

    rc = rum_query_duration(value, 0, &q->seconds);

    if (rc == RUM_FULL) {
        return rum_query_decline(q, "is longer than 1000d");
    }

    if (rc != RUM_OK) {
        return rum_query_decline(q, "is not a span such as 5m, 1h or 7d");
    }

    q->last = *value;

    return RUM_OK;
}


int
rum_query_from(rum_query_t *q, rum_str_t *value)
{
    if (rum_query_time(value, &q->from) != RUM_OK) {
        return rum_query_decline(q, "is not a time in Unix seconds");
    }

    return RUM_OK;
}


int
rum_query_to(rum_query_t *q, rum_str_t *value)
{
    if (rum_query_time(value, &q->to) != RUM_OK) {
        return rum_query_decline(q, "is not a time in Unix seconds");
    }

    return RUM_OK;
}


int
rum_query_step(rum_query_t *q, rum_str_t *value)
{
    if (rum_query_duration(value, 1, &q->step) != RUM_OK
        || q->step % 60 != 0)
    {
        return rum_query_decline(q, "is not a step of whole minutes such as "
                                 "60, 5m, 1h or 1d");
    }

    return RUM_OK;
}


int
rum_query_compare(rum_query_t *q, rum_str_t *value)
{
    q->compare = 1;

    if (rum_str_is(value, "previous")) {
        q->previous = 1;
        return RUM_OK;
    }

    if (rum_query_duration(value, 0, &q->shift) != RUM_OK) {
        return rum_query_decline(q, "is neither a span such as 1h or 7d, by "
                                 "which to go back, nor previous");
    }

    return RUM_OK;
}


int
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


int
rum_query_buckets(rum_query_t *q, rum_str_t *value)
{
    if (!rum_str_is(value, "0") && !rum_str_is(value, "1")) {
        return rum_query_decline(q, "is neither 0 nor 1");
    }

    q->buckets = value->data[0] == '1';

    return RUM_OK;
}


int
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


int
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
                             "max, good, needs_improvement, poor, a quantile "
                             "such as p75, or a counter such as views, with "
                             "- before it for the largest first");
}


int
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

    if (rum_str_is(value, "csv")) {
        q->format = RUM_QUERY_CSV;
        return RUM_OK;
    }

    return rum_query_decline(q, "is none of json, csv and prometheus");
}


int
rum_query_list(rum_query_t *q, rum_str_t *value)
{
    if (rum_str_is(value, "metrics")) {
        q->list = RUM_LIST_METRICS;

    } else if (rum_str_is(value, "sites")) {
        q->list = RUM_LIST_SITES;

    } else if (rum_str_is(value, "dimensions")) {
        q->list = RUM_LIST_DIMENSIONS;

    } else {
        return rum_query_decline(q, "is none of metrics, sites and "
                                 "dimensions");
    }

    return RUM_OK;
}


/* "5m", "1h", "7d"; where seconds are taken, "60" too */

static int
rum_query_duration(const rum_str_t *text, unsigned seconds, uint32_t *duration)
{
    uint32_t   n, unit;
    rum_str_t  digits;

    if (text->len == 0) {
        return RUM_DECLINED;
    }

    digits.data = text->data;
    digits.len = text->len - 1;

    switch (text->data[text->len - 1]) {

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
        if (!seconds) {
            return RUM_DECLINED;
        }

        unit = 1;
        digits.len++;
    }

    if (rum_query_number(&digits, &n) != RUM_OK || n == 0) {
        return RUM_DECLINED;
    }

    if (n > RUM_QUERY_LAST_MAX / unit) {
        return RUM_FULL;
    }

    *duration = n * unit;

    return RUM_OK;
}


/* seconds since 1970, not before 2001: shorter ones are no times */

static int
rum_query_time(const rum_str_t *text, uint64_t *time)
{
    size_t    i;
    uint64_t  n;

    if (text->len != RUM_QUERY_TIME_DIGITS || text->data[0] == '0') {
        return RUM_DECLINED;
    }

    for (i = 0, n = 0; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return RUM_DECLINED;
        }

        n = n * 10 + (text->data[i] - '0');
    }

    *time = n;

    return RUM_OK;
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
