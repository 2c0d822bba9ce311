/*
 * Which dimensions an event is rolled up by: "all", the built-in ones and
 * pairs that the configuration lists, and every own dimension of a site.
 *
 * An attribute is what an event has one value of (page, country, ...); a
 * dimension is what a rollup has values of: all, an attribute, or a pair of
 * attributes.  Own dimensions are attributes here only if a pair names them.
 */

#ifndef RUM_ROLLUP_H
#define RUM_ROLLUP_H

#include "rum_event.h"
#include "rum_keys.h"

#define RUM_ROLLUP_BUILTIN     13       /* page, country, ... */
#define RUM_ROLLUP_ATTRS       32       /* with own ones of pairs */
#define RUM_ROLLUP_DIMS        48       /* all, singles, pairs */
#define RUM_ROLLUP_NAME        (2 * RUM_LEN_NAME + 2)

#define RUM_ATTR_NONE          0xff
#define RUM_ATTR_PAGE          0        /* built-in ones; see rum_rollup.c */
#define RUM_ATTR_BROWSER       6

typedef struct {
    size_t                len;
    unsigned char         text[RUM_LEN_NAME + 1];
    unsigned              needed:1;     /* some dimension uses it */
    unsigned              assumed_yes:1;    /* absent means "yes" */
} rum_attr_t;

typedef struct {
    size_t                len;
    char                  text[RUM_ROLLUP_NAME];
    uint8_t               first;        /* attribute; NONE for "all" */
    uint8_t               second;       /* NONE unless a pair */
} rum_rollup_dim_t;

typedef struct {
    uint32_t              nattrs;
    uint32_t              ndims;
    rum_attr_t            attrs[RUM_ROLLUP_ATTRS];
    rum_rollup_dim_t      dims[RUM_ROLLUP_DIMS];    /* [0] is "all" */
} rum_rollup_t;

/* only "all" */
void rum_rollup_init(rum_rollup_t *rollup);

/*
 * Adds "NAME" or "FIRST,SECOND".  RUM_DECLINED with *error set to a static
 * text if it cannot be one; RUM_FULL past RUM_ROLLUP_DIMS.  A single own
 * dimension is accepted and adds nothing: it is rolled up anyway.
 */
int rum_rollup_add(rum_rollup_t *rollup, const char *text,
    const char **error);

/* the attribute of that name, or RUM_ATTR_NONE */
uint8_t rum_rollup_attr(const rum_rollup_t *rollup, const rum_str_t *name);

#endif /* RUM_ROLLUP_H */
