/*
 * Headers in, answers out: see ngx_http_rum_answer.h.
 */

#include "ngx_http_rum_answer.h"


/* a preflight's answer may be kept so long; browsers have caps of their own */
#define NGX_HTTP_RUM_PREFLIGHT_AGE  "86400"


typedef void (*ngx_http_rum_header_pt)(ngx_http_rum_headers_t *h,
    ngx_str_t *value);

typedef struct {
    ngx_str_t                     name;
    ngx_http_rum_header_pt        set;
} ngx_http_rum_header_t;


static void ngx_http_rum_header_privacy(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_origin(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_encoding(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_type(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_referer(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_preflight(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_user_agent(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_token(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_ua(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_mobile(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static void ngx_http_rum_header_platform(ngx_http_rum_headers_t *h,
    ngx_str_t *value);
static ngx_str_t ngx_http_rum_origin_of(ngx_http_rum_headers_t *h);
static ngx_uint_t ngx_http_rum_token_is(ngx_str_t *token, ngx_str_t *given);
static ngx_int_t ngx_http_rum_answer_header(ngx_http_request_t *r,
    const char *name, size_t name_len, const char *value, size_t value_len);
static void ngx_http_rum_answer_result(ngx_http_rum_ctx_t *ctx,
    ngx_uint_t result);


#define ngx_http_rum_add_header(r, name, value)                               \
    ngx_http_rum_answer_header(r, name, sizeof(name) - 1, value,              \
                               sizeof(value) - 1)


/* in the order of their length */
static ngx_http_rum_header_t  ngx_http_rum_header_table[] = {
    { ngx_string("dnt"), ngx_http_rum_header_privacy },
    { ngx_string("origin"), ngx_http_rum_header_origin },
    { ngx_string("referer"), ngx_http_rum_header_referer },
    { ngx_string("sec-gpc"), ngx_http_rum_header_privacy },
    { ngx_string("sec-ch-ua"), ngx_http_rum_header_ua },
    { ngx_string("user-agent"), ngx_http_rum_header_user_agent },
    { ngx_string("x-rum-token"), ngx_http_rum_header_token },
    { ngx_string("content-type"), ngx_http_rum_header_type },
    { ngx_string("content-encoding"), ngx_http_rum_header_encoding },
    { ngx_string("sec-ch-ua-mobile"), ngx_http_rum_header_mobile },
    { ngx_string("sec-ch-ua-platform"), ngx_http_rum_header_platform },
    { ngx_string("access-control-request-headers"),
      ngx_http_rum_header_preflight },
    { ngx_null_string, NULL }
};

/* their lengths, one bit each: most headers of a request are none of them */
#define NGX_HTTP_RUM_HEADER_LENGTHS                                           \
    (1u << 3 | 1u << 6 | 1u << 7 | 1u << 9 | 1u << 10 | 1u << 11 | 1u << 12   \
     | 1u << 16 | 1u << 18 | 1u << 30)


void
ngx_http_rum_headers(ngx_http_request_t *r, ngx_http_rum_headers_t *h)
{
    size_t                  len;
    ngx_uint_t              i;
    ngx_list_part_t        *part;
    ngx_table_elt_t        *header;
    ngx_http_rum_header_t  *known;

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        len = header[i].key.len;

        if (len > 31 || !(NGX_HTTP_RUM_HEADER_LENGTHS & (1u << len))) {
            continue;
        }

        for (known = ngx_http_rum_header_table;
             known->name.len != 0 && known->name.len <= len;
             known++)
        {
            if (known->name.len == len
                && rum_bytes_eq(known->name.data, header[i].lowcase_key, len))
            {
                known->set(h, &header[i].value);
                break;
            }
        }
    }
}


static void
ngx_http_rum_header_privacy(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    if (value->len == 1 && value->data[0] == '1') {
        h->opted_out = 1;
    }
}


static void
ngx_http_rum_header_origin(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->origin = *value;
}


static void
ngx_http_rum_header_encoding(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    if (value->len == 4
        && ngx_strncasecmp(value->data, (u_char *) "gzip", 4) == 0)
    {
        h->encoding = NGX_HTTP_RUM_ENCODING_GZIP;

    } else if (value->len == 7
               && ngx_strncasecmp(value->data, (u_char *) "deflate", 7) == 0)
    {
        h->encoding = NGX_HTTP_RUM_ENCODING_DEFLATE;

    } else if (value->len != 0
               && (value->len != 8
                   || ngx_strncasecmp(value->data, (u_char *) "identity", 8)
                      != 0))
    {
        h->encoding = NGX_HTTP_RUM_ENCODING_OTHER;
    }
}


static void
ngx_http_rum_header_type(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    static const ngx_str_t  multipart = ngx_string("multipart/");
    static const ngx_str_t  urlencoded
                             = ngx_string("application/x-www-form-urlencoded");

    h->form = (value->len >= multipart.len
               && ngx_strncasecmp(value->data, multipart.data, multipart.len)
                  == 0)
              || (value->len >= urlencoded.len
                  && ngx_strncasecmp(value->data, urlencoded.data,
                                     urlencoded.len)
                     == 0);
}


static void
ngx_http_rum_header_referer(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->referer.len = value->len;
    h->referer.data = value->data;
}


static void
ngx_http_rum_header_preflight(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->preflight = *value;
}


static void
ngx_http_rum_header_user_agent(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->client.user_agent.len = value->len;
    h->client.user_agent.data = value->data;
}


static void
ngx_http_rum_header_token(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->token = *value;
}


static void
ngx_http_rum_header_ua(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->client.ch_ua.len = value->len;
    h->client.ch_ua.data = value->data;
}


static void
ngx_http_rum_header_mobile(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->client.ch_mobile.len = value->len;
    h->client.ch_mobile.data = value->data;
}


static void
ngx_http_rum_header_platform(ngx_http_rum_headers_t *h, ngx_str_t *value)
{
    h->client.ch_platform.len = value->len;
    h->client.ch_platform.data = value->data;
}


/*
 * An origin is allowed if it is listed, or if it is a subdomain of a listed
 * one that has "*." before its host.  A request without Origin, such as that
 * of a pixel, is judged by its Referer.
 */

ngx_uint_t
ngx_http_rum_origin_allowed(ngx_array_t *origins, ngx_http_rum_headers_t *h)
{
    size_t       scheme, suffix;
    u_char      *star;
    ngx_str_t    origin, *allowed;
    ngx_uint_t   i;

    if (origins == NULL) {
        return 1;
    }

    origin = ngx_http_rum_origin_of(h);
    allowed = origins->elts;

    for (i = 0; i < origins->nelts; i++) {

        star = ngx_strlchr(allowed[i].data, allowed[i].data + allowed[i].len,
                           '*');

        if (star == NULL) {
            if (origin.len == allowed[i].len
                && ngx_strncasecmp(origin.data, allowed[i].data, origin.len)
                   == 0)
            {
                return 1;
            }

            continue;
        }

        scheme = star - allowed[i].data;
        suffix = allowed[i].len - scheme - 1;

        if (origin.len > scheme + suffix
            && ngx_strncasecmp(origin.data, allowed[i].data, scheme) == 0
            && ngx_strncasecmp(origin.data + origin.len - suffix, star + 1,
                               suffix)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_str_t
ngx_http_rum_origin_of(ngx_http_rum_headers_t *h)
{
    u_char     *p, *last;
    ngx_str_t   origin;

    if (h->origin.len != 0) {
        return h->origin;
    }

    origin.data = h->referer.data;
    origin.len = 0;

    if (h->referer.len == 0) {
        return origin;
    }

    last = h->referer.data + h->referer.len;
    p = ngx_strlcasestrn(h->referer.data, last, (u_char *) "://", 2);

    if (p != NULL) {
        for (p += 3; p < last && *p != '/' && *p != '?' && *p != '#'; p++) {
            /* void */
        }

        origin.len = p - h->referer.data;
    }

    return origin;
}


ngx_int_t
ngx_http_rum_token_valid(ngx_http_request_t *r,
    ngx_http_complex_value_t *token, ngx_http_rum_headers_t *h)
{
    u_char     *src, *dst;
    ngx_str_t   expected, arg;

    if (token == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, token, &expected) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_rum_token_is(&expected, &h->token)) {
        return NGX_OK;
    }

    if (ngx_http_arg(r, (u_char *) "token", 5, &arg) != NGX_OK) {
        return NGX_DECLINED;
    }

    src = arg.data;
    dst = ngx_pnalloc(r->pool, arg.len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    arg.data = dst;
    ngx_unescape_uri(&dst, &src, arg.len, 0);
    arg.len = dst - arg.data;

    return ngx_http_rum_token_is(&expected, &arg) ? NGX_OK : NGX_DECLINED;
}


/* how long this takes depends on what was given, not on how much of it fits */

static ngx_uint_t
ngx_http_rum_token_is(ngx_str_t *token, ngx_str_t *given)
{
    size_t               i;
    volatile ngx_uint_t  differ;

    if (token->len == 0) {
        return 0;
    }

    differ = (token->len != given->len);

    for (i = 0; i < given->len; i++) {
        differ |= token->data[i % token->len] ^ given->data[i];
    }

    return differ == 0;
}


/*
 * sendBeacon's requests carry credentials, so the origin itself must be
 * named: "*" would fail them.
 */

ngx_int_t
ngx_http_rum_answer_cors(ngx_http_request_t *r, ngx_http_rum_headers_t *h)
{
    if (h->origin.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_rum_answer_header(r, "Access-Control-Allow-Origin",
                             sizeof("Access-Control-Allow-Origin") - 1,
                             (char *) h->origin.data, h->origin.len)
        != NGX_OK
        || ngx_http_rum_add_header(r, "Access-Control-Allow-Credentials",
                                   "true")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_rum_add_header(r, "Vary", "Origin");
}


ngx_int_t
ngx_http_rum_answer_no_store(ngx_http_request_t *r)
{
    return ngx_http_rum_add_header(r, "Cache-Control", "no-store");
}


ngx_int_t
ngx_http_rum_answer_empty(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx,
    ngx_uint_t result)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_rum_answer_result(ctx, result);

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    /* "error_page 404 @rum" sends its own status, and that has a length */

    r->headers_out.content_length_n = 0;

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_http_rum_answer_preflight(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx,
    ngx_http_rum_headers_t *h)
{
    if (ngx_http_rum_add_header(r, "Access-Control-Allow-Methods",
                                "POST, GET, OPTIONS")
        != NGX_OK
        || ngx_http_rum_add_header(r, "Access-Control-Max-Age",
                                   NGX_HTTP_RUM_PREFLIGHT_AGE)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (h->preflight.len != 0
        && ngx_http_rum_answer_header(r, "Access-Control-Allow-Headers",
                               sizeof("Access-Control-Allow-Headers") - 1,
                               (char *) h->preflight.data, h->preflight.len)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_rum_answer_empty(r, ctx, NGX_HTTP_RUM_PREFLIGHT);
}


ngx_int_t
ngx_http_rum_answer_method(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx)
{
    if (ngx_http_rum_add_header(r, "Allow", "POST, GET, OPTIONS") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_rum_answer_error(r, ctx, NGX_HTTP_NOT_ALLOWED,
                                     NGX_HTTP_RUM_METHOD,
                                     "beacons come by POST or GET", 0);
}


ngx_int_t
ngx_http_rum_answer_unavailable(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx)
{
    if (ngx_http_rum_add_header(r, "Retry-After", "5") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_rum_answer_error(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     NGX_HTTP_RUM_UNAVAILABLE,
                                     "the event could not be stored now", 0);
}


ngx_int_t
ngx_http_rum_answer_error(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx,
    ngx_uint_t status, ngx_uint_t result, const char *message, size_t offset)
{
    u_char           *text;
    size_t            len, escape;
    ngx_int_t         rc;
    ngx_buf_t        *b;
    ngx_chain_t       out;
    const rum_str_t  *name;

    static const char  error[] = "{\"error\":\"%V\",\"message\":\"";
    static const char  end[] = "\",\"offset\":%uz}\n";

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    name = ngx_http_rum_stats_result_name(result);
    ngx_http_rum_answer_result(ctx, result);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "rum: beacon refused as \"%V\": %s",
                  (ngx_str_t *) name, message);

    /* the parser's texts may quote a backslash */

    text = (u_char *) message;
    len = ngx_strlen(text);
    escape = ngx_escape_json(NULL, text, len);

    b = ngx_create_temp_buf(r->pool, sizeof(error) + name->len + len + escape
                                     + sizeof(end) + NGX_SIZE_T_LEN);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, error, (ngx_str_t *) name);
    b->last = (u_char *) ngx_escape_json(b->last, text, len);
    b->last = ngx_sprintf(b->last, end, offset);
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = b->last - b->pos;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static void
ngx_http_rum_answer_result(ngx_http_rum_ctx_t *ctx, ngx_uint_t result)
{
    ctx->result = result;
    ngx_http_rum_stats_result(result);
}


static ngx_int_t
ngx_http_rum_answer_header(ngx_http_request_t *r, const char *name,
    size_t name_len, const char *value, size_t value_len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.len = name_len;
    h->key.data = (u_char *) name;
    h->value.len = value_len;
    h->value.data = (u_char *) value;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}
