/*
 * rum_inject at work: puts the agent's script tag (ngx_http_rum_tag.c) into
 * HTML pages, right behind <head ...>.  The page streams through: nothing of
 * it is held back or copied, the buffer in which the head begins is cut in
 * two, and the tag stands in between.  Where that is, core/rum_html finds.
 */

#include "ngx_http_rum_filter.h"


/* behind the head, so far is looked for a script that is there already */
#define NGX_HTTP_RUM_INJECT_LOOK  16384


typedef struct {
    rum_html_t                    html;
    ngx_http_rum_tag_t           *tag;
    unsigned                      memory:1;     /* nobody else wants the page
                                                   in memory */
} ngx_http_rum_inject_ctx_t;


static ngx_int_t ngx_http_rum_inject_applies(ngx_http_request_t *r);
static ngx_int_t ngx_http_rum_inject_download(ngx_http_request_t *r);
static ngx_int_t ngx_http_rum_inject_find(ngx_http_rum_inject_ctx_t *ctx,
    ngx_chain_t **at, size_t *offset);
static ngx_int_t ngx_http_rum_inject_is_there(ngx_chain_t *in,
    ngx_chain_t *at, size_t offset, ngx_str_t *src);
static ngx_int_t ngx_http_rum_inject_insert(ngx_http_request_t *r,
    ngx_chain_t **in, ngx_chain_t *at, size_t offset, ngx_str_t *text);
static ngx_chain_t **ngx_http_rum_inject_link(ngx_pool_t *pool,
    ngx_chain_t **ll, ngx_buf_t *b);
static void ngx_http_rum_inject_done(ngx_http_request_t *r,
    ngx_http_rum_inject_ctx_t *ctx);


extern ngx_module_t  ngx_http_copy_filter_module;


ngx_int_t
ngx_http_rum_inject_header(ngx_http_request_t *r, ngx_http_rum_tag_t *tag)
{
    ngx_http_rum_inject_ctx_t  *ctx;

    if (!ngx_http_rum_inject_applies(r)) {
        return NGX_DECLINED;
    }

    /* also for HEAD: its header is that of GET */

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    if (tag->inject->nonce) {

        /*
         * A 304 would bring the header with the next nonce to a page that
         * was stored with an old one.
         */

        ngx_http_clear_last_modified(r);
        ngx_http_clear_etag(r);

    } else {
        ngx_http_weak_etag(r);
    }

    if (r->header_only || r->method == NGX_HTTP_HEAD) {
        return NGX_DECLINED;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_rum_inject_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rum_html_init(&ctx->html);
    ctx->tag = tag;

    ngx_http_set_ctx(r, ctx, ngx_http_rum_filter_module);

    return NGX_OK;
}


/*
 * Pages that a visitor sees: those that nginx or its upstream answers with
 * 200, and error pages.  A part of a page (206) is not one, and what is
 * compressed cannot be looked into.
 */

static ngx_int_t
ngx_http_rum_inject_applies(ngx_http_request_t *r)
{
    ngx_str_t   *type;
    ngx_uint_t   status;

    status = r->headers_out.status;
    type = &r->headers_out.content_type;

    if (status != NGX_HTTP_OK && status < NGX_HTTP_BAD_REQUEST) {
        return 0;
    }

    if (type->len < 9
        || ngx_strncasecmp(type->data, (u_char *) "text/html", 9) != 0
        || (type->len > 9 && type->data[9] != ';' && type->data[9] != ' '))
    {
        return 0;
    }

    if (r->headers_out.content_length_n == 0
        || (r->headers_out.content_encoding != NULL
            && r->headers_out.content_encoding->value.len != 0))
    {
        return 0;
    }

    return !ngx_http_rum_inject_download(r);
}


/* a page that is saved as a file is nobody's view */

static ngx_int_t
ngx_http_rum_inject_download(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash != 0
                && h[i].key.len == sizeof("Content-Disposition") - 1
                && h[i].value.len >= sizeof("attachment") - 1
                && ngx_strncasecmp(h[i].value.data, (u_char *) "attachment",
                                   sizeof("attachment") - 1) == 0
                && ngx_strncasecmp(h[i].key.data,
                                   (u_char *) "Content-Disposition",
                                   sizeof("Content-Disposition") - 1) == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * Files are read into memory until the head is found, also those of
 * subrequests; the rest of the page goes by sendfile(), unless another
 * filter needs it in memory too.
 */

void
ngx_http_rum_inject_begin(ngx_http_request_t *r)
{
    ngx_http_rum_inject_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_rum_filter_module);

    /* an error while the header was sent may have begun another answer */

    if (ctx != NULL && !r->main_filter_need_in_memory) {
        ctx->memory = !r->filter_need_in_memory;
        r->main_filter_need_in_memory = 1;
    }
}


ngx_int_t
ngx_http_rum_inject_body(ngx_http_request_t *r, ngx_chain_t **in)
{
    size_t                      offset;
    ngx_int_t                   rc;
    ngx_str_t                   text, *values;
    ngx_chain_t                *at;
    ngx_http_rum_tag_t         *tag;
    ngx_http_rum_inject_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_rum_filter_module);
    at = *in;

    rc = ngx_http_rum_inject_find(ctx, &at, &offset);

    if (rc == NGX_AGAIN) {
        return NGX_OK;
    }

    tag = ctx->tag;
    ngx_http_rum_inject_done(r, ctx);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (ngx_http_rum_tag_values(r, tag, &values) != NGX_OK) {
        return NGX_ERROR;
    }

    if (values[0].len == 0
        || ngx_http_rum_inject_is_there(*in, at, offset, &values[0]))
    {
        return NGX_OK;
    }

    text = tag->text;

    if (text.len == 0
        && ngx_http_rum_tag_text(r->pool, tag, values, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "http rum inject at %uz of a buffer: \"%V\"", offset,
                   &text);

    return ngx_http_rum_inject_insert(r, in, at, offset, &text);
}


/*
 * NGX_OK: the head begins in the buffer *at, its tag ends at the offset;
 * NGX_AGAIN: more of the page is wanted; NGX_DECLINED: there is no head.
 */

static ngx_int_t
ngx_http_rum_inject_find(ngx_http_rum_inject_ctx_t *ctx, ngx_chain_t **at,
    size_t *offset)
{
    int           rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = *at; cl != NULL; cl = cl->next) {

        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            rc = rum_html_head(&ctx->html, b->pos, b->last - b->pos, offset);

            if (rc == RUM_OK) {
                *at = cl;
                return NGX_OK;
            }

            if (rc == RUM_DECLINED) {
                return NGX_DECLINED;
            }

        } else if (b->in_file) {
            return NGX_DECLINED;
        }

        if (b->last_buf) {
            return NGX_DECLINED;
        }
    }

    return NGX_AGAIN;
}


/*
 * What is at hand of the page may carry the script already, in front of the
 * head (which ends at the offset in at) or behind it.
 */

static ngx_int_t
ngx_http_rum_inject_is_there(ngx_chain_t *in, ngx_chain_t *at, size_t offset,
    ngx_str_t *src)
{
    size_t        len, left;
    ngx_uint_t    behind;
    ngx_chain_t  *cl;

    behind = 0;
    left = NGX_HTTP_RUM_INJECT_LOOK;

    for (cl = in; cl != NULL && left != 0; cl = cl->next) {

        if (!ngx_buf_in_memory(cl->buf)) {
            continue;
        }

        len = cl->buf->last - cl->buf->pos;

        if (cl == at) {
            len = offset + ngx_min(len - offset, left);
            left -= len - offset;
            behind = 1;

        } else if (behind) {
            len = ngx_min(len, left);
            left -= len;
        }

        if (rum_html_has_src(cl->buf->pos, len, (rum_str_t *) src)) {
            return 1;
        }
    }

    return 0;
}


/*
 * The chain is not ours, so its links up to the head are copied; what comes
 * behind is linked as it is.  The buffer itself stays the last part of what
 * it was: its owner sees that it is sent when all of it is.
 */

static ngx_int_t
ngx_http_rum_inject_insert(ngx_http_request_t *r, ngx_chain_t **in,
    ngx_chain_t *at, size_t offset, ngx_str_t *text)
{
    ngx_buf_t    *b, *head, *tag;
    ngx_chain_t  *cl, *out, **ll;

    tag = ngx_calloc_buf(r->pool);
    if (tag == NULL) {
        return NGX_ERROR;
    }

    tag->pos = text->data;
    tag->last = text->data + text->len;
    tag->memory = 1;

    b = at->buf;
    ll = &out;

    for (cl = *in; ll != NULL && cl != at; cl = cl->next) {
        ll = ngx_http_rum_inject_link(r->pool, ll, cl->buf);
    }

    if (offset < (size_t) (b->last - b->pos)) {

        head = ngx_calloc_buf(r->pool);
        if (head == NULL) {
            return NGX_ERROR;
        }

        head->pos = b->pos;
        head->last = b->pos + offset;
        head->memory = 1;

        b->pos += offset;

        /* from memory, where it is too: one write together with the tag */

        b->in_file = 0;

        ll = ngx_http_rum_inject_link(r->pool, ll, head);
        ll = ngx_http_rum_inject_link(r->pool, ll, tag);
        ll = ngx_http_rum_inject_link(r->pool, ll, b);

    } else {

        /* the tag becomes the end */

        tag->flush = b->flush;
        tag->last_buf = b->last_buf;
        tag->last_in_chain = b->last_in_chain;

        b->last_buf = 0;
        b->last_in_chain = 0;

        ll = ngx_http_rum_inject_link(r->pool, ll, b);
        ll = ngx_http_rum_inject_link(r->pool, ll, tag);
    }

    if (ll == NULL) {
        return NGX_ERROR;
    }

    *ll = at->next;
    *in = out;

    return NGX_OK;
}


/* returns where the next link goes; NULL when there is no memory, or was not */

static ngx_chain_t **
ngx_http_rum_inject_link(ngx_pool_t *pool, ngx_chain_t **ll, ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    if (ll == NULL) {
        return NULL;
    }

    cl = ngx_alloc_chain_link(pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    *ll = cl;

    return &cl->next;
}


/* the rest of the page passes as if there were no such filter */

static void
ngx_http_rum_inject_done(ngx_http_request_t *r,
    ngx_http_rum_inject_ctx_t *ctx)
{
    ngx_output_chain_ctx_t  *copy;

    ngx_http_set_ctx(r, NULL, ngx_http_rum_filter_module);

    if (!ctx->memory) {
        return;
    }

    r->main_filter_need_in_memory = 0;

    copy = ngx_http_get_module_ctx(r, ngx_http_copy_filter_module);

    if (copy != NULL) {
        copy->need_in_memory = 0;
    }
}
