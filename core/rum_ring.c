/*
 * See rum_ring.h.
 *
 *   straight       [ free | first ... head | free           ]
 *   gone round     [ ... head | free | first ... end | free ]
 *   jumped         [ ......... | first ... end | ... head | free ]
 *
 * Having gone round early, with nothing free before the first entry, it goes
 * on behind "end", where nothing has been since; it is straight again once
 * the first entry has come there.
 */

#include "rum_ring.h"

static size_t rum_ring_take(rum_ring_t *ring, size_t at, size_t len);


void
rum_ring_init(rum_ring_t *ring, size_t size)
{
    memset(ring, 0, sizeof(rum_ring_t));

    ring->size = size;
    ring->warm = size < RUM_RING_WARM ? size : RUM_RING_WARM;
}


size_t
rum_ring_reserve(rum_ring_t *ring, uint64_t first, size_t first_at,
    uint64_t next, size_t len)
{
    if (first == next) {
        return len <= ring->size ? rum_ring_take(ring, 0, len)
                                 : RUM_RING_FULL;
    }

    if (first < ring->jump) {
        return ring->size - ring->head >= len
               ? rum_ring_take(ring, ring->head, len) : RUM_RING_FULL;
    }

    if (ring->head > first_at) {

        /* half of it free: as much may come in as is held */

        if (first_at > len
            && ((ring->head + len > ring->warm && first_at >= ring->warm / 2)
                || ring->head + len > ring->size))
        {
            ring->end = ring->head;
            return rum_ring_take(ring, 0, len);
        }

        return ring->size - ring->head >= len
               ? rum_ring_take(ring, ring->head, len) : RUM_RING_FULL;
    }

    if (first_at - ring->head > len) {
        return rum_ring_take(ring, ring->head, len);
    }

    if (ring->size - ring->end >= len) {
        ring->jump = next;
        return rum_ring_take(ring, ring->end, len);
    }

    return RUM_RING_FULL;
}


static size_t
rum_ring_take(rum_ring_t *ring, size_t at, size_t len)
{
    ring->head = at + len;

    return at;
}
