/*
 * The reader: sends the reads of plans (core/rum_plan.h) to Redis over a
 * link of its own, pipelined, several plans by turns so that a large one
 * does not hold up a small one, and hands the replies back to their plan.
 *
 * It connects when the first plan comes.  It knows no requests; the owner of
 * a job is ngx_http_rum_status.c.
 */

#ifndef NGX_HTTP_RUM_READER_H
#define NGX_HTTP_RUM_READER_H

#include "ngx_http_rum_link.h"

#include "rum_plan.h"


typedef struct ngx_http_rum_job_s  ngx_http_rum_job_t;

typedef void (*ngx_http_rum_job_done_pt)(ngx_http_rum_job_t *job);


struct ngx_http_rum_job_s {
    ngx_queue_t                   queue;
    rum_plan_t                   *plan;
    /*
     * The plan has its outcome; or, if it is still running, the link is
     * gone and ngx_http_rum_reader_error() says why.  Called from an event
     * of the link, once, never from ngx_http_rum_reader_start().
     */
    ngx_http_rum_job_done_pt      done;
    void                         *data;

    unsigned                      running:1;    /* the reader's own */
};


ngx_int_t ngx_http_rum_reader_init(ngx_cycle_t *cycle,
    const ngx_http_rum_redis_t *redis, ngx_uint_t partitions);
void ngx_http_rum_reader_exit(void);

/* NGX_DECLINED: Redis is known to be away */
ngx_int_t ngx_http_rum_reader_start(ngx_http_rum_job_t *job);

/* forgets a job that is not done; its replies are thrown away */
void ngx_http_rum_reader_cancel(ngx_http_rum_job_t *job);

/* 1 while the link is up */
ngx_uint_t ngx_http_rum_reader_ready(void);

/* the link's last error, a text */
const char *ngx_http_rum_reader_error(void);


#endif /* NGX_HTTP_RUM_READER_H */
