/*
 * The link to Redis: see ngx_http_rum_link.h.
 */

#include "ngx_http_rum_link.h"


#define NGX_HTTP_RUM_LINK_BACKOFF_MIN  50
#define NGX_HTTP_RUM_LINK_BACKOFF_MAX  5000
#define NGX_HTTP_RUM_LINK_RECV         16384

/* an argument of a directive is shorter than 4096 bytes, these are two */
#define NGX_HTTP_RUM_LINK_HELLO        (2 * 4096 + 256)


static void ngx_http_rum_link_connect(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_connected(ngx_http_rum_link_t *link);
static ngx_int_t ngx_http_rum_link_hello(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_ready(ngx_http_rum_link_t *link);
static ngx_int_t ngx_http_rum_link_welcome(ngx_http_rum_link_t *link);
static ngx_int_t ngx_http_rum_link_replies(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_read_handler(ngx_event_t *rev);
static void ngx_http_rum_link_write_handler(ngx_event_t *wev);
static void ngx_http_rum_link_retry_handler(ngx_event_t *ev);
static void ngx_http_rum_link_retry_later(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_disconnect(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_quitting(ngx_http_rum_link_t *link);
static ngx_msec_t ngx_http_rum_link_patience(ngx_http_rum_link_t *link,
    ngx_msec_t timeout);
static u_char *ngx_http_rum_link_bulk(u_char *p, const char *data,
    size_t len);


ngx_int_t
ngx_http_rum_link_start(ngx_http_rum_link_t *link)
{
    link->state = NGX_HTTP_RUM_LINK_DOWN;
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


static void
ngx_http_rum_link_connect(ngx_http_rum_link_t *link)
{
    ngx_int_t          rc;
    ngx_addr_t        *addr;
    ngx_connection_t  *c;

    addr = &link->redis->addrs[link->addr];

    ngx_memzero(&link->peer, sizeof(ngx_peer_connection_t));

    link->peer.sockaddr = addr->sockaddr;
    link->peer.socklen = addr->socklen;
    link->peer.name = (ngx_str_t *) &link->redis->name;
    link->peer.get = ngx_event_get_peer;
    link->peer.log = link->log;
    link->peer.log_error = NGX_ERROR_INFO;

    link->state = NGX_HTTP_RUM_LINK_CONNECTING;
    link->outstanding = 0;

    rc = ngx_event_connect_peer(&link->peer);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_http_rum_link_close(link, "connect() failed");
        return;
    }

    c = link->peer.connection;
    c->data = link;
    c->read->handler = ngx_http_rum_link_read_handler;
    c->write->handler = ngx_http_rum_link_write_handler;

    /* nginx tells idle connections when the worker is to quit */

    c->idle = 1;

    link->reader = redisReaderCreate();
    if (link->reader == NULL) {
        ngx_http_rum_link_close(link, "no memory");
        return;
    }

    if (rc == NGX_AGAIN) {
        ngx_add_timer(c->write, ngx_http_rum_link_patience(link,
                                              link->redis->connect_timeout));
        return;
    }

    ngx_http_rum_link_connected(link);
}


static void
ngx_http_rum_link_connected(ngx_http_rum_link_t *link)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = link->peer.connection;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err != 0) {
        ngx_http_rum_link_close(link, strerror(err));
        return;
    }

    if (link->peer.sockaddr->sa_family != AF_UNIX
        && ngx_tcp_nodelay(c) != NGX_OK)
    {
        ngx_http_rum_link_close(link, "no TCP_NODELAY");
        return;
    }

    if (ngx_http_rum_link_hello(link) != NGX_OK) {
        return;
    }

    if (link->handshake == 0) {
        ngx_http_rum_link_ready(link);
    }
}


/*
 * AUTH and SELECT, where configured.  They are short and the socket is new:
 * a partial write cannot happen but for an error.
 */

static ngx_int_t
ngx_http_rum_link_hello(ngx_http_rum_link_t *link)
{
    u_char                       db[NGX_INT_T_LEN];
    u_char                       hello[NGX_HTTP_RUM_LINK_HELLO], *p;
    ngx_connection_t            *c;
    const ngx_http_rum_redis_t  *redis;

    redis = link->redis;
    c = link->peer.connection;
    p = hello;
    link->handshake = 0;

    if (redis->password.len != 0) {
        p = ngx_sprintf(p, "*%d\r\n", redis->user.len != 0 ? 3 : 2);
        p = ngx_http_rum_link_bulk(p, "AUTH", 4);

        if (redis->user.len != 0) {
            p = ngx_http_rum_link_bulk(p, (char *) redis->user.data,
                                       redis->user.len);
        }

        p = ngx_http_rum_link_bulk(p, (char *) redis->password.data,
                                   redis->password.len);
        link->handshake++;
    }

    if (redis->db != 0) {
        p = ngx_cpymem(p, "*2\r\n", 4);
        p = ngx_http_rum_link_bulk(p, "SELECT", 6);
        p = ngx_http_rum_link_bulk(p, (char *) db,
                             ngx_sprintf(db, "%ui", redis->db) - db);
        link->handshake++;
    }

    if (p == hello) {
        return NGX_OK;
    }

    if (c->send(c, hello, p - hello) != p - hello) {
        ngx_http_rum_link_close(link, "send() failed");
        return NGX_ERROR;
    }

    ngx_add_timer(c->read,
                  ngx_http_rum_link_patience(link, link->redis->timeout));

    return NGX_OK;
}


static u_char *
ngx_http_rum_link_bulk(u_char *p, const char *data, size_t len)
{
    p = ngx_sprintf(p, "$%uz\r\n", len);
    p = ngx_cpymem(p, data, len);
    *p++ = CR;
    *p++ = LF;

    return p;
}


static void
ngx_http_rum_link_ready(ngx_http_rum_link_t *link)
{
    ngx_connection_t  *c;

    c = link->peer.connection;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    /* from now on replies are the owner's */

    if (link->functions != NULL) {
        redisReaderFree(link->reader);

        link->reader = redisReaderCreateWithFunctions(link->functions);
        if (link->reader == NULL) {
            ngx_http_rum_link_close(link, "no memory");
            return;
        }
    }

    link->reader->privdata = link;

    /* the descriptor is read from now on, so that a close is noticed */

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_rum_link_close(link, "no read event");
        return;
    }

    link->state = NGX_HTTP_RUM_LINK_READY;
    link->connects++;

    link->ready(link);
}


ssize_t
ngx_http_rum_link_send(ngx_http_rum_link_t *link, u_char *data, size_t len,
    ngx_uint_t replies)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = link->peer.connection;
    n = 0;

    if (c->write->ready) {
        n = c->send(c, data, len);

        if (n == NGX_ERROR) {
            ngx_http_rum_link_close(link, "send() failed");
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN) {
            n = 0;
        }
    }

    link->outstanding += replies;

    if ((size_t) n < len && ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_rum_link_close(link, "no write event");
        return NGX_ERROR;
    }

    /* silence is only suspicious while something is owed */

    if (!c->read->timer_set) {
        ngx_add_timer(c->read,
                      ngx_http_rum_link_patience(link, link->redis->timeout));
    }

    return n;
}


static void
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

        return;
    }

    if (link->writable != NULL) {
        link->writable(link);
    }
}


static void
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

        if (link->peer.connection != c) {
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


/*
 * The replies to the handshake: all but errors are welcome.  Nothing else is
 * sent before they are here.
 */

static ngx_int_t
ngx_http_rum_link_welcome(ngx_http_rum_link_t *link)
{
    void         *data;
    redisReply   *reply;
    redisReader  *reader;

    reader = link->reader;

    while (link->handshake != 0) {
        data = NULL;

        if (redisReaderGetReply(reader, &data) != REDIS_OK) {
            ngx_cpystrn(link->error, (u_char *) reader->errstr,
                        sizeof(link->error));
            ngx_http_rum_link_close(link, (char *) link->error);
            return NGX_ERROR;
        }

        if (data == NULL) {
            return NGX_OK;
        }

        reply = data;

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_cpystrn(link->error, (u_char *) reply->str,
                        sizeof(link->error));
            freeReplyObject(reply);
            ngx_http_rum_link_close(link, (char *) link->error);
            return NGX_ERROR;
        }

        freeReplyObject(reply);
        link->handshake--;
    }

    ngx_http_rum_link_ready(link);

    return (link->state == NGX_HTTP_RUM_LINK_READY) ? NGX_OK : NGX_ERROR;
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
                      link->role, &link->redis->name, link->failures);

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

    /* the first failure is news, the hundredth is not */

    level = (link->failures == 0) ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, link->log, 0,
                  "rum %s: redis \"%V\": %s, %ui outstanding", link->role,
                  &link->redis->name, link->error, link->outstanding);

    link->failures++;
    link->outstanding = 0;
    link->addr = (link->addr + 1) % link->redis->naddrs;

    if (link->closed != NULL) {
        link->closed(link);
    }

    ngx_http_rum_link_retry_later(link);
}


static void
ngx_http_rum_link_disconnect(ngx_http_rum_link_t *link)
{
    if (link->peer.connection != NULL) {
        ngx_close_connection(link->peer.connection);
        link->peer.connection = NULL;
    }

    if (link->reader != NULL) {
        redisReaderFree(link->reader);
        link->reader = NULL;
    }

    link->handshake = 0;
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

    if (link->stopped || link->retry.timer_set) {
        return;
    }

    delay = NGX_HTTP_RUM_LINK_BACKOFF_MAX;

    if (link->failures < 7) {
        delay = NGX_HTTP_RUM_LINK_BACKOFF_MIN << link->failures;
    }

    if (ngx_exiting) {
        delay = ngx_min(delay, 200);

        if (ngx_http_rum_link_patience(link, delay) < delay) {
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


static ngx_msec_t
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
