/*
 * Enrichment of an event: see ngx_http_rum_enrich.h.
 */

#include "ngx_http_rum_enrich.h"

#include "rum_client_cache.h"
#include "rum_host.h"


static void ngx_http_rum_enrich_client(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx, ngx_http_rum_headers_t *headers,
    rum_event_t *event);
static ngx_int_t ngx_http_rum_enrich_page(ngx_http_request_t *r,
    ngx_http_rum_ctx_t *ctx, ngx_http_rum_headers_t *headers,
    rum_event_t *event);
static ngx_int_t ngx_http_rum_enrich_dimensions(ngx_http_request_t *r,
    ngx_http_rum_loc_conf_t *rlcf, rum_event_t *event);
static void ngx_http_rum_enrich_resources(ngx_http_rum_headers_t *headers,
    rum_event_t *event);
static ngx_int_t ngx_http_rum_enrich_copy(ngx_http_request_t *r,
    ngx_str_t *to, const rum_str_t *from);


/* one per worker */
static rum_client_cache_t  *ngx_http_rum_clients;


ngx_int_t
ngx_http_rum_enrich_init_process(void)
{
    ngx_http_rum_clients = rum_client_cache_create();

    return (ngx_http_rum_clients != NULL) ? NGX_OK : NGX_ERROR;
}


void
ngx_http_rum_enrich_exit_process(void)
{
    rum_client_cache_destroy(ngx_http_rum_clients);
}


ngx_uint_t
ngx_http_rum_enrich(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx,
    ngx_http_rum_headers_t *headers, rum_event_t *event)
{
    ngx_str_t                *site;
    ngx_time_t               *tp;
    ngx_http_rum_loc_conf_t  *rlcf;

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_rum_module);

    tp = ngx_timeofday();
    event->time = (uint64_t) tp->sec * 1000 + tp->msec;

    site = &ctx->site;

    if (ngx_http_complex_value(r, rlcf->site, site) != NGX_OK) {
        return NGX_HTTP_RUM_NONE;
    }

    if (site->len == 0 || site->len > RUM_LEN_ID
        || !rum_utf8_valid(site->data, site->len))
    {
        return NGX_HTTP_RUM_SITE;
    }

    event->site.len = site->len;
    event->site.data = site->data;

    if (rlcf->privacy == NGX_HTTP_RUM_PRIVACY_STRICT) {
        rum_str_null(&event->session);
        rum_str_null(&event->from);
        event->n = 0;
    }

    ngx_http_rum_enrich_client(r, ctx, headers, event);
    ngx_http_rum_enrich_resources(headers, event);

    if (ngx_http_rum_enrich_page(r, ctx, headers, event) != NGX_OK
        || ngx_http_rum_enrich_dimensions(r, rlcf, event) != NGX_OK)
    {
        return NGX_HTTP_RUM_NONE;
    }

    return (event->page.len != 0) ? NGX_HTTP_RUM_ACCEPTED
                                  : NGX_HTTP_RUM_BEACON + RUM_BEACON_NO_PAGE;
}


/* where the visitor is and with what */

static void
ngx_http_rum_enrich_client(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx,
    ngx_http_rum_headers_t *headers, rum_event_t *event)
{
    uint32_t                   asn;
    rum_str_t                  country;
    ngx_http_rum_main_conf_t  *rmcf;

    static const rum_str_t  name_country = rum_string("country");
    static const rum_str_t  name_device = rum_string("device");
    static const rum_str_t  name_browser = rum_string("browser");
    static const rum_str_t  name_os = rum_string("os");
    static const rum_str_t  name_human = rum_string("human");
    static const rum_str_t  no = rum_string("no");

    rmcf = ngx_http_get_module_main_conf(r, ngx_http_rum_module);

    country.data = ctx->country_code;
    country.len = ngx_http_rum_geoip_lookup(rmcf->geoip,
                                            r->connection->sockaddr,
                                            country.data, &asn);

    ctx->country.data = country.data;
    ctx->country.len = country.len;

    rum_client_cache_detect(ngx_http_rum_clients, &ctx->client,
                            &headers->client);

    (void) rum_event_set_dim(event, &name_country, &country);
    (void) rum_event_set_dim(event, &name_device, &ctx->client.device);
    (void) rum_event_set_dim(event, &name_browser, &ctx->client.browser);
    (void) rum_event_set_dim(event, &name_os, &ctx->client.os);

    if (ctx->client.bot || rum_client_asn_hosting(asn)) {
        (void) rum_event_set_dim(event, &name_human, &no);
    }
}


/*
 * The page group: rum_page, else the built-in grouping of the page that the
 * beacon names, else of the page that sent it.
 */

static ngx_int_t
ngx_http_rum_enrich_page(ngx_http_request_t *r, ngx_http_rum_ctx_t *ctx,
    ngx_http_rum_headers_t *headers, rum_event_t *event)
{
    rum_str_t                 group;
    ngx_str_t                 value;
    ngx_http_rum_loc_conf_t  *rlcf;

    static u_char  from_referer[RUM_LEN_PAGE];

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_rum_module);

    if (event->page.len == 0 && headers->referer.len != 0) {
        event->path = rum_page_path(&headers->referer, NULL);

        event->page.len = rum_page_group(&event->path, from_referer,
                                         RUM_LEN_PAGE);
        event->page.data = from_referer;
    }

    if (ngx_http_rum_enrich_copy(r, &ctx->path, &event->path) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rlcf->page != NULL) {

        if (ngx_http_complex_value(r, rlcf->page, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        group.data = value.data;
        group.len = rum_utf8_cut(value.data, value.len, RUM_LEN_PAGE);

        if (group.len != 0 && rum_utf8_valid(group.data, group.len)) {
            event->page = group;
        }
    }

    return ngx_http_rum_enrich_copy(r, &ctx->page, &event->page);
}


static ngx_int_t
ngx_http_rum_enrich_dimensions(ngx_http_request_t *r,
    ngx_http_rum_loc_conf_t *rlcf, rum_event_t *event)
{
    rum_str_t                  v;
    ngx_str_t                  value;
    ngx_uint_t                 i;
    ngx_http_rum_dimension_t  *dimension;

    if (rlcf->dimensions == NULL) {
        return NGX_OK;
    }

    dimension = rlcf->dimensions->elts;

    for (i = 0; i < rlcf->dimensions->nelts; i++) {

        if (ngx_http_complex_value(r, &dimension[i].value, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        v.data = value.data;
        v.len = rum_utf8_cut(value.data, value.len, RUM_LEN_VALUE);

        if (v.len < value.len || !rum_utf8_valid(v.data, v.len)) {
            event->cut[RUM_CUT_STRINGS]++;
        }

        if (rum_utf8_valid(v.data, v.len)) {
            (void) rum_event_set_dim(event, &dimension[i].name, &v);
        }
    }

    return NGX_OK;
}


/*
 * Third parties are told by the page's host, which goes no further: that of
 * the page the beacon names, else of the page that sent it.
 */

static void
ngx_http_rum_enrich_resources(ngx_http_rum_headers_t *headers,
    rum_event_t *event)
{
    uint32_t               i;
    rum_str_t              host;
    rum_event_resource_t  *resource;

    if (event->nresources == 0) {
        return;
    }

    (void) rum_page_path(&event->url, &host);

    if (host.len == 0) {
        (void) rum_page_path(&headers->referer, &host);
    }

    for (i = 0; i < event->nresources && host.len != 0; i++) {
        resource = &event->resources[i];

        resource->third_party = resource->host.len != 0
                                && !rum_host_same_site(&host,
                                                       &resource->host);
    }
}


/* the variables may be asked for when the parser serves another request */

static ngx_int_t
ngx_http_rum_enrich_copy(ngx_http_request_t *r, ngx_str_t *to,
    const rum_str_t *from)
{
    if (from->len == 0) {
        return NGX_OK;
    }

    to->data = ngx_pnalloc(r->pool, from->len);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(to->data, from->data, from->len);
    to->len = from->len;

    return NGX_OK;
}
