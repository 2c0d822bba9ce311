/*
 * The hash table of the aggregator: see rum_map.h.
 */

#include "rum_map.h"
#include "rum_huge.h"

#include <stdlib.h>


#define RUM_MAP_MIN    64
#define RUM_MAP_KEEP   16384            /* slots that clearing never gives up */


static rum_map_slot_t *rum_map_find(const rum_map_t *map, uint64_t key);
static int rum_map_resize(rum_map_t *map, uint32_t slots);


void
rum_map_init(rum_map_t *map)
{
    memset(map, 0, sizeof(rum_map_t));
}


void
rum_map_free(rum_map_t *map)
{
    free(map->slots);
    rum_map_init(map);
}


void
rum_map_clear(rum_map_t *map)
{
    uint32_t  i;

    if (map->slots == NULL) {
        return;
    }

    if (map->mask >= RUM_MAP_KEEP && map->used < map->mask / 32) {
        rum_map_free(map);
        return;
    }

    for (i = 0; i <= map->mask; i++) {
        map->slots[i].value = RUM_MAP_NONE;
    }

    map->used = 0;
}


uint32_t
rum_map_get(const rum_map_t *map, uint64_t key)
{
    if (map->slots == NULL) {
        return RUM_MAP_NONE;
    }

    return rum_map_find(map, key)->value;
}


int
rum_map_set(rum_map_t *map, uint64_t key, uint32_t value)
{
    uint32_t         slots;
    rum_map_slot_t  *slot;

    if (map->slots == NULL || map->used >= map->mask - map->mask / 4) {
        slots = map->slots != NULL ? 2 * (map->mask + 1) : RUM_MAP_MIN;

        if (rum_map_resize(map, slots) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    slot = rum_map_find(map, key);

    if (slot->value == RUM_MAP_NONE) {
        slot->key = key;
        map->used++;
    }

    slot->value = value;

    return RUM_OK;
}


void
rum_map_remove(rum_map_t *map, uint64_t key)
{
    uint32_t         i, hole, home;
    rum_map_slot_t  *slot;

    if (map->slots == NULL) {
        return;
    }

    slot = rum_map_find(map, key);
    if (slot->value == RUM_MAP_NONE) {
        return;
    }

    /* what was pushed past the hole by it moves back, so no tombstones */

    hole = (uint32_t) (slot - map->slots);
    i = hole;

    for ( ;; ) {
        i = (i + 1) & map->mask;

        if (map->slots[i].value == RUM_MAP_NONE) {
            break;
        }

        home = (uint32_t) map->slots[i].key & map->mask;

        if (((i - home) & map->mask) >= ((i - hole) & map->mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }

    map->slots[hole].value = RUM_MAP_NONE;
    map->used--;
}


/* the slot of the key, or the free one where it belongs */

static rum_map_slot_t *
rum_map_find(const rum_map_t *map, uint64_t key)
{
    uint32_t         i;
    rum_map_slot_t  *slot;

    for (i = (uint32_t) key & map->mask; ; i = (i + 1) & map->mask) {
        slot = &map->slots[i];

        if (slot->value == RUM_MAP_NONE || slot->key == key) {
            return slot;
        }
    }
}


static int
rum_map_resize(rum_map_t *map, uint32_t slots)
{
    uint32_t         i, old;
    rum_map_slot_t  *from;

    from = map->slots;
    old = from != NULL ? map->mask + 1 : 0;

    map->slots = rum_huge_alloc((size_t) slots * sizeof(rum_map_slot_t));
    if (map->slots == NULL) {
        map->slots = from;
        return RUM_ERROR;
    }

    map->mask = slots - 1;

    for (i = 0; i < slots; i++) {
        map->slots[i].value = RUM_MAP_NONE;
    }

    for (i = 0; i < old; i++) {
        if (from[i].value != RUM_MAP_NONE) {
            *rum_map_find(map, from[i].key) = from[i];
        }
    }

    free(from);

    return RUM_OK;
}


uint64_t
rum_hash(const void *data, size_t len, uint64_t seed)
{
    size_t                left;
    uint64_t              word, hash;
    const unsigned char  *p;

    hash = seed ^ len;
    p = data;

    for (left = len; left >= 8; left -= 8) {
        memcpy(&word, p, 8);
        hash = rum_mix(hash ^ word, 0x9e3779b97f4a7c15ULL);
        p += 8;
    }

    if (left > 0) {
        word = 0;
        memcpy(&word, p, left);
        hash = rum_mix(hash ^ word, 0xe7037ed1a0b428dbULL);
    }

    return rum_mix(hash, 0x8ebc6af09c88c6e3ULL);
}
