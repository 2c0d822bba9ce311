/*
 * The aggregator's configuration: see rum_config.h.
 *
 * libconfuse parses; its callbacks check each value while the line is known.
 * After that the values are taken over without further errors, but for what
 * only all of them together can tell.
 */

#include "rum_config_redis.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


#define RUM_CONFIG_MAX   1048576        /* bytes of the file */

#define RUM_SECOND       1000ULL
#define RUM_DAY          (86400 * RUM_SECOND)


typedef struct {
    const char           *section;      /* NULL: top level */
    const char           *name;
    size_t                offset;       /* in rum_config_t */
    uint64_t              min;
    uint64_t              max;
} rum_config_value_t;


static cfg_t *rum_config_parse(const char *file);
static cfg_t *rum_config_define(void);
static char *rum_config_load(const char *file, size_t *len);
static int rum_config_clean(char *text, size_t len);
static void rum_config_error(cfg_t *cfg, const char *fmt, va_list args);
static int rum_config_check_duration(cfg_t *cfg, cfg_opt_t *opt);
static int rum_config_check_number(cfg_t *cfg, cfg_opt_t *opt);
static int rum_config_check_level(cfg_t *cfg, cfg_opt_t *opt);
static int rum_config_check_rollup(cfg_t *cfg, cfg_opt_t *opt);
static int rum_config_check_details(cfg_t *cfg, cfg_opt_t *opt);
static int rum_config_check_limit(cfg_t *cfg, cfg_opt_t *opt);
static const rum_config_value_t *rum_config_value(
    const rum_config_value_t *values, cfg_t *cfg, cfg_opt_t *opt);
static int rum_config_take(rum_config_t *config, cfg_t *cfg);
static void rum_config_take_details(rum_config_t *config, cfg_t *cfg);
static void rum_config_take_limits(rum_config_t *config, cfg_t *section);


/* the file whose errors are reported; libconfuse hands no context around */
static const char  *rum_config_file;


static const rum_config_value_t  rum_config_durations[] = {
    { NULL, "timeout", offsetof(rum_config_t, timeout), 10, 600000 },
    { NULL, "flush", offsetof(rum_config_t, flush), 10, 60000 },
    { NULL, "lease", offsetof(rum_config_t, lease), 200, 600000 },
    { "retention", "minute", offsetof(rum_config_t, retention[0]),
      600 * RUM_SECOND, 3650 * RUM_DAY },
    { "retention", "hour", offsetof(rum_config_t, retention[1]),
      3600 * RUM_SECOND, 36500 * RUM_DAY },
    { "retention", "day", offsetof(rum_config_t, retention[2]),
      RUM_DAY, 36500 * RUM_DAY },
    { NULL, "settle", offsetof(rum_config_t, settle), 0, RUM_DAY },
    { "recent", "time", offsetof(rum_config_t, recent),
      0, RUM_DAY },
    { NULL, NULL, 0, 0, 0 }
};


static const rum_config_value_t  rum_config_numbers[] = {
    { NULL, "db", offsetof(rum_config_t, db), 0, 1000000 },
    { NULL, "partitions", offsetof(rum_config_t, partitions),
      1, RUM_MAX_PARTITIONS },
    { "recent", "views", offsetof(rum_config_t, recent_views),
      1, 100000000 },
    { NULL, NULL, 0, 0, 0 }
};


static const rum_config_value_t  rum_config_limits[] = {
    { "limit", "default", offsetof(rum_config_t, limit_default),
      1, 1000000 },
    { "limit", "dimensions", offsetof(rum_config_t, limit_dimensions),
      0, RUM_MAX_DIMS },
    { "limit", "metrics", offsetof(rum_config_t, limit_metrics), 0, 1000 },
    { "limit", "sites", offsetof(rum_config_t, limit_sites), 1, 10000 },
    { NULL, NULL, 0, 0, 0 }
};


int
rum_config_read(rum_config_t *config, const char *file)
{
    int     rc;
    cfg_t  *cfg;

    memset(config, 0, sizeof(rum_config_t));

    cfg = rum_config_parse(file);
    if (cfg == NULL) {
        return RUM_ERROR;
    }

    rc = rum_config_take(config, cfg);
    cfg_free(cfg);

    if (rc != RUM_OK) {
        rum_config_free(config);
    }

    return rc;
}


void
rum_config_free(rum_config_t *config)
{
    rum_config_free_redis(config);
    memset(config, 0, sizeof(rum_config_t));
}


uint32_t
rum_config_limit(const rum_config_t *config, const rum_str_t *dimension)
{
    uint32_t            i;
    const rum_limit_t  *limit;

    for (i = 0; i < config->nlimits; i++) {
        limit = &config->limits[i];

        if (limit->len == dimension->len
            && memcmp(limit->name, dimension->data, limit->len) == 0)
        {
            return limit->values;
        }
    }

    return config->limit_default;
}


int
rum_config_duration(const char *text, uint64_t *ms)
{
    char                *end;
    uint64_t             unit;
    unsigned long long   n;

    if (text[0] < '0' || text[0] > '9') {
        return RUM_ERROR;
    }

    errno = 0;
    n = strtoull(text, &end, 10);

    if (strcmp(end, "ms") == 0) {
        unit = 1;

    } else if (strcmp(end, "s") == 0) {
        unit = RUM_SECOND;

    } else if (strcmp(end, "m") == 0) {
        unit = 60 * RUM_SECOND;

    } else if (strcmp(end, "h") == 0) {
        unit = 3600 * RUM_SECOND;

    } else if (strcmp(end, "d") == 0) {
        unit = RUM_DAY;

    } else {
        return RUM_ERROR;
    }

    if (errno != 0 || n > UINT64_MAX / unit) {
        return RUM_ERROR;
    }

    *ms = n * unit;

    return RUM_OK;
}


static cfg_t *
rum_config_parse(const char *file)
{
    int     rc;
    char   *text;
    FILE   *in;
    cfg_t  *cfg;
    size_t  len;

    rum_config_file = file != NULL ? file : "(defaults)";

    cfg = rum_config_define();

    if (cfg == NULL || file == NULL) {
        return cfg;
    }

    text = rum_config_load(file, &len);
    if (text == NULL) {
        cfg_free(cfg);
        return NULL;
    }

    /* an empty file is the smallest useful one, but not for fmemopen() */

    rc = CFG_SUCCESS;

    if (len > 0) {
        in = NULL;
        rc = CFG_FILE_ERROR;

        if (rum_config_clean(text, len) == RUM_OK) {
            in = fmemopen(text, len, "r");
        }

        if (in != NULL) {
            rc = cfg_parse_fp(cfg, in);
            fclose(in);
        }
    }

    free(text);

    if (rc != CFG_SUCCESS) {
        cfg_free(cfg);
        return NULL;
    }

    return cfg;
}


static cfg_t *
rum_config_define(void)
{
    cfg_t      *cfg;

    cfg_opt_t   limit[] = {
        CFG_STR("default", "1000", CFGF_NONE),
        CFG_STR("page", "5000", CFGF_NONE),
        CFG_STR("error", "200", CFGF_NONE),
        CFG_STR("dimensions", "16", CFGF_NONE),
        CFG_STR("metrics", "100", CFGF_NONE),
        CFG_STR("sites", "100", CFGF_NONE),
        CFG_END()
    };

    cfg_opt_t   retention[] = {
        CFG_STR("minute", "6h", CFGF_NONE),
        CFG_STR("hour", "35d", CFGF_NONE),
        CFG_STR("day", "400d", CFGF_NONE),
        CFG_END()
    };

    cfg_opt_t   recent[] = {
        CFG_STR("time", "30m", CFGF_NONE),
        CFG_INT("views", 200000, CFGF_NONE),
        CFG_END()
    };

    cfg_opt_t   opts[] = {
        CFG_STR("redis", "127.0.0.1:6379", CFGF_NONE),
        CFG_STR("user", NULL, CFGF_NONE),
        CFG_STR("password", NULL, CFGF_NONE),
        CFG_INT("db", 0, CFGF_NONE),
        CFG_BOOL("tls", cfg_false, CFGF_NONE),
        CFG_BOOL("tls_verify", cfg_true, CFGF_NONE),
        CFG_STR("tls_ca", NULL, CFGF_NONE),
        CFG_STR("tls_cert", NULL, CFGF_NONE),
        CFG_STR("tls_key", NULL, CFGF_NONE),
        CFG_STR("tls_name", NULL, CFGF_NONE),
        CFG_STR("sentinel_user", NULL, CFGF_NONE),
        CFG_STR("sentinel_password", NULL, CFGF_NONE),
        CFG_BOOL("cluster", cfg_false, CFGF_NONE),
        CFG_STR("timeout", "5s", CFGF_NONE),
        CFG_INT("partitions", 1, CFGF_NONE),
        CFG_STR("flush", "1s", CFGF_NONE),
        CFG_STR("lease", "10s", CFGF_NONE),
        CFG_STR("settle", "60s", CFGF_NONE),
        CFG_STR_LIST("rollup",
                     "{page, country, device, browser, os, network,"
                     " \"page,device\", \"page,country\"}", CFGF_NONE),
        CFG_STR_LIST("details",
                     "{error, \"error,page\", \"error,browser\", host,"
                     " \"host,type\", \"from,page\", action,"
                     " \"action,target\", event, \"event,page\", lcp_target,"
                     " lcp_url, inp_target, inp_url, inp_type,"
                     " \"inp_target,inp_type\", cls_target, speed}",
                     CFGF_NONE),
        CFG_STR("log_level", "info", CFGF_NONE),
        CFG_SEC("retention", retention, CFGF_NONE),
        CFG_SEC("recent", recent, CFGF_NONE),
        CFG_SEC("limit", limit, CFGF_KEYSTRVAL),
        CFG_END()
    };

    cfg = cfg_init(opts, CFGF_NONE);
    if (cfg == NULL) {
        return NULL;
    }

    cfg_set_error_function(cfg, rum_config_error);

    cfg_set_validate_func(cfg, "redis", rum_config_check_redis);
    cfg_set_validate_func(cfg, "log_level", rum_config_check_level);
    cfg_set_validate_func(cfg, "rollup", rum_config_check_rollup);
    cfg_set_validate_func(cfg, "details", rum_config_check_details);
    cfg_set_validate_func(cfg, "limit", rum_config_check_limit);

    cfg_set_validate_func(cfg, "timeout", rum_config_check_duration);
    cfg_set_validate_func(cfg, "flush", rum_config_check_duration);
    cfg_set_validate_func(cfg, "lease", rum_config_check_duration);
    cfg_set_validate_func(cfg, "settle", rum_config_check_duration);
    cfg_set_validate_func(cfg, "retention|minute", rum_config_check_duration);
    cfg_set_validate_func(cfg, "retention|hour", rum_config_check_duration);
    cfg_set_validate_func(cfg, "retention|day", rum_config_check_duration);
    cfg_set_validate_func(cfg, "recent|time", rum_config_check_duration);

    cfg_set_validate_func(cfg, "db", rum_config_check_number);
    cfg_set_validate_func(cfg, "partitions", rum_config_check_number);
    cfg_set_validate_func(cfg, "recent|views", rum_config_check_number);

    return cfg;
}


static char *
rum_config_load(const char *file, size_t *len)
{
    char   *text;
    FILE   *in;

    in = fopen(file, "r");
    if (in == NULL) {
        rum_log(RUM_LOG_ERROR, "open(\"%s\") failed: %s", file,
                strerror(errno));
        return NULL;
    }

    text = malloc(RUM_CONFIG_MAX);

    if (text != NULL) {
        *len = fread(text, 1, RUM_CONFIG_MAX, in);

        if (ferror(in) || *len == RUM_CONFIG_MAX) {
            rum_log(RUM_LOG_ERROR, "\"%s\" is not a readable file of less "
                    "than %d bytes", file, RUM_CONFIG_MAX);
            free(text);
            text = NULL;
        }
    }

    fclose(in);

    return text;
}


/*
 * Hands that write nginx.conf put semicolons, which libconfuse does not know,
 * and it loses count of lines in comments: both become spaces, but for what
 * is in strings.  What it says nothing about is an error here: a zero byte,
 * and a comment that would take all the rest.
 */

static int
rum_config_clean(char *text, size_t len)
{
    int     line, begun;
    char    state, c, next;
    size_t  i;

    state = 0;
    line = 1;
    begun = 0;

    if (memchr(text, '\0', len) != NULL) {
        rum_log(RUM_LOG_ERROR, "a zero byte in %s", rum_config_file);
        return RUM_ERROR;
    }

    for (i = 0; i < len; i++) {
        c = text[i];
        next = i + 1 < len ? text[i + 1] : '\0';
        line += c == '\n';

        if (state == '"' || state == '\'') {
            if (c == '\\') {
                i++;

            } else if (c == state) {
                state = 0;
            }

            continue;
        }

        if (state == '#') {
            state = c == '\n' ? 0 : state;

        } else if (state == '*') {
            if (c == '*' && next == '/') {
                text[i++] = ' ';
                state = 0;
            }

        } else if (c == '#' || (c == '/' && next == '/')) {
            state = '#';

        } else if (c == '/' && next == '*') {
            text[i++] = ' ';
            state = '*';
            begun = line;

        } else if (c != ';') {
            state = c == '"' || c == '\'' ? c : 0;
            continue;
        }

        if (text[i] != '\n') {
            text[i] = ' ';
        }
    }

    if (state == '*') {
        rum_log(RUM_LOG_ERROR, "a comment is not closed in %s:%d",
                rum_config_file, begun);
        return RUM_ERROR;
    }

    return RUM_OK;
}


static void
rum_config_error(cfg_t *cfg, const char *fmt, va_list args)
{
    char  message[512];

    vsnprintf(message, sizeof(message), fmt, args);

    /* libconfuse complains of each free key of "limit", and then takes it */

    if (cfg_name(cfg) != NULL && strcmp(cfg_name(cfg), "limit") == 0
        && strncmp(message, "no such option", 14) == 0)
    {
        return;
    }

    rum_log(RUM_LOG_ERROR, "%s in %s:%d", message, rum_config_file,
            cfg->line);
}


static int
rum_config_check_duration(cfg_t *cfg, cfg_opt_t *opt)
{
    uint64_t                   ms;
    const char                *text;
    const rum_config_value_t  *value;

    value = rum_config_value(rum_config_durations, cfg, opt);
    text = cfg_opt_getnstr(opt, 0);

    if (rum_config_duration(text, &ms) != RUM_OK) {
        cfg_error(cfg, "\"%s\" needs a time such as 100ms, 1s, 5m, 6h or "
                  "35d, not \"%s\"", cfg_opt_name(opt), text);
        return -1;
    }

    if (ms < value->min || ms > value->max) {
        cfg_error(cfg, "\"%s\" must be from %llums to %llums",
                  cfg_opt_name(opt), (unsigned long long) value->min,
                  (unsigned long long) value->max);
        return -1;
    }

    return 0;
}


static int
rum_config_check_number(cfg_t *cfg, cfg_opt_t *opt)
{
    long                       n;
    const rum_config_value_t  *value;

    value = rum_config_value(rum_config_numbers, cfg, opt);
    n = cfg_opt_getnint(opt, 0);

    if (n < 0 || (uint64_t) n < value->min || (uint64_t) n > value->max) {
        cfg_error(cfg, "\"%s\" must be from %llu to %llu",
                  cfg_opt_name(opt), (unsigned long long) value->min,
                  (unsigned long long) value->max);
        return -1;
    }

    return 0;
}


static int
rum_config_check_level(cfg_t *cfg, cfg_opt_t *opt)
{
    rum_log_level_e  level;

    if (rum_log_find_level(cfg_opt_getnstr(opt, 0), &level) == RUM_OK) {
        return 0;
    }

    cfg_error(cfg, "\"log_level\" is error, warn, notice, info or debug, "
              "not \"%s\"", cfg_opt_getnstr(opt, 0));

    return -1;
}


static int
rum_config_check_rollup(cfg_t *cfg, cfg_opt_t *opt)
{
    unsigned      i;
    const char   *error;
    rum_rollup_t  rollup;

    rum_rollup_init(&rollup);

    for (i = 0; i < cfg_opt_size(opt); i++) {
        if (rum_rollup_add(&rollup, cfg_opt_getnstr(opt, i), &error)
            != RUM_OK)
        {
            cfg_error(cfg, "\"%s\" in \"rollup\": %s",
                      cfg_opt_getnstr(opt, i), error);
            return -1;
        }
    }

    return 0;
}


static int
rum_config_check_details(cfg_t *cfg, cfg_opt_t *opt)
{
    unsigned   i;
    rum_str_t  name;

    for (i = 0; i < cfg_opt_size(opt); i++) {
        name.data = (unsigned char *) cfg_opt_getnstr(opt, i);
        name.len = strlen(cfg_opt_getnstr(opt, i));

        if (rum_detail_find(&name) == RUM_DETAIL_LAST) {
            cfg_error(cfg, "\"%s\" in \"details\" is none",
                      cfg_opt_getnstr(opt, i));
            return -1;
        }
    }

    return 0;
}


/* called when the section is closed, with all its keys */

static int
rum_config_check_limit(cfg_t *cfg, cfg_opt_t *opt)
{
    cfg_t                     *section;
    unsigned                   i;
    uint32_t                   n;
    uint64_t                   min, max;
    cfg_opt_t                 *key;
    const char                *text;
    const rum_config_value_t  *value;

    section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

    if (cfg_num(section) > RUM_CONFIG_LIMITS) {
        cfg_error(cfg, "more than %d keys in \"limit\"", RUM_CONFIG_LIMITS);
        return -1;
    }

    for (i = 0; i < cfg_num(section); i++) {
        key = cfg_getnopt(section, i);
        text = cfg_opt_getnstr(key, 0);

        value = rum_config_value(rum_config_limits, section, key);
        min = value != NULL ? value->min : 1;
        max = value != NULL ? value->max : 1000000;

        if (rum_config_number(text, &n) != RUM_OK || n < min || n > max) {
            cfg_error(cfg, "\"%s\" in \"limit\" must be from %llu to %llu, "
                      "not \"%s\"", cfg_opt_name(key),
                      (unsigned long long) min, (unsigned long long) max,
                      text);
            return -1;
        }

        if (strlen(cfg_opt_name(key)) > RUM_LEN_NAME) {
            cfg_error(cfg, "\"%s\" in \"limit\" is no dimension",
                      cfg_opt_name(key));
            return -1;
        }
    }

    return 0;
}


static const rum_config_value_t *
rum_config_value(const rum_config_value_t *values, cfg_t *cfg,
    cfg_opt_t *opt)
{
    const char                *name, *section;
    const rum_config_value_t  *value;

    name = cfg_opt_name(opt);
    section = cfg_name(cfg);

    for (value = values; value->name != NULL; value++) {
        if (strcmp(value->name, name) == 0
            && (value->section == NULL
                || strcmp(value->section, section) == 0))
        {
            return value;
        }
    }

    return NULL;
}


static int
rum_config_take(rum_config_t *config, cfg_t *cfg)
{
    cfg_t                     *section;
    uint64_t                   ms;
    unsigned                   i;
    const char                *error;
    unsigned char             *base;
    const rum_config_value_t  *value;

    base = (unsigned char *) config;

    for (value = rum_config_durations; value->name != NULL; value++) {
        section = value->section != NULL ? cfg_getsec(cfg, value->section)
                                         : cfg;
        (void) rum_config_duration(cfg_getstr(section, value->name), &ms);
        memcpy(base + value->offset, &ms, sizeof(ms));
    }

    config->db = (uint32_t) cfg_getint(cfg, "db");
    config->partitions = (uint32_t) cfg_getint(cfg, "partitions");
    config->recent_views = (uint32_t) cfg_getint(cfg, "recent|views");

    rum_rollup_init(&config->rollup);

    for (i = 0; i < cfg_size(cfg, "rollup"); i++) {
        (void) rum_rollup_add(&config->rollup,
                              cfg_getnstr(cfg, "rollup", i), &error);
    }

    rum_config_take_details(config, cfg);
    rum_config_take_limits(config, cfg_getsec(cfg, "limit"));
    (void) rum_log_find_level(cfg_getstr(cfg, "log_level"),
                              &config->log_level);

    if (config->flush > config->lease / 3) {
        rum_log(RUM_LOG_ERROR, "\"lease\" must be at least three times "
                "\"flush\" in %s", rum_config_file);
        return RUM_ERROR;
    }

    /* what is not remembered is not replaced */

    config->settle = config->recent > 0 ? config->settle : 0;

    if (config->retention[RUM_RES_MINUTE] < config->recent) {
        rum_log(RUM_LOG_ERROR, "\"minute\" in \"retention\" must be at "
                "least \"time\" in \"recent\" in %s", rum_config_file);
        return RUM_ERROR;
    }

    return rum_config_take_redis(config, cfg, rum_config_file);
}


static void
rum_config_take_details(rum_config_t *config, cfg_t *cfg)
{
    unsigned   i;
    rum_str_t  name;

    for (i = 0; i < cfg_size(cfg, "details"); i++) {
        name.data = (unsigned char *) cfg_getnstr(cfg, "details", i);
        name.len = strlen(cfg_getnstr(cfg, "details", i));
        config->details |= 1u << rum_detail_find(&name);
    }

    /* an error's sample tells the browser */

    if (config->details
        & (1u << RUM_DETAIL_ERROR | 1u << RUM_DETAIL_ERROR_BROWSER))
    {
        config->rollup.attrs[RUM_ATTR_BROWSER].needed = 1;
    }
}


static void
rum_config_take_limits(rum_config_t *config, cfg_t *section)
{
    uint32_t                   n;
    unsigned                   i;
    cfg_opt_t                 *key;
    rum_limit_t               *limit;
    unsigned char             *base;
    const rum_config_value_t  *value;

    base = (unsigned char *) config;

    for (i = 0; i < cfg_num(section); i++) {
        key = cfg_getnopt(section, i);
        n = 0;
        (void) rum_config_number(cfg_opt_getnstr(key, 0), &n);

        value = rum_config_value(rum_config_limits, section, key);

        if (value != NULL) {
            memcpy(base + value->offset, &n, sizeof(n));
            continue;
        }

        limit = &config->limits[config->nlimits++];
        limit->len = strlen(cfg_opt_name(key));
        memcpy(limit->name, cfg_opt_name(key), limit->len);
        limit->values = n;
    }
}


int
rum_config_number(const char *text, uint32_t *number)
{
    char           *end;
    unsigned long   n;

    if (text[0] < '0' || text[0] > '9') {
        return RUM_ERROR;
    }

    errno = 0;
    n = strtoul(text, &end, 10);

    if (errno != 0 || *end != '\0' || n > UINT32_MAX) {
        return RUM_ERROR;
    }

    *number = (uint32_t) n;

    return RUM_OK;
}
