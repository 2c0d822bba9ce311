/*
 * See rum_cluster.h.  The reply is an array of ranges,
 *
 *   [ FIRST, LAST, [ HOST, PORT, ID, [ NAME, VALUE, ... ] ], ... ]
 *
 * whose first node is the primary.  HOST is nil or empty where the node does
 * not know how it is reached, "?" where it is to announce a name and has none;
 * with a name in HOST, the address is the value of "ip".
 */

#include "rum_cluster.h"

#include <stdio.h>


static int rum_cluster_node(const redisReply *reply,
    rum_cluster_node_t *node);
static void rum_cluster_text(const redisReply *reply, rum_str_t *text);


unsigned
rum_cluster_slot(unsigned partition)
{
    int       i, n, bit;
    char      text[16];
    unsigned  crc;

    n = snprintf(text, sizeof(text), "%u", partition);
    crc = 0;

    for (i = 0; i < n; i++) {
        crc ^= (unsigned) (unsigned char) text[i] << 8;

        for (bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
        }

        crc &= 0xffff;
    }

    return crc % RUM_CLUSTER_SLOTS;
}


int
rum_cluster_range(const redisReply *slots, size_t n, unsigned *first,
    unsigned *last, rum_cluster_node_t *primary)
{
    const redisReply  *range, *from, *to;

    if (slots->type != REDIS_REPLY_ARRAY || n >= slots->elements) {
        return RUM_ERROR;
    }

    range = slots->element[n];

    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3) {
        return RUM_ERROR;
    }

    from = range->element[0];
    to = range->element[1];

    if (from->type != REDIS_REPLY_INTEGER || to->type != REDIS_REPLY_INTEGER
        || from->integer < 0 || to->integer < from->integer
        || to->integer >= RUM_CLUSTER_SLOTS)
    {
        return RUM_ERROR;
    }

    *first = (unsigned) from->integer;
    *last = (unsigned) to->integer;

    return rum_cluster_node(range->element[2], primary);
}


int
rum_cluster_find(const redisReply *slots, unsigned slot,
    rum_cluster_node_t *primary)
{
    size_t    i;
    unsigned  first, last;

    for (i = 0; i < slots->elements; i++) {
        if (rum_cluster_range(slots, i, &first, &last, primary) == RUM_OK
            && slot >= first && slot <= last)
        {
            return RUM_OK;
        }
    }

    return RUM_DECLINED;
}


static int
rum_cluster_node(const redisReply *reply, rum_cluster_node_t *node)
{
    size_t             i;
    rum_str_t          name;
    const redisReply  *port, *more;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) {
        return RUM_ERROR;
    }

    port = reply->element[1];

    if (port->type != REDIS_REPLY_INTEGER || port->integer < 1
        || port->integer > 65535)
    {
        return RUM_ERROR;
    }

    node->port = (unsigned) port->integer;

    rum_cluster_text(reply->element[0], &node->host);
    node->address = node->host;

    if (node->host.len == 0 || reply->elements < 4
        || reply->element[3]->type != REDIS_REPLY_ARRAY)
    {
        return rum_str_is(&node->host, "?") ? RUM_ERROR : RUM_OK;
    }

    more = reply->element[3];

    for (i = 0; i + 1 < more->elements; i += 2) {
        rum_cluster_text(more->element[i], &name);

        if (rum_str_is(&name, "ip")) {
            rum_cluster_text(more->element[i + 1], &node->address);
        }
    }

    if (rum_str_is(&node->host, "?")) {
        node->host = node->address;
    }

    return rum_str_is(&node->host, "?") ? RUM_ERROR : RUM_OK;
}


static void
rum_cluster_text(const redisReply *reply, rum_str_t *text)
{
    if (reply->type == REDIS_REPLY_STRING) {
        text->data = (unsigned char *) reply->str;
        text->len = reply->len;

    } else {
        rum_str_null(text);
    }
}
