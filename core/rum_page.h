/*
 * The built-in page grouping: many URLs, one name.
 *
 *   https://shop.example/P/18231/?utm=x#top   ->   /P/:id
 *
 * Scheme, host, query, fragment and ";params" go; a segment that is a number,
 * a UUID, long hex or base64-like becomes ":id", a date ":date", one that holds
 * an e-mail address ":email", a phone number ":phone"; "//" becomes "/"; a
 * trailing slash goes (but "/" stays); case stays, since paths are
 * case-sensitive.
 * docs/beacon.md has the exact rules with examples.
 */

#ifndef RUM_PAGE_H
#define RUM_PAGE_H

#include "rum_event.h"

/*
 * The path of a URL or path: from the first "/" after the host up to "?" or
 * "#"; "/" when there is none.  Points into url.  *host (may be NULL) is set
 * to the host without port and userinfo, empty for a plain path.
 */
rum_str_t rum_page_path(const rum_str_t *url, rum_str_t *host);

/*
 * Writes the group of a path (as from rum_page_path) to buf and returns its
 * length: at most RUM_LEN_PAGE, cut on a UTF-8 boundary.  Control characters
 * and bytes that are not UTF-8 are percent-encoded.
 */
size_t rum_page_group(const rum_str_t *path, unsigned char *buf,
    size_t size);

#endif /* RUM_PAGE_H */
