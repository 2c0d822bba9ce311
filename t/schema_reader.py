#!/usr/bin/python3
"""Reads ngx_rum's rollups in Redis, knowing nothing but docs/redis-schema.md.

    schema_reader.py --port 6379 --partitions 2 --res 1m --from T --to T
    schema_reader.py --port 6379 --partitions 2 --events

The first prints everything that the windows from --from to --to hold (--res
total has no time), windows and partitions added up, as one line of JSON:

    {SITE: {DIMENSION: {"metrics": {METRIC: {VALUE: {"count": 3, ...}}},
                        "counters": {VALUE: {"views": 2, ...}}}}}

The second reads the stream of events and prints what it saw there.  Both end
with an error at anything that the page does not describe.  An example for
readers of your own, and the tests' check of that page.
"""

import argparse
import json
import math
import re
import sys

import msgpack
import redis

COUNTERS = ("beacons", "views", "errors", "entrances", "bounces")
DETAILS = {"error": ("errors", "views"), "error,page": ("errors",),
           "error,browser": ("errors",),
           "host": ("requests", "bytes", "third_party_requests"),
           "host,type": ("requests", "bytes", "third_party_requests"),
           "from,page": ("views",),
           "action": ("actions",), "action,target": ("actions",),
           "event": ("events",), "event,page": ("events",),
           "lcp_target": (), "lcp_url": (), "inp_target": (), "inp_url": (),
           "inp_type": (), "inp_target,inp_type": (), "cls_target": (),
           "speed": ("visits", "conversions")}
WIDTHS = {"1m": 60, "1h": 3600, "1d": 86400}
RATED = ("lcp", "inp", "cls", "fcp", "ttfb")
BASE = 2 ** (1 / 64)

# of an event: key -> type of its value
EVENT = {"t": int, "site": str, "page": str, "dims": dict, "metrics": dict,
         "view": str, "session": str, "n": int, "seq": int, "from": str,
         "weight": int, "ids": dict, "trace": str, "errors": list, "actions": list,
         "resources": list, "events": list, "attribution": dict}
RESOURCE = {"host": str, "type": str, "count": int, "duration": list,
            "bytes": int, "url": str}
ATTRIBUTION = {"target": str, "url": str, "type": str}


class Unexpected(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Unexpected(what)


# ------------------------------------------------------------------- keys

def escape(name):
    """Names of sites, dimensions, metrics and values, as bytes in a key."""
    return re.sub(rb"[%:{}\x00-\x20\x7f]",
                  lambda m: b"%%%02X" % m.group()[0], name)


def unescape(text):
    return re.sub(rb"%([0-9A-Fa-f]{2})",
                  lambda m: bytes([int(m.group(1), 16)]), text)


def key(partition, *parts):
    return b"rum:{%d}:" % partition + b":".join(
        part if isinstance(part, bytes) else str(part).encode()
        for part in parts)


def windows(res, begin, end):
    """The starts of the windows that lie in [begin, end)."""
    if res == "total":
        return [0]

    width = WIDTHS[res]
    return list(range(begin // width * width, end, width))


# ------------------------------------------------------------- histograms

class Histogram:
    def __init__(self):
        self.count = self.zero_count = 0
        self.sum = 0
        self.min = self.max = None
        self.buckets = {}
        self.ratings = [0, 0, 0]

    def add(self, packed):
        fields = msgpack.unpackb(packed)
        expect(len(fields) in (9, 10) and fields[0] == 1 and fields[1] == 6,
               "a histogram of %r" % (fields[:2],))

        count, total, low, high, zero_count, offset, buckets = fields[2:9]
        expect(count == zero_count + sum(buckets), "buckets do not add up")

        if count == 0:
            return

        self.min = low if self.min is None else min(self.min, low)
        self.max = high if self.max is None else max(self.max, high)
        self.count += count
        self.sum += total
        self.zero_count += zero_count

        for i, n in enumerate(buckets, offset):
            self.buckets[i] = self.buckets.get(i, 0) + n

        for i, n in enumerate(fields[9] if len(fields) == 10 else ()):
            self.ratings[i] += n

    def quantile(self, q):
        rank = max(1, math.ceil(q * self.count))
        seen = self.zero_count

        if seen >= rank:
            return 0

        for i in sorted(self.buckets):
            seen += self.buckets[i]

            if seen >= rank:
                low, high = BASE ** i, BASE ** (i + 1)
                middle = 2 * low * high / (low + high)
                return min(max(middle, self.min), self.max)

        raise Unexpected("a rank past the last bucket")

    def figures(self, rated):
        figures = {"count": self.count, "sum": self.sum,
                   "min": self.min, "max": self.max}

        for q in (50, 75, 90, 95, 99):
            figures["p%d" % q] = self.quantile(q / 100)

        if rated:
            figures.update(zip(("good", "needs_improvement", "poor"),
                               self.ratings))

        return figures


# ---------------------------------------------------------------- rollups

class Reader:
    def __init__(self, client, partitions, res, begin, end):
        self.redis = client
        self.partitions = range(partitions)
        self.windows = [(res, start) for start in windows(res, begin, end)]

    def sites(self):
        return sorted({unescape(site) for p in self.partitions
                       for site in self.redis.smembers(key(p, "sites"))})

    def index(self, site):
        """The (dimension, metric) pairs of a site, in any partition."""
        pairs = set()

        for p in self.partitions:
            for member in self.redis.smembers(key(p, "index", escape(site))):
                dimension, metric = member.split(b":")
                pairs.add((unescape(dimension), unescape(metric)))

        return sorted(pairs)

    def rollup(self, site, dimension, metric):
        """(value, packed) for each field of each window and partition."""
        pipe = self.redis.pipeline(transaction=False)

        for p in self.partitions:
            for res, start in self.windows:
                pipe.hgetall(key(p, res, start, escape(site),
                                 escape(dimension), escape(metric)))

        for fields in pipe.execute():
            yield from fields.items()

    def sessions(self, site, dimension, value):
        """United over windows, which may share sessions; partitions do not."""
        return sum(self.redis.pfcount(*[
            key(p, res, start, escape(site), escape(dimension), "sessions",
                escape(value)) for res, start in self.windows])
            for p in self.partitions)

    def read_site(self, site):
        answer = {}

        for dimension, metric in self.index(site):
            name, text = metric.decode(), dimension.decode()
            expect(name != "sessions", "sessions in an index")
            into = answer.setdefault(text, {"metrics": {}, "counters": {}})

            if name in DETAILS.get(text, COUNTERS):
                self.read_counter(into["counters"], site, dimension, metric)
            else:
                histograms = self.read_metric(site, dimension, metric)
                if histograms:
                    into["metrics"][name] = histograms

        if "host,type" in answer:
            self.read_slowest(answer["host,type"]["counters"], site,
                              b"host,type")

        for dimension, into in answer.items():
            if (dimension != "page" and "," not in dimension
                    and dimension not in DETAILS):
                for value, counters in into["counters"].items():
                    counters["sessions"] = self.sessions(
                        site, dimension.encode(), value.encode())

        return answer

    def read_counter(self, into, site, dimension, metric):
        for value, packed in self.rollup(site, dimension, metric):
            n = msgpack.unpackb(packed)
            expect(isinstance(n, int), "a counter that is no integer")
            counters = into.setdefault(value.decode(),
                                       dict.fromkeys(DETAILS.get(
                                           dimension.decode(), COUNTERS), 0))
            counters[metric.decode()] += n

    def read_slowest(self, into, site, dimension):
        for value, packed in self.rollup(site, dimension, b"slowest"):
            duration, url = msgpack.unpackb(packed)[:2]
            expect(0 < len(url.encode()) <= 256, "an URL of %r" % url)
            slowest = {"duration": duration, "url": url}
            row = into[value.decode()]
            row["slowest"] = min(row.get("slowest", slowest), slowest,
                                 key=lambda s: (-s["duration"],
                                                s["url"].encode()))

    def read_metric(self, site, dimension, metric):
        histograms = {}

        for value, packed in self.rollup(site, dimension, metric):
            histograms.setdefault(value.decode(), Histogram()).add(packed)

        return {value: histogram.figures(metric.decode() in RATED)
                for value, histogram in histograms.items()
                if histogram.count > 0}


# ----------------------------------------------------------------- events

def read_events(client, partitions):
    """Counts what the streams hold, by site."""
    sites = {}
    writers = {}

    for p in range(partitions):
        for _, fields in client.xrange(key(p, "events")):
            expect(set(fields) == {b"id", b"e"}, "fields %r" % set(fields))

            writer, sequence = fields[b"id"].decode().split("-")
            expect(writer.isalnum(), "a writer %r" % writer)
            writers.setdefault((p, writer), set()).add(int(sequence))

            event = msgpack.unpackb(fields[b"e"])
            check_event(event)

            site = sites.setdefault(event["site"], {
                "beacons": 0, "errors": 0, "sessions": {}})
            weight = event.get("weight", 1)
            site["beacons"] += weight
            site["errors"] += weight * sum(error.get("count", 1)
                                           for error in event.get("errors",
                                                                  ()))
            site["sessions"][event.get("session")] = weight

    for sequences in writers.values():
        expect(sequences == set(range(1, len(sequences) + 1)),
               "a sequence with gaps")

    for site in sites.values():
        site["sessions"].pop(None, None)
        site["sessions"] = sum(site["sessions"].values())

    return sites


def check_event(event):
    for name, value in event.items():
        expect(name in EVENT, "a key %r in an event" % name)
        expect(isinstance(value, EVENT[name]), "%r is %r" % (name, value))
        expect(value not in ("", [], {}), "%r is empty" % name)

    for parts, known in ((event.get("resources", ()), RESOURCE),
                         (event.get("attribution", {}).values(), ATTRIBUTION)):
        for part in parts:
            for name, value in part.items():
                expect(isinstance(value, known.get(name, ())),
                       "%r is %r" % (name, value))

    expect(1 < event.get("weight", 2) <= 1000, "a weight out of range")

    for name in ("t", "site", "page"):
        expect(name in event, "no %r in an event" % name)

    for name, value in event.get("metrics", {}).items():
        expect(isinstance(value, (int, float)), "metric %r" % name)

    for name, value in event.get("dims", {}).items():
        expect(isinstance(value, str), "dimension %r" % name)


# ------------------------------------------------------------------- main

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=6379)
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--res", choices=("1m", "1h", "1d", "total"),
                        default="total")
    parser.add_argument("--from", dest="begin", type=int, default=0)
    parser.add_argument("--to", dest="end", type=int, default=0)
    parser.add_argument("--events", action="store_true")
    args = parser.parse_args()

    client = redis.Redis(port=args.port)

    if args.events:
        answer = read_events(client, args.partitions)
    else:
        reader = Reader(client, args.partitions, args.res, args.begin,
                        args.end)
        answer = {site.decode(): reader.read_site(site)
                  for site in reader.sites()}

    json.dump(answer, sys.stdout, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
