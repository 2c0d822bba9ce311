/*
 * Who does not want to be measured is not; nobody's queries, texts or inputs
 * are sent; there is no cookie.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium, page, serve } from "./lib.mjs";

const body = `<h1>secret words</h1><form><input id="field" name="n"
    value="secret input"><button type="button" title="secret title">
    secret label</button></form><a href="/b?secret=1">secret link</a>`;

const site = await serve({
    "/": page(body),
    "/b": page("<h1>b</h1>"),
    "/query": page("<h1>a page</h1>", "data-query"),
    "/frames": page(`<h1>frames</h1><iframe src="/b"></iframe>
        <iframe src="/framed"></iframe>`),
    "/framed": page("<h1>framed</h1>", "data-iframes"),
    "/consent": page("<h1>a page</h1>", 'data-consent="required"'),
});

const browser = await chromium();

const stored = (tab) => tab.evaluate(() => [
    Object.keys(sessionStorage), Object.keys(localStorage), document.cookie]);

for (const [name, signal] of [
    ["Global Privacy Control", () => Object.defineProperty(
        Navigator.prototype, "globalPrivacyControl", { get: () => true })],
    ["Do Not Track", () => Object.defineProperty(
        Navigator.prototype, "doNotTrack", { get: () => "1" })],
    ["Do Not Track of the window", () => { window.doNotTrack = "1"; }],
]) {
    test(`${name}: nothing is sent or stored`, async () => {
        const before = site.got.length;
        const tab = await browser.open(site.url + "/", { before: signal });

        await tab.waitForFunction(() => window.rum);
        await tab.evaluate(() => {
            rum("event", "none");
            rum("consent", true);
            rum("error", new Error("none"));
        });
        await tab.click("button");
        assert.deepEqual(await stored(tab), [[], [], ""]);
        await tab.goto(site.url + "/b");
        await tab.waitForFunction(() => window.rum);
        await tab.leave();

        /* what comes after it has come; this has not */
        const other = await browser.open(site.url + "/b");

        await other.settled();
        await other.leave();
        await site.beacons(before + 1);
        assert.equal(site.got.length, before + 1);
        await tab.close();
        await other.close();
    });
}

test("no query, no fragment, no text, no input", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/?secret=1#secret");

    await tab.settled();
    await tab.click("button");
    await tab.fill("#field", "secret word");
    await tab.evaluate(() => fetch("/none?secret=1"));
    await tab.click("a");
    await tab.settled();
    await tab.leave();

    const beacons = (await site.beacons(before + 2)).slice(before);

    assert.ok(beacons.every(({ text }) => !/secret/.test(text)),
              JSON.stringify(beacons));
    assert.equal(beacons[0].page, site.url + "/");
    await tab.close();
});

test("the query and the fragment where they are allowed", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/query?a=1#part");

    await tab.settled();
    await tab.leave();

    const [beacon] = (await site.beacons(before + 1)).slice(before);

    assert.equal(beacon.page, site.url + "/query?a=1#part");
    await tab.close();
});

test("the session is in sessionStorage, and there is no cookie", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/");

    await tab.settled();
    await tab.goto(site.url + "/b");

    const [session, local, cookie] = await stored(tab);

    assert.deepEqual(session, ["rum"]);
    assert.deepEqual(local, []);
    assert.equal(cookie, "");
    await tab.settled();
    await tab.leave();
    await site.beacons(before + 2);     /* not among those of the next test */
    await tab.close();
});

test("nothing before consent, everything after it", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/consent");

    await tab.settled();
    await tab.evaluate(() => rum("event", "before"));
    await tab.goto(site.url + "/consent");
    await tab.settled();
    assert.deepEqual(await stored(tab), [[], [], ""]);
    await tab.evaluate(() => {
        rum("event", "held back");
        rum("consent", true);
    });
    await tab.leave();

    const [beacon] = (await site.beacons(before + 1)).slice(before);

    assert.deepEqual(beacon.events, [{ name: "held back" }]);
    assert.equal(beacon.n, 1);
    assert.ok(beacon.metrics.lcp > 0);
    await tab.close();
});

test("consent that is taken back ends it, and is forgotten", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/");

    await tab.settled();
    await tab.goto(site.url + "/b");
    await tab.settled();
    await site.beacons(before + 1);
    await tab.evaluate(() => rum("consent", false));
    assert.deepEqual(await stored(tab), [[], [], ""]);
    await tab.evaluate(() => rum("event", "none"));
    await tab.goto(site.url + "/");
    await tab.settled();
    await tab.leave();

    const last = (await site.beacons(before + 2)).slice(before)[1];

    assert.equal(last.page, site.url + "/");
    assert.equal(last.n, 1, "a new session");
    await tab.close();
});

test("a beacon that fails after that is not kept", async () => {
    const tab = await browser.open(site.url + "/", {
        before: () => {
            window.fetch = () => new Promise((resolve) => {
                window.fail = () => resolve({ status: 503 });
            });
        },
    });

    await tab.settled();
    await tab.evaluate(() => {
        for (let i = 0; i < 31; i++) {
            rum("event", "event " + i);
        }
    });
    await tab.waitForFunction(() => window.fail);
    await tab.evaluate(async () => {
        rum("consent", false);
        fail();
        await new Promise((resolve) => setTimeout(resolve));
    });
    assert.deepEqual(await stored(tab), [[], [], ""]);
    await tab.close();
});

test("what waits to be sent then is not, and who agrees again is new",
     async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/");

    await tab.settled();

    const old = await tab.evaluate(() => {
        const { id } = JSON.parse(sessionStorage.rum);

        for (let i = 0; i < 31; i++) {
            rum("event", "withdrawn");
        }

        rum("consent", false);
        return id;
    });

    await tab.evaluate(() => {
        rum("consent", true);
        rum("event", "agreed");
    });
    await tab.leave();

    const [beacon, ...more] = (await site.beacons(before + 1)).slice(before);

    assert.deepEqual(more, []);
    assert.ok(beacon.events.some(({ name }) => name === "agreed"));
    assert.notEqual(beacon.session, old);
    await tab.close();
});

test("a frame is no view, unless that is wanted", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/frames");

    await tab.settled();

    for (const frame of tab.frames().slice(1)) {
        await frame.waitForFunction(() => window.rum && !rum.q);
    }

    await tab.leave();

    const beacons = (await site.beacons(before + 2)).slice(before);

    assert.deepEqual(beacons.map(({ page: url }) =>
        url.slice(site.url.length)).sort(), ["/framed", "/frames"]);
    await tab.close();
});

test("without consent sessionStorage is not even looked at", async () => {
    const tab = await browser.open(site.url + "/consent", {
        before: () => {
            const { get } = Object.getOwnPropertyDescriptor(
                window, "sessionStorage");

            window.looks = 0;
            Object.defineProperty(window, "sessionStorage", {
                get() {
                    looks++;
                    return get.call(window);
                },
            });
        },
    });

    await tab.settled();
    assert.equal(await tab.evaluate(() => looks), 0);
    await tab.evaluate(() => rum("consent", true));
    await tab.waitForFunction(() => looks > 0);
    await tab.close();
});
