/*
 * Spool files: see rum_spool.h.
 */

#include "rum_spool.h"


#define RUM_CRC32C_POLYNOMIAL  0x82f63b78       /* reflected */


static void rum_crc32c_prepare(void);
static uint32_t rum_spool_load(const unsigned char *p);
static void rum_spool_store(unsigned char *p, uint32_t n);


static uint32_t  rum_crc32c_bytes[256];


#if defined(__x86_64__)

static uint32_t rum_crc32c_sse42(uint32_t crc, const unsigned char *p,
    size_t len) __attribute__((target("sse4.2")));


static uint32_t
rum_crc32c_sse42(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t  word, crc64;

    crc64 = crc;

    for ( /* void */ ; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        crc64 = __builtin_ia32_crc32di(crc64, word);
    }

    crc = (uint32_t) crc64;

    for ( /* void */ ; len > 0; p++, len--) {
        crc = __builtin_ia32_crc32qi(crc, *p);
    }

    return crc;
}

#endif


uint32_t
rum_crc32c(uint32_t crc, const void *data, size_t len)
{
#if defined(__x86_64__)

    if (__builtin_cpu_supports("sse4.2")) {
        return ~rum_crc32c_sse42(~crc, data, len);
    }

#endif

    return rum_crc32c_portable(crc, data, len);
}


static void
rum_crc32c_prepare(void)
{
    uint32_t  crc, i, bit;

    for (i = 0; i < 256; i++) {
        crc = i;

        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? RUM_CRC32C_POLYNOMIAL : 0);
        }

        rum_crc32c_bytes[i] = crc;
    }
}


uint32_t
rum_crc32c_portable(uint32_t crc, const void *data, size_t len)
{
    const unsigned char  *p;

    if (rum_crc32c_bytes[1] == 0) {
        rum_crc32c_prepare();
    }

    crc = ~crc;

    for (p = data; len > 0; p++, len--) {
        crc = (crc >> 8) ^ rum_crc32c_bytes[(crc ^ *p) & 0xff];
    }

    return ~crc;
}


void
rum_spool_record_head(unsigned char head[RUM_SPOOL_RECORD_HEAD],
    const void *data, size_t len)
{
    uint32_t  crc;

    rum_spool_store(head, (uint32_t) len);
    crc = rum_crc32c(0, head, 4);
    rum_spool_store(head + 4, rum_crc32c(crc, data, len));
}


int
rum_spool_record(const unsigned char *data, size_t len, rum_str_t *record)
{
    uint32_t  n, crc;

    record->len = 0;
    record->data = NULL;

    if (len < RUM_SPOOL_RECORD_HEAD) {
        return RUM_FULL;
    }

    n = rum_spool_load(data);

    if (n == 0 || n > RUM_SPOOL_RECORD_MAX) {
        return RUM_ERROR;
    }

    record->len = n;

    if (len - RUM_SPOOL_RECORD_HEAD < n) {
        return RUM_FULL;
    }

    crc = rum_crc32c(0, data, 4);
    crc = rum_crc32c(crc, data + RUM_SPOOL_RECORD_HEAD, n);

    if (crc != rum_spool_load(data + 4)) {
        return RUM_ERROR;
    }

    record->data = (unsigned char *) data + RUM_SPOOL_RECORD_HEAD;

    return RUM_OK;
}


static uint32_t
rum_spool_load(const unsigned char *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}


static void
rum_spool_store(unsigned char *p, uint32_t n)
{
    p[0] = (unsigned char) n;
    p[1] = (unsigned char) (n >> 8);
    p[2] = (unsigned char) (n >> 16);
    p[3] = (unsigned char) (n >> 24);
}
