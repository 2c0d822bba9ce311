/*
 * Whatever Redis answers to XREAD, read with hiredis and the aggregator's own
 * callbacks: the batch is the same however the bytes were cut, and its strings
 * lie in it.
 *
 * The reader is included, since what it does with bytes is behind a socket.
 * The first byte says where the rest is cut in two.
 */

#include "../aggregator/rum_reader.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int answer(const uint8_t *data, size_t size, size_t cut,
    rum_reader_t *r, rum_batch_t *batch);
static int feed(rum_reader_t *r, const uint8_t *data, size_t size,
    rum_batch_t *batch);
static void check_same(const rum_batch_t *a, const rum_batch_t *b);
static int same(const rum_str_t *a, const rum_str_t *b);
static void check_inside(const rum_reader_t *r, const rum_str_t *s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc;
    uint32_t       i;
    rum_batch_t    one, two;
    rum_reader_t  *whole, *cut;

    if (size < 1) {
        return 0;
    }

    whole = rum_reader_create();
    cut = rum_reader_create();

    if (whole == NULL || cut == NULL) {
        abort();
    }

    rc = answer(data + 1, size - 1, 0, whole, &one);

    if (answer(data + 1, size - 1, data[0] % size, cut, &two) != rc) {
        abort();
    }

    if (rc == RUM_OK) {
        check_same(&one, &two);

        for (i = 0; i < one.n; i++) {
            check_inside(whole, &one.entries[i].id);
            check_inside(whole, &one.entries[i].e);
        }
    }

    rum_reader_destroy(whole);
    rum_reader_destroy(cut);

    return 0;
}


static int
answer(const uint8_t *data, size_t size, size_t cut, rum_reader_t *r,
    rum_batch_t *batch)
{
    int  rc;

    r->parser = redisReaderCreateWithFunctions(&rum_reader_functions);
    if (r->parser == NULL) {
        abort();
    }

    r->parser->privdata = r;
    rum_reader_begin(r);

    rc = feed(r, data, cut, batch);

    if (rc == RUM_DECLINED) {
        rc = feed(r, data + cut, size - cut, batch);
    }

    return rc;
}


/* as rum_reader_read() does with what the socket has */

static int
feed(rum_reader_t *r, const uint8_t *data, size_t size, rum_batch_t *batch)
{
    void  *reply;

    reply = NULL;

    if (redisReaderFeed(r->parser, (const char *) data, size) != REDIS_OK
        || redisReaderGetReply(r->parser, &reply) != REDIS_OK)
    {
        return rum_reader_fail(r, r->parser->errstr);
    }

    if (r->failed) {
        return RUM_ERROR;
    }

    return reply == NULL ? RUM_DECLINED : rum_reader_finish(r, batch);
}


static void
check_same(const rum_batch_t *a, const rum_batch_t *b)
{
    uint32_t  i;

    if (a->n != b->n) {
        abort();
    }

    for (i = 0; i < a->n; i++) {
        if (rum_stream_id_cmp(&a->entries[i].entry, &b->entries[i].entry) != 0
            || a->entries[i].partition != b->entries[i].partition
            || !same(&a->entries[i].id, &b->entries[i].id)
            || !same(&a->entries[i].e, &b->entries[i].e))
        {
            abort();
        }
    }
}


static int
same(const rum_str_t *a, const rum_str_t *b)
{
    if (a->data == NULL || b->data == NULL) {
        return a->data == b->data;
    }

    return rum_str_eq(a, b);
}


static void
check_inside(const rum_reader_t *r, const rum_str_t *s)
{
    if (s->data != NULL
        && (s->data < r->data || s->data + s->len > r->data + r->len))
    {
        abort();
    }
}
