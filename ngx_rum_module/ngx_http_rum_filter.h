/*
 * What nginx does to the pages themselves: rum_inject, rum_server_timing and
 * rum_agent.  A module of its own in the same shared object, because a filter
 * has its place among the filters, and because none of it needs Redis.
 */

#ifndef NGX_HTTP_RUM_FILTER_H
#define NGX_HTTP_RUM_FILTER_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "rum_html.h"


/* one location with rum_agent; all of it lives as long as the configuration */
typedef struct {
    ngx_http_core_srv_conf_t     *server;
    ngx_str_t                     location;     /* its name */
    ngx_str_t                     file;
    ngx_str_t                     type;         /* the Content-Type */
    ngx_str_t                     body;
    ngx_str_t                     gzip;         /* empty where not smaller */
    ngx_str_t                     hash;         /* of the body */
    ngx_str_t                     etag;
    ngx_str_t                     etag_gzip;
} ngx_http_rum_agent_t;


/* an attribute of the script tag */
typedef struct {
    ngx_str_t                     name;
    ngx_http_complex_value_t      value;
    unsigned                      given:1;      /* not only by default */
} ngx_http_rum_attribute_t;


/* rum_inject on, as it was written */
typedef struct {
    ngx_array_t                   attributes;   /* the first one is src */
    unsigned                      nonce:1;      /* differs in each answer */
} ngx_http_rum_inject_t;


/*
 * The tag for one server: what is the same in all answers is made when the
 * configuration is read.
 */
typedef struct {
    ngx_http_rum_inject_t        *inject;
    ngx_http_core_srv_conf_t     *server;
    ngx_str_t                     text;         /* the whole tag, if it has no
                                                   variables */
} ngx_http_rum_tag_t;


typedef struct {
    ngx_array_t                   agents;       /* of ..._agent_t * */
    ngx_int_t                     traceparent;  /* index of the variable */
    unsigned                      inject:1;     /* is on somewhere */
    unsigned                      timing:1;
} ngx_http_rum_filter_main_conf_t;


typedef struct {
    ngx_http_rum_inject_t        *inject;       /* NULL: off */
    ngx_http_rum_tag_t           *tag;
    ngx_http_rum_agent_t         *agent;        /* rum_agent, or NULL */
    ngx_flag_t                    server_timing;
} ngx_http_rum_filter_loc_conf_t;


extern ngx_module_t  ngx_http_rum_filter_module;


/* ngx_http_rum_tag.c */
char *ngx_http_rum_inject(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_http_rum_tag_t *ngx_http_rum_tag_create(ngx_conf_t *cf,
    ngx_http_rum_inject_t *inject);
/*
 * One value for each attribute, as it is in this answer; only the first one,
 * the source, where tag->text is made already.
 */
ngx_int_t ngx_http_rum_tag_values(ngx_http_request_t *r,
    ngx_http_rum_tag_t *tag, ngx_str_t **values);
/* the tag with these values */
ngx_int_t ngx_http_rum_tag_text(ngx_pool_t *pool, ngx_http_rum_tag_t *tag,
    ngx_str_t *values, ngx_str_t *text);

/* ngx_http_rum_inject.c */
/* NGX_OK: the page is to be looked through by the body filter */
ngx_int_t ngx_http_rum_inject_header(ngx_http_request_t *r,
    ngx_http_rum_tag_t *tag);
/* once the header has gone through all filters */
void ngx_http_rum_inject_begin(ngx_http_request_t *r);
/* NGX_OK or NGX_ERROR; *in becomes what is to be sent instead */
ngx_int_t ngx_http_rum_inject_body(ngx_http_request_t *r, ngx_chain_t **in);

/* ngx_http_rum_server_timing.c */
char *ngx_http_rum_server_timing(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_rum_server_timing_header(ngx_http_request_t *r);
ngx_int_t ngx_http_rum_server_timing_variable(ngx_conf_t *cf);

/* ngx_http_rum_agent.c */
char *ngx_http_rum_agent(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_rum_agent_handler(ngx_http_request_t *r);
/* the agent whose location in the server is that; NULL: none */
ngx_http_rum_agent_t *ngx_http_rum_agent_find(
    ngx_http_core_srv_conf_t *server, ngx_str_t *location);


#endif /* NGX_HTTP_RUM_FILTER_H */
