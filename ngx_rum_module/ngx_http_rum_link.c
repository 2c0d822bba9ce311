/*
 * The link to Redis: see ngx_http_rum_link.h.  Here is what happens while it
 * is open, its end, and the wait for the next one; how it begins is in
 * ngx_http_rum_link_open.c.
 */

#include "ngx_http_rum_link.h"


#define NGX_HTTP_RUM_LINK_BACKOFF_MIN  50
#define NGX_HTTP_RUM_LINK_BACKOFF_MAX  5000
#define NGX_HTTP_RUM_LINK_RECV         16384
#define NGX_HTTP_RUM_LINK_RECORD       16384    /* bytes of TLS, at most */


static ngx_int_t ngx_http_rum_link_replies(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_retry_handler(ngx_event_t *ev);
static void ngx_http_rum_link_retry_later(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_disconnect(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_quitting(ngx_http_rum_link_t *link);


ngx_int_t
ngx_http_rum_link_start(ngx_http_rum_link_t *link)
{
    link->state = NGX_HTTP_RUM_LINK_DOWN;
    link->stopped = 0;
    link->name = link->redis->name;
    link->dummy.log = link->log;
    link->dummy.fd = (ngx_socket_t) -1;

    link->retry.handler = ngx_http_rum_link_retry_handler;
    link->retry.data = &link->dummy;
    link->dummy.data = link;
    link->retry.log = link->log;
    link->retry.cancelable = 1;

    ngx_http_rum_link_connect(link);

    return NGX_OK;
}


void
ngx_http_rum_link_pending(ngx_http_rum_link_t *link, ngx_uint_t pending)
{
    link->pending = (pending != 0);
    link->retry.cancelable = !link->pending;
}


/* the link may have been given up already */

void
ngx_http_rum_link_extend(ngx_http_rum_link_t *link)
{
    link->quit = 0;

    ngx_http_rum_link_retry_later(link);
}


u_char *
ngx_http_rum_link_bulk(u_char *p, const char *data, size_t len)
{
    p = ngx_sprintf(p, "$%uz\r\n", len);
    p = ngx_cpymem(p, data, len);
    *p++ = CR;
    *p++ = LF;

    return p;
}


ssize_t
ngx_http_rum_link_send(ngx_http_rum_link_t *link, u_char *data, size_t len,
    ngx_uint_t replies)
{
    size_t             sent, size;
    ssize_t            n;
    ngx_connection_t  *c;

    c = link->peer.connection;
    sent = 0;

    while (sent < len && c->write->ready) {
        size = len - sent;

        /*
         * OpenSSL says nothing of the records that it has sent until all that
         * it was given is, and Redis may answer them before.  So it gets one
         * record at a time, the same again where it had no room.
         */

        if (link->redis->tls.on) {

            if (link->record == 0) {
                link->record = ngx_min(size, NGX_HTTP_RUM_LINK_RECORD);
            }

            size = ngx_min(size, link->record);
        }

        n = c->send(c, data + sent, size);

        if (n == NGX_ERROR) {
            ngx_http_rum_link_close(link, "send() failed");
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN) {
            break;
        }

        link->record = 0;
        sent += n;
    }

    link->outstanding += replies;

    if (sent < len && ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_rum_link_close(link, "no write event");
        return NGX_ERROR;
    }

    /* silence is only suspicious while something is owed */

    if (!c->read->timer_set) {
        ngx_add_timer(c->read,
                      ngx_http_rum_link_patience(link, link->redis->timeout));
    }

    return sent;
}


void
ngx_http_rum_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t     *c;
    ngx_http_rum_link_t  *link;

    c = wev->data;
    link = c->data;

    if (wev->timedout) {
        ngx_http_rum_link_close(link, "connect timed out");
        return;
    }

    if (link->state == NGX_HTTP_RUM_LINK_CONNECTING) {
        if (link->handshake == 0) {
            ngx_http_rum_link_connected(link);
        }

    } else if (link->writable != NULL) {
        link->writable(link);
    }

    /* poll and select would tell of room that nobody needs again and again */

    if (link->peer.connection == c
        && ngx_handle_write_event(c->write, 0) != NGX_OK)
    {
        ngx_http_rum_link_close(link, "no write event");
    }
}


void
ngx_http_rum_link_read_handler(ngx_event_t *rev)
{
    u_char                buf[NGX_HTTP_RUM_LINK_RECV];
    ssize_t               n;
    ngx_connection_t     *c;
    ngx_http_rum_link_t  *link;

    c = rev->data;
    link = c->data;

    if (rev->timedout) {
        ngx_http_rum_link_close(link, "timed out");
        return;
    }

    if (c->close) {
        c->close = 0;
        ngx_http_rum_link_quitting(link);
        return;
    }

    /* this may come before the write event that says "connected" */

    if (link->state == NGX_HTTP_RUM_LINK_CONNECTING && link->handshake == 0) {
        ngx_http_rum_link_connected(link);

        /* it may be closed, or TLS's for now: then nothing is to be read */

        if (link->peer.connection != c
            || rev->handler != ngx_http_rum_link_read_handler)
        {
            return;
        }
    }

    do {
        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_rum_link_close(link, n == 0 ? "closed by redis"
                                                 : "recv() failed");
            return;
        }

        if (redisReaderFeed(link->reader, (char *) buf, (size_t) n)
            != REDIS_OK)
        {
            ngx_http_rum_link_close(link, "no memory");
            return;
        }

        if (link->state == NGX_HTTP_RUM_LINK_CONNECTING) {
            if (ngx_http_rum_link_welcome(link) != NGX_OK) {
                return;
            }

        } else if (ngx_http_rum_link_replies(link) != NGX_OK) {
            return;
        }

    } while (rev->ready);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_rum_link_close(link, "no read event");
        return;
    }

    if (link->outstanding == 0) {
        if (rev->timer_set && link->state == NGX_HTTP_RUM_LINK_READY) {
            ngx_del_timer(rev);
        }

    } else {
        ngx_add_timer(rev,
                      ngx_http_rum_link_patience(link, link->redis->timeout));
    }
}


static ngx_int_t
ngx_http_rum_link_replies(ngx_http_rum_link_t *link)
{
    void         *reply;
    redisReader  *reader;

    for ( ;; ) {
        reader = link->reader;
        reply = NULL;

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            ngx_cpystrn(link->error, (u_char *) reader->errstr,
                        sizeof(link->error));
            ngx_http_rum_link_close(link, (char *) link->error);
            return NGX_ERROR;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        if (link->outstanding == 0) {
            reader->fn->freeObject(reply);
            ngx_http_rum_link_close(link, "a reply to nothing");
            return NGX_ERROR;
        }

        link->outstanding--;
        link->reply(link, reply);

        /* the owner may have closed the link, and that freed the reader */

        if (link->functions == NULL) {
            freeReplyObject(reply);
        }

        if (link->reader != reader) {
            return NGX_ERROR;
        }
    }
}


void
ngx_http_rum_link_works(ngx_http_rum_link_t *link)
{
    if (link->failures != 0) {
        ngx_log_error(NGX_LOG_NOTICE, link->log, 0,
                      "rum %s: redis \"%V\" works again after %ui failures",
                      link->role, &link->name, link->failures);

        link->failures = 0;
    }
}


void
ngx_http_rum_link_close(ngx_http_rum_link_t *link, const char *why)
{
    ngx_uint_t  level;

    ngx_http_rum_link_disconnect(link);

    if ((char *) link->error != why) {
        ngx_cpystrn(link->error, (u_char *) why, sizeof(link->error));
    }

    /* the first failure is news, as is another reason; the hundredth not */

    level = NGX_LOG_INFO;

    if (link->failures == 0
        || ngx_strcmp(link->told, link->error) != 0)
    {
        ngx_cpystrn(link->told, link->error, sizeof(link->told));
        level = NGX_LOG_ERR;
    }

    ngx_log_error(level, link->log, 0,
                  "rum %s: redis \"%V\": %s, %ui outstanding", link->role,
                  &link->name, link->error, link->outstanding);

    link->failures++;
    link->outstanding = 0;

    if (link->redis->naddrs != 0) {
        link->addr = (link->addr + 1) % link->redis->naddrs;
    }

    if (link->closed != NULL) {
        link->closed(link);
    }

    ngx_http_rum_link_retry_later(link);
}


static void
ngx_http_rum_link_disconnect(ngx_http_rum_link_t *link)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = link->peer.connection;

    if (c != NULL) {
        pool = c->pool;

        ngx_http_rum_tls_close(c);
        ngx_close_connection(c);

        if (pool != NULL) {
            ngx_destroy_pool(pool);
        }

        link->peer.connection = NULL;
    }

    if (link->locating) {
        ngx_queue_remove(&link->waiting);
        link->locating = 0;
    }

    if (link->reader != NULL) {
        redisReaderFree(link->reader);
        link->reader = NULL;
    }

    link->handshake = 0;
    link->record = 0;
    link->state = NGX_HTTP_RUM_LINK_DOWN;
}


/*
 * Exponential backoff with full jitter, so that the workers of many machines
 * do not come back all at once.
 */

static void
ngx_http_rum_link_retry_later(ngx_http_rum_link_t *link)
{
    ngx_msec_t  delay;

    /* closed() may have stopped it, or even started it again */

    if (link->stopped || link->retry.timer_set
        || link->state != NGX_HTTP_RUM_LINK_DOWN)
    {
        return;
    }

    delay = NGX_HTTP_RUM_LINK_BACKOFF_MAX;

    if (link->failures < 7) {
        delay = NGX_HTTP_RUM_LINK_BACKOFF_MIN << link->failures;
    }

    if (ngx_exiting) {
        delay = ngx_min(delay, 200);

        if (ngx_http_rum_link_patience(link, delay) < delay) {

            if (link->given_up != NULL) {
                link->given_up(link);
            }

            return;
        }
    }

    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    ngx_add_timer(&link->retry, delay);
}


/*
 * A worker that quits has so long for all that is left to do, whatever the
 * timeouts are.  What waits gets half of that: a connection that is silent
 * leaves time to try another one.
 */

static void
ngx_http_rum_link_quitting(ngx_http_rum_link_t *link)
{
    ngx_connection_t  *c;

    c = link->peer.connection;

    if (c->read->timer_set) {
        ngx_add_timer(c->read,
                      ngx_http_rum_link_patience(link, link->redis->timeout));
    }

    if (c->write->timer_set) {
        ngx_add_timer(c->write, ngx_http_rum_link_patience(link,
                                              link->redis->connect_timeout));
    }
}


ngx_msec_t
ngx_http_rum_link_patience(ngx_http_rum_link_t *link, ngx_msec_t timeout)
{
    ngx_msec_int_t  left;

    if (!ngx_exiting) {
        return timeout;
    }

    if (link->quit == 0) {
        link->quit = ngx_current_msec + NGX_HTTP_RUM_LINK_DRAIN;
    }

    left = (ngx_msec_int_t) (link->quit - ngx_current_msec);

    return ngx_min(timeout, (ngx_msec_t) ngx_max(left / 2, 1));
}


static void
ngx_http_rum_link_retry_handler(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_http_rum_link_t  *link;

    c = ev->data;
    link = c->data;

    if (ngx_exiting && !link->pending) {
        return;
    }

    ngx_http_rum_link_connect(link);
}


void
ngx_http_rum_link_stop(ngx_http_rum_link_t *link)
{
    link->stopped = 1;

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    ngx_http_rum_link_disconnect(link);
}
