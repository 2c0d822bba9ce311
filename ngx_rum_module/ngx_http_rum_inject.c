/*
 * rum_inject: writes the agent's script tag into HTML pages, right behind
 * <head ...>.  The page streams through: nothing of it is held back or
 * copied, the buffer in which the head begins is cut in two and the tag is
 * put in between.  Where the head begins is found by core/rum_html.
 */

#include "ngx_http_rum_filter.h"


#define NGX_HTTP_RUM_INJECT_BEGIN  "<script async"
#define NGX_HTTP_RUM_INJECT_END    "></script>"

/* behind the head, so far is looked for a script that is there already */
#define NGX_HTTP_RUM_INJECT_LOOK   16384


typedef struct {
    rum_html_t                    html;
    ngx_http_rum_tag_t           *tag;
    unsigned                      memory:1;     /* nobody else wants the page
                                                   in memory */
} ngx_http_rum_inject_ctx_t;


static char *ngx_http_rum_inject_param(ngx_conf_t *cf,
    ngx_http_rum_inject_t *inject, ngx_str_t *param);
static ngx_int_t ngx_http_rum_inject_name(ngx_pool_t *pool, ngx_str_t *param,
    ngx_str_t *name);
static char *ngx_http_rum_inject_set(ngx_conf_t *cf,
    ngx_http_rum_inject_t *inject, ngx_str_t *name, ngx_str_t *value,
    ngx_uint_t given);

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

static ngx_int_t ngx_http_rum_inject_text(ngx_pool_t *pool,
    ngx_http_rum_tag_t *tag, ngx_str_t *values, ngx_str_t *text);
static ngx_int_t ngx_http_rum_inject_values(ngx_http_request_t *r,
    ngx_http_rum_tag_t *tag, ngx_str_t **values);


extern ngx_module_t  ngx_http_copy_filter_module;


/* parameters whose attribute has another name */

static ngx_keyval_t  ngx_http_rum_inject_names[] = {
    { ngx_string("src"), ngx_string("src") },
    { ngx_string("beacon"), ngx_string("data-beacon") },
    { ngx_string("site"), ngx_string("data-site") },
    { ngx_string("nonce"), ngx_string("nonce") },
    { ngx_null_string, ngx_null_string }
};


static ngx_str_t  ngx_http_rum_inject_src = ngx_string("/rum/agent.js");
static ngx_str_t  ngx_http_rum_inject_beacon = ngx_string("/rum/beacon");


char *
ngx_http_rum_inject(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_filter_loc_conf_t *flcf = conf;

    char                             *rv;
    ngx_str_t                        *value;
    ngx_uint_t                        i;
    ngx_http_rum_inject_t            *inject;
    ngx_http_rum_filter_main_conf_t  *fmcf;

    if (flcf->inject != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        flcf->inject = NULL;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        return "must be \"off\", or \"on\" and parameters";
    }

    inject = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_inject_t));
    if (inject == NULL
        || ngx_array_init(&inject->attributes, cf->pool, 4,
                          sizeof(ngx_http_rum_attribute_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_rum_inject_set(cf, inject,
                                 &ngx_http_rum_inject_names[0].value,
                                 &ngx_http_rum_inject_src, 0);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_rum_inject_set(cf, inject,
                                 &ngx_http_rum_inject_names[1].value,
                                 &ngx_http_rum_inject_beacon, 0);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_http_rum_inject_param(cf, inject, &value[i]);
    }

    flcf->inject = inject;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_rum_filter_module);
    fmcf->inject = 1;

    return rv;
}


static char *
ngx_http_rum_inject_param(ngx_conf_t *cf, ngx_http_rum_inject_t *inject,
    ngx_str_t *param)
{
    ngx_int_t  rc;
    ngx_str_t  name, value;

    rc = ngx_http_rum_inject_name(cf->pool, param, &name);

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (rc == NGX_OK) {
        value.data = ngx_strlchr(param->data, param->data + param->len, '=')
                     + 1;
        value.len = param->data + param->len - value.data;

        /* the others may be empty: then there is no nonce, no site */

        if (value.len != 0 || name.data[0] != 's') {
            return ngx_http_rum_inject_set(cf, inject, &name, &value, 1);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       param);
    return NGX_CONF_ERROR;
}


/* the name of the attribute: NGX_OK, NGX_DECLINED, NGX_ERROR */

static ngx_int_t
ngx_http_rum_inject_name(ngx_pool_t *pool, ngx_str_t *param, ngx_str_t *name)
{
    u_char        *eq, *p;
    ngx_keyval_t  *kv;

    eq = ngx_strlchr(param->data, param->data + param->len, '=');

    if (eq == NULL) {
        return NGX_DECLINED;
    }

    name->data = param->data;
    name->len = eq - param->data;

    for (kv = ngx_http_rum_inject_names; kv->key.len != 0; kv++) {

        if (rum_str_eq((rum_str_t *) name, (rum_str_t *) &kv->key)) {
            *name = kv->value;
            return NGX_OK;
        }
    }

    if (name->len <= 5 || ngx_strncmp(name->data, "data-", 5) != 0) {
        return NGX_DECLINED;
    }

    for (p = name->data + 5; p < eq; p++) {

        if ((*p < 'a' || *p > 'z') && (*p < '0' || *p > '9') && *p != '-') {
            return NGX_DECLINED;
        }
    }

    name->data = ngx_pstrdup(pool, name);

    return (name->data == NULL) ? NGX_ERROR : NGX_OK;
}


static char *
ngx_http_rum_inject_set(ngx_conf_t *cf, ngx_http_rum_inject_t *inject,
    ngx_str_t *name, ngx_str_t *value, ngx_uint_t given)
{
    ngx_uint_t                         i;
    ngx_http_rum_attribute_t          *attribute;
    ngx_http_compile_complex_value_t   ccv;

    attribute = inject->attributes.elts;

    for (i = 0; i < inject->attributes.nelts; i++) {

        if (rum_str_eq((rum_str_t *) &attribute[i].name, (rum_str_t *) name))
        {
            break;
        }
    }

    if (i < inject->attributes.nelts) {
        attribute += i;

        if (attribute->given) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter for \"%V\"", name);
            return NGX_CONF_ERROR;
        }

    } else {
        attribute = ngx_array_push(&inject->attributes);
        if (attribute == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_memzero(attribute, sizeof(ngx_http_rum_attribute_t));

    attribute->name = *name;
    attribute->given = given;

    if (name->data[0] == 'n') {
        inject->nonce = 1;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = &attribute->value;

    return (ngx_http_compile_complex_value(&ccv) == NGX_OK) ? NGX_CONF_OK
                                                            : NGX_CONF_ERROR;
}


ngx_http_rum_tag_t *
ngx_http_rum_inject_tag(ngx_conf_t *cf, ngx_http_rum_inject_t *inject)
{
    ngx_str_t                 *values;
    ngx_uint_t                 i, n;
    ngx_http_rum_tag_t        *tag;
    ngx_http_rum_agent_t      *agent;
    ngx_http_rum_attribute_t  *attribute;

    tag = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_tag_t));
    if (tag == NULL) {
        return NULL;
    }

    tag->inject = inject;

    n = inject->attributes.nelts;
    attribute = inject->attributes.elts;

    if (attribute[0].value.lengths == NULL) {
        agent = ngx_http_rum_agent_find(cf, &attribute[0].value.value);

        if (agent != NULL) {
            tag->hash = agent->hash;
        }
    }

    values = ngx_palloc(cf->pool, n * sizeof(ngx_str_t));
    if (values == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {

        if (attribute[i].value.lengths != NULL) {
            return tag;
        }

        values[i] = attribute[i].value.value;
    }

    if (ngx_http_rum_inject_text(cf->pool, tag, values, &tag->text)
        != NGX_OK)
    {
        return NULL;
    }

    return tag;
}


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

    if (ngx_http_rum_inject_values(r, tag, &values) != NGX_OK) {
        return NGX_ERROR;
    }

    if (values[0].len == 0
        || ngx_http_rum_inject_is_there(*in, at, offset, &values[0]))
    {
        return NGX_OK;
    }

    text = tag->text;

    if (text.len == 0
        && ngx_http_rum_inject_text(r->pool, tag, values, &text) != NGX_OK)
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


/* values: one for each attribute, the pool is that of the request */

static ngx_int_t
ngx_http_rum_inject_values(ngx_http_request_t *r, ngx_http_rum_tag_t *tag,
    ngx_str_t **values)
{
    ngx_uint_t                 i, n;
    ngx_http_rum_attribute_t  *attribute;

    n = tag->inject->attributes.nelts;
    attribute = tag->inject->attributes.elts;

    if (tag->text.len != 0) {
        *values = &attribute[0].value.value;
        return NGX_OK;
    }

    *values = ngx_palloc(r->pool, n * sizeof(ngx_str_t));
    if (*values == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (ngx_http_complex_value(r, &attribute[i].value, &(*values)[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the tag as it stands in the page */

static ngx_int_t
ngx_http_rum_inject_text(ngx_pool_t *pool, ngx_http_rum_tag_t *tag,
    ngx_str_t *values, ngx_str_t *text)
{
    size_t                     len;
    u_char                    *p;
    ngx_uint_t                 i, n;
    ngx_http_rum_attribute_t  *attribute;

    n = tag->inject->attributes.nelts;
    attribute = tag->inject->attributes.elts;

    len = sizeof(NGX_HTTP_RUM_INJECT_BEGIN NGX_HTTP_RUM_INJECT_END "?v=")
          + tag->hash.len;

    for (i = 0; i < n; i++) {
        len += sizeof(" =\"\"") + attribute[i].name.len
               + values[i].len * RUM_HTML_ESCAPE_MAX;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    p = ngx_cpymem(p, NGX_HTTP_RUM_INJECT_BEGIN,
                   sizeof(NGX_HTTP_RUM_INJECT_BEGIN) - 1);

    for (i = 0; i < n; i++) {

        /* no nonce is none, and not one that is empty */

        if (values[i].len == 0
            && ngx_strncmp(attribute[i].name.data, "data-", 5) != 0)
        {
            continue;
        }

        *p++ = ' ';
        p = ngx_cpymem(p, attribute[i].name.data, attribute[i].name.len);
        p = ngx_cpymem(p, "=\"", 2);
        p += rum_html_escape(p, (rum_str_t *) &values[i]);

        if (i == 0 && tag->hash.len != 0) {
            p = ngx_cpymem(p, "?v=", 3);
            p = ngx_cpymem(p, tag->hash.data, tag->hash.len);
        }

        *p++ = '"';
    }

    p = ngx_cpymem(p, NGX_HTTP_RUM_INJECT_END,
                   sizeof(NGX_HTTP_RUM_INJECT_END) - 1);
    text->len = p - text->data;

    return NGX_OK;
}
