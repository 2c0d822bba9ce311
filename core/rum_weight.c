/*
 * Sampling by session: see rum_weight.h.
 */

#include "rum_weight.h"


#define RUM_WEIGHT_BASIS   0xcbf29ce484222325ULL
#define RUM_WEIGHT_PRIME   0x100000001b3ULL


uint64_t
rum_weight_hash(const rum_str_t *id)
{
    size_t    i;
    uint64_t  hash;

    hash = RUM_WEIGHT_BASIS;

    for (i = 0; i < id->len; i++) {
        hash = (hash ^ id->data[i]) * RUM_WEIGHT_PRIME;
    }

    /* FNV's upper bits know little of the last bytes: MurmurHash3's end */

    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ULL;

    return hash ^ hash >> 33;
}


uint32_t
rum_weight(uint64_t hash, uint32_t rate)
{
    uint32_t  share, rest;

    if ((hash >> 32) * RUM_RATE_ALL >> 32 >= rate) {
        return 0;
    }

    /* of rate that are kept, so many stand for one more */

    share = (uint32_t) ((hash & UINT32_MAX) * rate >> 32);
    rest = RUM_RATE_ALL % rate;

    return RUM_RATE_ALL / rate + (share < rest);
}
