/*
 * Where the master is: see ngx_http_rum_sentinel.h.
 *
 * Links wait for an answer (ngx_http_rum_locator.h), connect there, and are in
 * "found".  That the master is one is checked by each link itself (ROLE), since
 * a sentinel may be behind.
 *
 * Sentinels leave a master that they have replaced, and that still runs, as
 * it is for some ten seconds: what it acknowledges is thrown away in the end.
 * So there is a round each second, and links to it are closed.
 */

#include "ngx_http_rum_sentinel.h"

#include "ngx_http_rum_locator.h"


/* GET-MASTER-ADDR-BY-NAME and a name */
#define NGX_HTTP_RUM_SENTINEL_NAME  100
#define NGX_HTTP_RUM_SENTINEL_ASK   (NGX_HTTP_RUM_SENTINEL_NAME + 80)

#define NGX_HTTP_RUM_SENTINEL_LOOK  1000    /* ms between rounds */


typedef struct {
    ngx_http_rum_locator_t        locator;
    ngx_event_t                   timer;
    ngx_queue_t                   found;        /* of ...link_t.waiting */
    u_char                        ask[NGX_HTTP_RUM_SENTINEL_ASK];
} ngx_http_rum_sentinel_t;


static ngx_int_t ngx_http_rum_sentinel_add(ngx_conf_t *cf,
    ngx_http_rum_redis_t *sentinels, ngx_str_t *address);
static void ngx_http_rum_sentinel_locate(ngx_http_rum_link_t *link);
static void ngx_http_rum_sentinel_timer(ngx_event_t *ev);
static void ngx_http_rum_sentinel_answer(ngx_http_rum_link_t *link,
    void *data);
static void ngx_http_rum_sentinel_moved(ngx_http_rum_sentinel_t *s,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen);
static ngx_int_t ngx_http_rum_sentinel_address(const redisReply *reply,
    ngx_sockaddr_t *sockaddr, socklen_t *socklen);


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
    ngx_http_rum_locator_t   *locator;
    ngx_http_rum_sentinel_t  *s;

    if (redis->sentinels == NULL) {
        return;
    }

    s = &ngx_http_rum_sentinel;

    ngx_memzero(s, sizeof(ngx_http_rum_sentinel_t));
    ngx_queue_init(&s->found);

    p = ngx_cpymem(s->ask, "*3\r\n", 4);
    p = ngx_http_rum_link_bulk(p, "SENTINEL", 8);
    p = ngx_http_rum_link_bulk(p, "GET-MASTER-ADDR-BY-NAME", 23);
    p = ngx_http_rum_link_bulk(p, (char *) redis->master.data,
                               redis->master.len);

    locator = &s->locator;
    locator->role = "sentinel";
    locator->nobody = "no sentinel tells the master";
    locator->question.data = s->ask;
    locator->question.len = p - s->ask;
    locator->answer = ngx_http_rum_sentinel_answer;

    ngx_http_rum_locator_init(locator, redis->sentinels, cycle->log);

    link = &locator->link;

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

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    ngx_http_rum_locator_stop(&s->locator);
}


static void
ngx_http_rum_sentinel_locate(ngx_http_rum_link_t *link)
{
    ngx_http_rum_locator_wait(&ngx_http_rum_sentinel.locator, link);
}


static void
ngx_http_rum_sentinel_timer(ngx_event_t *ev)
{
    ngx_http_rum_sentinel_t  *s;

    s = &ngx_http_rum_sentinel;

    if (!ngx_queue_empty(&s->found)) {
        ngx_http_rum_locator_ask(&s->locator);
    }

    ngx_add_timer(ev, NGX_HTTP_RUM_SENTINEL_LOOK);
}


static void
ngx_http_rum_sentinel_answer(ngx_http_rum_link_t *link, void *data)
{
    ngx_str_t                 host, port;
    socklen_t                 socklen;
    redisReply               *reply;
    ngx_sockaddr_t            sockaddr;
    ngx_http_rum_link_t      *waiter;
    ngx_http_rum_sentinel_t  *s;

    s = &ngx_http_rum_sentinel;
    reply = data;

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

    ngx_http_rum_locator_told(&s->locator);

    ngx_http_rum_sentinel_moved(s, &sockaddr, socklen);

    for ( ;; ) {
        waiter = ngx_http_rum_locator_next(&s->locator);
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
