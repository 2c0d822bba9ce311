/*
 * What an entry lists: errors, resources, actions, custom events, and the
 * page its view came from; and how fast its session is.  Each is an event of
 * its own in the delta, which counts in details only.  See rum_record.h.
 */

#include "rum_record.h"
#include "rum_fingerprint.h"

#include <math.h>


#define RUM_DETAIL_TIME        14       /* a map's head, "t" and its value */
#define RUM_SPEED_BITS         2        /* of a rating */
#define RUM_SPEED_RATING       3
#define RUM_SPEED_WEIGHT       1023     /* behind it; conversions follow */
#define RUM_SPEED_SHIFT        (RUM_SPEED_BITS + 10)
#define RUM_SPEED_MAX          (UINT32_MAX >> (RUM_SPEED_SHIFT + 1))
#define RUM_DETAIL_NUMBER_MAX  1e15     /* bytes of a group of resources */


static int rum_record_errors(rum_record_t *r);
static int rum_record_error(rum_record_t *r, const rum_event_error_t *error,
    uint64_t fingerprint, uint32_t count);
static int rum_record_resource(rum_record_t *r,
    const rum_event_resource_t *resource);
static int rum_record_slowest(rum_record_t *r,
    const rum_event_resource_t *resource);
static int rum_record_from(rum_record_t *r);
static int rum_record_action(rum_record_t *r,
    const rum_event_action_t *action);
static int rum_record_custom(rum_record_t *r,
    const rum_event_custom_t *custom);
static rum_rating_e rum_record_rating(const rum_record_t *r);
static int rum_record_visits(rum_record_t *r, rum_rating_e rating,
    uint32_t weight, double visits, double conversions);
static rum_delta_event_t *rum_record_detail(rum_record_t *r,
    rum_counter_e counter, double n, uint32_t samples);
static void rum_record_counter(rum_delta_event_t *event,
    rum_counter_e counter, double n);
static int rum_record_member(rum_record_t *r, rum_delta_event_t *event,
    rum_detail_e detail, uint32_t first, uint32_t second);
static int rum_record_wants(const rum_record_t *r, rum_detail_e first,
    rum_detail_e last);


/*
 * An agent that does not know whether a beacon arrived sends it again.  It has
 * the same view and all else is the same, but for the time of receipt, which
 * comes first.  Views and metrics are told by the view already; here it is
 * about what there may be any number of.
 */

int
rum_record_again(rum_record_t *r, const rum_str_t *e)
{
    size_t              skip;
    uint64_t            key;
    rum_partition_t    *p;
    const rum_event_t  *event;

    p = r->p;
    event = r->event;
    r->again = 0;

    if (event->view.len == 0
        || event->nerrors + event->nactions + event->nresources
           + event->nevents == 0)
    {
        return RUM_OK;
    }

    skip = e->len < RUM_DETAIL_TIME ? e->len : RUM_DETAIL_TIME;
    key = rum_hash(e->data + skip, e->len - skip, p->seed);

    if (rum_lately_get(&p->lists, key, r->time, &p->health.forgotten)
        != RUM_MAP_NONE)
    {
        r->again = 1;
        return RUM_OK;
    }

    return rum_lately_set(&p->lists, key, 1);
}


int
rum_record_details(rum_record_t *r)
{
    int                 rc;
    uint32_t            i;
    const rum_event_t  *event;

    rc = RUM_OK;
    event = r->event;

    if (r->again) {
        return RUM_OK;
    }

    if (event->nerrors > 0
        && rum_record_wants(r, RUM_DETAIL_ERROR, RUM_DETAIL_ERROR_BROWSER))
    {
        rc = rum_record_errors(r);
    }

    if (rum_record_wants(r, RUM_DETAIL_HOST, RUM_DETAIL_HOST_TYPE)) {
        for (i = 0; rc == RUM_OK && i < event->nresources; i++) {
            rc = rum_record_resource(r, &event->resources[i]);
        }
    }

    if (rc == RUM_OK && r->began && event->from.len > 0
        && rum_record_wants(r, RUM_DETAIL_FROM_PAGE, RUM_DETAIL_FROM_PAGE))
    {
        rc = rum_record_from(r);
    }

    if (rum_record_wants(r, RUM_DETAIL_ACTION, RUM_DETAIL_ACTION_TARGET)) {
        for (i = 0; rc == RUM_OK && i < event->nactions; i++) {
            rc = rum_record_action(r, &event->actions[i]);
        }
    }

    if (rum_record_wants(r, RUM_DETAIL_EVENT, RUM_DETAIL_EVENT_PAGE)) {
        for (i = 0; rc == RUM_OK && i < event->nevents; i++) {
            rc = rum_record_custom(r, &event->events[i]);
        }
    }

    return rc;
}


/* errors that are the same are one: it is known how many views had it */

static int
rum_record_errors(rum_record_t *r)
{
    uint32_t                  i, k, n, counts[RUM_MAX_ERRORS];
    uint32_t                  first[RUM_MAX_ERRORS];
    uint64_t                  fingerprint, seen[RUM_MAX_ERRORS];
    const rum_event_error_t  *error;

    for (i = 0, n = 0; i < r->event->nerrors; i++) {
        error = &r->event->errors[i];
        fingerprint = rum_fingerprint(error);

        for (k = 0; k < n && seen[k] != fingerprint; k++) {
            /* void */
        }

        if (k == n) {
            seen[n] = fingerprint;
            first[n] = i;
            counts[n++] = 0;
        }

        counts[k] += error->count < RUM_MAX_COUNT ? error->count
                                                  : RUM_MAX_COUNT;
    }

    for (k = 0; k < n; k++) {
        if (rum_record_error(r, &r->event->errors[first[k]], seen[k],
                             counts[k])
            != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static int
rum_record_error(rum_record_t *r, const rum_event_error_t *error,
    uint64_t fingerprint, uint32_t count)
{
    uint32_t            group, page, browser;
    rum_str_t           text;
    rum_place_t        *place;
    rum_partition_t    *p;
    rum_delta_event_t  *event;
    unsigned char       hex[RUM_FINGERPRINT_LEN];

    p = r->p;
    place = &r->place;

    rum_fingerprint_write(fingerprint, hex);
    text.data = hex;
    text.len = RUM_FINGERPRINT_LEN;

    group = rum_record_value(r, &text, RUM_FINGERPRINT_LEN);
    event = rum_delta_detail(&p->delta, place, 0);

    if (group == RUM_MAP_NONE || event == NULL) {
        return RUM_ERROR;
    }

    event->errors = count;
    event->views = 1;

    page = place->values[RUM_ATTR_PAGE];
    browser = place->values[RUM_ATTR_BROWSER];

    if (rum_record_member(r, event, RUM_DETAIL_ERROR, group, RUM_VALUE_NONE)
        != RUM_OK
        || rum_record_member(r, event, RUM_DETAIL_ERROR_PAGE, group, page)
           != RUM_OK
        || rum_record_member(r, event, RUM_DETAIL_ERROR_BROWSER, group,
                             browser)
           != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (!rum_record_wants(r, RUM_DETAIL_ERROR, RUM_DETAIL_ERROR)) {
        return RUM_OK;
    }

    return rum_errors_see(&p->errors, place->site, fingerprint,
                          r->event->time, error,
                          rum_intern_text(&p->intern, page),
                          rum_intern_text(&p->intern, browser));
}


static int
rum_record_resource(rum_record_t *r, const rum_event_resource_t *resource)
{
    double              bytes;
    uint32_t            i, n, host, type;
    rum_sample_t       *sample;
    rum_delta_event_t  *event;

    n = resource->count > resource->ndurations ? resource->count
                                               : resource->ndurations;
    n = n < RUM_MAX_COUNT ? n : RUM_MAX_COUNT;

    host = rum_record_known(r, &resource->host, RUM_LEN_VALUE);
    type = rum_record_known(r, &resource->type, RUM_LEN_VALUE);
    n = n > 0 ? n : 1;
    event = rum_record_detail(r, RUM_COUNTER_REQUESTS, n,
                              2 + resource->ndurations);

    if (host == RUM_MAP_NONE || type == RUM_MAP_NONE || event == NULL) {
        return RUM_ERROR;
    }

    bytes = resource->bytes;

    if (bytes > 0) {
        rum_record_counter(event, RUM_COUNTER_BYTES,
                           bytes < RUM_DETAIL_NUMBER_MAX
                           ? bytes : RUM_DETAIL_NUMBER_MAX);
    }

    if (resource->third_party) {
        rum_record_counter(event, RUM_COUNTER_THIRD_PARTY, n);
    }

    for (i = 0; i < resource->ndurations; i++) {
        sample = &event->samples[event->nsamples];
        bytes = round((double) resource->durations[i] * 10) / 10;

        if (bytes >= 0 && bytes <= RUM_HISTOGRAM_MAX) {
            rum_record_sample(r->p, r->p->sites.traced[RUM_DETAIL_HOST],
                              bytes, sample);
            event->nsamples++;
        }
    }

    if (rum_record_member(r, event, RUM_DETAIL_HOST, host, RUM_VALUE_NONE)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (rum_record_member(r, event, RUM_DETAIL_HOST_TYPE, host, type)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    return resource->url.len > 0 ? rum_record_slowest(r, resource) : RUM_OK;
}


/* the URL is that of the longest duration */

static int
rum_record_slowest(rum_record_t *r, const rum_event_resource_t *resource)
{
    float          longest;
    uint32_t       i;
    rum_slowest_t  slowest;

    if (resource->ndurations == 0
        || !rum_record_wants(r, RUM_DETAIL_SLOWEST, RUM_DETAIL_SLOWEST))
    {
        return RUM_OK;
    }

    longest = resource->durations[0];

    for (i = 1; i < resource->ndurations; i++) {
        longest = resource->durations[i] > longest ? resource->durations[i]
                                                   : longest;
    }

    slowest.duration = round((double) longest * 10) / 10;

    if (slowest.duration < 0 || slowest.duration > RUM_HISTOGRAM_MAX) {
        return RUM_OK;
    }

    slowest.url.data = resource->url.data;
    slowest.url.len = rum_utf8_cut(resource->url.data, resource->url.len,
                                   RUM_SLOWEST_URL);

    return rum_delta_slowest(&r->p->delta, &slowest);
}


static int
rum_record_from(rum_record_t *r)
{
    uint32_t            from;
    rum_delta_event_t  *event;

    from = rum_record_value(r, &r->event->from, RUM_LEN_PAGE);
    event = rum_delta_detail(&r->p->delta, &r->place, 0);

    if (from == RUM_MAP_NONE || event == NULL) {
        return RUM_ERROR;
    }

    event->views = 1;

    return rum_record_member(r, event, RUM_DETAIL_FROM_PAGE, from,
                             r->place.values[RUM_ATTR_PAGE]);
}


static int
rum_record_action(rum_record_t *r, const rum_event_action_t *action)
{
    uint32_t            type, target;
    rum_delta_event_t  *event;

    type = rum_record_known(r, &action->type, RUM_LEN_VALUE);
    target = rum_record_known(r, &action->target, RUM_LEN_VALUE);
    event = rum_record_detail(r, RUM_COUNTER_ACTIONS, 1, 1);

    if (type == RUM_MAP_NONE || target == RUM_MAP_NONE || event == NULL
        || rum_record_member(r, event, RUM_DETAIL_ACTION, type,
                             RUM_VALUE_NONE)
           != RUM_OK)
    {
        return RUM_ERROR;
    }

    return rum_record_member(r, event, RUM_DETAIL_ACTION_TARGET, type,
                             target);
}


static int
rum_record_custom(rum_record_t *r, const rum_event_custom_t *custom)
{
    int                     rc;
    uint32_t                name, cell;
    rum_partition_t        *p;
    rum_delta_event_t      *event;

    static const rum_str_t  value = rum_string("value");

    p = r->p;

    if (custom->name.len == 0) {
        return RUM_OK;
    }

    name = rum_record_value(r, &custom->name, RUM_LEN_VALUE);
    event = rum_record_detail(r, RUM_COUNTER_EVENTS, 1, 2);

    if (name == RUM_MAP_NONE || event == NULL) {
        return RUM_ERROR;
    }

    if (custom->has_value && custom->value >= 0
        && custom->value <= RUM_HISTOGRAM_MAX)
    {
        rc = rum_site_cell(&p->sites, p->sites.sites[r->place.site], &value,
                           NULL, 1, &cell);
        if (rc != RUM_OK) {
            return rc;
        }

        rum_record_sample(p, cell, custom->value,
                          &event->samples[event->nsamples++]);
    }

    if (rum_record_member(r, event, RUM_DETAIL_EVENT, name, RUM_VALUE_NONE)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    return rum_record_member(r, event, RUM_DETAIL_EVENT_PAGE, name,
                             r->place.values[RUM_ATTR_PAGE]);
}


/*
 * A session counts where its slowest view so far is.  When it gets slower, it
 * is taken out where it was, with its conversions: in the window of now, so
 * that only sums over windows mean something, as with bounces.  It keeps the
 * weight that it came with, whatever rate nginx has by now.
 */

int
rum_record_speed(rum_record_t *r)
{
    uint32_t          i, known, before, weight, conversions;
    uint64_t          key;
    rum_rating_e      rating, was;
    rum_partition_t  *p;

    p = r->p;

    if (r->event->session.len == 0 || r->again || p->speed.span == 0
        || !rum_record_wants(r, RUM_DETAIL_SPEED, RUM_DETAIL_SPEED))
    {
        return RUM_OK;
    }

    rating = rum_record_rating(r);
    conversions = 0;

    for (i = 0; i < r->event->nevents; i++) {
        conversions += r->event->events[i].name.len > 0;
    }

    if (rating == RUM_UNRATED && conversions == 0) {
        return RUM_OK;
    }

    key = rum_record_key(r, &r->event->session, 3);
    known = rum_lately_get(&p->speed, key, r->time, &p->health.forgotten);

    was = RUM_UNRATED;
    weight = r->place.weight;
    before = 0;

    if (known != RUM_MAP_NONE) {
        was = (rum_rating_e) (known & RUM_SPEED_RATING);
        weight = known >> RUM_SPEED_BITS & RUM_SPEED_WEIGHT;
        before = known >> RUM_SPEED_SHIFT;
    }

    if (rating == RUM_UNRATED || (was != RUM_UNRATED && rating < was)) {
        rating = was;
    }

    conversions = before + conversions < RUM_SPEED_MAX
                  ? conversions : RUM_SPEED_MAX - before;

    if (rum_lately_set(&p->speed, key,
                       (before + conversions) << RUM_SPEED_SHIFT
                       | weight << RUM_SPEED_BITS | rating)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (!r->counting) {
        return RUM_OK;
    }

    if (rating == was) {
        return rum_record_visits(r, rating, weight, 0, conversions);
    }

    if (rum_record_visits(r, was, weight, -1, -(double) before) != RUM_OK) {
        return RUM_ERROR;
    }

    return rum_record_visits(r, rating, weight, 1,
                             (double) before + conversions);
}


/* of the LCP that came with the entry */

static rum_rating_e
rum_record_rating(const rum_record_t *r)
{
    uint32_t  i, lcp;

    lcp = r->p->sites.traced[RUM_DETAIL_LCP_TARGET];

    for (i = 0; i < r->n; i++) {
        if (r->samples[i].cell == lcp && !r->stale[i]) {
            return (rum_rating_e) r->samples[i].rating;
        }
    }

    return RUM_UNRATED;
}


static int
rum_record_visits(rum_record_t *r, rum_rating_e rating, uint32_t weight,
    double visits, double conversions)
{
    uint32_t                value;
    rum_delta_event_t      *event;

    static const rum_str_t  names[] = {
        rum_string("good"),
        rum_string("needs_improvement"),
        rum_string("poor")
    };

    if (rating == RUM_UNRATED) {
        return RUM_OK;
    }

    value = rum_record_value(r, &names[rating], RUM_LEN_VALUE);
    event = rum_record_detail(r, RUM_COUNTER_VISITS, visits, 1);

    if (value == RUM_MAP_NONE || event == NULL) {
        return RUM_ERROR;
    }

    event->weight = (uint16_t) weight;
    rum_record_counter(event, RUM_COUNTER_CONVERSIONS, conversions);

    return rum_record_member(r, event, RUM_DETAIL_SPEED, value,
                             RUM_VALUE_NONE);
}


/* an event with one counter, and room for so many samples with it */

static rum_delta_event_t *
rum_record_detail(rum_record_t *r, rum_counter_e counter, double n,
    uint32_t samples)
{
    rum_delta_event_t  *event;

    event = rum_delta_detail(&r->p->delta, &r->place, samples + 1);

    if (event != NULL) {
        rum_record_counter(event, counter, n);
    }

    return event;
}


static void
rum_record_counter(rum_delta_event_t *event, rum_counter_e counter, double n)
{
    rum_sample_t  *sample;

    sample = &event->samples[event->nsamples++];
    memset(sample, 0, sizeof(rum_sample_t));

    sample->value = n;
    sample->cell = (uint16_t) counter;
    sample->kind = RUM_SAMPLE_COUNTER;
}


static int
rum_record_member(rum_record_t *r, rum_delta_event_t *event,
    rum_detail_e detail, uint32_t first, uint32_t second)
{
    if (!rum_record_wants(r, detail, detail)) {
        return RUM_OK;
    }

    return rum_delta_member(&r->p->delta, event, &r->place, detail, first,
                            second);
}


/* any of a range of details */

static int
rum_record_wants(const rum_record_t *r, rum_detail_e first,
    rum_detail_e last)
{
    uint32_t  range;

    range = (2u << last) - (1u << first);

    return (r->p->config->details & range) != 0;
}
