/*
 * The rollups as Redis holds them: see rum_store.h.
 */

#include "rum_store.h"

#include <stdlib.h>

#include <msgpack.h>


#define RUM_STORE_IDLE      60          /* seconds until eviction */
#define RUM_STORE_ZONE      512         /* bytes */
#define RUM_COUNTER_BYTES   9           /* longest packed counter */


static int rum_store_list_window(rum_store_t *s, uint32_t i);
static void rum_window_free(rum_window_t *window);
static int rum_window_list_row(rum_window_t *window, const rum_row_t *row);
static void rum_row_free_cells(rum_row_t *row);
static int rum_store_change_counter(rum_store_t *s, rum_cell_t *cell,
    int64_t change);
static int rum_store_change_slowest(rum_cell_t *cell,
    const rum_slowest_t *slowest, unsigned *changed);
static int rum_store_change_histogram(rum_store_t *s, rum_cell_t *cell,
    uint32_t cell_number, const rum_change_t *change, unsigned *changed);
static int rum_store_remove(rum_histogram_t *h, uint32_t cell,
    const rum_change_t *change);
static int rum_store_counter(rum_store_t *s, const rum_cell_t *cell,
    int64_t *counter);
static int rum_cell_write(void *data, const char *buf, size_t len);
static void rum_window_evict(const rum_store_t *s, rum_window_t *window);


int
rum_store_init(rum_store_t *s, const rum_config_t *config,
    rum_sites_t *sites, rum_intern_t *intern, uint32_t partition)
{
    memset(s, 0, sizeof(rum_store_t));

    s->config = config;
    s->sites = sites;
    s->intern = intern;
    s->partition = partition;
    rum_histogram_init(&s->scratch);

    s->zone = msgpack_zone_new(RUM_STORE_ZONE);

    return s->zone != NULL ? RUM_OK : RUM_ERROR;
}


void
rum_store_free(rum_store_t *s)
{
    uint32_t  i;

    for (i = 0; i < s->nwindows; i++) {
        rum_window_free(s->windows[i]);
    }

    free(s->windows);
    free(s->list);
    free(s->buf);
    free(s->touched);
    free(s->sent);
    rum_map_free(&s->told);
    rum_map_free(&s->map);
    rum_args_free(&s->args);
    rum_histogram_free(&s->scratch);
    msgpack_zone_free(s->zone);
    memset(s, 0, sizeof(rum_store_t));
}


static void
rum_window_free(rum_window_t *window)
{
    uint32_t  i;

    for (i = 0; i < window->nrows; i++) {
        rum_row_free_cells(&window->rows[i]);
    }

    free(window->rows);
    free(window->list);
    free(window->flags);
    rum_map_free(&window->map);
    free(window);
}


static void
rum_row_free_cells(rum_row_t *row)
{
    uint32_t  i;

    for (i = 0; i < row->ncells; i++) {
        free(row->cells[i].data);
    }

    free(row->cells);
    row->cells = NULL;
    row->ncells = 0;
    row->loaded = 0;
}


rum_window_t *
rum_store_window(rum_store_t *s, uint32_t site, uint32_t dim,
    rum_resolution_e res, uint64_t start)
{
    uint32_t       i, size;
    uint64_t       key;
    rum_window_t  *window, **windows;

    key = rum_hash_pair(start << 2 | res, (uint64_t) site << 8 | dim);

    for ( ;; ) {
        i = rum_map_get(&s->map, key);

        if (i == RUM_MAP_NONE) {
            break;
        }

        window = s->windows[i];

        if (window->start == start && window->res == res
            && window->site == site && window->dim == dim)
        {
            window->used = s->tick;
            return rum_store_list_window(s, i) == RUM_OK ? window : NULL;
        }

        key++;
    }

    if (s->nwindows == s->windows_size) {
        size = s->windows_size ? 2 * s->windows_size : 64;

        windows = realloc(s->windows, size * sizeof(rum_window_t *));
        if (windows == NULL) {
            return NULL;
        }

        s->windows = windows;
        s->windows_size = size;
    }

    if (rum_map_set(&s->map, key, s->nwindows) != RUM_OK) {
        return NULL;
    }

    window = calloc(1, sizeof(rum_window_t));
    if (window == NULL) {
        rum_map_remove(&s->map, key);
        return NULL;
    }

    window->site = site;
    window->dim = dim;
    window->res = res;
    window->start = start;
    window->used = s->tick;

    if (res != RUM_RES_TOTAL) {
        window->expiry = start + rum_resolution_seconds[res]
                         + s->config->retention[res] / 1000;
    }

    i = s->nwindows++;
    s->windows[i] = window;

    return rum_store_list_window(s, i) == RUM_OK ? window : NULL;
}


static int
rum_store_list_window(rum_store_t *s, uint32_t i)
{
    uint32_t  size, *list;

    if (s->windows[i]->listed) {
        return RUM_OK;
    }

    if (s->nlist == s->list_size) {
        size = s->list_size ? 2 * s->list_size : 64;

        list = realloc(s->list, size * sizeof(uint32_t));
        if (list == NULL) {
            return RUM_ERROR;
        }

        s->list = list;
        s->list_size = size;
    }

    s->windows[i]->listed = 1;
    s->list[s->nlist++] = i;

    return RUM_OK;
}


rum_row_t *
rum_window_row(rum_window_t *window, uint32_t value)
{
    uint32_t  i;

    i = rum_map_get(&window->map, rum_hash_pair(value, 0));

    return i != RUM_MAP_NONE ? &window->rows[i] : NULL;
}


rum_row_t *
rum_window_add(rum_window_t *window, uint32_t value)
{
    uint32_t    size;
    rum_row_t  *row, *rows;

    if (window->nrows == window->rows_size) {
        size = window->rows_size ? 2 * window->rows_size : 4;

        rows = realloc(window->rows, size * sizeof(rum_row_t));
        if (rows == NULL) {
            return NULL;
        }

        window->rows = rows;
        window->rows_size = size;
    }

    if (rum_map_set(&window->map, rum_hash_pair(value, 0), window->nrows)
        != RUM_OK)
    {
        return NULL;
    }

    row = &window->rows[window->nrows++];
    memset(row, 0, sizeof(rum_row_t));
    row->value = value;

    if (value != RUM_VALUE_OTHER && value != RUM_VALUE_UNKNOWN) {
        window->nvalues++;
    }

    return row;
}


rum_row_t *
rum_store_row(rum_store_t *s, rum_window_t *window, uint32_t value,
    unsigned *other)
{
    rum_str_t    name;
    rum_row_t   *row;
    rum_site_t  *site;

    *other = 0;
    row = rum_window_row(window, value);

    if (row == NULL && value != RUM_VALUE_OTHER
        && value != RUM_VALUE_UNKNOWN)
    {
        site = s->sites->sites[window->site];
        name = rum_site_dim_name(s->sites, site, window->dim);

        if (window->nvalues >= rum_config_limit(s->config, &name)) {
            *other = 1;
            value = RUM_VALUE_OTHER;
            row = rum_window_row(window, value);
        }
    }

    if (row == NULL) {
        row = rum_window_add(window, value);
        if (row == NULL) {
            return NULL;
        }

        row->loaded = 1;
    }

    row->used = s->tick;

    if (!row->loaded && !row->wanted) {
        if (rum_window_list_row(window, row) != RUM_OK) {
            return NULL;
        }

        row->wanted = 1;
    }

    return row;
}


static int
rum_window_list_row(rum_window_t *window, const rum_row_t *row)
{
    uint32_t  size, *list;

    if (window->nlist == window->list_size) {
        size = window->list_size ? 2 * window->list_size : 4;

        list = realloc(window->list, size * sizeof(uint32_t));
        if (list == NULL) {
            return RUM_ERROR;
        }

        window->list = list;
        window->list_size = size;
    }

    window->list[window->nlist++] = (uint32_t) (row - window->rows);

    return RUM_OK;
}


int
rum_row_reserve(rum_row_t *row, uint32_t ncells)
{
    rum_cell_t  *cells;

    if (ncells <= row->ncells) {
        return RUM_OK;
    }

    cells = realloc(row->cells, ncells * sizeof(rum_cell_t));
    if (cells == NULL) {
        return RUM_ERROR;
    }

    memset(cells + row->ncells, 0,
           (ncells - row->ncells) * sizeof(rum_cell_t));
    row->cells = cells;
    row->ncells = ncells;

    return RUM_OK;
}


int
rum_store_change(rum_store_t *s, rum_window_t *window, rum_row_t *row,
    uint32_t cell, const rum_change_t *change)
{
    int          rc;
    unsigned     changed;
    rum_cell_t  *c;

    if (rum_row_reserve(row, cell + 1) != RUM_OK) {
        return RUM_ERROR;
    }

    if (rum_window_refused(window, cell)) {
        s->wrong_type++;
        return RUM_OK;
    }

    c = &row->cells[cell];

    if (cell < RUM_COUNTERS) {
        rc = rum_store_change_counter(s, c, change->counter);
        changed = 1;

    } else if (cell == RUM_CELL_SLOWEST) {
        rc = rum_store_change_slowest(c, change->slowest, &changed);

    } else {
        rc = rum_store_change_histogram(s, c, cell, change, &changed);
    }

    if (rc != RUM_OK || !changed) {
        return rc;
    }

    c->dirty = 1;

    if (!row->dirty) {
        if (rum_window_list_row(window, row) != RUM_OK) {
            return RUM_ERROR;
        }

        row->dirty = 1;
    }

    return RUM_OK;
}


static int
rum_store_change_counter(rum_store_t *s, rum_cell_t *cell, int64_t change)
{
    int64_t         counter;
    rum_str_t       packed;
    msgpack_packer  packer;
    unsigned char   buf[RUM_COUNTER_BYTES];

    if (rum_store_counter(s, cell, &counter) != RUM_OK) {
        rum_log(RUM_LOG_ERROR, "a counter in Redis was broken; it starts "
                "again from 0");
        counter = 0;
    }

    if (__builtin_add_overflow(counter, change, &counter)) {
        return RUM_OK;
    }

    packed.data = buf;
    packed.len = 0;
    msgpack_packer_init(&packer, &packed, rum_cell_write);

    if (msgpack_pack_int64(&packer, counter) != 0) {
        return RUM_ERROR;
    }

    return rum_cell_set(cell, buf, packed.len);
}


/* appends what the packer writes, at most RUM_COUNTER_BYTES */

static int
rum_cell_write(void *data, const char *buf, size_t len)
{
    rum_str_t *packed = data;

    if (packed->len + len > RUM_COUNTER_BYTES) {
        return -1;
    }

    memcpy(packed->data + packed->len, buf, len);
    packed->len += len;

    return 0;
}


static int
rum_store_counter(rum_store_t *s, const rum_cell_t *cell, int64_t *counter)
{
    size_t          off;
    msgpack_object  o;

    *counter = 0;

    if (cell->data == NULL) {
        return RUM_OK;
    }

    msgpack_zone_clear(s->zone);
    off = 0;

    if (cell->len > RUM_COUNTER_BYTES
        || msgpack_unpack((const char *) cell->data, cell->len, &off,
                          s->zone, &o)
           != MSGPACK_UNPACK_SUCCESS)
    {
        return RUM_ERROR;
    }

    if (o.type == MSGPACK_OBJECT_NEGATIVE_INTEGER
        || (o.type == MSGPACK_OBJECT_POSITIVE_INTEGER
            && o.via.u64 <= INT64_MAX))
    {
        *counter = o.via.i64;
        return RUM_OK;
    }

    return RUM_ERROR;
}


static int
rum_store_change_slowest(rum_cell_t *cell, const rum_slowest_t *slowest,
    unsigned *changed)
{
    int             rc;
    rum_str_t       packed;
    rum_slowest_t   known;
    unsigned char   buf[RUM_SLOWEST_MAX];

    *changed = 0;

    packed.data = cell->data;
    packed.len = cell->len;

    if (cell->data != NULL) {
        if (rum_slowest_decode(&known, &packed) != RUM_OK) {
            rum_log(RUM_LOG_ERROR, "a slowest resource in Redis was broken; "
                    "it is replaced");

        } else if (!rum_slowest_before(slowest, &known)) {
            return RUM_OK;
        }
    }

    rc = rum_slowest_encode(slowest, buf, sizeof(buf));
    if (rc < 0) {
        return rc;
    }

    *changed = 1;

    return rum_cell_set(cell, buf, (size_t) rc);
}


static int
rum_store_change_histogram(rum_store_t *s, rum_cell_t *cell,
    uint32_t cell_number, const rum_change_t *change, unsigned *changed)
{
    int               rc;
    size_t            max;
    unsigned char    *buf;
    rum_histogram_t  *h;

    h = &s->scratch;
    rum_histogram_reset(h);
    *changed = 0;

    if (cell->data != NULL
        && rum_histogram_decode(h, cell->data, cell->len) != RUM_OK)
    {
        rum_log(RUM_LOG_ERROR, "a histogram in Redis was broken; it starts "
                "again from nothing");
    }

    if (change->added != NULL && change->added->count > 0) {
        if (rum_histogram_merge(h, change->added) == RUM_ERROR) {
            return RUM_ERROR;
        }

        *changed = 1;
    }

    if (change->removed != NULL
        && rum_store_remove(h, cell_number, change) == RUM_OK)
    {
        *changed = 1;
    }

    if (!*changed) {
        return RUM_OK;
    }

    max = rum_histogram_encoded_max(h);

    if (s->buf_size < max) {
        buf = realloc(s->buf, 2 * max);
        if (buf == NULL) {
            return RUM_ERROR;
        }

        s->buf = buf;
        s->buf_size = 2 * max;
    }

    rc = rum_histogram_encode(h, s->buf, s->buf_size);
    if (rc < 0) {
        return rc;
    }

    return rum_cell_set(cell, s->buf, (size_t) rc);
}


/*
 * All at once or, if some are not there any more, what is there one by one.
 * RUM_DECLINED if nothing is.
 */

static int
rum_store_remove(rum_histogram_t *h, uint32_t cell,
    const rum_change_t *change)
{
    int                  rc;
    size_t               i;
    uint32_t             k;
    const rum_sample_t  *sample;

    rc = rum_histogram_unmerge(h, change->removed);

    if (rc == RUM_OK) {
        return rc;
    }

    for (i = 0; i < change->nsamples; i++) {
        sample = change->samples[i].sample;

        for (k = 0; sample->cell == cell && k < change->samples[i].weight;
             k++)
        {
            if (rum_histogram_subtract(h, sample->value,
                                       (rum_rating_e) sample->rating)
                != RUM_OK)
            {
                break;
            }

            rc = RUM_OK;
        }
    }

    return rc;
}


/* cells grow by little: some room to spare saves most of the moves */

int
rum_cell_set(rum_cell_t *cell, const void *data, size_t len)
{
    size_t          size;
    unsigned char  *bytes;

    if (cell->size < len || cell->data == NULL) {
        size = len <= RUM_COUNTER_BYTES ? RUM_COUNTER_BYTES : len + len / 4;

        bytes = realloc(cell->data, size);
        if (bytes == NULL) {
            return RUM_ERROR;
        }

        cell->data = bytes;
        cell->size = size & 0x7fffffff;
    }

    if (len > 0) {
        memcpy(cell->data, data, len);
    }

    cell->len = (uint32_t) len;

    return RUM_OK;
}


int
rum_store_evict(rum_store_t *s)
{
    uint32_t       i, kept;
    uint64_t       key;
    rum_window_t  *window;

    s->refusing = 0;

    for (i = 0, kept = 0; i < s->nwindows; i++) {
        window = s->windows[i];

        /* what was of a wrong type may be gone by now: a look will tell */

        if (s->tick - window->used > RUM_STORE_IDLE || window->refused) {
            rum_window_free(window);
            continue;
        }

        rum_window_evict(s, window);
        s->windows[kept++] = window;
    }

    if (kept == s->nwindows) {
        return RUM_OK;
    }

    s->nwindows = kept;
    rum_map_clear(&s->map);

    for (i = 0; i < kept; i++) {
        window = s->windows[i];

        key = rum_hash_pair(window->start << 2 | window->res,
                            (uint64_t) window->site << 8 | window->dim);

        while (rum_map_get(&s->map, key) != RUM_MAP_NONE) {
            key++;
        }

        if (rum_map_set(&s->map, key, i) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static void
rum_window_evict(const rum_store_t *s, rum_window_t *window)
{
    uint32_t    i;
    rum_row_t  *row;

    for (i = 0; i < window->nrows; i++) {
        row = &window->rows[i];
        row->refused = 0;

        if (row->ncells > 0 && s->tick - row->used > RUM_STORE_IDLE) {
            rum_row_free_cells(row);
        }
    }
}


void
rum_store_mark(const rum_store_t *s, rum_intern_t *in)
{
    uint32_t  i, k;

    for (i = 0; i < s->nwindows; i++) {
        for (k = 0; k < s->windows[i]->nrows; k++) {
            rum_intern_mark(in, s->windows[i]->rows[k].value);
        }
    }
}
