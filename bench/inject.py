#!/usr/bin/env python3
"""What it costs to write the agent's tag into a page of 100 KB, and Server-Timing into its header.

  plain        the page as it is
  inject       rum_inject on
  timing       rum_inject on and rum_server_timing on
  sub_filter   nginx's own way to put a text behind <head>

Each as a file with sendfile, and from an upstream.  One nginx worker on core 0; wrk and the upstream on core 1.  plain runs
before and after each contestant and a run is compared with the mean of its neighbours; figures are medians over the rounds.
"""

import argparse
import os
import re
import subprocess
import sys
import urllib.request

import rumbench as rb

TAG = '<script async src="/rum/agent.js" data-beacon="/rum/beacon"></script>'
DIRECTIVES = {
    "plain": "",
    "inject": "rum_inject on;",
    "timing": "rum_inject on; rum_server_timing on;",
    "sub_filter": "sub_filter '<head>' '<head>%s'; sub_filter_last_modified on;" % TAG,
}


def write_page(size):
    os.makedirs(rb.path("html"), exist_ok=True)
    head = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>A page</title>\n</head>\n<body>\n'
    line = '<p class="text">Some text with <a href="/somewhere/else">a link</a>, as pages have it, <b>line %d</b>.</p>\n'
    with open(rb.path("html/page.html"), "w") as f:
        f.write(head)
        n = 0
        while f.tell() < size:
            f.write(line % n)
            n += 1


def check(server):
    """the contestants do what they are said to do"""
    for (source, name), port in server.ports.items():
        with urllib.request.urlopen("http://127.0.0.1:%d/page.html" % port) as answer:
            tags = answer.read().decode().count(TAG)
            if tags != (name != "plain") or (name == "timing") != ("Server-Timing" in answer.headers):
                sys.exit("%s, %s: %d tags in the page" % (source, name, tags))


class Server:
    """one nginx with a server for each contestant, and the upstream"""

    def __init__(self):
        self.ports = {}
        upstream = rb.free_port()
        servers = ["server { listen 127.0.0.1:%d; location / { root %s; } }" % (upstream, rb.path("html"))]
        for source, location in (("file", "root %s; sendfile on;" % rb.path("html")),
                                 ("upstream", "proxy_pass http://up;")):
            for name, directives in DIRECTIVES.items():
                port = self.ports[source, name] = rb.free_port()
                servers.append("server { listen 127.0.0.1:%d backlog=1024; %s location / { %s } }" % (port, directives, location))
        self.start("upstream", rb.CLIENT, servers[:1], upstream)
        up = "upstream up { server 127.0.0.1:%d; keepalive 64; }" % upstream
        self.process = self.start("server", rb.SERVER, [up] + servers[1:], self.ports["file", "plain"])

    @staticmethod
    def start(name, core, servers, port):
        conf = rb.path(name + ".conf")
        with open(conf, "w") as f:
            f.write("""load_module %s/ngx_http_rum_module.so; %s
daemon off; worker_processes 1; pid %s.pid; error_log %s.log warn; worker_rlimit_nofile 4096;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000; types { text/html html; } open_file_cache max=10; tcp_nopush on;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 8 32k; proxy_buffer_size 32k; proxy_busy_buffers_size 64k;
  %s
  %s
}
""" % (rb.BUILD, "user root;" if os.geteuid() == 0 else "", conf, conf,
       " ".join("%s_temp_path %s.tmp;" % (kind, conf) for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
       "\n  ".join(servers)))
        process = rb.start(core, "nginx", "-e", conf + ".log", "-c", conf)
        rb.wait_port(port, process)
        return process

    def run(self, source, name, seconds):
        before = rb.cpu_seconds(self.process.pid)
        out = subprocess.run(rb.pinned(rb.CLIENT, "wrk", "-t1", "-c32", "-d%ds" % seconds,
                                       "http://127.0.0.1:%d/page.html" % self.ports[source, name]),
                             capture_output=True, text=True)
        found = re.search(r"(\d+) requests in", out.stdout)
        if not found or "Non-2xx" in out.stdout or not int(found.group(1)):
            sys.exit("wrk failed: " + out.stdout + out.stderr)
        return (rb.cpu_seconds(self.process.pid) - before) * 1e6 / int(found.group(1))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--seconds", type=int, default=2, help="of one run")
    ap.add_argument("--size", type=int, default=100 * 1024, help="of the page")
    a = ap.parse_args()

    rb.prioritise()
    write_page(a.size)
    server = Server()
    check(server)
    rb.keep_awake()

    for source in ("file", "upstream"):
        cpu = {name: [] for name in DIRECTIVES}
        ratio = {name: [] for name in DIRECTIVES}
        server.run(source, "plain", 1)
        for _ in range(a.rounds):
            last = server.run(source, "plain", a.seconds)
            for name in list(DIRECTIVES)[1:]:
                own = server.run(source, name, a.seconds)
                after = server.run(source, "plain", a.seconds)
                cpu["plain"].append(after)
                ratio["plain"].append(after / last)
                cpu[name].append(own)
                ratio[name].append(2 * own / (last + after))
                last = after
        print("\n%-24s %14s %9s %8s" % ("%d KB, %s" % (a.size // 1024, source), "CPU us/request", "x plain", "spread"))
        for name in DIRECTIVES:
            print("%-24s %14.1f %9.2f %7.1f%%" % (name, rb.median(cpu[name]), rb.median(ratio[name]), rb.spread(ratio[name])))


if __name__ == "__main__":
    main()
