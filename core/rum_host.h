/*
 * Which hosts belong to one site: a page's own, and third parties.
 *
 * Hosts are of one site if they end in the same domain: the last two names,
 * or three where the last one has two letters and the one before is a usual
 * second level (co.uk, com.au).  There is no list of all public suffixes
 * here: a.github.io and b.github.io are taken for one site.  Addresses and
 * single names are of one site with themselves only.
 *
 * Used by the module, for resources.
 */

#ifndef RUM_HOST_H
#define RUM_HOST_H

#include "rum.h"

/* ports do not count, nor does case */
int rum_host_same_site(const rum_str_t *a, const rum_str_t *b);

#endif /* RUM_HOST_H */
