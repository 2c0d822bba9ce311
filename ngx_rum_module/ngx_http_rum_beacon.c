/*
 * The beacon endpoint: the content handler of a location with rum_beacon.
 *
 *   headers -> method, origin, token, privacy -> body -> inflate -> parse
 *           -> sample -> enrich -> delivery -> answer
 *
 * Parsing, enrichment and encoding happen in one go without giving the
 * worker away, so one parser and one event serve all requests of a worker.
 */

#include "ngx_http_rum_answer.h"
#include "ngx_http_rum_delivery.h"
#include "ngx_http_rum_enrich.h"

#include "rum_inflate.h"
#include "rum_text.h"
#include "rum_weight.h"


#define NGX_HTTP_RUM_FILE_PIECE  16384


typedef struct {
    ngx_http_rum_ctx_t            ctx;          /* must be first */
    ngx_http_request_t           *request;
    ngx_http_rum_headers_t        headers;
    ngx_http_rum_waiter_t         waiter;       /* rum_ack stored */
    ngx_event_t                   timer;
    size_t                        received;     /* bytes of the body */
    unsigned                      inflating:1;
} ngx_http_rum_beacon_t;


/* one per worker */
static struct {
    rum_beacon_parser_t          *parser;
    rum_inflate_t                *inflate;
    rum_event_t                   event;
} ngx_http_rum_worker;


static ngx_http_rum_beacon_t *ngx_http_rum_beacon_create(
    ngx_http_request_t *r);
static void ngx_http_rum_beacon_cleanup(void *data);
static ngx_int_t ngx_http_rum_beacon_get(ngx_http_request_t *r,
    ngx_http_rum_beacon_t *b);
static ngx_int_t ngx_http_rum_beacon_post(ngx_http_request_t *r,
    ngx_http_rum_beacon_t *b);
static void ngx_http_rum_beacon_body(ngx_http_request_t *r);
static int ngx_http_rum_beacon_parse(ngx_http_request_t *r,
    ngx_http_rum_beacon_t *b);
static int ngx_http_rum_beacon_buf(ngx_http_rum_beacon_t *b, ngx_buf_t *buf);
static int ngx_http_rum_beacon_feed(ngx_http_rum_beacon_t *b,
    const u_char *data, size_t len);
static int ngx_http_rum_beacon_encoding(ngx_http_rum_beacon_t *b,
    u_char first);
static int ngx_http_rum_beacon_sink(void *data, const unsigned char *out,
    size_t len);
static int ngx_http_rum_beacon_end(ngx_http_rum_beacon_t *b);
static ngx_int_t ngx_http_rum_beacon_refused(ngx_http_request_t *r,
    ngx_http_rum_beacon_t *b, int rc);
static ngx_int_t ngx_http_rum_beacon_take(ngx_http_request_t *r,
    ngx_http_rum_beacon_t *b);
static uint32_t ngx_http_rum_beacon_weight(const rum_event_t *event,
    uint32_t rate);
static ngx_uint_t ngx_http_rum_beacon_hash(ngx_http_request_t *r,
    const rum_event_t *event);
static ngx_int_t ngx_http_rum_beacon_wait(ngx_http_request_t *r,
    ngx_http_rum_beacon_t *b);
static void ngx_http_rum_beacon_stored(ngx_http_rum_waiter_t *waiter);
static void ngx_http_rum_beacon_timeout(ngx_event_t *ev);


ngx_int_t
ngx_http_rum_beacon_init_process(ngx_cycle_t *cycle)
{
    ngx_http_rum_worker.parser = rum_beacon_create();
    ngx_http_rum_worker.inflate = rum_inflate_create();

    if (ngx_http_rum_worker.parser == NULL
        || ngx_http_rum_worker.inflate == NULL
        || ngx_http_rum_enrich_init_process() != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "rum: no memory for the beacon parser");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_rum_beacon_exit_process(void)
{
    rum_beacon_destroy(ngx_http_rum_worker.parser);
    rum_inflate_destroy(ngx_http_rum_worker.inflate);
    ngx_http_rum_enrich_exit_process();
}


ngx_int_t
ngx_http_rum_beacon_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_rum_beacon_t    *b;
    ngx_http_rum_loc_conf_t  *rlcf;

    b = ngx_http_rum_beacon_create(r);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_rum_headers(r, &b->headers);

    if (!(r->method & (NGX_HTTP_POST|NGX_HTTP_GET|NGX_HTTP_OPTIONS))) {
        return ngx_http_rum_answer_method(r, &b->ctx);
    }

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_rum_module);

    if (!ngx_http_rum_origin_allowed(rlcf->origins, &b->headers)) {
        return ngx_http_rum_answer_error(r, &b->ctx, NGX_HTTP_FORBIDDEN,
                                         NGX_HTTP_RUM_ORIGIN,
                                         "this origin may not send beacons",
                                         0);
    }

    rc = ngx_http_rum_answer_cors(r, &b->headers);
    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        return ngx_http_rum_answer_preflight(r, &b->ctx, &b->headers);
    }

    rc = ngx_http_rum_token_valid(r, rlcf->token, &b->headers);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return ngx_http_rum_answer_error(r, &b->ctx, NGX_HTTP_FORBIDDEN,
                                         NGX_HTTP_RUM_TOKEN,
                                         "the token of this site is missing "
                                         "or wrong", 0);
    }

    if (rlcf->privacy != NGX_HTTP_RUM_PRIVACY_OFF && b->headers.opted_out) {
        return ngx_http_rum_answer_empty(r, &b->ctx, NGX_HTTP_RUM_PRIVACY);
    }

    if (r->method == NGX_HTTP_GET) {
        return ngx_http_rum_beacon_get(r, b);
    }

    return ngx_http_rum_beacon_post(r, b);
}


static ngx_http_rum_beacon_t *
ngx_http_rum_beacon_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_rum_beacon_t  *b;

    /* the context and its clean-up in one allocation */

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_rum_beacon_t));
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_rum_beacon_cleanup;

    b = cln->data;
    ngx_memzero(b, sizeof(ngx_http_rum_beacon_t));
    b->request = r;

    ngx_http_set_ctx(r, &b->ctx, ngx_http_rum_module);

    return b;
}


/* the request is over, whichever way */

static void
ngx_http_rum_beacon_cleanup(void *data)
{
    ngx_http_rum_beacon_t *b = data;

    ngx_http_rum_delivery_forget(&b->waiter);

    if (b->timer.timer_set) {
        ngx_del_timer(&b->timer);
    }

    if (b->ctx.result == NGX_HTTP_RUM_NONE) {
        ngx_http_rum_stats_result(NGX_HTTP_RUM_ABORTED);
    }
}


/* GET ?d=JSON, URL-encoded: old browsers and <noscript> pixels */

static ngx_int_t
ngx_http_rum_beacon_get(ngx_http_request_t *r, ngx_http_rum_beacon_t *b)
{
    int         rc;
    size_t      len;
    u_char     *p;
    ngx_int_t   n;
    ngx_str_t   arg;

    n = ngx_http_discard_request_body(r);

    if (n != NGX_OK) {
        return n;
    }

    if (ngx_http_rum_answer_no_store(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_arg(r, (u_char *) "d", 1, &arg) != NGX_OK) {
        ngx_str_set(&arg, "");
    }

    p = ngx_pnalloc(r->pool, arg.len + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = rum_text_unescape(arg.data, arg.len, p);

    rum_beacon_begin(ngx_http_rum_worker.parser, &ngx_http_rum_worker.event);

    rc = ngx_http_rum_beacon_feed(b, p, len);

    if (rc == RUM_OK) {
        rc = ngx_http_rum_beacon_end(b);
    }

    if (rc != RUM_OK) {
        return ngx_http_rum_beacon_refused(r, b, rc);
    }

    n = ngx_http_rum_beacon_take(r, b);

    if (n == NGX_DONE) {
        r->main->count++;
    }

    return n;
}


static ngx_int_t
ngx_http_rum_beacon_post(ngx_http_request_t *r, ngx_http_rum_beacon_t *b)
{
    ngx_int_t  rc;

    if (b->headers.encoding == NGX_HTTP_RUM_ENCODING_OTHER) {
        return ngx_http_rum_answer_error(r, &b->ctx,
                                   NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                   NGX_HTTP_RUM_ENCODING,
                                   "Content-Encoding must be gzip or deflate",
                                   0);
    }

    if (r->headers_in.content_length_n > RUM_BEACON_BODY) {
        return ngx_http_rum_beacon_refused(r, b, RUM_FULL);
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_rum_beacon_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_rum_beacon_body(ngx_http_request_t *r)
{
    int                     parsed;
    ngx_int_t               rc;
    ngx_http_rum_beacon_t  *b;

    b = ngx_http_get_module_ctx(r, ngx_http_rum_module);

    parsed = ngx_http_rum_beacon_parse(r, b);

    if (parsed == RUM_OK) {
        rc = ngx_http_rum_beacon_take(r, b);

    } else {
        rc = ngx_http_rum_beacon_refused(r, b, parsed);
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/*
 * RUM_OK and the worker's event is filled, or as ngx_http_rum_beacon_feed().
 */

static int
ngx_http_rum_beacon_parse(ngx_http_request_t *r, ngx_http_rum_beacon_t *b)
{
    int           rc;
    ngx_chain_t  *cl;

    rum_beacon_begin(ngx_http_rum_worker.parser, &ngx_http_rum_worker.event);

    rc = RUM_OK;

    cl = (r->request_body != NULL) ? r->request_body->bufs : NULL;

    for ( /* void */ ; cl != NULL && rc == RUM_OK; cl = cl->next) {
        rc = ngx_http_rum_beacon_buf(b, cl->buf);
    }

    return (rc == RUM_OK) ? ngx_http_rum_beacon_end(b) : rc;
}


static int
ngx_http_rum_beacon_buf(ngx_http_rum_beacon_t *b, ngx_buf_t *buf)
{
    int      rc;
    off_t    offset;
    size_t   size;
    ssize_t  n;
    u_char   piece[NGX_HTTP_RUM_FILE_PIECE];

    if (ngx_buf_in_memory(buf)) {
        return ngx_http_rum_beacon_feed(b, buf->pos, buf->last - buf->pos);
    }

    /* a body larger than client_body_buffer_size lies in a file */

    if (buf->in_file && buf->file_last - buf->file_pos > RUM_BEACON_BODY) {
        b->inflating = 0;
        return RUM_FULL;
    }

    for (offset = buf->file_pos; offset < buf->file_last; offset += n) {

        size = (size_t) ngx_min(buf->file_last - offset,
                                NGX_HTTP_RUM_FILE_PIECE);

        n = ngx_read_file(buf->file, piece, size, offset);

        if (n <= 0) {
            return RUM_DECLINED;
        }

        rc = ngx_http_rum_beacon_feed(b, piece, (size_t) n);

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/*
 * RUM_ERROR: the parser knows why; RUM_DECLINED: not what the encoding says;
 * RUM_FULL: too large.
 */

static int
ngx_http_rum_beacon_feed(ngx_http_rum_beacon_t *b, const u_char *data,
    size_t len)
{
    int  rc;

    if (len == 0) {
        return RUM_OK;
    }

    if (b->received == 0) {
        rc = ngx_http_rum_beacon_encoding(b, data[0]);

        if (rc != RUM_OK) {
            return rc;
        }
    }

    b->received += len;

    if (b->received > RUM_BEACON_BODY) {
        b->inflating = 0;
        return RUM_FULL;
    }

    if (b->inflating) {
        return rum_inflate_feed(ngx_http_rum_worker.inflate, data, len);
    }

    return rum_beacon_feed(ngx_http_rum_worker.parser, data, len);
}


/*
 * sendBeacon() cannot say Content-Encoding: what begins as gzip does, and no
 * JSON does, is taken for it.
 */

static int
ngx_http_rum_beacon_encoding(ngx_http_rum_beacon_t *b, u_char first)
{
    rum_inflate_e  encoding;

    if (b->headers.encoding == NGX_HTTP_RUM_ENCODING_NONE && first != 0x1f) {
        return RUM_OK;
    }

    encoding = (b->headers.encoding == NGX_HTTP_RUM_ENCODING_DEFLATE)
               ? RUM_INFLATE_DEFLATE : RUM_INFLATE_GZIP;

    b->inflating = 1;

    return rum_inflate_begin(ngx_http_rum_worker.inflate, encoding,
                             RUM_BEACON_INFLATED, ngx_http_rum_beacon_sink,
                             b);
}


static int
ngx_http_rum_beacon_sink(void *data, const unsigned char *out, size_t len)
{
    return rum_beacon_feed(ngx_http_rum_worker.parser, out, len);
}


static int
ngx_http_rum_beacon_end(ngx_http_rum_beacon_t *b)
{
    int  rc;

    if (b->inflating) {
        rc = rum_inflate_end(ngx_http_rum_worker.inflate);

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return rum_beacon_end(ngx_http_rum_worker.parser);
}


static ngx_int_t
ngx_http_rum_beacon_refused(ngx_http_request_t *r, ngx_http_rum_beacon_t *b,
    int rc)
{
    size_t              offset;
    ngx_uint_t          status;
    const char         *text;
    rum_beacon_error_e  error;

    if (rc == RUM_FULL) {
        return ngx_http_rum_answer_error(r, &b->ctx,
                   NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                   b->inflating ? NGX_HTTP_RUM_INFLATED_TOO_LARGE
                                : NGX_HTTP_RUM_TOO_LARGE,
                   b->inflating ? "the beacon is larger than 512 KB inflated"
                                : "the beacon is larger than 64 KB", 0);
    }

    if (rc == RUM_DECLINED) {
        return ngx_http_rum_answer_error(r, &b->ctx, NGX_HTTP_BAD_REQUEST,
                                   NGX_HTTP_RUM_INFLATE,
                                   "the body is not gzip or deflate as it "
                                   "says, or is cut off", 0);
    }

    text = rum_beacon_error_text(ngx_http_rum_worker.parser, &offset);
    error = rum_beacon_error(ngx_http_rum_worker.parser);
    status = NGX_HTTP_BAD_REQUEST;

    if (error == RUM_BEACON_NO_MEMORY) {
        status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    if (error == RUM_BEACON_SYNTAX && b->headers.form) {
        return ngx_http_rum_answer_error(r, &b->ctx,
                                   NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                   NGX_HTTP_RUM_MEDIA_TYPE,
                                   "the body must be JSON, not a form", 0);
    }

    return ngx_http_rum_answer_error(r, &b->ctx, status,
                                     NGX_HTTP_RUM_BEACON + error, text,
                                     offset);
}


/*
 * The event is parsed: if it is kept, enrich it and hand it over.  NGX_DONE:
 * the answer comes when it is stored; else what to finalize the request with.
 */

static ngx_int_t
ngx_http_rum_beacon_take(ngx_http_request_t *r, ngx_http_rum_beacon_t *b)
{
    ngx_int_t                 rc;
    ngx_uint_t                result;
    rum_event_t              *event;
    ngx_http_rum_waiter_t    *waiter;
    ngx_http_rum_loc_conf_t  *rlcf;

    event = &ngx_http_rum_worker.event;
    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_rum_module);

    if (rlcf->sample != RUM_RATE_ALL) {
        event->weight = ngx_http_rum_beacon_weight(event,
                                                   (uint32_t) rlcf->sample);

        if (event->weight == 0) {
            return ngx_http_rum_answer_empty(r, &b->ctx,
                                             NGX_HTTP_RUM_SAMPLED);
        }
    }

    result = ngx_http_rum_enrich(r, &b->ctx, &b->headers, event);

    if (result == NGX_HTTP_RUM_NONE) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (result != NGX_HTTP_RUM_ACCEPTED) {
        return ngx_http_rum_answer_error(r, &b->ctx, NGX_HTTP_BAD_REQUEST,
                   result, (result == NGX_HTTP_RUM_SITE)
                   ? "no valid site for this request"
                   : "neither the beacon nor Referer names a page", 0);
    }

    ngx_http_rum_stats_cut(event->cut);

    waiter = NULL;

    if (rlcf->ack == NGX_HTTP_RUM_ACK_STORED) {
        waiter = &b->waiter;
        waiter->handler = ngx_http_rum_beacon_stored;
        waiter->data = b;
    }

    rc = ngx_http_rum_delivery_push(event,
                                    ngx_http_rum_beacon_hash(r, event),
                                    waiter);

    if (rc != NGX_OK) {
        return ngx_http_rum_answer_unavailable(r, &b->ctx);
    }

    if (waiter != NULL) {
        return ngx_http_rum_beacon_wait(r, b);
    }

    return ngx_http_rum_answer_empty(r, &b->ctx, NGX_HTTP_RUM_ACCEPTED);
}


/*
 * By the session, else the view, else the measurement (web-vitals objects only
 * have an id each, which later values of the same one have too), else at
 * random.  0: not to be kept.
 */

static uint32_t
ngx_http_rum_beacon_weight(const rum_event_t *event, uint32_t rate)
{
    uint64_t          hash;
    const rum_str_t  *key;

    key = &event->session;

    if (key->len == 0) {
        key = &event->view;
    }

    if (key->len == 0 && event->nmetrics != 0) {
        key = &event->metrics[0].id;
    }

    if (key->len == 0) {
        hash = (uint64_t) ngx_random() << 33 | (uint64_t) ngx_random() << 1;

    } else {
        hash = rum_weight_hash(key);
    }

    return rum_weight(hash, rate);
}


/*
 * What may replace an earlier value must go to the same partition: a session,
 * else a view, else (web-vitals objects only have an id each) a client.
 */

static ngx_uint_t
ngx_http_rum_beacon_hash(ngx_http_request_t *r, const rum_event_t *event)
{
    ngx_str_t        *client;
    const rum_str_t  *key;

    key = &event->session;

    if (key->len == 0) {

        if (rum_beacon_format(ngx_http_rum_worker.parser)
            == RUM_FORMAT_WEB_VITALS)
        {
            client = &r->connection->addr_text;
            return ngx_murmur_hash2(client->data, client->len);
        }

        key = &event->view;
    }

    if (key->len == 0) {
        return (ngx_uint_t) ngx_random();
    }

    return ngx_murmur_hash2(key->data, key->len);
}


static ngx_int_t
ngx_http_rum_beacon_wait(ngx_http_request_t *r, ngx_http_rum_beacon_t *b)
{
    ngx_http_rum_main_conf_t  *rmcf;

    rmcf = ngx_http_get_module_main_conf(r, ngx_http_rum_module);

    b->timer.handler = ngx_http_rum_beacon_timeout;
    b->timer.data = b;
    b->timer.log = r->connection->log;

    /*
     * Where Redis is silent for that long, the link is closed and the event
     * goes to the spool: that is waited for as well.
     */

    ngx_add_timer(&b->timer, rmcf->redis->timeout
                             * (rmcf->spool != NULL ? 2 : 1));

    /* notice a client that goes away */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_http_rum_beacon_stored(ngx_http_rum_waiter_t *waiter)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_rum_beacon_t  *b;

    b = waiter->data;
    r = b->request;
    c = r->connection;

    if (b->timer.timer_set) {
        ngx_del_timer(&b->timer);
    }

    if (waiter->stored) {
        rc = ngx_http_rum_answer_empty(r, &b->ctx, NGX_HTTP_RUM_ACCEPTED);

    } else {
        rc = ngx_http_rum_answer_unavailable(r, &b->ctx);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_rum_beacon_timeout(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_rum_beacon_t  *b;

    b = ev->data;
    r = b->request;
    c = r->connection;

    ngx_http_rum_delivery_forget(&b->waiter);

    ngx_http_finalize_request(r, ngx_http_rum_answer_unavailable(r, &b->ctx));
    ngx_http_run_posted_requests(c);
}
