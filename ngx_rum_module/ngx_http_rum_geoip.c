/*
 * GeoIP: see ngx_http_rum_geoip.h.
 */

#include "ngx_http_rum_module.h"

#include <maxminddb.h>
#include <sys/mman.h>


#define NGX_HTTP_RUM_GEOIP_POLL   2000          /* ms between looks */
#define NGX_HTTP_RUM_GEOIP_STEP   (1024 * 1024) /* bytes copied at a time */
#define NGX_HTTP_RUM_GEOIP_PLACES 2048          /* remembered; a power of 2 */


/* what a record says; millions of networks share some thousand records */
typedef struct {
    uint32_t                      key;          /* its offset + 1; 0: none */
    uint32_t                      asn;          /* 0: it does not say */
    u_char                        country[2];
    u_char                        len;          /* of the country: 2 or 0 */
} ngx_http_rum_geoip_place_t;


typedef struct {
    ngx_str_t                     file;
    MMDB_s                        mmdb;
    ngx_http_rum_geoip_place_t   *places;       /* read lately */
    time_t                        mtime;        /* of the file it came from */
    off_t                         size;
    ngx_file_uniq_t               uniq;
    unsigned                      open:1;
    unsigned                      country:1;    /* what it may tell, by its */
    unsigned                      asn:1;        /* type */
    unsigned                      broken:1;     /* said so already */
} ngx_http_rum_geoip_db_t;


struct ngx_http_rum_geoip_s {
    ngx_array_t                   dbs;          /* ngx_http_rum_geoip_db_t */
    ngx_event_t                   timer;
    ngx_connection_t              dummy;

    /* a copy under way */
    ngx_http_rum_geoip_db_t      *db;           /* NULL: none */
    ngx_http_rum_geoip_db_t       copy;
    ngx_fd_t                      from;
    ngx_fd_t                      to;
    off_t                         offset;
};


static ngx_int_t ngx_http_rum_geoip_begin(ngx_http_rum_geoip_t *geoip,
    ngx_http_rum_geoip_db_t *db, ngx_log_t *log);
static ngx_int_t ngx_http_rum_geoip_step(ngx_http_rum_geoip_t *geoip,
    ngx_log_t *log);
static ngx_int_t ngx_http_rum_geoip_open(ngx_http_rum_geoip_t *geoip,
    ngx_log_t *log);
static void ngx_http_rum_geoip_end(ngx_http_rum_geoip_t *geoip);
static void ngx_http_rum_geoip_failed(ngx_http_rum_geoip_db_t *db,
    ngx_log_t *log, ngx_err_t err, const char *what);
static void ngx_http_rum_geoip_timer(ngx_event_t *ev);
static ngx_uint_t ngx_http_rum_geoip_changed(ngx_http_rum_geoip_db_t *db,
    ngx_file_info_t *fi);
static void ngx_http_rum_geoip_built(ngx_http_rum_geoip_t *geoip);
static void ngx_http_rum_geoip_cleanup(void *data);
static ngx_http_rum_geoip_place_t *ngx_http_rum_geoip_place(
    ngx_http_rum_geoip_db_t *db, MMDB_entry_s *entry);
static ngx_int_t ngx_http_rum_geoip_entry(ngx_http_rum_geoip_db_t *db,
    struct sockaddr *sockaddr, MMDB_entry_s *entry);


char *
ngx_http_rum_geoip_add(ngx_conf_t *cf, ngx_http_rum_geoip_t **geoip,
    ngx_str_t *file)
{
    ngx_uint_t                i;
    ngx_pool_cleanup_t       *cln;
    ngx_http_rum_geoip_t     *g;
    ngx_http_rum_geoip_db_t  *db;

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    g = *geoip;

    if (g == NULL) {
        g = ngx_pcalloc(cf->pool, sizeof(ngx_http_rum_geoip_t));
        if (g == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_array_init(&g->dbs, cf->pool, 2,
                           sizeof(ngx_http_rum_geoip_db_t))
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        cln = ngx_pool_cleanup_add(cf->pool, 0);
        if (cln == NULL) {
            return NGX_CONF_ERROR;
        }

        cln->handler = ngx_http_rum_geoip_cleanup;
        cln->data = g;
        *geoip = g;
    }

    db = g->dbs.elts;

    for (i = 0; i < g->dbs.nelts; i++) {
        if (db[i].file.len == file->len
            && ngx_strncmp(db[i].file.data, file->data, file->len) == 0)
        {
            return "is duplicate";
        }
    }

    db = ngx_array_push(&g->dbs);
    if (db == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(db, sizeof(ngx_http_rum_geoip_db_t));
    db->file = *file;

    db->places = ngx_palloc(cf->pool, NGX_HTTP_RUM_GEOIP_PLACES
                                      * sizeof(ngx_http_rum_geoip_place_t));
    if (db->places == NULL) {
        return NGX_CONF_ERROR;
    }

    /*
     * The first copy is made by the master at once: the workers share it.
     */

    if (ngx_http_rum_geoip_begin(g, db, cf->log) == NGX_OK) {
        while (ngx_http_rum_geoip_step(g, cf->log) == NGX_AGAIN) { /* void */ }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_rum_geoip_begin(ngx_http_rum_geoip_t *geoip,
    ngx_http_rum_geoip_db_t *db, ngx_log_t *log)
{
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = ngx_open_file(db->file.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_http_rum_geoip_failed(db, log, ngx_errno, "cannot be opened");
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        (void) ngx_close_file(fd);
        ngx_http_rum_geoip_failed(db, log, 0, "is not a file");
        return NGX_ERROR;
    }

    geoip->to = memfd_create("ngx_rum_geoip", MFD_CLOEXEC);

    if (geoip->to == NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
        ngx_http_rum_geoip_failed(db, log, ngx_errno, "cannot be copied");
        return NGX_ERROR;
    }

    geoip->db = db;
    geoip->from = fd;
    geoip->offset = 0;

    ngx_memzero(&geoip->copy, sizeof(ngx_http_rum_geoip_db_t));
    geoip->copy.mtime = ngx_file_mtime(&fi);
    geoip->copy.size = ngx_file_size(&fi);
    geoip->copy.uniq = ngx_file_uniq(&fi);

    return NGX_OK;
}


/* copies a step; NGX_AGAIN while there is more, else NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_rum_geoip_step(ngx_http_rum_geoip_t *geoip, ngx_log_t *log)
{
    u_char           *buf;
    ssize_t           n;
    ngx_int_t         rc;
    ngx_file_info_t   fi;

    buf = ngx_alloc(NGX_HTTP_RUM_GEOIP_STEP, log);
    if (buf == NULL) {
        ngx_http_rum_geoip_end(geoip);
        return NGX_ERROR;
    }

    n = pread(geoip->from, buf, NGX_HTTP_RUM_GEOIP_STEP, geoip->offset);

    if (n > 0 && pwrite(geoip->to, buf, (size_t) n, geoip->offset) == n) {
        geoip->offset += n;
        ngx_free(buf);
        return NGX_AGAIN;
    }

    ngx_free(buf);

    /* a file that is being written now is taken at a later look */

    if (n != 0
        || ngx_fd_info(geoip->from, &fi) == NGX_FILE_ERROR
        || ngx_http_rum_geoip_changed(&geoip->copy, &fi)
        || geoip->offset != geoip->copy.size)
    {
        ngx_http_rum_geoip_failed(geoip->db, log, n < 0 ? ngx_errno : 0,
                                  "changed while it was read");
        ngx_http_rum_geoip_end(geoip);
        return NGX_ERROR;
    }

    rc = ngx_http_rum_geoip_open(geoip, log);
    ngx_http_rum_geoip_end(geoip);

    return rc;
}


static ngx_int_t
ngx_http_rum_geoip_open(ngx_http_rum_geoip_t *geoip, ngx_log_t *log)
{
    int                       rc;
    u_char                    path[64];
    const char               *type;
    ngx_uint_t                place, network;
    ngx_http_rum_geoip_db_t  *db;

    db = geoip->db;

    /* also a broken file is not read again before it changes */

    db->mtime = geoip->copy.mtime;
    db->size = geoip->copy.size;
    db->uniq = geoip->copy.uniq;

    *ngx_sprintf(path, "/proc/self/fd/%d", geoip->to) = '\0';

    rc = MMDB_open((char *) path, MMDB_MODE_MMAP, &geoip->copy.mmdb);

    if (rc != MMDB_SUCCESS) {
        ngx_http_rum_geoip_failed(db, log, 0, MMDB_strerror(rc));
        return NGX_ERROR;
    }

    if (db->open) {
        MMDB_close(&db->mmdb);
    }

    db->mmdb = geoip->copy.mmdb;
    db->open = 1;
    db->broken = 0;

    ngx_memzero(db->places, NGX_HTTP_RUM_GEOIP_PLACES
                            * sizeof(ngx_http_rum_geoip_place_t));

    /*
     * A lookup of what is not there costs as much as one that finds it:
     * "GeoLite2-ASN" is not asked for countries, nor "DBIP-City" for ASNs.
     */

    type = db->mmdb.metadata.database_type;

    place = strstr(type, "City") != NULL || strstr(type, "Country") != NULL;
    network = strstr(type, "ASN") != NULL;

    db->asn = (network || !place);
    db->country = (place || !network);

    return NGX_OK;
}


static void
ngx_http_rum_geoip_end(ngx_http_rum_geoip_t *geoip)
{
    (void) ngx_close_file(geoip->from);
    (void) ngx_close_file(geoip->to);

    geoip->db = NULL;
}


static void
ngx_http_rum_geoip_failed(ngx_http_rum_geoip_db_t *db, ngx_log_t *log,
    ngx_err_t err, const char *what)
{
    if (db->broken) {
        return;
    }

    db->broken = 1;

    ngx_log_error(NGX_LOG_WARN, log, err, "rum_geoip: \"%V\" %s%s", &db->file,
                  what, db->open ? ", the database before it stays in use"
                                 : ", it will be looked at again");

    ngx_http_rum_stats_add(NGX_HTTP_RUM_GEOIP_FAILURES, 1);
}


ngx_int_t
ngx_http_rum_geoip_init_process(ngx_cycle_t *cycle,
    ngx_http_rum_geoip_t *geoip)
{
    if (geoip == NULL) {
        return NGX_OK;
    }

    geoip->dummy.fd = (ngx_socket_t) -1;
    geoip->dummy.data = geoip;
    geoip->timer.data = &geoip->dummy;
    geoip->timer.handler = ngx_http_rum_geoip_timer;
    geoip->timer.log = cycle->log;
    geoip->timer.cancelable = 1;

    ngx_http_rum_geoip_built(geoip);
    ngx_add_timer(&geoip->timer, NGX_HTTP_RUM_GEOIP_POLL);

    return NGX_OK;
}


static void
ngx_http_rum_geoip_timer(ngx_event_t *ev)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_msec_t                next;
    ngx_file_info_t           fi;
    ngx_connection_t         *c;
    ngx_http_rum_geoip_t     *geoip;
    ngx_http_rum_geoip_db_t  *db;

    c = ev->data;
    geoip = c->data;
    next = NGX_HTTP_RUM_GEOIP_POLL;

    if (geoip->db != NULL) {
        rc = ngx_http_rum_geoip_step(geoip, ev->log);

        if (rc == NGX_AGAIN) {
            next = 1;

        } else if (rc == NGX_OK) {
            next = 1;           /* others may have come with it */
            ngx_http_rum_stats_add(NGX_HTTP_RUM_GEOIP_RELOADS, 1);
            ngx_http_rum_geoip_built(geoip);
        }

        ngx_add_timer(ev, next);
        return;
    }

    db = geoip->dbs.elts;

    for (i = 0; i < geoip->dbs.nelts; i++) {

        if (ngx_file_info(db[i].file.data, &fi) == NGX_FILE_ERROR
            || !ngx_http_rum_geoip_changed(&db[i], &fi))
        {
            continue;
        }

        /* one file at a time */

        if (ngx_http_rum_geoip_begin(geoip, &db[i], ev->log) == NGX_OK) {
            next = 1;
            break;
        }
    }

    ngx_add_timer(ev, next);
}


static ngx_uint_t
ngx_http_rum_geoip_changed(ngx_http_rum_geoip_db_t *db, ngx_file_info_t *fi)
{
    return db->mtime != ngx_file_mtime(fi)
           || db->size != ngx_file_size(fi)
           || db->uniq != ngx_file_uniq(fi);
}


static void
ngx_http_rum_geoip_built(ngx_http_rum_geoip_t *geoip)
{
    ngx_uint_t                i;
    uint64_t                  built;
    ngx_http_rum_geoip_db_t  *db;

    built = 0;
    db = geoip->dbs.elts;

    for (i = 0; i < geoip->dbs.nelts; i++) {
        if (db[i].open
            && (built == 0 || db[i].mmdb.metadata.build_epoch < built))
        {
            built = db[i].mmdb.metadata.build_epoch;
        }
    }

    ngx_http_rum_stats_set(NGX_HTTP_RUM_GEOIP_BUILT, (ngx_uint_t) built);
}


static void
ngx_http_rum_geoip_cleanup(void *data)
{
    ngx_http_rum_geoip_t *geoip = data;

    ngx_uint_t                i;
    ngx_http_rum_geoip_db_t  *db;

    db = geoip->dbs.elts;

    for (i = 0; i < geoip->dbs.nelts; i++) {
        if (db[i].open) {
            MMDB_close(&db[i].mmdb);
        }
    }
}


size_t
ngx_http_rum_geoip_lookup(ngx_http_rum_geoip_t *geoip,
    struct sockaddr *sockaddr, u_char *country, uint32_t *asn)
{
    size_t                       len;
    ngx_uint_t                   i;
    MMDB_entry_s                 entry;
    ngx_http_rum_geoip_db_t     *db;
    ngx_http_rum_geoip_place_t  *place;

    len = 0;
    *asn = 0;

    if (geoip == NULL) {
        return 0;
    }

    db = geoip->dbs.elts;

    for (i = 0; i < geoip->dbs.nelts; i++) {

        if (ngx_http_rum_geoip_entry(&db[i], sockaddr, &entry) != NGX_OK) {
            continue;
        }

        place = ngx_http_rum_geoip_place(&db[i], &entry);

        if (len == 0 && place->len != 0) {
            ngx_memcpy(country, place->country, 2);
            len = 2;
        }

        if (*asn == 0) {
            *asn = place->asn;
        }
    }

    return len;
}


static ngx_http_rum_geoip_place_t *
ngx_http_rum_geoip_place(ngx_http_rum_geoip_db_t *db, MMDB_entry_s *entry)
{
    uint32_t                     key;
    MMDB_entry_data_s            data;
    ngx_http_rum_geoip_place_t  *place;

    static const char *const  country_path[] = { "country", "iso_code", NULL };
    static const char *const  asn_path[] = { "autonomous_system_number", NULL };

    key = entry->offset + 1;

    /* records are of some tens of bytes */

    place = &db->places[(key ^ key >> 11) & (NGX_HTTP_RUM_GEOIP_PLACES - 1)];

    if (place->key == key) {
        return place;
    }

    place->key = key;
    place->asn = 0;
    place->len = 0;

    if (db->country
        && MMDB_aget_value(entry, &data, country_path) == MMDB_SUCCESS
        && data.has_data && data.type == MMDB_DATA_TYPE_UTF8_STRING
        && data.data_size == 2)
    {
        ngx_memcpy(place->country, data.utf8_string, 2);
        place->len = 2;
    }

    if (db->asn
        && MMDB_aget_value(entry, &data, asn_path) == MMDB_SUCCESS
        && data.has_data && data.type == MMDB_DATA_TYPE_UINT32)
    {
        place->asn = data.uint32;
    }

    return place;
}


ngx_str_t
ngx_http_rum_geoip_field(ngx_http_rum_geoip_t *geoip,
    struct sockaddr *sockaddr, ngx_http_rum_geoip_field_e field)
{
    ngx_str_t                 value;
    ngx_uint_t                i;
    const char *const        *path;
    MMDB_entry_s              entry;
    MMDB_entry_data_s         data;
    ngx_http_rum_geoip_db_t  *db;

    static const char *const  region[] = { "subdivisions", "0", "iso_code",
                                           NULL };
    static const char *const  city[] = { "city", "names", "en", NULL };

    ngx_str_null(&value);

    if (geoip == NULL) {
        return value;
    }

    path = (field == NGX_HTTP_RUM_GEOIP_REGION) ? region : city;
    db = geoip->dbs.elts;

    for (i = 0; i < geoip->dbs.nelts; i++) {

        if (ngx_http_rum_geoip_entry(&db[i], sockaddr, &entry) == NGX_OK
            && MMDB_aget_value(&entry, &data, path) == MMDB_SUCCESS
            && data.has_data && data.type == MMDB_DATA_TYPE_UTF8_STRING)
        {
            value.len = data.data_size;
            value.data = (u_char *) data.utf8_string;
            break;
        }
    }

    return value;
}


/* not every database has the IPv4 addresses in IPv6 (::ffff:192.0.2.1) */

static ngx_int_t
ngx_http_rum_geoip_entry(ngx_http_rum_geoip_db_t *db,
    struct sockaddr *sockaddr, MMDB_entry_s *entry)
{
    int                   err;
    struct sockaddr_in    sin;
    struct sockaddr_in6  *sin6;
    MMDB_lookup_result_s  result;

    if (!db->open) {
        return NGX_DECLINED;
    }

    switch (sockaddr->sa_family) {

    case AF_INET:
        break;

    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ngx_memzero(&sin, sizeof(struct sockaddr_in));
            sin.sin_family = AF_INET;
            ngx_memcpy(&sin.sin_addr, &sin6->sin6_addr.s6_addr[12], 4);
            sockaddr = (struct sockaddr *) &sin;

        } else if (db->mmdb.metadata.ip_version == 4) {
            return NGX_DECLINED;
        }

        break;

    default:
        return NGX_DECLINED;
    }

    result = MMDB_lookup_sockaddr(&db->mmdb, sockaddr, &err);

    if (err != MMDB_SUCCESS || !result.found_entry) {
        return NGX_DECLINED;
    }

    *entry = result.entry;

    return NGX_OK;
}
