/*
 * One blocking connection to Redis: see rum_redis.h.
 */

#include "rum_nodes.h"
#include "rum_sentinel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


#define RUM_REDIS_PUSH   262144         /* bytes worth a write of their own */

/*
 * ms at most, to connect to a node of a cluster and to log in: the partitions
 * of other nodes wait for it.
 */
#define RUM_REDIS_NODE   1000


static struct timeval rum_redis_timeval(uint64_t ms);
static int rum_redis_login(rum_redis_t *redis, const rum_config_t *config);
static int rum_redis_queued(rum_redis_t *redis, int rc);
static int rum_redis_write(rum_redis_t *redis, size_t *sent);
static int rum_redis_fetch(rum_redis_t *redis, void **data);
static void rum_redis_fail(rum_redis_t *redis);


int
rum_redis_connect(rum_redis_t *redis, const rum_config_t *config)
{
    rum_redis_close(redis);
    redis->error[0] = '\0';

    if (config->master != NULL) {
        return rum_sentinel_connect(redis, config);
    }

    if (config->cluster) {
        return rum_nodes_connect(redis, config);
    }

    return rum_redis_enter(redis, config, config->path != NULL
                                          ? NULL : &config->address);
}


int
rum_redis_connect_beside(rum_redis_t *redis, const rum_redis_t *other,
    const rum_config_t *config)
{
    if (config->master == NULL && !config->cluster) {
        return rum_redis_connect(redis, config);
    }

    rum_redis_close(redis);
    redis->error[0] = '\0';
    redis->master = other->master;
    redis->partition = other->partition;

    return config->cluster ? rum_nodes_enter(redis, config)
                           : rum_redis_enter(redis, config, &redis->master);
}


int
rum_redis_enter(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *address)
{
    if (rum_redis_open(redis, config, address) != RUM_OK) {
        return RUM_ERROR;
    }

    return rum_redis_login(redis, config);
}


int
rum_redis_open(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *address)
{
    uint64_t        timeout;
    struct timeval  tv;

    timeout = config->timeout;

    if (config->cluster && timeout > RUM_REDIS_NODE) {
        timeout = RUM_REDIS_NODE;
    }

    tv = rum_redis_timeval(timeout);

    if (address == NULL) {
        redis->ctx = redisConnectUnixWithTimeout(config->path, tv);

    } else {
        redis->ctx = redisConnectWithTimeout(address->host,
                                             (int) address->port, tv);
    }

    if (redis->ctx == NULL) {
        snprintf(redis->error, sizeof(redis->error), "no memory");
        return RUM_ERROR;
    }

    if (redis->ctx->err != 0) {
        rum_redis_fail(redis);
        return RUM_ERROR;
    }

    if (rum_redis_wait(redis, timeout) != RUM_OK) {
        return RUM_ERROR;
    }

    if (redis->ctx->connection_type == REDIS_CONN_TCP) {
        (void) redisEnableKeepAlive(redis->ctx);
    }

    if (address == NULL || !config->tls.on) {
        return RUM_OK;
    }

    redis->tls = rum_tls_connect(&config->tls, redis->ctx->fd, address->host,
                                 timeout, redis->error,
                                 sizeof(redis->error));
    if (redis->tls == NULL) {
        rum_redis_close(redis);
        return RUM_ERROR;
    }

    return RUM_OK;
}


int
rum_redis_wait(rum_redis_t *redis, uint64_t timeout)
{
    redis->timeout = timeout;

    if (redisSetTimeout(redis->ctx, rum_redis_timeval(timeout)) != REDIS_OK) {
        rum_redis_fail(redis);
        return RUM_ERROR;
    }

    return RUM_OK;
}


static struct timeval
rum_redis_timeval(uint64_t ms)
{
    struct timeval  tv;

    tv.tv_sec = (time_t) (ms / 1000);
    tv.tv_usec = (suseconds_t) (ms % 1000 * 1000);

    return tv;
}


static int
rum_redis_login(rum_redis_t *redis, const rum_config_t *config)
{
    if (rum_redis_auth(redis, config->user, config->password) != RUM_OK) {
        return RUM_ERROR;
    }

    (void) rum_redis_send(redis, "SELECT %u", config->db);
    (void) rum_redis_send(redis, "CLIENT SETNAME rum-aggregator");

    return rum_redis_skip(redis, 2);
}


int
rum_redis_auth(rum_redis_t *redis, const char *user, const char *password)
{
    if (password == NULL) {
        return RUM_OK;
    }

    if (user != NULL) {
        (void) rum_redis_send(redis, "AUTH %s %s", user, password);

    } else {
        (void) rum_redis_send(redis, "AUTH %s", password);
    }

    return rum_redis_skip(redis, 1);
}


void
rum_redis_close(rum_redis_t *redis)
{
    rum_tls_free(redis->tls);
    redis->tls = NULL;

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
    if (redis->ctx == NULL) {
        return RUM_ERROR;
    }

    return sdslen(redis->ctx->obuf) < RUM_REDIS_PUSH ? RUM_OK
                                                     : rum_redis_flush(redis);
}


int
rum_redis_flush(rum_redis_t *redis)
{
    int     rc, done;
    size_t  sent;

    if (redis->ctx == NULL) {
        return RUM_ERROR;
    }

    rc = RUM_OK;
    done = sdslen(redis->ctx->obuf) == 0;
    sent = 0;

    while (rc == RUM_OK && !done) {
        if (redis->tls == NULL) {
            rc = redisBufferWrite(redis->ctx, &done) == REDIS_OK ? RUM_OK
                                                                 : RUM_ERROR;
            continue;
        }

        rc = rum_redis_write(redis, &sent);
        done = sent == sdslen(redis->ctx->obuf);

        if (done) {
            sdsfree(redis->ctx->obuf);
            redis->ctx->obuf = sdsempty();
        }
    }

    if (rc != RUM_OK) {
        rum_redis_fail(redis);
    }

    return rc;
}


/* some more of the buffer, or waits */

static int
rum_redis_write(rum_redis_t *redis, size_t *sent)
{
    ssize_t  n;

    n = rum_tls_write(redis->tls, redis->ctx->obuf + *sent,
                      sdslen(redis->ctx->obuf) - *sent);

    if (n > 0) {
        *sent += (size_t) n;
        return RUM_OK;
    }

    return n == -1 && errno == EAGAIN
           ? rum_tls_wait(redis->tls, redis->timeout) : RUM_ERROR;
}


ssize_t
rum_redis_read(rum_redis_t *redis, void *buf, size_t len)
{
    ssize_t  n;

    if (redis->tls != NULL) {
        n = rum_tls_read(redis->tls, buf, len);

        if (n == 0 || (n == -1 && errno != EAGAIN)) {
            snprintf(redis->error, sizeof(redis->error), "%s",
                     rum_tls_error(redis->tls));
        }

        return n;
    }

    do {
        n = read(redis->ctx->fd, buf, len);
    } while (n == -1 && errno == EINTR);

    if (n == 0 || (n == -1 && errno != EAGAIN)) {
        snprintf(redis->error, sizeof(redis->error), "%s",
                 n == 0 ? "connection closed by Redis" : strerror(errno));
    }

    return n;
}


/* waits for a reply; what is queued is sent before */

static int
rum_redis_fetch(rum_redis_t *redis, void **data)
{
    char          buf[RUM_TLS_RECORD];
    ssize_t       n;
    redisReader  *reader;

    *data = NULL;
    reader = redis->ctx->reader;

    for ( ;; ) {
        if (redisReaderGetReply(reader, data) != REDIS_OK) {
            break;
        }

        if (*data != NULL) {
            return RUM_OK;
        }

        if (rum_redis_flush(redis) != RUM_OK) {
            return RUM_ERROR;
        }

        n = rum_redis_read(redis, buf, sizeof(buf));

        if (n == -1 && errno == EAGAIN) {
            if (redis->tls != NULL
                && rum_tls_wait(redis->tls, redis->timeout) == RUM_OK)
            {
                continue;
            }

            snprintf(redis->error, sizeof(redis->error), "timed out");
        }

        if (n <= 0) {
            rum_redis_close(redis);
            return RUM_ERROR;
        }

        if (redisReaderFeed(reader, buf, (size_t) n) != REDIS_OK) {
            break;
        }
    }

    snprintf(redis->error, sizeof(redis->error), "%s", reader->errstr);
    rum_redis_close(redis);

    return RUM_ERROR;
}


redisReply *
rum_redis_reply(rum_redis_t *redis)
{
    void        *data;
    redisReply  *reply;

    if (redis->ctx == NULL) {
        return NULL;
    }

    if (rum_redis_fetch(redis, &data) != RUM_OK) {
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
rum_redis_take(rum_redis_t *redis, int type, redisReply **reply)
{
    *reply = rum_redis_expect(redis, type);

    if (*reply != NULL) {
        return RUM_OK;
    }

    if (redis->ctx == NULL
        || strncmp(redis->error, RUM_WRONG_TYPE, RUM_WRONG_TYPE_LEN) != 0)
    {
        return RUM_ERROR;
    }

    redis->error[0] = '\0';

    return RUM_DECLINED;
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
    if (errno == EAGAIN
        && (redis->tls != NULL || redis->ctx->err == REDIS_ERR_IO))
    {
        snprintf(redis->error, sizeof(redis->error), "timed out");

    } else if (redis->tls != NULL && redis->ctx->err == 0) {
        snprintf(redis->error, sizeof(redis->error), "%s",
                 rum_tls_error(redis->tls));

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
