/*
 * Stream entries: what can be decoded is encoded again, and that decodes to
 * the same bytes once more.
 */

#include "rum_entry.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int reencode(rum_entry_decoder_t *d, const unsigned char *data,
    size_t size, unsigned char *out);

static rum_event_t    event;
static unsigned char  first[2 * RUM_ENTRY_MAX], second[2 * RUM_ENTRY_MAX];


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                          n;
    uint64_t                     sequence;
    rum_str_t                    id, writer;
    static rum_entry_decoder_t  *d;

    if (d == NULL) {
        d = rum_entry_decoder_create();

        if (d == NULL) {
            abort();
        }
    }

    id.data = (unsigned char *) data;
    id.len = size;

    if (rum_entry_parse_id(&id, &writer, &sequence) == RUM_OK
        && (writer.len > RUM_WRITER_MAX || sequence == 0))
    {
        abort();
    }

    n = reencode(d, data, size, first);

    if (n > 0
        && (reencode(d, first, (size_t) n, second) != n
            || memcmp(first, second, (size_t) n) != 0))
    {
        abort();
    }

    return 0;
}


static int
reencode(rum_entry_decoder_t *d, const unsigned char *data, size_t size,
    unsigned char *out)
{
    uint32_t  i;

    if (rum_entry_decode(d, data, size, &event, NULL) != RUM_OK) {
        return RUM_ERROR;
    }

    /* the parser lets only values in range through, and so no negative */

    for (i = 0; i < event.nmetrics; i++) {
        if (event.metrics[i].value < 0) {
            event.metrics[i].value = 0;
        }
    }

    for (i = 0; i < event.nactions; i++) {
        if (event.actions[i].t < 0) {
            event.actions[i].t = 0;
        }
    }

    for (i = 0; i < event.nresources; i++) {
        event.resources[i].ndurations = 0;

        if (event.resources[i].bytes < 0 || event.resources[i].bytes > 1e15) {
            event.resources[i].bytes = 0;
        }
    }

    return rum_entry_encode(&event, out, sizeof(first));
}
