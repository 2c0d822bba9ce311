/*
 * What the module counts, in shared memory, so that any worker can tell the
 * sum and a reload keeps it.  Each worker adds to a slot of its own, padded
 * to cache lines; nothing is locked.  Counters only grow; gauges go up and
 * down by what a worker holds.
 */

#ifndef NGX_HTTP_RUM_STATS_H
#define NGX_HTTP_RUM_STATS_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "rum_beacon.h"
#include "rum_report.h"


/* what became of a request to a beacon location; the value of $rum_result */
typedef enum {
    NGX_HTTP_RUM_NONE = 0,              /* not decided (yet) */
    NGX_HTTP_RUM_ACCEPTED,
    NGX_HTTP_RUM_PRIVACY,               /* dropped by DNT or Sec-GPC */
    NGX_HTTP_RUM_SAMPLED,               /* another session stands for it */
    NGX_HTTP_RUM_PREFLIGHT,
    NGX_HTTP_RUM_METHOD,
    NGX_HTTP_RUM_ORIGIN,
    NGX_HTTP_RUM_TOKEN,                 /* not the one of rum_token */
    NGX_HTTP_RUM_SITE,                  /* the site's variable is empty */
    NGX_HTTP_RUM_TOO_LARGE,
    NGX_HTTP_RUM_MEDIA_TYPE,
    NGX_HTTP_RUM_ENCODING,
    NGX_HTTP_RUM_INFLATE,               /* not the gzip it claims to be */
    NGX_HTTP_RUM_INFLATED_TOO_LARGE,
    NGX_HTTP_RUM_UNAVAILABLE,           /* nothing could take the event */
    NGX_HTTP_RUM_ABORTED,               /* the client went away */
    NGX_HTTP_RUM_BEACON,                /* + rum_beacon_error_e */
    NGX_HTTP_RUM_RESULT_LAST
        = NGX_HTTP_RUM_BEACON + RUM_BEACON_ERROR_LAST
} ngx_http_rum_result_e;


typedef enum {
    NGX_HTTP_RUM_QUEUED = 0,            /* events put into the ring */
    NGX_HTTP_RUM_STORED,                /* acknowledged by Redis */
    NGX_HTTP_RUM_RESENT,                /* sent again after a reconnect */
    NGX_HTTP_RUM_LOST_EXIT,             /* a worker quit with them */
    NGX_HTTP_RUM_LOST_CRASH,            /* a worker died with them */
    NGX_HTTP_RUM_REDIS_CONNECTS,
    NGX_HTTP_RUM_REDIS_FAILURES,        /* links closed by a fault */
    NGX_HTTP_RUM_REDIS_ERRORS,          /* error replies: -OOM, -LOADING */
    NGX_HTTP_RUM_GEOIP_RELOADS,
    NGX_HTTP_RUM_GEOIP_FAILURES,
    NGX_HTTP_RUM_SPOOL_WRITTEN,         /* events */
    NGX_HTTP_RUM_SPOOL_REPLAYED,        /* events put into a ring again */
    NGX_HTTP_RUM_SPOOL_REFUSED,         /* events: full, or a broken disk */
    NGX_HTTP_RUM_SPOOL_TORN,            /* files cut short or damaged */
    NGX_HTTP_RUM_SPOOL_ERRORS,          /* system calls that failed */

    NGX_HTTP_RUM_REDIS_LINKS,           /* gauges from here: links up */
    NGX_HTTP_RUM_RING_EVENTS,
    NGX_HTTP_RUM_RING_AT_RISK,          /* of these, not in the spool too */
    NGX_HTTP_RUM_RING_BYTES,
    NGX_HTTP_RUM_RING_SIZE,
    NGX_HTTP_RUM_RING_HIGH,             /* most bytes ever in one ring */
    NGX_HTTP_RUM_SPOOL_BYTES,           /* of all files, as seen last */
    NGX_HTTP_RUM_SPOOL_HIGH,
    NGX_HTTP_RUM_SPOOL_UNREADABLE,      /* files that are left where they are */
    NGX_HTTP_RUM_GEOIP_BUILT,           /* Unix time of the oldest database */
    NGX_HTTP_RUM_FIGURE_LAST
} ngx_http_rum_figure_e;


/* more figures than there will ever be, for ngx_http_rum_stats_collect() */
#define NGX_HTTP_RUM_STATS_MAX  96


/* adds the shared zone; called once by the main configuration */
ngx_shm_zone_t *ngx_http_rum_stats_add_zone(ngx_conf_t *cf);

/* takes this worker's slot */
void ngx_http_rum_stats_init_process(ngx_cycle_t *cycle,
    ngx_shm_zone_t *zone);
void ngx_http_rum_stats_exit_process(void);

void ngx_http_rum_stats_result(ngx_uint_t result);
void ngx_http_rum_stats_cut(const uint32_t *cut);
void ngx_http_rum_stats_add(ngx_http_rum_figure_e figure, ngx_int_t n);
void ngx_http_rum_stats_set(ngx_http_rum_figure_e figure, ngx_uint_t n);
void ngx_http_rum_stats_max(ngx_http_rum_figure_e figure, ngx_uint_t n);

/* the name of a result, as in $rum_result and in status */
const rum_str_t *ngx_http_rum_stats_result_name(ngx_uint_t result);

/* the sums over all workers; returns how many were written */
ngx_uint_t ngx_http_rum_stats_collect(rum_report_figure_t *figures);


#endif /* NGX_HTTP_RUM_STATS_H */
