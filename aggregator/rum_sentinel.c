/*
 * Where the master is: see rum_sentinel.h.
 */

#include "rum_sentinel.h"

#include <stdio.h>


static int rum_sentinel_ask(rum_redis_t *redis, const rum_config_t *config,
    rum_address_t *master);
static int rum_sentinel_fail(rum_redis_t *redis, const char *error);


int
rum_sentinel_find(rum_redis_t *redis, const rum_config_t *config,
    rum_address_t *master)
{
    int                   rc;
    char                  error[sizeof(redis->error)];
    uint32_t              i;
    const rum_address_t  *sentinel;

    error[0] = '\0';

    for (i = 0; i < config->nsentinels; i++) {
        sentinel = &config->sentinels[i];

        rc = rum_redis_open(redis, config, sentinel);

        if (rc == RUM_OK) {
            rc = rum_sentinel_ask(redis, config, master);
        }

        rum_redis_close(redis);

        if (rc == RUM_OK) {
            return RUM_OK;
        }

        snprintf(error, sizeof(error), "sentinel %.64s:%u: %.160s",
                 sentinel->host, sentinel->port, redis->error);

        rum_log(RUM_LOG_INFO, "%s", error);
    }

    snprintf(redis->error, sizeof(redis->error), "%s", error);

    return RUM_ERROR;
}


static int
rum_sentinel_ask(rum_redis_t *redis, const rum_config_t *config,
    rum_address_t *master)
{
    int64_t      port;
    redisReply  *reply, *host;

    if (rum_redis_auth(redis, config->sentinel_user,
                       config->sentinel_password)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

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


int
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
                  : rum_sentinel_fail(redis, "what the sentinels call the "
                                      "master is none (yet)");
}


static int
rum_sentinel_fail(rum_redis_t *redis, const char *error)
{
    snprintf(redis->error, sizeof(redis->error), "%s", error);

    return RUM_ERROR;
}
