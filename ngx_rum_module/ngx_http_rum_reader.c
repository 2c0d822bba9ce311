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
#define NGX_HTTP_RUM_READER_KEEP     (1024 * 1024)  /* bytes, for the next
                                                       reply */


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

    rum_reply_t                   reply;        /* as far as it has come */
    size_t                        error;        /* length; it is in text */
    rum_reply_item_t             *items;
    size_t                        size;         /* of items */
    u_char                       *text;         /* of the items; they have
                                                   offsets until it is whole */
    size_t                        text_len;
    size_t                        text_size;
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
static void ngx_http_rum_reader_whole(ngx_http_rum_reader_t *reader);
static void ngx_http_rum_reader_reset(ngx_http_rum_reader_t *reader);
static void *ngx_http_rum_reader_create_string(const redisReadTask *task,
    char *str, size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_http_rum_reader_create_array(const redisReadTask *task,
    size_t n);
#else
static void *ngx_http_rum_reader_create_array(const redisReadTask *task,
    int n);
#endif
static void *ngx_http_rum_reader_create_integer(const redisReadTask *task,
    long long value);
static void *ngx_http_rum_reader_create_nil(const redisReadTask *task);
static void ngx_http_rum_reader_free(void *reply);
static rum_reply_item_t *ngx_http_rum_reader_item(
    ngx_http_rum_reader_t *reader);
static ngx_int_t ngx_http_rum_reader_text(ngx_http_rum_reader_t *reader,
    const char *str, size_t len);
static void ngx_http_rum_reader_finish(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job);
static void ngx_http_rum_reader_drop(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job);


/*
 * A reply is made of thousands of small strings: they are copied one behind
 * another, not into an object each.
 */
static redisReplyObjectFunctions  ngx_http_rum_reader_functions = {
    .createString = ngx_http_rum_reader_create_string,
    .createArray = ngx_http_rum_reader_create_array,
    .createInteger = ngx_http_rum_reader_create_integer,
    .createNil = ngx_http_rum_reader_create_nil,
    .freeObject = ngx_http_rum_reader_free
};

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
    reader->link.functions = &ngx_http_rum_reader_functions;
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

    free(reader->items);
    free(reader->text);
    reader->items = NULL;
    reader->text = NULL;
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

    /* not what an earlier one has left of the time to quit */

    if (reader->started && ngx_exiting) {
        ngx_http_rum_link_extend(&reader->link);
    }

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

    if (job != NULL) {
        ngx_http_rum_reader_whole(reader);

        /* at once when replies become larger, slowly when they shrink */

        reader->weight -= reader->weight / 8;
        reader->weight = ngx_max(reader->weight, reader->reply.nitems);

        if (rum_plan_reply(job->plan, &flight->read, &reader->reply)
            != RUM_PLAN_RUNNING)
        {
            ngx_http_rum_reader_finish(reader, job);
        }
    }

    ngx_http_rum_reader_reset(reader);
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
    ngx_http_rum_reader_reset(reader);

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


/* the reply is whole, its text moves no more */

static void
ngx_http_rum_reader_whole(ngx_http_rum_reader_t *reader)
{
    size_t             i;
    rum_reply_item_t  *item;

    reader->reply.items = reader->items;

    for (i = 0; i < reader->reply.nitems; i++) {
        item = &reader->items[i];

        if (item->text.len) {
            item->text.data = reader->text + (uintptr_t) item->text.data;
        }
    }

    if (reader->error) {
        reader->reply.error.data = reader->text;
        reader->reply.error.len = reader->error;
    }
}


/* memory for an unusually large one is not kept */

static void
ngx_http_rum_reader_reset(ngx_http_rum_reader_t *reader)
{
    ngx_memzero(&reader->reply, sizeof(rum_reply_t));

    reader->error = 0;
    reader->text_len = 0;

    if (reader->text_size > NGX_HTTP_RUM_READER_KEEP) {
        free(reader->text);
        reader->text = NULL;
        reader->text_size = 0;
    }

    if (reader->size * sizeof(rum_reply_item_t) > NGX_HTTP_RUM_READER_KEEP) {
        free(reader->items);
        reader->items = NULL;
        reader->size = 0;
    }
}


/*
 * hiredis calls these as it comes upon the parts of a reply, an array before
 * its elements; so arrays in arrays come flat.  NULL is an error of the link:
 * no memory.
 */

static void *
ngx_http_rum_reader_create_string(const redisReadTask *task, char *str,
    size_t len)
{
    rum_reply_item_t       *item;
    ngx_http_rum_link_t    *link;
    ngx_http_rum_reader_t  *reader;

    link = task->privdata;
    reader = link->owner;

    if (task->parent == NULL) {

        /* a status says nothing; an error is all there is */

        if (task->type == REDIS_REPLY_ERROR) {
            reader->error = len;
            return ngx_http_rum_reader_text(reader, str, len) == NGX_OK
                   ? reader : NULL;
        }

        return reader;
    }

    item = ngx_http_rum_reader_item(reader);
    if (item == NULL) {
        return NULL;
    }

    item->text.data = (u_char *) (uintptr_t) reader->text_len;
    item->text.len = len;

    return ngx_http_rum_reader_text(reader, str, len) == NGX_OK ? reader
                                                                : NULL;
}


#if (HIREDIS_MAJOR >= 1)

static void *
ngx_http_rum_reader_create_array(const redisReadTask *task, size_t n)
{
    return task->privdata;
}

#else

static void *
ngx_http_rum_reader_create_array(const redisReadTask *task, int n)
{
    return task->privdata;
}

#endif


static void *
ngx_http_rum_reader_create_integer(const redisReadTask *task,
    long long value)
{
    rum_reply_item_t       *item;
    ngx_http_rum_link_t    *link;
    ngx_http_rum_reader_t  *reader;

    link = task->privdata;
    reader = link->owner;

    if (task->parent == NULL) {
        reader->reply.integer = value;
        return reader;
    }

    item = ngx_http_rum_reader_item(reader);
    if (item == NULL) {
        return NULL;
    }

    item->integer = value;

    return reader;
}


static void *
ngx_http_rum_reader_create_nil(const redisReadTask *task)
{
    rum_reply_item_t       *item;
    ngx_http_rum_link_t    *link;
    ngx_http_rum_reader_t  *reader;

    link = task->privdata;
    reader = link->owner;

    if (task->parent == NULL) {
        return reader;
    }

    item = ngx_http_rum_reader_item(reader);
    if (item == NULL) {
        return NULL;
    }

    item->integer = -1;

    return reader;
}


static void
ngx_http_rum_reader_free(void *reply)
{
    /* it is all the reader's */
}


static rum_reply_item_t *
ngx_http_rum_reader_item(ngx_http_rum_reader_t *reader)
{
    size_t             size;
    rum_reply_item_t  *item;

    if (reader->reply.nitems == reader->size) {
        size = reader->size * 2 + NGX_HTTP_RUM_READER_ITEMS;

        item = realloc(reader->items, size * sizeof(rum_reply_item_t));
        if (item == NULL) {
            return NULL;
        }

        reader->items = item;
        reader->size = size;
    }

    item = &reader->items[reader->reply.nitems++];
    ngx_memzero(item, sizeof(rum_reply_item_t));

    return item;
}


static ngx_int_t
ngx_http_rum_reader_text(ngx_http_rum_reader_t *reader, const char *str,
    size_t len)
{
    size_t   size;
    u_char  *text;

    if (reader->text_size - reader->text_len < len) {
        size = reader->text_size * 2 + len + NGX_HTTP_RUM_READER_BUFFER;

        text = realloc(reader->text, size);
        if (text == NULL) {
            return NGX_ERROR;
        }

        reader->text = text;
        reader->text_size = size;
    }

    if (len) {
        ngx_memcpy(reader->text + reader->text_len, str, len);
        reader->text_len += len;
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
