/*
 * TLS over a connected socket: see rum_tls.h.
 */

#include "rum_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "rum.h"


struct rum_tls_s {
    SSL                  *ssl;
    int                   fd;
    short                 wants;        /* POLLIN or POLLOUT */
    char                  error[256];
};


static SSL_CTX *rum_tls_context(const rum_tls_config_t *config, char *error,
    size_t size);
static int rum_tls_setup(rum_tls_t *tls, const rum_tls_config_t *config,
    const char *host);
static int rum_tls_handshake(rum_tls_t *tls, uint64_t timeout);
static ssize_t rum_tls_result(rum_tls_t *tls, int rc);
static void rum_tls_text(char *error, size_t size, const char *what);
static uint64_t rum_tls_ms(void);


int
rum_tls_check(const rum_tls_config_t *config, char *error, size_t size)
{
    SSL_CTX  *ctx;

    ctx = rum_tls_context(config, error, size);
    SSL_CTX_free(ctx);

    return ctx != NULL ? RUM_OK : RUM_ERROR;
}


static SSL_CTX *
rum_tls_context(const rum_tls_config_t *config, char *error, size_t size)
{
    int          rc;
    SSL_CTX     *ctx;
    const char  *file;

    ERR_clear_error();
    file = "TLS";

    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL) {
        rum_tls_text(error, size, file);
        return NULL;
    }

    rc = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);

    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                          | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(ctx, config->verify ? SSL_VERIFY_PEER
                                           : SSL_VERIFY_NONE, NULL);

    if (rc == 1 && config->ca != NULL) {
        file = config->ca;
        rc = SSL_CTX_load_verify_locations(ctx, file, NULL);

    } else if (rc == 1) {
        rc = SSL_CTX_set_default_verify_paths(ctx);
    }

    if (rc == 1 && config->cert != NULL) {
        file = config->cert;
        rc = SSL_CTX_use_certificate_chain_file(ctx, file);
    }

    if (rc == 1 && config->key != NULL) {
        file = config->key;
        rc = SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM);
    }

    if (rc != 1) {
        rum_tls_text(error, size, file);
        SSL_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


rum_tls_t *
rum_tls_connect(const rum_tls_config_t *config, int fd, const char *host,
    uint64_t timeout, char *error, size_t size)
{
    int         flags;
    SSL_CTX    *ctx;
    rum_tls_t  *tls;

    /* files are read each time: a renewed certificate is taken */

    ctx = rum_tls_context(config, error, size);
    if (ctx == NULL) {
        return NULL;
    }

    flags = fcntl(fd, F_GETFL);
    tls = calloc(1, sizeof(rum_tls_t));

    if (tls == NULL || flags == -1
        || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
    {
        snprintf(error, size, "no memory for TLS");
        free(tls);
        SSL_CTX_free(ctx);
        return NULL;
    }

    tls->fd = fd;
    tls->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);

    if (rum_tls_setup(tls, config, config->name != NULL ? config->name : host)
        != RUM_OK
        || rum_tls_handshake(tls, timeout) != RUM_OK)
    {
        snprintf(error, size, "%s", tls->error);
        rum_tls_free(tls);
        return NULL;
    }

    return tls;
}


/*
 * Whose certificate it must be, and SNI; an address has none, and is looked
 * for among the certificate's addresses.
 */

static int
rum_tls_setup(rum_tls_t *tls, const rum_tls_config_t *config,
    const char *host)
{
    int                 rc;
    X509_VERIFY_PARAM  *param;

    if (tls->ssl == NULL) {
        rum_tls_text(tls->error, sizeof(tls->error), "TLS");
        return RUM_ERROR;
    }

    param = SSL_get0_param(tls->ssl);
    rc = SSL_set_fd(tls->ssl, tls->fd);

    if (rc == 1 && X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1) {
        ERR_clear_error();
        X509_VERIFY_PARAM_set_hostflags(param,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        rc = SSL_set_tlsext_host_name(tls->ssl, host) == 1
             && (!config->verify
                 || X509_VERIFY_PARAM_set1_host(param, host, 0) == 1);
    }

    if (rc != 1) {
        rum_tls_text(tls->error, sizeof(tls->error), "TLS");
        return RUM_ERROR;
    }

    return RUM_OK;
}


static int
rum_tls_handshake(rum_tls_t *tls, uint64_t timeout)
{
    int       rc;
    long      verify;
    uint64_t  now, end;

    end = rum_tls_ms() + timeout;

    for ( ;; ) {
        ERR_clear_error();
        rc = SSL_connect(tls->ssl);

        if (rc == 1) {
            return RUM_OK;
        }

        if (rum_tls_result(tls, rc) != -1 || errno != EAGAIN) {
            break;
        }

        now = rum_tls_ms();

        if (now >= end || rum_tls_wait(tls, end - now) != RUM_OK) {
            snprintf(tls->error, sizeof(tls->error),
                     "TLS handshake timed out");
            return RUM_ERROR;
        }
    }

    verify = SSL_get_verify_result(tls->ssl);

    if (verify != X509_V_OK) {
        snprintf(tls->error, sizeof(tls->error), "TLS handshake failed: %s",
                 X509_verify_cert_error_string(verify));
    }

    return RUM_ERROR;
}


void
rum_tls_free(rum_tls_t *tls)
{
    if (tls == NULL) {
        return;
    }

    SSL_free(tls->ssl);
    free(tls);
}


ssize_t
rum_tls_read(rum_tls_t *tls, void *buf, size_t len)
{
    ERR_clear_error();

    return rum_tls_result(tls, SSL_read(tls->ssl, buf,
                                        len > RUM_TLS_RECORD
                                        ? RUM_TLS_RECORD : (int) len));
}


ssize_t
rum_tls_write(rum_tls_t *tls, const void *buf, size_t len)
{
    ERR_clear_error();

    /* never less than the time before, as SSL_write() wants it */

    return rum_tls_result(tls, SSL_write(tls->ssl, buf,
                                         len > RUM_TLS_RECORD
                                         ? RUM_TLS_RECORD : (int) len));
}


static ssize_t
rum_tls_result(rum_tls_t *tls, int rc)
{
    if (rc > 0) {
        return rc;
    }

    switch (SSL_get_error(tls->ssl, rc)) {

    case SSL_ERROR_WANT_READ:
        tls->wants = POLLIN;
        errno = EAGAIN;
        return -1;

    case SSL_ERROR_WANT_WRITE:
        tls->wants = POLLOUT;
        errno = EAGAIN;
        return -1;

    case SSL_ERROR_ZERO_RETURN:
        snprintf(tls->error, sizeof(tls->error),
                 "connection closed by Redis");
        errno = ECONNRESET;
        return 0;

    default:
        rum_tls_text(tls->error, sizeof(tls->error), "TLS");
        errno = EPROTO;
        return -1;
    }
}


const char *
rum_tls_error(const rum_tls_t *tls)
{
    return tls->error;
}


int
rum_tls_wait(rum_tls_t *tls, uint64_t timeout)
{
    int            n;
    struct pollfd  pfd;

    pfd.fd = tls->fd;
    pfd.events = tls->wants;
    pfd.revents = 0;

    n = poll(&pfd, 1, (int) timeout);

    return n > 0 || (n == -1 && errno == EINTR) ? RUM_OK : RUM_ERROR;
}


/* what OpenSSL says, else what the system says */

static void
rum_tls_text(char *error, size_t size, const char *what)
{
    int            err;
    const char    *reason;
    unsigned long  code;

    err = errno;
    code = ERR_peek_error();
    reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    if (reason == NULL) {
        reason = err != 0 ? strerror(err) : "connection closed";
    }

    snprintf(error, size, "%s: %s", what, reason);
}


static uint64_t
rum_tls_ms(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}
