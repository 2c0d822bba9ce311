/*
 * One blocking connection to Redis, for all but the reading of events:
 * commands are queued, sent together, and their replies taken in order.
 *
 * Whatever does not go as expected, from a broken connection to an error
 * reply (-LOADING, -READONLY, -OOM, NOAUTH, MISCONF), is RUM_ERROR with a text
 * in "error", and makes the connection useless: the caller closes it, forgets
 * what it was not told to be stored, and begins again.
 */

#ifndef RUM_REDIS_H
#define RUM_REDIS_H

#include <hiredis/hiredis.h>

#include "rum_config.h"

/* how the error for a key of a wrong type begins */
#define RUM_WRONG_TYPE         "WRONGTYPE "
#define RUM_WRONG_TYPE_LEN     (sizeof(RUM_WRONG_TYPE) - 1)

typedef struct rum_nodes_s  rum_nodes_t;

typedef struct {
    redisContext         *ctx;          /* NULL while not connected */
    rum_tls_t            *tls;          /* NULL: plain */
    uint64_t              timeout;      /* ms */
    uint32_t              pending;      /* replies not taken yet */
    rum_address_t         master;       /* that the sentinels or the cluster
                                           named */
    uint32_t              partition;    /* that it is for, in a cluster */
    rum_nodes_t          *nodes;        /* of the cluster; the caller's */
    char                  error[256];
} rum_redis_t;

/* the arguments of one command; they are not copied until it is queued */
typedef struct {
    const char          **argv;
    size_t               *argvlen;
    uint32_t              n;
    uint32_t              size;
} rum_args_t;

/*
 * Connects (to the master that the sentinels name, if there are any, or the
 * node of the partition), authenticates, selects the database.  In a cluster
 * "partition" and "nodes" must be set.
 */
int rum_redis_connect(rum_redis_t *redis, const rum_config_t *config);

/*
 * The same, to the very server that the other one, which is connected, has:
 * while a master is replaced, asking again may lead to another one.
 */
int rum_redis_connect_beside(rum_redis_t *redis, const rum_redis_t *other,
    const rum_config_t *config);
void rum_redis_close(rum_redis_t *redis);

/* only connects, with TLS where that is on; address NULL: the unix socket */
int rum_redis_open(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *address);

/* how long to wait for a reply, ms */
int rum_redis_wait(rum_redis_t *redis, uint64_t timeout);

/* the same as _open(), and logs in */
int rum_redis_enter(rum_redis_t *redis, const rum_config_t *config,
    const rum_address_t *address);

/* AUTH; nothing where password is NULL */
int rum_redis_auth(rum_redis_t *redis, const char *user,
    const char *password);

/* queues a command, in the manner of redisAppendCommand() */
int rum_redis_send(rum_redis_t *redis, const char *fmt, ...);
int rum_redis_send_args(rum_redis_t *redis, const rum_args_t *args);

/* puts what is queued on the wire if it is much, and does not wait */
int rum_redis_push(rum_redis_t *redis);

/* puts all that is queued on the wire */
int rum_redis_flush(rum_redis_t *redis);

/*
 * For who parses replies by itself: as read(), after a poll() of the socket,
 * with room for RUM_TLS_RECORD bytes.  -1 and EAGAIN: nothing whole yet; 0
 * or any other -1: see "error".
 */
ssize_t rum_redis_read(rum_redis_t *redis, void *buf, size_t len);

/*
 * The next reply, of any type but an error; NULL on an error.  To be released
 * with freeReplyObject().
 */
redisReply *rum_redis_reply(rum_redis_t *redis);

/* the same, of that type only */
redisReply *rum_redis_expect(rum_redis_t *redis, int type);

/*
 * The same, of a key that somebody else may have written to: RUM_DECLINED if
 * it is of a wrong type, and the connection is as good as before.
 */
int rum_redis_take(rum_redis_t *redis, int type, redisReply **reply);

/* takes n replies and looks only whether they are errors */
int rum_redis_skip(rum_redis_t *redis, uint32_t n);

void rum_args_free(rum_args_t *args);

/* RUM_ERROR without memory */
int rum_args_add(rum_args_t *args, const void *data, size_t len);
int rum_args_text(rum_args_t *args, const char *text);

/*
 * A value of a flat reply of names and values (HGETALL, XINFO), or NULL;
 * and the same as a number, or the default.
 */
const redisReply *rum_reply_field(const redisReply *reply, const char *name);
int64_t rum_reply_number(const redisReply *reply, const char *name,
    int64_t otherwise);

/* an integer reply, or a string of digits */
int64_t rum_reply_integer(const redisReply *reply, int64_t otherwise);

#endif /* RUM_REDIS_H */
