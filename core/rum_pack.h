/*
 * msgpack-c's packer (its pack_template.h), writing straight into a buffer
 * of a fixed size instead of through a callback: a third of the instructions
 * for an event.  The functions are msgpack_pack_TYPE(rum_pack_t *, ...); what
 * does not fit sets "full".  Includes no other packer: use instead of
 * msgpack.h.
 */

#ifndef RUM_PACK_H
#define RUM_PACK_H

#include "rum.h"

#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>

typedef struct {
    unsigned char        *pos;
    unsigned char        *end;
    unsigned              full:1;
} rum_pack_t;


static inline int
rum_pack_append(rum_pack_t *p, const void *data, size_t len)
{
    if ((size_t) (p->end - p->pos) < len) {
        p->full = 1;
        return RUM_FULL;
    }

    memcpy(p->pos, data, len);
    p->pos += len;

    return RUM_OK;
}


#define msgpack_pack_inline_func(name)                                        \
    static inline int msgpack_pack ## name
#define msgpack_pack_inline_func_cint(name)                                   \
    static inline int msgpack_pack ## name
#define msgpack_pack_inline_func_fixint(name)                                 \
    static inline int msgpack_pack_fix ## name
#define msgpack_pack_user  rum_pack_t *
#define msgpack_pack_append_buffer(p, data, len)                              \
    return rum_pack_append(p, data, len)

#include <msgpack/pack_template.h>


/* a string, from a literal or not */

#define rum_pack_literal(p, text)                                             \
    msgpack_pack_str(p, sizeof(text) - 1);                                    \
    rum_pack_append(p, text, sizeof(text) - 1)

static inline void
rum_pack_str(rum_pack_t *p, const rum_str_t *s)
{
    msgpack_pack_str(p, s->len);

    if ((size_t) (p->end - p->pos) < s->len) {
        p->full = 1;
        return;
    }

    rum_bytes_copy(p->pos, s->data, s->len);
    p->pos += s->len;
}

#endif /* RUM_PACK_H */
