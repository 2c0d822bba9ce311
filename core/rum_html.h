/*
 * Where the head of an HTML page begins: a scanner that takes the page in
 * pieces, cut at any byte, and keeps nothing of them.  The module's
 * injection uses it.
 *
 * It knows as much of HTML as it takes not to be led astray: comments,
 * declarations, quoted attributes, and elements whose content is text
 * (script, style, title, textarea ...).  It does not build a tree.  The page
 * is looked at as bytes, so it must be in an encoding that contains ASCII.
 */

#ifndef RUM_HTML_H
#define RUM_HTML_H

#include "rum.h"

#define RUM_HTML_MAX           65536    /* so far a head is looked for */

typedef struct {
    size_t                seen;         /* bytes of the page so far */
    unsigned              state;
    unsigned              name_len;     /* of the tag's name, may be more
                                           than fits */
    unsigned              match;        /* of an end that is looked for */
    unsigned              text;         /* the element whose text this is */
    unsigned              closing:1;    /* the tag is an end tag */
    unsigned char         name[12];
} rum_html_t;

void rum_html_init(rum_html_t *html);

/*
 * The next piece of the page:
 *
 *   RUM_OK        the start tag <head ...> ends at data + *at, which is the
 *                 byte behind its ">" and at most data + len
 *   RUM_FULL      not in this piece, the next one is wanted
 *   RUM_DECLINED  there is none: the body has begun, the head has ended, or
 *                 RUM_HTML_MAX bytes have passed
 *
 * After RUM_OK and RUM_DECLINED the scanner is at its end.
 */
int rum_html_head(rum_html_t *html, const unsigned char *data, size_t len,
    size_t *at);

/*
 * 1 if data has the text as the whole value of an attribute "src", up to a
 * query or fragment: src=TEXT, src="TEXT?v=1", src='TEXT#x'.
 */
int rum_html_has_src(const unsigned char *data, size_t len,
    const rum_str_t *text);

/* the most that a byte becomes in an attribute's value */
#define RUM_HTML_ESCAPE_MAX    6

/*
 * Writes text so that it can stand in a quoted attribute; dst must have room
 * for RUM_HTML_ESCAPE_MAX times its length.  Returns how many bytes it wrote.
 */
size_t rum_html_escape(unsigned char *dst, const rum_str_t *text);

#endif /* RUM_HTML_H */
