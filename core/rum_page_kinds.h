/*
 * What a segment of a path may be besides an id, for the page grouping
 * (rum_page.c): of each kind there are too many to have a page each, and some
 * are personal.  docs/beacon.md has the rules with examples.
 *
 * What must not stand in a page group may come raw or percent-encoded: the
 * answer is the same.
 */

#ifndef RUM_PAGE_KINDS_H
#define RUM_PAGE_KINDS_H

#include "rum.h"

/*
 * Something, "@" and a domain, anywhere in the segment.  A domain has a dot
 * and ends in a name, so that "react@18.2.0" and "@handle" are none.
 */
int rum_page_email(const unsigned char *data, size_t len);

/*
 * YYYY-MM-DD, DD-MM-YYYY and MM-DD-YYYY, also with "_" or ".", and YYYY-MM;
 * after a whole date there may be a time.
 */
int rum_page_date(const unsigned char *data, size_t len);

/*
 * Digits in groups: after a "+", with blanks or parentheses, after a first
 * group like 030 or 0151, or of 3, 3 and 4 digits.  Of other groups it is not
 * known what they are: "1000-2000" is a price, 978-3-16-148410-0 a book.
 */
int rum_page_phone(const unsigned char *data, size_t len);

#endif /* RUM_PAGE_KINDS_H */
