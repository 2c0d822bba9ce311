/*
 * The built-in page grouping: see rum_page.h, and docs/beacon.md for the
 * rules with examples.  Called for every beacon.
 */

#include "rum_page.h"
#include "rum_page_kinds.h"
#include "rum_utf8.h"

#define RUM_PAGE_UUID         36
#define RUM_PAGE_HEX_LONG     16        /* an id from this length on, */
#define RUM_PAGE_HEX_DIGIT    8         /* or this one with a digit in it */
#define RUM_PAGE_RANDOM       20        /* letters and digits at random */
#define RUM_PAGE_EXTENSION    5         /* longest file extension */

/* classes of characters in a segment */
#define RUM_PAGE_LOWER        0x0001
#define RUM_PAGE_UPPER        0x0002
#define RUM_PAGE_LETTER       0x0003
#define RUM_PAGE_DIGIT        0x0004
#define RUM_PAGE_ALNUM        0x0007
#define RUM_PAGE_HEX          0x0008    /* besides one of the three */
#define RUM_PAGE_JOIN         0x0010    /* "-" and "_" */
#define RUM_PAGE_ASIS         0x0020    /* printable, needs no encoding */
#define RUM_PAGE_SCHEME       0x0040    /* may stand in "https" */
#define RUM_PAGE_STOP         0x0080    /* ends host or path */
#define RUM_PAGE_END          0x0100    /* ends a segment */
#define RUM_PAGE_AT           0x0200    /* "@", or "%" of an encoded one */

static void rum_page_host(const rum_str_t *authority, rum_str_t *host);
static size_t rum_page_segment(const rum_str_t *segment, unsigned seen,
    unsigned char *buf, size_t size);
static const rum_str_t *rum_page_kind(const rum_str_t *segment,
    unsigned seen, size_t *stem);
static size_t rum_page_extension(const rum_str_t *segment);
static int rum_page_id(const unsigned char *data, size_t len);
static int rum_page_uuid(const unsigned char *data, size_t len);
static int rum_page_random(const unsigned char *data, size_t len);
static size_t rum_page_copy(const unsigned char *data, size_t len,
    unsigned char *buf, size_t size);


/* the rest (controls, DEL, what is not ASCII) has no class */

static const uint16_t  rum_page_classes[256] = {
    [' ' ... '"'] = RUM_PAGE_ASIS,
    ['#'] = RUM_PAGE_ASIS|RUM_PAGE_STOP,
    ['$'] = RUM_PAGE_ASIS,
    ['%'] = RUM_PAGE_ASIS|RUM_PAGE_AT,
    ['&' ... '*'] = RUM_PAGE_ASIS,
    ['+'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME,
    [','] = RUM_PAGE_ASIS,
    ['-'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME|RUM_PAGE_JOIN,
    ['.'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME,
    ['/'] = RUM_PAGE_ASIS|RUM_PAGE_END,
    ['0' ... '9'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME|RUM_PAGE_DIGIT|RUM_PAGE_HEX,
    [':'] = RUM_PAGE_ASIS,
    [';'] = RUM_PAGE_ASIS|RUM_PAGE_END,
    ['<' ... '>'] = RUM_PAGE_ASIS,
    ['?'] = RUM_PAGE_ASIS|RUM_PAGE_STOP,
    ['@'] = RUM_PAGE_ASIS|RUM_PAGE_AT,
    ['A' ... 'F'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME|RUM_PAGE_UPPER|RUM_PAGE_HEX,
    ['G' ... 'Z'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME|RUM_PAGE_UPPER,
    ['[' ... '^'] = RUM_PAGE_ASIS,
    ['_'] = RUM_PAGE_ASIS|RUM_PAGE_JOIN,
    ['`'] = RUM_PAGE_ASIS,
    ['a' ... 'f'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME|RUM_PAGE_LOWER|RUM_PAGE_HEX,
    ['g' ... 'z'] = RUM_PAGE_ASIS|RUM_PAGE_SCHEME|RUM_PAGE_LOWER,
    ['{' ... '~'] = RUM_PAGE_ASIS
};


rum_str_t
rum_page_path(const rum_str_t *url, rum_str_t *host)
{
    rum_str_t       path, authority;
    unsigned char  *c, *end;

    static unsigned char  root[] = "/";

    rum_str_null(&authority);

    if (url->len == 0) {
        c = root + 1;
        end = c;

    } else {
        c = url->data;
        end = c + url->len;
    }

    /* SCHEME "://" or "//", then the authority up to the path */

    while (c < end && (rum_page_classes[*c] & RUM_PAGE_SCHEME)) {
        c++;
    }

    if (c < end && *c == ':') {
        c++;

    } else {
        c = end - url->len;
    }

    if (end - c >= 2 && c[0] == '/' && c[1] == '/') {
        c += 2;
        authority.data = c;

        while (c < end && *c != '/'
               && !(rum_page_classes[*c] & RUM_PAGE_STOP))
        {
            c++;
        }

        authority.len = c - authority.data;
    }

    while (c < end && *c != '/' && !(rum_page_classes[*c] & RUM_PAGE_STOP)) {
        c++;
    }

    path.data = c;

    while (c < end && !(rum_page_classes[*c] & RUM_PAGE_STOP)) {
        c++;
    }

    path.len = c - path.data;

    if (path.len == 0) {
        path.len = 1;
        path.data = root;
    }

    if (host != NULL) {
        rum_page_host(&authority, host);
    }

    return path;
}


/* [userinfo@]host[:port]; an IPv6 address has brackets around */

static void
rum_page_host(const rum_str_t *authority, rum_str_t *host)
{
    size_t  i, start, end;

    start = 0;

    for (i = 0; i < authority->len; i++) {
        if (authority->data[i] == '@') {
            start = i + 1;
        }
    }

    end = start;

    if (end < authority->len && authority->data[end] == '[') {
        while (end < authority->len && authority->data[end] != ']') {
            end++;
        }
    }

    while (end < authority->len && authority->data[end] != ':') {
        end++;
    }

    host->len = end - start;
    host->data = host->len != 0 ? authority->data + start : NULL;
}


size_t
rum_page_group(const rum_str_t *path, unsigned char *buf, size_t size)
{
    size_t     i, n, len;
    unsigned   class, seen;
    rum_str_t  segment;

    if (size > RUM_LEN_PAGE) {
        size = RUM_LEN_PAGE;
    }

    if (size == 0) {
        return 0;
    }

    len = 0;
    i = 0;

    while (i < path->len) {

        if (path->data[i] == '/') {
            i++;
            continue;
        }

        segment.data = path->data + i;
        seen = 0;

        for ( /* void */ ; i < path->len; i++) {
            class = rum_page_classes[path->data[i]];

            if (class & RUM_PAGE_END) {
                break;
            }

            seen |= class;
        }

        segment.len = (size_t) (path->data + i - segment.data);

        while (i < path->len && path->data[i] != '/') {
            i++;
        }

        if (segment.len == 0) {
            continue;
        }

        /* at least the slash and one byte, or it ends here */

        if (size - len < 2) {
            break;
        }

        n = rum_page_segment(&segment, seen, buf + len + 1,
                             size - len - 1);

        if (n == 0) {
            break;
        }

        buf[len] = '/';
        len += n + 1;
    }

    if (len == 0) {
        buf[0] = '/';
        return 1;
    }

    return len;
}


/* seen: the classes of its characters, taken together */

static size_t
rum_page_segment(const rum_str_t *segment, unsigned seen, unsigned char *buf,
    size_t size)
{
    size_t            stem, len;
    const rum_str_t  *kind;

    /* most are words: without a digit there are only e-mails and long hex */

    if (!(seen & (RUM_PAGE_DIGIT|RUM_PAGE_AT))
        && segment->len < RUM_PAGE_HEX_LONG)
    {
        return rum_page_copy(segment->data, segment->len, buf, size);
    }

    kind = rum_page_kind(segment, seen, &stem);

    if (kind == NULL) {
        return rum_page_copy(segment->data, segment->len, buf, size);
    }

    len = kind->len < size ? kind->len : size;
    memcpy(buf, kind->data, len);

    return len + rum_page_copy(segment->data + stem, segment->len - stem,
                               buf + len, size - len);
}


/* what stands for so many bytes of the segment; NULL if it stays */

static const rum_str_t *
rum_page_kind(const rum_str_t *segment, unsigned seen, size_t *stem)
{
    static const rum_str_t  id = rum_string(":id");
    static const rum_str_t  date = rum_string(":date");
    static const rum_str_t  email = rum_string(":email");
    static const rum_str_t  phone = rum_string(":phone");

    *stem = segment->len;

    if ((seen & RUM_PAGE_AT)
        && rum_page_email(segment->data, segment->len))
    {
        return &email;
    }

    *stem -= rum_page_extension(segment);

    if (rum_page_id(segment->data, *stem)) {
        return &id;
    }

    /* neither begins with a letter */

    if (!(seen & RUM_PAGE_DIGIT)
        || (rum_page_classes[segment->data[0]] & RUM_PAGE_LETTER))
    {
        return NULL;
    }

    if (rum_page_date(segment->data, *stem)) {

        /* fractions of a second look like an extension */

        if (rum_page_date(segment->data, segment->len)) {
            *stem = segment->len;
        }

        return &date;
    }

    return rum_page_phone(segment->data, *stem) ? &phone : NULL;
}


/* the length of ".html" in "1.html"; 0 if there is none */

static size_t
rum_page_extension(const rum_str_t *segment)
{
    size_t    n;
    unsigned  class, seen;

    seen = 0;

    for (n = 0; n < segment->len && n <= RUM_PAGE_EXTENSION; n++) {

        if (segment->data[segment->len - n - 1] == '.') {
            return (seen & (RUM_PAGE_LOWER|RUM_PAGE_UPPER)) ? n + 1 : 0;
        }

        class = rum_page_classes[segment->data[segment->len - n - 1]];

        if (!(class & RUM_PAGE_ALNUM)) {
            return 0;
        }

        seen |= class;
    }

    return 0;
}


static int
rum_page_id(const unsigned char *data, size_t len)
{
    size_t    i;
    unsigned  seen, hex;

    if (len == 0) {
        return 0;
    }

    seen = 0;
    hex = RUM_PAGE_HEX;

    for (i = 0; i < len && hex; i++) {
        seen |= rum_page_classes[data[i]];
        hex &= rum_page_classes[data[i]];
    }

    if (hex) {
        return !(seen & (RUM_PAGE_LOWER|RUM_PAGE_UPPER))
               || len >= RUM_PAGE_HEX_LONG
               || (len >= RUM_PAGE_HEX_DIGIT && (seen & RUM_PAGE_DIGIT));
    }

    if (len == RUM_PAGE_UUID && rum_page_uuid(data, len)) {
        return 1;
    }

    return len >= RUM_PAGE_RANDOM && rum_page_random(data, len);
}


static int
rum_page_uuid(const unsigned char *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (data[i] != '-') {
                return 0;
            }

        } else if (!(rum_page_classes[data[i]] & RUM_PAGE_HEX)) {
            return 0;
        }
    }

    return 1;
}


/*
 * Tells "dQw4w9WgXcQ0Yz3mK1pA" from "Summer-Sale-2024-All-Items": letters
 * and digits at random change between lower case, upper case and digit at
 * every second character or so, words do not.  Words joined by "-" change
 * more often than one word, so more is asked for there.
 */
static int
rum_page_random(const unsigned char *data, size_t len)
{
    size_t    i, changes;
    unsigned  class, last, seen;

    changes = 0;
    last = 0;
    seen = 0;

    for (i = 0; i < len; i++) {
        class = rum_page_classes[data[i]] & (RUM_PAGE_ALNUM|RUM_PAGE_JOIN);
        seen |= class;

        if (class == 0) {
            return 0;
        }

        if (class == RUM_PAGE_JOIN) {
            continue;
        }

        changes += last != 0 && class != last;
        last = class;
    }

    if (!(seen & RUM_PAGE_DIGIT)
        || !(seen & (RUM_PAGE_LOWER|RUM_PAGE_UPPER)))
    {
        return 0;
    }

    return seen & RUM_PAGE_JOIN ? changes * 2 >= len
                                : changes * 10 >= len * 3;
}


/*
 * Whole characters only, as many as fit; what must not stand in a page group
 * is percent-encoded.
 */
static size_t
rum_page_copy(const unsigned char *data, size_t len, unsigned char *buf,
    size_t size)
{
    size_t  i, n, out;

    static const char  hex[] = "0123456789ABCDEF";

    out = 0;

    for (i = 0; i < len; i += n) {

        if (rum_page_classes[data[i]] & RUM_PAGE_ASIS) {
            if (out == size) {
                break;
            }

            buf[out++] = data[i];
            n = 1;
            continue;
        }

        n = data[i] < 0x80 ? 0 : rum_utf8_char(data + i, len - i);

        if (n != 0) {
            if (n > size - out) {
                break;
            }

            memcpy(buf + out, data + i, n);
            out += n;
            continue;
        }

        if (size - out < 3) {
            break;
        }

        buf[out++] = '%';
        buf[out++] = hex[data[i] >> 4];
        buf[out++] = hex[data[i] & 0x0f];

        n = 1;
    }

    return out;
}
