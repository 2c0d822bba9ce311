/*
 * Large blocks of memory, in huge pages where the kernel gives them: what is
 * read here and there in tens of megabytes misses the TLB with each look
 * otherwise.  The events of a delta and the maps are.
 */

#ifndef RUM_HUGE_H
#define RUM_HUGE_H

#include <stddef.h>

/* as malloc(), for free() */
void *rum_huge_alloc(size_t size);

#endif /* RUM_HUGE_H */
