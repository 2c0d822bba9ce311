/*
 * Counters in shared memory: see ngx_http_rum_stats.h.
 */

#include "ngx_http_rum_module.h"


/*
 * A reload after a package upgrade may bring new code to an old zone of the
 * same size; a zone of another layout is left and begun anew.
 */
#define NGX_HTTP_RUM_STATS_LAYOUT  5
#define NGX_HTTP_RUM_STATS_SLOTS   128


typedef struct {
    ngx_atomic_t                  pid;          /* of the last owner */
    ngx_atomic_t                  results[NGX_HTTP_RUM_RESULT_LAST];
    ngx_atomic_t                  cut[RUM_CUT_LAST];
    ngx_atomic_t                  figures[NGX_HTTP_RUM_FIGURE_LAST];
    u_char                        padding[64];
} ngx_http_rum_stats_slot_t;


typedef struct {
    ngx_uint_t                    layout;
    time_t                        started;
    ngx_http_rum_stats_slot_t     slots[NGX_HTTP_RUM_STATS_SLOTS];
} ngx_http_rum_stats_t;


typedef struct {
    rum_str_t                     group;
    rum_str_t                     name;
} ngx_http_rum_stats_name_t;


static ngx_int_t ngx_http_rum_stats_init_zone(ngx_shm_zone_t *zone,
    void *data);
static void ngx_http_rum_stats_bury(ngx_cycle_t *cycle,
    ngx_http_rum_stats_slot_t *slot);
static ngx_inline void ngx_http_rum_stats_count(ngx_atomic_t *counter,
    ngx_int_t n);


static const rum_str_t  ngx_http_rum_result_names[NGX_HTTP_RUM_BEACON] = {
    rum_string(""),
    rum_string("accepted"),
    rum_string("privacy"),
    rum_string("sampled"),
    rum_string("preflight"),
    rum_string("method"),
    rum_string("origin"),
    rum_string("token"),
    rum_string("site"),
    rum_string("too_large"),
    rum_string("media_type"),
    rum_string("encoding"),
    rum_string("inflate"),
    rum_string("inflated_too_large"),
    rum_string("unavailable"),
    rum_string("aborted")
};


static const ngx_http_rum_stats_name_t
    ngx_http_rum_figure_names[NGX_HTTP_RUM_FIGURE_LAST] =
{
    { rum_string("events"), rum_string("queued") },
    { rum_string("events"), rum_string("stored") },
    { rum_string("events"), rum_string("resent") },
    { rum_string("events"), rum_string("lost_exit") },
    { rum_string("events"), rum_string("lost_crash") },
    { rum_string("redis"), rum_string("connects") },
    { rum_string("redis"), rum_string("failures") },
    { rum_string("redis"), rum_string("errors") },
    { rum_string("geoip"), rum_string("reloads") },
    { rum_string("geoip"), rum_string("failures") },
    { rum_string("spool"), rum_string("written") },
    { rum_string("spool"), rum_string("replayed") },
    { rum_string("spool"), rum_string("refused") },
    { rum_string("spool"), rum_string("torn") },
    { rum_string("spool"), rum_string("errors") },
    { rum_string("redis"), rum_string("links") },
    { rum_string("ring"), rum_string("events") },
    { rum_string("ring"), rum_string("at_risk") },
    { rum_string("ring"), rum_string("bytes") },
    { rum_string("ring"), rum_string("size") },
    { rum_string("ring"), rum_string("high_water") },
    { rum_string("spool"), rum_string("bytes") },
    { rum_string("spool"), rum_string("high_water") },
    { rum_string("spool"), rum_string("unreadable") },
    { rum_string("geoip"), rum_string("built") }
};


static ngx_http_rum_stats_t       *ngx_http_rum_stats;

/* before there is a slot of its own, a process counts here */
static ngx_http_rum_stats_slot_t   ngx_http_rum_stats_none;
static ngx_http_rum_stats_slot_t  *ngx_http_rum_stats_slot
                                       = &ngx_http_rum_stats_none;

/* another worker counts in the same slot */
static ngx_uint_t                  ngx_http_rum_stats_shared;


ngx_shm_zone_t *
ngx_http_rum_stats_add_zone(ngx_conf_t *cf)
{
    size_t           size;
    ngx_str_t        name;
    ngx_shm_zone_t  *zone;

    ngx_str_set(&name, "ngx_http_rum_stats");

    /* room for the slab allocator's own pages */

    size = ngx_align(sizeof(ngx_http_rum_stats_t), ngx_pagesize)
           + 16 * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_rum_module);

    if (zone != NULL) {
        zone->init = ngx_http_rum_stats_init_zone;
    }

    return zone;
}


static ngx_int_t
ngx_http_rum_stats_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t       *pool;
    ngx_http_rum_stats_t  *stats;

    if (data != NULL) {
        stats = data;

        if (stats->layout == NGX_HTTP_RUM_STATS_LAYOUT) {
            zone->data = stats;
            return NGX_OK;
        }
    }

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    stats = ngx_slab_calloc(pool, sizeof(ngx_http_rum_stats_t));
    if (stats == NULL) {
        return NGX_ERROR;
    }

    stats->layout = NGX_HTTP_RUM_STATS_LAYOUT;
    stats->started = ngx_time();
    zone->data = stats;
    pool->data = stats;

    return NGX_OK;
}


void
ngx_http_rum_stats_init_process(ngx_cycle_t *cycle, ngx_shm_zone_t *zone)
{
    ngx_uint_t                  i, k;
    ngx_http_rum_stats_t       *stats;
    ngx_http_rum_stats_slot_t  *slot;

    stats = zone->data;
    ngx_http_rum_stats = stats;

    for (i = 0; i < NGX_HTTP_RUM_STATS_SLOTS; i++) {
        ngx_http_rum_stats_bury(cycle, &stats->slots[i]);
    }

    /*
     * After a reload old workers still hold theirs: the first free one from
     * the worker's number on.  The last one is nobody's: it is shared by
     * those that find none.
     */

    for (i = 0; i < NGX_HTTP_RUM_STATS_SLOTS - 1; i++) {
        k = (ngx_worker + i) % (NGX_HTTP_RUM_STATS_SLOTS - 1);
        slot = &stats->slots[k];
        if (ngx_atomic_cmp_set(&slot->pid, 0, (ngx_atomic_uint_t) ngx_pid)) {
            ngx_http_rum_stats_slot = slot;
            return;
        }
    }

    ngx_http_rum_stats_shared = 1;
    ngx_http_rum_stats_slot = &stats->slots[NGX_HTTP_RUM_STATS_SLOTS - 1];
}


/*
 * An owner that is no more and did not leave its slot died with what its ring
 * held.  This process has no slot yet: one with its number is a dead one's,
 * which had the number before.
 */

static void
ngx_http_rum_stats_bury(ngx_cycle_t *cycle, ngx_http_rum_stats_slot_t *slot)
{
    ngx_uint_t         i;
    ngx_atomic_int_t   left;
    ngx_atomic_uint_t  pid;

    pid = slot->pid;

    if (pid == 0) {
        return;
    }

    if ((ngx_pid_t) pid != ngx_pid
        && (kill((ngx_pid_t) pid, 0) != -1 || ngx_errno != NGX_ESRCH
            || !ngx_atomic_cmp_set(&slot->pid, pid,
                                   (ngx_atomic_uint_t) ngx_pid)))
    {
        return;
    }

    left = (ngx_atomic_int_t) slot->figures[NGX_HTTP_RUM_RING_AT_RISK];

    if (left > 0) {
        ngx_log_error(NGX_LOG_CRIT, cycle->log, 0,
                      "rum delivery: worker process %P died with %A "
                      "events not acknowledged by redis",
                      (ngx_pid_t) pid, left);

        (void) ngx_atomic_fetch_add(&slot->figures[NGX_HTTP_RUM_LOST_CRASH],
                                    left);
    }

    for (i = NGX_HTTP_RUM_REDIS_LINKS; i < NGX_HTTP_RUM_FIGURE_LAST; i++) {
        slot->figures[i] = 0;
    }

    slot->pid = 0;
}


void
ngx_http_rum_stats_exit_process(void)
{
    /* what it knew of files is out of date from now on */

    ngx_http_rum_stats_slot->figures[NGX_HTTP_RUM_SPOOL_BYTES] = 0;
    ngx_http_rum_stats_slot->figures[NGX_HTTP_RUM_SPOOL_UNREADABLE] = 0;
    ngx_http_rum_stats_slot->figures[NGX_HTTP_RUM_GEOIP_BUILT] = 0;

    (void) ngx_atomic_cmp_set(&ngx_http_rum_stats_slot->pid,
                              (ngx_atomic_uint_t) ngx_pid, 0);

    ngx_http_rum_stats_slot = &ngx_http_rum_stats_none;
}


static ngx_inline void
ngx_http_rum_stats_count(ngx_atomic_t *counter, ngx_int_t n)
{
    if (!ngx_http_rum_stats_shared) {
        *counter += n;
        return;
    }

    (void) ngx_atomic_fetch_add(counter, n);
}


void
ngx_http_rum_stats_result(ngx_uint_t result)
{
    ngx_http_rum_stats_count(&ngx_http_rum_stats_slot->results[result], 1);
}


void
ngx_http_rum_stats_cut(const uint32_t *cut)
{
    ngx_uint_t  i;

    for (i = 0; i < RUM_CUT_LAST; i++) {
        if (cut[i] != 0) {
            ngx_http_rum_stats_count(&ngx_http_rum_stats_slot->cut[i],
                                     (ngx_int_t) cut[i]);
        }
    }
}


void
ngx_http_rum_stats_add(ngx_http_rum_figure_e figure, ngx_int_t n)
{
    ngx_http_rum_stats_count(&ngx_http_rum_stats_slot->figures[figure], n);
}


void
ngx_http_rum_stats_set(ngx_http_rum_figure_e figure, ngx_uint_t n)
{
    ngx_http_rum_stats_slot->figures[figure] = n;
}


void
ngx_http_rum_stats_max(ngx_http_rum_figure_e figure, ngx_uint_t n)
{
    if (ngx_http_rum_stats_slot->figures[figure] < n) {
        ngx_http_rum_stats_slot->figures[figure] = n;
    }
}


const rum_str_t *
ngx_http_rum_stats_result_name(ngx_uint_t result)
{
    if (result >= NGX_HTTP_RUM_BEACON) {
        return &rum_beacon_error_names[result - NGX_HTTP_RUM_BEACON];
    }

    return &ngx_http_rum_result_names[result];
}


ngx_uint_t
ngx_http_rum_stats_collect(rum_report_figure_t *figures)
{
    ngx_uint_t                  i, k, n;
    ngx_atomic_uint_t           sum, value;
    rum_report_figure_t        *f;
    ngx_http_rum_stats_slot_t  *slots;

    static const rum_str_t  beacons = rum_string("beacons");
    static const rum_str_t  cut = rum_string("cut");

    slots = ngx_http_rum_stats->slots;
    n = 0;

    for (i = NGX_HTTP_RUM_ACCEPTED; i < NGX_HTTP_RUM_RESULT_LAST; i++) {

        if (i == NGX_HTTP_RUM_BEACON + RUM_BEACON_OK) {
            continue;
        }

        f = &figures[n++];
        f->group = beacons;
        f->name = *ngx_http_rum_stats_result_name(i);
        f->value = 0;

        for (k = 0; k < NGX_HTTP_RUM_STATS_SLOTS; k++) {
            f->value += slots[k].results[i];
        }
    }

    for (i = 0; i < RUM_CUT_LAST; i++) {
        f = &figures[n++];
        f->group = cut;
        f->name = rum_cut_names[i];
        f->value = 0;

        for (k = 0; k < NGX_HTTP_RUM_STATS_SLOTS; k++) {
            f->value += slots[k].cut[i];
        }
    }

    for (i = 0; i < NGX_HTTP_RUM_FIGURE_LAST; i++) {
        sum = 0;

        for (k = 0; k < NGX_HTTP_RUM_STATS_SLOTS; k++) {
            value = slots[k].figures[i];

            if (i == NGX_HTTP_RUM_RING_HIGH || i == NGX_HTTP_RUM_SPOOL_BYTES
                || i == NGX_HTTP_RUM_SPOOL_HIGH
                || i == NGX_HTTP_RUM_SPOOL_UNREADABLE)
            {
                sum = ngx_max(sum, value);

            } else if (i == NGX_HTTP_RUM_GEOIP_BUILT) {
                sum = (sum == 0 || (value != 0 && value < sum)) ? value : sum;

            } else {
                sum += value;
            }
        }

        f = &figures[n++];
        f->group = ngx_http_rum_figure_names[i].group;
        f->name = ngx_http_rum_figure_names[i].name;
        f->value = sum;
        f->gauge = (i >= NGX_HTTP_RUM_REDIS_LINKS);
    }

    return n;
}
