/*
 * The directive rum_redis: an address or sentinels, and its parameters.
 */

#include "ngx_http_rum_cluster.h"
#include "ngx_http_rum_module.h"
#include "ngx_http_rum_sentinel.h"


#define NGX_HTTP_RUM_RING_MAX  (1024 * 1024 * 1024)


static char *ngx_http_rum_redis_address(ngx_conf_t *cf,
    ngx_http_rum_redis_t *redis, ngx_str_t *address);
static char *ngx_http_rum_redis_param(ngx_conf_t *cf,
    ngx_http_rum_main_conf_t *rmcf, ngx_str_t *param);
static ngx_int_t ngx_http_rum_redis_number(ngx_str_t *value, ngx_uint_t min,
    ngx_uint_t max, ngx_uint_t *number);


char *
ngx_http_rum_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_rum_main_conf_t *rmcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i, sentinels;
    ngx_http_rum_redis_t  *redis;

    if (rmcf->redis != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_redis_t));
    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    redis->connect_timeout = 1000;
    redis->timeout = 5000;
    sentinels = 0;

    ngx_http_rum_tls_defaults(&redis->tls);

    if (ngx_strncmp(value[1].data, NGX_HTTP_RUM_SENTINEL_PREFIX,
                    sizeof(NGX_HTTP_RUM_SENTINEL_PREFIX) - 1) == 0)
    {
        rv = ngx_http_rum_sentinel_conf(cf, redis, &sentinels);

    } else {
        rv = ngx_http_rum_redis_address(cf, redis, &value[1]);
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rmcf->redis = redis;

    for (i = 2 + sentinels; i < cf->args->nelts; i++) {
        rv = ngx_http_rum_redis_param(cf, rmcf, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (redis->user.len != 0 && redis->password.len == 0) {
        return "has \"user\" without \"password\"";
    }

    if (redis->tls.on == 1 && redis->naddrs != 0
        && redis->addrs[0].sockaddr->sa_family == AF_UNIX)
    {
        return "has \"tls=on\" with a unix socket";
    }

    rv = ngx_http_rum_tls_init(cf, &redis->tls);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (rmcf->cluster) {
        return ngx_http_rum_cluster_conf(cf, redis);
    }

    return ngx_http_rum_sentinel_conf_done(redis);
}


static char *
ngx_http_rum_redis_address(ngx_conf_t *cf, ngx_http_rum_redis_t *redis,
    ngx_str_t *address)
{
    ngx_url_t   u;
    ngx_uint_t  i;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *address;
    u.default_port = 6379;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in address \"%V\"",
                           u.err != NULL ? u.err : "invalid host", address);
        return NGX_CONF_ERROR;
    }

    redis->name = *address;
    redis->addrs = u.addrs;
    redis->naddrs = u.naddrs;

    redis->hosts = ngx_palloc(cf->pool, u.naddrs * sizeof(ngx_str_t));
    if (redis->hosts == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < u.naddrs; i++) {
        redis->hosts[i] = u.host;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_rum_redis_param(ngx_conf_t *cf, ngx_http_rum_main_conf_t *rmcf,
    ngx_str_t *param)
{
    u_char                *eq;
    ssize_t                size;
    ngx_int_t              rc;
    ngx_str_t              name, value;
    ngx_msec_t            *msec;
    ngx_http_rum_redis_t  *redis;

    redis = rmcf->redis;
    eq = ngx_strlchr(param->data, param->data + param->len, '=');

    if (eq == NULL || eq == param->data + param->len - 1) {
        goto invalid;
    }

    name.data = param->data;
    name.len = eq - param->data;
    value.data = eq + 1;
    value.len = param->data + param->len - value.data;

    rc = NGX_OK;

    if (rum_str_is((rum_str_t *) &name, "user")) {
        redis->user = value;

    } else if (rum_str_is((rum_str_t *) &name, "password")) {
        redis->password = value;

    } else if (rum_str_is((rum_str_t *) &name, "db")) {
        rc = ngx_http_rum_redis_number(&value, 0, 1000000, &redis->db);

    } else if (rum_str_is((rum_str_t *) &name, "partitions")) {
        rc = ngx_http_rum_redis_number(&value, 1, RUM_MAX_PARTITIONS,
                                       &rmcf->partitions);

    } else if (rum_str_is((rum_str_t *) &name, "maxlen")) {
        rc = ngx_http_rum_redis_number(&value, 1000, 1000000000,
                                       &rmcf->maxlen);

    } else if (rum_str_is((rum_str_t *) &name, "cluster")) {
        rc = (rum_str_is((rum_str_t *) &value, "on")
              || rum_str_is((rum_str_t *) &value, "off")) ? NGX_OK
                                                          : NGX_ERROR;
        rmcf->cluster = (value.len == 2);

    } else if (rum_str_is((rum_str_t *) &name, "replicas")) {
        rc = ngx_http_rum_redis_number(&value, 0, 16, &rmcf->replicas);

    } else if (rum_str_is((rum_str_t *) &name, "ring")) {
        size = ngx_parse_size(&value);

        if (size < NGX_HTTP_RUM_RING_MIN || size > NGX_HTTP_RUM_RING_MAX) {
            return "has a \"ring\" that is not between 1m and 1024m";
        }

        rmcf->ring = (size_t) size;

    } else if (rum_str_is((rum_str_t *) &name, "connect_timeout")
               || rum_str_is((rum_str_t *) &name, "timeout"))
    {
        msec = (name.data[0] == 'c') ? &redis->connect_timeout
                                     : &redis->timeout;
        *msec = (ngx_msec_t) ngx_parse_time(&value, 0);

        if (*msec == (ngx_msec_t) NGX_ERROR || *msec == 0) {
            rc = NGX_ERROR;
        }

    } else if (redis->sentinels != NULL
               && rum_str_is((rum_str_t *) &name, "sentinel_user"))
    {
        redis->sentinels->user = value;

    } else if (redis->sentinels != NULL
               && rum_str_is((rum_str_t *) &name, "sentinel_password"))
    {
        redis->sentinels->password = value;

    } else {
        rc = ngx_http_rum_tls_param(&redis->tls, &name, &value);
    }

    if (rc == NGX_OK) {
        return NGX_CONF_OK;
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       param);
    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_rum_redis_number(ngx_str_t *value, ngx_uint_t min, ngx_uint_t max,
    ngx_uint_t *number)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR || (ngx_uint_t) n < min || (ngx_uint_t) n > max) {
        return NGX_ERROR;
    }

    *number = (ngx_uint_t) n;

    return NGX_OK;
}
