/*
 * How a link begins: it is located, connected, secured by TLS, and let in
 * (AUTH, SELECT, ROLE); see ngx_http_rum_link.h.  All that goes wrong ends in
 * ngx_http_rum_link_close().  Used by ngx_http_rum_link.c.
 */

#include "ngx_http_rum_link.h"


#define NGX_HTTP_RUM_LINK_TELL   3      /* failures told in detail */

/* an argument of a directive is shorter than 4096 bytes, these are two */
#define NGX_HTTP_RUM_LINK_HELLO  (2 * 4096 + 256)


static void ngx_http_rum_link_open(ngx_http_rum_link_t *link,
    struct sockaddr *sockaddr, socklen_t socklen);
static void ngx_http_rum_link_tls(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_tls_handler(ngx_connection_t *c);
static void ngx_http_rum_link_greet(ngx_http_rum_link_t *link);
static ngx_int_t ngx_http_rum_link_hello(ngx_http_rum_link_t *link);
static void ngx_http_rum_link_ready(ngx_http_rum_link_t *link);
static const char *ngx_http_rum_link_refusal(ngx_http_rum_link_t *link,
    const redisReply *reply);


void
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


ngx_int_t
ngx_http_rum_link_address(const ngx_str_t *host, ngx_int_t port,
    ngx_sockaddr_t *sockaddr, socklen_t *socklen)
{
    if (port < 1 || port > 65535) {
        return NGX_ERROR;
    }

    ngx_memzero(sockaddr, sizeof(ngx_sockaddr_t));

    sockaddr->sockaddr_in.sin_addr.s_addr = ngx_inet_addr(host->data,
                                                          host->len);

    if (sockaddr->sockaddr_in.sin_addr.s_addr != INADDR_NONE) {
        sockaddr->sockaddr_in.sin_family = AF_INET;
        sockaddr->sockaddr_in.sin_port = htons((in_port_t) port);
        *socklen = sizeof(struct sockaddr_in);
        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    ngx_memzero(sockaddr, sizeof(ngx_sockaddr_t));

    if (ngx_inet6_addr(host->data, host->len,
                       sockaddr->sockaddr_in6.sin6_addr.s6_addr)
        == NGX_OK)
    {
        sockaddr->sockaddr_in6.sin6_family = AF_INET6;
        sockaddr->sockaddr_in6.sin6_port = htons((in_port_t) port);
        *socklen = sizeof(struct sockaddr_in6);
        return NGX_OK;
    }

#endif

    return NGX_ERROR;
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


void
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

    if (redis->sentinels != NULL) {
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


/*
 * The replies to the handshake: all but errors are welcome.  Nothing else is
 * sent before they are here.
 */

ngx_int_t
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

    if (link->redis->sentinels == NULL || link->handshake != 1) {
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
