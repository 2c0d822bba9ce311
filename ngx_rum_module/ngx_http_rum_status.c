/*
 * The status location: takes a question from a request, waits for its answer
 * and sends it.  A request that waits is in the answer's list through a
 * cleanup handler, which takes it out when the client goes away first.
 */

#include "ngx_http_rum_status.h"
#include "ngx_http_rum_status_feed.h"


static ngx_int_t ngx_http_rum_status_ask_for(ngx_http_request_t *r,
    rum_query_t *query);
static ngx_uint_t ngx_http_rum_status_streams(ngx_http_request_t *r);
static ngx_int_t ngx_http_rum_status_wait(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_status_told(ngx_http_rum_status_wait_t *wait,
    ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_status_gone(void *data);
static ngx_int_t ngx_http_rum_status_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *etag, u_char *body, size_t len);
static ngx_table_elt_t *ngx_http_rum_status_push(ngx_http_request_t *r,
    const char *name);


ngx_int_t
ngx_http_rum_status_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf)
{
    ngx_http_rum_status_feed_init(cycle);

    return ngx_http_rum_status_answer_init(cycle, rmcf);
}


void
ngx_http_rum_status_exit_process(void)
{
    ngx_http_rum_status_feed_exit();
    ngx_http_rum_status_answer_exit();
}


ngx_int_t
ngx_http_rum_status_handler(ngx_http_request_t *r)
{
    ngx_int_t    rc;
    rum_str_t    none;
    rum_query_t  query;

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

    return ngx_http_rum_status_ask_for(r, &query);
}


static ngx_int_t
ngx_http_rum_status_ask_for(ngx_http_request_t *r, rum_query_t *query)
{
    rum_str_t                      none;
    ngx_uint_t                     busy;
    ngx_http_rum_status_answer_t  *answer;

    busy = 0;
    answer = NULL;

    if (query->format == RUM_QUERY_JSON && r->method == NGX_HTTP_GET
        && r == r->main && ngx_http_rum_status_streams(r))
    {
        if (ngx_http_rum_status_feed_join(r, query, &busy) == NGX_OK) {
            return NGX_DONE;
        }

    } else {
        answer = ngx_http_rum_status_ask(query, &r->args, &busy);
    }

    if (busy) {
        rum_str_null(&none);
        return ngx_http_rum_status_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                             &none, "too many different questions at once");
    }

    if (answer == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (answer->status != 0) {
        return ngx_http_rum_status_give(r, answer);
    }

    return ngx_http_rum_status_wait(r, answer);
}


/* 1 if the client takes an event stream, as EventSource says it does */

static ngx_uint_t
ngx_http_rum_status_streams(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 0;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (header[i].key.len == sizeof("Accept") - 1
            && ngx_strncasecmp(header[i].key.data, (u_char *) "Accept",
                               sizeof("Accept") - 1) == 0
            && ngx_strlcasestrn(header[i].value.data,
                                header[i].value.data + header[i].value.len,
                                (u_char *) "text/event-stream",
                                sizeof("text/event-stream") - 1 - 1)
               != NULL)
        {
            return 1;
        }
    }
}


/* an answer that concerns this request alone */

ngx_int_t
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


static ngx_int_t
ngx_http_rum_status_wait(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer)
{
    ngx_http_cleanup_t          *cln;
    ngx_http_rum_status_wait_t  *wait;

    wait = ngx_pcalloc(r->pool, sizeof(ngx_http_rum_status_wait_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (wait == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wait->told = ngx_http_rum_status_told;
    wait->data = r;
    ngx_http_rum_status_expect(answer, wait);

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
ngx_http_rum_status_told(ngx_http_rum_status_wait_t *wait,
    ngx_http_rum_status_answer_t *answer)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = wait->data;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_rum_status_give(r, answer);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_rum_status_gone(void *data)
{
    ngx_http_rum_status_forsake(data);
}


/* the body is sent from the answer's memory, held until the request ends */

ngx_int_t
ngx_http_rum_status_give(ngx_http_request_t *r,
    ngx_http_rum_status_answer_t *answer)
{
    ngx_pool_cleanup_t  *cln;

    if (answer->body.len == 0 && answer->status != NGX_HTTP_OK) {
        return answer->status;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_rum_status_hold(answer);
    cln->handler = ngx_http_rum_status_release;
    cln->data = answer;

    if (answer->status == NGX_HTTP_OK) {
        switch (answer->query->format) {

        case RUM_QUERY_PROMETHEUS:
            ngx_str_set(&r->headers_out.content_type,
                        "text/plain; version=0.0.4; charset=utf-8");
            r->headers_out.content_type_len = sizeof("text/plain") - 1;
            break;

        case RUM_QUERY_CSV:
            ngx_str_set(&r->headers_out.content_type,
                        "text/csv; charset=utf-8; header=present");
            r->headers_out.content_type_len = sizeof("text/csv") - 1;
            break;

        default:
            break;
        }
    }

    return ngx_http_rum_status_send(r, answer->status,
                                    answer->etag.len ? &answer->etag : NULL,
                                    answer->body.data, answer->body.len);
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
        || ngx_http_rum_status_header(r, "Vary", "Accept") != NGX_OK
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


ngx_int_t
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
