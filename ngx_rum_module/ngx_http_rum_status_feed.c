/*
 * Event streams: see ngx_http_rum_status_feed.h.
 *
 * Buffers of a client are used again for each event, so that a stream of days
 * needs no more memory than one of seconds.  A client that is slow to read
 * misses events: it gets the newest one when it has read what it was sent.
 */

#include "ngx_http_rum_status_feed.h"
#include "ngx_http_rum_status.h"


#define NGX_HTTP_RUM_FEED_MAX        100        /* feeds of a worker */
#define NGX_HTTP_RUM_FEED_INTERVAL   1000       /* ms between two looks */
#define NGX_HTTP_RUM_FEED_SHARE      4          /* a look takes at most so
                                                   much of the time */
#define NGX_HTTP_RUM_FEED_HEARTBEAT  15000      /* ms without an event */


typedef struct {
    ngx_queue_t                   queue;
    rum_query_t                  *query;

    ngx_int_t                     ident;        /* event ident must be after
                                                   3 pointers as in
                                                   ngx_connection_t */
    ngx_str_t                     args;
    ngx_event_t                   timer;
    ngx_http_rum_status_wait_t    wait;
    ngx_queue_t                   clients;

    ngx_http_rum_status_answer_t *answer;       /* the newest that differs */
    ngx_uint_t                    serial;       /* of it */
    ngx_msec_t                    look;         /* when to ask again */

    unsigned                      locked:1;     /* its clients are gone
                                                   through */
} ngx_http_rum_feed_t;


typedef struct {
    ngx_queue_t                   queue;
    ngx_http_rum_feed_t          *feed;
    ngx_http_request_t           *request;

    ngx_chain_t                  *free;
    ngx_chain_t                  *busy;
    ngx_http_rum_status_answer_t *answer;       /* that is being sent */
    ngx_uint_t                    serial;       /* of what was sent last */
    ngx_msec_t                    sent;         /* when */
} ngx_http_rum_feed_client_t;


static ngx_http_rum_feed_t *ngx_http_rum_feed_find(const rum_query_t *query);
static ngx_http_rum_feed_t *ngx_http_rum_feed_create(ngx_str_t *args);
static void ngx_http_rum_feed_destroy(ngx_http_rum_feed_t *feed);
static void ngx_http_rum_feed_leave(void *data);
static void ngx_http_rum_feed_timer(ngx_event_t *ev);
static void ngx_http_rum_feed_look(ngx_http_rum_feed_t *feed);
static void ngx_http_rum_feed_told(ngx_http_rum_status_wait_t *wait,
    ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_feed_news(ngx_http_rum_feed_t *feed,
    ngx_http_rum_status_answer_t *answer);
static void ngx_http_rum_feed_round(ngx_http_rum_feed_t *feed);
static void ngx_http_rum_feed_serve(ngx_http_rum_feed_client_t *client);
static ngx_int_t ngx_http_rum_feed_tell(ngx_http_rum_feed_client_t *client);
static ngx_int_t ngx_http_rum_feed_open(ngx_http_request_t *r);
static ngx_int_t ngx_http_rum_feed_event(ngx_http_rum_feed_client_t *client);
static ngx_int_t ngx_http_rum_feed_close(ngx_http_rum_feed_client_t *client);
static ngx_chain_t *ngx_http_rum_feed_buf(ngx_http_rum_feed_client_t *client,
    const void *data, size_t len);
static ngx_int_t ngx_http_rum_feed_output(ngx_http_rum_feed_client_t *client,
    ngx_chain_t *out);
static void ngx_http_rum_feed_writable(ngx_http_request_t *r);
static ngx_http_rum_feed_client_t *ngx_http_rum_feed_client(
    ngx_http_request_t *r);


static ngx_queue_t   ngx_http_rum_feeds;
static ngx_uint_t    ngx_http_rum_nfeeds;
static ngx_log_t    *ngx_http_rum_feed_log;


void
ngx_http_rum_status_feed_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_http_rum_feeds);
    ngx_http_rum_nfeeds = 0;
    ngx_http_rum_feed_log = cycle->log;
}


/* clients of a worker that ends at once end with it */

void
ngx_http_rum_status_feed_exit(void)
{
    ngx_queue_t  *q;

    if (ngx_http_rum_feed_log == NULL) {
        return;
    }

    while (!ngx_queue_empty(&ngx_http_rum_feeds)) {
        q = ngx_queue_head(&ngx_http_rum_feeds);
        ngx_http_rum_feed_destroy(ngx_queue_data(q, ngx_http_rum_feed_t,
                                                 queue));
    }
}


ngx_int_t
ngx_http_rum_status_feed_join(ngx_http_request_t *r,
    const rum_query_t *query, ngx_uint_t *busy)
{
    ngx_http_cleanup_t          *cln;
    ngx_http_rum_feed_t         *feed;
    ngx_http_rum_feed_client_t  *client;

    client = ngx_pcalloc(r->pool, sizeof(ngx_http_rum_feed_client_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (client == NULL || cln == NULL
        || ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    feed = ngx_http_rum_feed_find(query);

    if (feed == NULL) {
        if (ngx_http_rum_nfeeds == NGX_HTTP_RUM_FEED_MAX) {
            *busy = 1;
            return NGX_ERROR;
        }

        feed = ngx_http_rum_feed_create(&r->args);
        if (feed == NULL) {
            return NGX_ERROR;
        }
    }

    client->feed = feed;
    client->request = r;
    client->sent = ngx_current_msec;
    ngx_queue_insert_tail(&feed->clients, &client->queue);

    cln->handler = ngx_http_rum_feed_leave;
    cln->data = client;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;

    /* what is known already is sent, from the timer, before the next look */

    if (!feed->wait.waiting) {
        ngx_add_timer(&feed->timer, 0);
    }

    return NGX_OK;
}


static ngx_http_rum_feed_t *
ngx_http_rum_feed_find(const rum_query_t *query)
{
    ngx_queue_t          *q;
    ngx_http_rum_feed_t  *feed;

    for (q = ngx_queue_head(&ngx_http_rum_feeds);
         q != ngx_queue_sentinel(&ngx_http_rum_feeds);
         q = ngx_queue_next(q))
    {
        feed = ngx_queue_data(q, ngx_http_rum_feed_t, queue);

        if (rum_query_eq(feed->query, query)) {
            return feed;
        }
    }

    return NULL;
}


static ngx_http_rum_feed_t *
ngx_http_rum_feed_create(ngx_str_t *args)
{
    ngx_http_rum_feed_t  *feed;

    feed = ngx_calloc(sizeof(ngx_http_rum_feed_t) + args->len,
                      ngx_http_rum_feed_log);
    if (feed == NULL) {
        return NULL;
    }

    feed->query = ngx_alloc(sizeof(rum_query_t), ngx_http_rum_feed_log);
    if (feed->query == NULL) {
        ngx_free(feed);
        return NULL;
    }

    feed->args.len = args->len;
    feed->args.data = (u_char *) (feed + 1);
    ngx_memcpy(feed->args.data, args->data, args->len);

    /* parsed again, as a query cannot be moved */

    rum_query_parse(feed->query, (rum_str_t *) &feed->args);

    feed->ident = -1;
    feed->look = ngx_current_msec;

    feed->timer.handler = ngx_http_rum_feed_timer;
    feed->timer.data = feed;
    feed->timer.log = ngx_http_rum_feed_log;

    feed->wait.told = ngx_http_rum_feed_told;
    feed->wait.data = feed;

    ngx_queue_init(&feed->clients);
    ngx_queue_insert_head(&ngx_http_rum_feeds, &feed->queue);
    ngx_http_rum_nfeeds++;

    return feed;
}


static void
ngx_http_rum_feed_destroy(ngx_http_rum_feed_t *feed)
{
    if (feed->timer.timer_set) {
        ngx_del_timer(&feed->timer);
    }

    ngx_http_rum_status_forsake(&feed->wait);

    if (feed->answer != NULL) {
        ngx_http_rum_status_release(feed->answer);
    }

    ngx_queue_remove(&feed->queue);
    ngx_http_rum_nfeeds--;

    ngx_free(feed->query);
    ngx_free(feed);
}


/* the request ends */

static void
ngx_http_rum_feed_leave(void *data)
{
    ngx_http_rum_feed_t         *feed;
    ngx_http_rum_feed_client_t  *client = data;

    feed = client->feed;

    ngx_queue_remove(&client->queue);

    if (client->answer != NULL) {
        ngx_http_rum_status_release(client->answer);
        client->answer = NULL;
    }

    if (ngx_queue_empty(&feed->clients) && !feed->locked) {
        ngx_http_rum_feed_destroy(feed);
    }
}


static void
ngx_http_rum_feed_timer(ngx_event_t *ev)
{
    ngx_http_rum_feed_t  *feed;

    feed = ev->data;

    if (!ngx_exiting && !ngx_terminate && !feed->wait.waiting
        && (ngx_msec_int_t) (feed->look - ngx_current_msec) <= 0)
    {
        ngx_http_rum_feed_look(feed);
    }

    /* the feed may end with this */

    ngx_http_rum_feed_round(feed);
}


static void
ngx_http_rum_feed_look(ngx_http_rum_feed_t *feed)
{
    ngx_uint_t                     busy;
    ngx_http_rum_status_answer_t  *answer;

    feed->look = ngx_current_msec + NGX_HTTP_RUM_FEED_INTERVAL;

    answer = ngx_http_rum_status_ask(feed->query, &feed->args, &busy);

    if (answer == NULL) {
        return;
    }

    if (answer->status != 0) {
        ngx_http_rum_feed_news(feed, answer);
        return;
    }

    ngx_http_rum_status_expect(answer, &feed->wait);
}


static void
ngx_http_rum_feed_told(ngx_http_rum_status_wait_t *wait,
    ngx_http_rum_status_answer_t *answer)
{
    ngx_http_rum_feed_t  *feed;

    feed = wait->data;

    feed->look = ngx_current_msec
                 + ngx_max(NGX_HTTP_RUM_FEED_INTERVAL,
                           answer->cost * NGX_HTTP_RUM_FEED_SHARE);

    ngx_http_rum_feed_news(feed, answer);
    ngx_http_rum_feed_round(feed);
}


static void
ngx_http_rum_feed_news(ngx_http_rum_feed_t *feed,
    ngx_http_rum_status_answer_t *answer)
{
    if (feed->answer != NULL) {

        if (feed->answer->status == answer->status
            && feed->answer->etag.len == answer->etag.len
            && ngx_memcmp(feed->answer->etag_data, answer->etag_data,
                          answer->etag.len) == 0)
        {
            return;
        }

        ngx_http_rum_status_release(feed->answer);
    }

    ngx_http_rum_status_hold(answer);
    feed->answer = answer;
    feed->serial++;
}


/*
 * Serves each client, and sets the timer.  Ending one request may end others
 * of its connection, so each is taken from the list that is left.
 */

static void
ngx_http_rum_feed_round(ngx_http_rum_feed_t *feed)
{
    ngx_queue_t                  left, *q;
    ngx_http_rum_feed_client_t  *client;

    if (ngx_queue_empty(&feed->clients)) {
        ngx_http_rum_feed_destroy(feed);
        return;
    }

    feed->locked = 1;

    left = feed->clients;
    left.next->prev = &left;
    left.prev->next = &left;
    ngx_queue_init(&feed->clients);

    while (!ngx_queue_empty(&left)) {
        q = ngx_queue_head(&left);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&feed->clients, q);

        client = ngx_queue_data(q, ngx_http_rum_feed_client_t, queue);
        ngx_http_rum_feed_serve(client);
    }

    feed->locked = 0;

    if (ngx_queue_empty(&feed->clients)) {
        ngx_http_rum_feed_destroy(feed);
        return;
    }

    ngx_add_timer(&feed->timer, NGX_HTTP_RUM_FEED_INTERVAL);
}


static void
ngx_http_rum_feed_serve(ngx_http_rum_feed_client_t *client)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = client->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ngx_exiting || ngx_terminate) {
        rc = ngx_http_rum_feed_close(client);

    } else if (client->busy != NULL) {
        return;

    } else {
        rc = ngx_http_rum_feed_tell(client);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


/* NGX_AGAIN: the stream goes on; else what to end the request with */

static ngx_int_t
ngx_http_rum_feed_tell(ngx_http_rum_feed_client_t *client)
{
    ngx_int_t             rc;
    ngx_chain_t          *out;
    ngx_http_request_t   *r;
    ngx_http_rum_feed_t  *feed;

    r = client->request;
    feed = client->feed;

    if (feed->answer == NULL) {
        return NGX_AGAIN;
    }

    if (client->serial == feed->serial) {

        if (ngx_current_msec - client->sent < NGX_HTTP_RUM_FEED_HEARTBEAT) {
            return NGX_AGAIN;
        }

        out = ngx_http_rum_feed_buf(client, ":\n\n", 3);
        if (out == NULL) {
            return NGX_ERROR;
        }

        out->buf->flush = 1;

        return ngx_http_rum_feed_output(client, out);
    }

    if (!r->header_sent) {

        /* a question that is wrong has no stream */

        if (feed->answer->status != NGX_HTTP_OK
            && feed->answer->status < NGX_HTTP_INTERNAL_SERVER_ERROR)
        {
            return ngx_http_rum_status_give(r, feed->answer);
        }

        rc = ngx_http_rum_feed_open(r);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_rum_feed_event(client);
}


static ngx_int_t
ngx_http_rum_feed_open(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_rum_status_header(r, "Cache-Control", "no-cache") != NGX_OK
        || ngx_http_rum_status_header(r, "Vary", "Accept") != NGX_OK
        || ngx_http_rum_status_header(r, "X-Accel-Buffering", "no") != NGX_OK
        || ngx_http_rum_status_header(r, "X-Content-Type-Options", "nosniff")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    return (rc == NGX_ERROR || rc > NGX_OK) ? NGX_ERROR : NGX_OK;
}


/* the body of an answer is one line */

static ngx_int_t
ngx_http_rum_feed_event(ngx_http_rum_feed_client_t *client)
{
    ngx_chain_t                   *head, *body, *tail;
    ngx_http_rum_status_answer_t  *answer;
    static const char              status[] = "event: status\ndata: ";
    static const char              error[] = "event: unavailable\ndata: ";

    answer = client->feed->answer;

    if (answer->status == NGX_HTTP_OK) {
        head = ngx_http_rum_feed_buf(client, status, sizeof(status) - 1);

    } else {
        head = ngx_http_rum_feed_buf(client, error, sizeof(error) - 1);
    }

    body = ngx_http_rum_feed_buf(client, answer->body.data, answer->body.len);
    tail = ngx_http_rum_feed_buf(client, "\n", 1);

    if (head == NULL || body == NULL || tail == NULL
        || answer->body.len == 0)
    {
        return NGX_ERROR;
    }

    head->next = body;
    body->next = tail;
    tail->buf->flush = 1;

    client->serial = client->feed->serial;

    ngx_http_rum_status_hold(answer);
    client->answer = answer;

    return ngx_http_rum_feed_output(client, head);
}


/* the worker quits: the client is to come back to the next one */

static ngx_int_t
ngx_http_rum_feed_close(ngx_http_rum_feed_client_t *client)
{
    if (!client->request->header_sent) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    return ngx_http_send_special(client->request, NGX_HTTP_LAST);
}


static ngx_chain_t *
ngx_http_rum_feed_buf(ngx_http_rum_feed_client_t *client, const void *data,
    size_t len)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(client->request->pool, &client->free);
    if (cl == NULL) {
        return NULL;
    }

    b = cl->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->pos = (u_char *) data;
    b->last = b->pos + len;
    b->memory = 1;
    b->tag = (ngx_buf_tag_t) &ngx_http_rum_module;

    cl->next = NULL;

    return cl;
}


/* sends, and what was sent before; out may be NULL */

static ngx_int_t
ngx_http_rum_feed_output(ngx_http_rum_feed_client_t *client,
    ngx_chain_t *out)
{
    ngx_int_t                  rc;
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = client->request;
    wev = r->connection->write;

    rc = ngx_http_output_filter(r, out);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_chain_update_chains(r->pool, &client->free, &client->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_rum_module);

    client->sent = ngx_current_msec;

    if (client->busy == NULL && client->answer != NULL) {
        ngx_http_rum_status_release(client->answer);
        client->answer = NULL;
    }

    if (client->busy == NULL && !r->buffered && !r->connection->buffered) {
        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        r->write_event_handler = ngx_http_request_empty_handler;

        return NGX_AGAIN;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_rum_feed_writable;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_rum_feed_writable(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_event_t                 *wev;
    ngx_http_rum_feed_client_t  *client;

    client = ngx_http_rum_feed_client(r);
    wev = r->connection->write;

    if (wev->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_rum_feed_output(client, NULL);

    /* what it has missed meanwhile */

    if (rc == NGX_AGAIN && client->busy == NULL
        && client->serial != client->feed->serial)
    {
        rc = ngx_http_rum_feed_tell(client);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


/* the request's context is that of beacons: variables look there */

static ngx_http_rum_feed_client_t *
ngx_http_rum_feed_client(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->cleanup; cln->handler != ngx_http_rum_feed_leave;
         cln = cln->next)
    {
        /* void */
    }

    return cln->data;
}
