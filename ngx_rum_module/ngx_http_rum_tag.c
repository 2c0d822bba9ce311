/*
 * The script tag that rum_inject writes: the directive, its attributes, and
 * the tag as it stands in a page.
 */

#include "ngx_http_rum_filter.h"


#define NGX_HTTP_RUM_TAG_BEGIN  "<script async"
#define NGX_HTTP_RUM_TAG_END    "></script>"


static char *ngx_http_rum_tag_param(ngx_conf_t *cf,
    ngx_http_rum_inject_t *inject, ngx_str_t *param);
static ngx_int_t ngx_http_rum_tag_name(ngx_str_t *param, ngx_str_t *name);
static char *ngx_http_rum_tag_set(ngx_conf_t *cf,
    ngx_http_rum_inject_t *inject, ngx_str_t *name, ngx_str_t *value,
    ngx_uint_t given);


/* parameters whose attribute has another name */

static ngx_keyval_t  ngx_http_rum_tag_names[] = {
    { ngx_string("src"), ngx_string("src") },
    { ngx_string("beacon"), ngx_string("data-beacon") },
    { ngx_string("site"), ngx_string("data-site") },
    { ngx_string("nonce"), ngx_string("nonce") },
    { ngx_null_string, ngx_null_string }
};


static ngx_str_t  ngx_http_rum_tag_src = ngx_string("/rum/agent.js");
static ngx_str_t  ngx_http_rum_tag_beacon = ngx_string("/rum/beacon");


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

    rv = ngx_http_rum_tag_set(cf, inject, &ngx_http_rum_tag_names[0].value,
                              &ngx_http_rum_tag_src, 0);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_rum_tag_set(cf, inject, &ngx_http_rum_tag_names[1].value,
                              &ngx_http_rum_tag_beacon, 0);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_http_rum_tag_param(cf, inject, &value[i]);
    }

    flcf->inject = inject;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_rum_filter_module);
    fmcf->inject = 1;

    return rv;
}


static char *
ngx_http_rum_tag_param(ngx_conf_t *cf, ngx_http_rum_inject_t *inject,
    ngx_str_t *param)
{
    ngx_str_t  name, value;

    if (ngx_http_rum_tag_name(param, &name) == NGX_OK) {

        value.data = ngx_strlchr(param->data, param->data + param->len, '=')
                     + 1;
        value.len = param->data + param->len - value.data;

        /* the others may be empty: then there is no nonce, no site */

        if (value.len != 0 || !rum_str_is((rum_str_t *) &name, "src")) {
            return ngx_http_rum_tag_set(cf, inject, &name, &value, 1);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       param);
    return NGX_CONF_ERROR;
}


/* the name of the attribute, or NGX_DECLINED */

static ngx_int_t
ngx_http_rum_tag_name(ngx_str_t *param, ngx_str_t *name)
{
    u_char        *eq, *p;
    ngx_keyval_t  *kv;

    eq = ngx_strlchr(param->data, param->data + param->len, '=');

    if (eq == NULL) {
        return NGX_DECLINED;
    }

    name->data = param->data;
    name->len = eq - param->data;

    for (kv = ngx_http_rum_tag_names; kv->key.len != 0; kv++) {

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

    return NGX_OK;
}


static char *
ngx_http_rum_tag_set(ngx_conf_t *cf, ngx_http_rum_inject_t *inject,
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

    if (rum_str_is((rum_str_t *) name, "nonce")) {
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
ngx_http_rum_tag_create(ngx_conf_t *cf, ngx_http_rum_inject_t *inject)
{
    ngx_str_t                 *values;
    ngx_uint_t                 i, n;
    ngx_http_rum_tag_t        *tag;
    ngx_http_rum_attribute_t  *attribute;

    tag = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_tag_t));
    if (tag == NULL) {
        return NULL;
    }

    tag->inject = inject;
    tag->server = ngx_http_conf_get_module_srv_conf(cf,
                                                    ngx_http_core_module);

    n = inject->attributes.nelts;
    attribute = inject->attributes.elts;

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

    if (ngx_http_rum_tag_text(cf->pool, tag, values, &tag->text) != NGX_OK) {
        return NULL;
    }

    return tag;
}


ngx_int_t
ngx_http_rum_tag_values(ngx_http_request_t *r, ngx_http_rum_tag_t *tag,
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


ngx_int_t
ngx_http_rum_tag_text(ngx_pool_t *pool, ngx_http_rum_tag_t *tag,
    ngx_str_t *values, ngx_str_t *text)
{
    size_t                     len;
    u_char                    *p;
    ngx_uint_t                 i, n;
    ngx_http_rum_agent_t      *agent;
    ngx_http_rum_attribute_t  *attribute;

    n = tag->inject->attributes.nelts;
    attribute = tag->inject->attributes.elts;
    agent = ngx_http_rum_agent_find(tag->server, &values[0]);

    len = sizeof(NGX_HTTP_RUM_TAG_BEGIN NGX_HTTP_RUM_TAG_END "?v=")
          + ((agent != NULL) ? agent->hash.len : 0);

    for (i = 0; i < n; i++) {
        len += sizeof(" =\"\"") + attribute[i].name.len
               + values[i].len * RUM_HTML_ESCAPE_MAX;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    p = ngx_cpymem(p, NGX_HTTP_RUM_TAG_BEGIN,
                   sizeof(NGX_HTTP_RUM_TAG_BEGIN) - 1);

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

        if (i == 0 && agent != NULL) {
            p = ngx_cpymem(p, "?v=", 3);
            p = ngx_cpymem(p, agent->hash.data, agent->hash.len);
        }

        *p++ = '"';
    }

    p = ngx_cpymem(p, NGX_HTTP_RUM_TAG_END, sizeof(NGX_HTTP_RUM_TAG_END) - 1);
    text->len = p - text->data;

    return NGX_OK;
}
