/*
 * The rollups as Redis holds them: windows, their values, their cells.  What
 * a flush touches is loaded once and kept while it is in use; a cell is kept
 * as the bytes that Redis has.
 *
 *   window   (site, dimension, resolution, start)    a group of Redis hashes
 *   row      one value of the dimension in it        a field of each hash
 *   cell     a counter or histogram of the row       that field's bytes
 *
 * The values of a window are the fields of its "beacons" hash, since a row
 * is never written without that counter (details have others, see
 * rum_detail.h): from them the limit of values is known, and which rows are
 * new.
 *
 * Somebody else may have written to one of the keys: what is of a wrong type
 * is left as it is.  It is logged once, what should have gone there is
 * counted, and all other keys are as if nothing were.
 *
 * Nothing here knows of transactions.  If one fails, the store is freed, and
 * all is read again.
 */

#ifndef RUM_STORE_H
#define RUM_STORE_H

#include "rum_delta.h"
#include "rum_redis.h"

typedef struct {
    unsigned char        *data;         /* NULL: not there */
    uint32_t              len;
    uint32_t              size:31;
    uint32_t              dirty:1;
} rum_cell_t;

typedef struct {
    uint32_t              value;        /* interned */
    uint32_t              ncells;
    rum_cell_t           *cells;
    uint32_t              used;         /* store->tick of the last use */
    unsigned              stored:1;     /* Redis has the row */
    unsigned              loaded:1;     /* cells are what Redis has */
    unsigned              dirty:1;
    unsigned              wanted:1;     /* in the list of rows to load */
    unsigned              expires:1;    /* its sessions have an expiry */
    unsigned              refused:1;    /* their key is of a wrong type */
} rum_row_t;

/* flags of a window's hash */
#define RUM_HASH_EXPIRES       0x01     /* it has an expiry */
#define RUM_HASH_REFUSED       0x02     /* it is of a wrong type */

typedef struct {
    uint32_t              site;
    uint32_t              dim;
    rum_resolution_e      res;
    uint64_t              start;
    uint64_t              expiry;       /* Unix seconds; 0: never */
    uint32_t              used;

    rum_map_t             map;          /* value -> row */
    rum_row_t            *rows;
    uint32_t              nrows;
    uint32_t              rows_size;
    uint32_t              nvalues;      /* rows that the limit counts */

    uint32_t             *list;         /* rows to load, then dirty ones */
    uint32_t              nlist;
    uint32_t              list_size;

    uint8_t              *flags;        /* by cell, of its hash */
    uint32_t              nflags;
    unsigned              loaded:1;
    unsigned              listed:1;     /* in the store's list */
    unsigned              open:1;       /* "total" lacks it: it must not
                                           expire as others do */
    unsigned              refused:1;    /* one of its hashes is */
} rum_window_t;

/* a command of the transaction, and where it stores something */
typedef struct {
    uint32_t              command;      /* of those since MULTI */
    uint32_t              cell;         /* RUM_NO_NUMBER: the row's sessions */
    uint32_t              row;
    uint32_t              from_row;
    rum_window_t         *window;
    rum_window_t         *from;         /* sessions of it are added; or NULL */
} rum_sent_t;

typedef struct {
    const rum_config_t   *config;
    rum_sites_t          *sites;
    rum_intern_t         *intern;
    uint32_t              partition;
    uint32_t              tick;         /* monotonic seconds, for eviction */

    rum_map_t             map;
    rum_window_t        **windows;
    uint32_t              nwindows;
    uint32_t              windows_size;

    uint32_t             *list;         /* windows of the present step */
    uint32_t              nlist;
    uint32_t              list_size;

    void                 *zone;         /* msgpack_zone, for counters */
    rum_histogram_t       scratch;
    unsigned char        *buf;
    size_t                buf_size;
    rum_args_t            args;
    uint32_t             *touched;      /* dirty rows by cell, for a write */
    uint32_t              ntouched;

    rum_sent_t           *sent;         /* in the order of commands */
    uint32_t              nsent;
    uint32_t              sent_size;
    rum_map_t             told;         /* keys of a wrong type, logged */
    unsigned              refusing:1;   /* some are, as far as is known */
    uint64_t              wrong_type;   /* changes they did not take; to be
                                           added to health */
} rum_store_t;

/* one group's change of one cell */
typedef struct {
    int64_t                 counter;    /* cell < RUM_COUNTERS */
    const rum_histogram_t  *added;      /* NULL: none */
    const rum_histogram_t  *removed;
    const rum_removed_t    *samples;    /* each, of other cells too */
    size_t                  nsamples;
    const rum_slowest_t    *slowest;    /* of RUM_CELL_SLOWEST */
} rum_change_t;

/* RUM_ERROR without memory */
int rum_store_init(rum_store_t *s, const rum_config_t *config,
    rum_sites_t *sites, rum_intern_t *intern, uint32_t partition);
void rum_store_free(rum_store_t *s);

/*
 * 1. The windows that the flush will touch are asked for, and loaded.
 * NULL without memory.
 */
rum_window_t *rum_store_window(rum_store_t *s, uint32_t site, uint32_t dim,
    rum_resolution_e res, uint64_t start);
int rum_store_load_windows(rum_store_t *s, rum_redis_t *redis);

/*
 * 2. The rows: the value's own or, past the limit, that of "(other)", for
 * which *other is set; then their cells are loaded.  NULL without memory.
 */
rum_row_t *rum_store_row(rum_store_t *s, rum_window_t *window,
    uint32_t value, unsigned *other);
int rum_store_load_rows(rum_store_t *s, rum_redis_t *redis);

/* 3. the windows are asked for again, and cells of their rows change */
int rum_store_change(rum_store_t *s, rum_window_t *window, rum_row_t *row,
    uint32_t cell, const rum_change_t *change);

/*
 * 4. What changed in the windows that were asked for since 2 is sent, as HSET
 * and EXPIREAT; how many commands that were is added.  May come after each
 * few windows of 3.
 */
int rum_store_write(rum_store_t *s, rum_redis_t *redis, uint32_t *commands);

/* "total" has the window now: its hashes expire as usual */
int rum_store_close(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, uint32_t *commands);

/*
 * 5. Redis refused a command of the transaction, since its key is of a wrong
 * type.  RUM_DECLINED if it was none of the store.
 */
int rum_store_refused(rum_store_t *s, uint32_t command);

/* the same of a key that was to be read, of the store or beside it */
int rum_store_refused_key(rum_store_t *s, const void *key, size_t len);

/* whether the sessions of a row ever were of a wrong type */
int rum_store_refused_sessions(const rum_store_t *s,
    const rum_window_t *window, const rum_row_t *row);

/* PFADD of the sessions in args, from its third argument on */
int rum_store_write_sessions(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, rum_row_t *row, rum_args_t *args,
    uint32_t *commands);

/* the sessions of one window's row are added to those of another's */
int rum_store_unite_sessions(rum_store_t *s, rum_redis_t *redis,
    rum_window_t *window, rum_row_t *row, rum_window_t *from,
    rum_row_t *from_row, uint32_t *commands);

/* forgets what has been idle; RUM_ERROR without memory */
int rum_store_evict(rum_store_t *s);

/* marks the values of dimensions that are still needed */
void rum_store_mark(const rum_store_t *s, rum_intern_t *in);

/*
 * What the files of the store share: a row, if it is there; a new one, room
 * for so many cells, the bytes of one.  NULL or RUM_ERROR without memory.
 */
rum_row_t *rum_window_row(rum_window_t *window, uint32_t value);
rum_row_t *rum_window_add(rum_window_t *window, uint32_t value);
int rum_row_reserve(rum_row_t *row, uint32_t ncells);
int rum_cell_set(rum_cell_t *cell, const void *data, size_t len);

/* flags for so many cells */
int rum_window_flags(rum_window_t *window, uint32_t ncells);

/* the hash of a cell is of a wrong type; whether it is; whether it ever was */
int rum_store_refuse(rum_store_t *s, rum_window_t *window, uint32_t cell);
int rum_window_refused(const rum_window_t *window, uint32_t cell);
int rum_store_was_refused(const rum_store_t *s, const rum_window_t *window,
    uint32_t cell);

/* the next command of the transaction stores that */
int rum_store_sent(rum_store_t *s, const rum_sent_t *sent);

/* a key of the window; last: its metric, or the value that sessions are of */
int rum_store_key(const rum_store_t *s, const rum_window_t *window,
    rum_key_e type, const rum_str_t *last, unsigned char *buf);

#endif /* RUM_STORE_H */
