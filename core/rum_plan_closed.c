/*
 * A plan and the sums of closed windows: see rum_closed.h.
 *
 *   span:     [ closed ... closed ][ open ]     one sum, and reads
 *   earlier:  [ closed ... closed ][ last ]
 *
 * The last window of each is always read: so replies set the pace at which
 * sums are added up.  A sum is kept when all closed windows of a column have
 * come and no other one yet; if they come in another order, it is not.
 */

#include <stdlib.h>

#include "rum_plan.h"


static int rum_plan_closed_key(rum_plan_t *plan, const rum_read_t *read,
    rum_text_t *key);
static int rum_plan_closed_add(rum_plan_t *plan, const rum_read_t *read,
    rum_closed_sum_t *sum);
static void rum_plan_closed_put(rum_plan_t *plan, const rum_read_t *read);
static int rum_plan_closed_fields(rum_plan_t *plan, const rum_read_t *read,
    rum_text_t *fields);


void
rum_plan_keep(rum_plan_t *plan, rum_closed_t *closed, uint64_t now)
{
    uint32_t             i;
    rum_plan_closed_t   *part;
    const rum_window_t  *window;

    /* the points of a series are needed one by one */

    if (plan->query->step) {
        return;
    }

    plan->closed = closed;
    plan->now = now;

    for (i = 0; i < plan->nwindows; i++) {
        window = &plan->windows[i];
        part = &plan->parts[window->earlier];

        if (i == 0 || window->earlier != window[-1].earlier) {
            part->first = i;
        }

        if (i == part->first + part->n
            && i + 1 < plan->nwindows
            && window->earlier == window[1].earlier
            && window->start + rum_resolution_seconds[window->res]
               + RUM_CLOSED_LATE <= now)
        {
            part->n++;
        }
    }
}


int
rum_plan_begin_sums(rum_plan_t *plan, uint32_t columns)
{
    uint32_t  i;

    if (columns == 0 || plan->parts[0].n + plan->parts[1].n == 0) {
        return RUM_OK;
    }

    plan->sums = calloc(columns, 2 * sizeof(rum_plan_sum_t));
    if (plan->sums == NULL) {
        return RUM_ERROR;
    }

    for (i = 0; i < 2 * columns; i++) {
        plan->sums[i].left = plan->parts[i % 2].n * plan->partitions;
    }

    return RUM_OK;
}


int
rum_plan_take_sum(rum_plan_t *plan, const rum_read_t *read)
{
    int                       rc;
    unsigned                  earlier;
    rum_text_t                key;
    rum_closed_sum_t          sum;
    const rum_plan_closed_t  *part;

    if (plan->sums == NULL || read->partition > 0) {
        return 0;
    }

    earlier = plan->windows[read->window].earlier;
    part = &plan->parts[earlier];

    if (part->n == 0 || read->window != part->first) {
        return 0;
    }

    /* of the earlier span the slowest is not shown */

    if (earlier && rum_plan_is_slowest(&plan->report->sites[read->site],
                                       read->column))
    {
        return 0;
    }

    rum_text_init(&key);
    rc = rum_plan_closed_key(plan, read, &key);

    if (rc == RUM_OK) {
        sum.key.data = key.data;
        sum.key.len = key.len;
        rc = rum_closed_find(plan->closed, &sum.key, plan->now, &sum);
    }

    rum_text_free(&key);

    if (rc == RUM_OK) {
        plan->sums[2 * read->sequence + earlier].left = 0;
        rc = rum_plan_closed_add(plan, read, &sum);

        if (rc != RUM_OK) {
            rum_plan_fail(plan, rc);
        }

        return part->n;
    }

    return 0;
}


/* the figures of these windows, under this question's rows */

static int
rum_plan_closed_key(rum_plan_t *plan, const rum_read_t *read,
    rum_text_t *key)
{
    uint64_t                  numbers[4];
    rum_str_t                 none, name, rest;
    const rum_report_site_t  *site;
    const rum_plan_closed_t  *part;

    site = &plan->report->sites[read->site];
    part = &plan->parts[plan->windows[read->window].earlier];

    name = rum_plan_column_name(site, read->column);

    numbers[0] = plan->windows[part->first].start;
    numbers[1] = plan->windows[part->first + part->n].start;
    numbers[2] = part->n;
    numbers[3] = plan->filter.show;

    rest.data = (unsigned char *) numbers;
    rest.len = sizeof(numbers);

    rum_str_null(&none);

    rum_closed_add(key, &site->name, &plan->rollup->name);
    rum_closed_add(key, &name, &plan->filter.first);
    rum_closed_add(key, plan->filter.second ? plan->filter.second : &none,
                   &plan->filter.field);
    rum_closed_add(key, &rest, &none);

    return rum_text_status(key);
}


static int
rum_plan_closed_add(rum_plan_t *plan, const rum_read_t *read,
    rum_closed_sum_t *sum)
{
    int                  rc;
    rum_str_t            value, packed;
    rum_report_site_t   *site;
    rum_report_place_t   place;

    site = &plan->report->sites[read->site];

    memset(&place, 0, sizeof(rum_report_place_t));
    place.earlier = plan->windows[read->window].earlier;

    site->limited |= sum->limited;
    rc = RUM_OK;

    while (rc == RUM_OK
           && rum_closed_next(&sum->fields, &value, &packed) == RUM_OK)
    {
        if (rum_plan_is_slowest(site, read->column)) {
            rc = rum_report_slowest(plan->report, site, &value, &packed);

        } else if (read->column < site->nmetrics) {
            rc = rum_report_histogram(plan->report, site, read->column,
                                      &place, &value, &packed);

        } else {
            rc = rum_report_counter(plan->report, site,
                                    read->column - site->nmetrics, &place,
                                    &value, &packed);
        }
    }

    return rc;
}


void
rum_plan_note_sum(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    unsigned                  earlier;
    rum_plan_sum_t           *sum;
    const rum_plan_closed_t  *part;

    if (plan->sums == NULL) {
        return;
    }

    earlier = plan->windows[read->window].earlier;
    part = &plan->parts[earlier];
    sum = &plan->sums[2 * read->sequence + earlier];

    if (sum->left == 0) {
        return;
    }

    if (read->window >= part->first + part->n) {
        sum->left = 0;
        return;
    }

    sum->fields += reply->nitems / 2;

    if (--sum->left == 0
        && sum->fields >= RUM_CLOSED_FIELDS && plan->report->unreadable == 0)
    {
        rum_plan_closed_put(plan, read);
    }
}


static void
rum_plan_closed_put(rum_plan_t *plan, const rum_read_t *read)
{
    rum_text_t        key, fields;
    rum_closed_sum_t  sum;

    rum_text_init(&key);
    rum_text_init(&fields);

    if (rum_plan_closed_key(plan, read, &key) == RUM_OK
        && rum_plan_closed_fields(plan, read, &fields) == RUM_OK)
    {
        sum.key.data = key.data;
        sum.key.len = key.len;
        sum.fields.data = fields.data;
        sum.fields.len = fields.len;
        sum.limited = plan->report->sites[read->site].limited;

        rum_closed_put(plan->closed, &sum, plan->now);
    }

    rum_text_free(&fields);
    rum_text_free(&key);
}


static int
rum_plan_closed_fields(rum_plan_t *plan, const rum_read_t *read,
    rum_text_t *fields)
{
    int64_t                    count;
    unsigned                   earlier;
    uint32_t                   i, counter;
    const rum_histogram_t     *h;
    const rum_report_site_t   *site;
    const rum_report_group_t  *group;

    site = &plan->report->sites[read->site];
    earlier = plan->windows[read->window].earlier;

    if (site->ngroups > RUM_CLOSED_VALUES) {
        return RUM_DECLINED;
    }

    for (i = 0; i < site->ngroups; i++) {
        group = site->groups[i];

        if (rum_plan_is_slowest(site, read->column)) {
            if (group->slowest != NULL) {
                rum_closed_add_slowest(fields, &group->value, group->slowest);
            }

            continue;
        }

        if (read->column < site->nmetrics) {
            h = group->histograms[read->column + earlier * site->nmetrics];

            if (h != NULL && h->count > 0) {
                rum_closed_add_histogram(fields, &group->value, h);
            }

            continue;
        }

        counter = read->column - site->nmetrics;
        count = !earlier ? group->counters[counter]
                : group->earlier ? group->earlier->counters[counter] : 0;

        if (count != 0) {
            rum_closed_add_number(fields, &group->value, count);
        }
    }

    return rum_text_status(fields);
}
