/*
 * What rum_client.c knows by name: words of User-Agent headers, brands of
 * client hints, hosting networks.  Included by rum_client.c only.
 */

#ifndef RUM_CLIENT_TABLES_H
#define RUM_CLIENT_TABLES_H

#include "rum.h"

/* browser families */
typedef enum {
    RUM_BROWSER_OTHER = 0,
    RUM_BROWSER_CHROME,
    RUM_BROWSER_CHROME_WEBVIEW,
    RUM_BROWSER_SAFARI,
    RUM_BROWSER_IOS_WEBVIEW,
    RUM_BROWSER_FIREFOX,
    RUM_BROWSER_EDGE,
    RUM_BROWSER_OPERA,
    RUM_BROWSER_SAMSUNG,
    RUM_BROWSER_IE,
    RUM_BROWSER_YANDEX,
    RUM_BROWSER_VIVALDI,
    RUM_BROWSER_BRAVE,
    RUM_BROWSER_DUCKDUCKGO,
    RUM_BROWSER_UC,
    RUM_BROWSER_QQ,
    RUM_BROWSER_MIUI,
    RUM_BROWSER_HUAWEI,
    RUM_BROWSER_SILK,
    RUM_BROWSER_WHALE,
    RUM_BROWSER_LAST
} rum_browser_e;

static const rum_str_t  rum_browser_names[RUM_BROWSER_LAST] = {
    rum_string("Other"),
    rum_string("Chrome"),
    rum_string("Chrome WebView"),
    rum_string("Safari"),
    rum_string("iOS WebView"),
    rum_string("Firefox"),
    rum_string("Edge"),
    rum_string("Opera"),
    rum_string("Samsung Internet"),
    rum_string("Internet Explorer"),
    rum_string("Yandex"),
    rum_string("Vivaldi"),
    rum_string("Brave"),
    rum_string("DuckDuckGo"),
    rum_string("UC Browser"),
    rum_string("QQ Browser"),
    rum_string("MIUI Browser"),
    rum_string("Huawei Browser"),
    rum_string("Silk"),
    rum_string("Whale")
};

/* operating systems; a word of a higher one wins ("Linux; Android") */
typedef enum {
    RUM_OS_OTHER = 0,
    RUM_OS_LINUX,
    RUM_OS_CHROME_OS,
    RUM_OS_MACOS,
    RUM_OS_ANDROID,
    RUM_OS_IOS,
    RUM_OS_WINDOWS,
    RUM_OS_LAST
} rum_os_e;

static const rum_str_t  rum_os_names[RUM_OS_LAST] = {
    rum_string("Other"),
    rum_string("Linux"),
    rum_string("Chrome OS"),
    rum_string("macOS"),
    rum_string("Android"),
    rum_string("iOS"),
    rum_string("Windows")
};

/* devices */
typedef enum {
    RUM_DEVICE_OTHER = 0,
    RUM_DEVICE_DESKTOP,
    RUM_DEVICE_MOBILE,
    RUM_DEVICE_TABLET,
    RUM_DEVICE_TV,
    RUM_DEVICE_LAST
} rum_device_e;

static const rum_str_t  rum_device_names[RUM_DEVICE_LAST] = {
    rum_string("other"),
    rum_string("desktop"),
    rum_string("mobile"),
    rum_string("tablet"),
    rum_string("tv")
};


/* what a word of the User-Agent says */
typedef enum {
    RUM_WORD_NOTHING = 0,               /* known to mean nothing */
    RUM_WORD_BROWSER,                   /* value: rum_browser_e */
    RUM_WORD_OS,                        /* value: rum_os_e */
    RUM_WORD_DEVICE,                    /* value: rum_device_e */
    RUM_WORD_VERSION,                   /* "Version/17.5" of Safari, Opera */
    RUM_WORD_WEBVIEW,                   /* "; wv)" */
    RUM_WORD_IOS,                       /* value: rum_device_e */
    RUM_WORD_BOT
} rum_word_e;

/*
 * Most browsers name others too, to be served alike: of the browsers named,
 * the one with the highest rank is it.
 */
typedef struct {
    rum_str_t             word;
    uint8_t               type;         /* rum_word_e */
    uint8_t               value;
    uint8_t               rank;
} rum_word_t;

#define rum_word(text)                                                        \
    { rum_string(text), RUM_WORD_NOTHING, 0, 0 }

#define rum_browser(text, browser, rank)                                      \
    { rum_string(text), RUM_WORD_BROWSER, RUM_BROWSER_##browser, rank }

#define rum_os(text, os)                                                      \
    { rum_string(text), RUM_WORD_OS, RUM_OS_##os, 0 }

#define rum_device(text, device)                                              \
    { rum_string(text), RUM_WORD_DEVICE, RUM_DEVICE_##device, 0 }

#define rum_bot(text)                                                         \
    { rum_string(text), RUM_WORD_BOT, 0, 0 }

#define rum_word_end                                                          \
    { { 0, NULL }, 0, 0, 0 }

/* by the first letter; the frequent ones first */

static const rum_word_t  rum_words_A[] = {
    rum_word("AppleWebKit"),
    rum_os("Android", ANDROID),
    rum_device("AppleTV", TV),
    rum_device("AFTB", TV),             /* Fire TV */
    rum_device("AFTM", TV),
    rum_device("AFTMM", TV),
    rum_device("AFTS", TV),
    rum_device("AFTSSS", TV),
    rum_device("AFTT", TV),
    rum_device("AFTKA", TV),
    rum_device("AFTR", TV),
    rum_bot("APIs-Google"),
    rum_bot("Apache-HttpClient"),
    rum_word_end
};

static const rum_word_t  rum_words_B[] = {
    rum_browser("Brave", BRAVE, 9),
    rum_device("BRAVIA", TV),
    rum_bot("BingPreview"),
    rum_word_end
};

static const rum_word_t  rum_words_C[] = {
    rum_browser("Chrome", CHROME, 3),
    rum_browser("CriOS", CHROME, 5),
    rum_word("CPU"),
    rum_os("CrOS", CHROME_OS),
    rum_browser("Chromium", CHROME, 4),
    rum_device("CrKey", TV),
    rum_bot("Chrome-Lighthouse"),
    rum_word_end
};

static const rum_word_t  rum_words_D[] = {
    rum_browser("DuckDuckGo", DUCKDUCKGO, 9),
    rum_browser("Ddg", DUCKDUCKGO, 9),
    rum_word_end
};

static const rum_word_t  rum_words_E[] = {
    rum_browser("Edg", EDGE, 9),
    rum_browser("EdgA", EDGE, 9),
    rum_browser("EdgiOS", EDGE, 9),
    rum_browser("Edge", EDGE, 9),
    rum_word_end
};

static const rum_word_t  rum_words_F[] = {
    rum_browser("Firefox", FIREFOX, 5),
    rum_browser("FxiOS", FIREFOX, 5),
    rum_browser("Focus", FIREFOX, 5),
    rum_word_end
};

static const rum_word_t  rum_words_G[] = {
    rum_word("Gecko"),
    rum_bot("GoogleOther"),
    rum_bot("Google-InspectionTool"),
    rum_bot("GTmetrix"),
    rum_bot("Go-http-client"),
    rum_bot("Google-Read-Aloud"),
    rum_device("GoogleTV", TV),
    rum_word_end
};

static const rum_word_t  rum_words_H[] = {
    rum_bot("HeadlessChrome"),          /* a browser too: rum_client.c */
    rum_browser("HuaweiBrowser", HUAWEI, 9),
    rum_device("HbbTV", TV),
    rum_bot("HeadlessEdg"),
    rum_bot("HTTrack"),
    rum_word_end
};

static const rum_word_t  rum_words_I[] = {
    rum_word("Intel"),
    rum_word_end
};

static const rum_word_t  rum_words_J[] = {
    rum_bot("Java"),
    rum_word_end
};

static const rum_word_t  rum_words_K[] = {
    rum_word("KHTML"),
    rum_word("K"),
    rum_word_end
};

static const rum_word_t  rum_words_L[] = {
    rum_os("Linux", LINUX),
    rum_bot("Lighthouse"),
    rum_word_end
};

static const rum_word_t  rum_words_M[] = {
    rum_word("Mozilla"),
    rum_os("Macintosh", MACOS),
    rum_device("Mobile", MOBILE),
    rum_word("Mac"),
    rum_browser("MSIE", IE, 9),
    rum_browser("MiuiBrowser", MIUI, 9),
    rum_browser("MQQBrowser", QQ, 9),
    rum_bot("Mediapartners-Google"),
    rum_word_end
};

static const rum_word_t  rum_words_N[] = {
    rum_word("NT"),
    rum_word_end
};

static const rum_word_t  rum_words_O[] = {
    rum_word("OS"),
    rum_browser("OPR", OPERA, 9),
    rum_browser("OPiOS", OPERA, 9),
    rum_browser("OPT", OPERA, 9),
    rum_browser("OPX", OPERA, 9),
    rum_browser("Opera", OPERA, 8),
    rum_word_end
};

static const rum_word_t  rum_words_P[] = {
    rum_bot("PTST"),                    /* WebPageTest */
    rum_bot("PhantomJS"),
    rum_bot("Pingdom"),
    rum_bot("PageSpeed"),
    rum_word_end
};

static const rum_word_t  rum_words_Q[] = {
    rum_browser("QQBrowser", QQ, 9),
    rum_word_end
};

static const rum_word_t  rum_words_R[] = {
    rum_device("Roku", TV),
    rum_word_end
};

static const rum_word_t  rum_words_S[] = {
    rum_browser("Safari", SAFARI, 1),
    rum_browser("SamsungBrowser", SAMSUNG, 9),
    rum_browser("Silk", SILK, 9),
    rum_device("SMART-TV", TV),
    rum_device("SmartTV", TV),
    rum_device("Smart-TV", TV),
    rum_word_end
};

static const rum_word_t  rum_words_T[] = {
    rum_browser("Trident", IE, 8),
    rum_device("Tablet", TABLET),
    rum_device("TV", TV),
    rum_word_end
};

static const rum_word_t  rum_words_U[] = {
    rum_browser("UCBrowser", UC, 9),
    rum_browser("UBrowser", UC, 9),
    rum_word_end
};

static const rum_word_t  rum_words_V[] = {
    { rum_string("Version"), RUM_WORD_VERSION, 0, 0 },
    rum_browser("Vivaldi", VIVALDI, 9),
    rum_word_end
};

static const rum_word_t  rum_words_W[] = {
    rum_os("Windows", WINDOWS),
    rum_word("Win64"),
    rum_word("WOW64"),
    rum_browser("Whale", WHALE, 9),
    rum_device("Web0S", TV),
    rum_device("WebOS", TV),
    rum_bot("Wget"),
    rum_bot("WhatsApp"),
    rum_word_end
};

static const rum_word_t  rum_words_X[] = {
    rum_word("X"),
    rum_word("X11"),
    rum_word_end
};

static const rum_word_t  rum_words_Y[] = {
    rum_browser("YaBrowser", YANDEX, 9),
    rum_browser("YaApp_Android", YANDEX, 9),
    rum_word("Yowser"),
    rum_word_end
};

static const rum_word_t  rum_words_a[] = {
    rum_bot("axios"),
    rum_bot("aiohttp"),
    rum_word_end
};

static const rum_word_t  rum_words_c[] = {
    rum_bot("curl"),
    rum_word_end
};

static const rum_word_t  rum_words_f[] = {
    rum_bot("facebookexternalhit"),
    rum_word_end
};

static const rum_word_t  rum_words_i[] = {
    { rum_string("iPhone"), RUM_WORD_IOS, RUM_DEVICE_MOBILE, 0 },
    { rum_string("iPad"), RUM_WORD_IOS, RUM_DEVICE_TABLET, 0 },
    { rum_string("iPod"), RUM_WORD_IOS, RUM_DEVICE_MOBILE, 0 },
    rum_word_end
};

static const rum_word_t  rum_words_l[] = {
    rum_word("like"),
    rum_bot("libwww-perl"),
    rum_word_end
};

static const rum_word_t  rum_words_n[] = {
    rum_bot("node-fetch"),
    rum_bot("node"),
    rum_word_end
};

static const rum_word_t  rum_words_o[] = {
    rum_bot("okhttp"),
    rum_word_end
};

static const rum_word_t  rum_words_p[] = {
    rum_bot("python-requests"),
    rum_bot("python-httpx"),
    rum_word_end
};

static const rum_word_t  rum_words_u[] = {
    rum_bot("undici"),
    rum_word_end
};

static const rum_word_t  rum_words_w[] = {
    { rum_string("wv"), RUM_WORD_WEBVIEW, 0, 0 },
    rum_word_end
};

static const rum_word_t  rum_words_x[] = {
    rum_word("x64"),
    rum_word("x86_64"),
    rum_word_end
};

static const rum_word_t *const  rum_words[128] = {
    ['A'] = rum_words_A, ['B'] = rum_words_B, ['C'] = rum_words_C,
    ['D'] = rum_words_D, ['E'] = rum_words_E, ['F'] = rum_words_F,
    ['G'] = rum_words_G, ['H'] = rum_words_H, ['I'] = rum_words_I,
    ['J'] = rum_words_J, ['K'] = rum_words_K, ['L'] = rum_words_L,
    ['M'] = rum_words_M, ['N'] = rum_words_N, ['O'] = rum_words_O,
    ['P'] = rum_words_P, ['Q'] = rum_words_Q, ['R'] = rum_words_R,
    ['S'] = rum_words_S, ['T'] = rum_words_T, ['U'] = rum_words_U,
    ['V'] = rum_words_V, ['W'] = rum_words_W, ['X'] = rum_words_X,
    ['Y'] = rum_words_Y,
    ['a'] = rum_words_a, ['c'] = rum_words_c, ['f'] = rum_words_f,
    ['i'] = rum_words_i, ['l'] = rum_words_l, ['n'] = rum_words_n,
    ['o'] = rum_words_o, ['p'] = rum_words_p,
    ['u'] = rum_words_u, ['w'] = rum_words_w, ['x'] = rum_words_x
};

/* in lower case: what robots have in their names, whichever they are */

static const rum_str_t  rum_bot_parts[] = {
    rum_string("bot"),
    rum_string("crawl"),
    rum_string("spider"),
    rum_string("headless"),
    rum_string("slurp"),
    rum_string("archiver"),
    rum_string("+http")                 /* "(+https://...)", their habit */
};

/* a maker of phones */

static const rum_str_t  rum_not_bots[] = {
    rum_string("cubot")
};


/* brands of Sec-CH-UA; all but Chromium are more specific than that */

static const struct {
    rum_str_t             brand;
    rum_browser_e         browser;
} rum_brands[] = {
    { rum_string("Google Chrome"), RUM_BROWSER_CHROME },
    { rum_string("Microsoft Edge"), RUM_BROWSER_EDGE },
    { rum_string("Microsoft Edge WebView2"), RUM_BROWSER_EDGE },
    { rum_string("Opera"), RUM_BROWSER_OPERA },
    { rum_string("Opera GX"), RUM_BROWSER_OPERA },
    { rum_string("OperaMobile"), RUM_BROWSER_OPERA },
    { rum_string("Samsung Internet"), RUM_BROWSER_SAMSUNG },
    { rum_string("Android WebView"), RUM_BROWSER_CHROME_WEBVIEW },
    { rum_string("Brave"), RUM_BROWSER_BRAVE },
    { rum_string("Vivaldi"), RUM_BROWSER_VIVALDI },
    { rum_string("YaBrowser"), RUM_BROWSER_YANDEX },
    { rum_string("Yandex"), RUM_BROWSER_YANDEX },
    { rum_string("DuckDuckGo"), RUM_BROWSER_DUCKDUCKGO },
    { rum_string("Whale"), RUM_BROWSER_WHALE },
    { rum_string("HuaweiBrowser"), RUM_BROWSER_HUAWEI },
    { rum_string("HeadlessChrome"), RUM_BROWSER_CHROME }
};

/* values of Sec-CH-UA-Platform */

static const struct {
    rum_str_t             platform;
    rum_os_e              os;
} rum_platforms[] = {
    { rum_string("Windows"), RUM_OS_WINDOWS },
    { rum_string("Android"), RUM_OS_ANDROID },
    { rum_string("macOS"), RUM_OS_MACOS },
    { rum_string("Linux"), RUM_OS_LINUX },
    { rum_string("Chrome OS"), RUM_OS_CHROME_OS },
    { rum_string("Chromium OS"), RUM_OS_CHROME_OS },
    { rum_string("iOS"), RUM_OS_IOS }
};


/*
 * Hosting networks, in order of the number; the names are those under which
 * the registries (ARIN, RIPE NCC, APNIC) list them.  Left out on purpose:
 * networks that carry people, such as the relays behind iCloud Private Relay
 * (Cloudflare 13335, Akamai 36183, Fastly 54113).
 */
static const uint32_t  rum_hosting[] = {
    8068,       /* Microsoft */
    8069,       /* Microsoft */
    8075,       /* Microsoft, Azure */
    8100,       /* QuadraNet */
    8560,       /* IONOS */
    8987,       /* Amazon, Ireland */
    9009,       /* M247 */
    12876,      /* Scaleway (Online SAS) */
    14061,      /* DigitalOcean */
    14618,      /* Amazon */
    15169,      /* Google */
    16276,      /* OVH */
    16509,      /* Amazon */
    19318,      /* Interserver */
    20473,      /* Vultr (The Constant Company) */
    20773,      /* Host Europe */
    22612,      /* Namecheap */
    24940,      /* Hetzner */
    26347,      /* DreamHost */
    26496,      /* GoDaddy */
    28753,      /* Leaseweb, Germany */
    30633,      /* Leaseweb, USA */
    31034,      /* Aruba */
    31898,      /* Oracle */
    33070,      /* Rackspace */
    35540,      /* OVH, telecom */
    36351,      /* IBM Cloud (SoftLayer) */
    36352,      /* ColoCrossing */
    37963,      /* Alibaba, China */
    40509,      /* Fly.io */
    40676,      /* Psychz */
    45090,      /* Tencent, China */
    45102,      /* Alibaba */
    47583,      /* Hostinger */
    49505,      /* Selectel */
    49981,      /* WorldStream */
    51167,      /* Contabo */
    53667,      /* FranTech */
    54290,      /* Hostwinds */
    54825,      /* Packet (Equinix Metal) */
    55990,      /* Huawei Cloud, China */
    60068,      /* Datacamp (CDN77) */
    60781,      /* Leaseweb, Netherlands */
    62240,      /* Clouvider */
    63473,      /* HostHatch */
    63949,      /* Akamai Connected Cloud (Linode) */
    132203,     /* Tencent */
    136907,     /* Huawei Cloud */
    197540,     /* netcup */
    199524,     /* Gcore */
    200350,     /* Yandex Cloud */
    202053,     /* UpCloud */
    212238,     /* Datacamp */
    213230,     /* Hetzner Cloud */
    396982      /* Google Cloud */
};

#endif /* RUM_CLIENT_TABLES_H */
