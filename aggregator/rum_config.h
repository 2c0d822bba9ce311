/*
 * The aggregator's configuration: read by libconfuse, checked here, used by
 * everything else as plain values.  Every key has a default; docs/aggregator.md
 * is the reference.
 */

#ifndef RUM_CONFIG_H
#define RUM_CONFIG_H

#include "rum_detail.h"
#include "rum_log.h"
#include "rum_rollup.h"
#include "rum_tls.h"

#define RUM_CONFIG_FILE        "/etc/ngx_rum/aggregator.conf"
#define RUM_CONFIG_LIMITS      64       /* dimensions with a limit of their
                                           own */
#define RUM_CONFIG_SENTINELS   16

typedef struct {
    char                  host[256];
    uint32_t              port;
} rum_address_t;

typedef struct {
    size_t                len;
    unsigned char         name[RUM_LEN_NAME + 1];
    uint32_t              values;
} rum_limit_t;

typedef struct {
    rum_address_t         address;      /* unless one of these two: */
    char                 *path;         /* of a unix socket */
    char                 *master;       /* what the sentinels call it */
    rum_address_t         sentinels[RUM_CONFIG_SENTINELS];
    uint32_t              nsentinels;
    char                 *sentinel_user;
    char                 *sentinel_password;
    int                   cluster;      /* the address is a node of one */
    rum_tls_config_t      tls;
    char                 *user;         /* NULL, or as given */
    char                 *password;
    uint32_t              db;
    uint64_t              timeout;      /* ms; to connect and for a reply */

    uint32_t              partitions;
    uint64_t              flush;        /* ms */
    uint64_t              lease;        /* ms */
    uint64_t              retention[RUM_RES_TOTAL];     /* ms */

    uint64_t              settle;       /* ms after a minute's end until its
                                           values are in "total"; 0: they
                                           are at once */
    uint64_t              recent;       /* ms that views are remembered */
    uint32_t              recent_views; /* most that are */

    uint32_t              limit_default;    /* values of a dimension */
    uint32_t              limit_dimensions; /* own ones of a site */
    uint32_t              limit_metrics;    /* own ones of a site */
    uint32_t              limit_sites;
    uint32_t              nlimits;
    rum_limit_t           limits[RUM_CONFIG_LIMITS];

    rum_log_level_e       log_level;
    rum_rollup_t          rollup;
    uint32_t              details;      /* bit 1 << rum_detail_e */
} rum_config_t;

/*
 * Reads the file, or takes all defaults if file is NULL.  RUM_ERROR when it
 * cannot be read or is wrong; what and where is logged.  Release what was
 * read with _free().
 */
int rum_config_read(rum_config_t *config, const char *file);
void rum_config_free(rum_config_t *config);

/* how many values of the dimension are kept apart */
uint32_t rum_config_limit(const rum_config_t *config,
    const rum_str_t *dimension);

/* "100ms", "1s", "5m", "6h", "35d" to milliseconds, or RUM_ERROR */
int rum_config_duration(const char *text, uint64_t *ms);

#endif /* RUM_CONFIG_H */
