/*
 * TLS to Redis: see ngx_http_rum_tls.h.
 */

#include "ngx_http_rum_tls.h"

#include "rum.h"


#define NGX_HTTP_RUM_TLS_DEPTH  10


static ngx_int_t ngx_http_rum_tls_flag(ngx_str_t *value, ngx_flag_t *flag);

#if (NGX_SSL)
static ngx_int_t ngx_http_rum_tls_expect(ngx_ssl_conn_t *conn,
    const ngx_http_rum_tls_t *tls, const ngx_str_t *host);
#endif


void
ngx_http_rum_tls_defaults(ngx_http_rum_tls_t *tls)
{
    tls->on = NGX_CONF_UNSET;
    tls->verify = NGX_CONF_UNSET;
}


ngx_int_t
ngx_http_rum_tls_param(ngx_http_rum_tls_t *tls, ngx_str_t *name,
    ngx_str_t *value)
{
    rum_str_t  *param;

    param = (rum_str_t *) name;

    if (rum_str_is(param, "tls")) {
        return ngx_http_rum_tls_flag(value, &tls->on);
    }

    if (rum_str_is(param, "tls_verify")) {
        return ngx_http_rum_tls_flag(value, &tls->verify);
    }

    if (rum_str_is(param, "tls_ca")) {
        tls->ca = *value;

    } else if (rum_str_is(param, "tls_cert")) {
        tls->cert = *value;

    } else if (rum_str_is(param, "tls_key")) {
        tls->key = *value;

    } else if (rum_str_is(param, "tls_name")) {
        tls->name = *value;

    } else {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_tls_flag(ngx_str_t *value, ngx_flag_t *flag)
{
    if (rum_str_is((rum_str_t *) value, "on")) {
        *flag = 1;

    } else if (rum_str_is((rum_str_t *) value, "off")) {
        *flag = 0;

    } else {
        return NGX_ERROR;
    }

    return NGX_OK;
}


#if (NGX_SSL)

char *
ngx_http_rum_tls_init(ngx_conf_t *cf, ngx_http_rum_tls_t *tls)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    if (tls->on == NGX_CONF_UNSET
        && (tls->verify != NGX_CONF_UNSET || tls->ca.len != 0
            || tls->cert.len != 0 || tls->key.len != 0
            || tls->name.len != 0))
    {
        return "has \"tls_\" parameters without \"tls=on\"";
    }

    ngx_conf_init_value(tls->on, 0);

    if (!tls->on) {
        return NGX_CONF_OK;
    }

    if ((tls->cert.len == 0) != (tls->key.len == 0)) {
        return "needs \"tls_cert\" and \"tls_key\" together";
    }

    ngx_conf_init_value(tls->verify, 1);

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (tls->cert.len != 0
        && ngx_ssl_certificate(cf, ssl, &tls->cert, &tls->key, NULL)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (tls->ca.len != 0) {
        if (ngx_ssl_trusted_certificate(cf, ssl, &tls->ca,
                                        NGX_HTTP_RUM_TLS_DEPTH)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

    } else if (SSL_CTX_set_default_verify_paths(ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_CONF_ERROR;
    }

    tls->ssl = ssl;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_rum_tls_start(const ngx_http_rum_tls_t *tls, ngx_connection_t *c,
    const ngx_str_t *host, ngx_http_rum_tls_pt handler)
{
    ngx_int_t  rc;

    c->pool = ngx_create_pool(512, c->log);
    if (c->pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_ssl_create_connection(tls->ssl, c, NGX_SSL_CLIENT) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what is sent again for want of room may lie elsewhere by then */

    (void) SSL_set_mode(c->ssl->connection,
                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    if (ngx_http_rum_tls_expect(c->ssl->connection, tls,
                                tls->name.len != 0 ? &tls->name : host)
        != NGX_OK)
    {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0, "no TLS to \"%V\"", host);
        return NGX_ERROR;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = handler;
    }

    return rc;
}


/*
 * Whose certificate it must be, and SNI; an address has none, and is looked
 * for among the certificate's addresses.
 */

static ngx_int_t
ngx_http_rum_tls_expect(ngx_ssl_conn_t *conn, const ngx_http_rum_tls_t *tls,
    const ngx_str_t *host)
{
    u_char              name[256];
    ngx_str_t           text;
    X509_VERIFY_PARAM  *param;

    text = *host;

    /* [::1] */

    if (text.len > 2 && text.data[0] == '[') {
        text.data++;
        text.len -= 2;
    }

    if (text.len >= sizeof(name)) {
        return NGX_ERROR;
    }

    ngx_cpystrn(name, text.data, text.len + 1);

    param = SSL_get0_param(conn);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, (char *) name) == 1) {
        return NGX_OK;
    }

    ERR_clear_error();

    if (SSL_set_tlsext_host_name(conn, (char *) name) != 1) {
        return NGX_ERROR;
    }

    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    return X509_VERIFY_PARAM_set1_host(param, (char *) name, text.len) == 1
           ? NGX_OK : NGX_ERROR;
}


const char *
ngx_http_rum_tls_fault(const ngx_http_rum_tls_t *tls, ngx_connection_t *c)
{
    long   rc;
    X509  *cert;

    if (c->read->timedout || c->write->timedout) {
        return "TLS handshake timed out";
    }

    if (!c->ssl->handshaked) {
        return "TLS handshake failed";
    }

    if (!tls->verify) {
        return NULL;
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        return X509_verify_cert_error_string(rc);
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return "no certificate";
    }

    X509_free(cert);

    return NULL;
}


/* without waiting, and without a word: RESP has no end that could be cut */

void
ngx_http_rum_tls_close(ngx_connection_t *c)
{
    if (c->ssl != NULL) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }
}

#else

char *
ngx_http_rum_tls_init(ngx_conf_t *cf, ngx_http_rum_tls_t *tls)
{
    if (tls->on == 1) {
        return "has \"tls=on\", but this nginx is built without SSL";
    }

    tls->on = 0;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_rum_tls_start(const ngx_http_rum_tls_t *tls, ngx_connection_t *c,
    const ngx_str_t *host, ngx_http_rum_tls_pt handler)
{
    return NGX_ERROR;
}


const char *
ngx_http_rum_tls_fault(const ngx_http_rum_tls_t *tls, ngx_connection_t *c)
{
    return "no TLS";
}


void
ngx_http_rum_tls_close(ngx_connection_t *c)
{
    /* there is none */
}

#endif
