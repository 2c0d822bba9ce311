/*
 * Visitors who say by Global Privacy Control or Do Not Track that they do not
 * want to be measured leave nothing: no beacon is sent, so there is no line of
 * it in a log and no entry in Redis, and nothing is stored in the browser.
 * Clients that send all the same are not counted either.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { beaconLog, counters, entries, errorLog, launch, ready, redis,
    settled, url, viewsOf } from "./lib.mjs";

const { visitor, browser } = await launch();

const SIGNALS = {
    "Global Privacy Control": {
        headers: { "Sec-GPC": "1" },
        property: ["globalPrivacyControl", true],
    },
    "Do Not Track": {
        headers: { DNT: "1" },
        property: ["doNotTrack", "1"],
    },
};

/* somebody who may be measured: when that has been counted, so has all that
   was sent before */
const measured = async (views) => {
    const context = await visitor();
    const tab = await context.newPage();

    await tab.goto(url("/c/mugs"));
    await ready(tab);
    await context.close();
    await viewsOf("/c/mugs", views);
};

/* all that Redis has: names of keys, of what is in them, and strings */
const stored = () => redis("EVAL", `
    local all = {}

    for _, key in ipairs(redis.call('KEYS', '*')) do
        local type = redis.call('TYPE', key).ok
        local parts = type == 'hash' and redis.call('HGETALL', key)
            or type == 'set' and redis.call('SMEMBERS', key)
            or type == 'string' and { redis.call('GET', key) } or {}

        all[#all + 1] = key

        for _, part in ipairs(parts) do
            all[#all + 1] = part
        end
    end

    return all`, "0");

/* what only the visits have that are not to be there */
const MARKS = /shirts|\/lab|\/app|\/p\/:id|looked|told|add_to_cart|secret/;

const traces = async () =>
    (await stored()).filter((line) => MARKS.test(line));

const streamed = async () => +(await redis("XLEN", "rum:{0}:events"))[0];

/* looks at much of the shop, as a visitor with this signal */
const wander = async ({ headers, property }) => {
    const context = await browser.newContext({ extraHTTPHeaders: headers });
    const tab = await context.newPage();
    const requests = [];

    tab.on("request", (request) => requests.push(request.url()));

    await tab.addInitScript(([name, value]) => {
        Object.defineProperty(Navigator.prototype, name, { get: () => value });
    }, property);

    /* the script is there, but does not begin */
    const goto = async (path) => {
        await tab.goto(url(path));
        await tab.waitForFunction(() => window.rum && !window.rum.q
            || performance.getEntriesByType("resource").some(({ name }) =>
                name.includes("/rum/agent.js")));
        await settled(tab);
    };

    await goto("/lab");
    await tab.click("#throw");
    await tab.click("#dead", { clickCount: 3 });
    await tab.evaluate(() => {
        rum("event", "looked", 1);
        rum("error", new Error("told"));
    });
    await goto("/app/gifts");
    await tab.click('[href="/app/friend"]');
    await settled(tab);
    await tab.reload();
    await goto("/p/1");
    await tab.click(".buy");
    await tab.click('a[href="/c/shirts"]');
    await tab.waitForURL(url("/c/shirts"));
    await settled(tab);

    const kept = await tab.evaluate(() => [
        Object.keys(sessionStorage).filter((key) => key !== "cart"),
        Object.keys(localStorage), document.cookie,
    ]);

    const started = await tab.evaluate(() => window.rumStarted);
    const cookies = await context.cookies();

    await context.close();

    return { kept, started, cookies, requests };
};

test("first somebody who may be measured", () => measured(1));

for (const [name, signal] of Object.entries(SIGNALS)) {
    test(`${name}: nothing is left`, async () => {
        const before = [beaconLog().length, await streamed()];
        const views = (await counters())["/c/mugs"].views;
        const errors = errorLog().length;

        const { kept, started, cookies, requests } = await wander(signal);

        assert.ok(requests.some((one) => one.includes("/rum/agent.js")),
                  "the pages have the agent");
        assert.ok(!started, "which does not start");
        assert.deepEqual(requests.filter((one) => one.includes("beacon")), []);
        assert.deepEqual(kept, [[], [], ""], "nothing in the browser");
        assert.deepEqual(cookies, []);

        await measured(views + 1);

        assert.deepEqual(Object.keys(await counters()), ["/c/mugs"]);
        assert.deepEqual(await traces(), [], "nothing in Redis");
        assert.equal(beaconLog().length, before[0] + 1, "one line in the log");
        assert.equal(await streamed(), before[1] + 1, "one entry");
        assert.ok(!errorLog().slice(errors).join("\n").includes("beacon"));
    });

    test(`${name}: what is sent all the same is not taken`, async () => {
        const before = [beaconLog().length, await streamed()];
        const views = (await counters())["/c/mugs"].views;

        const answer = await fetch(url("/rum/beacon"), {
            method: "POST",
            headers: signal.headers,
            body: JSON.stringify({
                v: 1, view: "secret", session: "secret", page: "/secret",
                metrics: { lcp: 1000 },
            }),
        });

        assert.equal(answer.status, 204);
        await measured(views + 1);

        assert.ok(!(await entries()).some(({ page }) => page === "/secret"));
        assert.deepEqual(await traces(), []);
        assert.equal(await streamed(), before[1] + 1);
        assert.equal(beaconLog().length, before[0] + 1,
                     "nor is it in a log that leaves out $rum_result privacy");
    });
}

test("these traces would have been seen", async () => {
    const context = await visitor();
    const tab = await context.newPage();

    await tab.goto(url("/lab"));
    await ready(tab);
    await tab.evaluate(() => rum("event", "looked", 1));
    await context.close();
    await viewsOf("/lab", 1);

    const found = (await traces()).join("\n");

    assert.match(found, /\/lab/);
    assert.match(found, /looked/);
});
