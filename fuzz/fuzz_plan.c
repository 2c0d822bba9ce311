/*
 * Whatever Redis answers to the reads of the status location, read with
 * hiredis as the module does: the plan comes to an end, and if it is an
 * answer, it is valid JSON, and the same however the bytes were cut.
 *
 * The first byte picks the question, the second where the rest is cut in two.
 */

#include <stdlib.h>
#include <hiredis/hiredis.h>
#include <yajl/yajl_parse.h>

#include "rum_plan.h"

#define READS  4096                     /* in flight, and of one plan */
#define ITEMS  4096

#define QUESTIONS  13

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rum_plan_e answer(unsigned question, const uint8_t *data, size_t size,
    size_t cut, rum_text_t *text);
static void ask(rum_plan_t *plan);
static int take(rum_plan_t *plan, redisReader *reader);
static void convert(const redisReply *from, rum_reply_t *to);
static void flatten(const redisReply *from, rum_reply_t *to);
static void check_json(const rum_text_t *text);

static rum_read_t        reads[READS];
static size_t            asked, answered;
static rum_reply_item_t  items[ITEMS];


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rum_plan_e  one, two;
    rum_text_t  text, again;

    if (size < 2) {
        return 0;
    }

    rum_text_init(&text);
    rum_text_init(&again);

    one = answer(data[0], data + 2, size - 2, 0, &text);
    two = answer(data[0], data + 2, size - 2, data[1] % (size - 1), &again);

    if (one != two || text.len != again.len
        || (text.len != 0 && memcmp(text.data, again.data, text.len) != 0))
    {
        abort();
    }

    if (text.len != 0) {
        check_json(&text);
    }

    rum_text_free(&text);
    rum_text_free(&again);

    return 0;
}


static rum_plan_e
answer(unsigned question, const uint8_t *data, size_t size, size_t cut,
    rum_text_t *text)
{
    rum_str_t           args;
    rum_plan_t         *plan;
    rum_plan_e          outcome;
    redisReader        *reader;
    rum_report_info_t   info;

    static rum_query_t  q;

    static const char *const  questions[] = {
        "", "site=s&last=1m", "site=s&last=1m&by=page&metric=lcp,sessions",
        "last=1h&limit=2", "site=s&last=2m&by=page,device&buckets=1",
        "site=s&last=2m&step=60&metric=lcp,views,sessions",
        "site=s&last=2m&by=page&where=device:a&compare=1h",
        "site=s&last=1m&where=page:a&where=device:b&metric=lcp",
        "site=s&last=1m&by=error", "list=dimensions", "list=metrics&site=s",
        "list=sites", "site=s&last=2m&step=1m&compare=previous&buckets=1"
    };

    args.data = (unsigned char *) questions[question % QUESTIONS];
    args.len = strlen(questions[question % QUESTIONS]);

    if (rum_query_parse(&q, &args) != RUM_OK) {
        abort();
    }

    plan = rum_plan_create(&q, 1 + question / 128, 1795318200);
    reader = redisReaderCreate();
    if (plan == NULL || reader == NULL) {
        abort();
    }

    asked = 0;
    answered = 0;
    ask(plan);

    if (redisReaderFeed(reader, (const char *) data, cut) == REDIS_OK
        && take(plan, reader) == RUM_OK
        && redisReaderFeed(reader, (const char *) data + cut, size - cut)
           == REDIS_OK)
    {
        (void) take(plan, reader);
    }

    redisReaderFree(reader);
    outcome = plan->outcome;

    memset(&info, 0, sizeof(info));

    if (outcome == RUM_PLAN_DONE
        && rum_report_json(plan->report, &info, text, NULL) != RUM_OK)
    {
        abort();
    }

    rum_plan_destroy(plan);

    return outcome;
}


static void
ask(rum_plan_t *plan)
{
    rum_command_t  command;

    while (asked < READS
           && rum_plan_next(plan, &reads[asked], &command) == RUM_OK)
    {
        if (command.argc < 2) {
            abort();
        }

        asked++;
    }
}


/* RUM_OK: more bytes are welcome */

static int
take(rum_plan_t *plan, redisReader *reader)
{
    void         *reply;
    rum_plan_e    outcome;
    rum_reply_t   flat;

    while (answered < asked) {

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            return RUM_ERROR;
        }

        if (reply == NULL) {
            return RUM_OK;
        }

        convert(reply, &flat);
        outcome = rum_plan_reply(plan, &reads[answered++], &flat);
        freeReplyObject(reply);

        if (outcome != RUM_PLAN_RUNNING) {
            return RUM_DECLINED;
        }

        ask(plan);
    }

    return RUM_DECLINED;
}


/* as ngx_http_rum_reader_convert() */

static void
convert(const redisReply *from, rum_reply_t *to)
{
    memset(to, 0, sizeof(rum_reply_t));
    to->items = items;

    switch (from->type) {

    case REDIS_REPLY_ERROR:
        to->error.len = from->len;
        to->error.data = (unsigned char *) from->str;
        break;

    case REDIS_REPLY_INTEGER:
        to->integer = from->integer;
        break;

    case REDIS_REPLY_ARRAY:
        flatten(from, to);
        break;

    default:
        break;
    }
}


static void
flatten(const redisReply *from, rum_reply_t *to)
{
    size_t             i;
    rum_reply_item_t  *item;

    if (from->type == REDIS_REPLY_ARRAY) {

        for (i = 0; i < from->elements; i++) {
            flatten(from->element[i], to);
        }

        return;
    }

    if (to->nitems == ITEMS) {
        return;
    }

    item = &items[to->nitems++];
    memset(item, 0, sizeof(rum_reply_item_t));

    switch (from->type) {

    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        item->text.len = from->len;
        item->text.data = (unsigned char *) from->str;
        break;

    case REDIS_REPLY_INTEGER:
        item->integer = from->integer;
        break;

    default:
        item->integer = -1;
    }
}


static void
check_json(const rum_text_t *text)
{
    yajl_handle  parser;

    parser = yajl_alloc(NULL, NULL, NULL);

    if (yajl_parse(parser, text->data, text->len) != yajl_status_ok
        || yajl_complete_parse(parser) != yajl_status_ok)
    {
        abort();
    }

    yajl_free(parser);
}
