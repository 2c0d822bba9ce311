/*
 * The HTTP side of the beacon endpoint: what a request's headers say, who
 * may send, and every answer there is, each with its counter.
 */

#ifndef NGX_HTTP_RUM_ANSWER_H
#define NGX_HTTP_RUM_ANSWER_H

#include "ngx_http_rum_module.h"


typedef enum {
    NGX_HTTP_RUM_ENCODING_NONE = 0,
    NGX_HTTP_RUM_ENCODING_GZIP,
    NGX_HTTP_RUM_ENCODING_DEFLATE,
    NGX_HTTP_RUM_ENCODING_OTHER
} ngx_http_rum_encoding_e;


/* the request headers that matter; values point into the request */
typedef struct {
    rum_client_headers_t          client;
    rum_str_t                     referer;
    ngx_str_t                     origin;
    ngx_str_t                     preflight;    /* requested headers */
    ngx_str_t                     token;        /* X-Rum-Token */
    ngx_http_rum_encoding_e       encoding;
    unsigned                      opted_out:1;  /* DNT or Sec-GPC */
    unsigned                      form:1;       /* the type of a form */
} ngx_http_rum_headers_t;


/* one pass over the headers; h is zeroed before */
void ngx_http_rum_headers(ngx_http_request_t *r, ngx_http_rum_headers_t *h);

/* origins: of ngx_str_t, lower case; NULL allows any */
ngx_uint_t ngx_http_rum_origin_allowed(ngx_array_t *origins,
    ngx_http_rum_headers_t *h);

/*
 * NGX_OK if the request carries the token, as its argument "token" or by
 * header, or if none is asked for (NULL); NGX_DECLINED if not; NGX_ERROR.
 */
ngx_int_t ngx_http_rum_token_valid(ngx_http_request_t *r,
    ngx_http_complex_value_t *token, ngx_http_rum_headers_t *h);

/* adds headers for the answer to come */
ngx_int_t ngx_http_rum_answer_cors(ngx_http_request_t *r,
    ngx_http_rum_headers_t *h);
ngx_int_t ngx_http_rum_answer_no_store(ngx_http_request_t *r);

/*
 * Each sets ctx->result, counts it and sends; the return value is for
 * ngx_http_finalize_request().
 */
ngx_int_t ngx_http_rum_answer_empty(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx, ngx_uint_t result);
ngx_int_t ngx_http_rum_answer_preflight(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx, ngx_http_rum_headers_t *h);
ngx_int_t ngx_http_rum_answer_method(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx);
ngx_int_t ngx_http_rum_answer_unavailable(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx);

/* a JSON body that says what is wrong, and where: the offset in the body */
ngx_int_t ngx_http_rum_answer_error(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx, ngx_uint_t status, ngx_uint_t result,
    const char *message, size_t offset);


#endif /* NGX_HTTP_RUM_ANSWER_H */
