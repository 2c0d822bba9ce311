/*
 * Who waits for an address, and whom to ask for it: see
 * ngx_http_rum_locator.h.
 */

#include "ngx_http_rum_locator.h"


static void ngx_http_rum_locator_start(ngx_http_rum_locator_t *locator);
static void ngx_http_rum_locator_ready(ngx_http_rum_link_t *link);
static void ngx_http_rum_locator_reply(ngx_http_rum_link_t *link, void *data);
static void ngx_http_rum_locator_closed(ngx_http_rum_link_t *link);


void
ngx_http_rum_locator_init(ngx_http_rum_locator_t *locator,
    const ngx_http_rum_redis_t *redis, ngx_log_t *log)
{
    ngx_http_rum_link_t  *link;

    ngx_queue_init(&locator->waiting);

    link = &locator->link;
    link->redis = redis;
    link->role = locator->role;
    link->owner = locator;
    link->ready = ngx_http_rum_locator_ready;
    link->reply = ngx_http_rum_locator_reply;
    link->closed = ngx_http_rum_locator_closed;
    link->log = log;

    /* not all workers begin with the same one */

    locator->turn = (ngx_uint_t) ngx_random() % redis->naddrs;
}


void
ngx_http_rum_locator_stop(ngx_http_rum_locator_t *locator)
{
    if (locator->link.redis == NULL) {
        return;
    }

    ngx_http_rum_link_stop(&locator->link);

    locator->asking = 0;
    locator->link.redis = NULL;
}


void
ngx_http_rum_locator_wait(ngx_http_rum_locator_t *locator,
    ngx_http_rum_link_t *link)
{
    ngx_queue_insert_tail(&locator->waiting, &link->waiting);
    link->locating = 1;

    /* what the last one said did not help: it may be cut off */

    if (!locator->asking && link->failures > 1) {
        ngx_http_rum_link_stop(&locator->link);
        locator->turn++;
    }

    ngx_http_rum_locator_ask(locator);
}


void
ngx_http_rum_locator_ask(ngx_http_rum_locator_t *locator)
{
    if (locator->asking) {
        return;
    }

    locator->asking = 1;
    locator->tries = 0;

    if (locator->link.state == NGX_HTTP_RUM_LINK_READY) {
        ngx_http_rum_locator_ready(&locator->link);

    } else {
        ngx_http_rum_locator_start(locator);
    }
}


static void
ngx_http_rum_locator_start(ngx_http_rum_locator_t *locator)
{
    ngx_http_rum_link_t  *link;

    link = &locator->link;
    link->addr = locator->turn % link->redis->naddrs;

    (void) ngx_http_rum_link_start(link);
}


static void
ngx_http_rum_locator_ready(ngx_http_rum_link_t *link)
{
    ssize_t                  n;
    ngx_http_rum_locator_t  *locator;

    locator = link->owner;

    n = ngx_http_rum_link_send(link, locator->question.data,
                               locator->question.len, 1);

    if (n >= 0 && (size_t) n < locator->question.len) {
        ngx_http_rum_link_close(link, "send() failed");
    }
}


static void
ngx_http_rum_locator_reply(ngx_http_rum_link_t *link, void *data)
{
    redisReply              *reply;
    ngx_http_rum_locator_t  *locator;

    locator = link->owner;
    reply = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_rum_link_close(link, reply->str);
        return;
    }

    locator->answer(link, reply);
}


void
ngx_http_rum_locator_told(ngx_http_rum_locator_t *locator)
{
    ngx_http_rum_link_works(&locator->link);

    locator->asking = 0;
}


/* this one could not tell: the next one, or none */

static void
ngx_http_rum_locator_closed(ngx_http_rum_link_t *link)
{
    u_char                   why[sizeof(link->error)];
    ngx_http_rum_link_t     *waiter;
    ngx_http_rum_locator_t  *locator;

    locator = link->owner;
    locator->turn++;

    /* nobody waits: it is opened again for the next round */

    if (!locator->asking) {
        ngx_http_rum_link_stop(link);
        return;
    }

    if (++locator->tries < link->redis->naddrs + locator->others) {
        ngx_http_rum_locator_start(locator);
        return;
    }

    ngx_http_rum_link_stop(link);

    locator->asking = 0;

    ngx_snprintf(why, sizeof(why), "%s: %s%Z", locator->nobody, link->error);
    why[sizeof(why) - 1] = '\0';

    for ( ;; ) {
        waiter = ngx_http_rum_locator_next(locator);
        if (waiter == NULL) {
            break;
        }

        ngx_http_rum_link_close(waiter, (char *) why);
    }
}


ngx_http_rum_link_t *
ngx_http_rum_locator_next(ngx_http_rum_locator_t *locator)
{
    ngx_queue_t          *q;
    ngx_http_rum_link_t  *link;

    if (ngx_queue_empty(&locator->waiting)) {
        return NULL;
    }

    q = ngx_queue_head(&locator->waiting);
    ngx_queue_remove(q);

    link = ngx_queue_data(q, ngx_http_rum_link_t, waiting);
    link->locating = 0;

    return link;
}
