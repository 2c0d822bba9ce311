/*
 * A flush: what was recorded goes into the rollups of Redis, together with
 * the checkpoint, in one transaction under the watch of the lease: see
 * rum_partition.h.
 *
 *   WATCH lease, GET lease, XINFO GROUPS, XINFO STREAM      is all as it was?
 *   HKEYS, HMGET                                            what is missing
 *   MULTI
 *   HSET, EXPIREAT, PFADD, SADD                             rollups
 *   XADD rejected, HSET writers, HSET health
 *   SET lease, XGROUP SETID                                 lease, checkpoint
 *   EXEC
 */

#include "rum_partition.h"

#include <stdlib.h>


#define RUM_FLUSH_SESSIONS   1000       /* in one PFADD */
#define RUM_FLUSH_UNION      32         /* more of them: PFMERGE */
#define RUM_FLUSH_EVICT      15         /* seconds between evictions */
#define RUM_FLUSH_REJECTED   "1000"     /* entries kept, about */


/* a transaction being put together */
typedef struct {
    rum_partition_t      *p;
    rum_redis_t          *redis;
    uint64_t              now;          /* Unix seconds */
    uint32_t              commands;     /* since MULTI */
} rum_flush_t;


static int rum_flush_check(rum_partition_t *p, rum_redis_t *redis);
static int rum_flush_check_group(rum_partition_t *p,
    const redisReply *groups);
static void rum_flush_entries_read(rum_partition_t *p,
    const redisReply *stream);
static int rum_flush_load(rum_flush_t *f);
static int rum_flush_windows(rum_flush_t *f, rum_group_t *group,
    rum_window_t **windows);
static int rum_flush_value(rum_partition_t *p, rum_group_t *group);
static int rum_flush_rollups(rum_flush_t *f);
static int rum_flush_group(rum_flush_t *f, rum_group_t *group);
static int rum_flush_row(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row);
static int rum_flush_change(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row, uint32_t cell,
    const rum_change_t *change);
static int rum_flush_sessions(rum_flush_t *f, const rum_group_t *group,
    rum_window_t **windows, rum_row_t **rows);
static int rum_flush_add_sessions(rum_flush_t *f, rum_window_t *window,
    rum_row_t *row);
static int rum_flush_has_sessions(const rum_partition_t *p, uint32_t dim);
static int rum_flush_names(rum_flush_t *f, const rum_group_t *group,
    uint32_t cell);
static void rum_flush_tail(unsigned char *key, int len, unsigned colons,
    rum_str_t *tail);
static int rum_flush_rejected(rum_flush_t *f);
static int rum_flush_writers(rum_flush_t *f);
static int rum_flush_end(rum_flush_t *f, uint64_t now);
static const rum_stream_id_t *rum_flush_target(const rum_partition_t *p);
static int rum_flush_replies(rum_flush_t *f);
static int rum_flush_stored(rum_flush_t *f);


int
rum_partition_flush(rum_partition_t *p, rum_redis_t *redis, uint64_t now)
{
    int          rc;
    rum_flush_t  f;

    f.p = p;
    f.redis = redis;
    f.now = now / 1000;
    f.commands = 0;

    p->store.tick = (uint32_t) f.now;

    rc = rum_flush_check(p, redis);

    if (rc == RUM_OK) {
        rc = rum_flush_load(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_redis_send(redis, "MULTI");
    }

    if (rc == RUM_OK) {
        rc = rum_flush_rollups(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_rejected(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_writers(&f);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_end(&f, now);
    }

    if (rc == RUM_OK) {
        rc = rum_flush_replies(&f);
    }

    return rc == RUM_OK ? rum_flush_stored(&f) : rc;
}


/*
 * The checkpoint is looked at under the watch too: should a transaction
 * whose outcome was not known have been carried out late, it has moved.
 */

static int
rum_flush_check(rum_partition_t *p, rum_redis_t *redis)
{
    int          ours, moved;
    redisReply  *reply;

    (void) rum_redis_send(redis, "WATCH %s", p->lease);
    (void) rum_redis_send(redis, "GET %s", p->lease);
    (void) rum_redis_send(redis, "XINFO GROUPS %s", p->events);
    (void) rum_redis_send(redis, "XINFO STREAM %s", p->events);

    if (rum_redis_skip(redis, 1) != RUM_OK) {
        return RUM_ERROR;
    }

    reply = rum_redis_reply(redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    ours = reply->type == REDIS_REPLY_STRING
           && strcmp(reply->str, p->token) == 0;
    freeReplyObject(reply);

    reply = rum_redis_expect(redis, REDIS_REPLY_ARRAY);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    moved = rum_flush_check_group(p, reply) != RUM_OK;
    freeReplyObject(reply);

    reply = rum_redis_expect(redis, REDIS_REPLY_ARRAY);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    rum_flush_entries_read(p, reply);
    freeReplyObject(reply);

    if (ours && !moved) {
        return RUM_OK;
    }

    rum_log(RUM_LOG_WARN, "partition %u: %s; nothing was written", p->number,
            ours ? "the checkpoint was moved" : "the lease was lost");

    (void) rum_redis_send(redis, "UNWATCH");

    return rum_redis_skip(redis, 1) == RUM_OK ? RUM_DECLINED : RUM_ERROR;
}


static int
rum_flush_check_group(rum_partition_t *p, const redisReply *groups)
{
    size_t             i;
    rum_stream_id_t    at;
    const redisReply  *name, *id;

    for (i = 0; i < groups->elements; i++) {
        name = rum_reply_field(groups->element[i], "name");
        id = rum_reply_field(groups->element[i], "last-delivered-id");

        if (name != NULL && id != NULL && strcmp(name->str, RUM_GROUP) == 0
            && rum_stream_id_parse(id->str, id->len, &at) == RUM_OK)
        {
            return rum_stream_id_cmp(&at, &p->checkpoint) == 0
                   ? RUM_OK : RUM_DECLINED;
        }
    }

    return RUM_DECLINED;
}


/*
 * How many entries ever added come up to the position: Redis makes the lag
 * of it.  What was trimmed before it was read is not in our count; at the
 * ends of the stream the true one is known.
 */

static void
rum_flush_entries_read(rum_partition_t *p, const redisReply *stream)
{
    int64_t            added, length;
    rum_stream_id_t    first, last;
    const redisReply  *id;

    added = rum_reply_number(stream, "entries-added", -1);
    length = rum_reply_number(stream, "length", -1);

    if (added < 0 || length < 0) {
        return;
    }

    id = rum_reply_field(stream, "last-generated-id");

    if (id != NULL && rum_stream_id_parse(id->str, id->len, &last) == RUM_OK
        && rum_stream_id_cmp(rum_flush_target(p), &last) >= 0)
    {
        p->entries_read = added;
        return;
    }

    id = rum_reply_field(stream, "recorded-first-entry-id");

    if (id != NULL && rum_stream_id_parse(id->str, id->len, &first) == RUM_OK
        && rum_stream_id_cmp(rum_flush_target(p), &first) < 0)
    {
        p->entries_read = added - length;
    }
}


/* everything that the rollups will touch is in memory after this */

static int
rum_flush_load(rum_flush_t *f)
{
    int               rc;
    size_t            i;
    unsigned          other;
    uint32_t          res;
    rum_group_t      *group;
    rum_window_t     *windows[RUM_RES_LAST];
    rum_partition_t  *p;

    p = f->p;

    rc = rum_delta_sort(&p->delta);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < p->delta.ngroups; i++) {
        group = &p->delta.groups[i];

        if (rum_flush_value(p, group) != RUM_OK
            || rum_flush_windows(f, group, windows) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    rc = rum_store_load_windows(&p->store, f->redis);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < p->delta.ngroups; i++) {
        group = &p->delta.groups[p->delta.order[i]];

        rc = rum_flush_windows(f, group, windows);
        if (rc != RUM_OK) {
            return rc;
        }

        for (res = 0; res < RUM_RES_LAST; res++) {
            if (windows[res] != NULL
                && rum_store_row(&p->store, windows[res], group->value,
                                 &other)
                   == NULL)
            {
                return RUM_ERROR;
            }
        }
    }

    return rum_store_load_rows(&p->store, f->redis);
}


/* the value as the rollup names it: a pair's two are put together */

static int
rum_flush_value(rum_partition_t *p, rum_group_t *group)
{
    int              len;
    rum_str_t        text;
    unsigned char    buf[4 * RUM_LEN_PAGE + 2];

    if (group->second == RUM_VALUE_NONE) {
        group->value = group->first;
        return RUM_OK;
    }

    len = rum_pair_write(rum_intern_text(&p->intern, group->first),
                         rum_intern_text(&p->intern, group->second),
                         buf, sizeof(buf));
    if (len < 0) {
        return len;
    }

    text.data = buf;
    text.len = (size_t) len;
    group->value = rum_intern(&p->intern, &text);

    return group->value != RUM_MAP_NONE ? RUM_OK : RUM_ERROR;
}


/* the windows of a group; NULL for one that would have expired already */

static int
rum_flush_windows(rum_flush_t *f, rum_group_t *group, rum_window_t **windows)
{
    uint64_t                 start;
    uint32_t                 res;
    const rum_config_t      *config;

    config = f->p->config;

    for (res = 0; res < RUM_RES_LAST; res++) {
        start = rum_window_start((rum_resolution_e) res,
                                 (uint64_t) group->minute * 60);
        windows[res] = NULL;

        if (res != RUM_RES_TOTAL
            && start + rum_resolution_seconds[res]
               + config->retention[res] / 1000 <= f->now)
        {
            continue;
        }

        windows[res] = rum_store_window(&f->p->store, group->site,
                                        group->dim, (rum_resolution_e) res,
                                        start);
        if (windows[res] == NULL) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


/* each site's dimensions one after the other, and each sent when complete */

static int
rum_flush_rollups(rum_flush_t *f)
{
    int           rc;
    size_t        i;
    rum_delta_t  *delta;
    rum_group_t  *group, *next;

    delta = &f->p->delta;

    for (i = 0; i < delta->ngroups; i++) {
        group = &delta->groups[delta->order[i]];

        rc = rum_flush_group(f, group);
        if (rc != RUM_OK) {
            return rc;
        }

        next = i + 1 < delta->ngroups ? &delta->groups[delta->order[i + 1]]
                                      : NULL;

        if (next != NULL && next->site == group->site
            && next->dim == group->dim)
        {
            continue;
        }

        rc = rum_store_write(&f->p->store, f->redis, &f->commands);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_group(rum_flush_t *f, rum_group_t *group)
{
    int               rc;
    unsigned          other;
    uint32_t          res;
    rum_row_t        *row, *rows[RUM_RES_LAST];
    rum_gather_t     *g;
    rum_window_t     *windows[RUM_RES_LAST];
    rum_partition_t  *p;

    p = f->p;
    g = &p->scratch->gather;

    rc = rum_gather(g, &p->delta, group);
    if (rc != RUM_OK) {
        return rc;
    }

    rc = rum_flush_windows(f, group, windows);
    if (rc != RUM_OK) {
        return rc;
    }

    for (res = 0; res < RUM_RES_LAST; res++) {
        if (windows[res] == NULL) {
            continue;
        }

        row = rum_store_row(&p->store, windows[res], group->value, &other);
        if (row == NULL) {
            return RUM_ERROR;
        }

        rows[res] = row;

        if (other) {
            p->health.other += (uint64_t) g->counters[RUM_COUNTER_BEACONS];
        }

        rc = rum_flush_row(f, group, windows[res], row);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return rum_flush_sessions(f, group, windows, rows);
}


static int
rum_flush_row(rum_flush_t *f, const rum_group_t *group, rum_window_t *window,
    rum_row_t *row)
{
    int               rc;
    size_t            k, next;
    uint32_t          i;
    rum_change_t      change;
    rum_gather_t     *g;
    rum_histogram_t   added;

    g = &f->p->scratch->gather;

    /* a row that is new gets its beacons, 0 or not: that makes it a row */

    for (i = 0; i < RUM_COUNTERS; i++) {
        if (g->counters[i] == 0
            && (i != RUM_COUNTER_BEACONS || row->stored))
        {
            continue;
        }

        memset(&change, 0, sizeof(change));
        change.counter = g->counters[i];

        rc = rum_flush_change(f, group, window, row, i, &change);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    for (i = 0; i < g->ntouched; i++) {
        rum_gather_histogram(g, g->touched[i], &added);

        memset(&change, 0, sizeof(change));
        change.added = &added;

        rc = rum_flush_change(f, group, window, row, g->touched[i], &change);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    for (k = 0; k < g->nremoved; k = next) {
        for (next = k + 1; next < g->nremoved; next++) {
            if (g->removed[next]->cell != g->removed[k]->cell) {
                break;
            }
        }

        memset(&change, 0, sizeof(change));
        change.removed = &g->removed[k];
        change.nremoved = (uint32_t) (next - k);

        rc = rum_flush_change(f, group, window, row, g->removed[k]->cell,
                              &change);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_change(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row, uint32_t cell,
    const rum_change_t *change)
{
    int  rc;

    rc = rum_store_change(&f->p->store, window, row, cell, change);

    if (rc == RUM_OK && row->cells[cell].dirty) {
        rc = rum_flush_names(f, group, cell);
    }

    return rc;
}


/*
 * A few sessions are added to the windows of each resolution.  Many are added
 * to the minute, and the minute to the others: one union costs Redis as much
 * as some tens of additions, and says the same.
 */

static int
rum_flush_sessions(rum_flush_t *f, const rum_group_t *group,
    rum_window_t **windows, rum_row_t **rows)
{
    int            rc;
    size_t         i, n;
    uint32_t       res;
    rum_row_t     *minute;
    rum_gather_t  *g;

    if (!rum_flush_has_sessions(f->p, group->dim)) {
        return RUM_OK;
    }

    g = &f->p->scratch->gather;

    /* the minute's row may be that of "(other)", and then holds more */

    minute = (windows[RUM_RES_MINUTE] != NULL) ? rows[RUM_RES_MINUTE] : NULL;

    if (minute != NULL && minute->value != group->value) {
        minute = NULL;
    }

    for (res = 0; res < RUM_RES_LAST; res++) {
        if (windows[res] == NULL) {
            continue;
        }

        n = 0;

        for (i = 0; i < g->nsessions; i++) {
            n += (g->sessions[i]->session_res >> res) & 1;
        }

        if (n == 0) {
            continue;
        }

        if (n > RUM_FLUSH_UNION && minute != NULL && res != RUM_RES_MINUTE) {
            rc = rum_store_unite_sessions(&f->p->store, f->redis,
                                          windows[res], rows[res],
                                          windows[RUM_RES_MINUTE], minute,
                                          &f->commands);

        } else {
            rc = rum_flush_add_sessions(f, windows[res], rows[res]);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_add_sessions(rum_flush_t *f, rum_window_t *window, rum_row_t *row)
{
    int                       rc;
    size_t                    i;
    rum_args_t               *args;
    rum_delta_t              *d;
    rum_gather_t             *g;
    const rum_delta_event_t  *event;

    d = &f->p->delta;
    g = &f->p->scratch->gather;
    args = &f->p->scratch->args;
    args->n = 0;

    for (i = 0; i < g->nsessions; i++) {
        event = g->sessions[i];

        if (!(event->session_res & 1 << window->res)) {
            continue;
        }

        /* room for the command and the key */

        if (args->n == 0
            && (rum_args_text(args, "") != RUM_OK
                || rum_args_text(args, "") != RUM_OK))
        {
            return RUM_ERROR;
        }

        if (rum_args_add(args, d->strings + event->session,
                         event->session_len)
            != RUM_OK)
        {
            return RUM_ERROR;
        }

        if (args->n < RUM_FLUSH_SESSIONS) {
            continue;
        }

        rc = rum_store_write_sessions(&f->p->store, f->redis, window, row,
                                      args, &f->commands);
        if (rc != RUM_OK) {
            return rc;
        }

        args->n = 0;
    }

    if (args->n == 0) {
        return RUM_OK;
    }

    return rum_store_write_sessions(&f->p->store, f->redis, window, row, args,
                                    &f->commands);
}


/* all, single dimensions but the page, own dimensions */

static int
rum_flush_has_sessions(const rum_partition_t *p, uint32_t dim)
{
    const rum_rollup_dim_t  *rolled;

    if (dim >= p->config->rollup.ndims) {
        return 1;
    }

    rolled = &p->config->rollup.dims[dim];

    return rolled->first != RUM_ATTR_PAGE && rolled->second == RUM_ATTR_NONE;
}


/*
 * The first of a site, or of a pair of dimension and metric, is entered in
 * the sets.  Members are written as in keys, so they are cut out of one.
 */

static int
rum_flush_names(rum_flush_t *f, const rum_group_t *group, uint32_t cell)
{
    int               len;
    rum_key_t         key;
    rum_str_t         member, name;
    rum_site_t       *site;
    rum_partition_t  *p;
    unsigned char     index[RUM_KEY_MAX], rollup[RUM_KEY_MAX];

    p = f->p;
    site = p->sites.sites[group->site];

    if (rum_site_indexed(site, group->dim, cell)) {
        return RUM_OK;
    }

    memset(&key, 0, sizeof(key));
    key.partition = p->number;
    key.res = RUM_RES_TOTAL;
    key.site = site->name;
    key.dimension = rum_site_dim_name(&p->sites, site, group->dim);
    key.metric = rum_site_cell_name(&p->sites, site, cell);

    key.type = RUM_KEY_ROLLUP;
    len = rum_key_write(&key, rollup, sizeof(rollup));
    rum_flush_tail(rollup, len, 5, &member);

    key.type = RUM_KEY_INDEX;
    len = rum_key_write(&key, index, sizeof(index));
    rum_flush_tail(index, len, 3, &name);

    if (member.len == 0 || name.len == 0
        || rum_site_set_indexed(site, group->dim, cell) != RUM_OK)
    {
        return RUM_ERROR;
    }

    f->commands++;

    if (rum_redis_send(f->redis, "SADD %b %b", index, (size_t) len,
                       member.data, member.len)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (site->stored) {
        return RUM_OK;
    }

    site->stored = 1;
    f->commands++;

    return rum_redis_send(f->redis, "SADD %s %b", p->sites_key, name.data,
                          name.len);
}


/* what comes after so many colons of a key; empty if there are less */

static void
rum_flush_tail(unsigned char *key, int len, unsigned colons, rum_str_t *tail)
{
    tail->data = key;
    tail->len = len > 0 ? (size_t) len : 0;

    while (tail->len > 0 && colons > 0) {
        colons -= *tail->data == ':';
        tail->data++;
        tail->len--;
    }
}


static int
rum_flush_rejected(rum_flush_t *f)
{
    int                    rc;
    size_t                 i;
    rum_args_t            *args;
    rum_delta_t           *d;
    const rum_rejected_t  *r;

    d = &f->p->delta;
    args = &f->p->scratch->args;

    for (i = 0; i < d->nrejected; i++) {
        r = &d->rejected[i];

        args->n = 0;
        rc = rum_args_text(args, "XADD");
        rc |= rum_args_text(args, f->p->rejected);
        rc |= rum_args_text(args, "MAXLEN");
        rc |= rum_args_text(args, "~");
        rc |= rum_args_text(args, RUM_FLUSH_REJECTED);
        rc |= rum_args_text(args, "*");
        rc |= rum_args_text(args, "entry");
        rc |= rum_args_text(args, r->entry);
        rc |= rum_args_text(args, "error");
        rc |= rum_args_text(args, r->error);

        if (r->has_id) {
            rc |= rum_args_text(args, "id");
            rc |= rum_args_add(args, d->strings + r->id, r->id_len);
        }

        if (r->has_e) {
            rc |= rum_args_text(args, "e");
            rc |= rum_args_add(args, d->strings + r->e, r->e_len);
        }

        if (rc != RUM_OK
            || rum_redis_send_args(f->redis, args) != RUM_OK
            || rum_redis_push(f->redis) != RUM_OK)
        {
            return RUM_ERROR;
        }

        f->commands++;
    }

    return RUM_OK;
}


static int
rum_flush_writers(rum_flush_t *f)
{
    int              rc, len;
    char             value[RUM_WRITER_VALUE];
    uint32_t         i;
    rum_writer_t    *writer;
    rum_writers_t   *w;

    w = &f->p->writers;

    for (i = 0; i < w->n; i++) {
        writer = &w->writers[i];

        if (writer->dirty) {
            len = rum_writer_write(writer, value);
            rc = rum_redis_send(f->redis, "HSET %s %b %b", f->p->writers_key,
                                writer->name, (size_t) writer->len, value,
                                (size_t) len);

        } else if (writer->time + RUM_WRITER_IDLE < f->now) {
            writer->gone = 1;
            rc = rum_redis_send(f->redis, "HDEL %s %b", f->p->writers_key,
                                writer->name, (size_t) writer->len);

        } else {
            continue;
        }

        if (rc != RUM_OK) {
            return rc;
        }

        f->commands++;
    }

    return RUM_OK;
}


/* health, lease, checkpoint, and EXEC */

static int
rum_flush_end(rum_flush_t *f, uint64_t now)
{
    char              id[RUM_STREAM_ID_MAX];
    rum_partition_t  *p;

    p = f->p;

    (void) rum_stream_id_write(rum_flush_target(p), id);

    if (rum_health_write(&p->health, f->redis, p->health_key, p->token, now)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    (void) rum_redis_send(f->redis, "SET %s %s PX %llu", p->lease, p->token,
                          (unsigned long long) p->config->lease);
    (void) rum_redis_send(f->redis, "XGROUP SETID %s %s %s ENTRIESREAD %lld",
                          p->events, RUM_GROUP, id,
                          (long long) p->entries_read);

    f->commands += 3;

    return rum_redis_send(f->redis, "EXEC");
}


/* while what is before the checkpoint is read again, it stays where it is */

static const rum_stream_id_t *
rum_flush_target(const rum_partition_t *p)
{
    return rum_stream_id_cmp(&p->position, &p->checkpoint) > 0
           ? &p->position : &p->checkpoint;
}


static int
rum_flush_replies(rum_flush_t *f)
{
    int          rc;
    size_t       i;
    redisReply  *reply;

    if (rum_redis_skip(f->redis, f->commands + 1) != RUM_OK) {
        return RUM_ERROR;
    }

    reply = rum_redis_reply(f->redis);
    if (reply == NULL) {
        return RUM_ERROR;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(reply);
        rum_log(RUM_LOG_WARN, "partition %u: the lease was lost; nothing "
                "was written", f->p->number);
        return RUM_DECLINED;
    }

    /* a key of a wrong type: the rest of the transaction is done all the
       same, and memory does not know what Redis holds */

    rc = RUM_OK;

    for (i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            rum_log(RUM_LOG_ERROR, "partition %u: Redis refused a part of a "
                    "flush: %s", f->p->number, reply->element[i]->str);
            rc = RUM_DECLINED;
            break;
        }
    }

    freeReplyObject(reply);

    return rc;
}


static int
rum_flush_stored(rum_flush_t *f)
{
    int               rc;
    rum_partition_t  *p;

    p = f->p;

    p->checkpoint = *rum_flush_target(p);
    rum_delta_reset(&p->delta);

    rc = rum_writers_stored(&p->writers);

    if (rc == RUM_OK && f->now >= p->evict_at) {
        p->evict_at = f->now + RUM_FLUSH_EVICT;
        rc = rum_store_evict(&p->store);
    }

    if (rc == RUM_OK && rum_intern_sweep_due(&p->intern)) {
        rum_store_mark(&p->store, &p->intern);
        rum_recent_mark(&p->recent, &p->intern);
        rum_intern_sweep(&p->intern);
    }

    return rc;
}
