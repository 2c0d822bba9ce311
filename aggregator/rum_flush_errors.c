/*
 * The samples of errors in a flush: see rum_flush.h and rum_errors.h.
 */

#include "rum_flush.h"
#include "rum_fingerprint.h"


static int rum_flush_error_key(const rum_partition_t *p,
    const rum_error_t *error, unsigned char *buf, rum_str_t *text);


/* when errors were seen before; their rows are there by now */

int
rum_flush_load_errors(rum_flush_t *f)
{
    int               rc;
    uint32_t          i;
    rum_str_t         key;
    rum_error_t      *error;
    rum_errors_t     *e;
    unsigned char     buf[RUM_KEY_MAX];

    e = &f->p->errors;

    for (i = 0; i < e->nseen; i++) {
        error = &e->errors[e->seen[i]];

        if (error->loaded) {
            continue;
        }

        if (rum_flush_error_key(f->p, error, buf, &key) != RUM_OK
            || rum_errors_ask(f->redis, &key) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    for (i = 0; i < e->nseen; i++) {
        error = &e->errors[e->seen[i]];

        if (!error->loaded) {
            rc = rum_errors_take(error, f->redis);

            if (rc == RUM_DECLINED
                && rum_flush_error_key(f->p, error, buf, &key) == RUM_OK)
            {
                f->p->store.wrong_type++;
                rc = rum_store_refused_key(&f->p->store, key.data, key.len);
            }

            if (rc != RUM_OK) {
                return rc;
            }
        }
    }

    return RUM_OK;
}


static int
rum_flush_error_key(const rum_partition_t *p, const rum_error_t *error,
    unsigned char *buf, rum_str_t *text)
{
    int            len;
    rum_key_t      key;
    unsigned char  hex[RUM_FINGERPRINT_LEN];

    memset(&key, 0, sizeof(key));
    rum_fingerprint_write(error->fingerprint, hex);

    key.type = RUM_KEY_ERROR;
    key.partition = p->number;
    key.site = p->sites.sites[error->site]->name;
    key.value.data = hex;
    key.value.len = RUM_FINGERPRINT_LEN;

    len = rum_key_write(&key, buf, RUM_KEY_MAX);

    text->data = buf;
    text->len = len > 0 ? (size_t) len : 0;

    return len > 0 ? RUM_OK : RUM_ERROR;
}


/*
 * Of errors that have a row of their own in the day; that bounds them.  The
 * windows are loaded: the error counted there.
 */

int
rum_flush_errors(rum_flush_t *f)
{
    int               rc;
    uint32_t          i, value;
    uint64_t          start;
    unsigned          other;
    rum_str_t         key, text;
    rum_row_t        *row;
    rum_error_t      *error;
    rum_errors_t     *e;
    rum_window_t     *day;
    rum_partition_t  *p;
    unsigned char     buf[RUM_KEY_MAX], hex[RUM_FINGERPRINT_LEN];

    p = f->p;
    e = &p->errors;

    text.data = hex;
    text.len = RUM_FINGERPRINT_LEN;

    for (i = 0; i < e->nseen; i++) {
        error = &e->errors[e->seen[i]];

        if (error->refused) {
            continue;
        }

        start = rum_window_start(RUM_RES_DAY, error->time / 1000);

        if (start + rum_resolution_seconds[RUM_RES_DAY]
            + p->config->retention[RUM_RES_DAY] / 1000 <= f->now)
        {
            continue;
        }

        rum_fingerprint_write(error->fingerprint, hex);
        value = rum_intern(&p->intern, &text);
        day = rum_store_window(&p->store, error->site,
                               RUM_DIM_DETAILS + RUM_DETAIL_ERROR,
                               RUM_RES_DAY, start);

        if (value == RUM_MAP_NONE || day == NULL) {
            return RUM_ERROR;
        }

        row = rum_store_row(&p->store, day, value, &other);
        if (row == NULL) {
            return RUM_ERROR;
        }

        if (other || rum_flush_error_key(p, error, buf, &key) != RUM_OK) {
            continue;
        }

        rc = rum_errors_write(error, f->redis, &key, day->expiry,
                              &p->scratch->args, &f->commands);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}
