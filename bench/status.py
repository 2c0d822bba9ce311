#!/usr/bin/env python3
"""What dashboards cost: answers of the status location over 30 days of rollups with 1,000 pages.

The rollups are written into Redis as the aggregator would (docs/redis-schema.md).  Then so many dashboards are open, each of
which asks three questions every second: cards (Web Vitals by day, against the 30 days before), pages (three metrics of 1,000
pages), countries.  "All pages" is every metric and counter of the pages.  First all ask the same, then each something of its own.
Redis and the dashboards run on core 1, nginx, one worker, on core 0.  A small request every few milliseconds tells how long
other visitors wait meanwhile.
"""

import argparse
import bisect
import http.client
import math
import multiprocessing
import os
import random
import sys
import threading
import time

import msgpack
import redis as redis_client

import rumbench as rb

VITALS = {"lcp": (2100, 0.6, 2500, 4000), "inp": (120, 0.8, 200, 500), "cls": (0.06, 1.1, 0.1, 0.25),
          "fcp": (1300, 0.6, 1800, 3000), "ttfb": (500, 0.7, 800, 1800)}
PLAIN = {"load": (3200, 0.6), "dom_interactive": (1400, 0.6), "tbt": (150, 1.0)}
COUNTERS = ["beacons", "views", "errors", "entrances", "bounces"]
SITE = "shop"
DAY = 86400


def histogram(rnd, n, middle, sigma, good=None, poor=None):
    values = sorted(round(middle * math.exp(rnd.gauss(0, sigma)), 4) for _ in range(n))
    buckets = {}
    for v in values:
        i = math.ceil(math.log2(v) * 64) - 1
        buckets[i] = buckets.get(i, 0) + 1
    low, high = min(buckets), max(buckets)
    packed = [1, 6, n, round(sum(values), 4), values[0], values[-1], 0, low, [buckets.get(i, 0) for i in range(low, high + 1)]]
    if good is not None:
        below = bisect.bisect_right(values, good), bisect.bisect_right(values, poor)
        packed.append([below[0], below[1] - below[0], n - below[1]])
    return msgpack.packb(packed)


def fill(port, pages):
    """61 days and the hours of the last two by all, page and country"""
    rnd = random.Random(5)
    metrics = {**VITALS, **PLAIN}
    small = {m: [histogram(rnd, rnd.randrange(20, 400), *p) for _ in range(100)] for m, p in metrics.items()}
    large = {m: [histogram(rnd, 20000, *p) for _ in range(5)] for m, p in metrics.items()}
    client = redis_client.Redis(port=port)
    pipe = client.pipeline(transaction=False)
    now = int(time.time())
    dimensions = {"all": ["*"], "country": ["C%d" % i for i in range(60)],
                  "page": ["/section-%d/page-%d" % (i % 40, i) for i in range(pages)]}
    pipe.sadd("rum:{0}:sites", SITE)
    fields = size = 0
    for dimension, values in dimensions.items():
        pipe.sadd("rum:{0}:index:" + SITE, *["%s:%s" % (dimension, m) for m in list(metrics) + COUNTERS])
        for back in range(61):
            start = (now // DAY - back) * DAY
            for m in list(metrics) + COUNTERS:
                if m in COUNTERS:
                    rows = {v: msgpack.packb(rnd.randrange(1, 5000)) for v in values}
                else:
                    rows = {v: rnd.choice(large[m] if dimension == "all" else small[m]) for v in values}
                pipe.hset("rum:{0}:1d:%d:%s:%s:%s" % (start, SITE, dimension, m), mapping=rows)
                fields += len(rows)
                size += sum(map(len, rows.values()))
            pipe.execute()
    return client, fields, size


class Nginx:
    def __init__(self, redis):
        self.port = rb.free_port()
        conf = rb.path("nginx.conf")
        with open(conf, "w") as f:
            f.write("""
load_module %s/ngx_http_rum_module.so;
daemon off; worker_processes 1; pid %s; error_log %s warn;
events { worker_connections 512; }
http {
    access_log off; rum_redis 127.0.0.1:%d;
    server { listen 127.0.0.1:%d; location /status { rum_status; } location /small { return 204; } }
}
""" % (rb.BUILD, rb.path("nginx.pid"), rb.path("error.log"), redis.port, self.port))
        self.process = rb.start(rb.SERVER, "nginx", "-p", rb.TMP, "-c", conf)
        rb.wait_port(self.port, self.process)


QUESTIONS = {
    "cards": "/status?site=shop&last=30d&step=1d&compare=previous&metric=lcp,inp,cls,fcp,ttfb,views,errors",
    "pages": "/status?site=shop&last=30d&by=page&metric=lcp,inp,cls,views",
    "countries": "/status?site=shop&last=30d&by=country&metric=lcp,views",
}

ALONE = {**QUESTIONS, "all pages": "/status?site=shop&last=30d&by=page"}


class Dashboard(threading.Thread):
    """asks all questions at the start of each second, on a connection of its own"""

    def __init__(self, nginx, number, until, own):
        super().__init__()
        self.connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=10)
        self.number, self.until, self.own = number, until, own
        self.took = {name: [] for name in QUESTIONS}
        self.failed = 0

    def run(self):
        turn, turns = time.time() + random.random() / 10, 0
        while turn < self.until:
            time.sleep(max(0, turn - time.time()))
            turns += 1
            for name, question in QUESTIONS.items():
                limit = 50 + 2 * self.number + turns % 2 if self.own else 50    # an answer is given again for a second
                begin = time.time()
                self.connection.request("GET", "%s&limit=%d" % (question, limit))
                response = self.connection.getresponse()
                response.read()
                self.took[name].append((time.time() - begin) * 1000)
                self.failed += response.status != 200
            turn = max(turn + 1, time.time())


def probe(port, stop, waited):
    """what a small request waits for while dashboards are answered: no longer than the worker is busy at a stretch"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    took = []
    while not stop.is_set():
        begin = time.time()
        connection.request("GET", "/small")
        connection.getresponse().read()
        took.append((time.time() - begin) * 1000)
        time.sleep(0.003)
    waited.put(took)


def quantile(values, q):
    return sorted(values)[max(0, math.ceil(q * len(values)) - 1)]


def commands(client):
    return client.info("stats")["total_commands_processed"]


def once(nginx, client, name):
    """of one answer alone: Redis commands, time, length"""
    time.sleep(1.1)
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=10)
    before, begin = commands(client), time.time()
    connection.request("GET", ALONE[name] + "&limit=49")
    response = connection.getresponse()
    length = len(response.read())
    took = (time.time() - begin) * 1000
    if response.status != 200:
        sys.exit("%s: %d" % (name, response.status))
    return commands(client) - before - 1, took, length


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--dashboards", type=int, default=10)
    ap.add_argument("--pages", type=int, default=1000)
    ap.add_argument("--seconds", type=int, default=20)
    a = ap.parse_args()

    rb.prioritise()
    redis = rb.Redis(rb.CLIENT)
    client, fields, size = fill(redis.port, a.pages)
    nginx = Nginx(redis)
    print("%d fields in rollups, %.0f MB, %.0f bytes each" % (fields, size / 1e6, size / fields))

    print("%-10s %9s %8s %9s" % ("one alone", "commands", "ms", "bytes"))
    per_set = 0
    for name in ALONE:
        n, took, length = min((once(nginx, client, name) for _ in range(3)), key=lambda x: x[1])
        per_set += n if name in QUESTIONS else 0
        print("%-10s %9d %8.1f %9d" % (name, n, took, length))

    for own in (False, True):
        before, cpu, redis_cpu, begin = commands(client), rb.cpu_seconds(nginx.process.pid), redis.cpu(), time.time()
        stop, waited = multiprocessing.Event(), multiprocessing.Queue()
        multiprocessing.Process(target=probe, args=(nginx.port, stop, waited), daemon=True).start()
        boards = [Dashboard(nginx, i, begin + a.seconds, own) for i in range(a.dashboards)]
        for b in boards:
            b.start()
        for b in boards:
            b.join()
        seconds = time.time() - begin
        n = commands(client) - before
        print("\n%d dashboards, %s" % (a.dashboards, "each its own questions" if own else "all the same questions"))
        print("%-10s %8s %8s %8s %8s" % ("", "answers", "p50 ms", "p99 ms", "max ms"))
        for name in QUESTIONS:
            took = [t for b in boards for t in b.took[name]]
            print("%-10s %8d %8.1f %8.1f %8.1f" % (name, len(took), quantile(took, 0.5), quantile(took, 0.99), max(took)))
        stop.set()
        took = waited.get()
        print("%-10s %8d %8.1f %8.1f %8.1f" % ("a 204", len(took), quantile(took, 0.5), quantile(took, 0.99), max(took)))
        failed = sum(b.failed for b in boards)
        print("%.0f Redis commands/s, which is %.2f times the questions a second; nginx %.0f %%, Redis %.0f %% of a core%s" % (
            n / seconds, n / seconds / per_set, 100 * (rb.cpu_seconds(nginx.process.pid) - cpu) / seconds,
            100 * (redis.cpu() - redis_cpu) / seconds, "; %d NOT ANSWERED" % failed if failed else ""))
    print("load average %.1f" % os.getloadavg()[0])


if __name__ == "__main__":
    main()
