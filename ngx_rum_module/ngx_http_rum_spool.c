/*
 * The spool: see ngx_http_rum_spool.h.  The first half writes, the second
 * half replays.
 */

#include "ngx_http_rum_spool.h"

#include "rum_spool.h"

#include <dirent.h>
#include <sys/file.h>


#define NGX_HTTP_RUM_SPOOL_SEGMENT  (16 * 1024 * 1024)  /* bytes of a file */
#define NGX_HTTP_RUM_SPOOL_CHUNK    65536   /* bytes replayed at a time */
#define NGX_HTTP_RUM_SPOOL_PACE     10      /* ms between chunks */
#define NGX_HTTP_RUM_SPOOL_LOOK     1000    /* ms between looks */
#define NGX_HTTP_RUM_SPOOL_NAME     512


typedef struct {
    ngx_fd_t                      fd;
    off_t                         offset;       /* of the next record */
    u_char                        name[NGX_HTTP_RUM_SPOOL_NAME];
} ngx_http_rum_spool_file_t;


typedef struct {
    struct timespec               written;      /* when, last */
    char                          name[NAME_MAX + 1];
} ngx_http_rum_spool_found_t;


typedef struct {
    ngx_http_rum_spool_t         *conf;
    ngx_log_t                    *log;
    rum_str_t                     writer;

    /* writing */
    ngx_http_rum_spool_file_t     out;
    ngx_uint_t                    number;       /* of the file */
    off_t                         total;        /* bytes of all files, at the
                                                   last look and ours since */
    ngx_msec_t                    appended;     /* when */
    ngx_msec_t                    looked;       /* when */
    ngx_queue_t                   written;      /* waiters: not synced yet */
    ngx_queue_t                   syncing;      /* waiters: sync under way */
    ngx_event_t                   sync;
#if (NGX_THREADS)
    ngx_thread_task_t            *task;
#endif
    ngx_err_t                     sync_err;
    ngx_uint_t                    listed;       /* the file, in the folder on
                                                   disk */

    /* replaying */
    ngx_http_rum_spool_file_t     in;
    ngx_http_rum_waiter_t         acknowledged; /* of the chunk's last entry */
    ngx_event_t                   timer;
    ngx_connection_t              dummy;
    u_char                       *chunk;

    unsigned                      unsynced:1;
    unsigned                      sync_running:1;       /* in a thread */
    unsigned                      adopted:1;    /* there may be more */
    unsigned                      failed:1;     /* said so already */
} ngx_http_rum_spooler_t;


static ngx_int_t ngx_http_rum_spool_open(ngx_http_rum_spooler_t *s);
static ngx_int_t ngx_http_rum_spool_write(ngx_http_rum_spooler_t *s,
    const u_char *data, size_t len);
static void ngx_http_rum_spool_failed(ngx_http_rum_spooler_t *s,
    ngx_err_t err, const char *what);
static void ngx_http_rum_spool_sync(ngx_event_t *ev);
static void ngx_http_rum_spool_sync_file(ngx_http_rum_spooler_t *s);
#if (NGX_THREADS)
static void ngx_http_rum_spool_sync_thread(void *data, ngx_log_t *log);
static void ngx_http_rum_spool_sync_event(ngx_event_t *ev);
#endif
static void ngx_http_rum_spool_synced(ngx_http_rum_spooler_t *s);
static void ngx_http_rum_spool_release(ngx_http_rum_spooler_t *s);
static void ngx_http_rum_spool_tell(ngx_queue_t *waiters, ngx_uint_t stored);

static void ngx_http_rum_spool_timer(ngx_event_t *ev);
static void ngx_http_rum_spool_look(ngx_http_rum_spooler_t *s);
static ngx_int_t ngx_http_rum_spool_next(ngx_http_rum_spooler_t *s,
    ngx_http_rum_spool_found_t *file, off_t *total);
static int ngx_http_rum_spool_cmp(const ngx_http_rum_spool_found_t *one,
    const ngx_http_rum_spool_found_t *two);
static ngx_uint_t ngx_http_rum_spool_named(const char *name);
static ngx_int_t ngx_http_rum_spool_adopt(ngx_http_rum_spooler_t *s,
    const char *name);
static void ngx_http_rum_spool_replay(ngx_http_rum_spooler_t *s);
static void ngx_http_rum_spool_acknowledged(ngx_http_rum_waiter_t *waiter);
static void ngx_http_rum_spool_done(ngx_http_rum_spooler_t *s, int rc);


static ngx_http_rum_spooler_t  ngx_http_rum_spooler;


ngx_int_t
ngx_http_rum_spool_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_spool_t *spool, const rum_str_t *writer)
{
    ngx_http_rum_spooler_t  *s;

    s = &ngx_http_rum_spooler;
    ngx_memzero(s, sizeof(ngx_http_rum_spooler_t));

    if (spool == NULL) {
        return NGX_OK;
    }

    s->conf = spool;
    s->log = cycle->log;
    s->writer = *writer;
    s->out.fd = NGX_INVALID_FILE;
    s->in.fd = NGX_INVALID_FILE;

    ngx_queue_init(&s->written);
    ngx_queue_init(&s->syncing);

    s->sync.handler = ngx_http_rum_spool_sync;
    s->sync.data = s;
    s->sync.log = cycle->log;

#if (NGX_THREADS)

    s->task = ngx_thread_task_alloc(cycle->pool, 0);
    if (s->task == NULL) {
        return NGX_ERROR;
    }

    s->task->ctx = s;
    s->task->handler = ngx_http_rum_spool_sync_thread;
    s->task->event.handler = ngx_http_rum_spool_sync_event;
    s->task->event.data = s;

#endif

    s->chunk = ngx_palloc(cycle->pool, RUM_SPOOL_RECORD_HEAD
                                       + RUM_SPOOL_RECORD_MAX);
    if (s->chunk == NULL) {
        return NGX_ERROR;
    }

    s->acknowledged.handler = ngx_http_rum_spool_acknowledged;
    s->acknowledged.data = s;

    s->dummy.fd = (ngx_socket_t) -1;
    s->dummy.data = s;
    s->timer.handler = ngx_http_rum_spool_timer;
    s->timer.data = &s->dummy;
    s->timer.log = cycle->log;
    s->timer.cancelable = 1;

    ngx_add_timer(&s->timer, NGX_HTTP_RUM_SPOOL_PACE);

    return NGX_OK;
}


/* what was appended is synced here: threads have ended before */

void
ngx_http_rum_spool_exit_process(void)
{
    ngx_http_rum_spooler_t  *s;

    s = &ngx_http_rum_spooler;

    if (s->conf == NULL) {
        return;
    }

    if (s->out.fd != NGX_INVALID_FILE) {
        ngx_http_rum_spool_sync_file(s);

        if (s->sync_err != 0) {
            ngx_http_rum_spool_failed(s, s->sync_err, "fdatasync()");
        }

        ngx_http_rum_spool_release(s);
    }

    if (s->in.fd != NGX_INVALID_FILE) {
        /* the next to adopt it replays it from its beginning */
        (void) ngx_close_file(s->in.fd);
    }

    ngx_http_rum_stats_set(NGX_HTTP_RUM_SPOOL_BYTES, 0);
    s->conf = NULL;
}


ngx_uint_t
ngx_http_rum_spool_exists(void)
{
    return ngx_http_rum_spooler.conf != NULL;
}


ngx_int_t
ngx_http_rum_spool_append(const u_char *command, size_t len,
    ngx_http_rum_waiter_t *waiter)
{
    ngx_http_rum_spooler_t  *s;

    s = &ngx_http_rum_spooler;

    if (s->conf == NULL) {
        return NGX_BUSY;
    }

    if (s->total + (off_t) len > s->conf->max
        || ngx_http_rum_spool_write(s, command, len) != NGX_OK)
    {
        ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_REFUSED, 1);
        return NGX_BUSY;
    }

    s->total += len + RUM_SPOOL_RECORD_HEAD;
    s->appended = ngx_current_msec;
    s->unsynced = 1;

    ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_WRITTEN, 1);
    ngx_http_rum_stats_set(NGX_HTTP_RUM_SPOOL_BYTES, (ngx_uint_t) s->total);
    ngx_http_rum_stats_max(NGX_HTTP_RUM_SPOOL_HIGH, (ngx_uint_t) s->total);

    if (waiter != NULL) {
        ngx_queue_insert_tail(&s->written, &waiter->queue);

        /* one sync for all of this turn */

        if (!s->sync.posted) {
            ngx_post_event(&s->sync, &ngx_posted_events);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_spool_write(ngx_http_rum_spooler_t *s, const u_char *data,
    size_t len)
{
    u_char        head[RUM_SPOOL_RECORD_HEAD];
    size_t        size;
    ssize_t       n;
    ngx_int_t     rc;
    struct iovec  iov[2];

    /* a file that is being synced stays open */

    if (s->out.offset >= NGX_HTTP_RUM_SPOOL_SEGMENT
        && !s->sync_running)
    {
        ngx_http_rum_spool_sync(&s->sync);

        if (!s->sync_running) {
            ngx_http_rum_spool_release(s);
        }
    }

    if (s->out.fd == NGX_INVALID_FILE) {

        do {
            rc = ngx_http_rum_spool_open(s);
        } while (rc == NGX_AGAIN);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rum_spool_record_head(head, data, len);

    iov[0].iov_base = head;
    iov[0].iov_len = sizeof(head);
    iov[1].iov_base = (void *) data;
    iov[1].iov_len = len;

    size = sizeof(head) + len;
    n = pwritev(s->out.fd, iov, 2, s->out.offset);

    if (n != (ssize_t) size) {
        ngx_http_rum_spool_failed(s, n == -1 ? ngx_errno : NGX_ENOSPC,
                                  "pwritev()");

        /* whatever was written of it is written over by the next */

        if (ftruncate(s->out.fd, s->out.offset) == -1) {
            ngx_http_rum_spool_failed(s, ngx_errno, "ftruncate()");
        }

        return NGX_ERROR;
    }

    s->out.offset += (off_t) size;
    s->failed = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_rum_spool_open(ngx_http_rum_spooler_t *s)
{
    ngx_fd_t     fd;
    struct stat  st;

    *ngx_snprintf(s->out.name, sizeof(s->out.name) - 1, "%V/%V-%ui.spool",
                  &s->conf->path->name, (ngx_str_t *) &s->writer, ++s->number)
        = '\0';

    fd = open((char *) s->out.name, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        ngx_http_rum_spool_failed(s, ngx_errno, "open()");
        return NGX_ERROR;
    }

    /*
     * Before it is locked, another worker may take the file for one that was
     * left, and delete it: then this one has no name any more.
     */

    if (flock(fd, LOCK_EX|LOCK_NB) == -1
        || fstat(fd, &st) == -1 || st.st_nlink == 0)
    {
        (void) close(fd);
        return NGX_AGAIN;
    }

    if (pwrite(fd, RUM_SPOOL_HEAD, RUM_SPOOL_HEAD_LEN, 0)
        != RUM_SPOOL_HEAD_LEN)
    {
        ngx_http_rum_spool_failed(s, ngx_errno, "pwrite()");
        (void) ngx_delete_file(s->out.name);
        (void) close(fd);
        return NGX_ERROR;
    }

    s->listed = 0;
    s->out.fd = fd;
    s->out.offset = RUM_SPOOL_HEAD_LEN;

    return NGX_OK;
}


static void
ngx_http_rum_spool_failed(ngx_http_rum_spooler_t *s, ngx_err_t err,
    const char *what)
{
    ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_ERRORS, 1);

    if (!s->failed) {
        s->failed = 1;

        ngx_log_error(NGX_LOG_CRIT, s->log, err,
                      "rum spool: %s of \"%s\" failed", what, s->out.name);
    }
}


/* everything written so far is synced in a thread, or here without threads */

static void
ngx_http_rum_spool_sync(ngx_event_t *ev)
{
    ngx_http_rum_spooler_t  *s;

    s = ev->data;

    if (s->out.fd == NGX_INVALID_FILE || !s->unsynced
        || s->sync_running)
    {
        return;
    }

    if (!ngx_queue_empty(&s->written)) {
        ngx_queue_add(&s->syncing, &s->written);
        ngx_queue_init(&s->written);
    }

    s->unsynced = 0;

#if (NGX_THREADS)

    if (!ngx_queue_empty(&s->syncing) && !ngx_exiting
        && ngx_thread_task_post(s->conf->thread_pool, s->task) == NGX_OK)
    {
        /* those who wait may go away, the sync does not */
        s->sync_running = 1;
        return;
    }

#endif

    ngx_http_rum_spool_sync_file(s);
    ngx_http_rum_spool_synced(s);
}


/* a new file is in the folder only when the folder is synced as well */

static void
ngx_http_rum_spool_sync_file(ngx_http_rum_spooler_t *s)
{
    int  fd;

    s->sync_err = (fdatasync(s->out.fd) == -1) ? ngx_errno : 0;

    if (s->sync_err != 0 || s->listed) {
        return;
    }

    fd = open((char *) s->conf->path->name.data,
              O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1 || fsync(fd) == -1) {
        s->sync_err = ngx_errno;

    } else {
        s->listed = 1;
    }

    if (fd != -1) {
        (void) close(fd);
    }
}


#if (NGX_THREADS)

static void
ngx_http_rum_spool_sync_thread(void *data, ngx_log_t *log)
{
    ngx_http_rum_spooler_t *s = data;

    ngx_http_rum_spool_sync_file(s);
}


static void
ngx_http_rum_spool_sync_event(ngx_event_t *ev)
{
    ngx_http_rum_spooler_t *s = ev->data;

    s->sync_running = 0;
    ngx_http_rum_spool_synced(s);

    if (!ngx_queue_empty(&s->written)) {
        ngx_http_rum_spool_sync(&s->sync);
    }
}

#endif


static void
ngx_http_rum_spool_synced(ngx_http_rum_spooler_t *s)
{
    ngx_queue_t  told;

    ngx_queue_init(&told);

    if (!ngx_queue_empty(&s->syncing)) {
        ngx_queue_add(&told, &s->syncing);
        ngx_queue_init(&s->syncing);
    }

    if (s->sync_err != 0) {
        ngx_http_rum_spool_failed(s, s->sync_err, "fdatasync()");
    }

    ngx_http_rum_spool_tell(&told, s->sync_err == 0);
}


static void
ngx_http_rum_spool_tell(ngx_queue_t *waiters, ngx_uint_t stored)
{
    ngx_queue_t            *q;
    ngx_http_rum_waiter_t  *waiter;

    while (!ngx_queue_empty(waiters)) {
        q = ngx_queue_head(waiters);
        waiter = ngx_queue_data(q, ngx_http_rum_waiter_t, queue);

        ngx_queue_remove(q);
        q->next = NULL;

        waiter->stored = stored;
        waiter->handler(waiter);
    }
}


/* the file is complete: without the lock, anyone may adopt it */

static void
ngx_http_rum_spool_release(ngx_http_rum_spooler_t *s)
{
    (void) ngx_close_file(s->out.fd);

    s->out.fd = NGX_INVALID_FILE;
    s->out.offset = 0;
}


static void
ngx_http_rum_spool_timer(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_rum_spooler_t  *s;

    c = ev->data;
    s = c->data;

    /* while a file is replayed, others still grow */

    if (s->in.fd == NGX_INVALID_FILE
        || ngx_current_msec - s->looked >= NGX_HTTP_RUM_SPOOL_LOOK)
    {
        ngx_http_rum_spool_look(s);
    }

    if (s->in.fd != NGX_INVALID_FILE && s->acknowledged.entry == NULL
        && ngx_http_rum_delivery_has_time())
    {
        ngx_http_rum_spool_replay(s);
    }

    if (!ev->timer_set) {
        ngx_add_timer(ev, (s->in.fd != NGX_INVALID_FILE || s->adopted)
                          ? NGX_HTTP_RUM_SPOOL_PACE
                          : NGX_HTTP_RUM_SPOOL_LOOK);
    }
}


/*
 * Once a second: adds up the files, syncs what nobody waits for, lets go of
 * the own file when Redis takes events again, and adopts one.
 */

static void
ngx_http_rum_spool_look(ngx_http_rum_spooler_t *s)
{
    off_t                       total;
    ngx_int_t                   rc;
    ngx_http_rum_spool_found_t  file;

    s->looked = ngx_current_msec;
    s->adopted = 0;

    if (s->out.fd != NGX_INVALID_FILE) {
        ngx_http_rum_spool_sync(&s->sync);

        if (ngx_http_rum_delivery_has_time() && !s->unsynced
            && !s->sync_running
            && ngx_current_msec - s->appended >= NGX_HTTP_RUM_SPOOL_LOOK)
        {
            ngx_http_rum_spool_release(s);
        }
    }

    ngx_memzero(&file, sizeof(ngx_http_rum_spool_found_t));

    do {
        rc = ngx_http_rum_spool_next(s, &file, &total);

        if (rc == NGX_ERROR) {
            return;
        }

    } while (rc == NGX_OK && s->in.fd == NGX_INVALID_FILE
             && ngx_http_rum_delivery_has_time() && !ngx_exiting
             && ngx_http_rum_spool_adopt(s, file.name) != NGX_OK);

    s->adopted = (s->in.fd != NGX_INVALID_FILE);
    s->total = total;
    ngx_http_rum_stats_set(NGX_HTTP_RUM_SPOOL_BYTES, (ngx_uint_t) total);
    ngx_http_rum_stats_max(NGX_HTTP_RUM_SPOOL_HIGH, (ngx_uint_t) total);
}


/*
 * The next file in the order in which they were written, from the oldest on,
 * and how much all of them take.
 */

static ngx_int_t
ngx_http_rum_spool_next(ngx_http_rum_spooler_t *s,
    ngx_http_rum_spool_found_t *file, off_t *total)
{
    DIR                        *dir;
    ngx_int_t                   rc;
    struct stat                 st;
    struct dirent              *de;
    ngx_http_rum_spool_found_t  next, found;

    dir = opendir((char *) s->conf->path->name.data);

    if (dir == NULL) {
        ngx_http_rum_spool_failed(s, ngx_errno, "opendir()");
        return NGX_ERROR;
    }

    rc = NGX_DONE;
    next = *file;
    *total = 0;

    while ((de = readdir(dir)) != NULL) {

        if (!ngx_http_rum_spool_named(de->d_name)
            || fstatat(dirfd(dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1
            || !S_ISREG(st.st_mode))
        {
            continue;
        }

        *total += st.st_size;

        found.written = st.st_mtim;
        ngx_cpystrn((u_char *) found.name, (u_char *) de->d_name,
                    sizeof(found.name));

        if (ngx_http_rum_spool_cmp(&found, file) > 0
            && (rc != NGX_OK || ngx_http_rum_spool_cmp(&found, &next) < 0))
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
ngx_http_rum_spool_cmp(const ngx_http_rum_spool_found_t *one,
    const ngx_http_rum_spool_found_t *two)
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
ngx_http_rum_spool_named(const char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return len > sizeof(".spool") - 1
           && ngx_strcmp(name + len - (sizeof(".spool") - 1), ".spool") == 0;
}


static ngx_int_t
ngx_http_rum_spool_adopt(ngx_http_rum_spooler_t *s, const char *name)
{
    u_char       head[RUM_SPOOL_HEAD_LEN];
    ngx_fd_t     fd;
    struct stat  st;

    *ngx_snprintf(s->in.name, sizeof(s->in.name) - 1, "%V/%s",
                  &s->conf->path->name, name)
        = '\0';

    fd = open((char *) s->in.name, O_RDWR|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1) {
        return NGX_DECLINED;
    }

    /* it may have been replayed and deleted before the lock was had */

    if (flock(fd, LOCK_EX|LOCK_NB) == -1
        || fstat(fd, &st) == -1 || st.st_nlink == 0)
    {
        (void) close(fd);
        return NGX_DECLINED;
    }

    s->in.fd = fd;
    s->in.offset = RUM_SPOOL_HEAD_LEN;

    if (pread(fd, head, RUM_SPOOL_HEAD_LEN, 0) != RUM_SPOOL_HEAD_LEN) {
        /* killed before the first record */
        ngx_http_rum_spool_done(s, st.st_size == 0 ? RUM_OK : RUM_FULL);
        return NGX_DECLINED;
    }

    if (ngx_memcmp(head, RUM_SPOOL_HEAD, RUM_SPOOL_HEAD_LEN) != 0) {
        ngx_http_rum_spool_done(s, RUM_ERROR);
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                  "rum spool: replaying \"%s\", %O bytes", s->in.name,
                  (off_t) st.st_size);

    return NGX_OK;
}


/*
 * Pushes a chunk into the ring.  Its last entry has the waiter: when that is
 * acknowledged, all of the chunk is.
 */

static void
ngx_http_rum_spool_replay(ngx_http_rum_spooler_t *s)
{
    int                     rc;
    size_t                  left;
    u_char                 *p;
    ssize_t                 n;
    rum_str_t               record, next;
    ngx_uint_t              events;
    ngx_http_rum_waiter_t  *waiter;

    n = pread(s->in.fd, s->chunk, NGX_HTTP_RUM_SPOOL_CHUNK, s->in.offset);

    if (n > 0 && rum_spool_record(s->chunk, (size_t) n, &record) == RUM_FULL
        && record.len != 0)
    {
        /* a record that is larger than a chunk */
        n = pread(s->in.fd, s->chunk, RUM_SPOOL_RECORD_HEAD + record.len,
                  s->in.offset);
    }

    if (n <= 0) {
        ngx_http_rum_spool_done(s, (n == 0) ? RUM_OK : RUM_ERROR);
        return;
    }

    p = s->chunk;
    left = (size_t) n;
    events = 0;

    rc = rum_spool_record(p, left, &record);

    if (rc != RUM_OK) {
        ngx_http_rum_spool_done(s, rc);
        return;
    }

    while (rc == RUM_OK) {
        p += RUM_SPOOL_RECORD_HEAD + record.len;
        left -= RUM_SPOOL_RECORD_HEAD + record.len;

        rc = rum_spool_record(p, left, &next);
        waiter = (rc == RUM_OK) ? NULL : &s->acknowledged;

        if (ngx_http_rum_delivery_replay(record.data, record.len, waiter)
            != NGX_OK)
        {
            /* no room: what is in the ring is sent again with the rest */
            return;
        }

        events++;
        record = next;
    }

    s->in.offset += (off_t) (p - s->chunk);

    ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_REPLAYED, (ngx_int_t) events);
}


static void
ngx_http_rum_spool_acknowledged(ngx_http_rum_waiter_t *waiter)
{
    /* the timer goes on with the next chunk, at its pace */
}


/* RUM_OK: all of it; RUM_FULL: up to a torn end; RUM_ERROR: it is damaged */

static void
ngx_http_rum_spool_done(ngx_http_rum_spooler_t *s, int rc)
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
            ngx_http_rum_spool_failed(s, ngx_errno, "rename()");
        }

    } else if (ngx_delete_file(s->in.name) == NGX_FILE_ERROR) {
        ngx_http_rum_spool_failed(s, ngx_errno, "unlink()");
    }

    (void) close(s->in.fd);
    s->in.fd = NGX_INVALID_FILE;
}
