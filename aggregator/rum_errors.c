/*
 * Samples of JavaScript errors: see rum_errors.h.
 */

#include "rum_errors.h"

#include <stdio.h>
#include <stdlib.h>


#define RUM_ERRORS_SEEN    1000         /* in one flush */
#define RUM_ERRORS_KNOWN   8192         /* more, and all are forgotten */
#define RUM_ERRORS_DAY     86400000     /* ms */
#define RUM_ERRORS_TIME    24           /* bytes */


static rum_error_t *rum_errors_find(rum_errors_t *e, uint32_t site,
    uint64_t fingerprint);
static int rum_errors_copy(rum_error_t *to, const rum_str_t *fields);


static const char *const  rum_errors_names[RUM_ERRORS_FIELDS] = {
    "type", "message", "source", "line", "col", "stack", "page", "browser"
};


void
rum_errors_init(rum_errors_t *e)
{
    memset(e, 0, sizeof(rum_errors_t));
}


void
rum_errors_free(rum_errors_t *e)
{
    rum_errors_stored(e);

    free(e->errors);
    free(e->seen);
    rum_map_free(&e->map);
    rum_errors_init(e);
}


int
rum_errors_see(rum_errors_t *e, uint32_t site, uint64_t fingerprint,
    uint64_t time, const rum_event_error_t *error, const rum_str_t *page,
    const rum_str_t *browser)
{
    char          line[16], col[16];
    unsigned      listed;
    rum_str_t     fields[RUM_ERRORS_FIELDS];
    rum_error_t  *known;

    known = rum_errors_find(e, site, fingerprint);
    if (known == NULL) {
        return RUM_ERROR;
    }

    listed = known->text != NULL;

    if (!listed && e->nseen == RUM_ERRORS_SEEN) {
        return RUM_OK;
    }

    known->first = known->first == 0 || time < known->first ? time
                                                            : known->first;
    known->last = time > known->last ? time : known->last;

    /* the sample is the first of the last day, and kept as long as that is */

    if (listed && time / RUM_ERRORS_DAY <= known->time / RUM_ERRORS_DAY) {
        return RUM_OK;
    }

    if (e->seen == NULL) {
        e->seen = malloc(RUM_ERRORS_SEEN * sizeof(uint32_t));
        if (e->seen == NULL) {
            return RUM_ERROR;
        }
    }

    fields[RUM_ERRORS_TYPE] = error->type;
    fields[RUM_ERRORS_MESSAGE] = error->message;
    fields[RUM_ERRORS_SOURCE] = error->source;
    fields[RUM_ERRORS_STACK] = error->stack;
    fields[RUM_ERRORS_PAGE] = *page;
    fields[RUM_ERRORS_BROWSER] = *browser;

    fields[RUM_ERRORS_LINE].data = (unsigned char *) line;
    fields[RUM_ERRORS_LINE].len = error->line == 0 ? 0 : (size_t)
                              snprintf(line, sizeof(line), "%u", error->line);
    fields[RUM_ERRORS_COL].data = (unsigned char *) col;
    fields[RUM_ERRORS_COL].len = error->col == 0 ? 0 : (size_t)
                                snprintf(col, sizeof(col), "%u", error->col);

    if (rum_errors_copy(known, fields) != RUM_OK) {
        return RUM_ERROR;
    }

    known->time = time;

    if (!listed) {
        e->seen[e->nseen++] = (uint32_t) (known - e->errors);
    }

    return RUM_OK;
}


static rum_error_t *
rum_errors_find(rum_errors_t *e, uint32_t site, uint64_t fingerprint)
{
    uint32_t      i, size;
    uint64_t      key;
    rum_error_t  *error, *errors;

    for (key = rum_hash_pair(fingerprint, site); ; key++) {
        i = rum_map_get(&e->map, key);

        if (i == RUM_MAP_NONE) {
            break;
        }

        error = &e->errors[i];

        if (error->fingerprint == fingerprint && error->site == site) {
            return error;
        }
    }

    if (e->n == e->size) {
        size = e->size ? 2 * e->size : 64;

        errors = realloc(e->errors, size * sizeof(rum_error_t));
        if (errors == NULL) {
            return NULL;
        }

        e->errors = errors;
        e->size = size;
    }

    if (rum_map_set(&e->map, key, e->n) != RUM_OK) {
        return NULL;
    }

    error = &e->errors[e->n++];
    memset(error, 0, sizeof(rum_error_t));
    error->fingerprint = fingerprint;
    error->site = site;

    return error;
}


static int
rum_errors_copy(rum_error_t *to, const rum_str_t *fields)
{
    size_t          len;
    uint32_t        i;
    unsigned char  *p;

    for (i = 0, len = 1; i < RUM_ERRORS_FIELDS; i++) {
        len += fields[i].len;
    }

    p = malloc(len);
    if (p == NULL) {
        return RUM_ERROR;
    }

    free(to->text);
    to->text = p;

    for (i = 0; i < RUM_ERRORS_FIELDS; i++) {
        to->lens[i] = (uint32_t) fields[i].len;

        if (fields[i].len > 0) {
            memcpy(p, fields[i].data, fields[i].len);
            p += fields[i].len;
        }
    }

    return RUM_OK;
}


int
rum_errors_ask(rum_redis_t *redis, const rum_str_t *key)
{
    return rum_redis_send(redis, "HMGET %b first_seen last_seen", key->data,
                          key->len);
}


int
rum_errors_take(rum_error_t *error, rum_redis_t *redis)
{
    int          rc;
    int64_t      first, last;
    redisReply  *reply;

    rc = rum_redis_take(redis, REDIS_REPLY_ARRAY, &reply);

    if (rc != RUM_OK) {
        error->refused = rc == RUM_DECLINED;
        return rc;
    }

    if (reply->elements == 2) {
        first = rum_reply_integer(reply->element[0], 0);
        last = rum_reply_integer(reply->element[1], 0);

        if (first > 0 && last > 0) {
            error->stored = (uint64_t) last;

            error->first = (uint64_t) first < error->first
                           ? (uint64_t) first : error->first;
            error->last = (uint64_t) last > error->last
                          ? (uint64_t) last : error->last;
        }
    }

    error->loaded = 1;
    freeReplyObject(reply);

    return RUM_OK;
}


int
rum_errors_write(rum_error_t *error, rum_redis_t *redis,
    const rum_str_t *key, uint64_t expiry, rum_args_t *args,
    uint32_t *commands)
{
    int                   rc;
    char                  first[RUM_ERRORS_TIME], last[RUM_ERRORS_TIME];
    uint32_t              i;
    unsigned              whole;
    const unsigned char  *p;

    snprintf(first, sizeof(first), "%llu", (unsigned long long) error->first);
    snprintf(last, sizeof(last), "%llu", (unsigned long long) error->last);

    whole = error->stored / RUM_ERRORS_DAY < error->last / RUM_ERRORS_DAY;

    args->n = 0;
    rc = rum_args_text(args, "HSET");
    rc |= rum_args_add(args, key->data, key->len);
    rc |= rum_args_text(args, "first_seen");
    rc |= rum_args_text(args, first);
    rc |= rum_args_text(args, "last_seen");
    rc |= rum_args_text(args, last);

    p = error->text;

    for (i = 0; whole && i < RUM_ERRORS_FIELDS; i++) {
        rc |= rum_args_text(args, rum_errors_names[i]);
        rc |= rum_args_add(args, p, error->lens[i]);
        p += error->lens[i];
    }

    if (rc != RUM_OK || rum_redis_send_args(redis, args) != RUM_OK) {
        return RUM_ERROR;
    }

    error->stored = error->last;
    (*commands)++;

    if (!whole) {
        return RUM_OK;
    }

    (*commands)++;

    return rum_redis_send(redis, "EXPIREAT %b %llu", key->data, key->len,
                          (unsigned long long) expiry);
}


void
rum_errors_stored(rum_errors_t *e)
{
    uint32_t      i;
    rum_error_t  *error;

    for (i = 0; i < e->nseen; i++) {
        error = &e->errors[e->seen[i]];
        free(error->text);
        error->text = NULL;
        error->refused = 0;
    }

    e->nseen = 0;

    if (e->n > RUM_ERRORS_KNOWN) {
        e->n = 0;
        rum_map_clear(&e->map);
    }
}
