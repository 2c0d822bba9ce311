/*
 * No task of the agent is long.  How long one takes depends on the machine; how
 * much is done in it does not: calls into the browser, and entries looked at.
 * `make agent-cost` has the times.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium, page, serve } from "./lib.mjs";

/* one task may make so many calls; the longest makes as many */
const CALLS = 8;

/* entries looked at in one task, and how many there are */
const AT_ONCE = 20;
const ENTRIES = 150;

const images = Array.from({ length: ENTRIES }, (_, i) =>
    `<img src="/i.svg?${i}">`).join("");

const site = await serve({
    "/": page("<h1>a page</h1>"),
    "/images": page(images),
    "/i.svg": Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
});

const browser = await chromium();

/*
 * Counts calls by task: tasks[i] lists what was called in one.  It has ended
 * when its microtasks are run; a task posted to say so might come after others
 * that wait already.
 */
const countCalls = () => {
    const end = () => { current = undefined; };
    let current;

    window.tasks = [];

    const note = (name) => {
        if (!new Error().stack.includes("/rum/rum.js")) {
            return;         /* of the test's own */
        }

        if (!current) {
            tasks.push(current = []);
            queueMicrotask(end);
        }

        current.push(name);
    };

    const watch = (object, ...names) => {
        for (const name of names) {
            const { [name]: original } = object;

            object[name] = function (...args) {
                note(name);
                return original.apply(this, args);
            };
        }
    };

    window.Request = class extends Request {
        constructor(...args) {
            note("Request");
            super(...args);
        }
    };

    watch(window, "addEventListener", "fetchLater", "fetch", "getComputedStyle");
    watch(PerformanceObserver.prototype, "observe");
    watch(MutationObserver.prototype, "observe");
    watch(Performance.prototype, "getEntriesByType", "getEntriesByName");
    watch(Storage.prototype, "getItem", "setItem", "removeItem");
    watch(Element.prototype, "getBoundingClientRect", "closest");
    watch(JSON, "stringify", "parse");
};

/* how many resources are looked at in one task */
const countEntries = () => {
    const { get } = Object.getOwnPropertyDescriptor(
        PerformanceResourceTiming.prototype, "initiatorType");
    const end = () => { current = 0; };
    let current = 0;

    window.seen = [];

    Object.defineProperty(PerformanceResourceTiming.prototype, "initiatorType", {
        get() {
            if (!current++) {
                seen.push(0);
                scheduler.postTask(end, { priority: "user-blocking" });
            }

            seen[seen.length - 1] = current;
            return get.call(this);
        },
    });
};

test("the agent starts in small tasks", async (t) => {
    const tab = await browser.open(site.url + "/", { before: countCalls });

    await tab.settled();

    const tasks = await tab.evaluate(() => tasks);
    const longest = [...tasks].sort((a, b) => b.length - a.length)[0];

    t.diagnostic(`${tasks.length} tasks, the longest calls ${longest}`);
    assert.ok(tasks.length >= 12, `${tasks.length} tasks`);
    assert.ok(longest.length <= CALLS, `${longest}`);

    /* each takes long: a beacon is made, then its request, which is held */
    for (const calls of tasks) {
        assert.ok(["stringify", "Request", "fetchLater"].filter((name) =>
            calls.includes(name)).length <= 1, `${calls}`);
    }

    assert.ok(tasks.flat().includes("Request"));
    assert.ok(!tasks.flat().some((name) =>
        /getComputedStyle|getBoundingClientRect/.test(name)), "no layout");
    await tab.close();
});

test("many entries are looked at some at a time, and all are sent", async () => {
    const tab = await browser.open(site.url + "/images",
                                   { before: countEntries });

    await tab.settled();
    await tab.waitForFunction((all) =>
        seen.reduce((sum, some) => sum + some, 0) >= all, ENTRIES);

    const seen = await tab.evaluate(() => seen);

    assert.ok(Math.max(...seen) <= AT_ONCE, `${seen}`);
    await tab.leave();

    const [{ resources }] = await site.beacons(1,
        ({ page: url }) => url === site.url + "/images");

    assert.equal(resources.find(({ type }) => type === "img").count, ENTRIES);
    await tab.close();
});

test("a page that is left before they are looked at sends all", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/images", {
        /* there never is an idle moment */
        before: () => { window.requestIdleCallback = () => 0; },
    });

    await tab.waitForFunction(() => window.rum && !rum.q);
    await tab.leave();
    await site.beacons(before + 1);

    const { resources } = site.got[before];

    assert.equal(resources.find(({ type }) => type === "img").count, ENTRIES);
    await tab.close();
});
