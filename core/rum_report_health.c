/*
 * The aggregators' own figures in the report, of all partitions together.
 */

#include "rum_report.h"

#define RUM_REPORT_NUMBER_MAX  1e15     /* sums of these fit into 64 bits */


const rum_str_t  rum_health_names[RUM_HEALTH_LAST] = {
    rum_string("events"),
    rum_string("duplicates"),
    rum_string("lost"),
    rum_string("late"),
    rum_string("rejected"),
    rum_string("replaced"),
    rum_string("forgotten"),
    rum_string("other")
};


void
rum_report_health(rum_report_t *report, const rum_str_t *name,
    const rum_str_t *text)
{
    double                number;
    uint32_t              i;
    rum_report_health_t  *health;

    health = &report->health;

    if (rum_report_number(text, &number) != RUM_OK) {
        return;
    }

    if (rum_str_is(name, "flushed_at")) {
        if (health->flushed == 0 || number < health->flushed_at) {
            health->flushed_at = number;
        }

        health->flushed++;
        return;
    }

    if (rum_str_is(name, "events_per_second")) {
        health->events_per_second += number;
        return;
    }

    for (i = 0; i < RUM_HEALTH_LAST; i++) {
        if (rum_str_eq(name, &rum_health_names[i])) {
            health->counts[i] += number;
            return;
        }
    }
}


void
rum_report_lag(rum_report_t *report, int64_t lag)
{
    if (lag >= 0) {
        report->health.lag += lag;
        report->health.lagging++;
    }
}


/* digits, and perhaps a point and digits: as the aggregator writes them */

int
rum_report_number(const rum_str_t *text, double *number)
{
    size_t  i;
    double  n, unit;

    n = 0;
    unit = 0;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] == '.' && unit == 0) {
            unit = 1;
            continue;
        }

        if (text->data[i] < '0' || text->data[i] > '9') {
            return RUM_DECLINED;
        }

        if (unit == 0) {
            n = n * 10 + (text->data[i] - '0');

        } else {
            unit /= 10;
            n += (text->data[i] - '0') * unit;
        }
    }

    if (text->len == 0 || n >= RUM_REPORT_NUMBER_MAX) {
        return RUM_DECLINED;
    }

    *number = n;

    return RUM_OK;
}
