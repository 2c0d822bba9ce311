/*
 * Page grouping under any URL: the path lies in the URL, the group keeps to
 * its length and is printable UTF-8, and grouping it again changes nothing.
 * Its host, and any bytes for one, are of one site with themselves, and two
 * of them either way round.
 */

#include "rum_host.h"
#include "rum_page.h"
#include "rum_utf8.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          i, n, len, again, room;
    rum_str_t       url, path, host, group;
    unsigned char  *buf, second[RUM_LEN_PAGE];

    if (size == 0) {
        return 0;
    }

    room = data[0] == 0 ? RUM_LEN_PAGE : data[0];

    url.len = size - 1;
    url.data = url.len != 0 ? (unsigned char *) data + 1 : NULL;

    path = rum_page_path(&url, &host);

    must(path.len > 0 && path.data[0] == '/')
    must((path.data >= data + 1 && path.data + path.len <= data + size)
         || rum_str_is(&path, "/"))
    must(memchr(path.data, '?', path.len) == NULL)
    must(memchr(path.data, '#', path.len) == NULL)
    must(host.len == 0 || (host.data > data
                           && host.data + host.len <= data + size))
    must(host.len == 0 || memchr(host.data, '/', host.len) == NULL)

    must(rum_host_same_site(&host, &host))
    must(rum_host_same_site(&url, &url))
    must(rum_host_same_site(&host, &url) == rum_host_same_site(&url, &host))
    must(rum_host_same_site(&path, &url) == rum_host_same_site(&url, &path))

    /* exactly the room that is offered */

    buf = malloc(room);
    must(buf != NULL)

    len = rum_page_group(&path, buf, room);

    must(len > 0 && len <= room && len <= RUM_LEN_PAGE)
    must(buf[0] == '/')
    must(len == 1 || buf[len - 1] != '/')
    must(memchr(buf, ';', len) == NULL)

    for (i = 0; i < len; i += n) {
        n = rum_utf8_char(buf + i, len - i);
        must(n != 0)
        must(buf[i] >= 0x20 && buf[i] != 0x7f)
        must(i == 0 || buf[i] != '/' || buf[i - 1] != '/')
    }

    /* what was cut may look like an id only then */

    if (len + 4 < room && len + 4 < RUM_LEN_PAGE) {
        group.len = len;
        group.data = buf;
        again = rum_page_group(&group, second, sizeof(second));
        must(again == len && memcmp(second, buf, len) == 0)
    }

    free(buf);

    return 0;
}
