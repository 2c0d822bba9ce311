/*
 * The scanner for a page's head under any page: where it finds one, the same
 * is found however the page is cut, a tag ends there, and what a value
 * becomes can stand in quotes.
 */

#include "rum_html.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int scan(const unsigned char *page, size_t len, const uint8_t *cuts,
    size_t ncuts, size_t *at);
static void escape(const unsigned char *data, size_t len);

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


/* the first bytes of the input are the lengths of the pieces, in turns */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    size_t          at, cut_at;
    rum_str_t       src;
    unsigned char  *page;

    if (size < 4) {
        return 0;
    }

    page = malloc(size - 4 ? size - 4 : 1);
    must(page != NULL)
    memcpy(page, data + 4, size - 4);

    at = cut_at = 0;
    rc = scan(page, size - 4, NULL, 0, &at);
    must(scan(page, size - 4, data, 4, &cut_at) == rc)
    must(at == cut_at)

    if (rc == RUM_OK) {
        must(at >= 6 && at <= size - 4 && at <= RUM_HTML_MAX)
        must(page[at - 1] == '>')
    }

    must(rc != RUM_FULL || size - 4 < RUM_HTML_MAX)

    rum_str_set(&src, "/a.js");
    (void) rum_html_has_src(page, size - 4, &src);
    escape(page, size - 4);

    free(page);

    return 0;
}


static int
scan(const unsigned char *page, size_t len, const uint8_t *cuts,
    size_t ncuts, size_t *at)
{
    int         rc;
    size_t      i, pos, n, in;
    rum_html_t  html;

    rum_html_init(&html);
    rc = RUM_FULL;

    for (i = 0, pos = 0; pos < len && rc == RUM_FULL; i++, pos += n) {

        n = (ncuts != 0) ? cuts[i % ncuts] + (i % ncuts == 0) : len;
        if (n > len - pos) {
            n = len - pos;
        }

        rc = rum_html_head(&html, page + pos, n, &in);

        if (rc == RUM_OK) {
            must(in >= 1 && in <= n)
            *at = pos + in;
        }
    }

    return rc;
}


static void
escape(const unsigned char *data, size_t len)
{
    size_t          i, n;
    rum_str_t       text;
    unsigned char  *buf;

    text.len = len < 1000 ? len : 1000;
    text.data = (unsigned char *) data;

    buf = malloc(text.len * RUM_HTML_ESCAPE_MAX + 1);
    must(buf != NULL)

    n = rum_html_escape(buf, &text);
    must(n >= text.len && n <= text.len * RUM_HTML_ESCAPE_MAX)

    for (i = 0; i < n; i++) {
        must(buf[i] != '"' && buf[i] != '\'' && buf[i] != '<'
             && buf[i] != '>')
    }

    free(buf);
}
