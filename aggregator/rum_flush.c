/*
 * A flush: what was recorded goes into the rollups of Redis, together with
 * the checkpoint, in one transaction under the watch of the lease: see
 * rum_partition.h.
 *
 *   WATCH lease, GET lease, XINFO GROUPS, XINFO STREAM      is all as it was?
 *   HKEYS, HMGET                                            what is missing
 *   MULTI
 *   HSET, EXPIREAT, PFADD, SADD                             rollups
 *   XADD rejected, HSET writers, HSET health
 *   SET lease, XGROUP SETID                                 lease, checkpoint
 *   EXEC
 */

#include "rum_flush.h"


#define RUM_FLUSH_EVICT      15         /* seconds between evictions, */
#define RUM_FLUSH_REFUSED    3          /* while keys are of a wrong type */
#define RUM_FLUSH_REJECTED   "1000"     /* entries kept, about */


static int rum_flush_check(rum_partition_t *p, rum_redis_t *redis,
    unsigned *drained);
static int rum_flush_check_group(rum_partition_t *p,
    const redisReply *groups);
static unsigned rum_flush_entries_read(rum_partition_t *p,
    const redisReply *stream);
static int rum_flush_rejected(rum_flush_t *f);
static int rum_flush_writers(rum_flush_t *f);
static int rum_flush_end(rum_flush_t *f, uint64_t now);
static const rum_stream_id_t *rum_flush_target(const rum_partition_t *p);
static int rum_flush_replies(rum_flush_t *f);
static int rum_flush_refused(rum_flush_t *f, uint32_t command,
    const char *error);
static int rum_flush_stored(rum_flush_t *f);


int
rum_partition_flush(rum_partition_t *p, rum_redis_t *redis, uint64_t now,
    uint64_t ticks)
{
    int          rc;
    unsigned     drained;
    rum_flush_t  f;

    f.p = p;
    f.redis = redis;
    f.now = now / 1000;
    f.commands = 0;

    p->store.tick = (uint32_t) (ticks / 1000);
    p->store.nsent = 0;

    drained = 0;
    rc = rum_flush_check(p, redis, &drained);

    rum_flush_clock(&f, now, drained);

    if (rc == RUM_OK) {
        rc = rum_flush_load(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_redis_send(redis, "MULTI");
    }

    if (rc == RUM_OK) {
        rc = rum_flush_rollups(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_settle(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_rejected(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_writers(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_end(&f, now);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_replies(&f);
    }

    return rc == RUM_OK ? rum_flush_stored(&f) : rc;
}


/*
 * The checkpoint is looked at under the watch too: should a transaction
 * whose outcome was not known have been carried out late, it has moved.
 */

static int
rum_flush_check(rum_partition_t *p, rum_redis_t *redis, unsigned *drained)
{
    int          ours, moved;
    redisReply  *reply;

    (void) rum_redis_send(redis, "WATCH %s", p->lease);
    (void) rum_redis_send(redis, "GET %s", p->lease);
    (void) rum_redis_send(redis, "XINFO GROUPS %s", p->events);
    (void) rum_redis_send(redis, "XINFO STREAM %s", p->events);

    if (rum_redis_skip(redis, 1) != RUM_OK) {
        return RUM_ERROR;
    }

    reply = rum_redis_reply(redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    ours = reply->type == REDIS_REPLY_STRING
           && strcmp(reply->str, p->token) == 0;
    freeReplyObject(reply);

    reply = rum_redis_expect(redis, REDIS_REPLY_ARRAY);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    moved = rum_flush_check_group(p, reply) != RUM_OK;
    freeReplyObject(reply);

    reply = rum_redis_expect(redis, REDIS_REPLY_ARRAY);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    *drained = rum_flush_entries_read(p, reply);
    freeReplyObject(reply);

    if (ours && !moved) {
        return RUM_OK;
    }

    rum_log(RUM_LOG_WARN, "partition %u: %s; nothing was written", p->number,
            ours ? "the checkpoint was moved" : "the lease was lost");

    (void) rum_redis_send(redis, "UNWATCH");

    return rum_redis_skip(redis, 1) == RUM_OK ? RUM_DECLINED : RUM_ERROR;
}


static int
rum_flush_check_group(rum_partition_t *p, const redisReply *groups)
{
    size_t             i;
    rum_stream_id_t    at;
    const redisReply  *name, *id;

    for (i = 0; i < groups->elements; i++) {
        name = rum_reply_field(groups->element[i], "name");
        id = rum_reply_field(groups->element[i], "last-delivered-id");

        if (name != NULL && id != NULL && strcmp(name->str, RUM_GROUP) == 0
            && rum_stream_id_parse(id->str, id->len, &at) == RUM_OK)
        {
            return rum_stream_id_cmp(&at, &p->checkpoint) == 0
                   ? RUM_OK : RUM_DECLINED;
        }
    }

    return RUM_DECLINED;
}


/*
 * How many entries ever added come up to the position: Redis makes the lag
 * of it.  What was trimmed before it was read is not in our count; at the
 * ends of the stream the true one is known.  1 if it is the end.
 */

static unsigned
rum_flush_entries_read(rum_partition_t *p, const redisReply *stream)
{
    int64_t            added, length;
    rum_stream_id_t    first, last;
    const redisReply  *id;

    added = rum_reply_number(stream, "entries-added", -1);
    length = rum_reply_number(stream, "length", -1);

    if (added < 0 || length < 0) {
        return 0;
    }

    id = rum_reply_field(stream, "last-generated-id");

    if (id != NULL && rum_stream_id_parse(id->str, id->len, &last) == RUM_OK
        && rum_stream_id_cmp(rum_flush_target(p), &last) >= 0)
    {
        p->entries_read = added;
        return 1;
    }

    id = rum_reply_field(stream, "recorded-first-entry-id");

    if (id != NULL && rum_stream_id_parse(id->str, id->len, &first) == RUM_OK
        && rum_stream_id_cmp(rum_flush_target(p), &first) < 0)
    {
        p->entries_read = added - length;
    }

    return 0;
}


static int
rum_flush_rejected(rum_flush_t *f)
{
    int                    rc;
    size_t                 i;
    rum_args_t            *args;
    rum_delta_t           *d;
    const rum_rejected_t  *r;

    d = &f->p->delta;
    args = &f->p->scratch->args;

    for (i = 0; i < d->nrejected; i++) {
        r = &d->rejected[i];

        args->n = 0;
        rc = rum_args_text(args, "XADD");
        rc |= rum_args_text(args, f->p->rejected);
        rc |= rum_args_text(args, "MAXLEN");
        rc |= rum_args_text(args, "~");
        rc |= rum_args_text(args, RUM_FLUSH_REJECTED);
        rc |= rum_args_text(args, "*");
        rc |= rum_args_text(args, "entry");
        rc |= rum_args_text(args, r->entry);
        rc |= rum_args_text(args, "error");
        rc |= rum_args_text(args, r->error);

        if (r->has_id) {
            rc |= rum_args_text(args, "id");
            rc |= rum_args_add(args, d->strings + r->id, r->id_len);
        }

        if (r->has_e) {
            rc |= rum_args_text(args, "e");
            rc |= rum_args_add(args, d->strings + r->e, r->e_len);
        }

        if (rc != RUM_OK
            || rum_redis_send_args(f->redis, args) != RUM_OK
            || rum_redis_push(f->redis) != RUM_OK)
        {
            return RUM_ERROR;
        }

        f->commands++;
    }

    return RUM_OK;
}


static int
rum_flush_writers(rum_flush_t *f)
{
    int              rc, len;
    char             value[RUM_WRITER_VALUE];
    uint32_t         i;
    uint64_t         now;
    rum_writer_t    *writer;
    rum_writers_t   *w;

    w = &f->p->writers;

    /* a backlog is read late: who is silent there is not so until now */

    now = f->clock / 1000 < f->now ? f->clock / 1000 : f->now;

    for (i = 0; i < w->n; i++) {
        writer = &w->writers[i];

        if (writer->dirty) {
            len = rum_writer_write(writer, value);
            rc = rum_redis_send(f->redis, "HSET %s %b %b", f->p->writers_key,
                                writer->name, (size_t) writer->len, value,
                                (size_t) len);

        } else if (writer->time + RUM_WRITER_IDLE < now) {
            writer->gone = 1;
            rc = rum_redis_send(f->redis, "HDEL %s %b", f->p->writers_key,
                                writer->name, (size_t) writer->len);

        } else {
            continue;
        }

        if (rc != RUM_OK) {
            return rc;
        }

        f->commands++;
    }

    return RUM_OK;
}


/* health, lease, checkpoint, and EXEC */

static int
rum_flush_end(rum_flush_t *f, uint64_t now)
{
    char              id[RUM_STREAM_ID_MAX];
    rum_partition_t  *p;

    p = f->p;

    (void) rum_stream_id_write(rum_flush_target(p), id);

    p->health.wrong_type += p->store.wrong_type;
    p->store.wrong_type = 0;

    if (rum_health_write(&p->health, f->redis, p->health_key, p->token, now)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    (void) rum_redis_send(f->redis, "SET %s %s PX %llu", p->lease, p->token,
                          (unsigned long long) p->config->lease);
    (void) rum_redis_send(f->redis, "XGROUP SETID %s %s %s ENTRIESREAD %lld",
                          p->events, RUM_GROUP, id,
                          (long long) p->entries_read);

    f->commands += 3;

    return rum_redis_send(f->redis, "EXEC");
}


/* while what is before the checkpoint is read again, it stays where it is */

static const rum_stream_id_t *
rum_flush_target(const rum_partition_t *p)
{
    return rum_stream_id_cmp(&p->position, &p->checkpoint) > 0
           ? &p->position : &p->checkpoint;
}


static int
rum_flush_replies(rum_flush_t *f)
{
    int          rc;
    uint32_t     i;
    redisReply  *reply;

    if (rum_redis_skip(f->redis, f->commands + 1) != RUM_OK) {
        return RUM_ERROR;
    }

    reply = rum_redis_reply(f->redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(reply);
        rum_log(RUM_LOG_WARN, "partition %u: the lease was lost; nothing "
                "was written", f->p->number);
        return RUM_DECLINED;
    }

    rc = RUM_OK;

    for (i = 0; rc == RUM_OK && i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            rc = rum_flush_refused(f, i, reply->element[i]->str);
        }
    }

    freeReplyObject(reply);

    return rc;
}


/*
 * The rest of the transaction is done all the same.  If it is not a rollup
 * that was refused, memory does not know any more what Redis holds.
 */

static int
rum_flush_refused(rum_flush_t *f, uint32_t command, const char *error)
{
    int  rc;

    rc = RUM_DECLINED;

    if (strncmp(error, RUM_WRONG_TYPE, RUM_WRONG_TYPE_LEN) == 0) {
        rc = rum_store_refused(&f->p->store, command);
    }

    if (rc == RUM_OK) {

        /* sessions that did not get where they belong are sent again */

        rum_map_clear(&f->p->sessions);

    } else if (rc == RUM_DECLINED) {
        rum_log(RUM_LOG_ERROR, "partition %u: Redis refused a part of a "
                "flush: %s", f->p->number, error);
    }

    return rc;
}


static int
rum_flush_stored(rum_flush_t *f)
{
    int               rc;
    rum_partition_t  *p;

    p = f->p;

    p->checkpoint = *rum_flush_target(p);
    rum_delta_reset(&p->delta);
    rum_errors_stored(&p->errors);

    rc = rum_writers_stored(&p->writers);

    if (rc == RUM_OK) {
        rc = rum_settle_stored(&p->settle);
    }

    if (rc == RUM_OK && p->store.tick >= p->evict_at) {
        p->evict_at = p->store.tick
                      + (p->store.refusing ? RUM_FLUSH_REFUSED
                                             : RUM_FLUSH_EVICT);
        rc = rum_store_evict(&p->store);
    }

    if (rc == RUM_OK && rum_intern_sweep_due(&p->intern)) {
        rum_store_mark(&p->store, &p->intern);
        rum_recent_mark(&p->recent, &p->intern);
        rum_intern_sweep(&p->intern);

        /* their keys are made of numbers that may mean something else now */

        rum_map_clear(&p->sessions);
    }

    return rc;
}
