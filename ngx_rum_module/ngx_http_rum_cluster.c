/*
 * Which node a partition is on: see ngx_http_rum_cluster.h.
 *
 * A link that is to connect is put into "waiting".  The first one begins a
 * round: each node that is known is asked once, from the one on that answered
 * last, until one does.  Then all who wait connect to the primary of their
 * slot; if none answers, all are closed, and come back after their own
 * backoff.
 *
 * Nothing is done when a slot moves: the node says so itself (-MOVED) to the
 * first command, which closes the link.  While it is being moved, what has
 * gone already is refused (-ASK), and is tried again until all of it has.
 */

#include "ngx_http_rum_cluster.h"

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
    ngx_http_rum_link_t           link;
    ngx_queue_t                   waiting;      /* of ...link_t.waiting */
    ngx_uint_t                    turn;         /* whom to ask: the addresses
                                                   of the seed, then nodes */
    ngx_uint_t                    tries;        /* in this round */
    ngx_uint_t                    nnodes;
    ngx_http_rum_cluster_node_t   nodes[NGX_HTTP_RUM_CLUSTER_NODES];
    unsigned                      asking:1;     /* a round is under way */
} ngx_http_rum_cluster_t;


static void ngx_http_rum_cluster_locate(ngx_http_rum_link_t *link);
static void ngx_http_rum_cluster_seed(ngx_http_rum_link_t *link);
static void ngx_http_rum_cluster_open(ngx_http_rum_link_t *link,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen, const ngx_str_t *host);
static void ngx_http_rum_cluster_ready(ngx_http_rum_link_t *link);
static void ngx_http_rum_cluster_reply(ngx_http_rum_link_t *link,
    void *data);
static void ngx_http_rum_cluster_learn(ngx_http_rum_cluster_t *s,
    const redisReply *slots);
static void ngx_http_rum_cluster_serve(ngx_http_rum_cluster_t *s,
    ngx_http_rum_link_t *waiter, const redisReply *slots);
static ngx_int_t ngx_http_rum_cluster_node(ngx_http_rum_cluster_t *s,
    const rum_cluster_node_t *primary, ngx_http_rum_cluster_node_t *node);
static void ngx_http_rum_cluster_closed(ngx_http_rum_link_t *link);
static ngx_http_rum_link_t *ngx_http_rum_cluster_next(
    ngx_http_rum_cluster_t *s);


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
    ngx_http_rum_link_t     *link;
    ngx_http_rum_cluster_t  *s;

    if (redis->cluster == NULL) {
        return;
    }

    s = &ngx_http_rum_cluster;

    ngx_memzero(s, sizeof(ngx_http_rum_cluster_t));
    ngx_queue_init(&s->waiting);

    link = &s->link;
    link->redis = redis->cluster;
    link->role = "cluster";
    link->owner = s;
    link->ready = ngx_http_rum_cluster_ready;
    link->reply = ngx_http_rum_cluster_reply;
    link->closed = ngx_http_rum_cluster_closed;
    link->log = cycle->log;

    /* not all workers begin with the same address of a name */

    s->turn = (ngx_uint_t) ngx_random() % redis->naddrs;
}


void
ngx_http_rum_cluster_exit_process(void)
{
    ngx_http_rum_cluster_t  *s;

    s = &ngx_http_rum_cluster;

    if (s->link.redis == NULL) {
        return;
    }

    ngx_http_rum_link_stop(&s->link);

    s->asking = 0;
    s->link.redis = NULL;
}


static void
ngx_http_rum_cluster_locate(ngx_http_rum_link_t *link)
{
    ngx_http_rum_cluster_t  *s;

    s = &ngx_http_rum_cluster;

    ngx_queue_insert_tail(&s->waiting, &link->waiting);
    link->locating = 1;

    if (s->asking) {
        return;
    }

    /* what the last one said did not help: it may be cut off */

    if (link->failures > 1) {
        ngx_http_rum_link_stop(&s->link);
        s->turn++;
    }

    s->asking = 1;
    s->tries = 0;

    if (s->link.state == NGX_HTTP_RUM_LINK_READY) {
        ngx_http_rum_cluster_ready(&s->link);

    } else {
        (void) ngx_http_rum_link_start(&s->link);
    }
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

    s = link->owner;
    n = s->turn % (link->redis->naddrs + s->nnodes);

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
ngx_http_rum_cluster_ready(ngx_http_rum_link_t *link)
{
    size_t   len;
    ssize_t  n;

    static u_char  ask[] = NGX_HTTP_RUM_CLUSTER_ASK;

    len = sizeof(ask) - 1;
    n = ngx_http_rum_link_send(link, ask, len, 1);

    if (n >= 0 && (size_t) n < len) {
        ngx_http_rum_link_close(link, "send() failed");
    }
}


static void
ngx_http_rum_cluster_reply(ngx_http_rum_link_t *link, void *data)
{
    redisReply              *reply;
    ngx_http_rum_link_t     *waiter;
    ngx_http_rum_cluster_t  *s;

    s = link->owner;
    reply = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_rum_link_close(link, reply->str);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        ngx_http_rum_link_close(link, "answers no slots");
        return;
    }

    ngx_http_rum_link_works(link);

    s->asking = 0;

    ngx_http_rum_cluster_learn(s, reply);

    for ( ;; ) {
        waiter = ngx_http_rum_cluster_next(s);
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

    s->nnodes = n;
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
        host = s->link.host;
        node->sockaddr = s->link.sockaddr;
        node->socklen = s->link.socklen;
        ngx_inet_set_port(&node->sockaddr.sockaddr,
                          (in_port_t) primary->port);
    }

    node->host.len = ngx_min(host.len, NGX_SOCKADDR_STRLEN);
    node->host.data = node->text;
    ngx_memcpy(node->text, host.data, node->host.len);

    return NGX_OK;
}


/* a node could not tell: the next one, or none */

static void
ngx_http_rum_cluster_closed(ngx_http_rum_link_t *link)
{
    u_char                   why[sizeof(link->error)];
    ngx_http_rum_link_t     *waiter;
    ngx_http_rum_cluster_t  *s;

    s = link->owner;
    s->turn++;

    /* nobody waits: it is opened again for the next round */

    if (!s->asking) {
        ngx_http_rum_link_stop(link);
        return;
    }

    if (++s->tries < link->redis->naddrs + s->nnodes) {
        (void) ngx_http_rum_link_start(link);
        return;
    }

    ngx_http_rum_link_stop(link);

    s->asking = 0;

    ngx_snprintf(why, sizeof(why), "no node of the cluster answers: %s%Z",
                 link->error);
    why[sizeof(why) - 1] = '\0';

    for ( ;; ) {
        waiter = ngx_http_rum_cluster_next(s);
        if (waiter == NULL) {
            break;
        }

        ngx_http_rum_link_close(waiter, (char *) why);
    }
}


static ngx_http_rum_link_t *
ngx_http_rum_cluster_next(ngx_http_rum_cluster_t *s)
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
