/*
 * The store and Redis: what is missing is loaded, what changed is written.
 * See rum_store.h.
 */

#include "rum_store.h"

#include <stdlib.h>


static int rum_store_ask_values(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t cell);
static int rum_store_take_values(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t cell);
static int rum_store_other_values(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window);
static int rum_store_add_values(rum_store_t *s, rum_window_t *window,
    const redisReply *reply);
static int rum_store_ask_cells(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window);
static int rum_store_take_cells(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window);
static int rum_store_take_cell(rum_window_t *window, uint32_t cell,
    const redisReply *reply);
static int rum_store_cell_loadable(const rum_store_t *s,
    const rum_window_t *window, uint32_t cell);
static int rum_store_write_window(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t *commands);
static int rum_store_write_cell(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t cell, uint32_t *commands);
static int rum_store_expire_sessions(rum_redis_t *redis,
    const rum_window_t *window, rum_row_t *row, const unsigned char *key,
    int len, uint32_t *commands);
static int rum_store_has_cell(const rum_window_t *window, uint32_t cell);
static uint64_t rum_store_expiry(const rum_store_t *s,
    const rum_window_t *window);
static int rum_store_expire(rum_redis_t *redis, uint64_t expiry,
    const unsigned char *key, int len, uint32_t *commands);


int
rum_store_load_windows(rum_store_t *s, rum_redis_t *redis)
{
    int            rc;
    uint32_t       i, cell;
    rum_window_t  *window;

    for (i = 0; i < s->nlist; i++) {
        window = s->windows[s->list[i]];

        if (window->loaded) {
            continue;
        }

        cell = rum_site_row_cell(s->sites, window->dim);

        rc = rum_store_ask_values(s, redis, window, cell);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    for (i = 0; i < s->nlist; i++) {
        window = s->windows[s->list[i]];

        if (window->loaded) {
            continue;
        }

        cell = rum_site_row_cell(s->sites, window->dim);

        rc = rum_store_take_values(s, redis, window, cell);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    for (i = 0; i < s->nlist; i++) {
        window = s->windows[s->list[i]];

        if (window->loaded) {
            continue;
        }

        cell = rum_site_row_cell(s->sites, window->dim);

        if (rum_store_was_refused(s, window, cell)) {
            rc = rum_store_other_values(s, redis, window);
            if (rc != RUM_OK) {
                return rc;
            }
        }

        window->loaded = 1;
    }

    return RUM_OK;
}


static int
rum_store_ask_values(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t cell)
{
    int            len;
    rum_str_t      name;
    unsigned char  key[RUM_KEY_MAX];

    name = rum_site_cell_name(s->sites, s->sites->sites[window->site], cell);

    len = rum_store_key(s, window, RUM_KEY_ROLLUP, &name, key);

    return len < 0 ? RUM_ERROR
                   : rum_redis_send(redis, "HKEYS %b", key, (size_t) len);
}


static int
rum_store_take_values(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t cell)
{
    int          rc;
    redisReply  *reply;

    rc = rum_redis_take(redis, REDIS_REPLY_ARRAY, &reply);

    if (rc == RUM_DECLINED) {
        return rum_store_refuse(s, window, cell);
    }

    if (rc != RUM_OK) {
        return rc;
    }

    rc = rum_store_add_values(s, window, reply);
    freeReplyObject(reply);

    return rc;
}


/*
 * The hash with all the values is of a wrong type, or was and is new now: the
 * others have them too.
 */

static int
rum_store_other_values(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window)
{
    int       rc;
    uint32_t  cell, ncells;

    ncells = rum_site_cells(s->sites, s->sites->sites[window->site]);

    for (cell = 0; cell < ncells; cell++) {
        if (!rum_store_cell_loadable(s, window, cell)) {
            continue;
        }

        rc = rum_store_ask_values(s, redis, window, cell);

        if (rc == RUM_OK) {
            rc = rum_store_take_values(s, redis, window, cell);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_store_add_values(rum_store_t *s, rum_window_t *window,
    const redisReply *reply)
{
    size_t      i;
    uint32_t    value;
    rum_str_t   text;
    rum_row_t  *row;

    for (i = 0; i < reply->elements; i++) {
        text.data = (unsigned char *) reply->element[i]->str;
        text.len = reply->element[i]->len;

        value = rum_intern(s->intern, &text);
        if (value == RUM_MAP_NONE) {
            return RUM_ERROR;
        }

        if (rum_window_row(window, value) != NULL) {
            continue;
        }

        row = rum_window_add(window, value);
        if (row == NULL) {
            return RUM_ERROR;
        }

        row->stored = 1;
    }

    return RUM_OK;
}


int
rum_store_load_rows(rum_store_t *s, rum_redis_t *redis)
{
    int            rc;
    uint32_t       i;
    rum_window_t  *window;

    for (i = 0; i < s->nlist; i++) {
        rc = rum_store_ask_cells(s, redis, s->windows[s->list[i]]);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    for (i = 0; i < s->nlist; i++) {
        window = s->windows[s->list[i]];

        rc = rum_store_take_cells(s, redis, window);
        if (rc != RUM_OK) {
            return rc;
        }

        window->nlist = 0;
        window->listed = 0;
    }

    s->nlist = 0;

    return RUM_OK;
}


/* a hash that the index, which lists all but one, lacks is not there yet */

static int
rum_store_cell_loadable(const rum_store_t *s, const rum_window_t *window,
    uint32_t cell)
{
    if (rum_window_refused(window, cell)) {
        return 0;
    }

    if (cell == RUM_CELL_SLOWEST) {
        return rum_site_has_slowest(window->dim);
    }

    return rum_site_indexed(s->sites->sites[window->site], window->dim,
                            cell);
}


/* one HMGET for each hash of the window, of all rows to load */

static int
rum_store_ask_cells(rum_store_t *s, rum_redis_t *redis, rum_window_t *window)
{
    int                rc, len;
    uint32_t           i, cell;
    rum_str_t          name;
    rum_site_t        *site;
    unsigned char      key[RUM_KEY_MAX];
    const rum_str_t   *text;

    if (window->nlist == 0) {
        return RUM_OK;
    }

    site = s->sites->sites[window->site];

    for (cell = 0; cell < rum_site_cells(s->sites, site); cell++) {
        if (!rum_store_cell_loadable(s, window, cell)) {
            continue;
        }

        name = rum_site_cell_name(s->sites, site, cell);

        len = rum_store_key(s, window, RUM_KEY_ROLLUP, &name, key);
        if (len < 0) {
            return RUM_ERROR;
        }

        s->args.n = 0;
        rc = rum_args_text(&s->args, "HMGET");
        rc |= rum_args_add(&s->args, key, (size_t) len);

        for (i = 0; i < window->nlist; i++) {
            text = rum_intern_text(s->intern,
                                   window->rows[window->list[i]].value);
            rc |= rum_args_add(&s->args, text->data, text->len);
        }

        if (rc != RUM_OK || rum_redis_send_args(redis, &s->args) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static int
rum_store_take_cells(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window)
{
    int          rc;
    uint32_t     i, cell, ncells;
    redisReply  *reply;

    if (window->nlist == 0) {
        return RUM_OK;
    }

    ncells = rum_site_cells(s->sites, s->sites->sites[window->site]);

    for (cell = 0; cell < ncells; cell++) {
        if (!rum_store_cell_loadable(s, window, cell)) {
            continue;
        }

        rc = rum_redis_take(redis, REDIS_REPLY_ARRAY, &reply);

        if (rc == RUM_OK) {
            rc = rum_store_take_cell(window, cell, reply);
            freeReplyObject(reply);

        } else if (rc == RUM_DECLINED) {
            rc = rum_store_refuse(s, window, cell);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    for (i = 0; i < window->nlist; i++) {
        window->rows[window->list[i]].loaded = 1;
        window->rows[window->list[i]].wanted = 0;
    }

    return RUM_OK;
}


static int
rum_store_take_cell(rum_window_t *window, uint32_t cell,
    const redisReply *reply)
{
    uint32_t           i;
    rum_row_t         *row;
    const redisReply  *field;

    if (reply->elements != window->nlist) {
        return RUM_ERROR;
    }

    for (i = 0; i < window->nlist; i++) {
        field = reply->element[i];
        row = &window->rows[window->list[i]];

        if (field->type == REDIS_REPLY_STRING
            && (rum_row_reserve(row, cell + 1) != RUM_OK
                || rum_cell_set(&row->cells[cell], field->str, field->len)
                   != RUM_OK))
        {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


int
rum_store_write(rum_store_t *s, rum_redis_t *redis, uint32_t *commands)
{
    int            rc;
    uint32_t       i;
    rum_window_t  *window;

    for (i = 0; i < s->nlist; i++) {
        window = s->windows[s->list[i]];
        window->listed = 0;

        if (window->nlist == 0) {
            continue;
        }

        rc = rum_store_write_window(s, redis, window, commands);
        if (rc != RUM_OK) {
            return rc;
        }

        window->nlist = 0;
    }

    s->nlist = 0;

    return RUM_OK;
}


/* how many rows each hash gets is counted first: a command says it at once */

static int
rum_store_write_window(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t *commands)
{
    int         rc;
    uint32_t    i, cell, ncells, *touched;
    rum_row_t  *row;

    ncells = rum_site_cells(s->sites, s->sites->sites[window->site]);

    if (s->ntouched < ncells) {
        touched = realloc(s->touched, ncells * sizeof(uint32_t));
        if (touched == NULL) {
            return RUM_ERROR;
        }

        s->touched = touched;
        s->ntouched = ncells;
    }

    if (rum_window_flags(window, ncells) != RUM_OK) {
        return RUM_ERROR;
    }

    memset(s->touched, 0, ncells * sizeof(uint32_t));

    for (i = 0; i < window->nlist; i++) {
        row = &window->rows[window->list[i]];

        for (cell = 0; cell < row->ncells; cell++) {
            s->touched[cell] += row->cells[cell].dirty;
        }

        row->stored = 1;
    }

    for (cell = 0; cell < ncells; cell++) {
        if (s->touched[cell] == 0) {
            continue;
        }

        rc = rum_store_write_cell(s, redis, window, cell, commands);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    for (i = 0; i < window->nlist; i++) {
        window->rows[window->list[i]].dirty = 0;
    }

    return rum_redis_push(redis);
}


static int
rum_store_write_cell(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t cell, uint32_t *commands)
{
    int               rc, len;
    uint32_t          i;
    rum_str_t         name;
    rum_row_t        *row;
    rum_cell_t       *c;
    rum_sent_t        sent;
    unsigned char     key[RUM_KEY_MAX];
    const rum_str_t  *text;

    name = rum_site_cell_name(s->sites, s->sites->sites[window->site], cell);

    len = rum_store_key(s, window, RUM_KEY_ROLLUP, &name, key);
    if (len < 0) {
        return RUM_ERROR;
    }

    s->args.n = 0;
    rc = rum_args_text(&s->args, "HSET");
    rc |= rum_args_add(&s->args, key, (size_t) len);

    for (i = 0; i < window->nlist; i++) {
        row = &window->rows[window->list[i]];

        if (cell >= row->ncells || !row->cells[cell].dirty) {
            continue;
        }

        c = &row->cells[cell];
        c->dirty = 0;

        text = rum_intern_text(s->intern, row->value);
        rc |= rum_args_add(&s->args, text->data, text->len);
        rc |= rum_args_add(&s->args, c->data, c->len);
    }

    memset(&sent, 0, sizeof(sent));
    sent.command = *commands;
    sent.cell = cell;
    sent.window = window;

    if (rc != RUM_OK || rum_store_sent(s, &sent) != RUM_OK
        || rum_redis_send_args(redis, &s->args) != RUM_OK)
    {
        return RUM_ERROR;
    }

    (*commands)++;

    if (window->flags[cell] & RUM_HASH_EXPIRES) {
        return RUM_OK;
    }

    window->flags[cell] |= RUM_HASH_EXPIRES;

    return rum_store_expire(redis, rum_store_expiry(s, window), key, len,
                            commands);
}


/* what "total" lacks is kept as long as a day is, should nobody come by */

static uint64_t
rum_store_expiry(const rum_store_t *s, const rum_window_t *window)
{
    const uint64_t  *retention;

    retention = s->config->retention;

    if (window->open
        && retention[RUM_RES_DAY] > retention[window->res])
    {
        return window->expiry
               + (retention[RUM_RES_DAY] - retention[window->res]) / 1000;
    }

    return window->expiry;
}


int
rum_store_close(rum_store_t *s, rum_redis_t *redis, rum_window_t *window,
    uint32_t *commands)
{
    int             rc, len;
    uint32_t        cell;
    rum_str_t       name;
    rum_site_t     *site;
    unsigned char   key[RUM_KEY_MAX];

    window->open = 0;
    site = s->sites->sites[window->site];

    for (cell = 0; cell < rum_site_cells(s->sites, site); cell++) {
        if (!rum_store_cell_loadable(s, window, cell)
            || !rum_store_has_cell(window, cell))
        {
            continue;
        }

        name = rum_site_cell_name(s->sites, site, cell);

        len = rum_store_key(s, window, RUM_KEY_ROLLUP, &name, key);
        if (len < 0) {
            return RUM_ERROR;
        }

        rc = rum_store_expire(redis, window->expiry, key, len, commands);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* whether there is a hash of it; all rows are loaded */

static int
rum_store_has_cell(const rum_window_t *window, uint32_t cell)
{
    uint32_t          i;
    const rum_row_t  *row;

    for (i = 0; i < window->nrows; i++) {
        row = &window->rows[i];

        if (cell < row->ncells && row->cells[cell].data != NULL) {
            return 1;
        }
    }

    return 0;
}


int
rum_store_write_sessions(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, rum_row_t *row, rum_args_t *args,
    uint32_t *commands)
{
    int            len;
    rum_sent_t     sent;
    unsigned char  key[RUM_KEY_MAX];

    if (row->refused) {
        s->wrong_type++;
        return RUM_OK;
    }

    len = rum_store_key(s, window, RUM_KEY_SESSIONS,
                        rum_intern_text(s->intern, row->value), key);

    memset(&sent, 0, sizeof(sent));
    sent.command = *commands;
    sent.cell = RUM_NO_NUMBER;
    sent.row = (uint32_t) (row - window->rows);
    sent.window = window;

    if (len < 0 || rum_store_sent(s, &sent) != RUM_OK) {
        return RUM_ERROR;
    }

    args->argv[0] = "PFADD";
    args->argvlen[0] = 5;
    args->argv[1] = (char *) key;
    args->argvlen[1] = (size_t) len;

    if (rum_redis_send_args(redis, args) != RUM_OK) {
        return RUM_ERROR;
    }

    (*commands)++;

    return rum_store_expire_sessions(redis, window, row, key, len, commands);
}


int
rum_store_unite_sessions(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, rum_row_t *row, rum_window_t *from,
    rum_row_t *from_row, uint32_t *commands)
{
    int            len, from_len;
    rum_sent_t     sent;
    unsigned char  key[RUM_KEY_MAX], from_key[RUM_KEY_MAX];

    if (row->refused) {
        s->wrong_type++;
        return RUM_OK;
    }

    sent.command = *commands;
    sent.cell = RUM_NO_NUMBER;
    sent.row = (uint32_t) (row - window->rows);
    sent.from_row = (uint32_t) (from_row - from->rows);
    sent.window = window;
    sent.from = from;

    len = rum_store_key(s, window, RUM_KEY_SESSIONS,
                        rum_intern_text(s->intern, row->value), key);
    from_len = rum_store_key(s, from, RUM_KEY_SESSIONS,
                             rum_intern_text(s->intern, from_row->value),
                             from_key);

    if (len < 0 || from_len < 0 || rum_store_sent(s, &sent) != RUM_OK
        || rum_redis_send(redis, "PFMERGE %b %b", key, (size_t) len, from_key,
                          (size_t) from_len)
           != RUM_OK)
    {
        return RUM_ERROR;
    }

    (*commands)++;

    return rum_store_expire_sessions(redis, window, row, key, len, commands);
}


static int
rum_store_expire_sessions(rum_redis_t *redis, const rum_window_t *window,
    rum_row_t *row, const unsigned char *key, int len, uint32_t *commands)
{
    if (row->expires) {
        return RUM_OK;
    }

    row->expires = 1;

    return rum_store_expire(redis, window->expiry, key, len, commands);
}


/* at 0: never */

static int
rum_store_expire(rum_redis_t *redis, uint64_t expiry,
    const unsigned char *key, int len, uint32_t *commands)
{
    if (expiry == 0) {
        return RUM_OK;
    }

    (*commands)++;

    return rum_redis_send(redis, "EXPIREAT %b %llu", key, (size_t) len,
                          (unsigned long long) expiry);
}


int
rum_store_key(const rum_store_t *s, const rum_window_t *window,
    rum_key_e type, const rum_str_t *last, unsigned char *buf)
{
    rum_key_t    key;
    rum_site_t  *site;

    memset(&key, 0, sizeof(key));

    site = s->sites->sites[window->site];

    key.type = type;
    key.partition = s->partition;
    key.res = window->res;
    key.start = window->start;
    key.site = site->name;
    key.dimension = rum_site_dim_name(s->sites, site, window->dim);
    key.metric = *last;
    key.value = *last;

    return rum_key_write(&key, buf, RUM_KEY_MAX);
}
