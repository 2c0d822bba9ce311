/*
 * Hosts of one site: see rum_host.h.
 */

#include "rum_host.h"


static rum_str_t rum_host_name(const rum_str_t *host);
static rum_str_t rum_host_domain(const rum_str_t *name);
static int rum_host_address(const rum_str_t *name);
static int rum_host_second_level(const rum_str_t *label);
static int rum_host_eq(const rum_str_t *a, const rum_str_t *b);
static unsigned char rum_host_lower(unsigned char c);


static const rum_str_t  rum_host_second_levels[] = {
    rum_string("ac"), rum_string("co"), rum_string("com"), rum_string("edu"),
    rum_string("go"), rum_string("gob"), rum_string("gov"), rum_string("ne"),
    rum_string("net"), rum_string("or"), rum_string("org")
};


int
rum_host_same_site(const rum_str_t *a, const rum_str_t *b)
{
    rum_str_t  one, two;

    one = rum_host_name(a);
    two = rum_host_name(b);

    one = rum_host_domain(&one);
    two = rum_host_domain(&two);

    return rum_host_eq(&one, &two);
}


/* without port and final dot; "[::1]" has colons in its brackets */

static rum_str_t
rum_host_name(const rum_str_t *host)
{
    size_t     i;
    rum_str_t  name;

    name = *host;

    for (i = name.len; i > 0; i--) {

        if (name.data[i - 1] == ':') {
            name.len = i - 1;
            break;
        }

        if (name.data[i - 1] < '0' || name.data[i - 1] > '9') {
            break;
        }
    }

    if (name.len > 0 && name.data[name.len - 1] == '.') {
        name.len--;
    }

    return name;
}


static rum_str_t
rum_host_domain(const rum_str_t *name)
{
    size_t     i, last;
    uint32_t   labels;
    rum_str_t  domain, label;

    if (rum_host_address(name)) {
        return *name;
    }

    labels = 0;
    last = name->len;

    for (i = name->len; i > 0; i--) {

        if (name->data[i - 1] != '.') {
            continue;
        }

        labels++;

        label.data = name->data + i;
        label.len = last - i;

        if (labels == 3
            || (labels == 2
                && !(name->len - last == 3 && rum_host_second_level(&label))))
        {
            break;
        }

        last = i - 1;
    }

    domain.data = i > 0 ? name->data + i : name->data;
    domain.len = name->len - i;

    return domain;
}


/* the last name of an address is a number, or it is in brackets */

static int
rum_host_address(const rum_str_t *name)
{
    unsigned char  c;

    if (name->len == 0) {
        return 1;
    }

    c = name->data[name->len - 1];

    return c == ']' || (c >= '0' && c <= '9');
}


static int
rum_host_second_level(const rum_str_t *label)
{
    size_t  i, n;

    n = sizeof(rum_host_second_levels) / sizeof(rum_host_second_levels[0]);

    for (i = 0; i < n; i++) {
        if (rum_host_eq(label, &rum_host_second_levels[i])) {
            return 1;
        }
    }

    return 0;
}


static int
rum_host_eq(const rum_str_t *a, const rum_str_t *b)
{
    size_t  i;

    if (a->len != b->len) {
        return 0;
    }

    for (i = 0; i < a->len; i++) {
        if (rum_host_lower(a->data[i]) != rum_host_lower(b->data[i])) {
            return 0;
        }
    }

    return 1;
}


static unsigned char
rum_host_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char) (c | 0x20) : c;
}
