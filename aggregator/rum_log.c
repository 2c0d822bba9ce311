/*
 * Logs of rum-aggregator: see rum_log.h.
 */

#include "rum_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "rum.h"


static rum_log_level_e  rum_log_level = RUM_LOG_INFO;

static const char *const  rum_log_names[RUM_LOG_LAST] = {
    "error", "warn", "notice", "info", "debug"
};


void
rum_log_set_level(rum_log_level_e level)
{
    rum_log_level = level;
}


int
rum_log_find_level(const char *name, rum_log_level_e *level)
{
    unsigned  i;

    for (i = 0; i < RUM_LOG_LAST; i++) {
        if (strcmp(name, rum_log_names[i]) == 0) {
            *level = (rum_log_level_e) i;
            return RUM_OK;
        }
    }

    return RUM_ERROR;
}


void
rum_log(rum_log_level_e level, const char *fmt, ...)
{
    char       message[1024], when[32];
    time_t     now;
    va_list    args;
    struct tm  tm;

    if (level > rum_log_level) {
        return;
    }

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);

    now = time(NULL);
    localtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y/%m/%d %H:%M:%S", &tm);

    /* one write a line, so that lines of several processes stay whole */

    fprintf(stderr, "%s [%s] %ld: %s\n", when, rum_log_names[level],
            (long) getpid(), message);
}
