/*
 * The reader's inside.
 *
 *   waiting -> running (at most 4, by turns) --+
 *                                              v
 *   flight: ring of who gets the next reply    buffer -> link
 *
 * At most 128 reads are in flight, fewer where replies are large.  They are
 * made in a posted event, so one turn of the event loop handles at most so
 * many replies, however fast Redis is, and other connections get theirs.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <hiredis/hiredis.h>

#include "ngx_http_rum_reader.h"


#define NGX_HTTP_RUM_READER_RUNNING  4
#define NGX_HTTP_RUM_READER_FLIGHT   128
#define NGX_HTTP_RUM_READER_FEWEST   4
#define NGX_HTTP_RUM_READER_TURN     4096       /* items in one turn */
#define NGX_HTTP_RUM_READER_WEIGHT   512        /* items, until it is known */
#define NGX_HTTP_RUM_READER_BUFFER   65536
#define NGX_HTTP_RUM_READER_ITEMS    256


typedef struct {
    ngx_http_rum_job_t           *job;          /* NULL: nobody wants it */
    rum_read_t                    read;
} ngx_http_rum_flight_t;


typedef struct {
    ngx_http_rum_link_t           link;
    ngx_event_t                   pump;
    ngx_uint_t                    started;

    ngx_queue_t                   waiting;
    ngx_queue_t                   running;
    ngx_uint_t                    nrunning;

    size_t                        weight;       /* items of a reply, of late */
    ngx_uint_t                    first;        /* of flight */
    ngx_uint_t                    n;
    ngx_http_rum_flight_t         flight[NGX_HTTP_RUM_READER_FLIGHT];

    ngx_uint_t                    unsent;       /* reads in buffer */
    size_t                        sent;         /* bytes of buffer */
    rum_text_t                    buffer;

    rum_reply_item_t             *items;        /* of the current reply */
    size_t                        nitems;
    size_t                        size;
} ngx_http_rum_reader_t;


static void ngx_http_rum_reader_pump(ngx_event_t *ev);
static void ngx_http_rum_reader_fill(ngx_http_rum_reader_t *reader);
static ngx_uint_t ngx_http_rum_reader_room(ngx_http_rum_reader_t *reader);
static ngx_int_t ngx_http_rum_reader_add(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job, rum_read_t *read, rum_command_t *command);
static void ngx_http_rum_reader_send(ngx_http_rum_reader_t *reader);
static void ngx_http_rum_reader_ready_handler(ngx_http_rum_link_t *link);
static void ngx_http_rum_reader_reply(ngx_http_rum_link_t *link,
    void *reply);
static void ngx_http_rum_reader_closed(ngx_http_rum_link_t *link);
static ngx_int_t ngx_http_rum_reader_convert(ngx_http_rum_reader_t *reader,
    const redisReply *from, rum_reply_t *to);
static ngx_int_t ngx_http_rum_reader_flatten(ngx_http_rum_reader_t *reader,
    const redisReply *array);
static ngx_int_t ngx_http_rum_reader_item(ngx_http_rum_reader_t *reader,
    const redisReply *item);
static void ngx_http_rum_reader_finish(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job);
static void ngx_http_rum_reader_drop(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job);


static ngx_http_rum_reader_t  ngx_http_rum_reader;


ngx_int_t
ngx_http_rum_reader_init(ngx_cycle_t *cycle,
    const ngx_http_rum_redis_t *redis)
{
    ngx_http_rum_reader_t  *reader;

    reader = &ngx_http_rum_reader;

    ngx_memzero(reader, sizeof(ngx_http_rum_reader_t));

    ngx_queue_init(&reader->waiting);
    ngx_queue_init(&reader->running);

    reader->pump.handler = ngx_http_rum_reader_pump;
    reader->pump.data = reader;
    reader->pump.log = cycle->log;

    reader->link.redis = redis;
    reader->link.role = "status";
    reader->link.owner = reader;
    reader->link.ready = ngx_http_rum_reader_ready_handler;
    reader->link.writable = ngx_http_rum_reader_ready_handler;
    reader->link.reply = ngx_http_rum_reader_reply;
    reader->link.closed = ngx_http_rum_reader_closed;
    reader->link.log = cycle->log;

    return NGX_OK;
}


void
ngx_http_rum_reader_exit(void)
{
    ngx_http_rum_reader_t  *reader;

    reader = &ngx_http_rum_reader;

    if (reader->started) {
        ngx_http_rum_link_stop(&reader->link);
    }

    rum_text_free(&reader->buffer);

    if (reader->items != NULL) {
        ngx_free(reader->items);
        reader->items = NULL;
    }
}


ngx_uint_t
ngx_http_rum_reader_ready(void)
{
    return ngx_http_rum_reader.link.state == NGX_HTTP_RUM_LINK_READY;
}


const char *
ngx_http_rum_reader_error(void)
{
    return (const char *) ngx_http_rum_reader.link.error;
}


ngx_int_t
ngx_http_rum_reader_start(ngx_http_rum_job_t *job)
{
    ngx_http_rum_reader_t  *reader;

    reader = &ngx_http_rum_reader;

    if (reader->started
        && reader->link.state == NGX_HTTP_RUM_LINK_DOWN)
    {
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(&reader->waiting, &job->queue);
    ngx_post_event(&reader->pump, &ngx_posted_events);

    return NGX_OK;
}


void
ngx_http_rum_reader_cancel(ngx_http_rum_job_t *job)
{
    ngx_http_rum_reader_t  *reader;

    reader = &ngx_http_rum_reader;

    ngx_http_rum_reader_drop(reader, job);
    ngx_post_event(&reader->pump, &ngx_posted_events);
}


/* after a new job, replies, or room in the socket: send what can be sent */

static void
ngx_http_rum_reader_pump(ngx_event_t *ev)
{
    ngx_http_rum_reader_t  *reader;

    reader = ev->data;

    if (!reader->started) {
        reader->started = 1;
        ngx_http_rum_link_start(&reader->link);
    }

    if (reader->link.state != NGX_HTTP_RUM_LINK_READY) {
        return;
    }

    ngx_http_rum_reader_fill(reader);
    ngx_http_rum_reader_send(reader);
}


/* one read of each running job in turn */

static void
ngx_http_rum_reader_fill(ngx_http_rum_reader_t *reader)
{
    rum_read_t           read;
    ngx_uint_t           idle;
    ngx_queue_t         *q;
    rum_command_t        command;
    ngx_http_rum_job_t  *job;

    idle = 0;

    while (reader->n < ngx_http_rum_reader_room(reader)
           && reader->buffer.len < NGX_HTTP_RUM_READER_BUFFER)
    {
        if (reader->nrunning < NGX_HTTP_RUM_READER_RUNNING
            && !ngx_queue_empty(&reader->waiting))
        {
            q = ngx_queue_head(&reader->waiting);
            ngx_queue_remove(q);
            ngx_queue_insert_head(&reader->running, q);

            job = ngx_queue_data(q, ngx_http_rum_job_t, queue);
            job->running = 1;

            reader->nrunning++;
            reader->weight = ngx_max(reader->weight,
                                     NGX_HTTP_RUM_READER_WEIGHT);
            idle = 0;
        }

        if (idle == reader->nrunning) {
            return;
        }

        q = ngx_queue_head(&reader->running);
        job = ngx_queue_data(q, ngx_http_rum_job_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&reader->running, q);

        if (rum_plan_next(job->plan, &read, &command) != RUM_OK) {

            if (job->plan->outcome == RUM_PLAN_RUNNING) {
                idle++;

            } else {
                ngx_http_rum_reader_finish(reader, job);
                idle = 0;
            }

            continue;
        }

        idle = 0;

        if (ngx_http_rum_reader_add(reader, job, &read, &command) != NGX_OK) {
            ngx_http_rum_link_close(&reader->link, "no memory");
            return;
        }
    }
}


/* how many reads may be in flight */

static ngx_uint_t
ngx_http_rum_reader_room(ngx_http_rum_reader_t *reader)
{
    ngx_uint_t  room;

    room = NGX_HTTP_RUM_READER_TURN / (reader->weight + 1);
    room = ngx_max(room, NGX_HTTP_RUM_READER_FEWEST);

    return ngx_min(room, NGX_HTTP_RUM_READER_FLIGHT);
}


static ngx_int_t
ngx_http_rum_reader_add(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job, rum_read_t *read, rum_command_t *command)
{
    int                     len;
    char                   *resp;
    ngx_http_rum_flight_t  *flight;

    len = redisFormatCommandArgv(&resp, command->argc, command->argv,
                                 command->argvlen);
    if (len < 0) {
        return NGX_ERROR;
    }

    rum_text_add(&reader->buffer, resp, len);
    redisFreeCommand(resp);

    if (rum_text_status(&reader->buffer) != RUM_OK) {
        return NGX_ERROR;
    }

    flight = &reader->flight[(reader->first + reader->n)
                             % NGX_HTTP_RUM_READER_FLIGHT];
    flight->job = job;
    flight->read = *read;

    reader->n++;
    reader->unsent++;

    return NGX_OK;
}


static void
ngx_http_rum_reader_send(ngx_http_rum_reader_t *reader)
{
    ssize_t      n;
    ngx_uint_t   replies;
    rum_text_t  *buffer;

    buffer = &reader->buffer;

    if (reader->link.state != NGX_HTTP_RUM_LINK_READY
        || reader->sent == buffer->len)
    {
        return;
    }

    /* the link is told of a reply once, with the first attempt to send */

    replies = reader->unsent;
    reader->unsent = 0;

    n = ngx_http_rum_link_send(&reader->link, buffer->data + reader->sent,
                               buffer->len - reader->sent, replies);
    if (n == NGX_ERROR) {
        return;
    }

    reader->sent += n;

    if (reader->sent == buffer->len) {
        reader->sent = 0;
        buffer->len = 0;
    }
}


static void
ngx_http_rum_reader_ready_handler(ngx_http_rum_link_t *link)
{
    ngx_http_rum_reader_t  *reader;

    reader = link->owner;

    ngx_post_event(&reader->pump, &ngx_posted_events);
}


static void
ngx_http_rum_reader_reply(ngx_http_rum_link_t *link, void *reply)
{
    rum_reply_t             converted;
    ngx_http_rum_job_t     *job;
    ngx_http_rum_flight_t  *flight;
    ngx_http_rum_reader_t  *reader;

    reader = link->owner;

    flight = &reader->flight[reader->first];
    reader->first = (reader->first + 1) % NGX_HTTP_RUM_READER_FLIGHT;
    reader->n--;

    ngx_http_rum_link_works(link);
    ngx_post_event(&reader->pump, &ngx_posted_events);

    job = flight->job;
    if (job == NULL) {
        return;
    }

    if (ngx_http_rum_reader_convert(reader, reply, &converted) != NGX_OK) {
        ngx_http_rum_link_close(link, "no memory");
        return;
    }

    /* at once when replies become larger, slowly when they shrink */

    reader->weight -= reader->weight / 8;
    reader->weight = ngx_max(reader->weight, converted.nitems);

    if (rum_plan_reply(job->plan, &flight->read, &converted)
        != RUM_PLAN_RUNNING)
    {
        ngx_http_rum_reader_finish(reader, job);
    }
}


/* what was asked and not answered will not be: every job is done */

static void
ngx_http_rum_reader_closed(ngx_http_rum_link_t *link)
{
    ngx_queue_t            *q;
    ngx_http_rum_reader_t  *reader;

    reader = link->owner;

    reader->first = 0;
    reader->n = 0;
    reader->unsent = 0;
    reader->sent = 0;
    rum_text_free(&reader->buffer);

    while (!ngx_queue_empty(&reader->waiting)) {
        q = ngx_queue_head(&reader->waiting);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&reader->running, q);
    }

    while (!ngx_queue_empty(&reader->running)) {
        q = ngx_queue_head(&reader->running);
        ngx_http_rum_reader_finish(reader,
                           ngx_queue_data(q, ngx_http_rum_job_t, queue));
    }
}


static ngx_int_t
ngx_http_rum_reader_convert(ngx_http_rum_reader_t *reader,
    const redisReply *from, rum_reply_t *to)
{
    ngx_memzero(to, sizeof(rum_reply_t));

    reader->nitems = 0;

    switch (from->type) {

    case REDIS_REPLY_ERROR:
        to->error.len = from->len;
        to->error.data = (u_char *) from->str;
        break;

    case REDIS_REPLY_INTEGER:
        to->integer = from->integer;
        break;

    case REDIS_REPLY_ARRAY:
        if (ngx_http_rum_reader_flatten(reader, from) != NGX_OK) {
            return NGX_ERROR;
        }

        break;

    default:
        break;
    }

    to->items = reader->items;
    to->nitems = reader->nitems;

    return NGX_OK;
}


/* hiredis lets arrays be at most 9 deep */

static ngx_int_t
ngx_http_rum_reader_flatten(ngx_http_rum_reader_t *reader,
    const redisReply *array)
{
    size_t  i;

    for (i = 0; i < array->elements; i++) {
        if (ngx_http_rum_reader_item(reader, array->element[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_reader_item(ngx_http_rum_reader_t *reader,
    const redisReply *from)
{
    size_t             size;
    rum_reply_item_t  *item;

    if (from->type == REDIS_REPLY_ARRAY) {
        return ngx_http_rum_reader_flatten(reader, from);
    }

    if (reader->nitems == reader->size) {
        size = reader->size * 2 + NGX_HTTP_RUM_READER_ITEMS;

        item = realloc(reader->items, size * sizeof(rum_reply_item_t));
        if (item == NULL) {
            return NGX_ERROR;
        }

        reader->items = item;
        reader->size = size;
    }

    item = &reader->items[reader->nitems++];

    ngx_memzero(item, sizeof(rum_reply_item_t));

    switch (from->type) {

    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        item->text.len = from->len;
        item->text.data = (u_char *) from->str;
        break;

    case REDIS_REPLY_INTEGER:
        item->integer = from->integer;
        break;

    default:
        item->integer = -1;
    }

    return NGX_OK;
}


static void
ngx_http_rum_reader_finish(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job)
{
    ngx_http_rum_reader_drop(reader, job);
    job->done(job);
}


static void
ngx_http_rum_reader_drop(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job)
{
    ngx_uint_t              i;
    ngx_http_rum_flight_t  *flight;

    ngx_queue_remove(&job->queue);

    if (job->running) {
        job->running = 0;
        reader->nrunning--;
    }

    for (i = 0; i < reader->n; i++) {
        flight = &reader->flight[(reader->first + i)
                                 % NGX_HTTP_RUM_READER_FLIGHT];

        if (flight->job == job) {
            flight->job = NULL;
        }
    }
}
