/*
 * UTF-8: see rum_utf8.h.
 */

#include "rum_utf8.h"


size_t
rum_utf8_char(const unsigned char *data, size_t len)
{
    size_t    i, n;
    uint32_t  c;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    c = data[0];

    if (c < 0x80) {
        return 1;
    }

    n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

    if (c < 0xc0 || c > 0xf4 || n > len) {
        return 0;
    }

    c &= 0xffu >> (n + 1);

    for (i = 1; i < n; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (data[i] & 0x3f);
    }

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    return n;
}
