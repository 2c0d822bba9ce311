/*
 * What the visitor's software is: see rum_client.h, docs/beacon.md.  One
 * pass over the User-Agent, word by word; the words are in
 * rum_client_tables.h.  Called for every beacon.
 */

#include "rum_client.h"
#include "rum_client_tables.h"

#include <stdlib.h>

#define rum_client_n(table)  (sizeof(table) / sizeof((table)[0]))

/* what the words of the User-Agent have said so far */
typedef struct {
    rum_browser_e         browser;
    rum_os_e              os;
    rum_device_e          device;
    unsigned              rank;         /* of the browser */
    unsigned              bot:1;
    unsigned              webview:1;
    unsigned              safari:1;     /* the word, whoever says it */
    rum_str_t             version;      /* of the browser */
    rum_str_t             other;        /* after "Version/" */
    rum_str_t             revision;     /* after "rv:" */
} rum_client_agent_t;

static void rum_client_agent(rum_client_agent_t *agent, const rum_str_t *ua);
static void rum_client_word(rum_client_agent_t *agent, const rum_str_t *word,
    const rum_str_t *rest);
static const rum_word_t *rum_client_find(const rum_str_t *word);
static void rum_client_found(rum_client_agent_t *agent,
    const rum_word_t *known, const rum_str_t *rest);
static int rum_client_robot(const rum_str_t *word);
static void rum_client_settle(rum_client_agent_t *agent);

static void rum_client_hints(rum_client_agent_t *agent,
    const rum_client_headers_t *headers);
static void rum_client_brand(rum_client_agent_t *agent,
    const rum_str_t *brand, const rum_str_t *version);
static int rum_client_quoted(const rum_str_t *text, size_t *pos,
    rum_str_t *value);
static rum_str_t rum_client_major(const rum_str_t *text);
static int rum_client_compare_asn(const void *key, const void *item);


void
rum_client_detect(rum_client_t *client, const rum_client_headers_t *headers)
{
    rum_client_agent_t  agent;

    memset(&agent, 0, sizeof(rum_client_agent_t));

    rum_client_agent(&agent, &headers->user_agent);
    rum_client_settle(&agent);
    rum_client_hints(&agent, headers);

    client->browser = rum_browser_names[agent.browser];
    client->version = agent.version;
    client->os = rum_os_names[agent.os];
    client->device = rum_device_names[agent.device];
    client->bot = agent.bot;
}


int
rum_client_asn_hosting(uint32_t asn)
{
    return bsearch(&asn, rum_hosting, rum_client_n(rum_hosting),
                   sizeof(uint32_t), rum_client_compare_asn)
           != NULL;
}


static int
rum_client_compare_asn(const void *key, const void *item)
{
    uint32_t  a, b;

    a = *(const uint32_t *) key;
    b = *(const uint32_t *) item;

    return (a > b) - (a < b);
}


/*
 * Words are what stands between spaces and punctuation; "/" ends a word too,
 * and a version follows.
 */
static void
rum_client_agent(rum_client_agent_t *agent, const rum_str_t *ua)
{
    size_t     i, start;
    rum_str_t  word, rest;

    /* 1: ends a word */
    static const uint8_t  ends[256] = {
        [' '] = 1, ['\t'] = 1, ['('] = 1, [')'] = 1, [';'] = 1, [','] = 1,
        ['/'] = 1, ['['] = 1, [']'] = 1, ['"'] = 1
    };

    i = 0;

    while (i < ua->len) {

        if (ends[ua->data[i]]) {
            i++;
            continue;
        }

        start = i;

        while (i < ua->len && !ends[ua->data[i]]) {
            i++;
        }

        word.data = ua->data + start;
        word.len = i - start;

        rest.data = ua->data + i;
        rest.len = ua->len - i;

        rum_client_word(agent, &word, &rest);
    }
}


static void
rum_client_word(rum_client_agent_t *agent, const rum_str_t *word,
    const rum_str_t *rest)
{
    rum_str_t          number;
    const rum_word_t  *known;

    /* versions, by far the most words that are not in the tables */

    if (word->data[0] >= '0' && word->data[0] <= '9') {
        return;
    }

    known = rum_client_find(word);

    if (known != NULL) {
        rum_client_found(agent, known, rest);
        return;
    }

    if (word->len > 3 && memcmp(word->data, "rv:", 3) == 0) {
        number.data = word->data + 3;
        number.len = word->len - 3;
        agent->revision = rum_client_major(&number);
        return;
    }

    if (!agent->bot && rum_client_robot(word)) {
        agent->bot = 1;
    }
}


static const rum_word_t *
rum_client_find(const rum_str_t *word)
{
    const rum_word_t  *w;

    if (word->data[0] >= 128) {
        return NULL;
    }

    w = rum_words[word->data[0]];

    if (w == NULL) {
        return NULL;
    }

    for ( /* void */ ; w->word.len != 0; w++) {
        if (rum_str_eq(&w->word, word)) {
            return w;
        }
    }

    return NULL;
}


/* rest begins behind the word: with "/126.0" if it has a version */

static void
rum_client_found(rum_client_agent_t *agent, const rum_word_t *known,
    const rum_str_t *rest)
{
    rum_str_t  version;

    rum_str_null(&version);

    if (rest->len > 1 && (rest->data[0] == '/' || rest->data[0] == ' ')) {
        version.data = rest->data + 1;
        version.len = rest->len - 1;
        version = rum_client_major(&version);
    }

    switch (known->type) {

    case RUM_WORD_BROWSER:
        if (known->value == RUM_BROWSER_SAFARI) {
            agent->safari = 1;
        }

        if (known->rank >= agent->rank) {
            agent->rank = known->rank;
            agent->browser = known->value;
            agent->version = version;
        }

        break;

    case RUM_WORD_OS:
        if ((rum_os_e) known->value > agent->os) {
            agent->os = known->value;
        }

        break;

    case RUM_WORD_IOS:
        agent->os = RUM_OS_IOS;
        agent->device = known->value;
        break;

    case RUM_WORD_DEVICE:
        if ((rum_device_e) known->value > agent->device) {
            agent->device = known->value;
        }

        break;

    case RUM_WORD_VERSION:
        agent->other = version;
        break;

    case RUM_WORD_WEBVIEW:
        agent->webview = 1;
        break;

    case RUM_WORD_BOT:
        agent->bot = 1;

        if (rum_str_is(&known->word, "HeadlessChrome")) {
            agent->rank = 4;
            agent->browser = RUM_BROWSER_CHROME;
            agent->version = version;
        }

        break;

    default:
        break;
    }
}


/* "AhrefsBot", "Baiduspider-render" */

static int
rum_client_robot(const rum_str_t *word)
{
    size_t            i, k, len;
    unsigned char     c, low[64];
    const rum_str_t  *part;

    len = word->len < sizeof(low) ? word->len : sizeof(low);

    for (i = 0; i < len; i++) {
        c = word->data[i];
        low[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }

    for (k = 0; k < rum_client_n(rum_not_bots); k++) {
        part = &rum_not_bots[k];

        if (len >= part->len && memcmp(low, part->data, part->len) == 0) {
            return 0;
        }
    }

    for (i = 0; i < len; i++) {
        for (k = 0; k < rum_client_n(rum_bot_parts); k++) {
            part = &rum_bot_parts[k];

            if (low[i] == part->data[0] && len - i >= part->len
                && memcmp(low + i, part->data, part->len) == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


/* what follows from the words together */

static void
rum_client_settle(rum_client_agent_t *agent)
{
    switch (agent->browser) {

    case RUM_BROWSER_SAFARI:
        if (agent->os == RUM_OS_ANDROID) {      /* before Chrome */
            agent->browser = RUM_BROWSER_OTHER;
        }

        agent->version = agent->other;
        break;

    case RUM_BROWSER_OPERA:
        if (agent->other.len != 0 && agent->rank < 9) {
            agent->version = agent->other;
        }

        break;

    case RUM_BROWSER_IE:
        if (agent->revision.len != 0) {
            agent->version = agent->revision;
        }

        break;

    case RUM_BROWSER_CHROME:
        if (agent->webview) {
            agent->browser = RUM_BROWSER_CHROME_WEBVIEW;
        }

        break;

    case RUM_BROWSER_OTHER:
        if (agent->os == RUM_OS_IOS && !agent->safari && !agent->bot) {
            agent->browser = RUM_BROWSER_IOS_WEBVIEW;
            agent->version = agent->other;
        }

        break;

    default:
        break;
    }

    if (agent->device != RUM_DEVICE_OTHER) {

        /* Windows 8 says "Tablet PC", a desktop's robot "Mobile" */

        if (agent->os == RUM_OS_WINDOWS && agent->device != RUM_DEVICE_TV) {
            agent->device = RUM_DEVICE_DESKTOP;
        }

        return;
    }

    switch (agent->os) {

    case RUM_OS_ANDROID:
        agent->device = RUM_DEVICE_TABLET;
        break;

    case RUM_OS_OTHER:
        break;

    default:
        agent->device = RUM_DEVICE_DESKTOP;
        break;
    }
}


/*
 * Client hints say more, and more exactly, than the User-Agent, whose words
 * are frozen; where there are none, what the User-Agent said stays.
 */
static void
rum_client_hints(rum_client_agent_t *agent,
    const rum_client_headers_t *headers)
{
    size_t     pos, i;
    rum_str_t  brand, version, platform;

    pos = 0;
    agent->rank = 0;

    while (rum_client_quoted(&headers->ch_ua, &pos, &brand) == RUM_OK) {

        rum_str_null(&version);

        if (headers->ch_ua.len - pos > 3
            && memcmp(headers->ch_ua.data + pos, ";v=", 3) == 0
            && rum_client_quoted(&headers->ch_ua, &pos, &version) != RUM_OK)
        {
            break;
        }

        rum_client_brand(agent, &brand, &version);
    }

    pos = 0;

    if (rum_client_quoted(&headers->ch_platform, &pos, &platform) == RUM_OK) {
        for (i = 0; i < rum_client_n(rum_platforms); i++) {
            if (rum_str_eq(&rum_platforms[i].platform, &platform)) {
                agent->os = rum_platforms[i].os;
            }
        }
    }

    if (agent->device == RUM_DEVICE_TV) {
        return;
    }

    if (rum_str_is(&headers->ch_mobile, "?1")) {
        agent->device = RUM_DEVICE_MOBILE;

    } else if (rum_str_is(&headers->ch_mobile, "?0")) {
        agent->device = agent->os == RUM_OS_ANDROID ? RUM_DEVICE_TABLET
                                                    : RUM_DEVICE_DESKTOP;
    }
}


/*
 * The list has a browser's own brand, the engine's ("Chromium") and one that
 * is nonsense on purpose, in an order that changes.
 */
static void
rum_client_brand(rum_client_agent_t *agent, const rum_str_t *brand,
    const rum_str_t *version)
{
    size_t  i;

    for (i = 0; i < rum_client_n(rum_brands); i++) {
        if (rum_str_eq(&rum_brands[i].brand, brand)) {
            agent->rank = 2;
            agent->browser = rum_brands[i].browser;
            agent->version = rum_client_major(version);

            if (rum_str_is(brand, "HeadlessChrome")) {
                agent->bot = 1;
            }

            return;
        }
    }

    if (agent->rank == 0 && rum_str_is(brand, "Chromium")) {
        agent->rank = 1;

        /* the User-Agent may know a browser that has no brand of its own */

        if (agent->browser == RUM_BROWSER_OTHER
            || agent->browser == RUM_BROWSER_SAFARI)
        {
            agent->browser = RUM_BROWSER_CHROME;
        }

        if (agent->browser == RUM_BROWSER_CHROME) {
            agent->version = rum_client_major(version);
        }
    }
}


/*
 * The next "..." from pos on; pos is then behind it.  RUM_DECLINED if there
 * is none.
 */
static int
rum_client_quoted(const rum_str_t *text, size_t *pos, rum_str_t *value)
{
    size_t  i, start;

    i = *pos;

    while (i < text->len && text->data[i] != '"') {
        i++;
    }

    start = ++i;

    while (i < text->len && text->data[i] != '"') {
        i += text->data[i] == '\\' ? 2 : 1;
    }

    if (i >= text->len) {
        return RUM_DECLINED;
    }

    value->data = text->data + start;
    value->len = i - start;
    *pos = i + 1;

    return RUM_OK;
}


/* the digits text begins with */

static rum_str_t
rum_client_major(const rum_str_t *text)
{
    rum_str_t  major;

    major.data = text->data;
    major.len = 0;

    while (major.len < text->len && major.len < 5
           && major.data[major.len] >= '0' && major.data[major.len] <= '9')
    {
        major.len++;
    }

    return major;
}
