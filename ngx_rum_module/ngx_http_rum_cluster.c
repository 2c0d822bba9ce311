/*
 * Which node a partition is on: see ngx_http_rum_cluster.h.
 *
 * Links wait for an answer (ngx_http_rum_locator.h), and connect to the primary
 * of their slot.
 *
 * Nothing is done when a slot moves: the node says so itself (-MOVED) to the
 * first command, which closes the link.  While it is being moved, what has
 * gone already is refused (-ASK), and is tried again until all of it has.
 */

#include "ngx_http_rum_cluster.h"

#include "ngx_http_rum_locator.h"
#include "rum_cluster.h"


/* primaries that may be asked, beside the seed */
#define NGX_HTTP_RUM_CLUSTER_NODES  64

#define NGX_HTTP_RUM_CLUSTER_ASK                                              \
    "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"


typedef struct {
    ngx_sockaddr_t                sockaddr;
    socklen_t                     socklen;
    ngx_str_t                     host;
    u_char                        text[NGX_SOCKADDR_STRLEN];
} ngx_http_rum_cluster_node_t;


typedef struct {
    ngx_http_rum_locator_t        locator;      /* its others are nodes */
    ngx_http_rum_cluster_node_t   nodes[NGX_HTTP_RUM_CLUSTER_NODES];
} ngx_http_rum_cluster_t;


static void ngx_http_rum_cluster_locate(ngx_http_rum_link_t *link);
static void ngx_http_rum_cluster_seed(ngx_http_rum_link_t *link);
static void ngx_http_rum_cluster_open(ngx_http_rum_link_t *link,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen, const ngx_str_t *host);
static void ngx_http_rum_cluster_answer(ngx_http_rum_link_t *link,
    void *data);
static void ngx_http_rum_cluster_learn(ngx_http_rum_cluster_t *s,
    const redisReply *slots);
static void ngx_http_rum_cluster_serve(ngx_http_rum_cluster_t *s,
    ngx_http_rum_link_t *waiter, const redisReply *slots);
static ngx_int_t ngx_http_rum_cluster_node(ngx_http_rum_cluster_t *s,
    const rum_cluster_node_t *primary, ngx_http_rum_cluster_node_t *node);


static ngx_http_rum_cluster_t  ngx_http_rum_cluster;


char *
ngx_http_rum_cluster_conf(ngx_conf_t *cf, ngx_http_rum_redis_t *redis)
{
    ngx_http_rum_redis_t  *seed;

    if (redis->sentinels != NULL) {
        return "has \"cluster=on\" with sentinels: a cluster needs none";
    }

    if (redis->addrs[0].sockaddr->sa_family == AF_UNIX) {
        return "has \"cluster=on\" with a unix socket, "
               "it needs the address of a node";
    }

    if (redis->db != 0) {
        return "has \"cluster=on\" with \"db\", a cluster has only 0";
    }

    seed = ngx_palloc(cf->pool, sizeof(ngx_http_rum_redis_t));
    if (seed == NULL) {
        return NGX_CONF_ERROR;
    }

    *seed = *redis;
    seed->locate = ngx_http_rum_cluster_seed;

    /* others may answer, and links wait for it */

    seed->timeout = ngx_min(redis->timeout, redis->connect_timeout);

    redis->cluster = seed;
    redis->locate = ngx_http_rum_cluster_locate;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_rum_cluster_links(const ngx_http_rum_redis_t *redis,
    ngx_uint_t partitions)
{
    return (redis->cluster != NULL) ? partitions : 1;
}


void
ngx_http_rum_cluster_init_process(ngx_cycle_t *cycle,
    const ngx_http_rum_redis_t *redis)
{
    ngx_http_rum_locator_t  *locator;

    if (redis->cluster == NULL) {
        return;
    }

    ngx_memzero(&ngx_http_rum_cluster, sizeof(ngx_http_rum_cluster_t));

    locator = &ngx_http_rum_cluster.locator;
    locator->role = "cluster";
    locator->nobody = "no node of the cluster answers";
    ngx_str_set(&locator->question, NGX_HTTP_RUM_CLUSTER_ASK);
    locator->answer = ngx_http_rum_cluster_answer;

    ngx_http_rum_locator_init(locator, redis->cluster, cycle->log);
}


void
ngx_http_rum_cluster_exit_process(void)
{
    ngx_http_rum_locator_stop(&ngx_http_rum_cluster.locator);
}


static void
ngx_http_rum_cluster_locate(ngx_http_rum_link_t *link)
{
    ngx_http_rum_locator_wait(&ngx_http_rum_cluster.locator, link);
}


/* where the link that asks connects */

static void
ngx_http_rum_cluster_seed(ngx_http_rum_link_t *link)
{
    ngx_uint_t                    n;
    ngx_addr_t                   *addr;
    ngx_sockaddr_t                sockaddr;
    ngx_http_rum_cluster_t       *s;
    ngx_http_rum_cluster_node_t  *node;

    s = &ngx_http_rum_cluster;
    n = s->locator.turn % (link->redis->naddrs + s->locator.others);

    if (n >= link->redis->naddrs) {
        node = &s->nodes[n - link->redis->naddrs];
        ngx_http_rum_cluster_open(link, &node->sockaddr, node->socklen,
                                  &node->host);
        return;
    }

    addr = &link->redis->addrs[n];

    ngx_memzero(&sockaddr, sizeof(ngx_sockaddr_t));
    ngx_memcpy(&sockaddr, addr->sockaddr, addr->socklen);

    ngx_http_rum_cluster_open(link, &sockaddr, addr->socklen,
                              &link->redis->hosts[n]);
}


static void
ngx_http_rum_cluster_open(ngx_http_rum_link_t *link,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen, const ngx_str_t *host)
{
    u_char     text[NGX_INT_T_LEN];
    ngx_str_t  port;

    port.data = text;
    port.len = ngx_sprintf(text, "%ui", (ngx_uint_t) ngx_inet_get_port(
                                 (struct sockaddr *) &sockaddr->sockaddr))
               - text;

    ngx_http_rum_link_located(link, sockaddr, socklen, host, &port);
}


static void
ngx_http_rum_cluster_answer(ngx_http_rum_link_t *link, void *data)
{
    redisReply              *reply;
    ngx_http_rum_link_t     *waiter;
    ngx_http_rum_cluster_t  *s;

    s = &ngx_http_rum_cluster;
    reply = data;

    if (reply->type != REDIS_REPLY_ARRAY) {
        ngx_http_rum_link_close(link, "answers no slots");
        return;
    }

    ngx_http_rum_locator_told(&s->locator);

    ngx_http_rum_cluster_learn(s, reply);

    for ( ;; ) {
        waiter = ngx_http_rum_locator_next(&s->locator);
        if (waiter == NULL) {
            break;
        }

        ngx_http_rum_cluster_serve(s, waiter, reply);
    }
}


static void
ngx_http_rum_cluster_learn(ngx_http_rum_cluster_t *s, const redisReply *slots)
{
    size_t                        i;
    unsigned                      first, last;
    ngx_uint_t                    k, n;
    rum_cluster_node_t            primary;
    ngx_http_rum_cluster_node_t  *node, *other;

    n = 0;

    for (i = 0; i < slots->elements && n < NGX_HTTP_RUM_CLUSTER_NODES; i++) {
        node = &s->nodes[n];

        if (rum_cluster_range(slots, i, &first, &last, &primary) != RUM_OK
            || ngx_http_rum_cluster_node(s, &primary, node) != NGX_OK)
        {
            continue;
        }

        for (k = 0; k < n; k++) {
            other = &s->nodes[k];

            if (ngx_cmp_sockaddr(&node->sockaddr.sockaddr, node->socklen,
                                 &other->sockaddr.sockaddr, other->socklen, 1)
                == NGX_OK)
            {
                break;
            }
        }

        n += (k == n);
    }

    s->locator.others = n;
}


static void
ngx_http_rum_cluster_serve(ngx_http_rum_cluster_t *s,
    ngx_http_rum_link_t *waiter, const redisReply *slots)
{
    rum_cluster_node_t           primary;
    ngx_http_rum_cluster_node_t  node;

    if (rum_cluster_find(slots, (unsigned) waiter->slot, &primary)
        != RUM_OK)
    {
        ngx_http_rum_link_close(waiter, "no node has the partition's slot");
        return;
    }

    if (ngx_http_rum_cluster_node(s, &primary, &node) != NGX_OK) {
        ngx_http_rum_link_close(waiter, "the cluster tells no IP address of "
                                        "the partition's node");
        return;
    }

    ngx_http_rum_cluster_open(waiter, &node.sockaddr, node.socklen,
                              &node.host);
}


/* who says nothing of a node's address means that it is its own */

static ngx_int_t
ngx_http_rum_cluster_node(ngx_http_rum_cluster_t *s,
    const rum_cluster_node_t *primary, ngx_http_rum_cluster_node_t *node)
{
    ngx_str_t  address, host;

    if (primary->host.len != 0) {
        address.data = primary->address.data;
        address.len = primary->address.len;
        host.data = primary->host.data;
        host.len = primary->host.len;

        if (ngx_http_rum_link_address(&address, primary->port,
                                      &node->sockaddr, &node->socklen)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        host = s->locator.link.host;
        node->sockaddr = s->locator.link.sockaddr;
        node->socklen = s->locator.link.socklen;
        ngx_inet_set_port(&node->sockaddr.sockaddr,
                          (in_port_t) primary->port);
    }

    node->host.len = ngx_min(host.len, NGX_SOCKADDR_STRLEN);
    node->host.data = node->text;
    ngx_memcpy(node->text, host.data, node->host.len);

    return NGX_OK;
}
