/*
 * Client detection under any headers: every answer is one of the documented
 * words, the version is digits out of a header, and a robot's name in the
 * User-Agent is seen whatever stands around it.  What the cache remembers is
 * what would be found again.
 */

#include "rum_client_cache.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_one_of(const rum_str_t *s, const char *const *words);

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }

static const char *const  systems[] = {
    "Windows", "macOS", "Linux", "Android", "iOS", "Chrome OS", "Other", NULL
};

static const char *const  devices[] = {
    "desktop", "mobile", "tablet", "tv", "other", NULL
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                 i, n, left;
    rum_str_t             *value;
    unsigned char         *agent;
    const uint8_t         *start, *end;
    rum_client_t           client, robot, again;
    rum_client_headers_t   headers;

    static rum_client_cache_t  *cache;

    if (cache == NULL) {
        cache = rum_client_cache_create();
        must(cache != NULL)
    }

    /* four values, separated by line feeds */

    value = &headers.user_agent;
    start = data;
    left = size;

    for (i = 0; i < 4; i++) {
        end = left != 0 ? memchr(start, '\n', left) : NULL;
        n = end != NULL ? (size_t) (end - start) : left;

        value[i].len = n;
        value[i].data = malloc(n ? n : 1);
        must(value[i].data != NULL)

        if (n != 0) {
            memcpy(value[i].data, start, n);
        }

        n += end != NULL;
        start = n != 0 ? start + n : start;
        left -= n;
    }

    rum_client_detect(&client, &headers);

    must(client.browser.len != 0)
    must(is_one_of(&client.os, systems))
    must(is_one_of(&client.device, devices))
    must(client.version.len <= 5)

    for (i = 0; i < client.version.len; i++) {
        must(client.version.data[i] >= '0' && client.version.data[i] <= '9')
    }

    for (i = 0; i < 2; i++) {
        rum_client_cache_detect(cache, &again, &headers);

        must(rum_str_eq(&again.browser, &client.browser))
        must(rum_str_eq(&again.os, &client.os))
        must(rum_str_eq(&again.device, &client.device))
        must(again.bot == client.bot)
        must(again.version.len == client.version.len)
        must(again.version.len == 0
             || again.version.data == client.version.data)
    }

    /* the same visitor as a robot */

    n = headers.user_agent.len;
    agent = malloc(n + 16);
    must(agent != NULL)
    memcpy(agent, headers.user_agent.data, n);
    memcpy(agent + n, " SomeBot/1.0", 12);
    free(headers.user_agent.data);

    headers.user_agent.data = agent;
    headers.user_agent.len = n + 12;

    rum_client_detect(&robot, &headers);

    must(robot.bot)
    must(rum_str_eq(&robot.os, &client.os))
    must(rum_str_eq(&robot.device, &client.device))

    for (i = 0; i < 4; i++) {
        free(value[i].data);
    }

    return 0;
}


static int
is_one_of(const rum_str_t *s, const char *const *words)
{
    for ( /* void */ ; *words != NULL; words++) {
        if (rum_str_is(s, *words)) {
            return 1;
        }
    }

    return 0;
}
