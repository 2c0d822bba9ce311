#!/usr/bin/env python3
"""How fast rum-aggregator is, against a loop that only reads the entries.

The stream is filled with real entries: beacons that went through the module.  Both programs then take turns at draining it
(Redis on core 0, the program on core 1), each as a whole process; what Redis holds besides the stream is deleted before each
run.  Also printed: what an entry takes in Redis, and what the rollups do.
"""

import argparse
import os
import subprocess
import sys
import time

import rumbench as rb

STREAM = "rum:{0}:events"

# N entries made of those at hand, as one writer would have sent them now: each is a view of its own, three of a session
FILL = r"""
local from = redis.call('XRANGE', 'seed', '-', '+')
for i = 1, ARGV[1] do
  local e = from[i % #from + 1][2][4]
  e = e:gsub('\164view\172' .. ('.'):rep(12), '\164view\172' .. ('%012x'):format(i), 1)
  e = e:gsub('\167session\172' .. ('.'):rep(12), '\167session\172' .. ('%012x'):format(math.floor(i / 3)), 1)
  if ARGV[2] == '1' then
    local m = cmsgpack.unpack(e)
    e = cmsgpack.pack({t = m.t, site = m.site, page = m.page, dims = m.dims, metrics = m.metrics})
  end
  redis.call('XADD', KEYS[1], '*', 'id', 'bench-' .. i, 'e', e)
end
return #from
"""
FORGET = "for _, k in ipairs(redis.call('KEYS', '*')) do if k ~= KEYS[1] and k ~= 'seed' then redis.call('UNLINK', k) end end"


def seed(redis):
    """a few thousand real entries into the stream "seed" """
    from ingest import Contestant
    mmdb = rb.path("geo.mmdb")
    subprocess.run(["perl", os.path.join(rb.TOP, "bench/mmdb.pl"), mmdb], check=True, stdout=subprocess.DEVNULL)
    size = rb.write_beacons(rb.path("beacons"))
    module = Contestant("module", redis, mmdb)
    module.run(1)
    redis.command("RENAME", STREAM, "seed")
    redis.command("XTRIM", "seed", "MAXLEN", 8192)
    rb.stop(module.process)
    return size


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--events", type=int, default=300000)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--plain", action="store_true", help="entries of dimensions and metrics only: no view, session or lists")
    a = ap.parse_args()

    loop = rb.path("read_loop")
    subprocess.run(["cc", "-O2", "-o", loop, os.path.join(rb.TOP, "bench/read_loop.c"), "-lhiredis"], check=True)
    rb.prioritise()
    redis = rb.Redis(rb.SERVER)
    size = seed(redis)
    used = int(redis.command("INFO", "memory").split("used_memory:")[1].split()[0])
    redis.command("EVAL", FILL, 1, STREAM, a.events, int(a.plain))
    entry = (int(redis.command("INFO", "memory").split("used_memory:")[1].split()[0]) - used) / a.events
    conf = rb.path("aggregator.conf")
    with open(conf, "w") as f:
        f.write('redis = "127.0.0.1:%d"\n' % redis.port)
    rb.keep_awake()

    commands = {
        "read_loop": [loop, redis.port, STREAM, "rum", a.events],
        "rum-aggregator": [os.path.join(rb.BUILD, "rum-aggregator"), "-c", conf, "--once"],
    }
    runs = {name: [] for name in commands}
    for i in range(a.rounds):
        for name, command in commands.items():
            redis.command("EVAL", FORGET, 1, STREAM)
            try:
                redis.command("XGROUP", "DESTROY", STREAM, "rum")
            except subprocess.CalledProcessError:
                pass
            redis.command("XGROUP", "CREATE", STREAM, "rum", 0)
            redis_before, begin, before = redis.cpu(), time.time(), os.times()
            p = subprocess.run(rb.pinned(rb.CLIENT, *command), capture_output=True, text=True)
            seconds, after = time.time() - begin, os.times()
            if p.returncode != 0:
                sys.exit("%s failed: %s%s" % (name, p.stdout, p.stderr))
            cpu = after.children_user + after.children_system - before.children_user - before.children_system
            runs[name].append({"rate": a.events / seconds, "cpu": cpu * 1e6 / a.events,
                               "redis": (redis.cpu() - redis_before) * 1e6 / a.events})
        counted = sum(int(line) for line in redis.command(
            "HGET", "rum:{0}:health", "events").split() if line.isdigit())
        if counted != a.events:
            sys.exit("the aggregator counted %d of %d events" % (counted, a.events))
        print("# round %d of %d" % (i + 1, a.rounds), file=sys.stderr, flush=True)
    rollups = int(redis.command("INFO", "memory").split("used_memory:")[1].split()[0]) - used - entry * a.events

    print("%-16s %12s %8s %5s %12s %12s" % ("", "events/s", "x loop", "+-%", "cpu us/ev", "redis us/ev"))
    for name, r in runs.items():
        ratio = [x["rate"] / y["rate"] for x, y in zip(r, runs["read_loop"])]
        print("%-16s %12.0f %8.2f %5.0f %12.2f %12.2f" % (
            name, rb.median([x["rate"] for x in r]), rb.median(ratio), rb.spread(ratio),
            rb.median([x["cpu"] for x in r]), rb.median([x["redis"] for x in r])))
    print("entries from beacons of %d bytes take %.0f bytes each in Redis; the rollups of this run %.1f MB in %s keys" % (
        size, entry, rollups / 1e6, redis.command("DBSIZE")))
    print("%d events, %d rounds; load average %.1f" % (a.events, a.rounds, os.getloadavg()[0]))


if __name__ == "__main__":
    main()
