/*
 * Spool files: whatever a file holds, the records that are taken from it lie
 * in it and would be written just so; and a file made of the input, torn at
 * any place, gives back the records before the tear and no other.
 */

#include <stdlib.h>

#include "rum_spool.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_read(const uint8_t *data, size_t size);
static void fuzz_torn(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read(data, size);
    fuzz_torn(data, size);

    return 0;
}


static void
fuzz_read(const uint8_t *data, size_t size)
{
    int            rc;
    size_t         at;
    rum_str_t      record;
    unsigned char  head[RUM_SPOOL_RECORD_HEAD];

    for (at = 0; ; at += RUM_SPOOL_RECORD_HEAD + record.len) {
        rc = rum_spool_record(data + at, size - at, &record);

        if (rc != RUM_OK) {
            break;
        }

        if (record.len == 0
            || record.data != data + at + RUM_SPOOL_RECORD_HEAD
            || record.len > size - at - RUM_SPOOL_RECORD_HEAD)
        {
            abort();
        }

        rum_spool_record_head(head, record.data, record.len);

        if (memcmp(head, data + at, RUM_SPOOL_RECORD_HEAD) != 0) {
            abort();
        }
    }

    if (record.data != NULL || (rc != RUM_FULL && rc != RUM_ERROR)) {
        abort();
    }
}


/* the first byte says how long a record is, the second where the file ends */

static void
fuzz_torn(const uint8_t *data, size_t size)
{
    size_t          len, n, at, end, whole;
    rum_str_t       record;
    const uint8_t  *p;
    unsigned char   file[4096];

    if (size < 3) {
        return;
    }

    n = 1 + data[0] % 64;
    p = data + 2;
    len = 0;

    while (p + n <= data + size
           && len + RUM_SPOOL_RECORD_HEAD + n <= sizeof(file))
    {
        rum_spool_record_head(file + len, p, n);
        memcpy(file + len + RUM_SPOOL_RECORD_HEAD, p, n);

        len += RUM_SPOOL_RECORD_HEAD + n;
        p += n;
    }

    end = len * data[1] / 255;
    whole = end / (RUM_SPOOL_RECORD_HEAD + n);

    for (at = 0, p = data + 2; whole > 0; whole--, p += n) {

        if (rum_spool_record(file + at, end - at, &record) != RUM_OK
            || record.len != n || memcmp(record.data, p, n) != 0)
        {
            abort();
        }

        at += RUM_SPOOL_RECORD_HEAD + n;
    }

    if (rum_spool_record(file + at, end - at, &record) != RUM_FULL) {
        abort();
    }
}
