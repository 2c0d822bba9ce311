#!/usr/bin/env python3
"""What a beacon costs in nginx, against nginx's own limits and against Lua.

  return_204   nginx answers, the body is thrown away: the floor of any HTTP answer
  module       rum_beacon with the defaults: parsed, GeoIP, client detection, queued, delivered to a real Redis
  sampled      the same with rum_sample 0.001: nearly all are parsed and not kept
  stored       the same with rum_ack stored: the answer waits for Redis
  spool        the same with rum_ack stored, no Redis, and rum_spool: the answer waits for the disk
  lua          the same job in OpenResty's Lua module with a batching queue (where libnginx-mod-http-lua is installed)

One nginx worker on core 0; wrk and Redis on core 1.  return_204 runs before and after each contestant and a run is compared
with the mean of its neighbours; figures are medians over the rounds.
"""

import argparse
import os
import re
import subprocess
import sys
import time

import rumbench as rb

LUA = "/usr/lib/nginx/modules/ngx_http_lua_module.so"
MAIN = {"lua": "load_module modules/ndk_http_module.so; load_module modules/ngx_http_lua_module.so; env REDIS_PORT;"}
HTTP = {
    "module": "rum_redis 127.0.0.1:%(redis)d; rum_geoip %(mmdb)s;",
    "lua": "lua_package_path '%(here)s/?.lua;;'; geoip2 %(mmdb)s { $country source=$http_x_forwarded_for country iso_code; }"
           " init_worker_by_lua_block { require('peer').start() }",
}
LOCATION = {
    "return_204": "return 204;",
    "module": "rum_beacon shop;",
    "sampled": "rum_beacon shop; rum_sample 0.001;",
    "stored": "rum_beacon shop; rum_ack stored;",
    "spool": "rum_beacon shop; rum_ack stored;",
    "lua": "content_by_lua_block { require('peer').beacon() }",
}


class Contestant:
    def __init__(self, name, redis, mmdb):
        self.name = name
        self.redis = redis
        self.port = rb.free_port()
        kind = "module" if name in ("sampled", "stored", "spool") else name
        values = {"redis": redis.port, "mmdb": mmdb, "here": os.path.join(rb.TOP, "bench")}
        http = HTTP.get(kind, "") % values
        if name == "spool":
            http = http.replace(str(redis.port), str(rb.free_port())) + " rum_spool %s max=20g;" % rb.path("spool")
        main = MAIN.get(kind, "")
        if kind == "module":
            main = "load_module %s/ngx_http_rum_module.so;" % rb.BUILD
        elif kind == "lua":
            main += " load_module modules/ngx_http_geoip2_module.so;"
        conf = rb.path(name + ".conf")
        with open(conf, "w") as f:
            f.write("""%s
daemon off; worker_processes 1; pid %s.pid; error_log %s.log warn; worker_rlimit_nofile 4096;
%s
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000; client_header_buffer_size 8k; client_body_buffer_size 16k;
  client_body_temp_path %s.tmp; proxy_temp_path %s.tmp; fastcgi_temp_path %s.tmp; uwsgi_temp_path %s.tmp; scgi_temp_path %s.tmp;
  set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
  %s
  server { listen 127.0.0.1:%d backlog=1024; location = /b { %s } }
}
""" % (main, conf, conf, "user root;" if os.geteuid() == 0 else "", conf, conf, conf, conf, conf,
       http, self.port, LOCATION[name]))
        os.environ["REDIS_PORT"] = str(redis.port)
        self.process = rb.start(rb.SERVER, "nginx", "-e", conf + ".log", "-c", conf)
        rb.wait_port(self.port, self.process)

    def run(self, seconds):
        self.redis.command("FLUSHALL")
        for name in os.listdir(rb.path("spool")) if self.name == "spool" else ():
            os.truncate(os.path.join(rb.path("spool"), name), 0)
        before, redis_before = rb.cpu_seconds(self.process.pid), self.redis.cpu()
        out = subprocess.run(rb.pinned(rb.CLIENT, "wrk", "-t1", "-c64", "-d%ds" % seconds, "-s", os.path.join(rb.TOP, "bench/load.lua"),
                                       "http://127.0.0.1:%d/b" % self.port),
                             capture_output=True, text=True, env=dict(os.environ, BEACONS=rb.path("beacons"), BEACON_PATH="/b"))
        found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$", out.stdout, re.M)
        if not found:
            sys.exit("wrk failed: " + out.stdout + out.stderr)
        requests, micros, bad, broken, p99 = map(int, found.groups())
        added, last = self.redis.entries_added(), -1
        while added != last:
            time.sleep(0.2)
            added, last = self.redis.entries_added(), added
        return {"cpu": (rb.cpu_seconds(self.process.pid) - before) * 1e6 / max(requests, 1),
                "rate": requests * 1e6 / micros, "bad": bad + broken, "p99": p99 / 1000, "requests": requests, "added": added,
                "redis": (self.redis.cpu() - redis_before) * 1e6 / max(requests, 1), "rss": rb.rss_mb(self.process.pid)}


def instructions(name, redis, mmdb):
    """user-space instructions per request: they repeat whatever else the machine does, but do not see the kernel"""
    points = []
    for seconds in (3, 9):
        c = Contestant.__new__(Contestant)
        original = rb.start

        def under_valgrind(core, *command):
            return original(core, "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
                            "--log-file=" + rb.path(name + ".vg"), *command, "-g", "master_process off;")
        rb.start = under_valgrind
        try:
            c.__init__(name, redis, mmdb)
        finally:
            rb.start = original
        requests = c.run(seconds)["requests"]
        rb.stop(c.process)
        with open(rb.path(name + ".vg")) as f:
            total = re.search(r"I\s+refs:\s+([\d,]+)", f.read())
        points.append((requests, int(total.group(1).replace(",", ""))))
    return (points[1][1] - points[0][1]) / max(points[1][0] - points[0][0], 1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("contestants", nargs="*", help="default: all that can run here")
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--seconds", type=int, default=2, help="of one run")
    ap.add_argument("--instructions", action="store_true", help="count user instructions with valgrind instead")
    a = ap.parse_args()

    names = a.contestants or [n for n in LOCATION if n != "lua" or os.path.exists(LUA)]
    if "return_204" not in names:
        names.insert(0, "return_204")
    for n in names:
        if n not in LOCATION:
            ap.error("no contestant \"%s\"; there are: %s" % (n, " ".join(LOCATION)))

    rb.prioritise()
    size = rb.write_beacons(rb.path("beacons"))
    mmdb = rb.path("geo.mmdb")
    subprocess.run(["perl", os.path.join(rb.TOP, "bench/mmdb.pl"), mmdb], check=True, stdout=subprocess.DEVNULL)
    redis = rb.Redis()

    if a.instructions:
        print("%-12s %22s" % ("contestant", "user instructions/req"))
        for n in names:
            print("%-12s %22.0f" % (n, instructions(n, redis, mmdb)), flush=True)
        return

    rb.keep_awake()
    contestants = {n: Contestant(n, redis, mmdb) for n in names}
    runs = {n: [] for n in names}
    for c in contestants.values():
        c.run(1)
    base = contestants["return_204"]
    for i in range(a.rounds):
        before = base.run(a.seconds)
        for n, c in contestants.items():
            if c is base:
                continue
            r = c.run(a.seconds)
            after = base.run(a.seconds)
            r["cpu x"] = r["cpu"] / ((before["cpu"] + after["cpu"]) / 2)
            r["rate x"] = r["rate"] / ((before["rate"] + after["rate"]) / 2)
            runs[n].append(r)
            runs["return_204"].append(dict(after, **{"cpu x": 1, "rate x": 1}))
            before = after
        print("# round %d of %d" % (i + 1, a.rounds), file=sys.stderr, flush=True)

    print("%-12s %10s %8s %5s %10s %8s %12s %9s %8s %10s %5s" % ("contestant", "cpu us/req", "x 204", "+-%", "req/s", "x 204",
          "redis us/ev", "p99 ms", "RSS MB", "delivered", "bad"))
    for n in names:
        g = lambda key: rb.median([r[key] for r in runs[n]])
        total = sum(r["requests"] for r in runs[n])
        added = sum(r["added"] for r in runs[n])
        print("%-12s %10.2f %8.2f %5.0f %10.0f %8.2f %12s %9.2f %8.1f %10s %5d" % (
            n, g("cpu"), g("cpu x"), rb.spread([r["cpu x"] for r in runs[n]]), g("rate"), g("rate x"),
            "%.2f" % g("redis") if added else "-", g("p99"), g("rss"), "%.4f" % (added / total) if added else "-",
            sum(r["bad"] for r in runs[n])))
    if "lua" in runs and "module" in runs:
        print("module / lua: CPU per request %.3f" % rb.median([m["cpu x"] / l["cpu x"] for m, l in zip(runs["module"], runs["lua"])]))
    print("beacons of %d bytes; %d rounds of %d s; load average %.1f" % (size, a.rounds, a.seconds, os.getloadavg()[0]))


if __name__ == "__main__":
    main()
