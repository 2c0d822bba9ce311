/*
 * The limit of any consumer of the event stream: reads all entries through a
 * consumer group and acknowledges them, and does nothing with them.
 *
 *   read_loop PORT STREAM GROUP N
 *
 * hiredis parses the replies; no reply objects are made.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>


#define COUNT  1000


static void *on_string(const redisReadTask *task, char *str, size_t len);
static void *on_array(const redisReadTask *task, int n);
static void *on_integer(const redisReadTask *task, long long value);
static void *on_nil(const redisReadTask *task);
static void on_free(void *reply);
static void send_all(int fd, const char *data, size_t len);
static void receive(redisContext *c, redisReader *reader);


static char                       ids[COUNT][32];
static size_t                     nids;
static redisReplyObjectFunctions  functions = {
    .createString = on_string,
    .createArray = on_array,
    .createInteger = on_integer,
    .createNil = on_nil,
    .freeObject = on_free
};


int
main(int argc, char **argv)
{
    int            n;
    long           left;
    char           read_command[512], *ack;
    size_t         i, len;
    redisReader   *reader;
    redisContext  *c;

    if (argc != 5) {
        fprintf(stderr, "usage: read_loop PORT STREAM GROUP N\n");
        return 2;
    }

    c = redisConnect("127.0.0.1", atoi(argv[1]));
    reader = redisReaderCreateWithFunctions(&functions);
    ack = malloc(256 + COUNT * 64);

    if (c == NULL || c->err || reader == NULL || ack == NULL) {
        fprintf(stderr, "read_loop: cannot connect\n");
        return 1;
    }

    n = snprintf(read_command, sizeof(read_command),
                 "*9\r\n$10\r\nXREADGROUP\r\n$5\r\nGROUP\r\n$%zu\r\n%s\r\n"
                 "$4\r\nloop\r\n$5\r\nCOUNT\r\n$4\r\n1000\r\n"
                 "$7\r\nSTREAMS\r\n$%zu\r\n%s\r\n$1\r\n>\r\n",
                 strlen(argv[3]), argv[3], strlen(argv[2]), argv[2]);

    for (left = atol(argv[4]); left > 0; left -= (long) nids) {
        nids = 0;
        send_all(c->fd, read_command, (size_t) n);
        receive(c, reader);

        if (nids == 0) {
            break;
        }

        len = (size_t) sprintf(ack, "*%zu\r\n$4\r\nXACK\r\n$%zu\r\n%s\r\n"
                               "$%zu\r\n%s\r\n", 3 + nids, strlen(argv[2]),
                               argv[2], strlen(argv[3]), argv[3]);

        for (i = 0; i < nids; i++) {
            len += (size_t) sprintf(ack + len, "$%zu\r\n%s\r\n",
                                    strlen(ids[i]), ids[i]);
        }

        i = nids;
        send_all(c->fd, ack, len);
        receive(c, reader);
        nids = i;
    }

    printf("%ld left\n", left);

    return left > 0;
}


/* the id of an entry is the first element of an array of two at level 3 */

static void *
on_string(const redisReadTask *task, char *str, size_t len)
{
    if (task->parent != NULL && task->parent->elements == 2 && task->idx == 0
        && task->parent->parent != NULL
        && task->parent->parent->parent != NULL
        && len < sizeof(ids[0]) && nids < COUNT)
    {
        memcpy(ids[nids], str, len);
        ids[nids][len] = '\0';
        nids++;
    }

    return ids;
}


static void *
on_array(const redisReadTask *task, int n)
{
    (void) task;
    (void) n;

    return ids;
}


static void *
on_integer(const redisReadTask *task, long long value)
{
    (void) task;
    (void) value;

    return ids;
}


static void *
on_nil(const redisReadTask *task)
{
    (void) task;

    return ids;
}


static void
on_free(void *reply)
{
    (void) reply;
}


static void
send_all(int fd, const char *data, size_t len)
{
    ssize_t  n;

    while (len > 0) {
        n = write(fd, data, len);

        if (n <= 0) {
            perror("read_loop: write");
            exit(1);
        }

        data += n;
        len -= (size_t) n;
    }
}


static void
receive(redisContext *c, redisReader *reader)
{
    void     *reply;
    ssize_t   n;

    static char  buf[65536];

    for ( ;; ) {
        reply = NULL;

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            fprintf(stderr, "read_loop: %s\n", reader->errstr);
            exit(1);
        }

        if (reply != NULL) {
            return;
        }

        n = read(c->fd, buf, sizeof(buf));

        if (n <= 0) {
            perror("read_loop: read");
            exit(1);
        }

        redisReaderFeed(reader, buf, (size_t) n);
    }
}
