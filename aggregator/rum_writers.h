/*
 * How far each writer (one nginx worker's run) was read: tells entries that
 * come again from new ones, and counts the numbers that never came.
 *
 * A sequence above the highest is new, and what it leaves out is a gap, lost
 * until it comes.  One that falls into a gap is late, and lost no more.  Any
 * other was read before.
 */

#ifndef RUM_WRITERS_H
#define RUM_WRITERS_H

#include "rum_entry.h"
#include "rum_map.h"

#define RUM_WRITER_GAPS        64       /* kept for each; the oldest goes */
#define RUM_WRITER_VALUE       4096     /* longest value in Redis */

/* a worker may be silent over a long weekend; then it is forgotten */
#define RUM_WRITER_IDLE        (7 * 86400)      /* seconds */

typedef struct {
    uint64_t              from;         /* both are missing */
    uint64_t              to;
} rum_gap_t;

typedef struct {
    unsigned char         name[RUM_WRITER_MAX];
    uint8_t               len;
    uint8_t               dirty;        /* not in Redis as it is */
    uint8_t               gone;         /* to be forgotten */
    uint32_t              ngaps;
    uint64_t              highest;
    uint64_t              time;         /* Unix seconds, of the last entry */
    rum_gap_t            *gaps;         /* ascending; RUM_WRITER_GAPS, or
                                           NULL if there never was one */
} rum_writer_t;

typedef struct {
    rum_map_t             map;
    rum_writer_t         *writers;
    uint32_t              n;
    uint32_t              size;
    uint32_t              last;         /* the one seen last */
    uint64_t              seed;
} rum_writers_t;

void rum_writers_init(rum_writers_t *w, uint64_t seed);
void rum_writers_free(rum_writers_t *w);

/*
 * An entry of the writer was read: RUM_OK if it is new, RUM_DECLINED if it is
 * a duplicate, RUM_ERROR without memory.  *lost changes by the numbers that
 * are missing now, or are no more.
 */
int rum_writers_see(rum_writers_t *w, const rum_str_t *name,
    uint64_t sequence, uint64_t time, uint64_t *lost);

/*
 * Takes over what Redis holds; RUM_DECLINED if it is not such a name or value,
 * RUM_ERROR without memory.
 */
int rum_writers_load(rum_writers_t *w, const rum_str_t *name,
    const rum_str_t *value);

/*
 * Redis holds them all as they are, and those that are gone no more.
 * RUM_ERROR without memory: this is of no use any more then.
 */
int rum_writers_stored(rum_writers_t *w);

/* "SEQUENCE TIME FROM-TO ..." into RUM_WRITER_VALUE bytes; the length */
int rum_writer_write(const rum_writer_t *writer, char *buf);

#endif /* RUM_WRITERS_H */
