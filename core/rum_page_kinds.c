/*
 * E-mail addresses, dates and phone numbers in paths: see rum_page_kinds.h.
 */

#include "rum_page_kinds.h"

#define RUM_PAGE_PHONE_MIN    7         /* digits of a phone number */
#define RUM_PAGE_PHONE_MAX    15
#define RUM_PAGE_NONE         0x100     /* no character */

static int rum_page_domain(const unsigned char *data, size_t len);
static size_t rum_page_number(const unsigned char *data, size_t len,
    unsigned *number);
static int rum_page_day(const unsigned *parts, const size_t *widths);
static int rum_page_time(const unsigned char *data, size_t len);
static size_t rum_page_char(const unsigned char *data, size_t len,
    unsigned *c);
static unsigned rum_page_hex(unsigned char c);
static int rum_page_digit(unsigned c);


int
rum_page_email(const unsigned char *data, size_t len)
{
    size_t  i, n, from;

    from = 0;                           /* after the last "@" */

    for (i = 0; i < len; i++) {
        if (data[i] == '@') {
            n = 1;

        } else if (data[i] == '%' && len - i > 2 && data[i + 1] == '4'
                   && data[i + 2] == '0')
        {
            n = 3;

        } else {
            continue;
        }

        if (i > from && rum_page_domain(data + i + n, len - i - n)) {
            return 1;
        }

        from = i + n;
    }

    return 0;
}


/* up to another "@" */

static int
rum_page_domain(const unsigned char *data, size_t len)
{
    size_t    i, n, label, letters;
    unsigned  c, dot;

    dot = 0;
    label = 0;                          /* characters of the last one so far */
    letters = 0;                        /* of its first two */

    for (i = 0; i < len; i += n) {
        n = rum_page_char(data + i, len - i, &c);

        if (c == '@') {
            break;
        }

        if (c == '.') {
            dot |= i > 0;
            label = 0;
            letters = 0;

        } else if (label++ < 2) {
            letters += c >= 0x80
                       || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        }
    }

    return dot && letters == 2;
}


int
rum_page_date(const unsigned char *data, size_t len)
{
    size_t    i, n, widths[3];
    unsigned  parts[3];

    i = 0;

    for (n = 0; ; n++, i++) {
        widths[n] = rum_page_number(data + i, len - i, &parts[n]);
        i += widths[n];

        if (widths[n] == 0 || n == 2 || i == len) {
            break;
        }

        if ((data[i] != '-' && data[i] != '_' && data[i] != '.')
            || (n == 1 && data[i] != data[widths[0]]))
        {
            return 0;
        }
    }

    if (n == 1) {
        return i == len && widths[0] == 4 && widths[1] == 2
               && data[4] == '-' && parts[0] >= 1900 && parts[0] < 2100
               && parts[1] >= 1 && parts[1] <= 12;
    }

    return n == 2 && rum_page_day(parts, widths)
           && (i == len || rum_page_time(data + i, len - i));
}


/* up to four digits; how many */

static size_t
rum_page_number(const unsigned char *data, size_t len, unsigned *number)
{
    size_t  i;

    *number = 0;

    for (i = 0; i < len && i < 4; i++) {
        if (!rum_page_digit(data[i])) {
            break;
        }

        *number = *number * 10 + data[i] - '0';
    }

    return i;
}


static int
rum_page_day(const unsigned *parts, const size_t *widths)
{
    unsigned  year, one, two;

    if (widths[0] == 4) {
        year = parts[0];
        one = parts[1];
        two = parts[2];

        if (widths[2] > 2 || one > 12) {
            return 0;
        }

    } else {
        one = parts[0];
        two = parts[1];
        year = parts[2];

        if (widths[0] > 2 || widths[2] != 4 || (one > 12 && two > 12)) {
            return 0;
        }
    }

    return widths[1] > 0 && widths[1] <= 2 && year >= 1900 && year < 2100
           && one >= 1 && one <= 31 && two >= 1 && two <= 31;
}


/* "T10:00:00.000+02:00", "T10%3A00Z" */

static int
rum_page_time(const unsigned char *data, size_t len)
{
    size_t    i, n;
    unsigned  c;

    if (len < 2 || (data[0] != 'T' && data[0] != 't')
        || !rum_page_digit(data[1]))
    {
        return 0;
    }

    for (i = 2; i < len; i += n) {
        n = rum_page_char(data + i, len - i, &c);

        if (!rum_page_digit(c)
            && (c == '\0' || strchr(":.,+-Zz", (int) c) == NULL))
        {
            return 0;
        }
    }

    return 1;
}


int
rum_page_phone(const unsigned char *data, size_t len)
{
    size_t    i, n, digits, groups, width;
    uint64_t  widths;
    unsigned  c, plus, apart, zero;

    digits = 0;
    groups = 0;
    width = 0;
    widths = 0;                         /* of the groups, by 4 bits */
    plus = 0;
    apart = 0;
    zero = 0;

    for (i = 0; i < len; i += n) {
        n = rum_page_char(data + i, len - i, &c);

        if (rum_page_digit(c)) {
            zero |= digits == 0 && c == '0';
            width++;

            if (++digits > RUM_PAGE_PHONE_MAX) {
                return 0;
            }

            continue;
        }

        if (c == '+' && digits == 0) {
            plus = 1;

        } else if (c == ' ' || c == '(' || c == ')') {
            apart = 1;

        } else if (c != '-' && c != '.' && c != '/') {
            return 0;
        }

        if (width > 0) {
            widths = widths << 4 | width;
            groups++;
            width = 0;
        }
    }

    if (width > 0) {
        widths = widths << 4 | width;
        groups++;
    }

    if (digits < RUM_PAGE_PHONE_MIN) {
        return 0;
    }

    return plus || apart || widths == 0x334 || widths == 0x1334
           || (zero && widths >> 4 * (groups - 1) > 1);
}


/* the character that is there, also if it is percent-encoded; its length */

static size_t
rum_page_char(const unsigned char *data, size_t len, unsigned *c)
{
    unsigned  high, low;

    *c = data[0];

    if (*c != '%' || len < 3) {
        return 1;
    }

    high = rum_page_hex(data[1]);
    low = rum_page_hex(data[2]);

    if (high == RUM_PAGE_NONE || low == RUM_PAGE_NONE) {
        return 1;
    }

    *c = high << 4 | low;

    return 3;
}


static unsigned
rum_page_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : RUM_PAGE_NONE;
}


static int
rum_page_digit(unsigned c)
{
    return c >= '0' && c <= '9';
}
