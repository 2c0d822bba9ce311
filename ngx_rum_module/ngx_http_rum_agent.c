/*
 * rum_agent: serves the browser agent, or another script, from memory.  The
 * file is read and compressed once, when the configuration is read; its hash
 * is what rum_inject puts behind "?v=", so that a browser may keep the
 * script for a year and still has a new one at once.
 */

#include "ngx_http_rum_filter.h"

#include <ngx_sha1.h>
#include <zlib.h>


/* PREFIX/share/ngx_rum/agent/rum.js, where `make install` puts it */
#ifndef NGX_HTTP_RUM_AGENT_FILE
#define NGX_HTTP_RUM_AGENT_FILE     "/usr/share/ngx_rum/agent/rum.js"
#endif

#define NGX_HTTP_RUM_AGENT_MAX      (4 * 1024 * 1024)
#define NGX_HTTP_RUM_AGENT_HASH     8       /* bytes of the SHA-1 */
#define NGX_HTTP_RUM_AGENT_FOREVER  "public, max-age=31536000, immutable"
#define NGX_HTTP_RUM_AGENT_BRIEFLY  "public, max-age=300"

/* windowBits: the largest window, and the format of gzip */
#define NGX_HTTP_RUM_AGENT_WINDOW   (15 + 16)


static ngx_int_t ngx_http_rum_agent_read(ngx_conf_t *cf,
    ngx_http_rum_agent_t *agent);
static ngx_int_t ngx_http_rum_agent_gzip(ngx_pool_t *pool,
    ngx_http_rum_agent_t *agent);
static ngx_int_t ngx_http_rum_agent_hash(ngx_pool_t *pool,
    ngx_http_rum_agent_t *agent);
static ngx_int_t ngx_http_rum_agent_headers(ngx_http_request_t *r,
    ngx_http_rum_agent_t *agent, ngx_uint_t gzip);
static ngx_table_elt_t *ngx_http_rum_agent_add(ngx_http_request_t *r,
    const char *name, const char *value);
static ngx_uint_t ngx_http_rum_agent_takes_gzip(ngx_http_request_t *r);
static ngx_uint_t ngx_http_rum_agent_coding(u_char *p, u_char *last);


char *
ngx_http_rum_agent(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_filter_loc_conf_t *flcf = conf;

    ngx_str_t                        *value;
    ngx_http_rum_agent_t             *agent, **slot;
    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_rum_filter_main_conf_t  *fmcf;

    if (flcf->agent != NULL) {
        return "is duplicate";
    }

    agent = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_agent_t));
    if (agent == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        value = cf->args->elts;
        agent->file = value[1];

    } else {
        ngx_str_set(&agent->file, NGX_HTTP_RUM_AGENT_FILE);
    }

    if (ngx_conf_full_name(cf->cycle, &agent->file, 0) != NGX_OK
        || ngx_http_rum_agent_read(cf, agent) != NGX_OK
        || ngx_http_rum_agent_gzip(cf->pool, agent) != NGX_OK
        || ngx_http_rum_agent_hash(cf->pool, agent) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (agent->file.len > 4
        && ngx_strncmp(agent->file.data + agent->file.len - 4, ".map", 4)
           == 0)
    {
        ngx_str_set(&agent->type, "application/json");

    } else {
        ngx_str_set(&agent->type, "text/javascript");
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_rum_agent_handler;

    agent->server = ngx_http_conf_get_module_srv_conf(cf,
                                                      ngx_http_core_module);
    agent->location = clcf->name;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_rum_filter_module);

    slot = ngx_array_push(&fmcf->agents);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = agent;
    flcf->agent = agent;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_rum_agent_read(ngx_conf_t *cf, ngx_http_rum_agent_t *agent)
{
    size_t           size;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_int_t        rc;
    ngx_file_info_t  fi;

    rc = NGX_ERROR;

    fd = ngx_open_file(agent->file.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "rum_agent: \"%V\" cannot be opened (\"make "
                           "install\" puts the agent into \""
                           NGX_HTTP_RUM_AGENT_FILE "\")", &agent->file);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)
        || ngx_file_size(&fi) == 0
        || ngx_file_size(&fi) > NGX_HTTP_RUM_AGENT_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "rum_agent: \"%V\" is not a file of 1 byte to 4m",
                           &agent->file);
        goto done;
    }

    size = (size_t) ngx_file_size(&fi);

    agent->body.data = ngx_pnalloc(cf->pool, size);
    if (agent->body.data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, agent->body.data, size);

    if (n != (ssize_t) size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, (n == -1) ? ngx_errno : 0,
                           "rum_agent: \"%V\" cannot be read", &agent->file);
        goto done;
    }

    agent->body.len = size;
    rc = NGX_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", &agent->file);
    }

    return rc;
}


static ngx_int_t
ngx_http_rum_agent_gzip(ngx_pool_t *pool, ngx_http_rum_agent_t *agent)
{
    int       rc;
    u_char   *data;
    uLong     size;
    z_stream  z;

    ngx_memzero(&z, sizeof(z_stream));

    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED,
                     NGX_HTTP_RUM_AGENT_WINDOW, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        return NGX_ERROR;
    }

    size = deflateBound(&z, agent->body.len);
    data = ngx_pnalloc(pool, size);

    if (data == NULL) {
        (void) deflateEnd(&z);
        return NGX_ERROR;
    }

    z.next_in = agent->body.data;
    z.avail_in = (uInt) agent->body.len;
    z.next_out = data;
    z.avail_out = (uInt) size;

    rc = deflate(&z, Z_FINISH);
    size = z.total_out;
    (void) deflateEnd(&z);

    if (rc != Z_STREAM_END) {
        return NGX_ERROR;
    }

    if (size < agent->body.len) {
        agent->gzip.data = data;
        agent->gzip.len = size;
    }

    return NGX_OK;
}


/* what is compressed is another representation and has its own ETag */

static ngx_int_t
ngx_http_rum_agent_hash(ngx_pool_t *pool, ngx_http_rum_agent_t *agent)
{
    u_char      *p, sum[20];
    ngx_sha1_t   sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, agent->body.data, agent->body.len);
    ngx_sha1_final(sum, &sha1);

    p = ngx_pnalloc(pool, 3 * 2 * NGX_HTTP_RUM_AGENT_HASH
                          + sizeof("\"\"\"-gzip\"") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    agent->hash.data = p;
    agent->hash.len = 2 * NGX_HTTP_RUM_AGENT_HASH;
    p = ngx_hex_dump(p, sum, NGX_HTTP_RUM_AGENT_HASH);

    agent->etag.data = p;
    p = ngx_sprintf(p, "\"%V\"", &agent->hash);
    agent->etag.len = p - agent->etag.data;

    agent->etag_gzip.data = p;
    p = ngx_sprintf(p, "\"%V-gzip\"", &agent->hash);
    agent->etag_gzip.len = p - agent->etag_gzip.data;

    return NGX_OK;
}


ngx_http_rum_agent_t *
ngx_http_rum_agent_find(ngx_http_core_srv_conf_t *server,
    ngx_str_t *location)
{
    ngx_uint_t                        i;
    ngx_http_rum_agent_t            **agent;
    ngx_http_rum_filter_main_conf_t  *fmcf;

    fmcf = server->ctx->main_conf[ngx_http_rum_filter_module.ctx_index];
    agent = fmcf->agents.elts;

    for (i = 0; i < fmcf->agents.nelts; i++) {

        if (agent[i]->server == server
            && rum_str_eq((rum_str_t *) &agent[i]->location,
                          (rum_str_t *) location))
        {
            return agent[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_rum_agent_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_buf_t                       *b;
    ngx_str_t                       *body;
    ngx_uint_t                       gzip;
    ngx_chain_t                      out;
    ngx_http_rum_agent_t            *agent;
    ngx_http_rum_filter_loc_conf_t  *flcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return (ngx_http_rum_agent_add(r, "Allow", "GET, HEAD") != NULL)
               ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_rum_filter_module);
    agent = flcf->agent;

    gzip = (agent->gzip.len != 0 && ngx_http_rum_agent_takes_gzip(r));
    body = gzip ? &agent->gzip : &agent->body;

    if (ngx_http_rum_agent_headers(r, agent, gzip) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = body->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/*
 * A script that anyone may load, from any site, also one that isolates
 * itself (Cross-Origin-Embedder-Policy) or checks what it loads (SRI).
 */

static ngx_int_t
ngx_http_rum_agent_headers(ngx_http_request_t *r,
    ngx_http_rum_agent_t *agent, ngx_uint_t gzip)
{
    ngx_str_t         v;
    ngx_uint_t        current;
    ngx_table_elt_t  *h;

    r->headers_out.content_type = agent->type;
    r->headers_out.content_type_len = agent->type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_set(&r->headers_out.charset, "utf-8");

    current = (ngx_http_arg(r, (u_char *) "v", 1, &v) == NGX_OK
               && rum_str_eq((rum_str_t *) &v, (rum_str_t *) &agent->hash));

    h = ngx_http_rum_agent_add(r, "ETag", "");
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->value = gzip ? agent->etag_gzip : agent->etag;
    r->headers_out.etag = h;

    if (gzip) {
        h = ngx_http_rum_agent_add(r, "Content-Encoding", "gzip");
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_out.content_encoding = h;
    }

    if (ngx_http_rum_agent_add(r, "Cache-Control",
                               current ? NGX_HTTP_RUM_AGENT_FOREVER
                                       : NGX_HTTP_RUM_AGENT_BRIEFLY)
           == NULL
        || ngx_http_rum_agent_add(r, "Vary", "Accept-Encoding") == NULL
        || ngx_http_rum_agent_add(r, "X-Content-Type-Options", "nosniff")
           == NULL
        || ngx_http_rum_agent_add(r, "Access-Control-Allow-Origin", "*")
           == NULL
        || ngx_http_rum_agent_add(r, "Cross-Origin-Resource-Policy",
                                  "cross-origin")
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_rum_agent_add(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return h;
}


/*
 * Not ngx_http_gzip_ok(): that is about compressing while sending, and says
 * no to proxies and to HTTP/1.0 by default.
 */

static ngx_uint_t
ngx_http_rum_agent_takes_gzip(ngx_http_request_t *r)
{
    u_char           *p, *last, *comma;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("accept-encoding") - 1
                || ngx_strncmp(h[i].lowcase_key, "accept-encoding",
                               sizeof("accept-encoding") - 1)
                   != 0)
            {
                continue;
            }

            last = h[i].value.data + h[i].value.len;

            for (p = h[i].value.data; p < last; p = comma + 1) {

                comma = ngx_strlchr(p, last, ',');
                if (comma == NULL) {
                    comma = last;
                }

                if (ngx_http_rum_agent_coding(p, comma)) {
                    return 1;
                }
            }
        }
    }

    return 0;
}


/* "gzip" or "x-gzip", unless it has a weight of zero: q=0, q=0.000 */

static ngx_uint_t
ngx_http_rum_agent_coding(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (last - p > 2 && ngx_strncasecmp(p, (u_char *) "x-", 2) == 0) {
        p += 2;
    }

    if (last - p < 4 || ngx_strncasecmp(p, (u_char *) "gzip", 4) != 0) {
        return 0;
    }

    p += 4;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p == last) {
        return 1;
    }

    if (*p != ';') {
        return 0;
    }

    p = ngx_strlchr(p, last, '=');

    if (p == NULL) {
        return 1;
    }

    for (p++; p < last; p++) {

        if (*p >= '1' && *p <= '9') {
            return 1;
        }
    }

    return 0;
}
