/*
 * Reads the event streams: see rum_reader.h.
 *
 * hiredis' reader parses the answer and calls back for each string; these
 * functions make entries of them instead of reply objects:
 *
 *   [ [ KEY, [ [ ID, [ NAME, VALUE, ... ] ], ... ] ], ... ]
 *      2           4     5
 *
 * The number is the depth of the string.  Values are copied once, since the
 * reader's buffer moves.
 */

#include "rum_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>


#define RUM_READER_CHUNK   262144
#define RUM_READER_KEEP    16777216     /* bytes a batch's memory may keep */


typedef struct {
    rum_stream_id_t       entry;
    size_t                id;           /* offsets in data */
    size_t                e;
    uint32_t              id_len;
    uint32_t              e_len;
    uint32_t              partition;
    uint8_t               has_id;
    uint8_t               has_e;
} rum_reader_ref_t;

struct rum_reader_s {
    rum_redis_t           redis;
    redisReader          *parser;
    unsigned char        *chunk;

    unsigned char        *data;         /* the strings of the batch */
    size_t                len;
    size_t                size;

    rum_reader_ref_t     *refs;
    rum_batch_entry_t    *entries;
    uint32_t              nrefs;
    uint32_t              refs_size;
    uint32_t              entries_size;

    uint32_t              partition;    /* of the stream being parsed */
    uint8_t               field;        /* the last name: 'i', 'e' or 0 */
    uint8_t               waiting;
    uint8_t               begins;       /* nothing of the answer yet */
    uint8_t               failed;
    char                  error[256];
};


static void *rum_reader_string(const redisReadTask *task, char *s,
    size_t len);
static void *rum_reader_array(const redisReadTask *task, int n);
static void *rum_reader_integer(const redisReadTask *task, long long n);
static void *rum_reader_nil(const redisReadTask *task);
static void rum_reader_free_object(void *object);
static void rum_reader_take(rum_reader_t *r, const redisReadTask *task,
    unsigned depth, const char *s, size_t len);
static void rum_reader_begin_entry(rum_reader_t *r, const char *s,
    size_t len);
static void rum_reader_value(rum_reader_t *r, const char *s, size_t len);
static void rum_reader_begin(rum_reader_t *r);
static int rum_reader_finish(rum_reader_t *r, rum_batch_t *batch);
static int rum_reader_fail(rum_reader_t *r, const char *error);


/* what a callback returns in place of an object: anything but NULL */
#define RUM_READER_SEEN   ((void *) 1)


static redisReplyObjectFunctions  rum_reader_functions = {
    rum_reader_string,
    rum_reader_array,
    rum_reader_integer,
    rum_reader_nil,
    rum_reader_free_object
};


rum_reader_t *
rum_reader_create(void)
{
    rum_reader_t  *r;

    r = calloc(1, sizeof(rum_reader_t));
    if (r == NULL) {
        return NULL;
    }

    r->chunk = malloc(RUM_READER_CHUNK);
    if (r->chunk == NULL) {
        free(r);
        return NULL;
    }

    return r;
}


void
rum_reader_destroy(rum_reader_t *r)
{
    if (r == NULL) {
        return;
    }

    rum_reader_close(r);
    free(r->chunk);
    free(r->data);
    free(r->refs);
    free(r->entries);
    free(r);
}


int
rum_reader_connect(rum_reader_t *r, const rum_redis_t *other,
    const rum_config_t *config)
{
    rum_reader_close(r);

    if (rum_redis_connect_beside(&r->redis, other, config) != RUM_OK) {
        return rum_reader_fail(r, r->redis.error);
    }

    r->parser = redisReaderCreateWithFunctions(&rum_reader_functions);
    if (r->parser == NULL) {
        return rum_reader_fail(r, "no memory");
    }

    r->parser->privdata = r;
    r->parser->maxbuf = 0;

    return RUM_OK;
}


void
rum_reader_close(rum_reader_t *r)
{
    if (r->parser != NULL) {
        redisReaderFree(r->parser);
        r->parser = NULL;
    }

    rum_redis_close(&r->redis);
    r->waiting = 0;
}


int
rum_reader_request(rum_reader_t *r, const rum_reader_stream_t *streams,
    uint32_t n, uint32_t count, uint64_t block)
{
    int         rc;
    char       *text, *p, number[24], wait[24];
    uint32_t    i;
    rum_args_t  args;

    /* a key and an id a stream; both are written one after the other */

    text = malloc(n * (size_t) (RUM_STREAM_ID_MAX + 32));
    if (text == NULL) {
        return rum_reader_fail(r, "no memory");
    }

    memset(&args, 0, sizeof(args));
    snprintf(number, sizeof(number), "%u", count);
    snprintf(wait, sizeof(wait), "%llu", (unsigned long long) block);

    rc = rum_args_text(&args, "XREAD");
    rc |= rum_args_text(&args, "COUNT");
    rc |= rum_args_text(&args, number);

    if (block > 0) {
        rc |= rum_args_text(&args, "BLOCK");
        rc |= rum_args_text(&args, wait);
    }

    rc |= rum_args_text(&args, "STREAMS");

    for (i = 0, p = text; i < n; i++) {
        rc |= rum_args_add(&args, p,
                           (size_t) sprintf(p, "rum:{%u}:events",
                                            streams[i].partition));
        p += 32;
    }

    for (i = 0; i < n; i++) {
        rc |= rum_args_add(&args, p,
                           (size_t) rum_stream_id_write(&streams[i].after,
                                                        p));
        p += RUM_STREAM_ID_MAX;
    }

    if (rc == RUM_OK) {
        rc = rum_redis_send_args(&r->redis, &args);
    }

    rum_args_free(&args);
    free(text);

    if (rc == RUM_OK) {
        rc = rum_redis_flush(&r->redis);
    }

    if (rc != RUM_OK) {
        return rum_reader_fail(r, "the request could not be sent");
    }

    r->waiting = 1;
    r->begins = 1;

    return RUM_OK;
}


int
rum_reader_waiting(const rum_reader_t *r)
{
    return r->waiting;
}


int
rum_reader_fd(const rum_reader_t *r)
{
    return r->redis.ctx != NULL ? r->redis.ctx->fd : -1;
}


const char *
rum_reader_error(const rum_reader_t *r)
{
    return r->error;
}


int
rum_reader_read(rum_reader_t *r, rum_batch_t *batch)
{
    void     *reply;
    ssize_t   n;

    if (r->begins) {
        r->begins = 0;
        rum_reader_begin(r);
    }

    n = rum_redis_read(&r->redis, r->chunk, RUM_READER_CHUNK);

    if (n == -1 && errno == EAGAIN) {
        return RUM_DECLINED;
    }

    if (n <= 0) {
        return rum_reader_fail(r, r->redis.error);
    }

    reply = NULL;

    if (redisReaderFeed(r->parser, (char *) r->chunk, (size_t) n)
        != REDIS_OK
        || redisReaderGetReply(r->parser, &reply) != REDIS_OK)
    {
        return rum_reader_fail(r, r->parser->errstr);
    }

    if (r->failed) {
        return RUM_ERROR;
    }

    if (reply == NULL) {
        return RUM_DECLINED;
    }

    return rum_reader_finish(r, batch);
}


/* the batch before this one is not looked at any more */

static void
rum_reader_begin(rum_reader_t *r)
{
    r->nrefs = 0;
    r->len = 0;
    r->failed = 0;

    if (r->size > RUM_READER_KEEP) {
        free(r->data);
        r->data = NULL;
        r->size = 0;
    }
}


/* offsets become pointers now that the data does not move any more */

static int
rum_reader_finish(rum_reader_t *r, rum_batch_t *batch)
{
    uint32_t            i;
    rum_reader_ref_t   *ref;
    rum_batch_entry_t  *entry;

    r->waiting = 0;

    if (r->entries_size < r->nrefs) {
        entry = realloc(r->entries,
                        r->refs_size * sizeof(rum_batch_entry_t));
        if (entry == NULL) {
            return rum_reader_fail(r, "no memory");
        }

        r->entries = entry;
        r->entries_size = r->refs_size;
    }

    for (i = 0; i < r->nrefs; i++) {
        ref = &r->refs[i];
        entry = &r->entries[i];

        entry->entry = ref->entry;
        entry->partition = ref->partition;
        entry->id.data = ref->has_id ? r->data + ref->id : NULL;
        entry->id.len = ref->id_len;
        entry->e.data = ref->has_e ? r->data + ref->e : NULL;
        entry->e.len = ref->e_len;
    }

    batch->n = r->nrefs;
    batch->entries = r->entries;

    return RUM_OK;
}


static void *
rum_reader_string(const redisReadTask *task, char *s, size_t len)
{
    unsigned              depth;
    rum_reader_t         *r;
    const redisReadTask  *parent;

    r = task->privdata;

    if (task->type == REDIS_REPLY_ERROR) {
        snprintf(r->error, sizeof(r->error), "%.*s", (int) len, s);
        r->failed = 1;
        return RUM_READER_SEEN;
    }

    depth = 0;

    for (parent = task->parent; parent != NULL; parent = parent->parent) {
        depth++;
    }

    rum_reader_take(r, task, depth, s, len);

    return RUM_READER_SEEN;
}


static void
rum_reader_take(rum_reader_t *r, const redisReadTask *task, unsigned depth,
    const char *s, size_t len)
{
    rum_key_t      key;
    rum_str_t      text;
    unsigned char  scratch[64];

    if (depth == 5) {
        if (task->idx % 2 == 1) {
            rum_reader_value(r, s, len);

        } else if (len == 1 && s[0] == 'e') {
            r->field = 'e';

        } else {
            r->field = len == 2 && s[0] == 'i' && s[1] == 'd' ? 'i' : 0;
        }

    } else if (depth == 4) {
        rum_reader_begin_entry(r, s, len);

    } else if (depth == 2 && task->idx == 0) {
        text.data = (unsigned char *) s;
        text.len = len;

        if (len > sizeof(scratch)
            || rum_key_parse(&key, &text, scratch) != RUM_OK
            || key.type != RUM_KEY_EVENTS)
        {
            (void) rum_reader_fail(r, "an answer for a stream not asked for");
            return;
        }

        r->partition = key.partition;
    }
}


static void
rum_reader_begin_entry(rum_reader_t *r, const char *s, size_t len)
{
    uint32_t           size;
    rum_reader_ref_t  *ref;

    if (r->nrefs == r->refs_size) {
        size = r->refs_size ? 2 * r->refs_size : 1024;

        ref = realloc(r->refs, size * sizeof(rum_reader_ref_t));
        if (ref == NULL) {
            (void) rum_reader_fail(r, "no memory");
            return;
        }

        r->refs = ref;
        r->refs_size = size;
    }

    ref = &r->refs[r->nrefs];
    memset(ref, 0, sizeof(rum_reader_ref_t));
    ref->partition = r->partition;
    r->field = 0;

    if (rum_stream_id_parse(s, len, &ref->entry) != RUM_OK) {
        (void) rum_reader_fail(r, "an entry without a stream id");
        return;
    }

    r->nrefs++;
}


static void
rum_reader_value(rum_reader_t *r, const char *s, size_t len)
{
    size_t             size;
    unsigned char     *data;
    rum_reader_ref_t  *ref;

    if (r->failed || r->field == 0 || r->nrefs == 0) {
        return;
    }

    if (r->size - r->len < len + 1) {
        for (size = r->size ? 2 * r->size : 524288;
             size - r->len < len + 1;
             size *= 2)
        {
            /* void */
        }

        data = realloc(r->data, size);
        if (data == NULL) {
            (void) rum_reader_fail(r, "no memory");
            return;
        }

        r->data = data;
        r->size = size;
    }

    ref = &r->refs[r->nrefs - 1];

    if (r->field == 'e') {
        ref->e = r->len;
        ref->e_len = (uint32_t) len;
        ref->has_e = 1;

    } else {
        ref->id = r->len;
        ref->id_len = (uint32_t) len;
        ref->has_id = 1;
    }

    if (len > 0) {
        memcpy(r->data + r->len, s, len);
    }

    r->len += len;
}


static void *
rum_reader_array(const redisReadTask *task, int n)
{
    (void) task;
    (void) n;

    return RUM_READER_SEEN;
}


static void *
rum_reader_integer(const redisReadTask *task, long long n)
{
    (void) task;
    (void) n;

    return RUM_READER_SEEN;
}


static void *
rum_reader_nil(const redisReadTask *task)
{
    (void) task;

    return RUM_READER_SEEN;
}


static void
rum_reader_free_object(void *object)
{
    (void) object;
}


static int
rum_reader_fail(rum_reader_t *r, const char *error)
{
    if (error != r->error) {
        snprintf(r->error, sizeof(r->error), "%s", error);
    }

    r->failed = 1;

    return RUM_ERROR;
}


int
rum_stream_id_parse(const char *text, size_t len, rum_stream_id_t *id)
{
    int        digits;
    size_t     i;
    uint64_t  *number;

    id->ms = 0;
    id->seq = 0;
    number = &id->ms;
    digits = 0;

    for (i = 0; i < len; i++) {
        if (text[i] == '-' && number == &id->ms && digits > 0) {
            number = &id->seq;
            digits = 0;
            continue;
        }

        if (text[i] < '0' || text[i] > '9' || ++digits > 20) {
            return RUM_ERROR;
        }

        *number = *number * 10 + (uint64_t) (text[i] - '0');
    }

    return number == &id->seq && digits > 0 ? RUM_OK : RUM_ERROR;
}


int
rum_stream_id_write(const rum_stream_id_t *id, char *buf)
{
    return snprintf(buf, RUM_STREAM_ID_MAX, "%llu-%llu",
                    (unsigned long long) id->ms,
                    (unsigned long long) id->seq);
}
