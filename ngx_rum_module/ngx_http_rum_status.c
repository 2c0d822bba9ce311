/*
 * The status location.  A question becomes an answer, an answer is made once
 * and given to everyone who asks the same while it is made and for a second
 * after:
 *
 *   request -- question --+-- answer known --------------------> send
 *                         +-- answer under way: wait ---+
 *                         +-- new answer: plan, reader -+-> done -> send
 *
 * An answer owns its memory and outlives requests; a request that waits is
 * in the answer's list through a cleanup handler, which takes it out when
 * the client goes away first.
 */

#include <ngx_md5.h>

#include "ngx_http_rum_status.h"
#include "ngx_http_rum_reader.h"


#define NGX_HTTP_RUM_STATUS_DEADLINE  2000      /* ms to make an answer */
#define NGX_HTTP_RUM_STATUS_FRESH     1000      /* ms it is given again */
#define NGX_HTTP_RUM_STATUS_KNOWN     64        /* answers kept */
#define NGX_HTTP_RUM_STATUS_PENDING   100       /* answers under way */
#define NGX_HTTP_RUM_STATUS_ETAG      20        /* W/"16 hex digits" */


typedef struct {
    ngx_queue_t                   queue;        /* known, or on its way out */
    rum_query_t                  *query;

    ngx_int_t                     ident;        /* event ident must be after
                                                   3 pointers as in
                                                   ngx_connection_t */
    ngx_http_rum_job_t            job;
    ngx_event_t                   timer;        /* deadline, then freshness */
    ngx_queue_t                   waiting;      /* requests */
    ngx_queue_t                   done;

    ngx_uint_t                    refs;
    ngx_uint_t                    status;       /* 0: not made yet */
    rum_text_t                    body;
    ngx_str_t                     etag;
    u_char                        etag_data[NGX_HTTP_RUM_STATUS_ETAG];

    unsigned                      known:1;      /* in the list of answers */
} ngx_http_rum_status_answer_t;


typedef struct {
    ngx_queue_t                   queue;
    ngx_http_request_t           *request;
    ngx_http_rum_status_answer_t *answer;       /* NULL: not waiting */
} ngx_http_rum_status_wait_t;


typedef struct {
    ngx_uint_t                    partitions;
    ngx_log_t                    *log;
    ngx_queue_t                   answers;      /* newest first */
    ngx_uint_t                    known;        /* of them made */
    ngx_uint_t                    pending;
    ngx_queue_t                   done;         /* to be given out */
    ngx_event_t                   deliver;
} ngx_http_rum_status_t;


static ngx_int_t ngx_http_rum_status_refuse(ngx_http_request_t *r,
    ngx_uint_t status, const rum_str_t *parameter, const char *error);
static ngx_http_rum_status_answer_t *ngx_http_rum_status_find(
    const rum_query_t *query);
static ngx_http_rum_status_answer_t *ngx_http_rum_status_create(
    ngx_str_t *args);
static void ngx_http_rum_status_start(ngx_http_rum_status_answer_t *answer);
static ngx_int_t ngx_http_rum_status_wait(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_status_gone(void *data);
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
static void ngx_http_rum_status_release(void *data);
static ngx_int_t ngx_http_rum_status_give(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer);
static ngx_int_t ngx_http_rum_status_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *etag, u_char *body, size_t len);
static ngx_int_t ngx_http_rum_status_header(ngx_http_request_t *r,
    const char *name, const char *value);
static ngx_table_elt_t *ngx_http_rum_status_push(ngx_http_request_t *r,
    const char *name);
static void ngx_http_rum_status_info(rum_report_info_t *info,
    rum_report_figure_t *figures);


static ngx_http_rum_status_t  ngx_http_rum_status;


ngx_int_t
ngx_http_rum_status_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf)
{
    ngx_http_rum_status_t  *status;

    status = &ngx_http_rum_status;

    ngx_memzero(status, sizeof(ngx_http_rum_status_t));

    status->partitions = rmcf->partitions;
    status->log = cycle->log;

    ngx_queue_init(&status->answers);
    ngx_queue_init(&status->done);

    status->deliver.handler = ngx_http_rum_status_deliver;
    status->deliver.data = status;
    status->deliver.log = cycle->log;

    return ngx_http_rum_reader_init(cycle, rmcf->redis);
}


/* requests that still wait end with the process */

void
ngx_http_rum_status_exit_process(void)
{
    ngx_queue_t                   *q;
    ngx_http_rum_status_t         *status;
    ngx_http_rum_status_answer_t  *answer;

    status = &ngx_http_rum_status;

    if (status->partitions == 0) {
        return;
    }

    while (!ngx_queue_empty(&status->answers)) {
        q = ngx_queue_head(&status->answers);
        answer = ngx_queue_data(q, ngx_http_rum_status_answer_t, queue);

        ngx_http_rum_status_forget(answer);
    }

    ngx_http_rum_reader_exit();
}


ngx_int_t
ngx_http_rum_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    rum_str_t                      none;
    rum_query_t                    query;
    ngx_http_rum_status_answer_t  *answer;

    rum_str_null(&none);

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_rum_status_header(r, "Allow", "GET, HEAD");
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_rum_status_refuse(r, NGX_HTTP_NOT_ALLOWED, &none,
                                          "only GET and HEAD are allowed");
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (rum_query_parse(&query, (rum_str_t *) &r->args) != RUM_OK) {
        return ngx_http_rum_status_refuse(r, NGX_HTTP_BAD_REQUEST,
                                          &query.parameter, query.error);
    }

    answer = ngx_http_rum_status_find(&query);

    if (answer == NULL) {
        if (ngx_http_rum_status.pending == NGX_HTTP_RUM_STATUS_PENDING) {
            return ngx_http_rum_status_refuse(r,
                              NGX_HTTP_SERVICE_UNAVAILABLE, &none,
                              "too many different questions at once");
        }

        answer = ngx_http_rum_status_create(&r->args);
        if (answer == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_http_rum_status_start(answer);
    }

    if (answer->status != 0) {
        return ngx_http_rum_status_give(r, answer);
    }

    return ngx_http_rum_status_wait(r, answer);
}


/* an answer that concerns this request alone */

static ngx_int_t
ngx_http_rum_status_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const rum_str_t *parameter, const char *error)
{
    u_char             *p;
    size_t              len;
    ngx_int_t           rc;
    rum_text_t          text;
    rum_report_info_t   info;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&info, sizeof(rum_report_info_t));
    info.now = ngx_time();

    rum_text_init(&text);

    if (rum_report_error(&info, parameter, error, &text) != RUM_OK) {
        rum_text_free(&text);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = text.len;

    p = ngx_pnalloc(r->pool, len);
    if (p != NULL) {
        ngx_memcpy(p, text.data, len);
    }

    rum_text_free(&text);

    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_rum_status_send(r, status, NULL, p, len);
}


static ngx_http_rum_status_answer_t *
ngx_http_rum_status_find(const rum_query_t *query)
{
    ngx_queue_t                   *q;
    ngx_http_rum_status_answer_t  *answer;

    for (q = ngx_queue_head(&ngx_http_rum_status.answers);
         q != ngx_queue_sentinel(&ngx_http_rum_status.answers);
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
    ngx_http_rum_status_t         *status;
    ngx_http_rum_status_answer_t  *answer;

    status = &ngx_http_rum_status;

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

    answer->ident = -1;
    answer->job.done = ngx_http_rum_status_job_done;
    answer->job.data = answer;

    answer->timer.handler = ngx_http_rum_status_timer;
    answer->timer.data = answer;
    answer->timer.log = status->log;

    ngx_queue_init(&answer->waiting);

    ngx_queue_insert_head(&status->answers, &answer->queue);
    answer->known = 1;
    answer->refs = 1;
    status->pending++;

    return answer;
}


static void
ngx_http_rum_status_start(ngx_http_rum_status_answer_t *answer)
{
    rum_str_t  none;

    if (ngx_http_rum_reader_start(&answer->job) == NGX_OK) {
        ngx_add_timer(&answer->timer, NGX_HTTP_RUM_STATUS_DEADLINE);
        return;
    }

    rum_str_null(&none);
    ngx_http_rum_status_error(answer, NGX_HTTP_SERVICE_UNAVAILABLE, &none,
                              "redis is not reachable");
}


static ngx_int_t
ngx_http_rum_status_wait(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer)
{
    ngx_http_cleanup_t          *cln;
    ngx_http_rum_status_wait_t  *wait;

    wait = ngx_palloc(r->pool, sizeof(ngx_http_rum_status_wait_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (wait == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wait->request = r;
    wait->answer = answer;
    ngx_queue_insert_tail(&answer->waiting, &wait->queue);

    cln->handler = ngx_http_rum_status_gone;
    cln->data = wait;

    /* notice a client that goes away */

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_rum_status_gone(void *data)
{
    ngx_http_rum_status_wait_t  *wait = data;

    if (wait->answer != NULL) {
        ngx_queue_remove(&wait->queue);
        wait->answer = NULL;
    }
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
    answer->refs++;
    ngx_queue_insert_tail(&ngx_http_rum_status.done, &answer->done);
    ngx_post_event(&ngx_http_rum_status.deliver, &ngx_posted_events);
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

    if (answer->query->format == RUM_QUERY_PROMETHEUS) {
        rc = rum_report_prometheus(report, &info, &answer->body);

    } else {
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

    rum_plan_destroy(answer->job.plan);
    answer->job.plan = NULL;

    ngx_http_rum_status.pending--;

    /* the newest are at the head, made or not */

    if (++ngx_http_rum_status.known > NGX_HTTP_RUM_STATUS_KNOWN) {
        q = ngx_queue_last(&ngx_http_rum_status.answers);

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
        ngx_http_rum_status.known--;
    }

    ngx_queue_remove(&answer->queue);
    answer->known = 0;

    ngx_http_rum_status_release(answer);
}


static void
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
    ngx_int_t                      rc;
    ngx_queue_t                   *q;
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_rum_status_t         *status;
    ngx_http_rum_status_wait_t    *wait;
    ngx_http_rum_status_answer_t  *answer;

    status = ev->data;

    while (!ngx_queue_empty(&status->done)) {
        q = ngx_queue_head(&status->done);
        ngx_queue_remove(q);
        answer = ngx_queue_data(q, ngx_http_rum_status_answer_t, done);

        /* ending one request may end others of its connection */

        while (!ngx_queue_empty(&answer->waiting)) {
            q = ngx_queue_head(&answer->waiting);
            ngx_queue_remove(q);
            wait = ngx_queue_data(q, ngx_http_rum_status_wait_t, queue);
            wait->answer = NULL;

            r = wait->request;
            c = r->connection;

            ngx_http_set_log_request(c->log, r);

            rc = ngx_http_rum_status_give(r, answer);

            ngx_http_finalize_request(r, rc);
            ngx_http_run_posted_requests(c);
        }

        ngx_http_rum_status_release(answer);
    }
}


/* the body is sent from the answer's memory, held until the request ends */

static ngx_int_t
ngx_http_rum_status_give(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer)
{
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cln;

    if (answer->body.len == 0 && answer->status != NGX_HTTP_OK) {
        return answer->status;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer->refs++;
    cln->handler = ngx_http_rum_status_release;
    cln->data = answer;

    if (answer->status == NGX_HTTP_OK
        && answer->query->format == RUM_QUERY_PROMETHEUS)
    {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");
        r->headers_out.content_type_len = sizeof("text/plain") - 1;
    }

    rc = ngx_http_rum_status_send(r, answer->status,
                                  answer->etag.len ? &answer->etag : NULL,
                                  answer->body.data, answer->body.len);
    return rc;
}


static ngx_int_t
ngx_http_rum_status_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *etag, u_char *body, size_t len)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    ngx_chain_t       out;
    ngx_table_elt_t  *h;

    r->headers_out.status = status;
    r->headers_out.content_length_n = len;

    if (r->headers_out.content_type.len == 0) {
        ngx_str_set(&r->headers_out.content_type, "application/json");
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_rum_status_header(r, "Cache-Control", "no-cache") != NGX_OK
        || ngx_http_rum_status_header(r, "X-Content-Type-Options", "nosniff")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_rum_status_header(r, "Retry-After", "1") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (etag != NULL) {
        h = ngx_http_rum_status_push(r, "ETag");
        if (h == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        h->value = *etag;
        r->headers_out.etag = h;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    /* a Prometheus text may be empty, and body NULL */

    if (len != 0) {
        b->pos = body;
        b->last = body + len;
        b->memory = 1;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;
    b->sync = (b->last_buf || b->memory) ? 0 : 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_rum_status_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_http_rum_status_push(r, name);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_rum_status_push(ngx_http_request_t *r, const char *name)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
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
