/*
 * The lease of a partition and its state in memory: see rum_partition.h.
 */

#include "rum_partition.h"

#include <stdio.h>
#include <stdlib.h>


static int rum_partition_take_lease(rum_partition_t *p, rum_redis_t *redis);
static int rum_partition_set_lease(rum_partition_t *p, rum_redis_t *redis);
static int rum_partition_open(rum_partition_t *p);
static int rum_partition_load(rum_partition_t *p, rum_redis_t *redis);
static redisReply *rum_partition_array(rum_redis_t *redis,
    const char *key);
static int rum_partition_load_group(rum_partition_t *p, rum_redis_t *redis);
static int rum_partition_load_checkpoint(rum_partition_t *p,
    const redisReply *groups);
static void rum_partition_load_found(rum_partition_t *p,
    const redisReply *stream);
static int rum_partition_load_writers(rum_partition_t *p,
    const redisReply *reply);
static int rum_partition_load_open(rum_partition_t *p,
    const redisReply *fields);
static int rum_partition_load_sites(rum_partition_t *p, rum_redis_t *redis,
    const redisReply *sites);
static int rum_partition_load_index(rum_partition_t *p, rum_site_t *site,
    const redisReply *index);
static int rum_partition_unescape(rum_key_t *key, const char *prefix,
    const redisReply *text, unsigned char *buf, unsigned char *scratch);


int
rum_scratch_init(rum_scratch_t *scratch)
{
    memset(scratch, 0, sizeof(rum_scratch_t));
    rum_gather_init(&scratch->gather);
    rum_histogram_init(&scratch->histogram);
    scratch->decoder = rum_entry_decoder_create();

    return scratch->decoder != NULL ? RUM_OK : RUM_ERROR;
}


void
rum_scratch_free(rum_scratch_t *scratch)
{
    rum_gather_free(&scratch->gather);
    rum_histogram_free(&scratch->histogram);
    rum_args_free(&scratch->args);
    rum_entry_decoder_destroy(scratch->decoder);
}


void
rum_partition_init(rum_partition_t *p, const rum_config_t *config,
    rum_scratch_t *scratch, const char *token, uint32_t number,
    uint64_t seed)
{
    size_t     i;

    struct {
        char       *buf;
        rum_key_e   type;
    } names[] = {
        { p->events, RUM_KEY_EVENTS },
        { p->lease, RUM_KEY_LEASE },
        { p->writers_key, RUM_KEY_WRITERS },
        { p->health_key, RUM_KEY_HEALTH },
        { p->sites_key, RUM_KEY_SITES },
        { p->rejected, RUM_KEY_REJECTED },
        { p->open_key, RUM_KEY_UNSETTLED }
    };

    rum_key_t  key;

    memset(p, 0, sizeof(rum_partition_t));

    p->config = config;
    p->scratch = scratch;
    p->token = token;
    p->number = number;
    p->seed = seed;

    memset(&key, 0, sizeof(key));
    key.partition = number;

    /* the rest of each buffer is zero: the names are terminated */

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        key.type = names[i].type;
        (void) rum_key_write(&key, (unsigned char *) names[i].buf,
                             RUM_PARTITION_KEY - 1);
    }
}


int
rum_partition_acquire(rum_partition_t *p, rum_redis_t *redis)
{
    int  rc;

    rc = rum_partition_take_lease(p, redis);
    if (rc != RUM_OK) {
        return rc;
    }

    rc = rum_partition_open(p);

    if (rc == RUM_OK) {
        rc = rum_partition_load(p, redis);
    }

    if (rc != RUM_OK) {
        rum_partition_drop(p);
        return rc;
    }

    p->held = 1;
    p->told = 0;

    return RUM_OK;
}


static int
rum_partition_take_lease(rum_partition_t *p, rum_redis_t *redis)
{
    int          mine;
    redisReply  *reply;

    (void) rum_redis_send(redis, "WATCH %s", p->lease);
    (void) rum_redis_send(redis, "GET %s", p->lease);
    (void) rum_redis_send(redis, "PTTL %s", p->lease);

    if (rum_redis_skip(redis, 1) != RUM_OK) {
        return RUM_ERROR;
    }

    reply = rum_redis_reply(redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    mine = reply->type == REDIS_REPLY_NIL
           || (reply->type == REDIS_REPLY_STRING
               && strcmp(reply->str, p->token) == 0);

    snprintf(p->holder, sizeof(p->holder), "%s",
             reply->type == REDIS_REPLY_STRING && reply->len > 0
             ? reply->str : "nobody");
    freeReplyObject(reply);

    reply = rum_redis_expect(redis, REDIS_REPLY_INTEGER);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    p->free_in = reply->integer > 0 ? (uint64_t) reply->integer : 0;
    freeReplyObject(reply);

    if (mine) {
        return rum_partition_set_lease(p, redis);
    }

    (void) rum_redis_send(redis, "UNWATCH");

    return rum_redis_skip(redis, 1) == RUM_OK ? RUM_DECLINED : RUM_ERROR;
}


/* the lease is watched; RUM_DECLINED if another was faster */

static int
rum_partition_set_lease(rum_partition_t *p, rum_redis_t *redis)
{
    int          rc;
    redisReply  *reply;

    (void) rum_redis_send(redis, "MULTI");
    (void) rum_redis_send(redis, "SET %s %s PX %llu", p->lease, p->token,
                          (unsigned long long) p->config->lease);
    (void) rum_redis_send(redis, "EXEC");

    if (rum_redis_skip(redis, 2) != RUM_OK) {
        return RUM_ERROR;
    }

    reply = rum_redis_reply(redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    rc = reply->type == REDIS_REPLY_ARRAY ? RUM_OK : RUM_DECLINED;
    freeReplyObject(reply);

    if (rc == RUM_DECLINED) {
        p->holder[0] = '\0';
    }

    return rc;
}


int
rum_partition_release(rum_partition_t *p, rum_redis_t *redis)
{
    int          mine;
    redisReply  *reply;

    (void) rum_redis_send(redis, "WATCH %s", p->lease);
    (void) rum_redis_send(redis, "GET %s", p->lease);

    if (rum_redis_skip(redis, 1) != RUM_OK) {
        return RUM_ERROR;
    }

    reply = rum_redis_reply(redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    mine = reply->type == REDIS_REPLY_STRING
           && strcmp(reply->str, p->token) == 0;
    freeReplyObject(reply);

    if (!mine) {
        (void) rum_redis_send(redis, "UNWATCH");
        return rum_redis_skip(redis, 1);
    }

    (void) rum_redis_send(redis, "MULTI");
    (void) rum_redis_send(redis, "DEL %s", p->lease);
    (void) rum_redis_send(redis, "EXEC");

    return rum_redis_skip(redis, 3);
}


static int
rum_partition_open(rum_partition_t *p)
{
    int  rc;

    rum_sites_init(&p->sites, p->config, p->seed);
    rum_delta_init(&p->delta, &p->config->rollup);
    rum_errors_init(&p->errors);
    rum_recent_init(&p->recent, p->config);
    rum_settle_init(&p->settle);
    rum_lately_init(&p->speed, p->config);
    rum_lately_init(&p->lists, p->config);
    rum_writers_init(&p->writers, p->seed);
    rum_writers_init(&p->reread, p->seed);
    rum_map_init(&p->sessions);
    memset(&p->health, 0, sizeof(rum_health_t));

    rc = rum_intern_init(&p->intern, p->seed);
    rc |= rum_store_init(&p->store, p->config, &p->sites, &p->intern,
                         p->number);

    return rc;
}


void
rum_partition_drop(rum_partition_t *p)
{
    p->held = 0;

    rum_store_free(&p->store);
    rum_writers_free(&p->writers);
    rum_writers_free(&p->reread);
    rum_settle_free(&p->settle);
    rum_lately_free(&p->speed);
    rum_lately_free(&p->lists);
    rum_recent_free(&p->recent);
    rum_errors_free(&p->errors);
    rum_delta_free(&p->delta);
    rum_sites_free(&p->sites);
    rum_intern_free(&p->intern);
    rum_map_free(&p->sessions);
}


int
rum_partition_pending(const rum_partition_t *p)
{
    return !rum_delta_empty(&p->delta)
           || rum_stream_id_cmp(&p->position, &p->checkpoint) > 0;
}


static int
rum_partition_load(rum_partition_t *p, rum_redis_t *redis)
{
    int          rc;
    redisReply  *reply;

    rc = rum_partition_load_group(p, redis);
    if (rc != RUM_OK) {
        return rc;
    }

    (void) rum_redis_send(redis, "HGETALL %s", p->health_key);
    (void) rum_redis_send(redis, "HGETALL %s", p->writers_key);
    (void) rum_redis_send(redis, "HKEYS %s", p->open_key);
    (void) rum_redis_send(redis, "SMEMBERS %s", p->sites_key);

    reply = rum_partition_array(redis, p->health_key);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    rum_health_load(&p->health, reply);
    freeReplyObject(reply);

    reply = rum_partition_array(redis, p->writers_key);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    rc = rum_partition_load_writers(p, reply);
    freeReplyObject(reply);

    reply = rum_partition_array(redis, p->open_key);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    if (rc == RUM_OK) {
        rc = rum_partition_load_open(p, reply);
    }

    freeReplyObject(reply);

    reply = rum_partition_array(redis, p->sites_key);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    if (rc == RUM_OK) {
        rc = rum_partition_load_sites(p, redis, reply);
    }

    freeReplyObject(reply);

    return rc;
}


/*
 * Without one of these keys the rest cannot be trusted: who cleans up must
 * know which it is.
 */

static redisReply *
rum_partition_array(rum_redis_t *redis, const char *key)
{
    int          rc;
    redisReply  *reply;

    rc = rum_redis_take(redis, REDIS_REPLY_ARRAY, &reply);

    if (rc == RUM_DECLINED) {
        snprintf(redis->error, sizeof(redis->error), "the key \"%.200s\" is "
                 "of a wrong type", key);
    }

    return reply;
}


/* the group is made if it is missing, and the stream with it */

static int
rum_partition_load_group(rum_partition_t *p, rum_redis_t *redis)
{
    int          rc;
    redisReply  *reply;

    (void) rum_redis_send(redis, "XGROUP CREATE %s %s 0 MKSTREAM", p->events,
                          RUM_GROUP);
    (void) rum_redis_send(redis, "XINFO GROUPS %s", p->events);
    (void) rum_redis_send(redis, "XINFO STREAM %s", p->events);

    reply = rum_redis_reply(redis);

    if (reply == NULL && strncmp(redis->error, "BUSYGROUP", 9) != 0) {
        return RUM_ERROR;
    }

    if (reply != NULL) {
        freeReplyObject(reply);
    }

    reply = rum_redis_expect(redis, REDIS_REPLY_ARRAY);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    rc = rum_partition_load_checkpoint(p, reply);
    freeReplyObject(reply);

    reply = rum_redis_expect(redis, REDIS_REPLY_ARRAY);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    rum_partition_load_found(p, reply);
    freeReplyObject(reply);

    return rc;
}


static int
rum_partition_load_checkpoint(rum_partition_t *p, const redisReply *groups)
{
    size_t             i;
    const redisReply  *name, *id;

    for (i = 0; i < groups->elements; i++) {
        name = rum_reply_field(groups->element[i], "name");
        id = rum_reply_field(groups->element[i], "last-delivered-id");

        if (name == NULL || id == NULL || strcmp(name->str, RUM_GROUP) != 0
            || rum_stream_id_parse(id->str, id->len, &p->checkpoint)
               != RUM_OK)
        {
            continue;
        }

        p->entries_read = rum_reply_number(groups->element[i],
                                           "entries-read", -1);

        /* reading begins earlier: what is remembered is built up again */

        memset(&p->position, 0, sizeof(rum_stream_id_t));

        if (p->checkpoint.ms > p->config->recent) {
            p->position.ms = p->checkpoint.ms - p->config->recent;
        }

        p->asked = p->position;

        return RUM_OK;
    }

    return RUM_ERROR;
}


static void
rum_partition_load_found(rum_partition_t *p, const redisReply *stream)
{
    const redisReply  *id;

    id = rum_reply_field(stream, "last-generated-id");

    if (id == NULL
        || rum_stream_id_parse(id->str, id->len, &p->found) != RUM_OK)
    {
        p->found = p->checkpoint;
    }
}


static int
rum_partition_load_writers(rum_partition_t *p, const redisReply *reply)
{
    int        rc;
    size_t     i;
    rum_str_t  name, value;

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name.data = (unsigned char *) reply->element[i]->str;
        name.len = reply->element[i]->len;
        value.data = (unsigned char *) reply->element[i + 1]->str;
        value.len = reply->element[i + 1]->len;

        rc = rum_writers_load(&p->writers, &name, &value);

        if (rc == RUM_ERROR) {
            return rc;
        }

        if (rc == RUM_DECLINED) {
            rum_log(RUM_LOG_ERROR, "partition %u: the field \"%s\" of "
                    "\"%s\" is broken", p->number, reply->element[i]->str,
                    p->writers_key);
        }
    }

    return RUM_OK;
}


/* "SECONDS SITE": minutes with values that may still be replaced */

static int
rum_partition_load_open(rum_partition_t *p, const redisReply *fields)
{
    char               *end;
    size_t              i;
    uint32_t            number;
    rum_str_t           site;
    unsigned long       start;
    const redisReply   *field;

    for (i = 0; i < fields->elements; i++) {
        field = fields->element[i];

        start = strtoul(field->str, &end, 10);

        if (*end != ' ' || start / 60 > UINT32_MAX) {
            rum_log(RUM_LOG_ERROR, "partition %u: the field \"%s\" of "
                    "\"%s\" is broken", p->number, field->str, p->open_key);
            continue;
        }

        site.data = (unsigned char *) end + 1;
        site.len = field->len - (size_t) (end + 1 - field->str);

        if (rum_sites_find(&p->sites, &site, 1, &number) != RUM_OK
            || rum_settle_add(&p->settle, number, (uint32_t) (start / 60), 1)
               != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static int
rum_partition_load_sites(rum_partition_t *p, rum_redis_t *redis,
    const redisReply *sites)
{
    int             rc;
    size_t          i;
    uint32_t        number;
    rum_key_t       key;
    redisReply     *reply;
    char            name[RUM_KEY_MAX];
    unsigned char   buf[RUM_KEY_MAX], scratch[RUM_KEY_MAX];

    for (i = 0; i < sites->elements; i++) {
        (void) rum_redis_send(redis, "SMEMBERS rum:{%u}:index:%b", p->number,
                              sites->element[i]->str,
                              sites->element[i]->len);
    }

    for (i = 0; i < sites->elements; i++) {
        snprintf(name, sizeof(name), "rum:{%u}:index:%s", p->number,
                 sites->element[i]->str);

        reply = rum_partition_array(redis, name);
        if (reply == NULL) {
            return RUM_ERROR;
        }

        rc = RUM_OK;

        if (rum_partition_unescape(&key, "rum:{0}:index:",
                                   sites->element[i], buf, scratch)
            == RUM_OK)
        {
            rc = rum_sites_find(&p->sites, &key.site, 1, &number);

            if (rc == RUM_OK) {
                p->sites.sites[number]->stored = 1;
                rc = rum_partition_load_index(p, p->sites.sites[number],
                                              reply);
            }
        }

        freeReplyObject(reply);

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_partition_load_index(rum_partition_t *p, rum_site_t *site,
    const redisReply *index)
{
    int             rc;
    size_t          i;
    rum_key_t       key;
    unsigned char   buf[RUM_KEY_MAX], scratch[RUM_KEY_MAX];

    for (i = 0; i < index->elements; i++) {
        if (rum_partition_unescape(&key, "rum:{0}:total:0:site:",
                                   index->element[i], buf, scratch)
            != RUM_OK)
        {
            continue;
        }

        rc = rum_site_load(&p->sites, site, &key.dimension, &key.metric);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* members of sets are written as in keys: read them as the end of one */

static int
rum_partition_unescape(rum_key_t *key, const char *prefix,
    const redisReply *text, unsigned char *buf, unsigned char *scratch)
{
    size_t     len;
    rum_str_t  whole;

    len = strlen(prefix);

    if (text->type != REDIS_REPLY_STRING || text->len > RUM_KEY_MAX - len) {
        return RUM_ERROR;
    }

    memcpy(buf, prefix, len);
    memcpy(buf + len, text->str, text->len);

    whole.data = buf;
    whole.len = len + text->len;

    return rum_key_parse(key, &whole, scratch);
}
