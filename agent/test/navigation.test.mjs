/*
 * What the browser says of the navigation becomes metrics: its phases, what
 * nginx said of it, why the page was not restored.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium, page, serve } from "./lib.mjs";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const html = (response, headers) => {
    response.writeHead(200, { "Content-Type": "text/html", ...headers });
    response.end(page("<h1>a page</h1>"));
};

const site = await serve({
    "/": page("<h1>a page</h1>"),
    "/told": (request, response) => html(response, { "Server-Timing":
        `upstream;dur=12.34, total;dur=20, cache;desc="HIT",
         traceparent;desc="${TRACE}"`.replace(/\s+/g, " ") }),
    "/off": page("<h1>a page</h1>", 'data-off="vitals navigation device"'),
    "/total": (request, response) => html(response,
        { "Server-Timing": "total;dur=20" }),
    "/moved": (request, response) => setTimeout(() => response.writeHead(302,
        { Location: "/" }).end(), 30),
});

const browser = await chromium();

const visit = async (path, before) => {
    const count = site.got.length;
    const tab = await browser.open(site.url + path, { before });

    await tab.settled();
    await tab.leave();

    const [beacon] = (await site.beacons(count + 1)).slice(count);

    await tab.close();
    return beacon;
};

/* the entry of the navigation, with other values */
const changed = (values) => {
    const { getEntriesByType } = performance;

    performance.getEntriesByType = (type) => {
        const entries = getEntriesByType.call(performance, type);

        return type !== "navigation" ? entries : entries.map((entry) =>
            new Proxy({}, { get: (_, name) => values[name] ?? entry[name] }));
    };
};

const visitWith = (values) =>
    visit("/", `(${changed})(${JSON.stringify(values)})`);

test("the phases of a navigation over TLS", async () => {
    const { metrics } = await visitWith({
        type: "navigate", activationStart: 0,
        redirectStart: 1, redirectEnd: 11.04,
        workerStart: 12, fetchStart: 15,
        domainLookupStart: 15, domainLookupEnd: 19,
        connectStart: 20, secureConnectionStart: 25, connectEnd: 31,
        requestStart: 32, responseStart: 39, responseEnd: 47,
        domInteractive: 60, domContentLoadedEventEnd: 61, loadEventEnd: 70,
    });

    const { redirect, worker, dns, tcp, tls, request, response, ttfb, load,
            dom_interactive: interactive, dom_content_loaded: loaded } = metrics;

    assert.deepEqual({ redirect, worker, dns, tcp, tls, request, response, ttfb,
                       interactive, loaded, load },
        { redirect: 10, worker: 3, dns: 4, tcp: 5, tls: 6, request: 7,
          response: 8, ttfb: 39, interactive: 60, loaded: 61, load: 70 });
});

test("phases that did not take place are left out", async () => {
    const { metrics } = await visitWith({
        redirectStart: 0, redirectEnd: 0, workerStart: 0, fetchStart: 15,
        domainLookupStart: 15, domainLookupEnd: 15,
        connectStart: 15, secureConnectionStart: 0, connectEnd: 18,
    });

    for (const name of ["redirect", "worker", "dns", "tls"]) {
        assert.ok(!(name in metrics), name);
    }

    assert.equal(metrics.tcp, 3);
});

test("of a prerendered page, times begin with its activation", async () => {
    const { metrics, nav } = await visitWith({ activationStart: 50,
        responseStart: 39, domInteractive: 45, loadEventEnd: 70 });

    assert.equal(nav, "prerender");
    assert.equal(metrics.ttfb, 0);
    assert.equal(metrics.load, 20);
    assert.ok(!("dom_interactive" in metrics), "it was ready before");
});

test("a real redirect", async () => {
    const { metrics } = await visit("/moved");

    assert.ok(metrics.redirect >= 25, `${metrics.redirect} ms`);
    assert.ok(metrics.ttfb >= metrics.redirect);
    assert.ok(metrics.request > 0 && metrics.response >= 0);
});

test("what nginx said in Server-Timing", async () => {
    const beacon = await visit("/told");

    assert.equal(beacon.metrics.backend, 12.3);
    assert.equal(beacon.tags.cache, "hit");
    assert.equal(beacon.traceparent, TRACE);
    assert.equal((await visit("/total")).metrics.backend, 20);
    assert.ok(!("backend" in (await visit("/")).metrics), "or did not say");
});

test("a route is no answer of the server's", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/told");

    await tab.settled();
    await tab.evaluate(() => rum("view", "/route"));
    await tab.leave();

    const [, route] = (await site.beacons(before + 2)).slice(before)
        .sort((a, b) => a.n - b.n);

    assert.equal(route.page, "/route");
    assert.ok(!("traceparent" in route));
    assert.deepEqual(route.tags, {});
    await tab.close();
});

test("a tab that was discarded", async () => {
    const { nav } = await visit("/", () => {
        Object.defineProperty(document, "wasDiscarded", { value: true });
    });

    assert.equal(nav, "restore");
});

test("the device", async () => {
    const beacon = await visit("/", () => {
        Object.defineProperty(navigator, "deviceMemory", { value: 4 });
        Object.defineProperty(navigator.connection, "saveData",
                              { value: true });
    });

    assert.equal(beacon.memory, 4);
    assert.equal(beacon.save_data, "yes");
});

test("what is off is not measured", async () => {
    const { metrics, network, cores, viewport, memory } = await visit("/off");

    for (const name of ["lcp", "fcp", "cls", "ttfb", "load", "response"]) {
        assert.ok(!(name in metrics), name);
    }

    assert.deepEqual([network, cores, viewport, memory], Array(4).fill());
});

test("why the page was not restored, frames included", async () => {
    const { events } = await visitWith({ notRestoredReasons: {
        reasons: [{ reason: "unload-listener" }],
        children: [
            { reasons: [{ reason: "websocket" }], children: [] },
            { reasons: null, children: null },
        ],
    } });

    assert.deepEqual(events, [{ name: "not_restored:unload-listener" },
                              { name: "not_restored:websocket" }]);
});
