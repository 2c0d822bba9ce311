/*
 * Browser, system, device and robots from real headers.
 */

#include "rum_client_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WEBKIT    "AppleWebKit/537.36 (KHTML, like Gecko) "
#define APPLE     "AppleWebKit/605.1.15 (KHTML, like Gecko) "
#define WINDOWS   "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " WEBKIT
#define ANDROID   "Mozilla/5.0 (Linux; Android 10; K) " WEBKIT
#define IPHONE    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "   \
                  APPLE
#define IPAD      "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) " APPLE
#define MAC       "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "

typedef struct {
    const char  *agent;
    const char  *browser;
    const char  *version;
    const char  *os;
    const char  *device;
} agent_t;

static void remembers(const rum_client_t *client,
    const rum_client_headers_t *headers);
static rum_client_t detect(const char *agent, const char *ua,
    const char *mobile, const char *platform);
static void agents_are(const agent_t *agents, size_t n);
static int is_bot(const char *agent);

#define agents(list)  agents_are(list, sizeof(list) / sizeof(agent_t))


/* the same twice: found, then remembered of all that was asked before */

static void
remembers(const rum_client_t *client, const rum_client_headers_t *headers)
{
    size_t                      i;
    rum_client_t                again;

    static rum_client_cache_t  *cache;

    if (cache == NULL) {
        cache = rum_client_cache_create();
        assert_non_null(cache);
    }

    for (i = 0; i < 2; i++) {
        memset(&again, 0xff, sizeof(rum_client_t));
        rum_client_cache_detect(cache, &again, headers);

        assert_true(rum_str_eq(&again.browser, &client->browser));
        assert_true(rum_str_eq(&again.os, &client->os));
        assert_true(rum_str_eq(&again.device, &client->device));
        assert_int_equal(again.bot, client->bot);
        assert_int_equal(again.version.len, client->version.len);

        if (client->version.len != 0) {
            assert_ptr_equal(again.version.data, client->version.data);
        }
    }
}


static rum_client_t
detect(const char *agent, const char *ua, const char *mobile,
    const char *platform)
{
    size_t                 i;
    const char            *text[4];
    rum_str_t             *value;
    rum_client_t           client;
    rum_client_headers_t   headers;

    text[0] = agent;
    text[1] = ua;
    text[2] = mobile;
    text[3] = platform;

    /* each in a block of its length, so that a look beyond it is seen */

    value = &headers.user_agent;

    for (i = 0; i < 4; i++) {
        value[i].len = strlen(text[i]);
        value[i].data = NULL;

        if (value[i].len != 0) {
            value[i].data = malloc(value[i].len);
            assert_non_null(value[i].data);
            memcpy(value[i].data, text[i], value[i].len);
        }
    }

    rum_client_detect(&client, &headers);
    remembers(&client, &headers);

    /* the version points into a header */

    for (i = 0; i < 4; i++) {
        if (client.version.len != 0
            && client.version.data >= value[i].data
            && client.version.data < value[i].data + value[i].len)
        {
            client.version.data = (unsigned char *) text[i]
                                  + (client.version.data - value[i].data);
            break;
        }
    }

    for (i = 0; i < 4; i++) {
        free(value[i].data);
    }

    return client;
}


static void
agents_are(const agent_t *agent, size_t n)
{
    size_t        i;
    rum_client_t  client;

    for (i = 0; i < n; i++, agent++) {
        client = detect(agent->agent, "", "", "");

        if (!rum_str_is(&client.browser, agent->browser)
            || !rum_str_is(&client.version, agent->version)
            || !rum_str_is(&client.os, agent->os)
            || !rum_str_is(&client.device, agent->device)
            || client.bot)
        {
            print_error("%s\n%.*s %.*s, %.*s, %.*s, bot %d\n", agent->agent,
                        (int) client.browser.len, client.browser.data,
                        (int) client.version.len, client.version.data,
                        (int) client.os.len, client.os.data,
                        (int) client.device.len, client.device.data,
                        client.bot);
            fail();
        }
    }
}


static int
is_bot(const char *agent)
{
    return detect(agent, "", "", "").bot;
}


static void
desktop_browsers(void **state)
{
    static const agent_t  list[] = {
        { WINDOWS "Chrome/126.0.0.0 Safari/537.36",
          "Chrome", "126", "Windows", "desktop" },
        { WINDOWS "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
          "Edge", "126", "Windows", "desktop" },
        { WINDOWS "Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763",
          "Edge", "18", "Windows", "desktop" },
        { WINDOWS "Chrome/124.0.0.0 Safari/537.36 OPR/110.0.0.0",
          "Opera", "110", "Windows", "desktop" },
        { WINDOWS "Chrome/124.0.0.0 YaBrowser/24.6.0.0 Safari/537.36",
          "Yandex", "24", "Windows", "desktop" },
        { WINDOWS "Chrome/120.0.0.0 Safari/537.36 Vivaldi/6.5.3206.50",
          "Vivaldi", "6", "Windows", "desktop" },
        { "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) "
          "Gecko/20100101 Firefox/127.0",
          "Firefox", "127", "Windows", "desktop" },
        { "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) "
          "like Gecko", "Internet Explorer", "11", "Windows", "desktop" },
        { "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0; "
          "Touch; Tablet PC 2.0)",
          "Internet Explorer", "10", "Windows", "desktop" },
        { "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) "
          "Gecko/20100101 Firefox/127.0",
          "Firefox", "127", "macOS", "desktop" },
        { MAC APPLE "Version/17.5 Safari/605.1.15",
          "Safari", "17", "macOS", "desktop" },
        { MAC WEBKIT "Chrome/126.0.0.0 Safari/537.36",
          "Chrome", "126", "macOS", "desktop" },
        { MAC APPLE "Version/17.4 Safari/605.1.15 Ddg/17.4",
          "DuckDuckGo", "17", "macOS", "desktop" },
        { "Mozilla/5.0 (X11; Linux x86_64) " WEBKIT
          "Chrome/156.0.0.0 Safari/537.36",
          "Chrome", "156", "Linux", "desktop" },
        { "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:153.0) "
          "Gecko/20100101 Firefox/153.0",
          "Firefox", "153", "Linux", "desktop" },
        { "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " WEBKIT
          "Chrome/126.0.0.0 Safari/537.36",
          "Chrome", "126", "Chrome OS", "desktop" },
        { "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.16",
          "Opera", "12", "Windows", "desktop" }
    };

    (void) state;
    agents(list);
}


static void
phones(void **state)
{
    static const agent_t  list[] = {
        { ANDROID "Chrome/126.0.0.0 Mobile Safari/537.36",
          "Chrome", "126", "Android", "mobile" },
        { ANDROID "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
          "Samsung Internet", "25", "Android", "mobile" },
        { ANDROID "Chrome/126.0.0.0 Mobile Safari/537.36 EdgA/126.0.0.0",
          "Edge", "126", "Android", "mobile" },
        { "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) " WEBKIT
          "Version/4.0 Chrome/126.0.6478.71 Mobile Safari/537.36",
          "Chrome WebView", "126", "Android", "mobile" },
        { "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 "
          "Firefox/127.0", "Firefox", "127", "Android", "mobile" },
        { IPHONE "Version/17.5 Mobile/15E148 Safari/604.1",
          "Safari", "17", "iOS", "mobile" },
        { IPHONE "CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
          "Chrome", "126", "iOS", "mobile" },
        { IPHONE "FxiOS/127.0 Mobile/15E148 Safari/605.1.15",
          "Firefox", "127", "iOS", "mobile" },
        { IPHONE "Version/17.0 EdgiOS/126.0.2592.56 Mobile/15E148 "
          "Safari/605.1.15", "Edge", "126", "iOS", "mobile" },
        { IPHONE "Mobile/15E148", "iOS WebView", "", "iOS", "mobile" },
        { "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) " WEBKIT
          "Chrome/126.0.0.0 Mobile Safari/537.36",
          "Chrome", "126", "Android", "mobile" },
        { "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) " WEBKIT
          "Chrome/126.0.0.0 Mobile Safari/537.36",
          "Chrome", "126", "Android", "mobile" }
    };

    (void) state;
    agents(list);
}


static void
tablets_and_televisions(void **state)
{
    static const agent_t  list[] = {
        { IPAD "Version/17.5 Mobile/15E148 Safari/604.1",
          "Safari", "17", "iOS", "tablet" },
        { ANDROID "Chrome/126.0.0.0 Safari/537.36",
          "Chrome", "126", "Android", "tablet" },
        { "Mozilla/5.0 (Android 14; Tablet; rv:127.0) Gecko/127.0 "
          "Firefox/127.0", "Firefox", "127", "Android", "tablet" },
        { "Mozilla/5.0 (Linux; Android 9; AFTMM) " WEBKIT
          "Silk/125.2.1 like Chrome/125.0.6422.53 Safari/537.36",
          "Silk", "125", "Android", "tv" },
        { "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) " WEBKIT
          "Chrome/76.0.3809.146 TV Safari/537.36",
          "Chrome", "76", "Other", "tv" },
        { "Mozilla/5.0 (Web0S; Linux/SmartTV) " WEBKIT
          "Chrome/94.0.4606.128 Safari/537.36",
          "Chrome", "94", "Linux", "tv" }
    };

    (void) state;
    agents(list);
}


static void
the_unknown_is_other(void **state)
{
    static const agent_t  list[] = {
        { "", "Other", "", "Other", "other" },
        { "x", "Other", "", "Other", "other" },
        { "Mozilla/5.0", "Other", "", "Other", "other" },
        { "\xff\x80 (((;;;///", "Other", "", "Other", "other" },
        { "Chrome", "Chrome", "", "Other", "other" },
        { "Chrome/", "Chrome", "", "Other", "other" },
        { "Chrome/x1", "Chrome", "", "Other", "other" },
        { "Chrome/1234567890", "Chrome", "12345", "Other", "other" }
    };

    (void) state;
    agents(list);
}


static void
robots_say_so(void **state)
{
    size_t        i;
    rum_client_t  c;

    static const char *const  bots[] = {
        "Mozilla/5.0 (compatible; Googlebot/2.1; "
        "+http://www.google.com/bot.html)",
        ANDROID "Chrome/126.0.0.0 Mobile Safari/537.36 (compatible; "
        "Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; "
        "+http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; YandexBot/3.0)",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        "Mozilla/5.0 (compatible; Baiduspider-render/2.0)",
        "AdsBot-Google (+http://www.google.com/adsbot.html)",
        "Mozilla/5.0 (compatible; SomeCrawler/1.0)",
        WINDOWS "HeadlessChrome/126.0.0.0 Safari/537.36",
        MAC WEBKIT "Chrome/126.0.0.0 Safari/537.36 Chrome-Lighthouse",
        WINDOWS "Chrome/126.0.0.0 Safari/537.36 PTST/240601",
        "facebookexternalhit/1.1", "curl/7.88.1", "Wget/1.21.3",
        "python-requests/2.31.0", "Go-http-client/1.1", "UptimeRobot/2.0",
        "Mozilla/5.0 (compatible; Something; +https://example.test/about)"
    };

    (void) state;

    for (i = 0; i < sizeof(bots) / sizeof(bots[0]); i++) {
        if (!is_bot(bots[i])) {
            print_error("not seen as a robot: %s\n", bots[i]);
            fail();
        }
    }

    /* a browser all the same */

    c = detect(bots[8], "", "", "");
    assert_true(rum_str_is(&c.browser, "Chrome"));
    assert_true(rum_str_is(&c.version, "126"));
}


static void
hints_say_more_than_the_agent(void **state)
{
    rum_client_t  c;

    (void) state;

    c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36",
               "\"Not/A)Brand\";v=\"8\", \"Chromium\";v=\"127\", "
               "\"Google Chrome\";v=\"128\"", "?0", "\"Linux\"");
    assert_true(rum_str_is(&c.browser, "Chrome"));
    assert_true(rum_str_is(&c.version, "128"));
    assert_true(rum_str_is(&c.os, "Linux"));
    assert_true(rum_str_is(&c.device, "desktop"));

    /* the specific brand, wherever it stands */

    c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36",
               "\"Google Chrome\";v=\"128\", \"Chromium\";v=\"127\"", "",
               "");
    assert_true(rum_str_is(&c.version, "128"));

    c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36",
               "\"Brave\";v=\"126\", \"Not.A/Brand\";v=\"8\", "
               "\"Chromium\";v=\"125\"", "?0", "\"Windows\"");
    assert_true(rum_str_is(&c.browser, "Brave"));
    assert_true(rum_str_is(&c.version, "126"));

    c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36",
               "\"Chromium\";v=\"125\", \"(Not\\\\A;\\\"Brand\";v=\"99\", "
               "\"Vivaldi\";v=\"6.8\"", "?0", "\"Windows\"");
    assert_true(rum_str_is(&c.browser, "Vivaldi"));
    assert_true(rum_str_is(&c.version, "6"));
}


static void
hints_without_a_brand_leave_it_to_the_agent(void **state)
{
    rum_client_t  c;

    (void) state;

    c = detect("Mozilla/5.0 (X11; Linux x86_64) " WEBKIT
               "Chrome/156.0.0.0 Safari/537.36",
               "\"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"", "?0",
               "\"Linux\"");
    assert_true(rum_str_is(&c.browser, "Chrome"));
    assert_true(rum_str_is(&c.version, "156"));

    c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36 OPR/110.0.0.0",
               "\"Chromium\";v=\"126\", \"Not A Brand\";v=\"8\"", "", "");
    assert_true(rum_str_is(&c.browser, "Opera"));
    assert_true(rum_str_is(&c.version, "110"));
    assert_true(rum_str_is(&c.os, "Windows"));

    /* "Unknown" is a platform's honest answer */

    c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36", "", "",
               "\"Unknown\"");
    assert_true(rum_str_is(&c.os, "Windows"));
}


static void
hints_tell_phones_from_tablets(void **state)
{
    rum_client_t  c;

    (void) state;

    c = detect(ANDROID "Chrome/126.0.0.0 Mobile Safari/537.36", "", "?0",
               "\"Android\"");
    assert_true(rum_str_is(&c.device, "tablet"));

    c = detect(ANDROID "Chrome/126.0.0.0 Safari/537.36", "", "?1",
               "\"Android\"");
    assert_true(rum_str_is(&c.device, "mobile"));

    c = detect("Mozilla/5.0 (Linux; Android 9; BRAVIA 4K) " WEBKIT
               "Chrome/126.0.0.0 Safari/537.36", "", "?0", "\"Android\"");
    assert_true(rum_str_is(&c.device, "tv"));
}


static void
headless_chrome_is_a_robot_by_its_brand_too(void **state)
{
    rum_client_t  c;

    (void) state;

    c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36",
               "\"Not/A)Brand\";v=\"8\", \"Chromium\";v=\"126\", "
               "\"HeadlessChrome\";v=\"126\"", "?0", "\"Windows\"");
    assert_true(c.bot);
    assert_true(rum_str_is(&c.browser, "Chrome"));
}


static void
broken_hints_are_no_hints(void **state)
{
    size_t        i;
    rum_client_t  c;

    static const char *const  broken[] = {
        "\"", "\"Google Chrome", "\"Google Chrome\\", "\"Google Chrome\\\"",
        "Google Chrome;v=1", ";v=\"\"", "\"\"", "\"Microsoft Ed\";v=\"1\""
    };

    (void) state;

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        c = detect(WINDOWS "Chrome/126.0.0.0 Safari/537.36", broken[i],
                   broken[i], broken[i]);
        assert_true(rum_str_is(&c.browser, "Chrome"));
        assert_true(rum_str_is(&c.version, "126"));
        assert_true(rum_str_is(&c.os, "Windows"));
        assert_true(rum_str_is(&c.device, "desktop"));
    }

    c = detect("", "\"Google Chrome\";v=\"", "?", "\"");
    assert_true(rum_str_is(&c.version, ""));
}


static void
hosting_networks_are_known(void **state)
{
    (void) state;

    assert_true(rum_client_asn_hosting(16509));
    assert_true(rum_client_asn_hosting(24940));
    assert_true(rum_client_asn_hosting(8068));      /* the first */
    assert_true(rum_client_asn_hosting(396982));    /* the last */
    assert_false(rum_client_asn_hosting(0));
    assert_false(rum_client_asn_hosting(3320));     /* Deutsche Telekom */
    assert_false(rum_client_asn_hosting(13335));    /* relays people */
    assert_false(rum_client_asn_hosting(4294967295u));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(desktop_browsers),
        cmocka_unit_test(phones),
        cmocka_unit_test(tablets_and_televisions),
        cmocka_unit_test(the_unknown_is_other),
        cmocka_unit_test(robots_say_so),
        cmocka_unit_test(hints_say_more_than_the_agent),
        cmocka_unit_test(hints_without_a_brand_leave_it_to_the_agent),
        cmocka_unit_test(hints_tell_phones_from_tablets),
        cmocka_unit_test(headless_chrome_is_a_robot_by_its_brand_too),
        cmocka_unit_test(broken_hints_are_no_hints),
        cmocka_unit_test(hosting_networks_are_known)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
