/*
 * Replies to the reads of plans, as hiredis' parser builds them: one array of
 * items and one text, used again for each reply.  A reply is made of thousands
 * of small strings: they are copied one behind another, not into an object
 * each.
 *
 * The owner of a link with these functions must begin with such a reply.  Used
 * by ngx_http_rum_reader.c.
 */

#ifndef NGX_HTTP_RUM_REPLY_H
#define NGX_HTTP_RUM_REPLY_H

#include "ngx_http_rum_link.h"

#include "rum_plan.h"


typedef struct {
    rum_reply_t                   whole;        /* as far as it has come */
    size_t                        error;        /* length; it is in text */
    rum_reply_item_t             *items;
    size_t                        size;         /* of items */
    u_char                       *text;         /* of the items; they have
                                                   offsets until it is whole */
    size_t                        text_len;
    size_t                        text_size;
} ngx_http_rum_reply_t;


extern redisReplyObjectFunctions  ngx_http_rum_reply_functions;


/* the reply is whole, its text moves no more */
void ngx_http_rum_reply_whole(ngx_http_rum_reply_t *reply);

/* for the next one; memory for an unusually large one is not kept */
void ngx_http_rum_reply_reset(ngx_http_rum_reply_t *reply);

void ngx_http_rum_reply_free(ngx_http_rum_reply_t *reply);


#endif /* NGX_HTTP_RUM_REPLY_H */
