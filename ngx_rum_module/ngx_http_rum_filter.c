/*
 * The second module of the shared object: directives and configuration of
 * what is done to the pages, and the two filters that do it.  They stand
 * between postpone and gzip, so they see the page as it is put together (by
 * SSI, sub_filter, gunzip, addition) and before it is compressed.  They are
 * not there at all unless a directive asks for them.
 */

#include "ngx_http_rum_filter.h"


static ngx_int_t ngx_http_rum_filter_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_rum_filter_init(ngx_conf_t *cf);
static void *ngx_http_rum_filter_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_rum_filter_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_rum_filter_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_rum_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_rum_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


static ngx_command_t  ngx_http_rum_filter_commands[] = {

    { ngx_string("rum_inject"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_rum_inject,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rum_server_timing"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_rum_server_timing,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_rum_filter_loc_conf_t, server_timing),
      NULL },

    { ngx_string("rum_agent"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_rum_agent,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_rum_filter_module_ctx = {
    ngx_http_rum_filter_preconfiguration,  /* preconfiguration */
    ngx_http_rum_filter_init,              /* postconfiguration */

    ngx_http_rum_filter_create_main_conf,  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_rum_filter_create_loc_conf,   /* create location configuration */
    ngx_http_rum_filter_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_http_rum_filter_module = {
    NGX_MODULE_V1,
    &ngx_http_rum_filter_module_ctx,       /* module context */
    ngx_http_rum_filter_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static ngx_int_t
ngx_http_rum_filter_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_rum_server_timing_variable(cf);
}


static void *
ngx_http_rum_filter_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_rum_filter_main_conf_t  *fmcf;

    fmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_filter_main_conf_t));
    if (fmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&fmcf->agents, cf->pool, 4,
                       sizeof(ngx_http_rum_agent_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return fmcf;
}


static void *
ngx_http_rum_filter_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_rum_filter_loc_conf_t  *flcf;

    flcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_filter_loc_conf_t));
    if (flcf == NULL) {
        return NULL;
    }

    flcf->inject = NGX_CONF_UNSET_PTR;
    flcf->server_timing = NGX_CONF_UNSET;

    return flcf;
}


static char *
ngx_http_rum_filter_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_rum_filter_loc_conf_t *prev = parent;
    ngx_http_rum_filter_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" are in the location, not another one */

    if (clcf->noname && clcf->handler == NULL && prev->agent != NULL) {
        conf->agent = prev->agent;
        clcf->handler = ngx_http_rum_agent_handler;
    }

    ngx_conf_merge_value(conf->server_timing, prev->server_timing, 0);

    /* prev->tag: not that of http {}, which knows no server's agents */

    if (conf->inject == NGX_CONF_UNSET_PTR) {
        conf->inject = (prev->inject == NGX_CONF_UNSET_PTR) ? NULL
                                                            : prev->inject;
        conf->tag = prev->tag;
    }

    if (conf->inject != NULL && conf->tag == NULL) {
        conf->tag = ngx_http_rum_tag_create(cf, conf->inject);
        if (conf->tag == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_rum_filter_init(ngx_conf_t *cf)
{
    ngx_http_rum_filter_main_conf_t  *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_rum_filter_module);

    if (fmcf->inject || fmcf->timing) {
        ngx_http_next_header_filter = ngx_http_top_header_filter;
        ngx_http_top_header_filter = ngx_http_rum_header_filter;
    }

    if (fmcf->inject) {
        ngx_http_next_body_filter = ngx_http_top_body_filter;
        ngx_http_top_body_filter = ngx_http_rum_body_filter;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_header_filter(ngx_http_request_t *r)
{
    ngx_int_t                        rc, injecting;
    ngx_http_rum_filter_loc_conf_t  *flcf;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_rum_filter_module);

    if (flcf->server_timing
        && ngx_http_rum_server_timing_header(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (flcf->tag == NULL) {
        return ngx_http_next_header_filter(r);
    }

    injecting = ngx_http_rum_inject_header(r, flcf->tag);
    if (injecting == NGX_ERROR) {
        return NGX_ERROR;
    }

    rc = ngx_http_next_header_filter(r);

    if (injecting == NGX_OK) {
        ngx_http_rum_inject_begin(r);
    }

    return rc;
}


/* postpone hands everything over in order, and as the main request's */

static ngx_int_t
ngx_http_rum_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    if (in != NULL && r == r->main
        && ngx_http_get_module_ctx(r, ngx_http_rum_filter_module) != NULL
        && ngx_http_rum_inject_body(r, &in) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_body_filter(r, in);
}
