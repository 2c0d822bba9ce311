/*
 * The variables: what became of a beacon, for logs, maps and other modules.
 * They are empty before the beacon was read, and elsewhere.
 */

#include "ngx_http_rum_module.h"


static ngx_int_t ngx_http_rum_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_rum_variable_str(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_rum_variable_escape(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *s);
static ngx_int_t ngx_http_rum_variable_geoip(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_rum_variable_asn(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_rum_variable_set(ngx_http_variable_value_t *v,
    size_t len, u_char *data);


#define ngx_http_rum_control(ch)  ((ch) < 0x20 || (ch) == 0x7f)


#define ngx_http_rum_str_variable(name, field)                                \
    { ngx_string(name), NULL, ngx_http_rum_variable_str,                      \
      offsetof(ngx_http_rum_ctx_t, field), NGX_HTTP_VAR_NOCACHEABLE, 0 }


static ngx_http_variable_t  ngx_http_rum_variables[] = {

    { ngx_string("rum_result"), NULL, ngx_http_rum_variable_result, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_rum_str_variable("rum_site", site),
    ngx_http_rum_str_variable("rum_path", path),
    ngx_http_rum_str_variable("rum_page", page),
    ngx_http_rum_str_variable("rum_country", country),
    ngx_http_rum_str_variable("rum_device", client.device),
    ngx_http_rum_str_variable("rum_browser", client.browser),
    ngx_http_rum_str_variable("rum_browser_version", client.version),
    ngx_http_rum_str_variable("rum_os", client.os),

    { ngx_string("rum_region"), NULL, ngx_http_rum_variable_geoip,
      NGX_HTTP_RUM_GEOIP_REGION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("rum_city"), NULL, ngx_http_rum_variable_geoip,
      NGX_HTTP_RUM_GEOIP_CITY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("rum_asn"), NULL, ngx_http_rum_variable_asn, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_rum_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_rum_variables; v->name.len != 0; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const rum_str_t     *name;
    ngx_http_rum_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_rum_module);

    if (ctx == NULL || ctx->result == NGX_HTTP_RUM_NONE) {
        v->not_found = 1;
        return NGX_OK;
    }

    name = ngx_http_rum_stats_result_name(ctx->result);
    ngx_http_rum_variable_set(v, name->len, name->data);

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_variable_str(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t           *s;
    ngx_http_rum_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_rum_module);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    /* rum_str_t and ngx_str_t have one layout */

    s = (ngx_str_t *) ((char *) ctx + data);

    return ngx_http_rum_variable_escape(r, v, s);
}


/*
 * Control characters as %XX: these values come from the body of a beacon,
 * and with CR and LF in it an add_header would send one more header.
 */

static ngx_int_t
ngx_http_rum_variable_escape(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *s)
{
    size_t   i, n;
    u_char  *p, *data;

    for (i = 0, n = 0; i < s->len; i++) {
        n += ngx_http_rum_control(s->data[i]);
    }

    if (n == 0) {
        ngx_http_rum_variable_set(v, s->len, s->data);
        return NGX_OK;
    }

    data = ngx_pnalloc(r->pool, s->len + 2 * n);
    if (data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0, p = data; i < s->len; i++) {

        if (ngx_http_rum_control(s->data[i])) {
            p = ngx_sprintf(p, "%%%02Xi", (ngx_int_t) s->data[i]);

        } else {
            *p++ = s->data[i];
        }
    }

    ngx_http_rum_variable_set(v, p - data, data);

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_variable_geoip(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    ngx_str_t                  value;
    ngx_http_rum_main_conf_t  *rmcf;

    rmcf = ngx_http_get_module_main_conf(r, ngx_http_rum_module);

    value = ngx_http_rum_geoip_field(rmcf->geoip, r->connection->sockaddr,
                                     (ngx_http_rum_geoip_field_e) data);
    p = NULL;

    if (value.len != 0) {
        p = ngx_pstrdup(r->pool, &value);
        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_http_rum_variable_set(v, value.len, p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_variable_asn(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p, country[2];
    uint32_t                   asn;
    ngx_http_rum_main_conf_t  *rmcf;

    rmcf = ngx_http_get_module_main_conf(r, ngx_http_rum_module);

    (void) ngx_http_rum_geoip_lookup(rmcf->geoip, r->connection->sockaddr,
                                     country, &asn);
    if (asn == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_rum_variable_set(v, ngx_sprintf(p, "%uD", asn) - p, p);

    return NGX_OK;
}


static void
ngx_http_rum_variable_set(ngx_http_variable_value_t *v, size_t len,
    u_char *data)
{
    v->len = (unsigned) len;
    v->data = data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = (len == 0);
}
