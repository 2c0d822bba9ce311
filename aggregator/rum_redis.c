/*
 * One blocking connection to Redis: see rum_redis.h.
 */

#include "rum_redis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


#define RUM_REDIS_PUSH   262144         /* bytes worth a write of their own */


static int rum_redis_login(rum_redis_t *redis, const rum_config_t *config);
static int rum_redis_queued(rum_redis_t *redis, int rc);
static void rum_redis_fail(rum_redis_t *redis);


int
rum_redis_connect(rum_redis_t *redis, const rum_config_t *config)
{
    struct timeval  tv;

    rum_redis_close(redis);
    redis->error[0] = '\0';

    tv.tv_sec = (time_t) (config->timeout / 1000);
    tv.tv_usec = (suseconds_t) (config->timeout % 1000 * 1000);

    if (config->path != NULL) {
        redis->ctx = redisConnectUnixWithTimeout(config->path, tv);

    } else {
        redis->ctx = redisConnectWithTimeout(config->host,
                                             (int) config->port, tv);
    }

    if (redis->ctx == NULL) {
        snprintf(redis->error, sizeof(redis->error), "no memory");
        return RUM_ERROR;
    }

    if (redis->ctx->err != 0
        || redisSetTimeout(redis->ctx, tv) != REDIS_OK)
    {
        rum_redis_fail(redis);
        return RUM_ERROR;
    }

    if (redis->ctx->connection_type == REDIS_CONN_TCP) {
        (void) redisEnableKeepAlive(redis->ctx);
    }

    return rum_redis_login(redis, config);
}


static int
rum_redis_login(rum_redis_t *redis, const rum_config_t *config)
{
    uint32_t  n;

    n = 0;

    if (config->user != NULL) {
        (void) rum_redis_send(redis, "AUTH %s %s", config->user,
                              config->password);
        n++;

    } else if (config->password != NULL) {
        (void) rum_redis_send(redis, "AUTH %s", config->password);
        n++;
    }

    (void) rum_redis_send(redis, "SELECT %u", config->db);
    (void) rum_redis_send(redis, "CLIENT SETNAME rum-aggregator");

    return rum_redis_skip(redis, n + 2);
}


void
rum_redis_close(rum_redis_t *redis)
{
    if (redis->ctx != NULL) {
        redisFree(redis->ctx);
        redis->ctx = NULL;
    }

    redis->pending = 0;
}


int
rum_redis_send(rum_redis_t *redis, const char *fmt, ...)
{
    int      rc;
    va_list  args;

    if (redis->ctx == NULL) {
        return RUM_ERROR;
    }

    va_start(args, fmt);
    rc = redisvAppendCommand(redis->ctx, fmt, args);
    va_end(args);

    return rum_redis_queued(redis, rc);
}


int
rum_redis_send_args(rum_redis_t *redis, const rum_args_t *args)
{
    if (redis->ctx == NULL) {
        return RUM_ERROR;
    }

    return rum_redis_queued(redis,
                            redisAppendCommandArgv(redis->ctx, (int) args->n,
                                                   args->argv,
                                                   args->argvlen));
}


static int
rum_redis_queued(rum_redis_t *redis, int rc)
{
    if (rc != REDIS_OK) {
        rum_redis_fail(redis);
        return RUM_ERROR;
    }

    redis->pending++;

    return RUM_OK;
}


int
rum_redis_push(rum_redis_t *redis)
{
    int  done;

    if (redis->ctx == NULL) {
        return RUM_ERROR;
    }

    done = sdslen(redis->ctx->obuf) < RUM_REDIS_PUSH;

    while (!done) {
        if (redisBufferWrite(redis->ctx, &done) != REDIS_OK) {
            rum_redis_fail(redis);
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


redisReply *
rum_redis_reply(rum_redis_t *redis)
{
    void        *data;
    redisReply  *reply;

    if (redis->ctx == NULL) {
        return NULL;
    }

    data = NULL;

    if (redisGetReply(redis->ctx, &data) != REDIS_OK || data == NULL) {
        rum_redis_fail(redis);
        return NULL;
    }

    redis->pending--;
    reply = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(redis->error, sizeof(redis->error), "%.*s",
                 (int) reply->len, reply->str);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


redisReply *
rum_redis_expect(rum_redis_t *redis, int type)
{
    redisReply  *reply;

    reply = rum_redis_reply(redis);

    if (reply != NULL && reply->type != type) {
        snprintf(redis->error, sizeof(redis->error),
                 "a reply of an unexpected type %d", reply->type);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


int
rum_redis_skip(rum_redis_t *redis, uint32_t n)
{
    redisReply  *reply;

    while (n-- > 0) {
        reply = rum_redis_reply(redis);
        if (reply == NULL) {
            return RUM_ERROR;
        }

        freeReplyObject(reply);
    }

    return RUM_OK;
}


static void
rum_redis_fail(rum_redis_t *redis)
{
    if (redis->ctx->err == REDIS_ERR_IO && errno == EAGAIN) {
        snprintf(redis->error, sizeof(redis->error), "timed out");

    } else {
        snprintf(redis->error, sizeof(redis->error), "%s",
                 redis->ctx->errstr);
    }

    rum_redis_close(redis);
}


void
rum_args_free(rum_args_t *args)
{
    free(args->argv);
    free(args->argvlen);
    memset(args, 0, sizeof(rum_args_t));
}


int
rum_args_add(rum_args_t *args, const void *data, size_t len)
{
    size_t        *lens;
    uint32_t       size;
    const char   **argv;

    if (args->n == args->size) {
        size = args->size ? 2 * args->size : 64;

        argv = realloc(args->argv, size * sizeof(char *));
        if (argv == NULL) {
            return RUM_ERROR;
        }

        args->argv = argv;

        lens = realloc(args->argvlen, size * sizeof(size_t));
        if (lens == NULL) {
            return RUM_ERROR;
        }

        args->argvlen = lens;
        args->size = size;
    }

    args->argv[args->n] = data;
    args->argvlen[args->n] = len;
    args->n++;

    return RUM_OK;
}


int
rum_args_text(rum_args_t *args, const char *text)
{
    return rum_args_add(args, text, strlen(text));
}


const redisReply *
rum_reply_field(const redisReply *reply, const char *name)
{
    size_t             i;
    const redisReply  *key;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        key = reply->element[i];

        if (key->type == REDIS_REPLY_STRING && strcmp(key->str, name) == 0) {
            return reply->element[i + 1];
        }
    }

    return NULL;
}


int64_t
rum_reply_number(const redisReply *reply, const char *name,
    int64_t otherwise)
{
    const redisReply  *field;

    field = rum_reply_field(reply, name);

    return field != NULL ? rum_reply_integer(field, otherwise) : otherwise;
}


int64_t
rum_reply_integer(const redisReply *reply, int64_t otherwise)
{
    char       *end;
    long long   n;

    if (reply->type == REDIS_REPLY_INTEGER) {
        return reply->integer;
    }

    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) {
        return otherwise;
    }

    n = strtoll(reply->str, &end, 10);

    return *end == '\0' ? n : otherwise;
}
