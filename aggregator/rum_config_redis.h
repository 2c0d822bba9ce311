/*
 * The part of the configuration that is about Redis, TLS and sentinels.  Only
 * rum_config.c uses it.
 */

#ifndef RUM_CONFIG_REDIS_H
#define RUM_CONFIG_REDIS_H

#include "rum_config.h"

#include <confuse.h>

/* libconfuse's validation of "redis" */
int rum_config_check_redis(cfg_t *cfg, cfg_opt_t *opt);

/* takes the values over; RUM_ERROR, which is logged, if they do not fit */
int rum_config_take_redis(rum_config_t *config, cfg_t *cfg,
    const char *file);
void rum_config_free_redis(rum_config_t *config);

/* digits only; RUM_ERROR for anything else (rum_config.c) */
int rum_config_number(const char *text, uint32_t *number);

#endif /* RUM_CONFIG_REDIS_H */
