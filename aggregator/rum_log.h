/*
 * Logs of rum-aggregator: one line a fact, to stderr, in nginx's form.
 * Every file of the aggregator uses it.
 */

#ifndef RUM_LOG_H
#define RUM_LOG_H

typedef enum {
    RUM_LOG_ERROR = 0,
    RUM_LOG_WARN,
    RUM_LOG_NOTICE,
    RUM_LOG_INFO,
    RUM_LOG_DEBUG,
    RUM_LOG_LAST
} rum_log_level_e;

/* lines above the level are left out; the default is "info" */
void rum_log_set_level(rum_log_level_e level);

/* RUM_ERROR if there is no level of that name */
int rum_log_find_level(const char *name, rum_log_level_e *level);

void rum_log(rum_log_level_e level, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

#endif /* RUM_LOG_H */
