/*
 * What the tests of rum_plan share: a small scripted Redis that answers by the
 * text of the command, and what it was asked.
 */

#ifndef PLAN_REDIS_H
#define PLAN_REDIS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rum_plan.h"

#define NOW            UINT64_C(1795318230)     /* 30 s into a minute */
#define MAX_ASKED      4096


typedef struct {
    const char        *command;         /* as joined by spaces */
    const char        *items;           /* "|" separates; NULL: none */
    int64_t            integer;
    const char        *error;
} reply_t;


static inline rum_plan_t *plan_of(rum_query_t *q, const char *args,
    uint32_t partitions);
static inline void run(rum_plan_t *plan, const reply_t *replies, int backwards);
static inline void answer(rum_plan_t *plan, const rum_read_t *read,
    const char *text, const reply_t *replies);
static inline int asked(const char *text);
static inline int asked_like(const char *text);
static inline void forget(void);


static const reply_t  shop[] = {
    { "SMEMBERS rum:{0}:sites", "shop", 0, NULL },
    { "HGETALL rum:{0}:health", "events|5", 0, NULL },
    { "XINFO GROUPS rum:{0}:events", "name|other|lag|#9|name|rum|lag|#2", 0,
      NULL },
    { "EXISTS rum:{0}:lease", NULL, 1, NULL },
    { "SMEMBERS rum:{0}:index:shop",
      "all:lcp|all:views|all:sessions|country:lcp|page:lcp|page,device:lcp",
      0, NULL },
    { "HGETALL rum:{0}:1m:1795318200:shop:all:views", "*|\x05", 0, NULL },
    { "HGETALL rum:{0}:1m:1795318140:shop:all:views", "*|\x02", 0, NULL },
    { "HGETALL rum:{0}:1m:1795318200:shop:country:beacons", "DE|\x05|FR|\x03",
      0, NULL },
    { "HGETALL rum:{0}:1m:1795318140:shop:country:beacons", "FR|\x04", 0,
      NULL },
    { NULL, NULL, 0, NULL }
};

static char  *log_of[MAX_ASKED];
static int    nlog;


static inline rum_plan_t *
plan_of(rum_query_t *q, const char *args, uint32_t partitions)
{
    rum_str_t    text;
    rum_plan_t  *plan;

    text.data = (unsigned char *) args;
    text.len = strlen(args);

    assert_int_equal(rum_query_parse(q, &text), RUM_OK);

    plan = rum_plan_create(q, partitions, NOW);
    assert_non_null(plan);

    return plan;
}


/* asks all that can be asked, then answers it, forwards or backwards */

static inline void
run(rum_plan_t *plan, const reply_t *replies, int backwards)
{
    int             i, k, n, len;
    char            text[4096];
    rum_read_t     *reads;
    rum_command_t   command;

    forget();
    reads = malloc(32768 * sizeof(rum_read_t));

    for ( ;; ) {
        k = nlog;

        for (n = 0; n < 32768; n++) {
            if (rum_plan_next(plan, &reads[n], &command) != RUM_OK) {
                break;
            }

            for (i = 0, len = 0; i < command.argc && len < 4000; i++) {
                len += snprintf(text + len, sizeof(text) - len, "%s%.*s",
                                i ? " " : "", (int) command.argvlen[i],
                                command.argv[i]);
            }

            if (nlog < MAX_ASKED) {
                log_of[nlog++] = strdup(text);
            }
        }

        if (n == 0) {
            break;
        }

        for (i = 0; i < n; i++) {
            int  j = backwards ? n - 1 - i : i;

            answer(plan, &reads[j], k + j < nlog ? log_of[k + j] : "",
                   replies);
        }
    }

    free(reads);
}


static inline void
answer(rum_plan_t *plan, const rum_read_t *read, const char *text,
    const reply_t *replies)
{
    char              *list, *item, *rest;
    rum_reply_t        reply;
    rum_reply_item_t   items[32];

    memset(&reply, 0, sizeof(reply));
    memset(items, 0, sizeof(items));
    list = NULL;

    for ( /* void */ ; replies->command != NULL; replies++) {

        if (strcmp(replies->command, text) != 0) {
            continue;
        }

        reply.integer = replies->integer;

        if (replies->error != NULL) {
            reply.error.data = (unsigned char *) replies->error;
            reply.error.len = strlen(replies->error);
        }

        list = strdup(replies->items ? replies->items : "");

        for (item = strtok_r(list, "|", &rest); item != NULL;
             item = strtok_r(NULL, "|", &rest))
        {
            if (*item == '#') {
                items[reply.nitems++].integer = atoi(item + 1);
                continue;
            }

            items[reply.nitems].text.data = (unsigned char *) item;
            items[reply.nitems++].text.len = strlen(item);
        }

        reply.items = items;
        break;
    }

    rum_plan_reply(plan, read, &reply);
    free(list);
}


/* the position of a command in what was asked, or -1 */

static inline int
asked(const char *text)
{
    int  i;

    for (i = 0; i < nlog; i++) {
        if (strcmp(log_of[i], text) == 0) {
            return i;
        }
    }

    return -1;
}


static inline int
asked_like(const char *text)
{
    int  i, n;

    for (i = 0, n = 0; i < nlog; i++) {
        n += strncmp(log_of[i], text, strlen(text)) == 0;
    }

    return n;
}


static inline void
forget(void)
{
    while (nlog > 0) {
        free(log_of[--nlog]);
    }
}

#endif /* PLAN_REDIS_H */
