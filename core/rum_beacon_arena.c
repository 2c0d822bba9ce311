/*
 * All memory of one beacon: one arena, emptied with the next beacon.  The
 * strings of the event are taken from its end, yajl's blocks from its
 * beginning.
 */

#include "rum_beacon_schema.h"

#define RUM_BEACON_BLOCK    16          /* alignment, and a block's header */

static void *rum_beacon_malloc(void *ctx, size_t size);
static void *rum_beacon_realloc(void *ctx, void *block, size_t size);
static void rum_beacon_free(void *ctx, void *block);


void
rum_beacon_arena_funcs(rum_beacon_parser_t *p, yajl_alloc_funcs *funcs)
{
    funcs->malloc = rum_beacon_malloc;
    funcs->realloc = rum_beacon_realloc;
    funcs->free = rum_beacon_free;
    funcs->ctx = p;
}


unsigned char *
rum_beacon_alloc(rum_beacon_parser_t *p, size_t len)
{
    if (len > (size_t) (p->high - p->low)) {
        return NULL;
    }

    p->high -= len;

    return p->high;
}


/*
 * yajl's blocks.  Each has its size in front; the newest can grow where it
 * is, which is what yajl's buffers do.
 */
static void *
rum_beacon_malloc(void *ctx, size_t size)
{
    size_t                n;
    rum_beacon_parser_t  *p;

    p = ctx;

    if (size > RUM_BEACON_ARENA) {
        longjmp(p->no_memory, 1);
    }

    n = RUM_BEACON_BLOCK + ((size + RUM_BEACON_BLOCK - 1)
                            & ~(size_t) (RUM_BEACON_BLOCK - 1));

    if (n > (size_t) (p->high - p->low)) {
        longjmp(p->no_memory, 1);
    }

    memcpy(p->low, &size, sizeof(size_t));

    p->last = p->low + RUM_BEACON_BLOCK;
    p->low += n;

    return p->last;
}


static void *
rum_beacon_realloc(void *ctx, void *block, size_t size)
{
    void                 *new;
    size_t                old;
    rum_beacon_parser_t  *p;

    p = ctx;

    if (block == NULL) {
        return rum_beacon_malloc(ctx, size);
    }

    memcpy(&old, (unsigned char *) block - RUM_BEACON_BLOCK, sizeof(size_t));

    if (size <= old) {
        return block;
    }

    if (block == p->last) {
        p->low = p->last - RUM_BEACON_BLOCK;
        return rum_beacon_malloc(ctx, size);
    }

    new = rum_beacon_malloc(ctx, size);
    memcpy(new, block, old);

    return new;
}


static void
rum_beacon_free(void *ctx, void *block)
{
    (void) ctx;
    (void) block;
}
