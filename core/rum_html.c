/*
 * The scanner for the head of a page, see rum_html.h.  Its states are those
 * of the tokenizer of the HTML standard, as far as they matter here.
 */

#define _GNU_SOURCE                     /* memmem() */

#include "rum_html.h"


typedef enum {
    RUM_HTML_TEXT = 0,
    RUM_HTML_OPEN,              /* < */
    RUM_HTML_END_OPEN,          /* </ */
    RUM_HTML_DECLARATION,       /* <! */
    RUM_HTML_DECLARATION_DASH,  /* <!- */
    RUM_HTML_BOGUS,             /* what ends at the next > */

    RUM_HTML_COMMENT_BEGIN,     /* <!-- */
    RUM_HTML_COMMENT_BEGIN_DASH,
    RUM_HTML_COMMENT,
    RUM_HTML_COMMENT_DASH,
    RUM_HTML_COMMENT_END,       /* -- */
    RUM_HTML_COMMENT_END_BANG,  /* --! */

    RUM_HTML_NAME,              /* of a tag */
    RUM_HTML_BETWEEN,           /* attributes */
    RUM_HTML_ATTRIBUTE,
    RUM_HTML_AFTER_ATTRIBUTE,
    RUM_HTML_BEFORE_VALUE,
    RUM_HTML_VALUE,
    RUM_HTML_DOUBLE_QUOTED,
    RUM_HTML_SINGLE_QUOTED,

    RUM_HTML_RAW,               /* in an element whose content is text */
    RUM_HTML_RAW_END,           /* in what may be its end tag */

    RUM_HTML_DONE
} rum_html_state_e;


static int rum_html_step_markup(rum_html_t *html, unsigned char c);
static int rum_html_step_comment(rum_html_t *html, unsigned char c);
static int rum_html_step_tag(rum_html_t *html, unsigned char c);
static int rum_html_step_raw(rum_html_t *html, unsigned char c);
static int rum_html_tag(rum_html_t *html);
static void rum_html_name_add(rum_html_t *html, unsigned char c);
static int rum_html_name_is(rum_html_t *html, const char *name);
static int rum_html_is_src(const unsigned char *data,
    const unsigned char *value);
static unsigned char rum_html_lower(unsigned char c);
static int rum_html_letter(unsigned char c);
static int rum_html_space(unsigned char c);


/* in these states nothing matters before this byte */
static const char  rum_html_stop[RUM_HTML_DONE] = {
    [RUM_HTML_TEXT] = '<',
    [RUM_HTML_BOGUS] = '>',
    [RUM_HTML_COMMENT] = '-',
    [RUM_HTML_DOUBLE_QUOTED] = '"',
    [RUM_HTML_SINGLE_QUOTED] = '\'',
    [RUM_HTML_RAW] = '<',
};


/* elements whose content is text up to their end tag */
static const char  *rum_html_raw[] = {
    "script", "style", "title", "textarea", "noscript", "iframe", "xmp",
    "noembed", "noframes", NULL
};


void
rum_html_init(rum_html_t *html)
{
    memset(html, 0, sizeof(rum_html_t));
}


int
rum_html_head(rum_html_t *html, const unsigned char *data, size_t len,
    size_t *at)
{
    int                   rc;
    const unsigned char  *p, *last;

    if (html->state == RUM_HTML_DONE) {
        return RUM_DECLINED;
    }

    if (len > RUM_HTML_MAX - html->seen) {
        len = RUM_HTML_MAX - html->seen;
    }

    html->seen += len;
    rc = RUM_FULL;

    for (p = data, last = data + len; p < last && rc == RUM_FULL; p++) {

        if (rum_html_stop[html->state] != 0) {
            p = memchr(p, rum_html_stop[html->state], last - p);
            if (p == NULL) {
                break;
            }
        }

        if (html->state < RUM_HTML_COMMENT_BEGIN) {
            rc = rum_html_step_markup(html, *p);

        } else if (html->state < RUM_HTML_NAME) {
            rc = rum_html_step_comment(html, *p);

        } else if (html->state < RUM_HTML_RAW) {
            rc = rum_html_step_tag(html, *p);

        } else {
            rc = rum_html_step_raw(html, *p);
        }
    }

    if (rc == RUM_FULL && html->seen == RUM_HTML_MAX) {
        rc = RUM_DECLINED;
    }

    if (rc == RUM_OK) {
        *at = p - data;
    }

    if (rc != RUM_FULL) {
        html->state = RUM_HTML_DONE;
    }

    return rc;
}


static int
rum_html_step_markup(rum_html_t *html, unsigned char c)
{
    switch (html->state) {

    case RUM_HTML_OPEN:
    case RUM_HTML_END_OPEN:

        if (rum_html_letter(c)) {
            html->closing = (html->state == RUM_HTML_END_OPEN);
            html->name_len = 0;
            rum_html_name_add(html, c);
            html->state = RUM_HTML_NAME;
            break;
        }

        if (html->state == RUM_HTML_END_OPEN) {
            html->state = (c == '>') ? RUM_HTML_TEXT : RUM_HTML_BOGUS;
            break;
        }

        html->state = (c == '/') ? RUM_HTML_END_OPEN
                      : (c == '!') ? RUM_HTML_DECLARATION
                      : (c == '?') ? RUM_HTML_BOGUS
                      : (c == '<') ? RUM_HTML_OPEN : RUM_HTML_TEXT;
        break;

    case RUM_HTML_DECLARATION:
        html->state = (c == '-') ? RUM_HTML_DECLARATION_DASH
                      : (c == '>') ? RUM_HTML_TEXT : RUM_HTML_BOGUS;
        break;

    case RUM_HTML_DECLARATION_DASH:
        html->state = (c == '-') ? RUM_HTML_COMMENT_BEGIN
                      : (c == '>') ? RUM_HTML_TEXT : RUM_HTML_BOGUS;
        break;

    case RUM_HTML_BOGUS:
        html->state = RUM_HTML_TEXT;
        break;

    default:  /* RUM_HTML_TEXT */
        html->state = RUM_HTML_OPEN;
        break;
    }

    return RUM_FULL;
}


/* a comment ends with --> or --!>; <!--> and <!---> are whole ones */

static int
rum_html_step_comment(rum_html_t *html, unsigned char c)
{
    unsigned  state;

    state = html->state;

    if (c == '>' && state != RUM_HTML_COMMENT
        && state != RUM_HTML_COMMENT_DASH)
    {
        html->state = RUM_HTML_TEXT;

    } else if (c == '!' && state == RUM_HTML_COMMENT_END) {
        html->state = RUM_HTML_COMMENT_END_BANG;

    } else if (c != '-') {
        html->state = RUM_HTML_COMMENT;

    } else if (state == RUM_HTML_COMMENT_BEGIN) {
        html->state = RUM_HTML_COMMENT_BEGIN_DASH;

    } else if (state == RUM_HTML_COMMENT
               || state == RUM_HTML_COMMENT_END_BANG)
    {
        html->state = RUM_HTML_COMMENT_DASH;

    } else {
        html->state = RUM_HTML_COMMENT_END;
    }

    return RUM_FULL;
}


static int
rum_html_step_tag(rum_html_t *html, unsigned char c)
{
    unsigned  state;

    state = html->state;

    if (state == RUM_HTML_DOUBLE_QUOTED || state == RUM_HTML_SINGLE_QUOTED) {
        html->state = RUM_HTML_BETWEEN;

    } else if (c == '>') {
        return rum_html_tag(html);

    } else if (state == RUM_HTML_VALUE) {

        if (rum_html_space(c)) {
            html->state = RUM_HTML_BETWEEN;
        }

    } else if (state == RUM_HTML_BEFORE_VALUE) {

        if (!rum_html_space(c)) {
            html->state = (c == '"') ? RUM_HTML_DOUBLE_QUOTED
                          : (c == '\'') ? RUM_HTML_SINGLE_QUOTED
                          : RUM_HTML_VALUE;
        }

    } else if (c == '/') {
        html->state = RUM_HTML_BETWEEN;

    } else if (rum_html_space(c)) {
        html->state = (state == RUM_HTML_ATTRIBUTE
                       || state == RUM_HTML_AFTER_ATTRIBUTE)
                      ? RUM_HTML_AFTER_ATTRIBUTE : RUM_HTML_BETWEEN;

    } else if (state == RUM_HTML_NAME) {
        rum_html_name_add(html, c);

    } else if (c == '=' && state != RUM_HTML_BETWEEN) {
        html->state = RUM_HTML_BEFORE_VALUE;

    } else {
        html->state = RUM_HTML_ATTRIBUTE;
    }

    return RUM_FULL;
}


static int
rum_html_step_raw(rum_html_t *html, unsigned char c)
{
    const char  *name;

    if (html->state == RUM_HTML_RAW || c == '<') {
        html->state = RUM_HTML_RAW_END;
        html->match = 0;
        return RUM_FULL;
    }

    /* match: 0 at "/", then one more than the letters of the name so far */

    name = rum_html_raw[html->text];

    if (html->match == 0) {
        html->state = (c == '/') ? RUM_HTML_RAW_END : RUM_HTML_RAW;
        html->match = 1;

    } else if (name[html->match - 1] != '\0') {

        if (rum_html_lower(c) != (unsigned char) name[html->match - 1]) {
            html->state = RUM_HTML_RAW;
        }

        html->match++;

    } else if (c == '>') {
        html->state = RUM_HTML_TEXT;

    } else if (c == '/' || rum_html_space(c)) {
        html->closing = 1;
        html->name_len = 0;
        html->state = RUM_HTML_BETWEEN;

    } else {
        html->state = RUM_HTML_RAW;
    }

    return RUM_FULL;
}


/* the end of a tag */

static int
rum_html_tag(rum_html_t *html)
{
    unsigned  i;

    html->state = RUM_HTML_TEXT;

    if (html->closing) {
        return (rum_html_name_is(html, "head")
                || rum_html_name_is(html, "body")
                || rum_html_name_is(html, "html")) ? RUM_DECLINED : RUM_FULL;
    }

    if (rum_html_name_is(html, "head")) {
        return RUM_OK;
    }

    if (rum_html_name_is(html, "body") || rum_html_name_is(html, "frameset")
        || rum_html_name_is(html, "plaintext"))
    {
        return RUM_DECLINED;
    }

    for (i = 0; rum_html_raw[i] != NULL; i++) {

        if (rum_html_name_is(html, rum_html_raw[i])) {
            html->text = i;
            html->state = RUM_HTML_RAW;
            break;
        }
    }

    return RUM_FULL;
}


static void
rum_html_name_add(rum_html_t *html, unsigned char c)
{
    if (html->name_len < sizeof(html->name)) {
        html->name[html->name_len] = rum_html_lower(c);
    }

    html->name_len++;
}


static int
rum_html_name_is(rum_html_t *html, const char *name)
{
    return html->name_len == strlen(name)
           && memcmp(html->name, name, html->name_len) == 0;
}


int
rum_html_has_src(const unsigned char *data, size_t len, const rum_str_t *text)
{
    const unsigned char  *p, *last, *end;

    if (text->len == 0) {
        return 0;
    }

    last = data + len;

    for (p = data; p < last; p++) {

        p = memmem(p, last - p, text->data, text->len);
        if (p == NULL) {
            return 0;
        }

        end = p + text->len;

        if ((end == last || *end == '"' || *end == '\'' || *end == '>'
             || *end == '?' || *end == '#' || rum_html_space(*end))
            && rum_html_is_src(data, p))
        {
            return 1;
        }
    }

    return 0;
}


/* the value is that of an attribute "src": what stands before it says so */

static int
rum_html_is_src(const unsigned char *data, const unsigned char *value)
{
    const unsigned char  *p;

    p = value;

    if (p > data && (p[-1] == '"' || p[-1] == '\'')) {
        p--;
    }

    while (p > data && rum_html_space(p[-1])) {
        p--;
    }

    if (p == data || p[-1] != '=') {
        return 0;
    }

    p--;

    while (p > data && rum_html_space(p[-1])) {
        p--;
    }

    return p - data > 3
           && rum_html_lower(p[-3]) == 's' && rum_html_lower(p[-2]) == 'r'
           && rum_html_lower(p[-1]) == 'c'
           && (rum_html_space(p[-4]) || p[-4] == '"' || p[-4] == '\''
               || p[-4] == '/');
}


size_t
rum_html_escape(unsigned char *dst, const rum_str_t *text)
{
    size_t          i, len;
    const char     *entity;
    unsigned char  *p;

    p = dst;

    for (i = 0; i < text->len; i++) {

        switch (text->data[i]) {

        case '&':
            entity = "&amp;";
            break;

        case '<':
            entity = "&lt;";
            break;

        case '>':
            entity = "&gt;";
            break;

        case '"':
            entity = "&quot;";
            break;

        case '\'':
            entity = "&#39;";
            break;

        default:
            *p++ = text->data[i];
            continue;
        }

        len = strlen(entity);
        memcpy(p, entity, len);
        p += len;
    }

    return p - dst;
}


static unsigned char
rum_html_lower(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') ? c | 0x20 : c;
}


static int
rum_html_letter(unsigned char c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}


static int
rum_html_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v');
}
