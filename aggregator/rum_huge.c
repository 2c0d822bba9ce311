/*
 * Large blocks of memory: see rum_huge.h.
 */

#include "rum_huge.h"

#include <stdlib.h>
#include <sys/mman.h>


#define RUM_HUGE_PAGE   2097152
#define RUM_HUGE_FROM   (2 * RUM_HUGE_PAGE)     /* less is rounded up by much */


void *
rum_huge_alloc(size_t size)
{
    void  *p;

    if (size < RUM_HUGE_FROM) {
        return malloc(size);
    }

    size = (size + RUM_HUGE_PAGE - 1) / RUM_HUGE_PAGE * RUM_HUGE_PAGE;

    p = aligned_alloc(RUM_HUGE_PAGE, size);

    if (p != NULL) {
        (void) madvise(p, size, MADV_HUGEPAGE);     /* it is but advice */
    }

    return p;
}
