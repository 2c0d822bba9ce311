/*
 * The spool: where events go when Redis is away, refuses, or is too slow for
 * the ring.  Each worker appends to a file of its own (core/rum_spool.h has
 * the format), which it holds a lock on.  A file nobody holds a lock on, be
 * it because its worker is done with it or because it died, is adopted by
 * any worker whose link works, replayed through its ring, and deleted when
 * Redis has acknowledged all of it.
 *
 *   append -> [ W-1.spool  locked ] -- redis is back --> [ unlocked ]
 *                                                            |
 *             ring <-- a chunk, and the next when it is ----adopt
 *                      acknowledged                     (any worker)
 *
 * Entries keep the ids they were given, so that what was sent and spooled,
 * or replayed twice, is counted once.
 */

#ifndef NGX_HTTP_RUM_SPOOL_H
#define NGX_HTTP_RUM_SPOOL_H

#include "ngx_http_rum_delivery.h"


struct ngx_http_rum_spool_s {
    ngx_path_t               *path;
    off_t                     max;          /* bytes of all files */
#if (NGX_THREADS)
    ngx_thread_pool_t        *thread_pool;  /* fdatasync() runs there; or
                                           NULL: in the worker */
#endif
};


/* sets thread_pool; called once by the directive */
ngx_int_t ngx_http_rum_spool_threads(ngx_conf_t *cf,
    ngx_http_rum_spool_t *spool);

/* spool may be NULL: then everything here refuses or does nothing */
ngx_int_t ngx_http_rum_spool_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_spool_t *spool, const rum_str_t *writer);
void ngx_http_rum_spool_exit_process(void);

/* 1 if there is a spool */
ngx_uint_t ngx_http_rum_spool_exists(void);

/*
 * Appends one command.  NGX_OK, and the waiter (may be NULL) is told when it
 * is on disk; or NGX_BUSY: the spool is full, or the disk, or broken.
 */
ngx_int_t ngx_http_rum_spool_append(const u_char *command, size_t len,
    ngx_http_rum_waiter_t *waiter);


/* between the two halves: ngx_http_rum_spool.c, ngx_http_rum_replay.c */

#define NGX_HTTP_RUM_SPOOL_LOOK  1000   /* ms between looks at the folder */
#define NGX_HTTP_RUM_SPOOL_NAME  512
#define NGX_HTTP_RUM_SPOOL_PATH  448    /* of it: "/WRITER-N.spool" follows */


typedef struct {
    ngx_fd_t                  fd;
    off_t                     offset;       /* of the next record */
    u_char                    name[NGX_HTTP_RUM_SPOOL_NAME];
} ngx_http_rum_spool_file_t;


ngx_int_t ngx_http_rum_replay_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_spool_t *spool);
void ngx_http_rum_replay_exit_process(void);

/* what the replay calls once a second, and what all files take then */
void ngx_http_rum_spool_settle(void);
void ngx_http_rum_spool_measured(off_t total);

/* counted always, told once until the next success */
void ngx_http_rum_spool_failed(ngx_err_t err, const char *what,
    const u_char *name);


#endif /* NGX_HTTP_RUM_SPOOL_H */
