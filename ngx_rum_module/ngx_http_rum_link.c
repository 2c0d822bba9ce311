/*
 * The link to Redis: see ngx_http_rum_link.h.
 */

#include "ngx_http_rum_link.h"


#define NGX_HTTP_RUM_LINK_BACKOFF_MIN  50
#define NGX_HTTP_RUM_LINK_BACKOFF_MAX  5000
#define NGX_HTTP_RUM_LINK_RECV         16384
#define NGX_HTTP_RUM_LINK_TELL         3    /* failures told in detail */

/* an argument of a directive is shorter than 4096 bytes, these are two */
#define NGX_HTTP_RUM_LINK_HELLO        (2 * 4096 + 256)


static void ngx_http_rum_link_connect(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_open(ngx_http_rum_link_t *link,
    struct sockaddr *sockaddr, socklen_t socklen);
static void ngx_http_rum_link_connected(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_tls(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_tls_handler(ngx_connection_t *c);
static void ngx_http_rum_link_greet(ngx_http_rum_link_t *link);
static ngx_int_t ngx_http_rum_link_hello(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_ready(ngx_http_rum_link_t *link);
static ngx_int_t ngx_http_rum_link_welcome(ngx_http_rum_link_t *link);
static const char *ngx_http_rum_link_refusal(ngx_http_rum_link_t *link,
    const redisReply *reply);
static ngx_int_t ngx_http_rum_link_replies(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_read_handler(ngx_event_t *rev);
static void ngx_http_rum_link_write_handler(ngx_event_t *wev);
static void ngx_http_rum_link_retry_handler(ngx_event_t *ev);
static void ngx_http_rum_link_retry_later(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_disconnect(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_quitting(ngx_http_rum_link_t *link);
static ngx_msec_t ngx_http_rum_link_patience(ngx_http_rum_link_t *link,
    ngx_msec_t timeout);


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


static void
ngx_http_rum_link_connect(ngx_http_rum_link_t *link)
{
    ngx_addr_t  *addr;

    link->state = NGX_HTTP_RUM_LINK_CONNECTING;
    link->outstanding = 0;

    if (link->redis->locate != NULL) {
        link->redis->locate(link);
        return;
    }

    addr = &link->redis->addrs[link->addr];
    link->host = link->redis->hosts[link->addr];

    ngx_http_rum_link_open(link, addr->sockaddr, addr->socklen);
}


void
ngx_http_rum_link_located(ngx_http_rum_link_t *link,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen, const ngx_str_t *host,
    const ngx_str_t *port)
{
    link->sockaddr = *sockaddr;
    link->socklen = socklen;

    link->host.len = ngx_min(host->len, NGX_SOCKADDR_STRLEN);
    link->host.data = link->text;
    link->name.data = ngx_cpymem(link->text, host->data, link->host.len);
    link->name.len = ngx_snprintf(link->name.data,
                                  sizeof(link->text) - link->host.len,
                                  "%V at %V:%V", &link->redis->name,
                                  &link->host, port)
                     - link->name.data;

    ngx_http_rum_link_open(link, &link->sockaddr.sockaddr, link->socklen);
}


static void
ngx_http_rum_link_open(ngx_http_rum_link_t *link, struct sockaddr *sockaddr,
    socklen_t socklen)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    ngx_memzero(&link->peer, sizeof(ngx_peer_connection_t));

    link->peer.sockaddr = sockaddr;
    link->peer.socklen = socklen;
    link->peer.name = &link->name;
    link->peer.get = ngx_event_get_peer;
    link->peer.log = link->log;
    link->peer.log_error = NGX_ERROR_INFO;

    /* only nginx's own lines say what OpenSSL did not like */

    if (link->redis->tls.on && link->failures < NGX_HTTP_RUM_LINK_TELL) {
        link->peer.log_error = NGX_ERROR_ERR;
    }

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

    if (link->redis->tls.on) {
        ngx_http_rum_link_tls(link);
        return;
    }

    ngx_http_rum_link_greet(link);
}


static void
ngx_http_rum_link_tls(ngx_http_rum_link_t *link)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = link->peer.connection;

    rc = ngx_http_rum_tls_start(&link->redis->tls, c, &link->host,
                                ngx_http_rum_link_tls_handler);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(c->write, ngx_http_rum_link_patience(link,
                                              link->redis->connect_timeout));
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_http_rum_link_close(link, "TLS handshake failed");
        return;
    }

    ngx_http_rum_link_tls_handler(c);
}


static void
ngx_http_rum_link_tls_handler(ngx_connection_t *c)
{
    const char           *fault;
    ngx_http_rum_link_t  *link;

    link = c->data;

    /* nginx had its own handlers there */

    c->read->handler = ngx_http_rum_link_read_handler;
    c->write->handler = ngx_http_rum_link_write_handler;

    fault = ngx_http_rum_tls_fault(&link->redis->tls, c);

    if (fault != NULL) {
        ngx_http_rum_link_close(link, fault);
        return;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    /* what came with the end of the handshake makes no event any more */

    ngx_post_event(c->read, &ngx_posted_events);

    ngx_http_rum_link_greet(link);
}


static void
ngx_http_rum_link_greet(ngx_http_rum_link_t *link)
{
    if (ngx_http_rum_link_hello(link) != NGX_OK) {
        return;
    }

    if (link->handshake == 0) {
        ngx_http_rum_link_ready(link);
    }
}


/*
 * AUTH, SELECT and ROLE, where they are needed.  They are short and the
 * socket is new: a partial write cannot happen but for an error.
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

    if (redis->locate != NULL) {
        p = ngx_cpymem(p, "*1\r\n", 4);
        p = ngx_http_rum_link_bulk(p, "ROLE", 4);
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


u_char *
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
    size_t             sent;
    ssize_t            n;
    ngx_connection_t  *c;

    c = link->peer.connection;
    sent = 0;

    /* TLS takes a record at a time, and says nothing when it can take more */

    while (sent < len && c->write->ready) {
        n = c->send(c, data + sent, len - sent);

        if (n == NGX_ERROR) {
            ngx_http_rum_link_close(link, "send() failed");
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN) {
            break;
        }

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
    const char   *refusal;
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

        refusal = ngx_http_rum_link_refusal(link, data);

        if (refusal != NULL) {
            ngx_cpystrn(link->error, (u_char *) refusal, sizeof(link->error));
            freeReplyObject(data);
            ngx_http_rum_link_close(link, (char *) link->error);
            return NGX_ERROR;
        }

        freeReplyObject(data);
        link->handshake--;
    }

    ngx_http_rum_link_ready(link);

    return (link->state == NGX_HTTP_RUM_LINK_READY) ? NGX_OK : NGX_ERROR;
}


static const char *
ngx_http_rum_link_refusal(ngx_http_rum_link_t *link, const redisReply *reply)
{
    const redisReply  *role;

    if (reply->type == REDIS_REPLY_ERROR) {
        return reply->str;
    }

    /* ROLE is the last one */

    if (link->redis->locate == NULL || link->handshake != 1) {
        return NULL;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        return "no answer to ROLE";
    }

    role = reply->element[0];

    if (role->type != REDIS_REPLY_STRING || ngx_strcmp(role->str, "master")) {
        return "is not a master";
    }

    return NULL;
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
