/*
 * Where the master is: see ngx_http_rum_sentinel.h.
 *
 * A link that is to connect is put into "waiting".  The first one begins a
 * round: each sentinel is asked once, from the one on that answered last,
 * until one knows.  Then all who wait connect there, and are in "found"; if
 * none knows, all are closed, and come back after their own backoff.  That the
 * master is one is checked by each link itself (ROLE), since a sentinel may be
 * behind.
 *
 * Sentinels leave a master that they have replaced, and that still runs, as
 * it is for some ten seconds: what it acknowledges is thrown away in the end.
 * So there is a round each second, and links to it are closed.
 */

#include "ngx_http_rum_sentinel.h"


/* GET-MASTER-ADDR-BY-NAME and a name */
#define NGX_HTTP_RUM_SENTINEL_NAME  100
#define NGX_HTTP_RUM_SENTINEL_ASK   (NGX_HTTP_RUM_SENTINEL_NAME + 80)

#define NGX_HTTP_RUM_SENTINEL_LOOK  1000    /* ms between rounds */


typedef struct {
    ngx_http_rum_link_t           link;
    ngx_event_t                   timer;
    ngx_queue_t                   waiting;      /* of ...link_t.waiting */
    ngx_queue_t                   found;        /* the same */
    ngx_uint_t                    tries;        /* in this round */
    size_t                        len;
    u_char                        ask[NGX_HTTP_RUM_SENTINEL_ASK];
    unsigned                      asking:1;     /* a round is under way */
} ngx_http_rum_sentinel_t;


static ngx_int_t ngx_http_rum_sentinel_add(ngx_conf_t *cf,
    ngx_http_rum_redis_t *sentinels, ngx_str_t *address);
static void ngx_http_rum_sentinel_locate(ngx_http_rum_link_t *link);
static void ngx_http_rum_sentinel_timer(ngx_event_t *ev);
static void ngx_http_rum_sentinel_ask(ngx_http_rum_sentinel_t *s);
static void ngx_http_rum_sentinel_ready(ngx_http_rum_link_t *link);
static void ngx_http_rum_sentinel_reply(ngx_http_rum_link_t *link,
    void *data);
static void ngx_http_rum_sentinel_moved(ngx_http_rum_sentinel_t *s,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen);
static ngx_int_t ngx_http_rum_sentinel_address(const redisReply *reply,
    ngx_sockaddr_t *sockaddr, socklen_t *socklen);
static void ngx_http_rum_sentinel_closed(ngx_http_rum_link_t *link);
static ngx_http_rum_link_t *ngx_http_rum_sentinel_next(
    ngx_http_rum_sentinel_t *s);


static ngx_http_rum_sentinel_t  ngx_http_rum_sentinel;


char *
ngx_http_rum_sentinel_conf(ngx_conf_t *cf, ngx_http_rum_redis_t *redis,
    ngx_uint_t *used)
{
    size_t                 prefix;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_http_rum_redis_t  *sentinels;

    value = cf->args->elts;
    prefix = sizeof(NGX_HTTP_RUM_SENTINEL_PREFIX) - 1;

    sentinels = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_redis_t));
    if (sentinels == NULL) {
        return NGX_CONF_ERROR;
    }

    redis->name = value[1];
    redis->master.data = value[1].data + prefix;
    redis->master.len = value[1].len - prefix;

    if (redis->master.len == 0
        || redis->master.len > NGX_HTTP_RUM_SENTINEL_NAME)
    {
        return "needs the name of a master of 1 to 100 bytes";
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_strlchr(value[i].data, value[i].data + value[i].len, '=')
            != NULL)
        {
            break;
        }

        if (ngx_http_rum_sentinel_add(cf, sentinels, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (sentinels->naddrs == 0) {
        return "needs \"HOST:PORT\" of at least one sentinel";
    }

    *used = i - 2;
    redis->sentinels = sentinels;
    redis->locate = ngx_http_rum_sentinel_locate;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_rum_sentinel_add(ngx_conf_t *cf, ngx_http_rum_redis_t *sentinels,
    ngx_str_t *address)
{
    ngx_url_t    u;
    ngx_str_t   *hosts;
    ngx_uint_t   i, n;
    ngx_addr_t  *addrs;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *address;
    u.default_port = 26379;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in address \"%V\"",
                           u.err != NULL ? u.err : "invalid host", address);
        return NGX_ERROR;
    }

    n = sentinels->naddrs + u.naddrs;

    addrs = ngx_palloc(cf->pool, n * sizeof(ngx_addr_t));
    hosts = ngx_palloc(cf->pool, n * sizeof(ngx_str_t));

    if (addrs == NULL || hosts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < sentinels->naddrs; i++) {
        addrs[i] = sentinels->addrs[i];
        hosts[i] = sentinels->hosts[i];
    }

    for ( /* void */ ; i < n; i++) {
        addrs[i] = u.addrs[i - sentinels->naddrs];
        hosts[i] = u.host;
    }

    sentinels->addrs = addrs;
    sentinels->hosts = hosts;
    sentinels->naddrs = n;

    return NGX_OK;
}


char *
ngx_http_rum_sentinel_conf_done(ngx_http_rum_redis_t *redis)
{
    ngx_http_rum_redis_t  *sentinels;

    sentinels = redis->sentinels;

    if (sentinels == NULL) {
        return NGX_CONF_OK;
    }

    if (sentinels->user.len != 0 && sentinels->password.len == 0) {
        return "has \"sentinel_user\" without \"sentinel_password\"";
    }

    sentinels->name = redis->name;
    sentinels->tls = redis->tls;
    sentinels->connect_timeout = redis->connect_timeout;
    sentinels->timeout = redis->timeout;

    return NGX_CONF_OK;
}


void
ngx_http_rum_sentinel_init_process(ngx_cycle_t *cycle,
    const ngx_http_rum_redis_t *redis)
{
    u_char                   *p;
    ngx_http_rum_link_t      *link;
    ngx_http_rum_sentinel_t  *s;

    if (redis->sentinels == NULL) {
        return;
    }

    s = &ngx_http_rum_sentinel;

    ngx_memzero(s, sizeof(ngx_http_rum_sentinel_t));
    ngx_queue_init(&s->waiting);
    ngx_queue_init(&s->found);

    link = &s->link;
    link->redis = redis->sentinels;
    link->role = "sentinel";
    link->owner = s;
    link->ready = ngx_http_rum_sentinel_ready;
    link->reply = ngx_http_rum_sentinel_reply;
    link->closed = ngx_http_rum_sentinel_closed;
    link->log = cycle->log;

    /* not all workers begin with the same one */

    link->addr = (ngx_uint_t) ngx_random() % redis->sentinels->naddrs;

    p = ngx_cpymem(s->ask, "*3\r\n", 4);
    p = ngx_http_rum_link_bulk(p, "SENTINEL", 8);
    p = ngx_http_rum_link_bulk(p, "GET-MASTER-ADDR-BY-NAME", 23);
    p = ngx_http_rum_link_bulk(p, (char *) redis->master.data,
                               redis->master.len);
    s->len = p - s->ask;

    s->timer.handler = ngx_http_rum_sentinel_timer;
    s->timer.data = &link->dummy;
    s->timer.log = cycle->log;
    s->timer.cancelable = 1;

    /* the timer's log looks there, and the link has not been started */

    link->dummy.fd = (ngx_socket_t) -1;
    link->dummy.data = link;

    ngx_add_timer(&s->timer, NGX_HTTP_RUM_SENTINEL_LOOK);
}


void
ngx_http_rum_sentinel_exit_process(void)
{
    ngx_http_rum_sentinel_t  *s;

    s = &ngx_http_rum_sentinel;

    if (s->len == 0) {
        return;
    }

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    ngx_http_rum_link_stop(&s->link);

    s->asking = 0;
    s->len = 0;
}


static void
ngx_http_rum_sentinel_locate(ngx_http_rum_link_t *link)
{
    ngx_http_rum_sentinel_t  *s;

    s = &ngx_http_rum_sentinel;

    ngx_queue_insert_tail(&s->waiting, &link->waiting);
    link->locating = 1;

    if (s->asking) {
        return;
    }

    /* what the last one said did not help: it may be cut off */

    if (link->failures > 1) {
        ngx_http_rum_link_stop(&s->link);
        s->link.addr = (s->link.addr + 1) % s->link.redis->naddrs;
    }

    ngx_http_rum_sentinel_ask(s);
}


static void
ngx_http_rum_sentinel_timer(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_rum_link_t      *link;
    ngx_http_rum_sentinel_t  *s;

    c = ev->data;
    link = c->data;
    s = link->owner;

    if (!s->asking && !ngx_queue_empty(&s->found)) {
        ngx_http_rum_sentinel_ask(s);
    }

    ngx_add_timer(ev, NGX_HTTP_RUM_SENTINEL_LOOK);
}


static void
ngx_http_rum_sentinel_ask(ngx_http_rum_sentinel_t *s)
{
    s->asking = 1;
    s->tries = 0;

    if (s->link.state == NGX_HTTP_RUM_LINK_READY) {
        ngx_http_rum_sentinel_ready(&s->link);

    } else {
        (void) ngx_http_rum_link_start(&s->link);
    }
}


static void
ngx_http_rum_sentinel_ready(ngx_http_rum_link_t *link)
{
    ssize_t                   n;
    ngx_http_rum_sentinel_t  *s;

    s = link->owner;

    n = ngx_http_rum_link_send(link, s->ask, s->len, 1);

    if (n >= 0 && (size_t) n < s->len) {
        ngx_http_rum_link_close(link, "send() failed");
    }
}


static void
ngx_http_rum_sentinel_reply(ngx_http_rum_link_t *link, void *data)
{
    ngx_str_t                 host, port;
    socklen_t                 socklen;
    redisReply               *reply;
    ngx_sockaddr_t            sockaddr;
    ngx_http_rum_link_t      *waiter;
    ngx_http_rum_sentinel_t  *s;

    s = link->owner;
    reply = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_rum_link_close(link, reply->str);
        return;
    }

    if (reply->type == REDIS_REPLY_NIL) {
        ngx_http_rum_link_close(link, "does not know this master");
        return;
    }

    if (ngx_http_rum_sentinel_address(reply, &sockaddr, &socklen) != NGX_OK) {
        ngx_http_rum_link_close(link, "answers no IP address and port");
        return;
    }

    host.data = (u_char *) reply->element[0]->str;
    host.len = reply->element[0]->len;
    port.data = (u_char *) reply->element[1]->str;
    port.len = reply->element[1]->len;

    ngx_http_rum_link_works(link);

    s->asking = 0;

    ngx_http_rum_sentinel_moved(s, &sockaddr, socklen);

    for ( ;; ) {
        waiter = ngx_http_rum_sentinel_next(s);
        if (waiter == NULL) {
            break;
        }

        /* there it stays until it is disconnected */

        ngx_queue_insert_tail(&s->found, &waiter->waiting);
        waiter->locating = 1;

        ngx_http_rum_link_located(waiter, &sockaddr, socklen, &host, &port);
    }
}


/* who is elsewhere comes back by way of "waiting" */

static void
ngx_http_rum_sentinel_moved(ngx_http_rum_sentinel_t *s,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen)
{
    ngx_queue_t          *q, *next;
    ngx_http_rum_link_t  *link;

    for (q = ngx_queue_head(&s->found);
         q != ngx_queue_sentinel(&s->found);
         q = next)
    {
        next = ngx_queue_next(q);
        link = ngx_queue_data(q, ngx_http_rum_link_t, waiting);

        if (ngx_cmp_sockaddr(&link->sockaddr.sockaddr, link->socklen,
                             (struct sockaddr *) sockaddr, socklen, 1)
            != NGX_OK)
        {
            ngx_http_rum_link_close(link, "is not the master any more");
        }
    }
}


static ngx_int_t
ngx_http_rum_sentinel_address(const redisReply *reply,
    ngx_sockaddr_t *sockaddr, socklen_t *socklen)
{
    ngx_int_t    port;
    ngx_str_t    host;
    redisReply  *first, *second;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return NGX_ERROR;
    }

    first = reply->element[0];
    second = reply->element[1];

    if (first->type != REDIS_REPLY_STRING
        || second->type != REDIS_REPLY_STRING)
    {
        return NGX_ERROR;
    }

    host.data = (u_char *) first->str;
    host.len = first->len;

    port = ngx_atoi((u_char *) second->str, second->len);

    return ngx_http_rum_link_address(&host, port, sockaddr, socklen);
}


/* a sentinel could not tell: the next one, or none */

static void
ngx_http_rum_sentinel_closed(ngx_http_rum_link_t *link)
{
    u_char                    why[sizeof(link->error)];
    ngx_http_rum_link_t      *waiter;
    ngx_http_rum_sentinel_t  *s;

    s = link->owner;

    /* nobody waits: it is opened again for the next round */

    if (!s->asking) {
        ngx_http_rum_link_stop(link);
        return;
    }

    if (++s->tries < link->redis->naddrs) {
        (void) ngx_http_rum_link_start(link);
        return;
    }

    ngx_http_rum_link_stop(link);

    s->asking = 0;

    ngx_snprintf(why, sizeof(why), "no sentinel tells the master: %s%Z",
                 link->error);
    why[sizeof(why) - 1] = '\0';

    for ( ;; ) {
        waiter = ngx_http_rum_sentinel_next(s);
        if (waiter == NULL) {
            break;
        }

        ngx_http_rum_link_close(waiter, (char *) why);
    }
}


static ngx_http_rum_link_t *
ngx_http_rum_sentinel_next(ngx_http_rum_sentinel_t *s)
{
    ngx_queue_t          *q;
    ngx_http_rum_link_t  *link;

    if (ngx_queue_empty(&s->waiting)) {
        return NULL;
    }

    q = ngx_queue_head(&s->waiting);
    ngx_queue_remove(q);

    link = ngx_queue_data(q, ngx_http_rum_link_t, waiting);
    link->locating = 0;

    return link;
}
