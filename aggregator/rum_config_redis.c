/*
 * The keys of the configuration that say where Redis is and how to get in:
 * see rum_config_redis.h.
 */

#include "rum_config_redis.h"

#include <stdio.h>
#include <stdlib.h>


#define RUM_CONFIG_SENTINEL      "sentinel:"
#define RUM_CONFIG_SENTINEL_LEN  9


static int rum_config_check_cluster(const rum_config_t *config,
    const char *file);
static void rum_config_take_text(char **to, cfg_t *cfg, const char *name);
static int rum_config_take_server(rum_config_t *config, const char *text);
static int rum_config_take_tls(rum_config_t *config, cfg_t *cfg,
    const char *file);
static int rum_config_address(const char *text, size_t len,
    rum_address_t *address);
static int rum_config_sentinels(const char *text, char **master,
    rum_address_t *addresses, uint32_t *n);


void
rum_config_free_redis(rum_config_t *config)
{
    free(config->path);
    free(config->master);
    free(config->sentinel_user);
    free(config->sentinel_password);
    free(config->tls.ca);
    free(config->tls.cert);
    free(config->tls.key);
    free(config->tls.name);
    free(config->user);
    free(config->password);
}


int
rum_config_check_redis(cfg_t *cfg, cfg_opt_t *opt)
{
    int            rc;
    char          *master;
    uint32_t       n;
    const char    *text;
    rum_address_t  addresses[RUM_CONFIG_SENTINELS];

    text = cfg_opt_getnstr(opt, 0);

    if (strncmp(text, "unix:/", 6) == 0) {
        return 0;
    }

    if (strncmp(text, RUM_CONFIG_SENTINEL, RUM_CONFIG_SENTINEL_LEN) == 0) {
        rc = rum_config_sentinels(text, &master, addresses, &n);
        free(master);

    } else {
        rc = rum_config_address(text, strlen(text), addresses);
    }

    if (rc == RUM_OK) {
        return 0;
    }

    cfg_error(cfg, "\"redis\" needs HOST:PORT, unix:/PATH or "
              "sentinel:NAME HOST:PORT ..., not \"%s\"", text);

    return -1;
}


int
rum_config_take_redis(rum_config_t *config, cfg_t *cfg, const char *file)
{
    if (cfg_getstr(cfg, "user") != NULL
        && cfg_getstr(cfg, "password") == NULL)
    {
        rum_log(RUM_LOG_ERROR, "\"user\" needs a \"password\" in %s", file);
        return RUM_ERROR;
    }

    rum_config_take_text(&config->user, cfg, "user");
    rum_config_take_text(&config->password, cfg, "password");
    rum_config_take_text(&config->sentinel_user, cfg, "sentinel_user");
    rum_config_take_text(&config->sentinel_password, cfg,
                         "sentinel_password");

    if (rum_config_take_server(config, cfg_getstr(cfg, "redis")) != RUM_OK) {
        return RUM_ERROR;
    }

    config->cluster = cfg_getbool(cfg, "cluster") == cfg_true;

    if (config->cluster && rum_config_check_cluster(config, file) != RUM_OK) {
        return RUM_ERROR;
    }

    return rum_config_take_tls(config, cfg, file);
}


static int
rum_config_check_cluster(const rum_config_t *config, const char *file)
{
    const char  *error;

    error = NULL;

    if (config->master != NULL || config->sentinel_user != NULL
        || config->sentinel_password != NULL)
    {
        error = "\"cluster\" is not for sentinels: a cluster needs none";

    } else if (config->path != NULL) {
        error = "\"cluster\" is not for a unix socket: it needs the address "
                "of a node";

    } else if (config->db != 0) {
        error = "\"cluster\" is not for a \"db\": a cluster has only 0";
    }

    if (error == NULL) {
        return RUM_OK;
    }

    rum_log(RUM_LOG_ERROR, "%s in %s", error, file);

    return RUM_ERROR;
}


static void
rum_config_take_text(char **to, cfg_t *cfg, const char *name)
{
    const char  *text;

    text = cfg_getstr(cfg, name);
    *to = text != NULL ? strdup(text) : NULL;
}


static int
rum_config_take_server(rum_config_t *config, const char *text)
{
    if (strncmp(text, "unix:", 5) == 0) {
        config->path = strdup(text + 5);
        return config->path != NULL ? RUM_OK : RUM_ERROR;
    }

    if (strncmp(text, RUM_CONFIG_SENTINEL, RUM_CONFIG_SENTINEL_LEN) == 0) {
        return rum_config_sentinels(text, &config->master, config->sentinels,
                                    &config->nsentinels);
    }

    return rum_config_address(text, strlen(text), &config->address);
}


static int
rum_config_take_tls(rum_config_t *config, cfg_t *cfg, const char *file)
{
    char               error[256];
    rum_tls_config_t  *tls;

    tls = &config->tls;
    tls->on = cfg_getbool(cfg, "tls") == cfg_true;
    tls->verify = cfg_getbool(cfg, "tls_verify") == cfg_true;

    rum_config_take_text(&tls->ca, cfg, "tls_ca");
    rum_config_take_text(&tls->cert, cfg, "tls_cert");
    rum_config_take_text(&tls->key, cfg, "tls_key");
    rum_config_take_text(&tls->name, cfg, "tls_name");

    error[0] = '\0';

    if (!tls->on) {
        if (tls->ca != NULL || tls->cert != NULL || tls->key != NULL
            || tls->name != NULL)
        {
            snprintf(error, sizeof(error), "\"tls_\" keys need \"tls = on\"");
        }

    } else if (config->path != NULL) {
        snprintf(error, sizeof(error), "\"tls\" is not for a unix socket");

    } else if ((tls->cert == NULL) != (tls->key == NULL)) {
        snprintf(error, sizeof(error), "\"tls_cert\" and \"tls_key\" go "
                 "together");

    } else {
        (void) rum_tls_check(tls, error, sizeof(error));
    }

    if (error[0] != '\0') {
        rum_log(RUM_LOG_ERROR, "%s in %s", error, file);
        return RUM_ERROR;
    }

    return RUM_OK;
}


/* HOST:PORT or [ADDRESS]:PORT */

static int
rum_config_address(const char *text, size_t len, rum_address_t *address)
{
    char      port[8];
    size_t    host;
    uint32_t  number;

    for (host = len; host > 0 && text[host - 1] != ':'; host--) {
        /* to the last colon */
    }

    if (host < 2 || len - host >= sizeof(port)) {
        return RUM_ERROR;
    }

    memcpy(port, text + host, len - host);
    port[len - host] = '\0';
    host--;

    if (rum_config_number(port, &number) != RUM_OK
        || number == 0 || number > 65535)
    {
        return RUM_ERROR;
    }

    if (host > 2 && text[0] == '[' && text[host - 1] == ']') {
        text++;
        host -= 2;
    }

    if (host >= sizeof(address->host)) {
        return RUM_ERROR;
    }

    memcpy(address->host, text, host);
    address->host[host] = '\0';
    address->port = number;

    return RUM_OK;
}


/* sentinel:NAME HOST:PORT ...; the name is to be freed, also on errors */

static int
rum_config_sentinels(const char *text, char **master,
    rum_address_t *addresses, uint32_t *n)
{
    size_t  len;

    text += RUM_CONFIG_SENTINEL_LEN;
    len = strcspn(text, " ");
    *master = strndup(text, len);
    *n = 0;

    if (len == 0 || *master == NULL) {
        return RUM_ERROR;
    }

    for ( ;; ) {
        text += len;
        text += strspn(text, " ");

        if (*text == '\0') {
            return *n > 0 ? RUM_OK : RUM_ERROR;
        }

        len = strcspn(text, " ");

        if (*n == RUM_CONFIG_SENTINELS
            || rum_config_address(text, len, &addresses[*n]) != RUM_OK)
        {
            return RUM_ERROR;
        }

        (*n)++;
    }
}
