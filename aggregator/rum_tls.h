/*
 * TLS over a connected socket, by OpenSSL: what hiredis of Debian 12 has not.
 * Used by rum_redis.c, which owns the socket; rum_config.c asks whether the
 * files are good.
 *
 * The socket does not block while it has TLS; what waits is rum_tls_wait().
 */

#ifndef RUM_TLS_H
#define RUM_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* bytes of a record at most: so much must be asked for at a time */
#define RUM_TLS_RECORD         16384

/* as configured; strings may be NULL */
typedef struct {
    int                   on;
    int                   verify;
    char                 *ca;           /* NULL: the system's */
    char                 *cert;
    char                 *key;
    char                 *name;         /* NULL: the host that is connected */
} rum_tls_config_t;

typedef struct rum_tls_s  rum_tls_t;

/* reads the files; RUM_ERROR with a text when one is no good */
int rum_tls_check(const rum_tls_config_t *config, char *error, size_t size);

/*
 * The handshake, in "timeout" ms.  NULL with a text in "error" when it does
 * not come about, or not with who was meant.
 */
rum_tls_t *rum_tls_connect(const rum_tls_config_t *config, int fd,
    const char *host, uint64_t timeout, char *error, size_t size);
void rum_tls_free(rum_tls_t *tls);

/*
 * As read() and write() of a socket that does not block: -1 and EAGAIN when
 * there is nothing (yet).  rum_tls_error() says why in all other cases.  A
 * read takes a record at a time: with RUM_TLS_RECORD bytes of room nothing
 * stays behind that poll() would not show.
 */
ssize_t rum_tls_read(rum_tls_t *tls, void *buf, size_t len);
ssize_t rum_tls_write(rum_tls_t *tls, const void *buf, size_t len);
const char *rum_tls_error(const rum_tls_t *tls);

/* after EAGAIN; RUM_ERROR when "timeout" ms have passed */
int rum_tls_wait(rum_tls_t *tls, uint64_t timeout);

#endif /* RUM_TLS_H */
