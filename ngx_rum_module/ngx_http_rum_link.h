/*
 * A link: one connection of a worker to Redis, made of nginx's own parts
 * (ngx_event_connect_peer, its SSL, its timers) and hiredis' reply reader.
 * It connects, authenticates, selects the database, and hands replies up; it
 * comes back by itself with jittered backoff.  What is sent over it and what
 * a reply means is its owner's business: ngx_http_rum_delivery.c (events)
 * and ngx_http_rum_status.c (reads).
 *
 *   owner                      link
 *     | ngx_http_rum_link_start()|
 *     |                          |-- locate, connect, TLS, AUTH, SELECT, ROLE
 *     |<------ ready() ----------|
 *     |-- ngx_http_rum_link_send |
 *     |<------ reply() ----------|  once per reply, in order
 *     |<------ closed() ---------|  all that was not answered is unknown
 *     |          ...backoff...   |
 *     |<------ ready() ----------|
 *
 * Nothing here outlives or touches a request.
 */

#ifndef NGX_HTTP_RUM_LINK_H
#define NGX_HTTP_RUM_LINK_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <hiredis/hiredis.h>

#include "ngx_http_rum_tls.h"


/* how long a quitting worker tries to deliver what it holds */
#define NGX_HTTP_RUM_LINK_DRAIN  5000


typedef struct ngx_http_rum_link_s  ngx_http_rum_link_t;
typedef struct ngx_http_rum_redis_s  ngx_http_rum_redis_t;

typedef void (*ngx_http_rum_link_locate_pt)(ngx_http_rum_link_t *link);


/* where Redis is and how to get in; made by rum_redis, lives with the cycle */
struct ngx_http_rum_redis_s {
    ngx_str_t             name;         /* as configured, for the log */
    ngx_addr_t           *addrs;        /* resolved at start */
    ngx_str_t            *hosts;        /* of each address, as configured */
    ngx_uint_t            naddrs;
    /*
     * Set where the address must be asked for each time: it answers by
     * ngx_http_rum_link_located() or ngx_http_rum_link_close(), at once or
     * later.
     */
    ngx_http_rum_link_locate_pt  locate;
    ngx_http_rum_redis_t        *sentinels; /* what they name must be a
                                               master */
    ngx_str_t             master;       /* its name */
    ngx_http_rum_redis_t        *cluster;   /* whom to ask first; or NULL */
    ngx_http_rum_tls_t    tls;
    ngx_str_t             user;
    ngx_str_t             password;
    ngx_uint_t            db;
    ngx_msec_t            connect_timeout;
    ngx_msec_t            timeout;      /* longest silence while replies are
                                           outstanding */
};


typedef enum {
    NGX_HTTP_RUM_LINK_DOWN = 0,         /* waiting to try again */
    NGX_HTTP_RUM_LINK_CONNECTING,       /* what comes before READY */
    NGX_HTTP_RUM_LINK_READY
} ngx_http_rum_link_state_e;


typedef void (*ngx_http_rum_link_ready_pt)(ngx_http_rum_link_t *link);
typedef void (*ngx_http_rum_link_reply_pt)(ngx_http_rum_link_t *link,
    void *reply);
typedef void (*ngx_http_rum_link_closed_pt)(ngx_http_rum_link_t *link);


struct ngx_http_rum_link_s {
    /* set by the owner before ngx_http_rum_link_start() */
    const ngx_http_rum_redis_t         *redis;
    const char                         *role;       /* for the log */
    void                               *owner;
    ngx_uint_t                          slot;       /* of a Redis Cluster */
    ngx_http_rum_link_ready_pt          ready;
    ngx_http_rum_link_reply_pt          reply;
    ngx_http_rum_link_closed_pt         closed;
    ngx_http_rum_link_closed_pt         given_up;   /* or NULL: a worker that
                                                       quits tries no more */
    /*
     * Called when the socket takes data again after a send that returned
     * less than was given; may be NULL when owner only sends from reply().
     */
    ngx_http_rum_link_ready_pt          writable;
    /*
     * How replies are built: hiredis' functions.  NULL: hiredis' default
     * redisReply objects, freed by the link after reply() returned.
     */
    redisReplyObjectFunctions          *functions;
    ngx_log_t                          *log;        /* the cycle's */
    /*
     * 1 while the owner has something to send: a quitting worker then goes
     * on trying for NGX_HTTP_RUM_LINK_DRAIN.  Set it by
     * ngx_http_rum_link_pending().
     */
    unsigned                            pending:1;

    /* for the owner to read */
    ngx_http_rum_link_state_e           state;
    ngx_uint_t                          outstanding;    /* replies to come */
    ngx_uint_t                          connects;
    ngx_uint_t                          failures;       /* in a row */
    u_char                              error[128];     /* last one, a text */
    ngx_str_t                           name;       /* what is connected */

    /* the link's own */
    ngx_peer_connection_t               peer;
    ngx_connection_t                    dummy;      /* for the timer's log */
    ngx_event_t                         retry;
    ngx_msec_t                          quit;       /* when to give up */
    redisReader                        *reader;
    ngx_uint_t                          handshake;  /* replies to come */
    size_t                              record;     /* of TLS, not yet sent */
    ngx_uint_t                          addr;       /* index in use */
    u_char                              told[128];  /* last error in the log */
    ngx_str_t                           host;       /* what is connected */
    ngx_sockaddr_t                      sockaddr;   /* what was located */
    socklen_t                           socklen;
    u_char                              text[256];  /* name and host of it */
    ngx_queue_t                         waiting;    /* of who locates */
    unsigned                            locating:1; /* is in it */
    unsigned                            stopped:1;
};


/* begins to connect; ready() follows, perhaps much later */
ngx_int_t ngx_http_rum_link_start(ngx_http_rum_link_t *link);

/*
 * Writes to the socket what it takes now; only in state READY.  Returns the
 * number of bytes taken (0: full, writable() follows) or NGX_ERROR, and then
 * closed() has been called already.  What was not taken comes first in the next
 * call.  "replies" is how many replies the bytes will cause once all of them
 * are sent.
 */
ssize_t ngx_http_rum_link_send(ngx_http_rum_link_t *link, u_char *data,
    size_t len, ngx_uint_t replies);

void ngx_http_rum_link_pending(ngx_http_rum_link_t *link,
    ngx_uint_t pending);

/* a worker that quits has got something to do: it has as long anew */
void ngx_http_rum_link_extend(ngx_http_rum_link_t *link);

/* the owner got a reply it wanted: the failures are over */
void ngx_http_rum_link_works(ngx_http_rum_link_t *link);

/*
 * Closes now, calls closed(), and tries again after a while.  "why" goes to
 * the log; use it after a reply that means "not now", such as -LOADING.
 */
void ngx_http_rum_link_close(ngx_http_rum_link_t *link, const char *why);

/* closes without closed(), until it is started again */
void ngx_http_rum_link_stop(ngx_http_rum_link_t *link);

/* the answer to locate(): connects there */
void ngx_http_rum_link_located(ngx_http_rum_link_t *link,
    const ngx_sockaddr_t *sockaddr, socklen_t socklen, const ngx_str_t *host,
    const ngx_str_t *port);

/* an IP address, not a name; NGX_ERROR: it is none */
ngx_int_t ngx_http_rum_link_address(const ngx_str_t *host, ngx_int_t port,
    ngx_sockaddr_t *sockaddr, socklen_t *socklen);

/* writes a bulk string, as arguments of commands are; returns its end */
u_char *ngx_http_rum_link_bulk(u_char *p, const char *data, size_t len);


/* between the link's own two files */

/* begins anew */
void ngx_http_rum_link_connect(ngx_http_rum_link_t *link);

/* the socket is, or is not: see for yourself */
void ngx_http_rum_link_connected(ngx_http_rum_link_t *link);

/* replies to what was sent to be let in; NGX_ERROR: it is closed */
ngx_int_t ngx_http_rum_link_welcome(ngx_http_rum_link_t *link);

void ngx_http_rum_link_read_handler(ngx_event_t *rev);
void ngx_http_rum_link_write_handler(ngx_event_t *wev);

/* so long, or what a worker that quits has left */
ngx_msec_t ngx_http_rum_link_patience(ngx_http_rum_link_t *link,
    ngx_msec_t timeout);


#endif /* NGX_HTTP_RUM_LINK_H */
