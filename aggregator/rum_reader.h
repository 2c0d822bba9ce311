/*
 * Reads the event streams: XREAD over all partitions that are held, on a
 * connection of its own, without a reply object per value.  One request is
 * outstanding at most; while the caller works on a batch, Redis prepares the
 * next one.
 */

#ifndef RUM_READER_H
#define RUM_READER_H

#include "rum_redis.h"

typedef struct {
    uint64_t              ms;
    uint64_t              seq;
} rum_stream_id_t;

#define RUM_STREAM_ID_MAX      44       /* bytes as text, with the zero */

/* one entry; strings point into the batch, data is NULL if absent */
typedef struct {
    rum_stream_id_t       entry;
    rum_str_t             id;           /* the field "id" */
    rum_str_t             e;            /* the field "e" */
    uint32_t              partition;
} rum_batch_entry_t;

/* what one request brought; valid until the next rum_reader_read() */
typedef struct {
    uint32_t              n;
    rum_batch_entry_t    *entries;
} rum_batch_t;

/* what to read: entries after "after" */
typedef struct {
    uint32_t              partition;
    rum_stream_id_t       after;
} rum_reader_stream_t;

typedef struct rum_reader_s  rum_reader_t;

rum_reader_t *rum_reader_create(void);
void rum_reader_destroy(rum_reader_t *r);

/* to the server that the other connection has */
int rum_reader_connect(rum_reader_t *r, const rum_redis_t *other,
    const rum_config_t *config);
void rum_reader_close(rum_reader_t *r);

/*
 * Asks for up to count entries of each stream, waiting up to block ms for
 * the first; block 0 does not wait.
 */
int rum_reader_request(rum_reader_t *r, const rum_reader_stream_t *streams,
    uint32_t n, uint32_t count, uint64_t block);

/* 1 while a request is outstanding */
int rum_reader_waiting(const rum_reader_t *r);

/* the socket to poll, or -1 */
int rum_reader_fd(const rum_reader_t *r);

/*
 * Takes what the socket holds, after a poll.  RUM_OK: the answer is complete;
 * RUM_DECLINED: more is to come; RUM_ERROR: see rum_reader_error().
 */
int rum_reader_read(rum_reader_t *r, rum_batch_t *batch);
const char *rum_reader_error(const rum_reader_t *r);

/* "MS-SEQ" */
int rum_stream_id_parse(const char *text, size_t len, rum_stream_id_t *id);
int rum_stream_id_write(const rum_stream_id_t *id, char *buf);

static inline int
rum_stream_id_cmp(const rum_stream_id_t *a, const rum_stream_id_t *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }

    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

#endif /* RUM_READER_H */
