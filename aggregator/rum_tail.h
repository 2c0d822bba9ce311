/*
 * rum-aggregator tail: the events of the streams as JSON lines.
 */

#ifndef RUM_TAIL_H
#define RUM_TAIL_H

#include "rum_config.h"

#define RUM_TAIL_COUNT         10
#define RUM_TAIL_MAX           100000

/*
 * Prints the last "count" events of all partitions in the order they came,
 * then, to follow, each that comes.  RUM_OK when there is nothing more to
 * do or to write to; RUM_ERROR when Redis fails, which is logged.
 */
int rum_tail(const rum_config_t *config, unsigned count, int follow);

#endif /* RUM_TAIL_H */
