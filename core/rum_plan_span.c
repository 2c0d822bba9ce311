/*
 * From the span that is asked for to windows of the rollups.
 *
 * The edges are those of the finest windows that are still kept of that time
 * and are worth their cost; in between, the coarsest windows that fit are
 * read.  A series is covered step by step, the earlier span of a comparison
 * by itself.
 */

#include "rum_plan.h"


typedef struct {
    uint64_t               from;
    uint64_t               to;
    uint64_t               now;
    rum_resolution_e       res;
} rum_plan_span_t;


static int rum_plan_asked(rum_plan_t *plan, rum_plan_span_t *span);
static int rum_plan_steps(rum_plan_t *plan, const rum_plan_span_t *span);
static int rum_plan_earlier(rum_plan_t *plan, const rum_plan_span_t *span,
    uint64_t from);
static int rum_plan_windows(rum_plan_t *plan, uint64_t from, uint64_t to,
    rum_resolution_e res, uint32_t step, unsigned earlier);
static rum_resolution_e rum_plan_kept(uint64_t from, uint64_t now);
static uint64_t rum_plan_floor(uint64_t time, uint32_t width);
static uint64_t rum_plan_ceil(uint64_t time, uint32_t width);


void
rum_plan_span(rum_plan_t *plan, uint64_t now)
{
    uint32_t           width;
    uint64_t           asked;
    rum_report_t      *report;
    rum_plan_span_t    span;

    report = plan->report;

    if (plan->query->list != RUM_LIST_NONE) {
        return;
    }

    if (plan->query->format == RUM_QUERY_PROMETHEUS) {
        plan->windows[0].res = RUM_RES_TOTAL;
        plan->windows[0].start = 0;
        plan->nwindows = 1;
        return;
    }

    memset(&span, 0, sizeof(rum_plan_span_t));
    span.now = now;

    if (rum_plan_asked(plan, &span) != RUM_OK) {
        return;
    }

    asked = span.from;
    width = plan->query->step ? plan->query->step
                              : rum_resolution_seconds[span.res];

    span.from = rum_plan_floor(span.from, width);
    span.to = rum_plan_ceil(span.to, width);

    report->resolution = width;
    report->from = span.from;
    report->to = span.to;

    if (plan->query->step) {
        if (rum_plan_steps(plan, &span) != RUM_OK) {
            return;
        }

    } else if (rum_plan_windows(plan, span.from, span.to, span.res, 0, 0)
               != RUM_OK)
    {
        return;
    }

    if (plan->query->compare) {
        (void) rum_plan_earlier(plan, &span, asked);
    }
}


/* the span as it was asked for, and the resolution it is answered at */

static int
rum_plan_asked(rum_plan_t *plan, rum_plan_span_t *span)
{
    uint64_t            open;
    const rum_query_t  *query;
    rum_resolution_e    kept;

    query = plan->query;

    if (query->from) {
        span->from = query->from;
        span->to = query->to ? query->to : span->now + 1;

        if (span->from > span->now) {
            return rum_plan_refuse(plan, "from", "lies in the future");
        }

    } else {
        span->from = span->now > query->seconds
                     ? span->now - query->seconds : 0;
        span->to = span->now + 1;
    }

    if (span->to - span->from > RUM_QUERY_LAST_MAX + 1) {
        return rum_plan_refuse(plan, "from", "is more than 1000d ago");
    }

    kept = rum_plan_kept(span->from, span->now);
    span->res = kept;

    if (query->step) {

        /* the coarsest windows that whole steps are made of */

        span->res = query->step % 86400 == 0 ? RUM_RES_DAY
                    : query->step % 3600 == 0 ? RUM_RES_HOUR
                    : RUM_RES_MINUTE;

        if (span->res < kept) {
            return rum_plan_refuse(plan, "step", "is finer than what is kept "
                                   "of that time: minutes for 6h, hours for "
                                   "35d");
        }

    } else if (span->res == RUM_RES_HOUR
               && span->to - span->from > RUM_PLAN_HOURS_SPAN + 1)
    {
        span->res = RUM_RES_DAY;
    }

    open = rum_plan_ceil(span->now + 1, rum_resolution_seconds[span->res]);

    if (span->to > open) {
        span->to = open;
    }

    return RUM_OK;
}


static int
rum_plan_steps(rum_plan_t *plan, const rum_plan_span_t *span)
{
    int       rc;
    uint32_t  before, step;
    uint64_t  from;

    if ((span->to - span->from) / plan->query->step > RUM_PLAN_WINDOWS - 1) {
        return rum_plan_refuse(plan, "step", "makes more than 1000 steps");
    }

    step = 0;

    for (from = span->from; from < span->to; from += plan->query->step) {
        before = plan->nwindows;

        rc = rum_plan_windows(plan, from, from + plan->query->step, span->res,
                              step, 0);
        if (rc != RUM_OK) {
            return rc;
        }

        plan->step_windows[step++] = plan->nwindows - before;
    }

    plan->report->nsteps = step;

    return RUM_OK;
}


/*
 * The earlier span is as long as this one; where it began so long ago that
 * windows so fine are no longer kept, it is widened to the edges of coarser
 * ones.  from is where the span was asked to begin.
 */

static int
rum_plan_earlier(rum_plan_t *plan, const rum_plan_span_t *span,
    uint64_t from)
{
    uint32_t          width;
    uint64_t          shift;
    rum_report_t     *report;
    rum_resolution_e  res, kept;

    report = plan->report;
    shift = plan->query->previous ? span->to - span->from
                                  : plan->query->shift;

    if (shift > from) {
        return rum_plan_refuse(plan, "compare", "goes back too far");
    }

    res = span->res;
    kept = rum_plan_kept(from - shift, span->now);

    if (kept > res) {
        res = kept;
    }

    width = rum_resolution_seconds[res];

    report->earlier_from = rum_plan_floor(span->from - shift, width);
    report->earlier_to = rum_plan_ceil(span->to - shift, width);

    return rum_plan_windows(plan, report->earlier_from, report->earlier_to,
                            res, 0, 1);
}


static int
rum_plan_windows(rum_plan_t *plan, uint64_t from, uint64_t to,
    rum_resolution_e res, uint32_t step, unsigned earlier)
{
    int            i, n;
    rum_window_t  *windows;

    windows = plan->windows + plan->nwindows;

    n = rum_plan_cover(from, to, res, windows,
                       RUM_PLAN_WINDOWS - (int) plan->nwindows);
    if (n < 0) {
        return rum_plan_refuse(plan, earlier ? "compare"
                               : plan->query->step ? "step" : "last",
                               "takes more than 1024 windows in all");
    }

    for (i = 0; i < n; i++) {
        windows[i].step = step;
        windows[i].earlier = earlier;
    }

    plan->nwindows += n;

    return RUM_OK;
}


int
rum_plan_cover(uint64_t from, uint64_t to, rum_resolution_e res,
    rum_window_t *windows, int max)
{
    int       n;
    uint32_t  width;
    unsigned  wide;

    for (n = 0; from < to; n++) {

        if (n == max) {
            return RUM_FULL;
        }

        for (wide = RUM_RES_DAY; wide > res; wide--) {
            width = rum_resolution_seconds[wide];

            if (from % width == 0 && to - from >= width) {
                break;
            }
        }

        windows[n].res = wide;
        windows[n].start = from;

        from += rum_resolution_seconds[wide];
    }

    return n;
}


/* the finest windows that are there of all that began then */

static rum_resolution_e
rum_plan_kept(uint64_t from, uint64_t now)
{
    uint64_t  age;

    age = now > from ? now - from : 0;

    return age <= RUM_PLAN_MINUTES ? RUM_RES_MINUTE
           : age <= RUM_PLAN_HOURS ? RUM_RES_HOUR : RUM_RES_DAY;
}


static uint64_t
rum_plan_floor(uint64_t time, uint32_t width)
{
    return time - time % width;
}


static uint64_t
rum_plan_ceil(uint64_t time, uint32_t width)
{
    return rum_plan_floor(time + width - 1, width);
}
