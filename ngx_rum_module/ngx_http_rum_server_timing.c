/*
 * rum_server_timing: one Server-Timing header with what this nginx knows of
 * the request, so that the browser can split its time to first byte, and
 * the trace that the request belongs to.  Also $rum_traceparent, which is
 * the same trace for the upstream.
 */

#include "ngx_http_rum_filter.h"

#if (NGX_OPENSSL)
#include <openssl/rand.h>
#endif


/* 00-TRACE-PARENT-FLAGS, see https://www.w3.org/TR/trace-context/ */
#define NGX_HTTP_RUM_TRACE_LEN   55
#define NGX_HTTP_RUM_TRACE_ID    16
#define NGX_HTTP_RUM_PARENT_ID   8


static ngx_int_t ngx_http_rum_traceparent_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_str_t *ngx_http_rum_traceparent_given(ngx_http_request_t *r);
static ngx_uint_t ngx_http_rum_traceparent_valid(ngx_str_t *value);
static ngx_uint_t ngx_http_rum_traceparent_id(u_char *p, size_t len);
static u_char *ngx_http_rum_traceparent_new(ngx_pool_t *pool);
static ngx_msec_int_t ngx_http_rum_server_timing_upstream(
    ngx_http_request_t *r);
static ngx_msec_int_t ngx_http_rum_server_timing_total(
    ngx_http_request_t *r);


static ngx_str_t  ngx_http_rum_traceparent = ngx_string("rum_traceparent");


char *
ngx_http_rum_server_timing(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_filter_main_conf_t  *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_rum_filter_module);

    fmcf->timing = 1;

    fmcf->traceparent = ngx_http_get_variable_index(cf,
                                                 &ngx_http_rum_traceparent);
    if (fmcf->traceparent == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}


ngx_int_t
ngx_http_rum_server_timing_variable(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var;

    /* evaluated once for a request, whoever asks first, also by redirects */

    var = ngx_http_add_variable(cf, &ngx_http_rum_traceparent, 0);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_rum_traceparent_variable;

    return NGX_OK;
}


ngx_int_t
ngx_http_rum_server_timing_header(ngx_http_request_t *r)
{
    size_t                            len;
    u_char                           *p;
    ngx_msec_int_t                    ms, total;
    ngx_table_elt_t                  *h;
    ngx_http_variable_value_t        *trace;
    ngx_http_rum_filter_main_conf_t  *fmcf;

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_rum_filter_module);

    trace = ngx_http_get_indexed_variable(r, fmcf->traceparent);
    if (trace == NULL) {
        return NGX_ERROR;
    }

    len = sizeof("upstream;dur=, cache;desc=REVALIDATED, total;dur=, "
                 "traceparent;desc=\"\"") + 2 * NGX_INT64_LEN + trace->len;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Server-Timing");
    h->value.data = p;

    ms = ngx_http_rum_server_timing_upstream(r);

    if (ms != -1) {
        p = ngx_sprintf(p, "upstream;dur=%M, ", ms);
    }

#if (NGX_HTTP_CACHE)

    if (r->upstream != NULL && r->upstream->cache_status != 0) {
        p = ngx_sprintf(p, "cache;desc=%V, ",
                  &ngx_http_cache_status[r->upstream->cache_status - 1]);
    }

#endif

    /* the two are taken from different clocks */

    total = ngx_http_rum_server_timing_total(r);
    p = ngx_sprintf(p, "total;dur=%M", ngx_max(total, ms));

    if (trace->len != 0) {
        p = ngx_sprintf(p, ", traceparent;desc=\"%v\"", trace);
    }

    h->value.len = p - h->value.data;

    return NGX_OK;
}


/*
 * How long the upstreams took to answer, up to the header of the one whose
 * answer this is; all tries together.  -1: none was asked.
 */

static ngx_msec_int_t
ngx_http_rum_server_timing_upstream(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_msec_int_t              ms;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL) {
        return -1;
    }

    ms = -1;
    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {

        if (state[i].peer == NULL) {
            continue;
        }

        if (ms == -1) {
            ms = 0;
        }

        if (state[i].response_time != (ngx_msec_t) -1) {
            ms += state[i].response_time;

        } else if (state[i].header_time != (ngx_msec_t) -1) {
            ms += state[i].header_time;
        }
    }

    return ms;
}


static ngx_msec_int_t
ngx_http_rum_server_timing_total(ngx_http_request_t *r)
{
    ngx_time_t      *tp;
    ngx_msec_int_t   ms;

    tp = ngx_timeofday();

    ms = (ngx_msec_int_t) (tp->sec - r->start_sec) * 1000
         + (ngx_msec_int_t) tp->msec - (ngx_msec_int_t) r->start_msec;

    /* the clock may have been put back */

    return ngx_max(ms, 0);
}


static ngx_int_t
ngx_http_rum_traceparent_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  *given;

    given = ngx_http_rum_traceparent_given(r);

    if (given != NULL) {
        v->data = given->data;
        v->len = given->len;

    } else {
        v->data = ngx_http_rum_traceparent_new(r->pool);
        if (v->data == NULL) {
            return NGX_ERROR;
        }

        v->len = NGX_HTTP_RUM_TRACE_LEN;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* the one that came in: NULL if there is none, several, or a wrong one */

static ngx_str_t *
ngx_http_rum_traceparent_given(ngx_http_request_t *r)
{
    ngx_str_t        *given;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    given = NULL;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("traceparent") - 1
                || ngx_strncmp(h[i].lowcase_key, "traceparent",
                               sizeof("traceparent") - 1)
                   != 0)
            {
                continue;
            }

            if (given != NULL) {
                return NULL;
            }

            given = &h[i].value;
        }
    }

    return (given != NULL && ngx_http_rum_traceparent_valid(given)) ? given
                                                                    : NULL;
}


/* a later version may have more behind a further "-", 00 may not */

static ngx_uint_t
ngx_http_rum_traceparent_valid(ngx_str_t *value)
{
    u_char      *p;
    ngx_uint_t   i;

    p = value->data;

    if (value->len < NGX_HTTP_RUM_TRACE_LEN
        || p[2] != '-' || p[35] != '-' || p[52] != '-')
    {
        return 0;
    }

    for (i = 0; i < NGX_HTTP_RUM_TRACE_LEN; i++) {

        if (i != 2 && i != 35 && i != 52
            && (p[i] < '0' || p[i] > '9') && (p[i] < 'a' || p[i] > 'f'))
        {
            return 0;
        }
    }

    if (ngx_strncmp(p, "ff", 2) == 0
        || !ngx_http_rum_traceparent_id(p + 3, 2 * NGX_HTTP_RUM_TRACE_ID)
        || !ngx_http_rum_traceparent_id(p + 36, 2 * NGX_HTTP_RUM_PARENT_ID))
    {
        return 0;
    }

    if (value->len == NGX_HTTP_RUM_TRACE_LEN) {
        return 1;
    }

    if (ngx_strncmp(p, "00", 2) == 0 || p[NGX_HTTP_RUM_TRACE_LEN] != '-') {
        return 0;
    }

    /* it goes into a quoted string */

    for (i = NGX_HTTP_RUM_TRACE_LEN; i < value->len; i++) {

        if (p[i] <= 0x20 || p[i] >= 0x7f || p[i] == '"' || p[i] == '\\') {
            return 0;
        }
    }

    return 1;
}


/* one that is all zeros is none */

static ngx_uint_t
ngx_http_rum_traceparent_id(u_char *p, size_t len)
{
    while (len--) {

        if (*p++ != '0') {
            return 1;
        }
    }

    return 0;
}


/* sampled (01): who looks for the trace of a slow page shall find it */

static u_char *
ngx_http_rum_traceparent_new(ngx_pool_t *pool)
{
    u_char      *p, *text;
    u_char       id[NGX_HTTP_RUM_TRACE_ID + NGX_HTTP_RUM_PARENT_ID];
    ngx_uint_t   i;

    text = ngx_pnalloc(pool, NGX_HTTP_RUM_TRACE_LEN);
    if (text == NULL) {
        return NULL;
    }

#if (NGX_OPENSSL)

    if (RAND_bytes(id, sizeof(id)) != 1)

#endif
    {
        for (i = 0; i < sizeof(id); i++) {
            id[i] = (u_char) (ngx_random() >> 8);
        }
    }

    /* neither may be all zeros */

    id[0] |= (id[0] == 0);
    id[NGX_HTTP_RUM_TRACE_ID] |= (id[NGX_HTTP_RUM_TRACE_ID] == 0);

    p = ngx_cpymem(text, "00-", 3);
    p = ngx_hex_dump(p, id, NGX_HTTP_RUM_TRACE_ID);
    *p++ = '-';
    p = ngx_hex_dump(p, id + NGX_HTTP_RUM_TRACE_ID, NGX_HTTP_RUM_PARENT_ID);
    ngx_memcpy(p, "-01", 3);

    return text;
}
