/*
 * rum-aggregator tail: see rum_tail.h.  It reads beside the aggregator and
 * changes nothing in Redis.
 */

#include "rum_tail.h"

#include <errno.h>
#include <float.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <msgpack.h>
#include <yajl/yajl_gen.h>

#include "rum_nodes.h"
#include "rum_reader.h"


#define RUM_TAIL_DEPTH    16            /* deeper is not printed */


typedef struct {
    uint32_t              nlinks;       /* one, or in a cluster one for each
                                           partition */
    rum_redis_t          *links;
    struct pollfd        *polls;        /* of the links */
    rum_nodes_t           nodes;
    const char           *error;
    rum_stream_id_t      *last;         /* by partition */
    rum_args_t            args;
    uint32_t              partitions;
    uint64_t              timeout;      /* ms, for a reply */
    yajl_gen              gen;
} rum_tail_t;

typedef struct {
    rum_stream_id_t       id;
    const redisReply     *entry;
} rum_tail_entry_t;


static int rum_tail_init(rum_tail_t *t, const rum_config_t *config);
static void rum_tail_free(rum_tail_t *t);
static int rum_tail_connect(rum_tail_t *t, const rum_config_t *config);
static rum_redis_t *rum_tail_link(rum_tail_t *t, uint32_t partition);
static int rum_tail_failed(rum_tail_t *t, const rum_redis_t *redis);
static int rum_tail_history(rum_tail_t *t, unsigned count);
static int rum_tail_history_print(rum_tail_t *t, redisReply **replies,
    unsigned count);
static int rum_tail_collect(rum_tail_t *t, redisReply **replies,
    rum_tail_entry_t *entries);
static int rum_tail_compare(const void *one, const void *two);
static int rum_tail_next(rum_tail_t *t);
static int rum_tail_request(rum_tail_t *t, uint32_t link);
static int rum_tail_answer(rum_tail_t *t, rum_redis_t *redis);
static int rum_tail_streams(rum_tail_t *t, const redisReply *reply);
static int rum_tail_entry(rum_tail_t *t, const redisReply *entry);
static void rum_tail_event(yajl_gen gen, const redisReply *e);
static void rum_tail_value(yajl_gen gen, const msgpack_object *o,
    unsigned depth);
static void rum_tail_number(yajl_gen gen, double value, int single);
static void rum_tail_text(yajl_gen gen, const char *s, size_t len);


int
rum_tail(const rum_config_t *config, unsigned count, int follow)
{
    int         rc;
    uint32_t    i;
    rum_tail_t  t;

    rc = rum_tail_init(&t, config);

    if (rc == RUM_OK) {
        rc = rum_tail_connect(&t, config);
    }

    if (rc == RUM_OK) {
        rc = rum_tail_history(&t, count);
    }

    for (i = 0; rc == RUM_OK && follow && i < t.nlinks; i++) {
        rc = rum_tail_request(&t, i);
    }

    while (rc == RUM_OK && follow) {
        rc = rum_tail_next(&t);
    }

    if (rc == RUM_ERROR) {
        rum_log(RUM_LOG_ERROR, "Redis: %s", t.error);
    }

    rum_tail_free(&t);

    return rc == RUM_DECLINED ? RUM_OK : rc;
}


static int
rum_tail_init(rum_tail_t *t, const rum_config_t *config)
{
    uint32_t  i;

    memset(t, 0, sizeof(rum_tail_t));
    t->error = "no memory";
    t->partitions = config->partitions;
    t->timeout = config->timeout;
    t->nlinks = config->cluster ? config->partitions : 1;

    t->last = calloc(config->partitions, sizeof(rum_stream_id_t));
    t->links = calloc(t->nlinks, sizeof(rum_redis_t));
    t->polls = calloc(t->nlinks, sizeof(struct pollfd));
    t->gen = yajl_gen_alloc(NULL);

    if (t->last == NULL || t->links == NULL || t->polls == NULL
        || t->gen == NULL)
    {
        return RUM_ERROR;
    }

    for (i = 0; i < t->nlinks; i++) {
        t->links[i].partition = i;
        t->links[i].nodes = &t->nodes;
    }

    yajl_gen_config(t->gen, yajl_gen_validate_utf8, 1);

    return RUM_OK;
}


static void
rum_tail_free(rum_tail_t *t)
{
    uint32_t  i;

    for (i = 0; t->links != NULL && i < t->nlinks; i++) {
        rum_redis_close(&t->links[i]);
    }

    if (t->gen != NULL) {
        yajl_gen_free(t->gen);
    }

    rum_args_free(&t->args);
    free(t->links);
    free(t->polls);
    free(t->last);
}


static int
rum_tail_connect(rum_tail_t *t, const rum_config_t *config)
{
    uint32_t  i;

    for (i = 0; i < t->nlinks; i++) {
        if (rum_redis_connect(&t->links[i], config) != RUM_OK) {
            return rum_tail_failed(t, &t->links[i]);
        }
    }

    return RUM_OK;
}


static rum_redis_t *
rum_tail_link(rum_tail_t *t, uint32_t partition)
{
    return &t->links[partition % t->nlinks];
}


static int
rum_tail_failed(rum_tail_t *t, const rum_redis_t *redis)
{
    t->error = redis->error;

    return RUM_ERROR;
}


/* the last entries of each stream, put in order, and the last of those */

static int
rum_tail_history(rum_tail_t *t, unsigned count)
{
    int           rc;
    uint32_t      i;
    redisReply  **replies;

    replies = calloc(t->partitions, sizeof(redisReply *));
    if (replies == NULL) {
        return RUM_ERROR;
    }

    /* one entry at least, to know where to go on */

    for (i = 0; i < t->partitions; i++) {
        (void) rum_redis_send(rum_tail_link(t, i),
                              "XREVRANGE rum:{%u}:events + - COUNT %u", i,
                              count > 0 ? count : 1);
    }

    rc = RUM_OK;

    for (i = 0; rc == RUM_OK && i < t->partitions; i++) {
        replies[i] = rum_redis_expect(rum_tail_link(t, i),
                                      REDIS_REPLY_ARRAY);
        rc = replies[i] != NULL ? RUM_OK
                                : rum_tail_failed(t, rum_tail_link(t, i));
    }

    if (rc == RUM_OK) {
        rc = rum_tail_history_print(t, replies, count);
    }

    for (i = 0; i < t->partitions; i++) {
        if (replies[i] != NULL) {
            freeReplyObject(replies[i]);
        }
    }

    free(replies);

    return rc;
}


static int
rum_tail_history_print(rum_tail_t *t, redisReply **replies, unsigned count)
{
    int                rc, n;
    size_t             size;
    uint32_t           i;
    rum_tail_entry_t  *entries;

    for (i = 0, size = 1; i < t->partitions; i++) {
        size += replies[i]->elements;
    }

    entries = malloc(size * sizeof(rum_tail_entry_t));
    if (entries == NULL) {
        return RUM_ERROR;
    }

    n = rum_tail_collect(t, replies, entries);
    rc = n < 0 ? RUM_ERROR : RUM_OK;

    if (n > 0) {
        qsort(entries, (size_t) n, sizeof(rum_tail_entry_t),
              rum_tail_compare);
    }

    for (i = (unsigned) n > count ? (unsigned) n - count : 0;
         rc == RUM_OK && i < (unsigned) n;
         i++)
    {
        rc = rum_tail_entry(t, entries[i].entry);
    }

    free(entries);

    return rc;
}


static int
rum_tail_collect(rum_tail_t *t, redisReply **replies,
    rum_tail_entry_t *entries)
{
    int                n;
    size_t             k;
    uint32_t           i;
    const redisReply  *entry, *id;

    for (i = 0, n = 0; i < t->partitions; i++) {
        for (k = 0; k < replies[i]->elements; k++) {
            entry = replies[i]->element[k];
            id = entry->elements == 2 ? entry->element[0] : NULL;

            if (id == NULL
                || rum_stream_id_parse(id->str, id->len, &entries[n].id)
                   != RUM_OK)
            {
                return RUM_ERROR;
            }

            if (k == 0) {
                t->last[i] = entries[n].id;
            }

            entries[n++].entry = entry;
        }
    }

    return n;
}


static int
rum_tail_compare(const void *one, const void *two)
{
    const rum_tail_entry_t  *a, *b;

    a = one;
    b = two;

    return rum_stream_id_cmp(&a->id, &b->id);
}


/* prints what comes on any link, and asks for more there */

static int
rum_tail_next(rum_tail_t *t)
{
    int       rc, n;
    uint32_t  i;

    for (i = 0; i < t->nlinks; i++) {
        t->polls[i].fd = t->links[i].ctx->fd;
        t->polls[i].events = POLLIN;
        t->polls[i].revents = 0;
    }

    n = poll(t->polls, t->nlinks, (int) t->timeout);

    if (n <= 0) {
        t->error = n == 0 ? "timed out" : strerror(errno);
        return n == -1 && errno == EINTR ? RUM_OK : RUM_ERROR;
    }

    for (i = 0; i < t->nlinks; i++) {
        if (t->polls[i].revents == 0) {
            continue;
        }

        rc = rum_tail_answer(t, &t->links[i]);

        if (rc == RUM_OK) {
            rc = rum_tail_request(t, i);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* Redis answers before the timeout, with nothing if there is nothing */

static int
rum_tail_request(rum_tail_t *t, uint32_t link)
{
    int           rc;
    char         *text, *p, block[24];
    uint32_t      i;
    rum_redis_t  *redis;

    redis = &t->links[link];

    snprintf(block, sizeof(block), "%llu",
             (unsigned long long) t->timeout / 2);

    text = malloc(t->partitions * (size_t) (RUM_STREAM_ID_MAX + 32));
    if (text == NULL) {
        return RUM_ERROR;
    }

    t->args.n = 0;
    rc = rum_args_text(&t->args, "XREAD");
    rc |= rum_args_text(&t->args, "BLOCK");
    rc |= rum_args_text(&t->args, block);
    rc |= rum_args_text(&t->args, "STREAMS");

    for (i = link, p = text; i < t->partitions; i += t->nlinks, p += 32) {
        sprintf(p, "rum:{%u}:events", i);
        rc |= rum_args_text(&t->args, p);
    }

    for (i = link; i < t->partitions; i += t->nlinks) {
        (void) rum_stream_id_write(&t->last[i], p);
        rc |= rum_args_text(&t->args, p);
        p += RUM_STREAM_ID_MAX;
    }

    if (rc == RUM_OK
        && (rum_redis_send_args(redis, &t->args) != RUM_OK
            || rum_redis_flush(redis) != RUM_OK))
    {
        rc = rum_tail_failed(t, redis);
    }

    free(text);

    return rc;
}


static int
rum_tail_answer(rum_tail_t *t, rum_redis_t *redis)
{
    int          rc;
    redisReply  *reply;

    reply = rum_redis_reply(redis);
    if (reply == NULL) {
        return rum_tail_failed(t, redis);
    }

    rc = rum_tail_streams(t, reply);
    freeReplyObject(reply);

    return rc;
}


static int
rum_tail_streams(rum_tail_t *t, const redisReply *reply)
{
    int                rc;
    size_t             i, k;
    unsigned           partition;
    const redisReply  *stream, *entries, *id;

    /* nil, an empty answer, has no elements */

    for (i = 0; i < reply->elements; i++) {
        stream = reply->element[i];

        if (stream->elements != 2
            || sscanf(stream->element[0]->str, "rum:{%u}", &partition) != 1
            || partition >= t->partitions)
        {
            t->error = "an answer for a stream not asked for";
            return RUM_ERROR;
        }

        entries = stream->element[1];

        for (k = 0; k < entries->elements; k++) {
            rc = rum_tail_entry(t, entries->element[k]);
            if (rc != RUM_OK) {
                return rc;
            }

            id = entries->element[k]->element[0];
            (void) rum_stream_id_parse(id->str, id->len,
                                       &t->last[partition]);
        }
    }

    return RUM_OK;
}


/* RUM_DECLINED: nobody reads what is written */

static int
rum_tail_entry(rum_tail_t *t, const redisReply *entry)
{
    size_t                len, i;
    const redisReply     *fields;
    const unsigned char  *json;

    if (entry->elements != 2
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return RUM_OK;
    }

    fields = entry->element[1];

    yajl_gen_reset(t->gen, "");
    yajl_gen_clear(t->gen);
    yajl_gen_map_open(t->gen);

    rum_tail_text(t->gen, "entry", 5);
    rum_tail_text(t->gen, entry->element[0]->str, entry->element[0]->len);

    for (i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, "e") == 0) {
            rum_tail_event(t->gen, fields->element[i + 1]);
            continue;
        }

        rum_tail_text(t->gen, fields->element[i]->str,
                      fields->element[i]->len);
        rum_tail_text(t->gen, fields->element[i + 1]->str,
                      fields->element[i + 1]->len);
    }

    yajl_gen_map_close(t->gen);
    yajl_gen_get_buf(t->gen, &json, &len);

    if (fwrite(json, 1, len, stdout) != len || putchar('\n') == EOF
        || fflush(stdout) == EOF)
    {
        return RUM_DECLINED;
    }

    return RUM_OK;
}


/* the keys of the event, or what is wrong with it */

static void
rum_tail_event(yajl_gen gen, const redisReply *e)
{
    size_t              off;
    uint32_t            i;
    msgpack_unpacked    unpacked;
    msgpack_object_kv  *kv;

    msgpack_unpacked_init(&unpacked);
    off = 0;

    if (msgpack_unpack_next(&unpacked, e->str, e->len, &off)
        != MSGPACK_UNPACK_SUCCESS
        || unpacked.data.type != MSGPACK_OBJECT_MAP || off != e->len)
    {
        rum_tail_text(gen, "error", 5);
        rum_tail_text(gen, "e is not one MessagePack map", 28);

    } else {
        for (i = 0; i < unpacked.data.via.map.size; i++) {
            kv = &unpacked.data.via.map.ptr[i];

            if (kv->key.type == MSGPACK_OBJECT_STR) {
                rum_tail_value(gen, &kv->key, 0);
                rum_tail_value(gen, &kv->val, 0);
            }
        }
    }

    msgpack_unpacked_destroy(&unpacked);
}


static void
rum_tail_value(yajl_gen gen, const msgpack_object *o, unsigned depth)
{
    int       len;
    char      text[24];
    uint32_t  i;

    if (depth > RUM_TAIL_DEPTH) {
        yajl_gen_null(gen);
        return;
    }

    switch (o->type) {

    case MSGPACK_OBJECT_BOOLEAN:
        yajl_gen_bool(gen, o->via.boolean);
        return;

    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        len = snprintf(text, sizeof(text), "%llu",
                       (unsigned long long) o->via.u64);
        yajl_gen_number(gen, text, (size_t) len);
        return;

    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        yajl_gen_integer(gen, o->via.i64);
        return;

    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        rum_tail_number(gen, o->via.f64, o->type == MSGPACK_OBJECT_FLOAT32);
        return;

    case MSGPACK_OBJECT_STR:
        rum_tail_text(gen, o->via.str.ptr, o->via.str.size);
        return;

    case MSGPACK_OBJECT_ARRAY:
        yajl_gen_array_open(gen);

        for (i = 0; i < o->via.array.size; i++) {
            rum_tail_value(gen, &o->via.array.ptr[i], depth + 1);
        }

        yajl_gen_array_close(gen);
        return;

    case MSGPACK_OBJECT_MAP:
        yajl_gen_map_open(gen);

        for (i = 0; i < o->via.map.size; i++) {
            if (o->via.map.ptr[i].key.type == MSGPACK_OBJECT_STR) {
                rum_tail_value(gen, &o->via.map.ptr[i].key, depth + 1);
                rum_tail_value(gen, &o->via.map.ptr[i].val, depth + 1);
            }
        }

        yajl_gen_map_close(gen);
        return;

    default:
        yajl_gen_null(gen);
    }
}


/* as few digits as tell the number apart from its neighbours */

static void
rum_tail_number(yajl_gen gen, double value, int single)
{
    int     digits, len;
    char    text[40];
    double  again;

    if (!(value >= -DBL_MAX && value <= DBL_MAX)) {
        yajl_gen_null(gen);
        return;
    }

    for (digits = 1; digits <= 17; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, value);
        again = strtod(text, NULL);

        if (single ? (float) again == (float) value : again == value) {
            break;
        }
    }

    yajl_gen_number(gen, text, (size_t) len);
}


static void
rum_tail_text(yajl_gen gen, const char *s, size_t len)
{
    if (yajl_gen_string(gen, (const unsigned char *) s, len)
        == yajl_gen_invalid_string)
    {
        yajl_gen_string(gen, (const unsigned char *) "(not UTF-8)", 11);
    }
}
