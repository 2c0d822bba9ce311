/*
 * Event <-> entry of the event stream (docs/redis-schema.md).
 *
 * An entry has two fields: "id", the writer and its sequence number as
 * "WRITER-SEQUENCE", and "e", the event as one MessagePack map with string
 * keys.  The writing side makes the whole XADD command in RESP, the reading
 * side takes "id" and "e" apart.
 */

#ifndef RUM_ENTRY_H
#define RUM_ENTRY_H

#include "rum_event.h"

#define RUM_WRITER_MAX         20       /* bytes of a writer's name */
#define RUM_ENTRY_MAX          262144   /* largest "e"; more is cut: stacks,
                                           then resources, actions, errors */

/*
 * What does not change from entry to entry: everything up to the id.
 *   XADD rum:{P}:events MAXLEN ~ N * id
 */
typedef struct {
    size_t                len;
    unsigned char         resp[192];
} rum_entry_prefix_t;

void rum_entry_prefix(rum_entry_prefix_t *prefix, unsigned partition,
    uint64_t maxlen);

/* the MessagePack map; returns its length, or RUM_FULL */
int rum_entry_encode(const rum_event_t *event, unsigned char *buf,
    size_t size);

/*
 * The RESP command for an event that was encoded: prefix, id, e.  Returns
 * its length, or RUM_FULL if size is too small; rum_entry_resp_len() says
 * beforehand how long it will be.
 */
size_t rum_entry_resp_len(const rum_entry_prefix_t *prefix,
    const rum_str_t *writer, uint64_t sequence, size_t encoded);
int rum_entry_resp(const rum_entry_prefix_t *prefix, const rum_str_t *writer,
    uint64_t sequence, const unsigned char *e, size_t len,
    unsigned char *buf, size_t size);

/* the partition such a command is for; RUM_ERROR if it is not one */
int rum_entry_resp_partition(const unsigned char *resp, size_t len,
    unsigned *partition);

/* "WRITER-SEQUENCE" taken apart; RUM_ERROR if it is not one */
int rum_entry_parse_id(const rum_str_t *id, rum_str_t *writer,
    uint64_t *sequence);

/*
 * Decodes "e".  Strings point into data.  Unknown keys are skipped; a known
 * key of a wrong type, numbers that are not finite, a weight out of range, a
 * missing "t" or "site" and broken MessagePack are RUM_ERROR, with *error (may be NULL) set to a
 * static text.  url and path stay empty.
 */
typedef struct rum_entry_decoder_s  rum_entry_decoder_t;

rum_entry_decoder_t *rum_entry_decoder_create(void);
void rum_entry_decoder_destroy(rum_entry_decoder_t *d);
int rum_entry_decode(rum_entry_decoder_t *d, const unsigned char *data,
    size_t len, rum_event_t *event, const char **error);

#endif /* RUM_ENTRY_H */
