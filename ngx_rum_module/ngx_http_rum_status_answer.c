/*
 * Making answers: see ngx_http_rum_status_answer.h.
 */

#include <ngx_md5.h>

#include "ngx_http_rum_status_answer.h"


#define NGX_HTTP_RUM_STATUS_SILENCE   2000      /* ms without a reply */
#define NGX_HTTP_RUM_STATUS_DEADLINE  10000     /* ms to make an answer */
#define NGX_HTTP_RUM_STATUS_FRESH     1000      /* ms it is given again */
#define NGX_HTTP_RUM_STATUS_KNOWN     64        /* answers kept */
#define NGX_HTTP_RUM_STATUS_PENDING   100       /* answers under way */


typedef struct {
    ngx_uint_t                    partitions;
    ngx_log_t                    *log;
    ngx_queue_t                   answers;      /* newest first */
    ngx_uint_t                    known;        /* of them made */
    ngx_uint_t                    pending;
    ngx_queue_t                   done;         /* to be given out */
    ngx_event_t                   deliver;
    rum_closed_t                 *closed;       /* sums, for the plans */
} ngx_http_rum_status_answers_t;


static ngx_http_rum_status_answer_t *ngx_http_rum_status_find(
    const rum_query_t *query);
static ngx_http_rum_status_answer_t *ngx_http_rum_status_create(
    ngx_str_t *args);
static void ngx_http_rum_status_start(ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_status_timer(ngx_event_t *ev);
static void ngx_http_rum_status_job_done(ngx_http_rum_job_t *job);
static void ngx_http_rum_status_finish(ngx_http_rum_status_answer_t *answer);
static ngx_int_t ngx_http_rum_status_render(
    ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_status_error(ngx_http_rum_status_answer_t *answer,
    ngx_uint_t status, const rum_str_t *parameter, const char *error);
static void ngx_http_rum_status_made(ngx_http_rum_status_answer_t *answer,
    ngx_uint_t status);
static void ngx_http_rum_status_deliver(ngx_event_t *ev);
static void ngx_http_rum_status_forget(ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_status_info(rum_report_info_t *info,
    rum_report_figure_t *figures);


static ngx_http_rum_status_answers_t  ngx_http_rum_status_answers;


ngx_int_t
ngx_http_rum_status_answer_init(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf)
{
    ngx_http_rum_status_answers_t  *status;

    status = &ngx_http_rum_status_answers;

    ngx_memzero(status, sizeof(ngx_http_rum_status_answers_t));

    status->partitions = rmcf->partitions;
    status->log = cycle->log;

    ngx_queue_init(&status->answers);
    ngx_queue_init(&status->done);

    status->deliver.handler = ngx_http_rum_status_deliver;
    status->deliver.data = status;
    status->deliver.log = cycle->log;

    status->closed = rum_closed_create(RUM_CLOSED_MEMORY);
    if (status->closed == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_rum_reader_init(cycle, rmcf->redis, rmcf->partitions);
}


/* requests that still wait end with the process */

void
ngx_http_rum_status_answer_exit(void)
{
    ngx_queue_t                    *q;
    ngx_http_rum_status_answer_t   *answer;
    ngx_http_rum_status_answers_t  *status;

    status = &ngx_http_rum_status_answers;

    if (status->partitions == 0) {
        return;
    }

    while (!ngx_queue_empty(&status->answers)) {
        q = ngx_queue_head(&status->answers);
        answer = ngx_queue_data(q, ngx_http_rum_status_answer_t, queue);

        ngx_http_rum_status_forget(answer);
    }

    ngx_http_rum_reader_exit();
    rum_closed_destroy(status->closed);
}


ngx_http_rum_status_answer_t *
ngx_http_rum_status_ask(const rum_query_t *query, ngx_str_t *args,
    ngx_uint_t *busy)
{
    ngx_http_rum_status_answer_t  *answer;

    *busy = 0;

    answer = ngx_http_rum_status_find(query);

    if (answer != NULL) {
        return answer;
    }

    if (ngx_http_rum_status_answers.pending == NGX_HTTP_RUM_STATUS_PENDING) {
        *busy = 1;
        return NULL;
    }

    answer = ngx_http_rum_status_create(args);

    if (answer != NULL) {
        ngx_http_rum_status_start(answer);
    }

    return answer;
}


static ngx_http_rum_status_answer_t *
ngx_http_rum_status_find(const rum_query_t *query)
{
    ngx_queue_t                   *q;
    ngx_http_rum_status_answer_t  *answer;

    for (q = ngx_queue_head(&ngx_http_rum_status_answers.answers);
         q != ngx_queue_sentinel(&ngx_http_rum_status_answers.answers);
         q = ngx_queue_next(q))
    {
        answer = ngx_queue_data(q, ngx_http_rum_status_answer_t, queue);

        if (rum_query_eq(answer->query, query)) {
            return answer;
        }
    }

    return NULL;
}


/* the list of answers holds the first reference */

static ngx_http_rum_status_answer_t *
ngx_http_rum_status_create(ngx_str_t *args)
{
    ngx_http_rum_status_answers_t         *status;
    ngx_http_rum_status_answer_t  *answer;

    status = &ngx_http_rum_status_answers;

    answer = ngx_calloc(sizeof(ngx_http_rum_status_answer_t), status->log);
    if (answer == NULL) {
        return NULL;
    }

    answer->query = ngx_alloc(sizeof(rum_query_t), status->log);
    if (answer->query == NULL) {
        ngx_free(answer);
        return NULL;
    }

    /* parsed again, as a query cannot be moved */

    rum_query_parse(answer->query, (rum_str_t *) args);

    answer->job.plan = rum_plan_create(answer->query, status->partitions,
                                       ngx_time());
    if (answer->job.plan == NULL) {
        ngx_free(answer->query);
        ngx_free(answer);
        return NULL;
    }

    rum_plan_keep(answer->job.plan, status->closed, ngx_time());

    answer->ident = -1;
    answer->asked = ngx_current_msec;
    answer->job.done = ngx_http_rum_status_job_done;
    answer->job.data = answer;

    answer->timer.handler = ngx_http_rum_status_timer;
    answer->timer.data = answer;
    answer->timer.log = status->log;

    ngx_queue_init(&answer->waiting);

    ngx_queue_insert_head(&status->answers, &answer->queue);
    answer->refs = 1;
    status->pending++;

    return answer;
}


static void
ngx_http_rum_status_start(ngx_http_rum_status_answer_t *answer)
{
    rum_str_t  none;

    if (ngx_http_rum_reader_start(&answer->job) == NGX_OK) {
        ngx_add_timer(&answer->timer, NGX_HTTP_RUM_STATUS_SILENCE);
        return;
    }

    rum_str_null(&none);
    ngx_http_rum_status_error(answer, NGX_HTTP_SERVICE_UNAVAILABLE, &none,
                              "redis is not reachable");
}


void
ngx_http_rum_status_expect(ngx_http_rum_status_answer_t *answer,
    ngx_http_rum_status_wait_t *wait)
{
    ngx_queue_insert_tail(&answer->waiting, &wait->queue);
    wait->waiting = 1;
}


void
ngx_http_rum_status_forsake(ngx_http_rum_status_wait_t *wait)
{
    if (wait->waiting) {
        ngx_queue_remove(&wait->queue);
        wait->waiting = 0;
    }
}


void
ngx_http_rum_status_hold(ngx_http_rum_status_answer_t *answer)
{
    answer->refs++;
}


/* it took too long; or it was made, and is now too old to be given again */

static void
ngx_http_rum_status_timer(ngx_event_t *ev)
{
    rum_str_t                      none;
    ngx_http_rum_status_answer_t  *answer;

    answer = ev->data;

    if (answer->status != 0) {
        ngx_http_rum_status_forget(answer);
        return;
    }

    /* a large answer on a busy machine: it goes on while replies come */

    if (answer->job.plan->answered != answer->answered
        && ngx_current_msec - answer->asked < NGX_HTTP_RUM_STATUS_DEADLINE)
    {
        answer->answered = answer->job.plan->answered;
        ngx_add_timer(&answer->timer, NGX_HTTP_RUM_STATUS_SILENCE);
        return;
    }

    ngx_http_rum_reader_cancel(&answer->job);

    rum_str_null(&none);

    if (ngx_http_rum_reader_ready()) {
        ngx_http_rum_status_error(answer, NGX_HTTP_GATEWAY_TIME_OUT, &none,
                                  "redis did not answer in time");

    } else {
        ngx_http_rum_status_error(answer, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  &none, "redis is not reachable");
    }

    ngx_http_rum_status_finish(answer);
}


static void
ngx_http_rum_status_job_done(ngx_http_rum_job_t *job)
{
    int                            rc;
    rum_str_t                      none, limit = rum_string("limit");
    rum_plan_t                    *plan;
    ngx_http_rum_status_answer_t  *answer;

    answer = job->data;
    plan = job->plan;

    rum_str_null(&none);
    ngx_del_timer(&answer->timer);

    switch (plan->outcome) {

    case RUM_PLAN_DONE:
        rc = ngx_http_rum_status_render(answer);

        if (rc == RUM_FULL) {
            ngx_http_rum_status_error(answer, NGX_HTTP_BAD_REQUEST, &limit,
                                      "is too high, the answer is too long");

        } else if (rc != RUM_OK) {
            ngx_http_rum_status_error(answer, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                      &none, "no memory");
        }

        break;

    case RUM_PLAN_REFUSED:
        ngx_http_rum_status_error(answer, NGX_HTTP_BAD_REQUEST,
                                  &plan->parameter, plan->error);
        break;

    case RUM_PLAN_UNAVAILABLE:
        ngx_http_rum_status_error(answer, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  &none, plan->error);
        break;

    case RUM_PLAN_RUNNING:
        ngx_http_rum_status_error(answer, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  &none, "redis is not reachable");
        break;

    default:                            /* RUM_PLAN_FAILED */
        ngx_http_rum_status_error(answer, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                  &none, "no memory");
    }

    ngx_http_rum_status_finish(answer);
}


/*
 * Requests are answered from a posted event: what they do may lead back to
 * the link, which is in the middle of something now.
 */

static void
ngx_http_rum_status_finish(ngx_http_rum_status_answer_t *answer)
{
    ngx_http_rum_status_hold(answer);
    ngx_queue_insert_tail(&ngx_http_rum_status_answers.done, &answer->done);
    ngx_post_event(&ngx_http_rum_status_answers.deliver, &ngx_posted_events);
}


static ngx_int_t
ngx_http_rum_status_render(ngx_http_rum_status_answer_t *answer)
{
    int                   rc;
    u_char                digest[16], *p;
    size_t                stable;
    ngx_md5_t             md5;
    rum_report_t         *report;
    rum_report_info_t     info;
    rum_report_figure_t   figures[NGX_HTTP_RUM_STATS_MAX];

    report = answer->job.plan->report;
    stable = 0;

    ngx_memzero(&info, sizeof(rum_report_info_t));
    info.now = ngx_time();

    if (answer->query->overview) {
        ngx_http_rum_status_info(&info, figures);
    }

    switch (answer->query->format) {

    case RUM_QUERY_PROMETHEUS:
        rc = rum_report_prometheus(report, &info, &answer->body);
        break;

    case RUM_QUERY_CSV:
        rc = rum_report_csv(report, &answer->body);
        break;

    default:
        rc = rum_report_json(report, &info, &answer->body, &stable);
    }

    if (rc != RUM_OK) {
        return rc;
    }

    ngx_md5_init(&md5);

    if (answer->body.len != 0) {
        ngx_md5_update(&md5, answer->body.data + stable,
                       answer->body.len - stable);
    }

    ngx_md5_final(digest, &md5);

    p = ngx_cpymem(answer->etag_data, "W/\"", 3);
    p = ngx_hex_dump(p, digest, 8);
    *p++ = '"';

    answer->etag.data = answer->etag_data;
    answer->etag.len = p - answer->etag_data;

    ngx_http_rum_status_made(answer, NGX_HTTP_OK);

    return RUM_OK;
}


/* a 503 and a 504 of the overview still tell what the module knows */

static void
ngx_http_rum_status_error(ngx_http_rum_status_answer_t *answer,
    ngx_uint_t status, const rum_str_t *parameter, const char *error)
{
    rum_report_info_t    info;
    rum_report_figure_t  figures[NGX_HTTP_RUM_STATS_MAX];

    ngx_memzero(&info, sizeof(rum_report_info_t));
    info.now = ngx_time();

    if (answer->query->overview && status >= NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_http_rum_status_info(&info, figures);
    }

    rum_text_free(&answer->body);

    if (rum_report_error(&info, parameter, error, &answer->body) != RUM_OK) {
        rum_text_free(&answer->body);
    }

    ngx_http_rum_status_made(answer, status);
}


/* the plan has served; the answer is kept while it is fresh */

static void
ngx_http_rum_status_made(ngx_http_rum_status_answer_t *answer,
    ngx_uint_t status)
{
    ngx_queue_t                   *q;
    ngx_http_rum_status_answer_t  *last;

    answer->status = status;
    answer->cost = ngx_current_msec - answer->asked;

    rum_plan_destroy(answer->job.plan);
    answer->job.plan = NULL;

    ngx_http_rum_status_answers.pending--;

    /* the newest are at the head, made or not */

    if (++ngx_http_rum_status_answers.known > NGX_HTTP_RUM_STATUS_KNOWN) {
        q = ngx_queue_last(&ngx_http_rum_status_answers.answers);

        for ( ;; ) {
            last = ngx_queue_data(q, ngx_http_rum_status_answer_t, queue);

            if (last->status != 0 && last != answer) {
                ngx_http_rum_status_forget(last);
                break;
            }

            q = ngx_queue_prev(q);
        }
    }

    answer->timer.cancelable = 1;
    ngx_add_timer(&answer->timer, NGX_HTTP_RUM_STATUS_FRESH);
}


static void
ngx_http_rum_status_forget(ngx_http_rum_status_answer_t *answer)
{
    if (answer->timer.timer_set) {
        ngx_del_timer(&answer->timer);
    }

    if (answer->status != 0) {
        ngx_http_rum_status_answers.known--;
    }

    ngx_queue_remove(&answer->queue);

    ngx_http_rum_status_release(answer);
}


void
ngx_http_rum_status_release(void *data)
{
    ngx_http_rum_status_answer_t  *answer = data;

    if (--answer->refs != 0) {
        return;
    }

    if (answer->job.plan != NULL) {
        rum_plan_destroy(answer->job.plan);
    }

    rum_text_free(&answer->body);
    ngx_free(answer->query);
    ngx_free(answer);
}


static void
ngx_http_rum_status_deliver(ngx_event_t *ev)
{
    ngx_queue_t                    *q;
    ngx_http_rum_status_wait_t     *wait;
    ngx_http_rum_status_answer_t   *answer;
    ngx_http_rum_status_answers_t  *status;

    status = ev->data;

    while (!ngx_queue_empty(&status->done)) {
        q = ngx_queue_head(&status->done);
        ngx_queue_remove(q);
        answer = ngx_queue_data(q, ngx_http_rum_status_answer_t, done);

        /* telling one may make others go away */

        while (!ngx_queue_empty(&answer->waiting)) {
            q = ngx_queue_head(&answer->waiting);
            wait = ngx_queue_data(q, ngx_http_rum_status_wait_t, queue);

            ngx_http_rum_status_forsake(wait);
            wait->told(wait, answer);
        }

        ngx_http_rum_status_release(answer);
    }
}


static void
ngx_http_rum_status_info(rum_report_info_t *info,
    rum_report_figure_t *figures)
{
    ngx_memzero(figures,
                NGX_HTTP_RUM_STATS_MAX * sizeof(rum_report_figure_t));

    info->figures = figures;
    info->nfigures = ngx_http_rum_stats_collect(figures);
}
