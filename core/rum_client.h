/*
 * What the visitor's software is: from client hints (Sec-CH-UA*), which are
 * exact where sent, else from the User-Agent.  And whether its network is a
 * data centre's.  All strings that come out are static, except the version,
 * which points into the header it was found in.
 */

#ifndef RUM_CLIENT_H
#define RUM_CLIENT_H

#include "rum.h"

typedef struct {                        /* header values; empty if absent */
    rum_str_t             user_agent;
    rum_str_t             ch_ua;            /* Sec-CH-UA */
    rum_str_t             ch_mobile;        /* Sec-CH-UA-Mobile */
    rum_str_t             ch_platform;      /* Sec-CH-UA-Platform */
} rum_client_headers_t;

typedef struct {
    rum_str_t             browser;      /* "Chrome", "Safari", "Firefox",
                                           "Edge", "Opera", "Samsung Internet"
                                           ..., "Other" */
    rum_str_t             version;      /* major version, digits; may be
                                           empty */
    rum_str_t             os;           /* "Windows", "macOS", "Linux",
                                           "Android", "iOS", "Chrome OS",
                                           "Other" */
    rum_str_t             device;       /* "desktop", "mobile", "tablet",
                                           "tv", "other" */
    unsigned              bot:1;        /* a robot by its own words, or
                                           automation (HeadlessChrome) */
} rum_client_t;

void rum_client_detect(rum_client_t *client,
    const rum_client_headers_t *headers);

/* 1 if the autonomous system is known to be hosting, not people */
int rum_client_asn_hosting(uint32_t asn);

#endif /* RUM_CLIENT_H */
