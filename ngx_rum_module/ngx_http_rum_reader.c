/*
 * The reader's inside.
 *
 *   waiting -> running (at most 4, by turns) --+
 *                                              v
 *   flight: ring of who gets the next reply    buffer -> link
 *
 * There is one lane of these, but for a Redis Cluster, where each partition
 * has its own; when one fails, so do all jobs, as they read every partition.
 *
 * At most 128 reads are in flight, fewer where replies are large.  They are
 * made in a posted event, so one turn of the event loop handles at most so
 * many replies, however fast Redis is, and other connections get theirs.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <hiredis/hiredis.h>

#include "ngx_http_rum_cluster.h"
#include "ngx_http_rum_reader.h"
#include "ngx_http_rum_reply.h"

#include "rum_cluster.h"


#define NGX_HTTP_RUM_READER_RUNNING  4
#define NGX_HTTP_RUM_READER_FLIGHT   128
#define NGX_HTTP_RUM_READER_FEWEST   4
#define NGX_HTTP_RUM_READER_TURN     4096       /* items in one turn */
#define NGX_HTTP_RUM_READER_WEIGHT   512        /* items, until it is known */
#define NGX_HTTP_RUM_READER_BUFFER   65536


typedef struct {
    ngx_http_rum_job_t           *job;          /* NULL: nobody wants it */
    rum_read_t                    read;
} ngx_http_rum_flight_t;


typedef struct {
    ngx_http_rum_reply_t          reply;        /* as far as it has come;
                                                   must be the first */
    ngx_http_rum_link_t           link;

    ngx_uint_t                    first;        /* of flight */
    ngx_uint_t                    n;
    ngx_http_rum_flight_t         flight[NGX_HTTP_RUM_READER_FLIGHT];

    ngx_uint_t                    unsent;       /* reads in buffer */
    size_t                        sent;         /* bytes of buffer */
    rum_text_t                    buffer;
} ngx_http_rum_reader_lane_t;


typedef struct {
    ngx_event_t                   pump;
    ngx_uint_t                    started;

    ngx_queue_t                   waiting;
    ngx_queue_t                   running;
    ngx_uint_t                    nrunning;

    size_t                        weight;       /* items of a reply, of late */
    ngx_uint_t                    n;            /* in flight in all lanes */
    size_t                        buffered;     /* bytes in all buffers */

    ngx_uint_t                    nlanes;
    ngx_http_rum_reader_lane_t   *lanes;
    ngx_http_rum_reader_lane_t   *failed;       /* the last one to close */
} ngx_http_rum_reader_t;


static ngx_http_rum_link_state_e ngx_http_rum_reader_lowest(void);
static void ngx_http_rum_reader_pump(ngx_event_t *ev);
static void ngx_http_rum_reader_fill(ngx_http_rum_reader_t *reader);
static ngx_uint_t ngx_http_rum_reader_room(ngx_http_rum_reader_t *reader);
static ngx_int_t ngx_http_rum_reader_add(ngx_http_rum_reader_lane_t *lane,
    ngx_http_rum_job_t *job, rum_read_t *read, rum_command_t *command);
static void ngx_http_rum_reader_send(ngx_http_rum_reader_lane_t *lane);
static void ngx_http_rum_reader_ready_handler(ngx_http_rum_link_t *link);
static void ngx_http_rum_reader_reply(ngx_http_rum_link_t *link,
    void *reply);
static ngx_uint_t ngx_http_rum_reader_elsewhere(const rum_str_t *error);
static void ngx_http_rum_reader_closed(ngx_http_rum_link_t *link);
static void ngx_http_rum_reader_finish(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job);
static void ngx_http_rum_reader_drop(ngx_http_rum_reader_t *reader,
    ngx_http_rum_job_t *job);


static ngx_http_rum_reader_t  ngx_http_rum_reader;


ngx_int_t
ngx_http_rum_reader_init(ngx_cycle_t *cycle,
    const ngx_http_rum_redis_t *redis, ngx_uint_t partitions)
{
    ngx_uint_t                   i;
    ngx_http_rum_link_t         *link;
    ngx_http_rum_reader_t       *reader;
    ngx_http_rum_reader_lane_t  *lane;

    reader = &ngx_http_rum_reader;

    ngx_memzero(reader, sizeof(ngx_http_rum_reader_t));

    ngx_queue_init(&reader->waiting);
    ngx_queue_init(&reader->running);

    reader->pump.handler = ngx_http_rum_reader_pump;
    reader->pump.data = reader;
    reader->pump.log = cycle->log;

    reader->nlanes = ngx_http_rum_cluster_links(redis, partitions);
    reader->lanes = ngx_pcalloc(cycle->pool, reader->nlanes
                                     * sizeof(ngx_http_rum_reader_lane_t));
    if (reader->lanes == NULL) {
        return NGX_ERROR;
    }

    reader->failed = &reader->lanes[0];

    for (i = 0; i < reader->nlanes; i++) {
        lane = &reader->lanes[i];

        link = &lane->link;
        link->redis = redis;
        link->role = "status";
        link->owner = lane;
        link->slot = rum_cluster_slot(i);
        link->functions = &ngx_http_rum_reply_functions;
        link->ready = ngx_http_rum_reader_ready_handler;
        link->writable = ngx_http_rum_reader_ready_handler;
        link->reply = ngx_http_rum_reader_reply;
        link->closed = ngx_http_rum_reader_closed;
        link->log = cycle->log;
    }

    return NGX_OK;
}


void
ngx_http_rum_reader_exit(void)
{
    ngx_uint_t                   i;
    ngx_http_rum_reader_t       *reader;
    ngx_http_rum_reader_lane_t  *lane;

    reader = &ngx_http_rum_reader;

    for (i = 0; i < reader->nlanes; i++) {
        lane = &reader->lanes[i];

        if (reader->started) {
            ngx_http_rum_link_stop(&lane->link);
        }

        rum_text_free(&lane->buffer);

        ngx_http_rum_reply_free(&lane->reply);
    }

    reader->nlanes = 0;
}


ngx_uint_t
ngx_http_rum_reader_ready(void)
{
    return ngx_http_rum_reader_lowest() == NGX_HTTP_RUM_LINK_READY;
}


const char *
ngx_http_rum_reader_error(void)
{
    return (const char *) ngx_http_rum_reader.failed->link.error;
}


/* the state of the lane that has the longest way to READY */

static ngx_http_rum_link_state_e
ngx_http_rum_reader_lowest(void)
{
    ngx_uint_t                  i;
    ngx_http_rum_reader_t      *reader;
    ngx_http_rum_link_state_e   lowest;

    reader = &ngx_http_rum_reader;
    lowest = NGX_HTTP_RUM_LINK_READY;

    for (i = 0; i < reader->nlanes; i++) {
        lowest = ngx_min(lowest, reader->lanes[i].link.state);
    }

    return lowest;
}


ngx_int_t
ngx_http_rum_reader_start(ngx_http_rum_job_t *job)
{
    ngx_uint_t              i;
    ngx_http_rum_reader_t  *reader;

    reader = &ngx_http_rum_reader;

    /* not what an earlier one has left of the time to quit */

    for (i = 0; reader->started && ngx_exiting && i < reader->nlanes; i++) {
        ngx_http_rum_link_extend(&reader->lanes[i].link);
    }

    if (reader->started
        && ngx_http_rum_reader_lowest() == NGX_HTTP_RUM_LINK_DOWN)
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
    ngx_uint_t              i;
    ngx_http_rum_reader_t  *reader;

    reader = ev->data;

    if (!reader->started) {
        reader->started = 1;

        for (i = 0; i < reader->nlanes; i++) {
            (void) ngx_http_rum_link_start(&reader->lanes[i].link);
        }
    }

    if (!ngx_http_rum_reader_ready()) {
        return;
    }

    ngx_http_rum_reader_fill(reader);

    for (i = 0; i < reader->nlanes; i++) {
        ngx_http_rum_reader_send(&reader->lanes[i]);
    }
}


/* one read of each running job in turn */

static void
ngx_http_rum_reader_fill(ngx_http_rum_reader_t *reader)
{
    rum_read_t                   read;
    ngx_uint_t                   idle;
    ngx_queue_t                 *q;
    rum_command_t                command;
    ngx_http_rum_job_t          *job;
    ngx_http_rum_reader_lane_t  *lane;

    idle = 0;

    while (reader->n < ngx_http_rum_reader_room(reader)
           && reader->buffered < NGX_HTTP_RUM_READER_BUFFER)
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

        lane = &reader->lanes[read.partition % reader->nlanes];

        if (ngx_http_rum_reader_add(lane, job, &read, &command) != NGX_OK) {
            ngx_http_rum_link_close(&lane->link, "no memory");
            return;
        }

        reader->n++;
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
ngx_http_rum_reader_add(ngx_http_rum_reader_lane_t *lane,
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

    rum_text_add(&lane->buffer, resp, len);
    redisFreeCommand(resp);

    if (rum_text_status(&lane->buffer) != RUM_OK) {
        return NGX_ERROR;
    }

    ngx_http_rum_reader.buffered += len;

    flight = &lane->flight[(lane->first + lane->n)
                           % NGX_HTTP_RUM_READER_FLIGHT];
    flight->job = job;
    flight->read = *read;

    lane->n++;
    lane->unsent++;

    return NGX_OK;
}


static void
ngx_http_rum_reader_send(ngx_http_rum_reader_lane_t *lane)
{
    ssize_t      n;
    ngx_uint_t   replies;
    rum_text_t  *buffer;

    buffer = &lane->buffer;

    if (lane->link.state != NGX_HTTP_RUM_LINK_READY
        || lane->sent == buffer->len)
    {
        return;
    }

    /* the link is told of a reply once, with the first attempt to send */

    replies = lane->unsent;
    lane->unsent = 0;

    n = ngx_http_rum_link_send(&lane->link, buffer->data + lane->sent,
                               buffer->len - lane->sent, replies);
    if (n == NGX_ERROR) {
        return;
    }

    lane->sent += n;

    if (lane->sent == buffer->len) {
        ngx_http_rum_reader.buffered -= buffer->len;
        lane->sent = 0;
        buffer->len = 0;
    }
}


static void
ngx_http_rum_reader_ready_handler(ngx_http_rum_link_t *link)
{
    ngx_post_event(&ngx_http_rum_reader.pump, &ngx_posted_events);
}


static void
ngx_http_rum_reader_reply(ngx_http_rum_link_t *link, void *reply)
{
    const rum_str_t             *error;
    ngx_http_rum_job_t          *job;
    ngx_http_rum_flight_t       *flight;
    ngx_http_rum_reader_t       *reader;
    ngx_http_rum_reader_lane_t  *lane;

    lane = link->owner;
    reader = &ngx_http_rum_reader;

    ngx_http_rum_reply_whole(&lane->reply);
    error = &lane->reply.whole.error;

    if (ngx_http_rum_reader_elsewhere(error)) {
        ngx_cpystrn(link->error, error->data,
                    ngx_min(error->len + 1, sizeof(link->error)));
        ngx_http_rum_link_close(link, (char *) link->error);
        return;
    }

    flight = &lane->flight[lane->first];
    lane->first = (lane->first + 1) % NGX_HTTP_RUM_READER_FLIGHT;
    lane->n--;
    reader->n--;

    ngx_http_rum_link_works(link);
    ngx_post_event(&reader->pump, &ngx_posted_events);

    job = flight->job;

    if (job != NULL) {
        /* at once when replies become larger, slowly when they shrink */

        reader->weight -= reader->weight / 8;
        reader->weight = ngx_max(reader->weight, lane->reply.whole.nitems);

        if (rum_plan_reply(job->plan, &flight->read, &lane->reply.whole)
            != RUM_PLAN_RUNNING)
        {
            ngx_http_rum_reader_finish(reader, job);
        }
    }

    ngx_http_rum_reply_reset(&lane->reply);
}


/* the partition has another node, or this one is cut off from the cluster */

static ngx_uint_t
ngx_http_rum_reader_elsewhere(const rum_str_t *error)
{
    return (error->len > 6 && ngx_memcmp(error->data, "MOVED ", 6) == 0)
           || (error->len > 11
               && ngx_memcmp(error->data, "CLUSTERDOWN", 11) == 0);
}


/* what was asked and not answered will not be: every job is done */

static void
ngx_http_rum_reader_closed(ngx_http_rum_link_t *link)
{
    ngx_uint_t                   i;
    ngx_queue_t                 *q;
    ngx_http_rum_reader_t       *reader;
    ngx_http_rum_reader_lane_t  *lane;

    lane = link->owner;
    reader = &ngx_http_rum_reader;

    reader->failed = lane;
    reader->n -= lane->n;

    lane->first = 0;
    lane->n = 0;
    lane->unsent = 0;
    lane->sent = 0;
    rum_text_free(&lane->buffer);
    ngx_http_rum_reply_reset(&lane->reply);

    reader->buffered = 0;

    for (i = 0; i < reader->nlanes; i++) {
        reader->buffered += reader->lanes[i].buffer.len;
    }

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
    ngx_uint_t                   i, k;
    ngx_http_rum_flight_t       *flight;
    ngx_http_rum_reader_lane_t  *lane;

    ngx_queue_remove(&job->queue);

    if (job->running) {
        job->running = 0;
        reader->nrunning--;
    }

    for (k = 0; k < reader->nlanes; k++) {
        lane = &reader->lanes[k];

        for (i = 0; i < lane->n; i++) {
            flight = &lane->flight[(lane->first + i)
                                   % NGX_HTTP_RUM_READER_FLIGHT];

            if (flight->job == job) {
                flight->job = NULL;
            }
        }
    }
}
