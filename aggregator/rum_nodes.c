/*
 * Which node a partition is on: see rum_nodes.h.
 */

#include "rum_nodes.h"

#include <stdio.h>
#include <time.h>

#include "rum_cluster.h"


#define RUM_NODES_SLOW   500            /* ms: what fails later was silent */
#define RUM_NODES_REST   3000           /* ms that it is left alone */


static int rum_nodes_try(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *asked, rum_address_t *failed);
static int rum_nodes_ask(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *asked);
static int rum_nodes_take(rum_redis_t *redis, const redisReply *slots,
    const rum_address_t *asked);
static void rum_nodes_learn(rum_nodes_t *nodes, const redisReply *slots,
    const rum_address_t *asked);
static int rum_nodes_address(const rum_cluster_node_t *node,
    const rum_address_t *asked, rum_address_t *address);
static int rum_nodes_same(const rum_address_t *one,
    const rum_address_t *another);
static uint64_t rum_nodes_ms(void);
static int rum_nodes_fail(rum_redis_t *redis, const char *error);


int
rum_nodes_connect(rum_redis_t *redis, const rum_config_t *config)
{
    uint32_t       i;
    rum_nodes_t    known;
    rum_address_t  failed;

    /* asking changes what is known */

    known = *redis->nodes;
    memset(&failed, 0, sizeof(rum_address_t));

    for (i = 0; i < known.n; i++) {
        if (rum_nodes_try(redis, config, &known.nodes[i], &failed)
            == RUM_OK)
        {
            return RUM_OK;
        }
    }

    return rum_nodes_try(redis, config, &config->address, &failed);
}


/* who did not let us in for one will not for the next: it is not tried again */

static int
rum_nodes_try(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *asked, rum_address_t *failed)
{
    int                   rc;
    char                  error[sizeof(redis->error)];
    uint64_t              began;
    const rum_address_t  *whom;

    whom = asked;
    began = rum_nodes_ms();

    rc = rum_nodes_silent(redis->nodes, asked)
         ? rum_nodes_fail(redis, "did not answer, and is left alone")
         : rum_nodes_ask(redis, config, asked);

    if (rc == RUM_OK && rum_nodes_same(&redis->master, failed)) {
        return RUM_ERROR;
    }

    if (rc == RUM_OK) {
        whom = &redis->master;
        *failed = redis->master;
        began = rum_nodes_ms();

        rc = rum_nodes_silent(redis->nodes, whom)
             ? rum_nodes_fail(redis, "did not answer, and is left alone")
             : rum_nodes_enter(redis, config);
    }

    if (rc == RUM_OK) {
        return RUM_OK;
    }

    rum_redis_close(redis);
    rum_nodes_failed(redis->nodes, whom, began);

    snprintf(error, sizeof(error), "node %.64s:%u: %.160s", whom->host,
             whom->port, redis->error);
    memcpy(redis->error, error, sizeof(error));

    rum_log(RUM_LOG_INFO, "%s", error);

    return RUM_ERROR;
}


/* the connection is only for the question */

static int
rum_nodes_ask(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *asked)
{
    int          rc;
    redisReply  *slots;

    rc = rum_redis_enter(redis, config, asked);

    if (rc == RUM_OK) {
        (void) rum_redis_send(redis, "CLUSTER SLOTS");
        slots = rum_redis_expect(redis, REDIS_REPLY_ARRAY);

        rc = slots != NULL ? rum_nodes_take(redis, slots, asked) : RUM_ERROR;

        if (slots != NULL) {
            freeReplyObject(slots);
        }
    }

    rum_redis_close(redis);

    return rc;
}


static int
rum_nodes_take(rum_redis_t *redis, const redisReply *slots,
    const rum_address_t *asked)
{
    rum_cluster_node_t  node;

    if (rum_cluster_find(slots, rum_cluster_slot(redis->partition), &node)
        != RUM_OK)
    {
        return rum_nodes_fail(redis, "no node has the partition's slot");
    }

    if (rum_nodes_address(&node, asked, &redis->master) != RUM_OK) {
        return rum_nodes_fail(redis, "the name of the partition's node is "
                              "too long");
    }

    rum_nodes_learn(redis->nodes, slots, asked);

    return RUM_OK;
}


static void
rum_nodes_learn(rum_nodes_t *nodes, const redisReply *slots,
    const rum_address_t *asked)
{
    size_t               i;
    uint32_t             k;
    unsigned             first, last;
    rum_address_t       *address;
    rum_cluster_node_t   node;

    nodes->nodes[0] = *asked;
    nodes->n = 1;

    for (i = 0; i < slots->elements && nodes->n < RUM_NODES_MAX; i++) {
        address = &nodes->nodes[nodes->n];

        if (rum_cluster_range(slots, i, &first, &last, &node) != RUM_OK
            || rum_nodes_address(&node, asked, address) != RUM_OK)
        {
            continue;
        }

        for (k = 0; !rum_nodes_same(&nodes->nodes[k], address); k++) {
            /* the last one is itself */
        }

        nodes->n += k == nodes->n;
    }
}


/* who says nothing of a node's address means that it is its own */

static int
rum_nodes_address(const rum_cluster_node_t *node, const rum_address_t *asked,
    rum_address_t *address)
{
    if (node->host.len == 0) {
        memcpy(address->host, asked->host, sizeof(address->host));

    } else if (node->host.len < sizeof(address->host)) {
        memcpy(address->host, node->host.data, node->host.len);
        address->host[node->host.len] = '\0';

    } else {
        return RUM_ERROR;
    }

    address->port = node->port;

    return RUM_OK;
}


static int
rum_nodes_same(const rum_address_t *one, const rum_address_t *another)
{
    return one->port == another->port
           && strcmp(one->host, another->host) == 0;
}


int
rum_nodes_enter(rum_redis_t *redis, const rum_config_t *config)
{
    if (rum_redis_enter(redis, config, &redis->master) != RUM_OK) {
        return RUM_ERROR;
    }

    /* -MOVED if it is not the partition's node (any more) */

    (void) rum_redis_send(redis, "PTTL rum:{%u}:lease", redis->partition);

    if (rum_redis_skip(redis, 1) != RUM_OK) {
        return RUM_ERROR;
    }

    return rum_redis_wait(redis, config->timeout);
}


void
rum_nodes_failed(rum_nodes_t *nodes, const rum_address_t *node,
    uint64_t began)
{
    uint32_t  i;
    uint64_t  now;

    now = rum_nodes_ms();

    if (now < began + RUM_NODES_SLOW) {
        return;
    }

    i = nodes->nsilent++ % RUM_NODES_SILENT;
    nodes->silent[i].node = *node;
    nodes->silent[i].until = now + RUM_NODES_REST;
}


int
rum_nodes_silent(const rum_nodes_t *nodes, const rum_address_t *node)
{
    uint32_t  i;
    uint64_t  now;

    now = rum_nodes_ms();

    for (i = 0; i < RUM_NODES_SILENT; i++) {
        if (now < nodes->silent[i].until
            && rum_nodes_same(&nodes->silent[i].node, node))
        {
            return 1;
        }
    }

    return 0;
}


static uint64_t
rum_nodes_ms(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static int
rum_nodes_fail(rum_redis_t *redis, const char *error)
{
    snprintf(redis->error, sizeof(redis->error), "%s", error);

    return RUM_ERROR;
}
