/*
 * Any query string: a question keeps its limits, and asks the same when all
 * of it that can be is written %XX.
 */

#include <stdlib.h>

#include "rum_query.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const rum_query_t *q);
static void check_text(const rum_query_t *q, const rum_str_t *str);
static size_t encode(const uint8_t *data, size_t size, unsigned char *out);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc;
    rum_str_t      args;
    unsigned char  encoded[RUM_QUERY_ARGS_MAX];

    static rum_query_t  q, again;

    args.data = (unsigned char *) data;
    args.len = size;

    rc = rum_query_parse(&q, &args);

    if (rc == RUM_OK) {
        check(&q);

    } else if (rc != RUM_DECLINED || q.error == NULL) {
        abort();
    }

    if (size > RUM_QUERY_ARGS_MAX / 3) {
        return 0;
    }

    args.data = encoded;
    args.len = encode(data, size, encoded);

    if (rum_query_parse(&again, &args) != rc
        || (rc == RUM_OK && !rum_query_eq(&q, &again)))
    {
        abort();
    }

    return 0;
}


static void
check(const rum_query_t *q)
{
    uint32_t  i;

    check_text(q, &q->site);

    if (q->site.len > RUM_LEN_VALUE
        || q->by.len == 0 || q->by.len > 2 * RUM_LEN_NAME + 1
        || q->seconds == 0 || q->seconds > RUM_QUERY_LAST_MAX
        || q->shift > RUM_QUERY_LAST_MAX || q->step > RUM_QUERY_LAST_MAX
        || q->step % 60 != 0
        || (q->to != 0 && q->to <= q->from)
        || q->nwheres > RUM_QUERY_WHERES
        || q->limit == 0 || q->limit > RUM_QUERY_LIMIT_MAX
        || q->nmetrics > RUM_QUERY_METRICS
        || q->nquantiles == 0 || q->nquantiles > RUM_QUERY_QUANTILES)
    {
        abort();
    }

    for (i = 0; i < q->nmetrics; i++) {
        check_text(q, &q->metrics[i]);

        if (q->metrics[i].len == 0
            || (i > 0 && rum_str_eq(&q->metrics[i], &q->metrics[i - 1])))
        {
            abort();
        }
    }

    for (i = 0; i < q->nwheres; i++) {
        check_text(q, &q->wheres[i].dimension);
        check_text(q, &q->wheres[i].value);

        if (q->wheres[i].dimension.len == 0 || q->wheres[i].value.len == 0) {
            abort();
        }
    }

    for (i = 0; i < q->nquantiles; i++) {
        if (q->quantiles[i] > 100000) {
            abort();
        }
    }
}


static void
check_text(const rum_query_t *q, const rum_str_t *str)
{
    if (str->len != 0
        && (str->data < q->text
            || str->data + str->len > q->text + RUM_QUERY_ARGS_MAX))
    {
        abort();
    }
}


static size_t
encode(const uint8_t *data, size_t size, unsigned char *out)
{
    size_t             i, n;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0, n = 0; i < size; i++) {

        if (data[i] == '&' || data[i] == '=' || data[i] == '+') {
            out[n++] = data[i];
            continue;
        }

        if (data[i] == '%') {

            /* an escape is copied whole, a broken one to the end */

            if (size - i < 3) {
                memcpy(out + n, data + i, size - i);
                return n + size - i;
            }

            memcpy(out + n, data + i, 3);
            n += 3;
            i += 2;
            continue;
        }

        out[n++] = '%';
        out[n++] = hex[data[i] >> 4];
        out[n++] = hex[data[i] & 15];
    }

    return n;
}
