/*
 * UTF-8, one character at a time.
 */

#ifndef RUM_UTF8_H
#define RUM_UTF8_H

#include "rum.h"

/*
 * The length of the character that begins at data (1 .. 4); 0 if that is not
 * one: cut off, overlong, a surrogate, above U+10FFFF.  len is at least 1.
 */
size_t rum_utf8_char(const unsigned char *data, size_t len);

#endif /* RUM_UTF8_H */
