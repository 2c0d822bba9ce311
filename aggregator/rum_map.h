/*
 * The hash table of the aggregator: 64-bit keys to 32-bit values, open
 * addressing.  The key is a hash, or an integer that was mixed; whoever needs
 * more than 64 bits of identity compares behind the value, and takes the next
 * key (key + 1) on a mismatch.
 */

#ifndef RUM_MAP_H
#define RUM_MAP_H

#include "rum.h"

#define RUM_MAP_NONE           UINT32_MAX   /* no value is this */

typedef struct {
    uint64_t              key;
    uint32_t              value;        /* RUM_MAP_NONE: the slot is free */
} rum_map_slot_t;

typedef struct {
    uint32_t              used;
    uint32_t              mask;         /* slots - 1; slots 0: no table yet */
    rum_map_slot_t       *slots;
} rum_map_t;

void rum_map_init(rum_map_t *map);
void rum_map_free(rum_map_t *map);

/* empties it and keeps its memory, unless that is far too much */
void rum_map_clear(rum_map_t *map);

/* the value, or RUM_MAP_NONE */
uint32_t rum_map_get(const rum_map_t *map, uint64_t key);

/* adds or replaces; RUM_ERROR without memory */
int rum_map_set(rum_map_t *map, uint64_t key, uint32_t value);

void rum_map_remove(rum_map_t *map, uint64_t key);

/* of bytes; the seed keeps strangers from choosing collisions */
uint64_t rum_hash(const void *data, size_t len, uint64_t seed);


static inline uint64_t
rum_mix(uint64_t a, uint64_t b)
{
    unsigned __int128  product;

    product = (unsigned __int128) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}


/* of two integers */
static inline uint64_t
rum_hash_pair(uint64_t a, uint64_t b)
{
    return rum_mix(a ^ 0x9e3779b97f4a7c15ULL,
                   rum_mix(b ^ 0xe7037ed1a0b428dbULL,
                           0x8ebc6af09c88c6e3ULL));
}

#endif /* RUM_MAP_H */
