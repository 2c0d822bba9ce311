/*
 * The half of the spool that replays: see ngx_http_rum_spool.h.  A timer looks
 * for files that nobody holds a lock on, the oldest first, and pushes one of
 * them into the ring, chunk by chunk, as Redis acknowledges them.
 */

#include "ngx_http_rum_spool.h"

#include "rum_spool.h"

#include <dirent.h>
#include <sys/file.h>


#define NGX_HTTP_RUM_REPLAY_CHUNK  65536    /* bytes at a time */
#define NGX_HTTP_RUM_REPLAY_PACE   10       /* ms between chunks */


typedef struct {
    struct timespec               written;      /* when, last */
    char                          name[NAME_MAX + 1];
} ngx_http_rum_replay_found_t;


typedef struct {
    ngx_http_rum_spool_t         *conf;
    ngx_log_t                    *log;

    ngx_http_rum_spool_file_t     in;
    ngx_http_rum_waiter_t        *acknowledged; /* of the chunk's last entry
                                                   in each ring */
    ngx_event_t                   timer;
    ngx_connection_t              dummy;
    u_char                       *chunk;
    ngx_msec_t                    looked;       /* when */
    ngx_uint_t                    skipped;      /* files, in this look */
    ngx_uint_t                    unreadable;   /* files, and said so */

    unsigned                      adopted:1;    /* there may be more */
} ngx_http_rum_replay_t;


static void ngx_http_rum_replay_timer(ngx_event_t *ev);
static ngx_uint_t ngx_http_rum_replay_waits(ngx_http_rum_replay_t *s);
static void ngx_http_rum_replay_look(ngx_http_rum_replay_t *s);
static ngx_int_t ngx_http_rum_replay_next(ngx_http_rum_replay_t *s,
    ngx_http_rum_replay_found_t *file, off_t *total);
static int ngx_http_rum_replay_cmp(const ngx_http_rum_replay_found_t *one,
    const ngx_http_rum_replay_found_t *two);
static ngx_uint_t ngx_http_rum_replay_named(const char *name);
static ngx_int_t ngx_http_rum_replay_adopt(ngx_http_rum_replay_t *s,
    const char *name);
static void ngx_http_rum_replay_skip(ngx_http_rum_replay_t *s,
    const char *what);
static void ngx_http_rum_replay_chunk(ngx_http_rum_replay_t *s);
static void ngx_http_rum_replay_acknowledged(ngx_http_rum_waiter_t *waiter);
static void ngx_http_rum_replay_done(ngx_http_rum_replay_t *s, int rc);


static ngx_http_rum_replay_t  ngx_http_rum_replayer;


ngx_int_t
ngx_http_rum_replay_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_spool_t *spool)
{
    ngx_uint_t              i, n;
    ngx_http_rum_replay_t  *s;

    s = &ngx_http_rum_replayer;
    ngx_memzero(s, sizeof(ngx_http_rum_replay_t));

    s->conf = spool;
    s->log = cycle->log;
    s->in.fd = NGX_INVALID_FILE;

    s->chunk = ngx_palloc(cycle->pool, RUM_SPOOL_RECORD_HEAD
                                       + RUM_SPOOL_RECORD_MAX);
    if (s->chunk == NULL) {
        return NGX_ERROR;
    }

    n = ngx_http_rum_delivery_count();

    s->acknowledged = ngx_pcalloc(cycle->pool,
                                  n * sizeof(ngx_http_rum_waiter_t));
    if (s->acknowledged == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        s->acknowledged[i].handler = ngx_http_rum_replay_acknowledged;
        s->acknowledged[i].data = s;
    }

    s->dummy.fd = (ngx_socket_t) -1;
    s->dummy.data = s;
    s->timer.handler = ngx_http_rum_replay_timer;
    s->timer.data = &s->dummy;
    s->timer.log = cycle->log;
    s->timer.cancelable = 1;

    ngx_add_timer(&s->timer, NGX_HTTP_RUM_REPLAY_PACE);

    return NGX_OK;
}


void
ngx_http_rum_replay_exit_process(void)
{
    ngx_http_rum_replay_t  *s;

    s = &ngx_http_rum_replayer;

    /* the next to adopt it replays it from its beginning */

    if (s->in.fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(s->in.fd);
        s->in.fd = NGX_INVALID_FILE;
    }
}


static void
ngx_http_rum_replay_timer(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_rum_replay_t  *s;

    c = ev->data;
    s = c->data;

    /* while a file is replayed, others still grow */

    if (s->in.fd == NGX_INVALID_FILE
        || ngx_current_msec - s->looked >= NGX_HTTP_RUM_SPOOL_LOOK)
    {
        ngx_http_rum_replay_look(s);
    }

    if (s->in.fd != NGX_INVALID_FILE && !ngx_http_rum_replay_waits(s)
        && ngx_http_rum_delivery_has_time())
    {
        ngx_http_rum_replay_chunk(s);
    }

    if (!ev->timer_set) {
        ngx_add_timer(ev, (s->in.fd != NGX_INVALID_FILE || s->adopted)
                          ? NGX_HTTP_RUM_REPLAY_PACE
                          : NGX_HTTP_RUM_SPOOL_LOOK);
    }
}


/* 1 while some of the last chunk is not acknowledged */

static ngx_uint_t
ngx_http_rum_replay_waits(ngx_http_rum_replay_t *s)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_http_rum_delivery_count(); i++) {
        if (s->acknowledged[i].entry != NULL) {
            return 1;
        }
    }

    return 0;
}


/*
 * Once a second: adds up the files, syncs what nobody waits for, lets go of
 * the own file when Redis takes events again, and adopts one.
 */

static void
ngx_http_rum_replay_look(ngx_http_rum_replay_t *s)
{
    off_t                       total;
    ngx_int_t                   rc;
    ngx_http_rum_replay_found_t  file;

    s->looked = ngx_current_msec;
    s->adopted = 0;
    s->skipped = 0;

    ngx_http_rum_spool_settle();

    ngx_memzero(&file, sizeof(ngx_http_rum_replay_found_t));

    do {
        rc = ngx_http_rum_replay_next(s, &file, &total);

        if (rc == NGX_ERROR) {
            return;
        }

    } while (rc == NGX_OK && s->in.fd == NGX_INVALID_FILE
             && ngx_http_rum_delivery_has_time() && !ngx_exiting
             && ngx_http_rum_replay_adopt(s, file.name) != NGX_OK);

    s->adopted = (s->in.fd != NGX_INVALID_FILE);

    if (rc == NGX_DONE) {
        /* this one has seen all of them */
        s->unreadable = s->skipped;
    }

    ngx_http_rum_stats_set(NGX_HTTP_RUM_SPOOL_UNREADABLE, s->unreadable);
    ngx_http_rum_spool_measured(total);
}


/*
 * The next file in the order in which they were written, from the oldest on,
 * and how much all of them take.
 */

static ngx_int_t
ngx_http_rum_replay_next(ngx_http_rum_replay_t *s,
    ngx_http_rum_replay_found_t *file, off_t *total)
{
    DIR                        *dir;
    ngx_int_t                   rc;
    struct stat                 st;
    struct dirent              *de;
    ngx_http_rum_replay_found_t  next, found;

    dir = opendir((char *) s->conf->path->name.data);

    if (dir == NULL) {
        ngx_http_rum_spool_failed(ngx_errno, "opendir()",
                                  s->conf->path->name.data);
        return NGX_ERROR;
    }

    rc = NGX_DONE;
    next = *file;
    *total = 0;

    while ((de = readdir(dir)) != NULL) {

        if (!ngx_http_rum_replay_named(de->d_name)
            || fstatat(dirfd(dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1
            || !S_ISREG(st.st_mode))
        {
            continue;
        }

        *total += st.st_size;

        found.written = st.st_mtim;
        ngx_cpystrn((u_char *) found.name, (u_char *) de->d_name,
                    sizeof(found.name));

        if (ngx_http_rum_replay_cmp(&found, file) > 0
            && (rc != NGX_OK || ngx_http_rum_replay_cmp(&found, &next) < 0))
        {
            next = found;
            rc = NGX_OK;
        }
    }

    (void) closedir(dir);

    if (rc == NGX_OK) {
        *file = next;
    }

    return rc;
}


static int
ngx_http_rum_replay_cmp(const ngx_http_rum_replay_found_t *one,
    const ngx_http_rum_replay_found_t *two)
{
    if (one->written.tv_sec != two->written.tv_sec) {
        return (one->written.tv_sec < two->written.tv_sec) ? -1 : 1;
    }

    if (one->written.tv_nsec != two->written.tv_nsec) {
        return (one->written.tv_nsec < two->written.tv_nsec) ? -1 : 1;
    }

    return strcmp(one->name, two->name);
}


static ngx_uint_t
ngx_http_rum_replay_named(const char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return len > sizeof(".spool") - 1
           && ngx_strcmp(name + len - (sizeof(".spool") - 1), ".spool") == 0;
}


static ngx_int_t
ngx_http_rum_replay_adopt(ngx_http_rum_replay_t *s, const char *name)
{
    u_char       head[RUM_SPOOL_HEAD_LEN];
    ssize_t      n;
    ngx_fd_t     fd;
    struct stat  st;

    *ngx_snprintf(s->in.name, sizeof(s->in.name) - 1, "%V/%s",
                  &s->conf->path->name, name)
        = '\0';

    fd = open((char *) s->in.name, O_RDWR|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1) {
        if (ngx_errno != NGX_ENOENT) {
            ngx_http_rum_replay_skip(s, "open()");
        }

        return NGX_DECLINED;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1) {
        if (ngx_errno != NGX_EAGAIN) {
            ngx_http_rum_replay_skip(s, "flock()");
        }

        (void) close(fd);
        return NGX_DECLINED;
    }

    n = pread(fd, head, RUM_SPOOL_HEAD_LEN, 0);

    if (n == -1 || fstat(fd, &st) == -1) {
        ngx_http_rum_replay_skip(s, n == -1 ? "pread()" : "fstat()");
        (void) close(fd);
        return NGX_DECLINED;
    }

    /* it may have been replayed and deleted before the lock was had */

    if (st.st_nlink == 0) {
        (void) close(fd);
        return NGX_DECLINED;
    }

    s->in.fd = fd;
    s->in.offset = RUM_SPOOL_HEAD_LEN;

    if (n != RUM_SPOOL_HEAD_LEN) {
        /* killed before the first record */
        ngx_http_rum_replay_done(s, st.st_size == 0 ? RUM_OK : RUM_FULL);
        return NGX_DECLINED;
    }

    if (ngx_memcmp(head, RUM_SPOOL_HEAD, RUM_SPOOL_HEAD_LEN) != 0) {
        ngx_http_rum_replay_done(s, RUM_ERROR);
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                  "rum spool: replaying \"%s\", %O bytes", s->in.name,
                  (off_t) st.st_size);

    return NGX_OK;
}


/*
 * A file that cannot be read is left for people to look at, and the others go
 * on.  It comes up again with each look: only one more than before is news.
 */

static void
ngx_http_rum_replay_skip(ngx_http_rum_replay_t *s, const char *what)
{
    ngx_err_t  err;

    err = ngx_errno;

    if (++s->skipped <= s->unreadable) {
        return;
    }

    s->unreadable = s->skipped;

    ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_ERRORS, 1);

    ngx_log_error(NGX_LOG_CRIT, s->log, err,
                  "rum spool: %s of \"%s\" failed, it is not replayed",
                  what, s->in.name);
}


/*
 * Pushes a chunk into the rings.  The last entry in each has its waiter: when
 * those are acknowledged, all of the chunk is.
 */

static void
ngx_http_rum_replay_chunk(ngx_http_rum_replay_t *s)
{
    int                     rc;
    size_t                  left;
    u_char                 *p;
    ssize_t                 n;
    ngx_int_t               ring;
    rum_str_t               record;
    ngx_uint_t              events;
    ngx_http_rum_waiter_t  *waiter;

    n = pread(s->in.fd, s->chunk, NGX_HTTP_RUM_REPLAY_CHUNK, s->in.offset);

    if (n > 0 && rum_spool_record(s->chunk, (size_t) n, &record) == RUM_FULL
        && record.len != 0)
    {
        /* a record that is larger than a chunk */
        n = pread(s->in.fd, s->chunk, RUM_SPOOL_RECORD_HEAD + record.len,
                  s->in.offset);
    }

    if (n <= 0) {
        ngx_http_rum_replay_done(s, (n == 0) ? RUM_OK : RUM_ERROR);
        return;
    }

    p = s->chunk;
    left = (size_t) n;
    events = 0;

    rc = rum_spool_record(p, left, &record);

    if (rc != RUM_OK) {
        ngx_http_rum_replay_done(s, rc);
        return;
    }

    while (rc == RUM_OK) {
        ring = ngx_http_rum_delivery_of(record.data, record.len);

        if (ring == NGX_ERROR) {
            ngx_log_error(NGX_LOG_WARN, s->log, 0,
                          "rum spool: \"%s\" has an event of a partition "
                          "that \"rum_redis\" has not", s->in.name);
            ngx_http_rum_replay_done(s, RUM_ERROR);
            return;
        }

        waiter = &s->acknowledged[ring];
        ngx_http_rum_delivery_forget(waiter);

        if (ngx_http_rum_delivery_replay(ring, record.data, record.len,
                                         waiter)
            != NGX_OK)
        {
            /* no room: what is in the ring is sent again with the rest */
            return;
        }

        events++;
        p += RUM_SPOOL_RECORD_HEAD + record.len;
        left -= RUM_SPOOL_RECORD_HEAD + record.len;

        rc = rum_spool_record(p, left, &record);
    }

    s->in.offset += (off_t) (p - s->chunk);

    ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_REPLAYED, (ngx_int_t) events);
}


static void
ngx_http_rum_replay_acknowledged(ngx_http_rum_waiter_t *waiter)
{
    /* the timer goes on with the next chunk, at its pace */
}


/* RUM_OK: all of it; RUM_FULL: up to a torn end; RUM_ERROR: it is damaged */

static void
ngx_http_rum_replay_done(ngx_http_rum_replay_t *s, int rc)
{
    u_char  bad[NGX_HTTP_RUM_SPOOL_NAME + sizeof(".bad")];

    if (rc != RUM_OK) {
        ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_TORN, 1);

        ngx_log_error(NGX_LOG_WARN, s->log, 0,
                      "rum spool: \"%s\" %s at byte %O", s->in.name,
                      rc == RUM_FULL ? "was torn" : "is damaged",
                      s->in.offset);
    }

    if (rc == RUM_ERROR) {
        *ngx_sprintf(bad, "%s.bad", s->in.name) = '\0';

        /* what ends in ".spool.bad" is for people to look at */

        if (ngx_rename_file(s->in.name, bad) == NGX_FILE_ERROR) {
            ngx_http_rum_spool_failed(ngx_errno, "rename()", s->in.name);
        }

    } else if (ngx_delete_file(s->in.name) == NGX_FILE_ERROR) {
        ngx_http_rum_spool_failed(ngx_errno, "unlink()", s->in.name);
    }

    (void) close(s->in.fd);
    s->in.fd = NGX_INVALID_FILE;
}
