/*
 * Redis Cluster: slots as Redis computes them (redis-cli cluster keyslot),
 * and replies to CLUSTER SLOTS, whole and broken.
 */

#include "rum_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>


static redisReply *parse(const char *resp);
static void assert_text(const rum_str_t *text, const char *expected);


static redisReply *
parse(const char *resp)
{
    void         *reply;
    redisReader  *reader;

    reader = redisReaderCreate();
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, resp, strlen(resp)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);

    return reply;
}


static void
assert_text(const rum_str_t *text, const char *expected)
{
    assert_int_equal(text->len, strlen(expected));
    assert_memory_equal(text->data, expected, text->len);
}


static void
slots_are_those_of_redis(void **state)
{
    size_t    i;
    unsigned  partition;

    static const unsigned  known[][2] = {
        { 0, 13907 }, { 1, 9842 }, { 2, 5649 }, { 3, 1584 }, { 9, 10106 },
        { 10, 247 }, { 63, 10499 }, { 123, 5970 }, { 1023, 14911 }
    };

    (void) state;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(rum_cluster_slot(known[i][0]), known[i][1]);
    }

    for (partition = 0; partition < 1024; partition++) {
        assert_in_range(rum_cluster_slot(partition), 0,
                        RUM_CLUSTER_SLOTS - 1);
    }
}


/* as Redis 7 answers; the second range has a replica */

static void
the_primary_of_a_slot_is_found(void **state)
{
    redisReply          *slots;
    rum_cluster_node_t   node;

    static const char  resp[] =
        "*2\r\n"
        "*3\r\n:0\r\n:5460\r\n"
        "*4\r\n$9\r\n127.0.0.1\r\n:7001\r\n$2\r\nid\r\n*0\r\n"
        "*4\r\n:5461\r\n:5461\r\n"
        "*4\r\n$4\r\n10::\r\n:7002\r\n$2\r\nid\r\n*0\r\n"
        "*4\r\n$9\r\n127.0.0.1\r\n:7003\r\n$2\r\nid\r\n*0\r\n";

    (void) state;

    slots = parse(resp);

    assert_int_equal(rum_cluster_find(slots, 0, &node), RUM_OK);
    assert_int_equal(node.port, 7001);
    assert_text(&node.host, "127.0.0.1");
    assert_text(&node.address, "127.0.0.1");

    assert_int_equal(rum_cluster_find(slots, 5460, &node), RUM_OK);
    assert_int_equal(node.port, 7001);

    assert_int_equal(rum_cluster_find(slots, 5461, &node), RUM_OK);
    assert_int_equal(node.port, 7002);
    assert_text(&node.host, "10::");

    assert_int_equal(rum_cluster_find(slots, 5462, &node), RUM_DECLINED);

    freeReplyObject(slots);
}


/* what nodes announce, in the place of an address */

static void
a_node_may_have_a_name_or_nothing(void **state)
{
    size_t               i;
    redisReply          *slots;
    rum_cluster_node_t   node;

    static const struct {
        const char  *node;
        int          rc;
        const char  *host;
        const char  *address;
    } cases[] = {
        { "*3\r\n$-1\r\n:7001\r\n$2\r\nid\r\n", RUM_OK, "", "" },
        { "*3\r\n$0\r\n\r\n:7001\r\n$2\r\nid\r\n", RUM_OK, "", "" },
        { "*4\r\n$-1\r\n:7001\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n"
          "$8\r\n10.0.0.1\r\n", RUM_OK, "", "" },
        { "*4\r\n$6\r\na.test\r\n:7001\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n"
          "$8\r\n10.0.0.1\r\n", RUM_OK, "a.test", "10.0.0.1" },
        { "*4\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n"
          "*2\r\n$8\r\nhostname\r\n$6\r\na.test\r\n", RUM_OK, "10.0.0.1",
          "10.0.0.1" },
        { "*4\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n"
          "$8\r\n10.0.0.1\r\n", RUM_OK, "10.0.0.1", "10.0.0.1" },
        { "*3\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n", RUM_DECLINED, NULL,
          NULL },
        { "*4\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n*1\r\n$2\r\nip\r\n",
          RUM_DECLINED, NULL, NULL },
        { "*3\r\n$1\r\na\r\n:0\r\n$2\r\nid\r\n", RUM_DECLINED, NULL, NULL },
        { "*3\r\n$1\r\na\r\n:65536\r\n$2\r\nid\r\n", RUM_DECLINED, NULL,
          NULL },
        { "*2\r\n$1\r\na\r\n$1\r\n7\r\n", RUM_DECLINED, NULL, NULL },
        { "*1\r\n$1\r\na\r\n", RUM_DECLINED, NULL, NULL },
        { "$1\r\na\r\n", RUM_DECLINED, NULL, NULL }
    };

    char  resp[256];

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(resp, sizeof(resp), "*1\r\n*3\r\n:0\r\n:16383\r\n%s",
                 cases[i].node);
        slots = parse(resp);

        assert_int_equal(rum_cluster_find(slots, 1, &node), cases[i].rc);

        if (cases[i].rc == RUM_OK) {
            assert_text(&node.host, cases[i].host);
            assert_text(&node.address, cases[i].address);
            assert_int_equal(node.port, 7001);
        }

        freeReplyObject(slots);
    }
}


static void
broken_replies_have_no_primary(void **state)
{
    size_t               i;
    unsigned             first, last;
    redisReply          *slots;
    rum_cluster_node_t   node;

    static const char  *const resp[] = {
        "*0\r\n",
        "+OK\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*-1\r\n",
        "*1\r\n*2\r\n:0\r\n:16383\r\n",
        "*1\r\n*3\r\n$1\r\n0\r\n:16383\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:-1\r\n:16383\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:2\r\n:0\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16383\r\n*-1\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(resp) / sizeof(resp[0]); i++) {
        slots = parse(resp[i]);

        assert_int_equal(rum_cluster_find(slots, 1, &node), RUM_DECLINED);
        assert_int_equal(rum_cluster_range(slots, 0, &first, &last, &node),
                         RUM_ERROR);

        freeReplyObject(slots);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(slots_are_those_of_redis),
        cmocka_unit_test(the_primary_of_a_slot_is_found),
        cmocka_unit_test(a_node_may_have_a_name_or_nothing),
        cmocka_unit_test(broken_replies_have_no_primary)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
