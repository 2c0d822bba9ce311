/*
 * The format of a spool file: commands that Redis could not take, as the
 * worker made them, in the order in which they were made.
 *
 *   "ngx_rum spool 1\n"                             the head, 16 bytes
 *   [length u32][CRC32C u32][length bytes]          a record, and so on
 *
 * Numbers are little-endian; the checksum (CRC-32C, RFC 3720) covers the
 * length and the bytes.  A record is one XADD command in RESP.  The last one
 * may be torn: a worker was killed while it wrote.  What does not check out
 * ends the file.
 */

#ifndef RUM_SPOOL_H
#define RUM_SPOOL_H

#include "rum.h"

#define RUM_SPOOL_HEAD         "ngx_rum spool 1\n"
#define RUM_SPOOL_HEAD_LEN     16
#define RUM_SPOOL_RECORD_HEAD  8
#define RUM_SPOOL_RECORD_MAX   (512 * 1024)

/* CRC-32C of the data, going on from the one of what was before it; 0 first */
uint32_t rum_crc32c(uint32_t crc, const void *data, size_t len);

/* the same, for processors that have no instruction for it */
uint32_t rum_crc32c_portable(uint32_t crc, const void *data, size_t len);

/* the head of a record that holds the data */
void rum_spool_record_head(unsigned char head[RUM_SPOOL_RECORD_HEAD],
    const void *data, size_t len);

/*
 * The record at the beginning of the data: RUM_OK and *record is its bytes
 * (RUM_SPOOL_RECORD_HEAD before them); RUM_FULL if the data ends before the
 * record does, and *record.len is how long it claims to be (0: unknown);
 * RUM_ERROR if it does not check out.
 */
int rum_spool_record(const unsigned char *data, size_t len,
    rum_str_t *record);

#endif /* RUM_SPOOL_H */
