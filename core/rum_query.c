/*
 * Parsing of the status location's query string: one pass that decodes and
 * splits, then what the parameters must be together.  What each of them may
 * be alone is in rum_query_values.c.
 */

#include "rum_query.h"
#include "rum_keys.h"
#include "rum_text.h"

#define RUM_QUERY_LIMIT        100      /* rows, if nothing else is said */

/* what a parameter does not go with */
#define RUM_NOT_TOTAL          1        /* format=prometheus */
#define RUM_NOT_CSV            2
#define RUM_NOT_LIST           4

typedef struct {
    rum_str_t             name;
    rum_query_handler_pt  handler;
    unsigned              not;
} rum_query_parameter_t;


static int rum_query_parameter(rum_query_t *q, rum_str_t *name,
    rum_str_t *value, uint32_t *seen);
static int rum_query_together(rum_query_t *q, uint32_t seen);
static int rum_query_span(rum_query_t *q, uint32_t seen);
static int rum_query_dimensions(rum_query_t *q);
static int rum_query_blame(rum_query_t *q, const char *parameter,
    const char *error);
static int rum_query_given(uint32_t seen, const char *parameter);
static int rum_query_decode(rum_query_t *q, const unsigned char *p,
    const unsigned char *last, rum_str_t *decoded);
static int rum_query_hex(unsigned char c);


static const rum_query_parameter_t  rum_query_parameters[] = {
    { rum_string("site"), rum_query_site, 0 },
    { rum_string("metric"), rum_query_metric, RUM_NOT_LIST },
    { rum_string("by"), rum_query_by, RUM_NOT_LIST },
    { rum_string("where"), rum_query_where, RUM_NOT_TOTAL|RUM_NOT_LIST },
    { rum_string("last"), rum_query_last, RUM_NOT_LIST },
    { rum_string("from"), rum_query_from, RUM_NOT_TOTAL|RUM_NOT_LIST },
    { rum_string("to"), rum_query_to, RUM_NOT_TOTAL|RUM_NOT_LIST },
    { rum_string("step"), rum_query_step, RUM_NOT_TOTAL|RUM_NOT_LIST },
    { rum_string("compare"), rum_query_compare, RUM_NOT_TOTAL|RUM_NOT_LIST },
    { rum_string("q"), rum_query_q, RUM_NOT_LIST },
    { rum_string("buckets"), rum_query_buckets, RUM_NOT_CSV|RUM_NOT_LIST },
    { rum_string("limit"), rum_query_limit, 0 },
    { rum_string("sort"), rum_query_sort, RUM_NOT_LIST },
    { rum_string("format"), rum_query_format, 0 },
    { rum_string("list"), rum_query_list, RUM_NOT_TOTAL|RUM_NOT_CSV }
};

#define RUM_QUERY_PARAMETERS                                                  \
    (sizeof(rum_query_parameters) / sizeof(rum_query_parameters[0]))


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

    q->overview = q->site.len == 0 && q->nmetrics == 0 && q->nwheres == 0
                  && q->list == RUM_LIST_NONE
                  && q->format != RUM_QUERY_CSV
                  && rum_str_is(&q->by, RUM_ALL);

    return rum_query_together(q, seen);
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

        if ((*seen & (1u << i))
            && rum_query_parameters[i].handler != rum_query_where)
        {
            return rum_query_decline(q, "is given twice");
        }

        *seen |= 1u << i;

        return rum_query_parameters[i].handler(q, value);
    }

    return rum_query_decline(q, "is not a parameter");
}


/* each parameter is right, are they so together? */

static int
rum_query_together(rum_query_t *q, uint32_t seen)
{
    unsigned    what;
    uint32_t    i;
    const char *error;

    what = 0;
    error = NULL;

    if (q->format == RUM_QUERY_PROMETHEUS) {
        what = RUM_NOT_TOTAL;
        error = "does not go with format=prometheus";

    } else if (q->list != RUM_LIST_NONE) {
        what = RUM_NOT_LIST;
        error = "does not go with list";
    }

    if (q->format == RUM_QUERY_CSV) {
        what = RUM_NOT_CSV;
        error = "does not go with format=csv";
    }

    for (i = 0; i < RUM_QUERY_PARAMETERS; i++) {
        if ((seen & (1u << i)) && (rum_query_parameters[i].not & what)) {
            q->parameter = rum_query_parameters[i].name;
            return rum_query_decline(q, error);
        }
    }

    if (rum_query_span(q, seen) != RUM_OK) {
        return RUM_DECLINED;
    }

    return rum_query_dimensions(q);
}


static int
rum_query_span(rum_query_t *q, uint32_t seen)
{
    if (!rum_query_given(seen, "from")) {
        return rum_query_given(seen, "to")
               ? rum_query_blame(q, "to", "needs from") : RUM_OK;
    }

    if (rum_query_given(seen, "last")) {
        return rum_query_blame(q, "last", "does not go with from");
    }

    rum_str_null(&q->last);

    if (q->to == 0) {
        return RUM_OK;
    }

    if (q->to <= q->from) {
        return rum_query_blame(q, "to", "is not after from");
    }

    if (q->to - q->from > RUM_QUERY_LAST_MAX) {
        return rum_query_blame(q, "from", "is more than 1000d before to");
    }

    return RUM_OK;
}


/* rollups are of two dimensions at most: those of "by" and of "where" */

static int
rum_query_dimensions(rum_query_t *q)
{
    uint32_t   i, n;
    rum_str_t  by[2];

    n = 0;

    if (rum_query_pair(q, &by[0], &by[1])) {
        n = 2;

    } else if (!rum_str_is(&q->by, RUM_ALL)) {
        by[0] = q->by;
        by[1] = q->by;
        n = 1;
    }

    for (i = 0; i < q->nwheres; i++) {
        if (n > 0 && (rum_str_eq(&q->wheres[i].dimension, &by[0])
                      || rum_str_eq(&q->wheres[i].dimension, &by[1])))
        {
            continue;
        }

        if (++n > 2) {
            return rum_query_blame(q, "where", "makes it three dimensions, "
                                   "and rollups have two at most");
        }

        if (n == 1) {
            by[0] = q->wheres[i].dimension;
            by[1] = q->wheres[i].dimension;
        }
    }

    return RUM_OK;
}


/* parameter is a static text, too */

static int
rum_query_blame(rum_query_t *q, const char *parameter, const char *error)
{
    q->parameter.data = (unsigned char *) parameter;
    q->parameter.len = strlen(parameter);

    return rum_query_decline(q, error);
}


static int
rum_query_given(uint32_t seen, const char *parameter)
{
    uint32_t  i;

    for (i = 0; i < RUM_QUERY_PARAMETERS; i++) {
        if (rum_str_is(&rum_query_parameters[i].name, parameter)) {
            break;
        }
    }

    return (seen & (1u << i)) != 0;
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


int
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
        || a->list != b->list
        || a->from != b->from
        || a->to != b->to
        || a->seconds != b->seconds
        || a->step != b->step
        || a->compare != b->compare
        || a->previous != b->previous
        || a->shift != b->shift
        || a->limit != b->limit
        || a->sort != b->sort
        || a->sort_by != b->sort_by
        || a->descending != b->descending
        || a->buckets != b->buckets
        || a->nmetrics != b->nmetrics
        || a->nquantiles != b->nquantiles
        || a->nwheres != b->nwheres
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

    for (i = 0; i < a->nwheres; i++) {
        if (!rum_str_eq(&a->wheres[i].dimension, &b->wheres[i].dimension)
            || !rum_str_eq(&a->wheres[i].value, &b->wheres[i].value))
        {
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
