/*
 * rum-aggregator: options and signals.  The work is done in rum_worker.c and
 * rum_tail.c.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rum_tail.h"
#include "rum_worker.h"


typedef struct {
    const char           *file;
    unsigned              count;
    unsigned              tail:1;
    unsigned              once:1;
    unsigned              test:1;
    unsigned              version:1;
    unsigned              help:1;
} rum_options_t;


static int rum_main_options(int argc, char **argv, rum_options_t *options);
static int rum_main_option_value(int argc, char **argv, int *i,
    rum_options_t *options);
static const char *rum_main_file(const rum_options_t *options);
static int rum_main_test(const rum_options_t *options);
static int rum_main_run(const rum_options_t *options);
static void rum_main_signals(void);
static void rum_main_handler(int signo);


static rum_signals_t  rum_signals;

static const char  rum_usage[] =
    "rum-aggregator " RUM_VERSION "\n"
    "usage: rum-aggregator [-c FILE] [-t] [-V] [-h] [--once]\n"
    "       rum-aggregator tail [-c FILE] [-n COUNT] [--once]\n"
    "\n"
    "  -c FILE   configuration (" RUM_CONFIG_FILE ", if it is there)\n"
    "  -t        test the configuration and exit\n"
    "  -V        print the version and exit\n"
    "  -h        print this and exit\n"
    "  --once    roll up what is in the streams and exit\n"
    "\n"
    "  tail      print events as JSON lines, the last ones first, and then\n"
    "            each as it comes\n"
    "  -n COUNT  how many of the last ones (10)\n"
    "  --once    do not wait for more\n"
    "\n"
    "SIGTERM, SIGINT: store what was read, and exit.  SIGHUP: read the\n"
    "configuration again.\n";


int
main(int argc, char **argv)
{
    rum_options_t  options;

    if (rum_main_options(argc, argv, &options) != RUM_OK) {
        return 2;
    }

    if (options.help) {
        fputs(rum_usage, stdout);
        return 0;
    }

    if (options.version) {
        printf("rum-aggregator version: " RUM_VERSION "\n");
        return 0;
    }

    if (options.test) {
        return rum_main_test(&options);
    }

    return rum_main_run(&options);
}


static int
rum_main_options(int argc, char **argv, rum_options_t *options)
{
    int          i;
    const char  *arg;

    memset(options, 0, sizeof(rum_options_t));
    options->count = RUM_TAIL_COUNT;

    for (i = 1; i < argc; i++) {
        arg = argv[i];

        if (strcmp(arg, "-t") == 0) {
            options->test = 1;

        } else if (strcmp(arg, "-V") == 0 || strcmp(arg, "--version") == 0) {
            options->version = 1;

        } else if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
            options->help = 1;

        } else if (strcmp(arg, "--once") == 0) {
            options->once = 1;

        } else if (i == 1 && strcmp(arg, "tail") == 0) {
            options->tail = 1;

        } else if (strcmp(arg, "-c") == 0
                   || (options->tail && strcmp(arg, "-n") == 0))
        {
            if (rum_main_option_value(argc, argv, &i, options) != RUM_OK) {
                return RUM_ERROR;
            }

        } else {
            fprintf(stderr, "rum-aggregator: invalid option: \"%s\"\n%s",
                    arg, rum_usage);
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static int
rum_main_option_value(int argc, char **argv, int *i, rum_options_t *options)
{
    char           *end;
    const char     *arg;
    unsigned long   n;

    arg = argv[*i];

    if (*i + 1 == argc) {
        fprintf(stderr, "rum-aggregator: option \"%s\" needs a value\n", arg);
        return RUM_ERROR;
    }

    (*i)++;

    if (strcmp(arg, "-c") == 0) {
        options->file = argv[*i];
        return RUM_OK;
    }

    errno = 0;
    n = strtoul(argv[*i], &end, 10);

    if (errno != 0 || argv[*i][0] < '0' || argv[*i][0] > '9'
        || *end != '\0' || n > RUM_TAIL_MAX)
    {
        fprintf(stderr, "rum-aggregator: option \"-n\" needs a number up to "
                "%d, not \"%s\"\n", RUM_TAIL_MAX, argv[*i]);
        return RUM_ERROR;
    }

    options->count = (unsigned) n;

    return RUM_OK;
}


/* without -c, a default file that is not there is an empty one */

static const char *
rum_main_file(const rum_options_t *options)
{
    if (options->file == NULL && access(RUM_CONFIG_FILE, F_OK) == 0) {
        return RUM_CONFIG_FILE;
    }

    return options->file;
}


static int
rum_main_test(const rum_options_t *options)
{
    int           rc;
    const char   *file;
    rum_config_t  config;

    file = rum_main_file(options);

    rc = rum_config_read(&config, file);
    if (rc == RUM_OK) {
        rum_config_free(&config);
    }

    fprintf(stderr, "rum-aggregator: configuration file %s test %s\n",
            file != NULL ? file : "(defaults)",
            rc == RUM_OK ? "is successful" : "failed");

    return rc == RUM_OK ? 0 : 1;
}


static int
rum_main_run(const rum_options_t *options)
{
    int           rc;
    const char   *file;
    rum_config_t  config, next;

    file = rum_main_file(options);

    if (rum_config_read(&config, file) != RUM_OK) {
        return 1;
    }

    if (options->tail) {
        rc = rum_tail(&config, options->count, !options->once);
        rum_config_free(&config);
        return rc == RUM_OK ? 0 : 1;
    }

    rum_main_signals();

    do {
        rum_log_set_level(config.log_level);
        rum_log(RUM_LOG_NOTICE, "rum-aggregator " RUM_VERSION ", %u "
                "partition%s", config.partitions,
                config.partitions == 1 ? "" : "s");

        rc = rum_worker_run(&config, file, options->once, &rum_signals,
                            &next);

        rum_config_free(&config);

        if (rc == RUM_WORKER_RELOAD) {
            config = next;
        }

    } while (rc == RUM_WORKER_RELOAD);

    rum_log(RUM_LOG_NOTICE, "exit");

    return rc == RUM_WORKER_DONE ? 0 : 1;
}


/* they stay blocked but for where the loop waits: none is ever missed */

static void
rum_main_signals(void)
{
    sigset_t          set;
    struct sigaction  action;

    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);

    action.sa_handler = rum_main_handler;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);

    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
}


static void
rum_main_handler(int signo)
{
    if (signo == SIGHUP) {
        rum_signals.reload = 1;

    } else {
        rum_signals.quit = 1;
    }
}
