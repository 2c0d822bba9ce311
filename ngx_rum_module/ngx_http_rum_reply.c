/*
 * Replies to the reads of plans: see ngx_http_rum_reply.h.
 */

#include "ngx_http_rum_reply.h"


#define NGX_HTTP_RUM_REPLY_ITEMS  256
#define NGX_HTTP_RUM_REPLY_TEXT   65536
#define NGX_HTTP_RUM_REPLY_KEEP   (1024 * 1024) /* bytes, for the next one */


static void *ngx_http_rum_reply_create_string(const redisReadTask *task,
    char *str, size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_http_rum_reply_create_array(const redisReadTask *task,
    size_t n);
#else
static void *ngx_http_rum_reply_create_array(const redisReadTask *task,
    int n);
#endif
static void *ngx_http_rum_reply_create_integer(const redisReadTask *task,
    long long value);
static void *ngx_http_rum_reply_create_nil(const redisReadTask *task);
static void ngx_http_rum_reply_free_object(void *reply);
static rum_reply_item_t *ngx_http_rum_reply_item(
    ngx_http_rum_reply_t *reply);
static ngx_int_t ngx_http_rum_reply_text(ngx_http_rum_reply_t *reply,
    const char *str, size_t len);


redisReplyObjectFunctions  ngx_http_rum_reply_functions = {
    .createString = ngx_http_rum_reply_create_string,
    .createArray = ngx_http_rum_reply_create_array,
    .createInteger = ngx_http_rum_reply_create_integer,
    .createNil = ngx_http_rum_reply_create_nil,
    .freeObject = ngx_http_rum_reply_free_object
};


void
ngx_http_rum_reply_whole(ngx_http_rum_reply_t *reply)
{
    size_t             i;
    rum_reply_item_t  *item;

    reply->whole.items = reply->items;

    for (i = 0; i < reply->whole.nitems; i++) {
        item = &reply->items[i];

        if (item->text.len) {
            item->text.data = reply->text + (uintptr_t) item->text.data;
        }
    }

    if (reply->error) {
        reply->whole.error.data = reply->text;
        reply->whole.error.len = reply->error;
    }
}


void
ngx_http_rum_reply_reset(ngx_http_rum_reply_t *reply)
{
    ngx_memzero(&reply->whole, sizeof(rum_reply_t));

    reply->error = 0;
    reply->text_len = 0;

    if (reply->text_size > NGX_HTTP_RUM_REPLY_KEEP) {
        free(reply->text);
        reply->text = NULL;
        reply->text_size = 0;
    }

    if (reply->size * sizeof(rum_reply_item_t) > NGX_HTTP_RUM_REPLY_KEEP) {
        free(reply->items);
        reply->items = NULL;
        reply->size = 0;
    }
}


void
ngx_http_rum_reply_free(ngx_http_rum_reply_t *reply)
{
    free(reply->items);
    free(reply->text);
    ngx_memzero(reply, sizeof(ngx_http_rum_reply_t));
}


/*
 * hiredis calls these as it comes upon the parts of a reply, an array before
 * its elements; so arrays in arrays come flat.  NULL is an error of the link:
 * no memory.
 */

static void *
ngx_http_rum_reply_create_string(const redisReadTask *task, char *str,
    size_t len)
{
    rum_reply_item_t      *item;
    ngx_http_rum_link_t   *link;
    ngx_http_rum_reply_t  *reply;

    link = task->privdata;
    reply = link->owner;

    if (task->parent == NULL) {

        /* a status says nothing; an error is all there is */

        if (task->type == REDIS_REPLY_ERROR) {
            reply->error = len;
            return ngx_http_rum_reply_text(reply, str, len) == NGX_OK
                   ? reply : NULL;
        }

        return reply;
    }

    item = ngx_http_rum_reply_item(reply);
    if (item == NULL) {
        return NULL;
    }

    item->text.data = (u_char *) (uintptr_t) reply->text_len;
    item->text.len = len;

    return ngx_http_rum_reply_text(reply, str, len) == NGX_OK ? reply : NULL;
}


#if (HIREDIS_MAJOR >= 1)

static void *
ngx_http_rum_reply_create_array(const redisReadTask *task, size_t n)
{
    return task->privdata;
}

#else

static void *
ngx_http_rum_reply_create_array(const redisReadTask *task, int n)
{
    return task->privdata;
}

#endif


static void *
ngx_http_rum_reply_create_integer(const redisReadTask *task,
    long long value)
{
    rum_reply_item_t      *item;
    ngx_http_rum_link_t   *link;
    ngx_http_rum_reply_t  *reply;

    link = task->privdata;
    reply = link->owner;

    if (task->parent == NULL) {
        reply->whole.integer = value;
        return reply;
    }

    item = ngx_http_rum_reply_item(reply);
    if (item == NULL) {
        return NULL;
    }

    item->integer = value;

    return reply;
}


static void *
ngx_http_rum_reply_create_nil(const redisReadTask *task)
{
    rum_reply_item_t      *item;
    ngx_http_rum_link_t   *link;
    ngx_http_rum_reply_t  *reply;

    link = task->privdata;
    reply = link->owner;

    if (task->parent == NULL) {
        return reply;
    }

    item = ngx_http_rum_reply_item(reply);
    if (item == NULL) {
        return NULL;
    }

    item->integer = -1;

    return reply;
}


static void
ngx_http_rum_reply_free_object(void *reply)
{
    /* it is all the owner's */
}


static rum_reply_item_t *
ngx_http_rum_reply_item(ngx_http_rum_reply_t *reply)
{
    size_t             size;
    rum_reply_item_t  *item;

    if (reply->whole.nitems == reply->size) {
        size = reply->size * 2 + NGX_HTTP_RUM_REPLY_ITEMS;

        item = realloc(reply->items, size * sizeof(rum_reply_item_t));
        if (item == NULL) {
            return NULL;
        }

        reply->items = item;
        reply->size = size;
    }

    item = &reply->items[reply->whole.nitems++];
    ngx_memzero(item, sizeof(rum_reply_item_t));

    return item;
}


static ngx_int_t
ngx_http_rum_reply_text(ngx_http_rum_reply_t *reply, const char *str,
    size_t len)
{
    size_t   size;
    u_char  *text;

    if (reply->text_size - reply->text_len < len) {
        size = reply->text_size * 2 + len + NGX_HTTP_RUM_REPLY_TEXT;

        text = realloc(reply->text, size);
        if (text == NULL) {
            return NGX_ERROR;
        }

        reply->text = text;
        reply->text_size = size;
    }

    if (len) {
        ngx_memcpy(reply->text + reply->text_len, str, len);
        reply->text_len += len;
    }

    return NGX_OK;
}
