/*
 * The aggregator's own figures of a partition: see rum_health.h.
 */

#include "rum_health.h"

#include <stdio.h>


typedef struct {
    const char           *name;
    size_t                offset;
    unsigned              kept:1;       /* from one owner to the next */
} rum_health_field_t;


static const rum_health_field_t  rum_health_fields[] = {
    { "started_at", offsetof(rum_health_t, started_at), 0 },
    { "flushed_at", offsetof(rum_health_t, flushed_at), 0 },
    { "events", offsetof(rum_health_t, events), 1 },
    { "duplicates", offsetof(rum_health_t, duplicates), 1 },
    { "lost", offsetof(rum_health_t, lost), 1 },
    { "late", offsetof(rum_health_t, late), 1 },
    { "rejected", offsetof(rum_health_t, rejected), 1 },
    { "replaced", offsetof(rum_health_t, replaced), 1 },
    { "forgotten", offsetof(rum_health_t, forgotten), 1 },
    { "other", offsetof(rum_health_t, other), 1 },
    { "dropped", offsetof(rum_health_t, dropped), 1 },
    { "wrong_type", offsetof(rum_health_t, wrong_type), 1 }
};

#define RUM_HEALTH_FIELDS                                                     \
    (sizeof(rum_health_fields) / sizeof(rum_health_field_t))


void
rum_health_load(rum_health_t *h, const redisReply *reply)
{
    size_t                     i;
    uint64_t                   value;
    const rum_health_field_t  *field;

    for (i = 0; i < RUM_HEALTH_FIELDS; i++) {
        field = &rum_health_fields[i];

        if (field->kept) {
            value = (uint64_t) rum_reply_number(reply, field->name, 0);
            memcpy((unsigned char *) h + field->offset, &value,
                   sizeof(value));
        }
    }

    h->events_before = h->events;
}


int
rum_health_write(rum_health_t *h, rum_redis_t *redis, const char *key,
    const char *holder, uint64_t now)
{
    int                        rc;
    char                       text[RUM_HEALTH_FIELDS][24], rate[24];
    size_t                     i;
    uint64_t                   value, since;
    rum_args_t                 args;
    const rum_health_field_t  *field;

    since = h->flushed_at != 0 ? h->flushed_at : h->started_at;
    value = h->events - h->events_before;
    value = now > since ? value * 1000 / (now - since) : value;
    snprintf(rate, sizeof(rate), "%llu", (unsigned long long) value);

    h->flushed_at = now;
    h->events_before = h->events;

    memset(&args, 0, sizeof(args));
    rc = rum_args_text(&args, "HSET");
    rc |= rum_args_text(&args, key);
    rc |= rum_args_text(&args, "holder");
    rc |= rum_args_text(&args, holder);
    rc |= rum_args_text(&args, "version");
    rc |= rum_args_text(&args, RUM_VERSION);
    rc |= rum_args_text(&args, "events_per_second");
    rc |= rum_args_text(&args, rate);

    for (i = 0; i < RUM_HEALTH_FIELDS; i++) {
        field = &rum_health_fields[i];

        memcpy(&value, (unsigned char *) h + field->offset, sizeof(value));
        snprintf(text[i], sizeof(text[i]), "%llu",
                 (unsigned long long) value);

        rc |= rum_args_text(&args, field->name);
        rc |= rum_args_text(&args, text[i]);
    }

    if (rc == RUM_OK) {
        rc = rum_redis_send_args(redis, &args);
    }

    rum_args_free(&args);

    return rc;
}
