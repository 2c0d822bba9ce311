/*
 * Answers of the status location: an answer is made once and given to
 * everyone who asks the same while it is made and for a second after.
 *
 *   question --+-- answer known --------------------> take it
 *              +-- answer under way: wait ---+
 *              +-- new answer: plan, reader -+-> done -> waiters are told
 *
 * An answer owns its memory and outlives requests: who keeps one holds it.
 * Used by ngx_http_rum_status.c, for requests, and ngx_http_rum_status_feed.c,
 * for event streams.
 */

#ifndef NGX_HTTP_RUM_STATUS_ANSWER_H
#define NGX_HTTP_RUM_STATUS_ANSWER_H

#include "ngx_http_rum_module.h"
#include "ngx_http_rum_reader.h"


#define NGX_HTTP_RUM_STATUS_ETAG      20        /* W/"16 hex digits" */


typedef struct ngx_http_rum_status_answer_s  ngx_http_rum_status_answer_t;
typedef struct ngx_http_rum_status_wait_s    ngx_http_rum_status_wait_t;


/* called once, from a posted event; the answer is made */
typedef void (*ngx_http_rum_status_told_pt)(ngx_http_rum_status_wait_t *wait,
    ngx_http_rum_status_answer_t *answer);


struct ngx_http_rum_status_wait_s {
    ngx_queue_t                   queue;
    ngx_http_rum_status_told_pt   told;
    void                         *data;
    unsigned                      waiting:1;
};


struct ngx_http_rum_status_answer_s {
    ngx_queue_t                   queue;        /* known, or on its way out */
    rum_query_t                  *query;

    ngx_int_t                     ident;        /* event ident must be after
                                                   3 pointers as in
                                                   ngx_connection_t */
    ngx_http_rum_job_t            job;
    ngx_event_t                   timer;        /* deadline, then freshness */
    ngx_queue_t                   waiting;      /* ngx_http_rum_status_wait_t */
    ngx_queue_t                   done;

    ngx_uint_t                    refs;
    ngx_uint_t                    status;       /* 0: not made yet */
    ngx_uint_t                    answered;     /* reads, when the timer was
                                                   set */
    ngx_msec_t                    asked;
    ngx_msec_t                    cost;         /* ms it took to make */
    rum_text_t                    body;
    ngx_str_t                     etag;
    u_char                        etag_data[NGX_HTTP_RUM_STATUS_ETAG];
};


ngx_int_t ngx_http_rum_status_answer_init(ngx_cycle_t *cycle,
    ngx_http_rum_main_conf_t *rmcf);
void ngx_http_rum_status_answer_exit(void);

/*
 * The answer to a question: made, under way, or begun now.  args is the query
 * string that query was parsed from.  NULL without memory; with *busy set if
 * too many different questions are open.
 */
ngx_http_rum_status_answer_t *ngx_http_rum_status_ask(
    const rum_query_t *query, ngx_str_t *args, ngx_uint_t *busy);

/* the answer is not made yet: to be told of it, and not any more */
void ngx_http_rum_status_expect(ngx_http_rum_status_answer_t *answer,
    ngx_http_rum_status_wait_t *wait);
void ngx_http_rum_status_forsake(ngx_http_rum_status_wait_t *wait);

void ngx_http_rum_status_hold(ngx_http_rum_status_answer_t *answer);

/* data is the answer; also as the handler of a cleanup */
void ngx_http_rum_status_release(void *data);


#endif /* NGX_HTTP_RUM_STATUS_ANSWER_H */
