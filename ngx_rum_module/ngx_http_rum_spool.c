/*
 * The half of the spool that writes: see ngx_http_rum_spool.h.
 */

#include "ngx_http_rum_spool.h"

#include "rum_spool.h"

#include <sys/file.h>


#define NGX_HTTP_RUM_SPOOL_SEGMENT  (16 * 1024 * 1024)  /* bytes of a file */


typedef struct {
    ngx_http_rum_spool_t         *conf;
    ngx_log_t                    *log;
    rum_str_t                     writer;

    off_t                         segment;      /* bytes of a file, about */
    ngx_http_rum_spool_file_t     out;
    ngx_uint_t                    number;       /* of the file */
    off_t                         total;        /* bytes of all files, at the
                                                   last look and ours since */
    ngx_msec_t                    appended;     /* when */
    ngx_queue_t                   written;      /* waiters: not synced yet */
    ngx_queue_t                   syncing;      /* waiters: sync under way */
    ngx_event_t                   sync;
#if (NGX_THREADS)
    ngx_thread_task_t            *task;
#endif
    ngx_err_t                     sync_err;
    ngx_uint_t                    listed;       /* the file, in the folder on
                                                   disk */

    unsigned                      unsynced:1;
    unsigned                      sync_running:1;       /* in a thread */
    unsigned                      failed:1;     /* said so already */
} ngx_http_rum_spooler_t;


#if (NGX_THREADS)
static ngx_uint_t ngx_http_rum_spool_threadless(ngx_conf_t *cf);
#endif
static off_t ngx_http_rum_spool_segment(void);
static ngx_int_t ngx_http_rum_spool_open(ngx_http_rum_spooler_t *s);
static ngx_int_t ngx_http_rum_spool_write(ngx_http_rum_spooler_t *s,
    const u_char *data, size_t len);
static void ngx_http_rum_spool_sync(ngx_event_t *ev);
static void ngx_http_rum_spool_sync_file(ngx_http_rum_spooler_t *s);
#if (NGX_THREADS)
static void ngx_http_rum_spool_sync_thread(void *data, ngx_log_t *log);
static void ngx_http_rum_spool_sync_event(ngx_event_t *ev);
#endif
static void ngx_http_rum_spool_synced(ngx_http_rum_spooler_t *s);
static void ngx_http_rum_spool_release(ngx_http_rum_spooler_t *s);
static void ngx_http_rum_spool_tell(ngx_queue_t *waiters, ngx_uint_t stored);


static ngx_http_rum_spooler_t  ngx_http_rum_spooler;


ngx_int_t
ngx_http_rum_spool_threads(ngx_conf_t *cf, ngx_http_rum_spool_t *spool)
{
#if (NGX_THREADS)

    if (ngx_http_rum_spool_threadless(cf)) {
        return NGX_OK;
    }

    spool->thread_pool = ngx_thread_pool_add(cf, NULL);

    return (spool->thread_pool == NULL) ? NGX_ERROR : NGX_OK;

#else

    return NGX_OK;

#endif
}


#if (NGX_THREADS)

/*
 * With an event method that threads cannot wake up, such as poll, a worker
 * with a thread pool does not start.  Where events {} comes after http {} the
 * method is not known here.
 */

static ngx_uint_t
ngx_http_rum_spool_threadless(ngx_conf_t *cf)
{
    ngx_uint_t           i;
    ngx_module_t       **modules;
    ngx_event_conf_t    *ecf;
    ngx_event_module_t  *method;

    if (ngx_get_conf(cf->cycle->conf_ctx, ngx_events_module) == NULL) {
        return 0;
    }

    ecf = ngx_event_get_conf(cf->cycle->conf_ctx, ngx_event_core_module);
    modules = cf->cycle->modules;

    for (i = 0; modules[i] != NULL; i++) {

        if (modules[i]->type == NGX_EVENT_MODULE
            && modules[i]->ctx_index == ecf->use)
        {
            method = modules[i]->ctx;
            return method->actions.notify == NULL;
        }
    }

    return 0;
}

#endif


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
    s->segment = ngx_http_rum_spool_segment();

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

    return ngx_http_rum_replay_init_process(cycle, spool);
}


/*
 * A file that reaches the limit of the process (ulimit -f) is an error like a
 * full disk, and no reason to die of a signal.
 */

static off_t
ngx_http_rum_spool_segment(void)
{
    off_t          size;
    struct rlimit  limit;

    (void) signal(SIGXFSZ, SIG_IGN);

    size = NGX_HTTP_RUM_SPOOL_SEGMENT;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < (rlim_t) size)
    {
        /* the last record of a file goes past this */
        size = (off_t) limit.rlim_cur - RUM_SPOOL_RECORD_HEAD
               - RUM_SPOOL_RECORD_MAX;
    }

    return ngx_max(size, RUM_SPOOL_HEAD_LEN + 1);
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
            ngx_http_rum_spool_failed(s->sync_err, "fdatasync()",
                                      s->out.name);
        }

        ngx_http_rum_spool_release(s);
    }

    ngx_http_rum_replay_exit_process();

    ngx_http_rum_stats_set(NGX_HTTP_RUM_SPOOL_BYTES, 0);
    ngx_http_rum_stats_set(NGX_HTTP_RUM_SPOOL_UNREADABLE, 0);
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

    if (s->out.offset >= s->segment
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
        ngx_http_rum_spool_failed(n == -1 ? ngx_errno : NGX_ENOSPC,
                                  "pwritev()", s->out.name);

        /* whatever was written of it is written over by the next */

        if (ftruncate(s->out.fd, s->out.offset) == -1) {
            ngx_http_rum_spool_failed(ngx_errno, "ftruncate()", s->out.name);
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
    ngx_fd_t      fd;
    const char   *what;
    struct stat   st;

    *ngx_snprintf(s->out.name, sizeof(s->out.name) - 1, "%V/%V-%ui.spool",
                  &s->conf->path->name, (ngx_str_t *) &s->writer, ++s->number)
        = '\0';

    fd = open((char *) s->out.name, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        ngx_http_rum_spool_failed(ngx_errno, "open()", s->out.name);
        return NGX_ERROR;
    }

    /*
     * Before it is locked, another worker may take the file for one that was
     * left, and delete it: then this one has no name any more.
     */

    if (flock(fd, LOCK_EX|LOCK_NB) == -1) {

        if (ngx_errno == NGX_EAGAIN) {
            (void) close(fd);
            return NGX_AGAIN;
        }

        /* not every file system has locks */

        what = "flock()";
        goto failed;
    }

    if (fstat(fd, &st) == -1) {
        what = "fstat()";
        goto failed;
    }

    if (st.st_nlink == 0) {
        (void) close(fd);
        return NGX_AGAIN;
    }

    if (pwrite(fd, RUM_SPOOL_HEAD, RUM_SPOOL_HEAD_LEN, 0)
        != RUM_SPOOL_HEAD_LEN)
    {
        what = "pwrite()";
        goto failed;
    }

    s->listed = 0;
    s->out.fd = fd;
    s->out.offset = RUM_SPOOL_HEAD_LEN;

    return NGX_OK;

failed:

    ngx_http_rum_spool_failed(ngx_errno, what, s->out.name);

    (void) ngx_delete_file(s->out.name);
    (void) close(fd);

    return NGX_ERROR;
}


void
ngx_http_rum_spool_failed(ngx_err_t err, const char *what,
    const u_char *name)
{
    ngx_http_rum_spooler_t  *s;

    s = &ngx_http_rum_spooler;

    ngx_http_rum_stats_add(NGX_HTTP_RUM_SPOOL_ERRORS, 1);

    if (!s->failed) {
        s->failed = 1;

        ngx_log_error(NGX_LOG_CRIT, s->log, err,
                      "rum spool: %s of \"%s\" failed", what, name);
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
        && s->conf->thread_pool != NULL
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
        ngx_http_rum_spool_failed(s->sync_err, "fdatasync()", s->out.name);
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


/* once a second: syncs what nobody waits for, and lets go of the file */

void
ngx_http_rum_spool_settle(void)
{
    ngx_http_rum_spooler_t  *s;

    s = &ngx_http_rum_spooler;

    if (s->out.fd == NGX_INVALID_FILE) {
        return;
    }

    ngx_http_rum_spool_sync(&s->sync);

    if (ngx_http_rum_delivery_has_time() && !s->unsynced
        && !s->sync_running
        && ngx_current_msec - s->appended >= NGX_HTTP_RUM_SPOOL_LOOK)
    {
        ngx_http_rum_spool_release(s);
    }
}


void
ngx_http_rum_spool_measured(off_t total)
{
    ngx_http_rum_spooler.total = total;

    ngx_http_rum_stats_set(NGX_HTTP_RUM_SPOOL_BYTES, (ngx_uint_t) total);
    ngx_http_rum_stats_max(NGX_HTTP_RUM_SPOOL_HIGH, (ngx_uint_t) total);
}
