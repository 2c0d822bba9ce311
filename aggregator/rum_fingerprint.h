/*
 * Which JavaScript errors are the same: those of one type, message and place.
 * docs/redis-schema.md describes the fingerprint, so that others can make it
 * of their own errors; it must not change.
 */

#ifndef RUM_FINGERPRINT_H
#define RUM_FINGERPRINT_H

#include "rum_event.h"

#define RUM_FINGERPRINT_LEN    16       /* hex digits */

/*
 * FNV-1a, 64 bits, of TYPE 0xff MESSAGE 0xff PLACE.  In the message each run
 * of digits counts as one "0".  The place is "SOURCE:LINE" without a query,
 * or the first frame of the stack without queries.
 */
uint64_t rum_fingerprint(const rum_event_error_t *error);

/* RUM_FINGERPRINT_LEN lower hex digits, not terminated */
void rum_fingerprint_write(uint64_t fingerprint, unsigned char *buf);

#endif /* RUM_FINGERPRINT_H */
