/*
 * Stream entries: the command against hiredis' own formatter, the event
 * there and back.
 */

#include "rum_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#define string(text)  (rum_str_t) rum_string(text)

static rum_event_t *event_create(void);
static void add_metric(rum_event_t *event, const char *name, double value);
static void check_command(unsigned partition, uint64_t sequence, size_t len);
static void there_and_back(const rum_event_t *event, rum_event_t *back,
    rum_entry_decoder_t *d);
static double number_back(const char *metric, double value);
static void assert_str(const rum_str_t *s, const char *text);
static void assert_refused(const void *data, size_t len);

static unsigned char  packed[RUM_ENTRY_MAX];


static rum_event_t *
event_create(void)
{
    rum_event_t  *event;

    event = calloc(1, sizeof(rum_event_t));
    assert_non_null(event);

    event->time = 1795318200123;
    event->site = string("shop");
    event->page = string("/p/:id");

    return event;
}


static void
add_metric(rum_event_t *event, const char *name, double value)
{
    rum_event_metric_t  *m;

    m = &event->metrics[event->nmetrics++];
    m->name.data = (unsigned char *) name;
    m->name.len = strlen(name);
    m->metric = rum_metric_find(&m->name);
    m->value = value;
}


static void
check_command(unsigned partition, uint64_t sequence, size_t len)
{
    int                  n, expected;
    char                *command, key[64], id[64];
    size_t               size;
    unsigned             found;
    rum_str_t            writer;
    unsigned char       *e, *resp;
    rum_entry_prefix_t   prefix;

    e = malloc(len + 1);
    assert_non_null(e);
    memset(e, 0xc3, len);

    writer = string("k3v9x2a1b2");
    rum_entry_prefix(&prefix, partition, 1000000);

    size = rum_entry_resp_len(&prefix, &writer, sequence, len);
    resp = malloc(size);
    assert_non_null(resp);

    assert_int_equal(rum_entry_resp(&prefix, &writer, sequence, e, len, resp,
                                    size - 1), RUM_FULL);

    n = rum_entry_resp(&prefix, &writer, sequence, e, len, resp, size);
    assert_int_equal(n, size);

    snprintf(key, sizeof(key), "rum:{%u}:events", partition);
    snprintf(id, sizeof(id), "k3v9x2a1b2-%llu",
             (unsigned long long) sequence);

    expected = redisFormatCommand(&command,
                                  "XADD %s MAXLEN ~ 1000000 * id %s e %b",
                                  key, id, e, len);

    assert_int_equal(n, expected);
    assert_memory_equal(resp, command, (size_t) n);

    assert_int_equal(rum_entry_resp_partition(resp, size, &found), RUM_OK);
    assert_int_equal(found, partition);

    redisFreeCommand(command);
    free(resp);
    free(e);
}


static void
the_command_is_hiredis_own_byte_for_byte(void **state)
{
    (void) state;

    check_command(0, 1, 300);
    check_command(0, 9, 0);
    check_command(0, 10, 9);
    check_command(7, 99, 10);
    check_command(7, 100, 99);
    check_command(1023, 18446744073709551615ULL, 100);
    check_command(12, 1000000, 65536);
}


static void
there_and_back(const rum_event_t *event, rum_event_t *back,
    rum_entry_decoder_t *d)
{
    int          n;
    const char  *error;

    n = rum_entry_encode(event, packed, sizeof(packed));
    assert_true(n > 0);

    error = NULL;

    if (rum_entry_decode(d, packed, (size_t) n, back, &error) != RUM_OK) {
        fail_msg("not decoded: %s", error);
    }
}


static void
assert_str(const rum_str_t *s, const char *text)
{
    assert_int_equal(s->len, strlen(text));
    assert_memory_equal(s->data, text, s->len);
}


static void
a_whole_event_comes_back(void **state)
{
    rum_event_t              *event, *back;
    rum_event_error_t        *error;
    rum_entry_decoder_t      *d;
    rum_event_resource_t     *resource;
    rum_event_attribution_t  *attribution;

    (void) state;

    event = event_create();
    back = event_create();
    d = rum_entry_decoder_create();
    assert_non_null(d);

    event->view = string("k3v9x2");
    event->session = string("q81mzp");
    event->trace = string("4bf92f3577b34da6a3ce929d0e0e4736");
    event->from = string("/");
    event->n = 2;
    event->seq = 3;

    add_metric(event, "lcp", 2310.2);
    add_metric(event, "cls", 0.031);
    event->metrics[0].id = string("v6-1");

    event->ndims = 1;
    event->dims[0].name = string("country");
    event->dims[0].value = string("DE");

    event->nerrors = 2;
    error = event->errors;
    error->type = string("TypeError");
    error->message = string("x is undefined");
    error->source = string("/app.js");
    error->stack = string("at f\nat g");
    error->line = 3;
    error->col = 14;
    error->count = 5;
    error[1].type = string("Error");
    error[1].message = string("y");
    error[1].count = 1;

    event->nactions = 1;
    event->actions[0].type = string("click");
    event->actions[0].target = string("button.buy");
    event->actions[0].t = 5210;

    event->nresources = 1;
    resource = event->resources;
    resource->host = string("cdn.example");
    resource->type = string("img");
    resource->count = 14;
    resource->ndurations = 2;
    resource->durations[0] = 120.5f;
    resource->durations[1] = 88;
    resource->bytes = 182003;
    resource->url = string("https://cdn.example/h.avif");
    resource->third_party = 1;

    event->nevents = 2;
    event->events[0].name = string("checkout");
    event->events[0].value = 59.9;
    event->events[0].has_value = 1;
    event->events[1].name = string("seen");

    event->nattributions = 2;
    attribution = event->attributions;
    attribution->metric = string("lcp");
    attribution->target = string("img.hero");
    attribution->url = string("https://cdn.example/h.avif");
    attribution[1].metric = string("inp");
    attribution[1].type = string("pointer");

    there_and_back(event, back, d);

    assert_int_equal(back->time, 1795318200123);
    assert_str(&back->site, "shop");
    assert_str(&back->page, "/p/:id");
    assert_str(&back->view, "k3v9x2");
    assert_str(&back->session, "q81mzp");
    assert_str(&back->trace, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_str(&back->from, "/");
    assert_int_equal(back->n, 2);
    assert_int_equal(back->seq, 3);

    assert_int_equal(back->nmetrics, 2);
    assert_str(&back->metrics[0].name, "lcp");
    assert_true(back->metrics[0].value == 2310.2);
    assert_str(&back->metrics[0].id, "v6-1");
    assert_int_equal(back->metrics[1].id.len, 0);

    assert_int_equal(back->ndims, 1);
    assert_str(&back->dims[0].name, "country");
    assert_str(&back->dims[0].value, "DE");

    assert_int_equal(back->nerrors, 2);
    assert_str(&back->errors[0].type, "TypeError");
    assert_str(&back->errors[0].message, "x is undefined");
    assert_str(&back->errors[0].source, "/app.js");
    assert_str(&back->errors[0].stack, "at f\nat g");
    assert_int_equal(back->errors[0].line, 3);
    assert_int_equal(back->errors[0].col, 14);
    assert_int_equal(back->errors[0].count, 5);
    assert_int_equal(back->errors[1].count, 1);

    assert_int_equal(back->nactions, 1);
    assert_str(&back->actions[0].target, "button.buy");
    assert_true(back->actions[0].t == 5210);

    assert_int_equal(back->nresources, 1);
    assert_str(&back->resources[0].host, "cdn.example");
    assert_int_equal(back->resources[0].count, 14);
    assert_int_equal(back->resources[0].ndurations, 2);
    assert_true(back->resources[0].durations[0] == 120.5f);
    assert_true(back->resources[0].bytes == 182003);
    assert_str(&back->resources[0].url, "https://cdn.example/h.avif");
    assert_int_equal(back->resources[0].third_party, 1);

    assert_int_equal(back->nevents, 2);
    assert_true(back->events[0].has_value);
    assert_false(back->events[1].has_value);

    assert_int_equal(back->nattributions, 2);
    assert_str(&back->attributions[0].metric, "lcp");
    assert_str(&back->attributions[0].target, "img.hero");
    assert_str(&back->attributions[0].url, "https://cdn.example/h.avif");
    assert_int_equal(back->attributions[0].type.len, 0);
    assert_str(&back->attributions[1].metric, "inp");
    assert_str(&back->attributions[1].type, "pointer");

    rum_entry_decoder_destroy(d);
    free(event);
    free(back);
}


static double
number_back(const char *metric, double value)
{
    double                result;
    rum_event_t          *event, *back;
    rum_entry_decoder_t  *d;

    event = event_create();
    back = event_create();
    d = rum_entry_decoder_create();
    assert_non_null(d);

    add_metric(event, metric, value);
    there_and_back(event, back, d);
    result = back->metrics[0].value;

    rum_entry_decoder_destroy(d);
    free(event);
    free(back);

    return result;
}


static void
milliseconds_are_exact_to_a_tenth(void **state)
{
    int     i;
    double  value, tenth;

    (void) state;

    for (i = 0; i < 5000; i++) {
        value = (double) (rand() % 36000000) / 10;
        assert_true(number_back("lcp", value) == value);

        value += (rand() % 1000) / 20001.0;
        tenth = (double) (uint64_t) (value * 10 + 0.5) / 10;
        assert_true(number_back("lcp", value) == tenth);
    }
}


static void
other_numbers_are_exact_to_half_of_a_ten_thousandth(void **state)
{
    int     i;
    double  value, back;

    static const double  values[] = {
        0, 0.0001, 0.031, 1, 59.9, 12345.6789, 1e6 + 0.5, 999999999
    };

    (void) state;

    for (i = 0; i < (int) (sizeof(values) / sizeof(values[0])); i++) {
        back = number_back("price", values[i]);
        assert_true(back - values[i] <= 0.00005 && values[i] - back <= 0.00005);
    }

    for (i = 0; i < 5000; i++) {
        value = (double) rand() / RAND_MAX;
        back = number_back("cls", value);
        assert_true(back - value <= 0.00005 && value - back <= 0.00005);
    }
}


static void
too_little_room_is_told(void **state)
{
    int           n;
    size_t        i;
    rum_event_t  *event;

    (void) state;

    event = event_create();
    add_metric(event, "lcp", 2310.2);

    n = rum_entry_encode(event, packed, sizeof(packed));
    assert_true(n > 0);

    for (i = 0; i < (size_t) n; i++) {
        assert_int_equal(rum_entry_encode(event, packed, i), RUM_FULL);
    }

    assert_int_equal(rum_entry_encode(event, packed, (size_t) n), n);
    free(event);
}


/* an event that is full to every limit fits into RUM_ENTRY_MAX */

static void
the_largest_event_fits(void **state)
{
    int              n;
    uint32_t         i;
    rum_str_t        longest;
    rum_event_t     *event;
    unsigned char   *text;

    (void) state;

    event = event_create();
    text = malloc(RUM_LEN_STACK);
    assert_non_null(text);
    memset(text, 'x', RUM_LEN_STACK);

    longest.data = text;

    for (i = 0; i < RUM_MAX_METRICS; i++) {
        add_metric(event, "a_name_of_thirty_two_letters_ok_", 0.12345678);
        longest.len = RUM_LEN_ID;
        event->metrics[i].id = longest;
    }

    for (i = 0; i < RUM_MAX_ERRORS; i++) {
        longest.len = RUM_LEN_STACK;
        event->errors[i].stack = longest;
        longest.len = RUM_LEN_URL;
        event->errors[i].source = longest;
        longest.len = RUM_LEN_MESSAGE;
        event->errors[i].type = event->errors[i].message = longest;
    }

    longest.len = RUM_LEN_VALUE;

    for (i = 0; i < RUM_MAX_ACTIONS; i++) {
        event->actions[i].type = event->actions[i].target = longest;
    }

    for (i = 0; i < RUM_MAX_RESOURCES; i++) {
        event->resources[i].host = event->resources[i].type = longest;
        event->resources[i].ndurations = RUM_MAX_DURATIONS;
        event->resources[i].bytes = 1e12;
        event->resources[i].third_party = 1;
        longest.len = RUM_LEN_URL;
        event->resources[i].url = longest;
        longest.len = RUM_LEN_VALUE;
    }

    for (i = 0; i < RUM_MAX_DIMS; i++) {
        event->dims[i].name = event->dims[i].value = longest;
    }

    for (i = 0; i < RUM_MAX_EVENTS; i++) {
        event->events[i].name = longest;
    }

    event->nerrors = RUM_MAX_ERRORS;
    event->nactions = RUM_MAX_ACTIONS;
    event->nresources = RUM_MAX_RESOURCES;
    event->ndims = RUM_MAX_DIMS;
    event->nevents = RUM_MAX_EVENTS;

    n = rum_entry_encode(event, packed, sizeof(packed));
    assert_true(n > 0);

    free(text);
    free(event);
}


/* what a spool may hold, each in memory that ends with it */

static void
only_such_commands_have_a_partition(void **state)
{
    size_t          i, len;
    unsigned        partition;
    unsigned char  *resp;

    static const char  *const wrong[] = {
        "",
        "*10\r\n$4\r\nXADD\r\n",
        "*10\r\n$4\r\nXADD\r\n$",
        "*10\r\n$4\r\nXADD\r\n$14",
        "*10\r\n$4\r\nXADD\r\n$14\r\n",
        "*10\r\n$4\r\nXADD\r\n$14\r\nrum:{3}:events",
        "*10\r\n$4\r\nXADD\r\n$14\r\nrum:{3}:writers\r\n",
        "*10\r\n$4\r\nXADD\r\n$14\r\nrum:{}:events\r\n",
        "*10\r\n$4\r\nXADD\r\n$14\r\nrum:{-1}:events\r\n",
        "*10\r\n$4\r\nXADD\r\n$14\r\nrum:{99999999999}:events\r\n",
        ("*10\r\n$4\r\nXADD\r\n$66\r\n"
         "rum:{00000000000000000000000000000000000000000000000000003}:events"
         "\r\n"),
        "*10\r\n$4\r\nXDEL\r\n$14\r\nrum:{3}:events\r\n",
        "*2\r\n$4\r\nXADD\r\n$14\r\nrum:{3}:events\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        len = strlen(wrong[i]);
        resp = malloc(len > 0 ? len : 1);
        assert_non_null(resp);
        memcpy(resp, wrong[i], len);

        assert_int_equal(rum_entry_resp_partition(resp, len, &partition),
                         RUM_ERROR);
        free(resp);
    }
}


static void
ids_are_taken_apart(void **state)
{
    uint64_t   sequence;
    rum_str_t  writer;
    size_t     i;

    static const rum_str_t  bad[] = {
        rum_string(""), rum_string("-"), rum_string("a"), rum_string("a-"),
        rum_string("-1"), rum_string("a-0"), rum_string("a-1x"),
        rum_string("a b-1"), rum_string("a--1"),
        rum_string("aaaaaaaaaaaaaaaaaaaaa-1"),
        rum_string("a-12345678901234567890")
    };

    (void) state;

    assert_int_equal(rum_entry_parse_id(&string("k3v9-1045"), &writer,
                                        &sequence), RUM_OK);
    assert_str(&writer, "k3v9");
    assert_int_equal(sequence, 1045);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(rum_entry_parse_id(&bad[i], &writer, &sequence),
                         RUM_ERROR);
    }
}


static void
assert_refused(const void *data, size_t len)
{
    const char           *error;
    rum_event_t          *event;
    rum_entry_decoder_t  *d;

    event = event_create();
    d = rum_entry_decoder_create();
    assert_non_null(d);

    error = NULL;
    assert_int_equal(rum_entry_decode(d, data, len, event, &error),
                     RUM_ERROR);
    assert_non_null(error);

    rum_entry_decoder_destroy(d);
    free(event);
}


static void
what_is_not_an_event_is_refused(void **state)
{
    (void) state;

    assert_refused("", 0);
    assert_refused("\x80", 1);
    assert_refused("\xc0", 1);
    assert_refused("\x81\xa1t", 3);
    assert_refused("\x81\xa1t\x01", 4);
    assert_refused("\x82\xa1t\x01\xa4site\x01", 10);
    assert_refused("\x82\xa1t\xff\xa4site\xa1s", 11);
    assert_refused("\x83\xa1t\x01\xa4site\xa1s\xa7metrics\x01", 20);
    assert_refused("\x82\xa1t\x01\xa4site\xa1s\x00", 12);
    assert_refused("\xdf\xff\xff\xff\xff", 5);
}


/* as entries were before resources had a url and attributions a type */

static void
entries_without_newer_keys_are_read(void **state)
{
    rum_event_t          *event;
    rum_entry_decoder_t  *d;

    static const char  entry[] =
        "\x85\xa1t\xcf\x00\x00\x01\xa2\x01\x4d\xb7\x3b"
        "\xa4site\xa4shop\xa4page\xa1/"
        "\xa9resources\x91\x85\xa4host\xa3" "cdn\xa4type\xa3img"
        "\xa5" "count\x0e\xa8" "duration\x91\x78\xa5" "bytes\x09"
        "\xab" "attribution\x82\xa3lcp\x82\xa6target\xa1i\xa3url\xa2/u"
        "\xa3inp\x81\xa6target\xa1" "b";

    (void) state;

    event = event_create();
    d = rum_entry_decoder_create();
    assert_non_null(d);

    assert_int_equal(rum_entry_decode(d, (const unsigned char *) entry,
                                      sizeof(entry) - 1, event, NULL),
                     RUM_OK);

    assert_int_equal(event->nresources, 1);
    assert_str(&event->resources[0].host, "cdn");
    assert_true(event->resources[0].durations[0] == 120);
    assert_true(event->resources[0].bytes == 9);
    assert_int_equal(event->resources[0].url.len, 0);

    assert_int_equal(event->nattributions, 2);
    assert_str(&event->attributions[0].url, "/u");
    assert_str(&event->attributions[1].target, "b");
    assert_int_equal(event->attributions[1].type.len, 0);

    rum_entry_decoder_destroy(d);
    free(event);
}


/* an event counts once unless it says otherwise */

static void
a_weight_is_there_if_it_is_one(void **state)
{
    int                   n;
    uint32_t              i, last;
    rum_event_t          *event, *back;
    rum_entry_decoder_t  *d;

    static const uint32_t  weights[] = { 2, 4, 127, 128, 255, 256, 1000 };

    (void) state;

    event = event_create();
    back = event_create();
    d = rum_entry_decoder_create();
    assert_non_null(d);

    rum_event_reset(event);
    event->time = 1;
    event->site = string("s");
    last = (uint32_t) rum_entry_encode(event, packed, sizeof(packed));

    for (i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
        event->weight = weights[i];
        n = rum_entry_encode(event, packed, sizeof(packed));
        assert_true(n > (int) last);

        back->weight = 0;
        assert_int_equal(rum_entry_decode(d, packed, (size_t) n, back, NULL),
                         RUM_OK);
        assert_int_equal(back->weight, weights[i]);
    }

    event->weight = 1;
    assert_int_equal(rum_entry_encode(event, packed, sizeof(packed)), last);
    assert_int_equal(rum_entry_decode(d, packed, last, back, NULL), RUM_OK);
    assert_int_equal(back->weight, 1);

    rum_entry_decoder_destroy(d);
    free(event);
    free(back);
}


static void
a_weight_out_of_range_is_refused(void **state)
{
    size_t         i;
    unsigned char  entry[40];

    static const char    head[] = "\x83\xa1t\x01\xa4site\xa1s\xa6weight";
    static const rum_str_t  bad[] = {
        rum_string("\x00"),                          /* 0 */
        rum_string("\xcd\x03\xe9"),                  /* 1001 */
        rum_string("\xce\xff\xff\xff\xff"),
        rum_string("\xcf\0\0\0\1\0\0\0\1"),        /* 2^32 + 1 */
        rum_string("\xff"),                          /* -1 */
        rum_string("\xca\x40\0\0\0"),               /* 2.0 */
        rum_string("\xa1" "2"), rum_string("\xc3"), rum_string("\xc0"),
        rum_string("\x91\2")
    };

    (void) state;

    memcpy(entry, head, sizeof(head) - 1);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memcpy(entry + sizeof(head) - 1, bad[i].data, bad[i].len);
        assert_refused(entry, sizeof(head) - 1 + bad[i].len);
    }
}


static void
unknown_keys_are_skipped(void **state)
{
    rum_event_t          *event;
    rum_entry_decoder_t  *d;

    (void) state;

    event = event_create();
    d = rum_entry_decoder_create();
    assert_non_null(d);

    assert_int_equal(rum_entry_decode(d, (const unsigned char *)
                         "\x83\xa3new\x92\x01\x02\xa4site\xa1s\xa1t\x05", 18,
                         event, NULL), RUM_OK);
    assert_int_equal(event->time, 5);
    assert_str(&event->site, "s");

    rum_entry_decoder_destroy(d);
    free(event);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_command_is_hiredis_own_byte_for_byte),
        cmocka_unit_test(a_whole_event_comes_back),
        cmocka_unit_test(milliseconds_are_exact_to_a_tenth),
        cmocka_unit_test(other_numbers_are_exact_to_half_of_a_ten_thousandth),
        cmocka_unit_test(too_little_room_is_told),
        cmocka_unit_test(only_such_commands_have_a_partition),
        cmocka_unit_test(the_largest_event_fits),
        cmocka_unit_test(ids_are_taken_apart),
        cmocka_unit_test(what_is_not_an_event_is_refused),
        cmocka_unit_test(entries_without_newer_keys_are_read),
        cmocka_unit_test(a_weight_is_there_if_it_is_one),
        cmocka_unit_test(a_weight_out_of_range_is_refused),
        cmocka_unit_test(unknown_keys_are_skipped)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
