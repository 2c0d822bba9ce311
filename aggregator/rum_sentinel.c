/*
 * Where the master is: see rum_sentinel.h.
 */

#include "rum_sentinel.h"

#include <stdio.h>


static int rum_sentinel_ask(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *sentinel);
static int rum_sentinel_master(rum_redis_t *redis,
    const rum_config_t *config);
static int rum_sentinel_check_role(rum_redis_t *redis);
static int rum_sentinel_fail(rum_redis_t *redis, const char *error);


int
rum_sentinel_connect(rum_redis_t *redis, const rum_config_t *config)
{
    int                   rc;
    char                  error[sizeof(redis->error)];
    uint32_t              i;
    const rum_address_t  *sentinel;

    for (i = 0; i < config->nsentinels; i++) {
        sentinel = &config->sentinels[i];

        rc = rum_sentinel_ask(redis, config, sentinel);

        if (rc == RUM_OK) {
            rc = rum_redis_enter(redis, config, &redis->master);
        }

        if (rc == RUM_OK) {
            rc = rum_sentinel_check_role(redis);
        }

        if (rc == RUM_OK) {
            return RUM_OK;
        }

        rum_redis_close(redis);

        snprintf(error, sizeof(error), "sentinel %.64s:%u: %.160s",
                 sentinel->host, sentinel->port, redis->error);
        memcpy(redis->error, error, sizeof(error));

        rum_log(RUM_LOG_INFO, "%s", error);
    }

    return RUM_ERROR;
}


/* the connection is only for the question */

static int
rum_sentinel_ask(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *sentinel)
{
    int  rc;

    rc = rum_redis_open(redis, config, sentinel);

    if (rc == RUM_OK) {
        rc = rum_redis_auth(redis, config->sentinel_user,
                            config->sentinel_password);
    }

    if (rc == RUM_OK) {
        rc = rum_sentinel_master(redis, config);
    }

    rum_redis_close(redis);

    return rc;
}


static int
rum_sentinel_master(rum_redis_t *redis, const rum_config_t *config)
{
    int64_t         port;
    redisReply     *reply, *host;
    rum_address_t  *master;

    master = &redis->master;

    (void) rum_redis_send(redis, "SENTINEL GET-MASTER-ADDR-BY-NAME %s",
                          config->master);

    reply = rum_redis_reply(redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[0]->len >= sizeof(master->host))
    {
        freeReplyObject(reply);
        return rum_sentinel_fail(redis, "does not know this master");
    }

    host = reply->element[0];
    port = rum_reply_integer(reply->element[1], 0);

    memcpy(master->host, host->str, host->len + 1);
    master->port = port > 0 && port < 65536 ? (uint32_t) port : 0;

    freeReplyObject(reply);

    if (master->port == 0) {
        return rum_sentinel_fail(redis, "answers no port");
    }

    return RUM_OK;
}


static int
rum_sentinel_check_role(rum_redis_t *redis)
{
    int          master;
    redisReply  *reply;

    (void) rum_redis_send(redis, "ROLE");

    reply = rum_redis_expect(redis, REDIS_REPLY_ARRAY);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    master = reply->elements > 0
             && reply->element[0]->type == REDIS_REPLY_STRING
             && strcmp(reply->element[0]->str, "master") == 0;

    freeReplyObject(reply);

    return master ? RUM_OK
                  : rum_sentinel_fail(redis, "what it calls the master is "
                                      "none (yet)");
}


static int
rum_sentinel_fail(rum_redis_t *redis, const char *error)
{
    snprintf(redis->error, sizeof(redis->error), "%s", error);

    return RUM_ERROR;
}
