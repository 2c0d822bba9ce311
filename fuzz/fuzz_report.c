/*
 * Any fields of rollups, under any names and values: the answer is valid
 * JSON, its CSV has rows of one length, and the lines of the Prometheus text
 * are of the right form.
 *
 * The input is read as fields: kind, length and bytes of the value, length
 * and bytes of the packed data.  The upper bits of kind say for which step,
 * or that it is of the earlier span.  For a list fields are names of sites and
 * entries of their indexes.
 */

#include <ctype.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "rum_report.h"

#define QUESTIONS     11

#define KIND_SLOWEST  14                /* up to here metrics and counters */


typedef struct {
    const uint8_t  *pos;
    const uint8_t  *last;
} input_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rum_report_t *report_of(rum_query_t *q, unsigned kind);
static void fill(rum_report_t *report, input_t *in);
static void fill_list(rum_report_t *report, input_t *in);
static void check_tables(rum_report_t *report, rum_report_info_t *info);
static void take_sample(rum_report_t *report, const rum_str_t *a,
    const rum_str_t *b);
static unsigned take(input_t *in);
static rum_str_t take_string(input_t *in);
static void check_json(const rum_text_t *text);
static void check_csv(const rum_text_t *text);
static void check_prometheus(const rum_text_t *text);
static void check_line(const unsigned char *p, const unsigned char *last);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_t             in;
    rum_text_t          text;
    rum_query_t         q;
    rum_report_t       *report;
    rum_report_info_t   info;

    in.pos = data;
    in.last = data + size;

    report = report_of(&q, take(&in));

    if (q.list != RUM_LIST_NONE) {
        fill_list(report, &in);

    } else {
        fill(report, &in);
    }

    if (rum_report_arrange(report) != RUM_OK) {
        abort();
    }

    memset(&info, 0, sizeof(info));
    rum_text_init(&text);

    if (rum_report_json(report, &info, &text, NULL) != RUM_OK) {
        abort();
    }

    check_json(&text);
    rum_text_free(&text);

    if (q.list == RUM_LIST_NONE) {
        check_tables(report, &info);
    }

    rum_report_destroy(report);

    return 0;
}


static void
fill(rum_report_t *report, input_t *in)
{
    unsigned            kind;
    rum_str_t           value, packed;
    rum_report_place_t  place;

    while (in->pos < in->last) {
        kind = take(in);
        value = take_string(in);
        packed = take_string(in);

        memset(&place, 0, sizeof(place));
        place.earlier = report->query->compare && (kind & 128);
        place.step = report->nsteps ? (kind >> 4) % report->nsteps : 0;
        place.alone = (kind >> 4) == 7;
        kind %= 16;

        if (kind < 3) {
            rum_report_histogram(report, &report->sites[0], kind, &place,
                                 &value, &packed);

        } else if (kind < KIND_SLOWEST) {
            rum_report_counter(report, &report->sites[0], kind - 3, &place,
                               &value, &packed);

        } else if (kind == KIND_SLOWEST) {
            rum_report_slowest(report, &report->sites[0], &value, &packed);

        } else if (report->sites[0].ngroups) {
            take_sample(report, &value, &packed);
        }

        rum_report_health(report, &value, &packed);
    }

    for (kind = 0; kind < 3 * report->nsteps; kind++) {
        rum_report_step(report, &report->sites[0], kind % 3, kind / 3);
    }
}


/* fields as above: a site's name, and an entry of one site's index */

static void
fill_list(rum_report_t *report, input_t *in)
{
    unsigned   kind;
    uint32_t   i;
    rum_str_t  name, entry;

    while (in->pos < in->last) {
        kind = take(in);
        name = take_string(in);
        entry = take_string(in);

        if (report->query->site.len == 0) {
            rum_report_add_site(report, &name);
        }

        if (report->nsites > 0) {
            rum_report_add_index(report,
                                 &report->sites[kind % report->nsites],
                                 &entry);
        }
    }

    rum_report_cut_sites(report);

    for (i = 0; i < report->nsites; i++) {
        rum_report_order_index(&report->sites[i]);
    }
}


/* CSV and Prometheus text */

static void
check_tables(rum_report_t *report, rum_report_info_t *info)
{
    rum_text_t  text;

    rum_text_init(&text);

    if (rum_report_csv(report, &text) != RUM_OK) {
        abort();
    }

    check_csv(&text);
    rum_text_free(&text);

    if (rum_report_prometheus(report, info, &text) != RUM_OK) {
        abort();
    }

    check_prometheus(&text);
    rum_text_free(&text);
}


static rum_report_t *
report_of(rum_query_t *q, unsigned kind)
{
    size_t         i;
    rum_str_t      args, name;
    rum_report_t  *report;

    static const char *const  questions[] = {
        "site=s&buckets=1", "site=s&by=page&sort=-p99.9&limit=3",
        "site=s&by=page,device&sort=value", "site=s&by=le&sort=mean&q=0,100",
        "site=s&by=error&step=1h&buckets=1", "site=s&step=1h&compare=1d",
        "site=s&by=page&compare=previous&q=0,1,50,99.999,100",
        "list=dimensions&limit=3", "list=dimensions&site=s",
        "list=metrics", "list=sites"
    };
    static const char *const  metrics[] = { "lcp", "cls", "custom.x" };

    args.data = (unsigned char *) questions[kind % QUESTIONS];
    args.len = strlen(questions[kind % QUESTIONS]);

    if (rum_query_parse(q, &args) != RUM_OK) {
        abort();
    }

    report = rum_report_create(q);

    if (q->list != RUM_LIST_NONE) {
        return report;
    }

    for (i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        name.data = (unsigned char *) metrics[i];
        name.len = strlen(metrics[i]);
        rum_report_add_metric(report, &report->sites[0], &name);
    }

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        report->sites[0].counters[i] = 1;
    }

    report->sites[0].slowest = 1;

    report->nsteps = q->step ? 3 : 0;

    rum_report_begin(report);

    return report;
}


/* each of the two strings as some of the fields */

static void
take_sample(rum_report_t *report, const rum_str_t *a, const rum_str_t *b)
{
    size_t               i;
    rum_report_sample_t  sample;

    for (i = 0; i < RUM_SAMPLE_LAST; i++) {
        sample.fields[i] = (a->len + i) % 2 ? *a : *b;
    }

    rum_report_sample(report, report->sites[0].groups[0], &sample);
}


static unsigned
take(input_t *in)
{
    return in->pos < in->last ? *in->pos++ : 0;
}


static rum_str_t
take_string(input_t *in)
{
    rum_str_t  s;

    s.len = take(in);
    s.data = (unsigned char *) in->pos;

    if (s.len > (size_t) (in->last - in->pos)) {
        s.len = in->last - in->pos;
    }

    in->pos += s.len;

    return s;
}


static void
check_json(const rum_text_t *text)
{
    yajl_handle  parser;

    parser = yajl_alloc(NULL, NULL, NULL);

    if (yajl_parse(parser, text->data, text->len) != yajl_status_ok
        || yajl_complete_parse(parser) != yajl_status_ok)
    {
        abort();
    }

    yajl_free(parser);
}


static void
check_csv(const rum_text_t *text)
{
    size_t    i;
    unsigned  quoted, columns, header;

    quoted = 0;
    columns = 0;
    header = 0;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] == '"') {
            quoted = !quoted;

        } else if (text->data[i] == ',') {
            columns += !quoted;

        } else if (text->data[i] == '\r' && !quoted) {

            if (header == 0) {
                header = columns;
            }

            if (columns != header || ++i == text->len
                || text->data[i] != '\n')
            {
                abort();
            }

            columns = 0;
        }
    }

    if (quoted || columns != 0) {
        abort();
    }
}


static void
check_prometheus(const rum_text_t *text)
{
    const unsigned char  *p, *last, *end;

    p = text->data;
    last = text->len ? p + text->len : p;

    for ( /* void */ ; p < last; p = end + 1) {
        end = memchr(p, '\n', last - p);

        if (end == NULL) {
            abort();
        }

        if (*p != '#') {
            check_line(p, end);
        }
    }
}


/* name{label="...",...} number */

static void
check_line(const unsigned char *p, const unsigned char *last)
{
    while (p < last && (isalnum(*p) || *p == '_')) {
        p++;
    }

    if (p < last && *p == '{') {
        do {
            p++;

            while (p < last && (isalnum(*p) || *p == '_')) {
                p++;
            }

            if (last - p < 3 || p[0] != '=' || p[1] != '"') {
                abort();
            }

            for (p += 2; p < last && *p != '"'; p++) {
                p += *p == '\\';
            }

            p++;
        } while (p < last && *p == ',');

        if (p >= last || *p++ != '}') {
            abort();
        }
    }

    if (p >= last || *p++ != ' ' || p == last) {
        abort();
    }

    for ( /* void */ ; p < last; p++) {
        if (!isdigit(*p) && *p != '.' && *p != '-') {
            abort();
        }
    }
}
