/*
 * ngx_http_rum_module: the directives, the configuration and the life of
 * the module in a worker.  What happens to a beacon is in
 * ngx_http_rum_beacon.c; docs/directives.md is the reference.
 */

#include "ngx_http_rum_cluster.h"
#include "ngx_http_rum_sentinel.h"
#include "ngx_http_rum_spool.h"
#include "ngx_http_rum_status.h"
#include "rum_detail.h"
#include "rum_weight.h"


#define NGX_HTTP_RUM_RING_DEFAULT    (16 * 1024 * 1024)
#define NGX_HTTP_RUM_MAXLEN_DEFAULT  1000000
#define NGX_HTTP_RUM_SPOOL_DEFAULT   (1024 * 1024 * 1024)
#define NGX_HTTP_RUM_SPOOL_MIN       (1024 * 1024)


static void *ngx_http_rum_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_rum_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_rum_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_rum_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

static char *ngx_http_rum_spool(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_rum_geoip(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_rum_beacon(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_rum_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_rum_allow_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_rum_dimension(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_rum_token(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_rum_sample(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

static ngx_int_t ngx_http_rum_init_process(ngx_cycle_t *cycle);
static void ngx_http_rum_exit_process(ngx_cycle_t *cycle);
static ngx_http_rum_main_conf_t *ngx_http_rum_worker_conf(
    ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_rum_ack[] = {
    { ngx_string("queued"), NGX_HTTP_RUM_ACK_QUEUED },
    { ngx_string("stored"), NGX_HTTP_RUM_ACK_STORED },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_rum_privacy[] = {
    { ngx_string("off"), NGX_HTTP_RUM_PRIVACY_OFF },
    { ngx_string("signals"), NGX_HTTP_RUM_PRIVACY_SIGNALS },
    { ngx_string("strict"), NGX_HTTP_RUM_PRIVACY_STRICT },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_rum_commands[] = {

    { ngx_string("rum_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_rum_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rum_spool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_rum_spool,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rum_geoip"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_rum_geoip,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rum_beacon"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_rum_beacon,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_rum_loc_conf_t, site),
      NULL },

    { ngx_string("rum_ack"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_rum_loc_conf_t, ack),
      &ngx_http_rum_ack },

    { ngx_string("rum_allow_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_rum_allow_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rum_dimension"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_rum_dimension,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rum_page"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_rum_loc_conf_t, page),
      NULL },

    { ngx_string("rum_privacy"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_rum_loc_conf_t, privacy),
      &ngx_http_rum_privacy },

    { ngx_string("rum_sample"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_rum_sample,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rum_token"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_rum_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_rum_loc_conf_t, token),
      NULL },

    { ngx_string("rum_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_rum_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_rum_module_ctx = {
    ngx_http_rum_add_variables,            /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_rum_create_main_conf,         /* create main configuration */
    ngx_http_rum_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_rum_create_loc_conf,          /* create location configuration */
    ngx_http_rum_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_rum_module = {
    NGX_MODULE_V1,
    &ngx_http_rum_module_ctx,              /* module context */
    ngx_http_rum_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_rum_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_rum_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_rum_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_rum_main_conf_t  *rmcf;

    rmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_main_conf_t));
    if (rmcf == NULL) {
        return NULL;
    }

    rmcf->partitions = 1;
    rmcf->maxlen = NGX_HTTP_RUM_MAXLEN_DEFAULT;
    rmcf->ring = NGX_HTTP_RUM_RING_DEFAULT;

    return rmcf;
}


static char *
ngx_http_rum_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_rum_main_conf_t *rmcf = conf;

    /* all of http {} has been read */

    if (!rmcf->enabled) {
        return NGX_CONF_OK;
    }

    if (rmcf->redis == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"rum_beacon\" and \"rum_status\" need "
                      "\"rum_redis\" in http");
        return NGX_CONF_ERROR;
    }

    rmcf->stats = ngx_http_rum_stats_add_zone(cf);

    return (rmcf->stats == NULL) ? NGX_CONF_ERROR : NGX_CONF_OK;
}


static void *
ngx_http_rum_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_rum_loc_conf_t  *rlcf;

    rlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_loc_conf_t));
    if (rlcf == NULL) {
        return NULL;
    }

    rlcf->page = NGX_CONF_UNSET_PTR;
    rlcf->token = NGX_CONF_UNSET_PTR;
    rlcf->origins = NGX_CONF_UNSET_PTR;
    rlcf->dimensions = NGX_CONF_UNSET_PTR;
    rlcf->ack = NGX_CONF_UNSET_UINT;
    rlcf->privacy = NGX_CONF_UNSET_UINT;
    rlcf->sample = NGX_CONF_UNSET_UINT;

    return rlcf;
}


static char *
ngx_http_rum_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_rum_loc_conf_t *prev = parent;
    ngx_http_rum_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" are in the location, not another one */

    if (clcf->noname && clcf->handler == NULL && prev->site != NULL) {
        conf->site = prev->site;
        clcf->handler = ngx_http_rum_beacon_handler;
    }

    ngx_conf_merge_ptr_value(conf->page, prev->page, NULL);
    ngx_conf_merge_ptr_value(conf->token, prev->token, NULL);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_ptr_value(conf->dimensions, prev->dimensions, NULL);
    ngx_conf_merge_uint_value(conf->ack, prev->ack,
                              NGX_HTTP_RUM_ACK_QUEUED);
    ngx_conf_merge_uint_value(conf->privacy, prev->privacy,
                              NGX_HTTP_RUM_PRIVACY_SIGNALS);
    ngx_conf_merge_uint_value(conf->sample, prev->sample, RUM_RATE_ALL);

    return NGX_CONF_OK;
}


static char *
ngx_http_rum_spool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_main_conf_t *rmcf = conf;

    ngx_str_t              size, *value;
    ngx_path_t            *path;
    ngx_http_rum_spool_t  *spool;

    if (rmcf->spool != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    spool = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_spool_t));
    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (spool == NULL || path == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name = value[1];

    if (path->name.len > 1 && path->name.data[path->name.len - 1] == '/') {
        path->name.len--;
        path->name.data[path->name.len] = '\0';
    }

    if (ngx_conf_full_name(cf->cycle, &path->name, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (path->name.len > NGX_HTTP_RUM_SPOOL_PATH) {
        return "has a path of more than 448 bytes";
    }

    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    spool->path = path;
    spool->max = NGX_HTTP_RUM_SPOOL_DEFAULT;

    if (cf->args->nelts == 3) {
        if (ngx_strncmp(value[2].data, "max=", 4) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        size.data = value[2].data + 4;
        size.len = value[2].len - 4;
        spool->max = ngx_parse_offset(&size);

        if (spool->max < NGX_HTTP_RUM_SPOOL_MIN) {
            return "has a \"max\" that is not a size of 1m or more";
        }
    }

    /* nginx makes the folder, for the user of the workers */

    if (ngx_add_path(cf, &spool->path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_rum_spool_threads(cf, spool) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rmcf->spool = spool;

    return NGX_CONF_OK;
}


static char *
ngx_http_rum_geoip(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_main_conf_t *rmcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_http_rum_geoip_add(cf, &rmcf->geoip, &value[1]);
}


static char *
ngx_http_rum_beacon(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                      *rv;
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_rum_main_conf_t  *rmcf;

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].len > RUM_LEN_ID) {
        return "needs a site of 1 to 64 bytes";
    }

    rv = ngx_http_set_complex_value_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_rum_module);
    rmcf->enabled = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_rum_beacon_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_rum_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_rum_main_conf_t  *rmcf;

    rmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_rum_module);
    rmcf->enabled = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_rum_status_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_rum_allow_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_loc_conf_t *rlcf = conf;

    u_char      *host;
    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (rlcf->origins == NGX_CONF_UNSET_PTR) {
        rlcf->origins = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (rlcf->origins == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        host = (u_char *) ngx_strstr(value[i].data, "://");

        if (ngx_strcmp(value[i].data, "null") != 0
            && (host == NULL || host[3] == '\0'
                || ngx_strchr(host + 3, '/') != NULL))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\", it must be "
                               "\"https://host[:port]\", "
                               "\"https://*.host\" or \"null\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(rlcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
        ngx_strlow(origin->data, origin->data, origin->len);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_rum_dimension(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_loc_conf_t *rlcf = conf;

    size_t                             i;
    u_char                             ch;
    ngx_str_t                         *value;
    ngx_http_rum_dimension_t          *dimension;
    ngx_http_compile_complex_value_t   ccv;

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        ch = value[1].data[i];

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9') && ch != '_') {
            break;
        }
    }

    if (i == 0 || i < value[1].len || i > RUM_LEN_NAME
        || rum_str_is((rum_str_t *) &value[1], "all")
        || rum_str_is((rum_str_t *) &value[1], "page")
        || rum_str_is((rum_str_t *) &value[1], "site")
        || rum_detail_reserved((rum_str_t *) &value[1]))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid dimension \"%V\", it must be 1 to %d of "
                           "[a-z0-9_] and not \"all\", \"page\" or \"site\", "
                           "nor a detail such as \"error\" or \"host\"",
                           &value[1], RUM_LEN_NAME);
        return NGX_CONF_ERROR;
    }

    if (rlcf->dimensions == NGX_CONF_UNSET_PTR) {
        rlcf->dimensions = ngx_array_create(cf->pool, 4,
                                            sizeof(ngx_http_rum_dimension_t));
        if (rlcf->dimensions == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (rlcf->dimensions->nelts == RUM_MAX_TAGS) {
        return "is given more than 16 times";
    }

    dimension = ngx_array_push(rlcf->dimensions);
    if (dimension == NULL) {
        return NGX_CONF_ERROR;
    }

    dimension->name.data = value[1].data;
    dimension->name.len = value[1].len;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &dimension->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* a share, or a percentage, of up to as many decimals as a rate has */

static char *
ngx_http_rum_sample(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_loc_conf_t *rlcf = conf;

    ngx_int_t   rate;
    ngx_str_t  *value;

    if (rlcf->sample != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len > 0 && value[1].data[value[1].len - 1] == '%') {
        rate = ngx_atofp(value[1].data, value[1].len - 1, 4);

    } else {
        rate = ngx_atofp(value[1].data, value[1].len, 6);
    }

    if (rate < RUM_RATE_MIN || rate > RUM_RATE_ALL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\", it must be from 0.001 to 1, "
                           "or from 0.1%% to 100%%", &value[1]);
        return NGX_CONF_ERROR;
    }

    rlcf->sample = (ngx_uint_t) rate;

    return NGX_CONF_OK;
}


/*
 * "off" is for a location below one with a token.  A token that turns out
 * empty is another thing, the map knows no such site, and lets nobody in.
 */

static char *
ngx_http_rum_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_loc_conf_t *rlcf = conf;

    ngx_str_t  *value;

    if (rlcf->token != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        rlcf->token = NULL;
        return NGX_CONF_OK;
    }

    if (value[1].len == 0) {
        return "is empty";
    }

    return ngx_http_set_complex_value_slot(cf, cmd, conf);
}


static ngx_int_t
ngx_http_rum_init_process(ngx_cycle_t *cycle)
{
    ngx_http_rum_main_conf_t  *rmcf;

    rmcf = ngx_http_rum_worker_conf(cycle);

    if (rmcf == NULL) {
        return NGX_OK;
    }

    ngx_http_rum_stats_init_process(cycle, rmcf->stats);
    ngx_http_rum_sentinel_init_process(cycle, rmcf->redis);
    ngx_http_rum_cluster_init_process(cycle, rmcf->redis);

    if (ngx_http_rum_beacon_init_process(cycle) != NGX_OK
        || ngx_http_rum_delivery_init_process(cycle, rmcf) != NGX_OK
        || ngx_http_rum_status_init_process(cycle, rmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_rum_geoip_init_process(cycle, rmcf->geoip);
}


static void
ngx_http_rum_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_http_rum_worker_conf(cycle) == NULL) {
        return;
    }

    ngx_http_rum_status_exit_process();
    ngx_http_rum_delivery_exit_process();
    ngx_http_rum_sentinel_exit_process();
    ngx_http_rum_cluster_exit_process();
    ngx_http_rum_beacon_exit_process();
    ngx_http_rum_stats_exit_process();
}


/* NULL where there is nothing to do: no http {}, no location, no worker */

static ngx_http_rum_main_conf_t *
ngx_http_rum_worker_conf(ngx_cycle_t *cycle)
{
    ngx_http_rum_main_conf_t  *rmcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NULL;
    }

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_rum_module);

    return (rmcf != NULL && rmcf->enabled) ? rmcf : NULL;
}
