/*
 * Where the head of a page begins: found behind whatever may stand before
 * it, not in what only looks like it, and the same however the page is cut.
 */

#include "rum_html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int scan(const char *page, size_t len, size_t first, size_t step,
    size_t *at);
static void head_is(const char *before, const char *after);
static void no_head(int expected, const char *page);
static void src_is(int expected, const char *html);


/* in a first piece and then such of so many bytes, each a block of its own */

static int
scan(const char *page, size_t len, size_t first, size_t step, size_t *at)
{
    int             rc;
    size_t          pos, n, in;
    rum_html_t      html;
    unsigned char  *piece;

    rum_html_init(&html);
    rc = RUM_FULL;

    for (pos = 0, n = first; pos < len && rc == RUM_FULL; pos += n, n = step)
    {
        if (n > len - pos) {
            n = len - pos;
        }

        piece = malloc(n ? n : 1);
        assert_non_null(piece);
        memcpy(piece, page + pos, n);

        rc = rum_html_head(&html, piece, n, &in);
        free(piece);

        if (rc == RUM_OK) {
            assert_true(in >= 1 && in <= n);
            *at = pos + in;
        }
    }

    if (rc != RUM_FULL) {
        assert_int_equal(rum_html_head(&html, (unsigned char *) "<head>", 6,
                                       &in), RUM_DECLINED);
    }

    return rc;
}


static void
head_is(const char *before, const char *after)
{
    char    *page;
    size_t   len, head, i, at;

    head = strlen(before);
    len = head + strlen(after);
    page = malloc(len + 1);
    assert_non_null(page);
    strcpy(page, before);
    strcpy(page + head, after);

    for (i = 0; i <= len; i++) {
        at = 0;

        if (scan(page, len, i, len, &at) != RUM_OK || at != head) {
            print_error("%s: cut at %zu: %zu, not %zu\n", page, i, at, head);
            fail();
        }
    }

    assert_int_equal(scan(page, len, 1, 1, &at), RUM_OK);
    assert_int_equal(at, head);

    free(page);
}


static void
no_head(int expected, const char *page)
{
    int     rc;
    size_t  len, i, at;

    len = strlen(page);

    for (i = 0; i <= len; i++) {
        rc = scan(page, len, i, i ? i : len, &at);

        if (rc != expected) {
            print_error("%s: cut at %zu: %d\n", page, i, rc);
            fail();
        }
    }
}


static void
the_head_of_usual_pages_is_found(void **state)
{
    (void) state;

    head_is("<head>", "");
    head_is("<!doctype html><html><head>", "<title>x</title></head>");
    head_is("<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" "
            "\"http://www.w3.org/TR/html4/strict.dtd\">\n<HTML>\n<HEAD>",
            "\n<TITLE>x</TITLE></HEAD><BODY>");
    head_is("\xef\xbb\xbf<!doctype html>\r\n<html lang=\"en\">\r\n<Head>", "");
    head_is("<?xml version=\"1.0\"?><html><head>", "<body>");
}


static void
attributes_may_hold_anything(void **state)
{
    (void) state;

    head_is("<head prefix=\"og: http://ogp.me/ns#\">", "<meta>");
    head_is("<html data-x=\"<head>\"><head data-a='>' b=\">\" c=d/ e >", "x");
    head_is("<head\nprofile = '>'\t>", "x");
    head_is("<head/>", "x");
    head_is("<head / a/b>", "x");
    head_is("<head a\"=b>", "\">x");
    head_is("<head =\">", "\">x");
    head_is("<head a=\">\"b='>'>", "x");
    head_is("<head a=b\">", "x");
    head_is("<head a= >", "x");
    head_is("<head a  = \"<body>\" b>", "x");
}


static void
what_stands_before_does_not_mislead(void **state)
{
    (void) state;

    head_is("<!-- <head> --><head>", "");
    head_is("<!-- <head> -- > - <head> --!><head>", "");
    head_is("<!--><head>", "-->");
    head_is("<!---><head>", "-->");
    head_is("<!----><head>", "-->");
    head_is("<!-- a --- b ---><head>", "");
    head_is("<!-- --!- --> <head>", "");
    head_is("<!-- --!x <head> --><head>", "");
    head_is("<!-x<head><head>", "");
    head_is("<!><head>", "");
    head_is("<!-><head>", "");
    head_is("</><head>", "");
    head_is("</ head><head>", "");
    head_is("<?php <head ?><head>", "");
    head_is("a < b <<head>", "");
    head_is("<header><headline><he><head>", "");
    head_is("<title><head></title ><head>", "");
    head_is("<TITLE></titl></titlex><head></Title/><head>", "");
    head_is("<script>if (a<b) '<head>'; '<\\/script>'</SCRIPT\n><head>", "");
    head_is("<script>'</scr</script><head>", "");
    head_is("<style>/* </styl<head> */</style x='>'><head>", "");
    head_is("<noscript><head></noscript><head>", "");
    head_is("<textarea><body><head></textarea><head>", "");
    head_is("<a title='<body>'><!-- <body> --><head>", "");
    head_is("<a></a><averyveryverylongname><head>", "");
}


static void
there_may_be_no_head(void **state)
{
    (void) state;

    no_head(RUM_FULL, "");
    no_head(RUM_FULL, "<p>a fragment</p>");
    no_head(RUM_FULL, "<header><p>x</p></header>");
    no_head(RUM_FULL, "<head");
    no_head(RUM_FULL, "<head a=\"");
    no_head(RUM_FULL, "<!-- <head>");
    no_head(RUM_FULL, "<script><head>");
    no_head(RUM_FULL, "<head<head");
    no_head(RUM_DECLINED, "<!doctype html><title>x</title><body><head>");
    no_head(RUM_DECLINED, "<BODY class='a'><head>");
    no_head(RUM_DECLINED, "<frameset><head>");
    no_head(RUM_DECLINED, "<plaintext><head>");
    no_head(RUM_DECLINED, "</head><head>");
    no_head(RUM_DECLINED, "<html></html><head>");
}


static void
a_page_is_searched_so_far_and_no_further(void **state)
{
    char    *page;
    size_t   at;

    (void) state;

    page = malloc(2 * RUM_HTML_MAX);
    assert_non_null(page);
    memset(page, ' ', 2 * RUM_HTML_MAX);

    memcpy(page + RUM_HTML_MAX - 6, "<head>", 6);
    assert_int_equal(scan(page, 2 * RUM_HTML_MAX, 1000, 4096, &at), RUM_OK);
    assert_int_equal(at, RUM_HTML_MAX);
    assert_int_equal(scan(page, 2 * RUM_HTML_MAX, 2 * RUM_HTML_MAX, 1, &at),
                     RUM_OK);
    assert_int_equal(at, RUM_HTML_MAX);

    memcpy(page + RUM_HTML_MAX - 6, " <head>", 7);
    assert_int_equal(scan(page, 2 * RUM_HTML_MAX, 1000, 4096, &at),
                     RUM_DECLINED);
    assert_int_equal(scan(page, 2 * RUM_HTML_MAX, 2 * RUM_HTML_MAX, 1, &at),
                     RUM_DECLINED);

    free(page);
}


static void
src_is(int expected, const char *html)
{
    rum_str_t       text = rum_string("/rum/agent.js");
    size_t          len;
    unsigned char  *copy;

    len = strlen(html);
    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, html, len);

    if (rum_html_has_src(copy, len, &text) != expected) {
        print_error("%s\n", html);
        fail();
    }

    free(copy);
}


static void
a_script_that_is_there_is_seen(void **state)
{
    rum_str_t  none = rum_string("");

    (void) state;

    src_is(1, "<script src=/rum/agent.js>");
    src_is(1, "<script src=/rum/agent.js></script>");
    src_is(1, "<script async src=\"/rum/agent.js?v=1\" data-a>");
    src_is(1, "<SCRIPT SRC = '/rum/agent.js'>");
    src_is(1, "<script a=''src=/rum/agent.js#x>");
    src_is(1, "/rum/agent.js <script src=\"/rum/agent.js");

    src_is(0, "");
    src_is(0, "/rum/agent.js");
    src_is(0, "=/rum/agent.js");
    src_is(0, "src=/rum/agent.js");
    src_is(0, "<script src=\"/rum/agent.json\">");
    src_is(0, "<script src=\"/x/rum/agent.js\">");
    src_is(0, "<script data-src=\"/rum/agent.js\">");
    src_is(0, "<script xsrc=\"/rum/agent.js\">");
    src_is(0, "<link rel=preload href=\"/rum/agent.js\">");
    src_is(0, "<script src=\"/rum/agent.j\">");

    assert_int_equal(rum_html_has_src((unsigned char *) "a src= ", 7, &none),
                     0);
}


static void
values_are_escaped(void **state)
{
    size_t         len;
    rum_str_t      text = rum_string("a&b<c>d\"e'f \xc3\xbc");
    unsigned char  buf[18 * RUM_HTML_ESCAPE_MAX];

    (void) state;

    len = rum_html_escape(buf, &text);
    buf[len] = '\0';

    assert_string_equal((char *) buf,
                        "a&amp;b&lt;c&gt;d&quot;e&#39;f \xc3\xbc");

    rum_str_set(&text, "\"\"\"");
    assert_int_equal(rum_html_escape(buf, &text), 3 * RUM_HTML_ESCAPE_MAX);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_of_usual_pages_is_found),
        cmocka_unit_test(attributes_may_hold_anything),
        cmocka_unit_test(what_stands_before_does_not_mislead),
        cmocka_unit_test(there_may_be_no_head),
        cmocka_unit_test(a_page_is_searched_so_far_and_no_further),
        cmocka_unit_test(a_script_that_is_there_is_seen),
        cmocka_unit_test(values_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
