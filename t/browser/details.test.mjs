/*
 * What goes wrong in a page, what is done there, what it loads, and what it
 * says itself: it arrives as it was, in the stream and in the status location.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { application, counters, entries, launch, ready, settled, status, url,
    viewsOf, waitFor } from "./lib.mjs";

const { visitor } = await launch();

/* the parts of a list of the stream, of all entries of a page */
const listed = async (page, name) =>
    (await entries(page)).flatMap((entry) => entry[name] || []);

/* goes somewhere, does it, leaves, and waits until it is counted */
const visit = async (path, act, page = path) => {
    const context = await visitor();
    const tab = await context.newPage();
    const answer = await tab.goto(url(path));

    await ready(tab);

    const told = await act(tab, answer);

    await settled(tab);
    await context.close();
    await viewsOf(page, 1);

    return told;
};

test("errors", async () => {
    await visit("/lab", async (tab) => {
        for (const button of ["throw", "throw", "reject", "fetch-500",
            "xhr-500", "broken-image"])
        {
            await tab.click("#" + button);
        }

        await tab.waitForFunction(() =>
            document.querySelectorAll("#lab-out p").length === 2
            && document.querySelector("#lab-out img").complete);
    });

    const errors = await listed("/lab", "errors");
    const by = (type) => errors.filter((error) => error.type === type);

    assert.equal(errors.length, 5, JSON.stringify(errors));

    const [thrown] = by("TypeError");

    assert.equal(thrown.count, 2, "twice the same is one with a count");
    assert.match(thrown.message, /Cannot read properties of undefined/);
    assert.equal(thrown.source, url("/assets/shop.js"));
    assert.ok(thrown.line > 100 && thrown.col > 1);
    assert.match(thrown.stack, /shop\.js:\d+:\d+/);

    assert.equal(by("RangeError")[0].message, "the promise was too large");
    assert.equal(by("fetch")[0].message, "GET 500");
    assert.equal(by("fetch")[0].source, url("/api/reviews"));
    assert.equal(by("xhr")[0].message, "GET 500");
    assert.equal(by("resource")[0].message, "img");
    assert.equal(by("resource")[0].source,
                 url("/assets/missing.svg"));

    assert.equal((await counters())["/lab"].errors, 6);

    const rows = Object.values(await counters("error"));

    assert.equal(rows.length, 5);

    const row = rows.find(({ error }) => error.type === "TypeError");

    assert.equal(row.errors, 2);
    assert.equal(row.views, 1);
    assert.equal(row.error.page, "/lab");
    assert.equal(row.error.line, thrown.line);
});

test("rage clicks and dead clicks", async () => {
    await visit("/checkout", async (tab) => {
        await tab.evaluate(() => {
            const button = document.createElement("button");

            button.id = "nothing";
            button.textContent = "nothing happens";
            document.body.append(button);
        });

        await tab.click("#nothing", { clickCount: 3 });

        /* a dead click is one for which nothing has happened for a second:
           a timer that was set later than the agent's own */
        await tab.evaluate(() => new Promise((resolve) => {
            setTimeout(resolve, 1100);
        }));
    });

    const actions = await listed("/checkout", "actions");
    const types = actions.map(({ type }) => type);

    assert.ok(actions.every(({ target }) => target === "button#nothing"),
              JSON.stringify(actions));
    assert.equal(types.filter((type) => type === "click").length, 3);
    assert.equal(types.filter((type) => type === "rage_click").length, 1);
    assert.ok(types.includes("dead_click"));

    const rows = await counters("action");

    assert.equal(rows.rage_click.actions, 1);
    assert.equal(rows.dead_click.actions,
                 types.filter((type) => type === "dead_click").length);
});

test("resources", async () => {
    const seen = await visit("/p/2", async (tab) => {
        await tab.waitForFunction(() =>
            document.querySelector(".photo").complete
            && !/Loading/.test(document.querySelector("#reviews").textContent));
        await settled(tab);

        return tab.evaluate(() => {
            const counts = {};

            for (const entry of performance.getEntriesByType("resource")) {
                /* its own the agent does not tell */
                if (!/\/rum\/(beacon|agent\.js)/.test(entry.name)) {
                    const type = entry.initiatorType;

                    counts[type] = (counts[type] || 0) + 1;
                }
            }

            return counts;
        });
    }, "/p/:id");

    const told = {};

    for (const { type, count, host, duration, url: slowest } of
        await listed("/p/:id", "resources"))
    {
        told[type] = (told[type] || 0) + count;
        assert.equal(host, new URL(url("/")).host);
        assert.ok(slowest.startsWith(url("/")) && !/[?#]/.test(slowest), slowest);
        assert.ok(duration.length > 0 && duration.every((ms) => ms >= 0));
    }

    assert.deepEqual(told, seen);
    assert.ok(told.img && told.script && told.link && told.fetch);

    const rows = await counters("host,type");
    const { img } = Object.fromEntries(Object.entries(rows).map(
        ([value, row]) => [value.split(",").at(-1), row]));

    assert.ok(img.requests >= told.img && img.bytes > 1000);

    /* the one that has taken longest is the one that is named */
    const { metrics } = await status("by=host,type&metric=duration");
    const { max } = metrics.duration.groups
        .find(({ value }) => value === img.value);

    assert.equal(img.slowest.duration, max);
    assert.ok(img.slowest.url.startsWith(url("/")), img.slowest.url);
});

test("tags, events, metrics and conversions", async () => {
    const context = await visitor();
    const tab = await context.newPage();

    const on = async (path) => {
        if (path) {
            await tab.goto(url(path));
        }

        await ready(tab);
    };

    await on("/p/4");
    await tab.click(".buy");
    await tab.click('a[href="/cart"]');
    await tab.waitForURL(url("/cart"));
    await on();
    await tab.evaluate(() => {
        rum("tag", "ab", "B");
        rum("metric", "items", 1);
        rum("event", "looked", 7.5);
    });
    await tab.click('a[href="/checkout"]');
    await tab.waitForURL(url("/checkout"));
    await on();
    await tab.click(".pay");
    await tab.waitForSelector("#thanks:not([hidden])");
    await settled(tab);
    await context.close();

    await viewsOf("/cart", 1);
    await viewsOf("/checkout", 2);

    const [cart] = await entries("/cart");

    assert.equal(cart.dims.ab, "B");
    assert.equal(cart.metrics.items, 1);
    assert.equal(cart.from, "/p/:id");
    assert.deepEqual(cart.events, [{ name: "looked", value: 7.5 }]);
    assert.deepEqual(await listed("/checkout", "events"),
                     [{ name: "checkout", value: 29.9 }]);

    assert.equal((await counters("ab")).B.views, 1);

    const events = await counters("event");
    const { metrics } = await status("by=event&metric=value");
    const sums = Object.fromEntries(metrics.value.groups.map(
        ({ value, sum }) => [value, sum]));

    for (const [name, value] of
        [["add_to_cart", 29.9], ["looked", 7.5], ["checkout", 29.9]])
    {
        assert.equal(events[name].events, 1, name);
        assert.ok(Math.abs(sums[name] - value) < 0.001, name);
    }
});

test("a page leads to its trace, and TTFB is told from the backend", async () => {
    const seen = {};

    await application((request, response) => {
        seen[request.url] = request.headers.traceparent;

        setTimeout(() => {
            response.setHeader("Content-Type", "text/html");
            response.end(`<!doctype html><html><head><title>an application
                </title><link rel="icon" href="data:,"></head>
                <body><p>hello</p></body></html>`);
        }, 200);
    });

    const timing = await visit("/node/slow", async (tab, answer) =>
        (await answer.allHeaders())["server-timing"]);

    const [, trace] = seen["/node/slow"]
        .match(/^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/);

    assert.ok(timing.includes(`traceparent;desc="00-${trace}-`));

    const [entry] = await entries("/node/slow");

    assert.equal(entry.trace, trace, "in the event, too");

    const [, upstream] = timing.match(/upstream;dur=([0-9.]+)/);

    assert.ok(upstream >= 190);
    assert.equal(entry.metrics.backend, +upstream);
    assert.ok(entry.metrics.ttfb >= entry.metrics.backend - 1,
              "the network takes the rest");

    const { metrics } = await waitFor(async () => {
        const answer = await status("by=page&metric=ttfb,backend");

        return answer.metrics.backend.groups.length && answer;
    }, "backend");

    for (const [name, { groups }] of Object.entries(metrics)) {
        const group = groups.find(({ value }) => value === "/node/slow");

        assert.equal(group.count, 1, name);
        assert.ok(Math.abs(group.sum - entry.metrics[name]) < 0.06, name);
    }
});
