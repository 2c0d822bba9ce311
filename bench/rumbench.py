"""What the benchmarks share: a temporary folder, pinned processes and their CPU time, a private Redis, the beacons.

Server side on core 0, load generator and Redis on core 1.  What counts is CPU time (utime + stime of the server side, from
/proc) as a ratio between contestants that take turns: on a shared machine speed drifts by tens of percent within a minute.
"""

import atexit
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, os.environ.get("RUM_BUILD", "build"))
TICK = os.sysconf("SC_CLK_TCK")
SERVER, CLIENT = "0", "1"

TMP = tempfile.mkdtemp(prefix="rum-bench-")
os.chmod(TMP, 0o755)
_processes = []


@atexit.register
def _clean_up():
    for p in reversed(_processes):
        stop(p)
    if not os.environ.get("BENCH_KEEP"):
        shutil.rmtree(TMP, True)


signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))


def prioritise():
    """On a busy machine, as root: a session of our own (autogroup) with a raised priority."""
    if os.geteuid() != 0:
        return
    try:
        os.setsid()
    except OSError:
        pass
    try:
        with open("/proc/self/autogroup", "w") as f:
            f.write("-15")
    except OSError:
        pass


def path(name):
    return os.path.join(TMP, name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core, *command):
    return ["taskset", "-c", core] + [str(c) for c in command]


def start(core, *command):
    log = open(path("processes.log"), "ab")
    p = subprocess.Popen(pinned(core, *command), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    _processes.append(p)
    return p


def stop(p):
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def wait_port(port, process, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.05)
    with open(path("processes.log"), errors="replace") as f:
        sys.exit("a server did not start:\n" + f.read()[-2000:])


def keep_awake():
    """An idle-priority spinner per core: the idle core of a virtual machine takes long to wake up."""
    for core in (SERVER, CLIENT):
        start(core, "chrt", "-i", "0", "sh", "-c", "while :; do :; done")


def family(pid):
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        try:
            for task in os.listdir("/proc/%d/task" % p):
                with open("/proc/%d/task/%s/children" % (p, task)) as f:
                    todo += [int(child) for child in f.read().split()]
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    """of the process and its children, user and system"""
    ticks = 0
    for p in family(pid):
        try:
            with open("/proc/%d/stat" % p) as f:
                fields = f.read().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return ticks / TICK


def rss_mb(pid):
    kb = 0
    for p in family(pid):
        try:
            with open("/proc/%d/status" % p) as f:
                kb += sum(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))
        except OSError:
            pass
    return kb / 1024


class Redis:
    def __init__(self, core=CLIENT):
        self.port = free_port()
        self.process = start(core, "redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                             "--appendonly", "no", "--dir", TMP, "--loglevel", "warning")
        wait_port(self.port, self.process)

    def command(self, *arguments):
        out = subprocess.run(["redis-cli", "-p", str(self.port), "--raw"] + [str(a) for a in arguments],
                             capture_output=True, check=True).stdout
        return out.decode(errors="replace").rstrip("\n")

    def info(self, *arguments):
        """a flat list of names and values as a dictionary"""
        lines = self.command(*arguments).split("\n")
        return dict(zip(lines[::2], lines[1::2]))

    def entries_added(self):
        try:
            return int(self.info("XINFO", "STREAM", "rum:{0}:events").get("entries-added", 0))
        except (subprocess.CalledProcessError, ValueError):
            return 0

    def cpu(self):
        return cpu_seconds(self.process.pid)


def median(values):
    return statistics.median(values) if values else float("nan")


def spread(values):
    """half the distance of the quartiles, as a share of the median, in percent"""
    if len(values) < 3:
        return float("nan")
    v = sorted(values)
    k = len(v) // 4
    return 100 * (v[-1 - k] - v[k]) / 2 / median(v)


AGENTS = [
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36", '"Windows"', "?0"),
    ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36", '"Android"', "?1"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1", None, None),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0", None, None),
]
GROUPS = ["list", "product", "cart", "checkout", "search", "account", "article", "help"]


def beacon(rnd):
    """one native beacon of about 1 KB, with timings as real pages have them"""
    def latency(middle, sigma):
        return round(middle * 2.718281828 ** rnd.gauss(0, sigma), 1)

    def hexadecimal(digits):
        return "%0*x" % (digits, rnd.getrandbits(4 * digits))

    dns, tcp, tls = latency(12, 1.0), latency(25, 0.8), latency(30, 0.8)
    ttfb = round(dns + tcp + tls + latency(140, 0.8), 1)
    fcp = round(ttfb + latency(500, 0.6), 1)
    dcl = round(fcp + latency(300, 0.7), 1)
    n = 1 + min(int(rnd.expovariate(0.4)), 30)
    group = rnd.choice(GROUPS)
    return {
        "v": 1, "view": hexadecimal(12), "session": hexadecimal(12), "n": n, "seq": 0,
        "page": "https://shop.example.com/%s/%d?utm_source=mail&utm_campaign=c%d" % (group, rnd.randrange(1, 100000), rnd.randrange(97)),
        "from": "/%s/%d" % (rnd.choice(GROUPS), rnd.randrange(1, 100000)) if n > 1 else "https://www.example.org/",
        "nav": rnd.choice(["navigate", "navigate", "reload", "back_forward"]),
        "metrics": {
            "redirect": 0, "dns": dns, "tcp": tcp, "tls": tls, "ttfb": ttfb, "response": latency(40, 0.9),
            "dom_interactive": round(dcl - 5.2, 1), "dom_content_loaded": dcl, "load": round(dcl + latency(900, 0.7), 1),
            "fcp": fcp, "lcp": round(fcp + latency(600, 0.8), 1), "cls": round(rnd.expovariate(12), 4),
            "inp": 8 * round(latency(90, 0.9) / 8), "tbt": latency(120, 1.2)},
        "attribution": {"lcp": {"target": rnd.choice(["img.hero", "h1.title", "div.teaser>img"]),
                                "url": "https://cdn.example.net/i/%s.avif" % hexadecimal(8)}},
        "resources": [{"host": rnd.choice(["shop.example.com", "cdn.example.net", "img.example.net"]),
                       "type": rnd.choice(["img", "script", "css", "font"]), "count": rnd.randrange(2, 15),
                       "duration": sorted((latency(120, 0.9), latency(120, 0.9)), reverse=True),
                       "bytes": rnd.randrange(1000, 200000)} for _ in range(4)],
        "events": [{"name": "teaser_shown", "value": latency(2000, 0.5)}],
        "tags": {"ab": rnd.choice("AB")}, "network": rnd.choice(["4g", "4g", "4g", "3g"]), "memory": rnd.choice([4, 8]),
    }


def write_beacons(name, count=8192):
    """address, User-Agent, platform, mobile and body, tab-separated, one beacon a line; the same each time"""
    rnd = random.Random(7)
    size = 0
    with open(name, "w") as f:
        for _ in range(count):
            agent, platform, mobile = rnd.choice(AGENTS)
            address = "%d.%d.%d.%d" % (rnd.randrange(1, 224), rnd.randrange(256), rnd.randrange(256), rnd.randrange(1, 255))
            body = json.dumps(beacon(rnd), separators=(",", ":"))
            size += len(body)
            f.write("\t".join([address, agent, platform or "-", mobile or "-", body]) + "\n")
    return size / count
