/*
 * What the formats of the beacon parser have in common: how a value of the
 * JSON becomes a value of the event.  Everything is copied, cut to its limit
 * and cleaned here, so that no later part meets a string that is not UTF-8
 * or a number that is not finite.
 */

#include "rum_beacon_schema.h"
#include "rum_page.h"
#include "rum_utf8.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define RUM_BEACON_NUMBER  64           /* longest number, in characters */
#define RUM_BEACON_DIGITS  19           /* of these 64 bits hold any */

static int rum_beacon_ascii(const unsigned char *data, size_t len);
static size_t rum_beacon_clean(unsigned char *data, size_t len);
static int rum_beacon_ends_url(unsigned char c);
static int rum_beacon_is_line(const unsigned char *data, size_t len);

#define rum_beacon_target(p, key)                                             \
    ((void *) ((char *) (p)->frames[(p)->depth - 1].base + (key)->offset))


int
rum_beacon_copy(rum_beacon_parser_t *p, const rum_str_t *value, size_t limit,
    rum_str_t *copy)
{
    size_t          len;
    unsigned char  *data;

    if (value->len == 0) {
        rum_str_null(copy);
        return RUM_OK;
    }

    len = value->len;

    if (len > limit) {
        len = rum_utf8_cut(value->data, len, limit);
        p->event->cut[RUM_CUT_STRINGS]++;
    }

    data = rum_beacon_alloc(p, len);
    if (data == NULL) {
        return rum_beacon_fail(p, RUM_BEACON_NO_MEMORY,
                               "the beacon needs too much memory");
    }

    rum_bytes_copy(data, value->data, len);

    if (!rum_beacon_ascii(data, len)) {
        len = rum_beacon_clean(data, len);
    }

    copy->len = len;
    copy->data = data;

    return RUM_OK;
}


/* 1 if there is neither NUL nor anything above 0x7f; eight at a time */

static int
rum_beacon_ascii(const unsigned char *data, size_t len)
{
    uint32_t              first, last;
    uint64_t              word, bad;
    const unsigned char  *end;

    if (len >= 8) {
        end = data + len - 8;
        memcpy(&word, end, 8);
        bad = word | (word - 0x0101010101010101ull);

        for ( /* void */ ; data < end; data += 8) {
            memcpy(&word, data, 8);
            bad |= word | (word - 0x0101010101010101ull);
        }

    } else if (len >= 4) {
        memcpy(&first, data, 4);
        memcpy(&last, data + len - 4, 4);
        word = (uint64_t) first << 32 | last;
        bad = word | (word - 0x0101010101010101ull);

    } else {
        for (bad = 0; len > 0; data++, len--) {
            bad |= *data | (*data - 1u);
        }
    }

    return (bad & 0x8080808080808080ull) == 0;
}


/*
 * In place, never longer.  yajl has checked the shape of UTF-8 sequences,
 * but lets overlong ones pass and writes lone surrogates ("\udc00") as if
 * they were characters.
 */
static size_t
rum_beacon_clean(unsigned char *data, size_t len)
{
    size_t          i, n;
    unsigned char  *out;

    out = data;

    for (i = 0; i < len; i += n) {

        if (data[i] == '\0') {
            n = 1;
            continue;
        }

        n = rum_utf8_char(data + i, len - i);

        if (n != 0) {
            memmove(out, data + i, n);
            out += n;
            continue;
        }

        *out++ = '?';

        for (n = 1; i + n < len && (data[i + n] & 0xc0) == 0x80; n++) {
            /* void */
        }
    }

    return out - data;
}


void
rum_beacon_strip_url(rum_str_t *url)
{
    size_t  i;

    for (i = 0; i < url->len; i++) {
        if (url->data[i] == '?' || url->data[i] == '#') {
            url->len = i;
            return;
        }
    }
}


/*
 * "at f (https://a.test/x.js?token=1:10:5)" loses "?token=1".
 * A URL ends at white space, a quote, or a bracket that was not opened in it;
 * its query also at the line number that browsers write behind it.  A path
 * by itself ("GET /x?token=1") is one, too.
 */
void
rum_beacon_strip_text(rum_str_t *text)
{
    int             url, query;
    size_t          i, open;
    unsigned char   c, *d, *out;

    d = text->data;
    out = d;
    url = 0;
    query = 0;
    open = 0;

    for (i = 0; i < text->len; i++) {
        c = d[i];

        if (query && open > 0 && (c == ')' || c == ']' || c == '}')) {
            open--;

        } else if (rum_beacon_ends_url(c)) {
            url = 0;
            query = 0;

        } else if (query) {
            open += (c == '(' || c == '[' || c == '{');
            query = !rum_beacon_is_line(d + i, text->len - i);

        } else if (url) {
            query = (c == '?' || c == '#');
            open = 0;

        } else if (c == '/') {
            url = i == 0 || rum_beacon_ends_url(d[i - 1]) || d[i - 1] == '('
                  || d[i - 1] == '[' || d[i - 1] == '{'
                  || (i > 1 && d[i - 1] == '/' && d[i - 2] == ':');
        }

        if (!query) {
            *out++ = c;
        }
    }

    text->len = out - d;
}


static int
rum_beacon_ends_url(unsigned char c)
{
    return c <= ' ' || c == '"' || c == '\'' || c == ')' || c == '>'
           || c == ']' || c == '}';
}


/* ":10:5" or ":10" at the end of a URL */

static int
rum_beacon_is_line(const unsigned char *data, size_t len)
{
    size_t  i, n;

    i = 0;

    for (n = 0; n < 2 && i + 1 < len && data[i] == ':'
                && data[i + 1] >= '0' && data[i + 1] <= '9'; n++)
    {
        for (i++; i < len && data[i] >= '0' && data[i] <= '9'; i++) {
            /* void */
        }
    }

    return n > 0 && (i == len || rum_beacon_ends_url(data[i]));
}


uint32_t
rum_beacon_count(rum_beacon_parser_t *p, double value)
{
    if (value >= 0 && value <= RUM_MAX_COUNT) {
        return (uint32_t) value;
    }

    p->event->cut[RUM_CUT_RANGE]++;

    return value > RUM_MAX_COUNT ? RUM_MAX_COUNT : 0;
}


int
rum_beacon_set_string(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    return rum_beacon_copy(p, value, key->limit, rum_beacon_target(p, key));
}


int
rum_beacon_set_url(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    rum_str_t  url;

    url = *value;
    rum_beacon_strip_url(&url);

    return rum_beacon_copy(p, &url, key->limit, rum_beacon_target(p, key));
}


int
rum_beacon_set_text(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    int         rc;
    rum_str_t  *text;

    text = rum_beacon_target(p, key);

    rc = rum_beacon_copy(p, value, key->limit, text);
    if (rc != RUM_OK) {
        return rc;
    }

    rum_beacon_strip_text(text);

    return RUM_OK;
}


int
rum_beacon_set_count(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value)
{
    *(uint32_t *) rum_beacon_target(p, key) = rum_beacon_count(p, value);

    return RUM_OK;
}


int
rum_beacon_set_amount(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    double value)
{
    if (value >= 0 && value <= RUM_METRIC_CUSTOM_MAX) {
        *(double *) rum_beacon_target(p, key) = value + 0.0;

    } else {
        p->event->cut[RUM_CUT_RANGE]++;
    }

    return RUM_OK;
}


int
rum_beacon_set_dim(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    int        rc;
    rum_str_t  copy;

    rc = rum_beacon_copy(p, value, RUM_LEN_VALUE, &copy);
    if (rc != RUM_OK) {
        return rc;
    }

    (void) rum_event_set_dim(p->event, &key->name, &copy);

    return RUM_OK;
}


int
rum_beacon_set_nav(rum_beacon_parser_t *p, const rum_beacon_key_t *key,
    const rum_str_t *value)
{
    int        rc;
    size_t     i;
    rum_str_t  copy;

    static const rum_str_t  nav = rum_string("nav");

    (void) key;

    rc = rum_beacon_copy(p, value, RUM_LEN_VALUE, &copy);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < copy.len; i++) {
        if (copy.data[i] == '-') {
            copy.data[i] = '_';
        }
    }

    (void) rum_event_set_dim(p->event, &nav, &copy);

    return RUM_OK;
}


/* the same metric again replaces the value before */

int
rum_beacon_metric(rum_beacon_parser_t *p, const rum_metric_t *metric,
    const rum_str_t *name, double value, const rum_str_t *id)
{
    double               max;
    uint32_t             i;
    uint64_t             bit;
    rum_event_t         *event;
    rum_event_metric_t  *m;

    event = p->event;
    max = metric != NULL ? metric->max : RUM_METRIC_CUSTOM_MAX;

    if (!(value >= 0 && value <= max)) {
        event->cut[RUM_CUT_RANGE]++;
        return RUM_OK;
    }

    /* one bit per name, so that there is nothing to search for at first */

    bit = 1ull << ((metric != NULL ? (size_t) (metric - rum_metrics)
                                   : name->len + name->data[0]) & 63);
    i = event->nmetrics;

    if (p->seen & bit) {
        for (i = 0; i < event->nmetrics; i++) {
            if (rum_str_eq(&event->metrics[i].name, name)) {
                break;
            }
        }
    }

    if (i == RUM_MAX_METRICS) {
        event->cut[RUM_CUT_METRICS]++;
        return RUM_OK;
    }

    if (i == event->nmetrics) {
        event->nmetrics++;
        p->seen |= bit;
    }

    m = &event->metrics[i];
    m->metric = metric;
    m->name = *name;
    m->value = value + 0.0;     /* no -0 */
    m->id = *id;

    return RUM_OK;
}


int
rum_beacon_page(rum_beacon_parser_t *p, const rum_str_t *url)
{
    rum_str_t       group;
    rum_event_t    *event;

    event = p->event;

    group.data = rum_beacon_alloc(p, RUM_LEN_PAGE);
    if (group.data == NULL) {
        return rum_beacon_fail(p, RUM_BEACON_NO_MEMORY,
                               "the beacon needs too much memory");
    }

    event->url = *url;
    event->path = rum_page_path(&event->url, &p->host);

    group.len = rum_page_group(&event->path, group.data, RUM_LEN_PAGE);
    event->page = group;

    return RUM_OK;
}


int
rum_beacon_from(rum_beacon_parser_t *p, const rum_str_t *from)
{
    size_t        i;
    rum_str_t     host, path, group;
    rum_event_t  *event;

    event = p->event;

    if (from->len == 0) {
        return RUM_OK;
    }

    path = rum_page_path(from, &host);

    if (host.len == 0 && from->data[0] != '/') {
        return RUM_OK;
    }

    group.len = rum_utf8_cut(host.data, host.len, RUM_LEN_PAGE);
    group.data = rum_beacon_alloc(p, RUM_LEN_PAGE);

    if (group.data == NULL) {
        return rum_beacon_fail(p, RUM_BEACON_NO_MEMORY,
                               "the beacon needs too much memory");
    }

    if (host.len == 0
        || (host.len == p->host.len
            && strncasecmp((char *) host.data, (char *) p->host.data,
                           host.len)
               == 0))
    {
        group.len = rum_page_group(&path, group.data, RUM_LEN_PAGE);

    } else {
        for (i = 0; i < group.len; i++) {
            group.data[i] = host.data[i];

            if (host.data[i] >= 'A' && host.data[i] <= 'Z') {
                group.data[i] |= 0x20;
            }
        }
    }

    event->from = group;

    return RUM_OK;
}


/*
 * The number nearest to its decimal text.  Up to 2^53 and 10^22 both factors
 * are exact doubles, so that one division or multiplication rounds once, as
 * strtod() would, which does all others.
 */
double
rum_beacon_decimal(const char *text, size_t len)
{
    char         copy[RUM_BEACON_NUMBER];
    double       value;
    uint64_t     m;
    unsigned     digit;
    const char  *c, *end, *point;

    static const double  pow10[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
        1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
    };

    c = text;
    end = text + len;

    if (*c == '-') {
        c++;
    }

    if (len <= RUM_BEACON_DIGITS) {

        /* yajl knows that it is a number: digits, and one point at most */

        point = end;

        for (m = 0; c < end; c++) {
            digit = (unsigned) *c - '0';

            if (digit <= 9) {
                m = m * 10 + digit;

            } else if (*c == '.') {
                point = c + 1;

            } else {
                break;
            }
        }

        if (c == end && m <= (1ull << 53)) {
            value = (double) m / pow10[end - point];
            return *text == '-' ? -value : value;
        }
    }

    if (len >= sizeof(copy)) {
        return NAN;
    }

    memcpy(copy, text, len);
    copy[len] = '\0';

    return strtod(copy, NULL);
}
