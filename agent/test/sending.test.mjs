/*
 * How beacons leave: few, small, and not lost when the network is.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium, page, serve, waitFor } from "./lib.mjs";

const site = await serve({
    "/": page("<h1>a page</h1>"),
    "/b": page("<h1>b</h1>"),
    "/site": page("<h1>a page</h1>", 'data-site="a&b"'),
    "/token": page("<h1>a page</h1>",
                   'data-beacon="/rum/beacon?token=a%2Fb~c" data-site="s"'),
    "/base": page("<h1>a page</h1>", "",
                  { head: '<base href="http://localhost:1/">' }),
    "/empty": page("<h1>a page</h1>",
                   'data-beacon="" data-sample="" data-site=""'),
    "/half": page("<h1>a page</h1>", 'data-sample="0.5"'),
    "/none": page("<h1>a page</h1>", 'data-sample="0"'),
    "/errors": page("<h1>a page</h1>", 'data-sample="0" data-errors-always'),
});

const browser = await chromium();

/* all beacons that came since, of sessions that begin only now: a tab that was
   closed may still send */
const fresh = () => {
    const known = new Set(site.got.map(({ session }) => session));
    const all = () => site.got.filter(({ session }) => !known.has(session));

    return (n = 1) => waitFor(() => all().length >= n && all(),
                              `${n} new beacons`);
};

test("the site is in the address", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/site");

    await tab.settled();
    await tab.leave();
    assert.equal((await beacons())[0].url, "/rum/beacon?site=a%26b");
    await tab.close();
});

for (const [path, url] of [["/token", "/rum/beacon?token=a%2Fb~c&site=s"],
    ["/base", "/rum/beacon"], ["/empty", "/rum/beacon"]])
{
    test(`the address where beacons of ${path} go`, async () => {
        const beacons = fresh();
        const tab = await browser.open(site.url + path);

        await tab.settled();
        await tab.leave();
        assert.equal((await beacons())[0].url, url);
        await tab.close();
    });
}

test("the browser holds the beacon, and takes it back", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/", {
        before: () => {
            const { fetchLater } = window;

            window.held = [];
            window.fetchLater = (request, options) => {
                const { signal } = request;

                request.clone().text().then((body) =>
                    held.push({ body, signal }));

                return fetchLater(request, options);
            };
        },
    });

    await tab.waitForFunction(() => held.length);

    const first = JSON.parse(await tab.evaluate(() => held[0].body));

    assert.equal(first.seq, 0);
    await tab.evaluate(() => rum("event", "later"));
    await tab.waitForFunction(() => held.at(-1).body.includes("later"));

    const [aborted, second] = await tab.evaluate(() =>
        [held.slice(0, -1).every(({ signal }) => signal.aborted),
            JSON.parse(held.at(-1).body)]);

    assert.ok(aborted);
    assert.equal(second.view, first.view);
    assert.equal(second.seq, 0);
    assert.deepEqual(second.events, [{ name: "later" }]);
    await tab.leave();
    await tab.goto(site.url + "/b");
    await tab.settled();
    await tab.leave();

    const all = await beacons(2);

    assert.deepEqual(all.map(({ page }) => page),
        [site.url + "/", site.url + "/b"], "one beacon per view");
    await tab.close();
});

test("a page whose process dies is a view", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/b", {
        before: () => {
            const { fetchLater } = window;

            window.fetchLater = (...args) => {
                window.held = true;
                return fetchLater(...args);
            };
        },
    });

    await tab.waitForFunction(() => window.held);
    tab.goto("chrome://crash").catch(() => {});

    const [beacon] = await beacons();

    assert.equal(beacon.page, site.url + "/b");
    await tab.close();
});

test("what was not sent offline is sent by the next page", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/");

    await tab.settled();
    await tab.evaluate(() => rum("event", "offline"));
    await browser.context.setOffline(true);
    await tab.goto(site.url + "/b").catch(() => {});
    await browser.context.setOffline(false);
    await tab.goto(site.url + "/b");
    await tab.settled();

    const [beacon] = await beacons();

    assert.equal(beacon.page, site.url + "/");
    assert.deepEqual(beacon.events, [{ name: "offline" }]);
    assert.equal(await tab.evaluate(() => sessionStorage["rum.q"]), undefined);
    await tab.close();
});

test("what the server could not take is kept, what it refused is not",
     async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/");
    const kept = () => tab.evaluate(() =>
        JSON.parse(sessionStorage["rum.q"] || "[]").length);

    await tab.settled();

    /* a list is full: sent while the page is there */
    const fill = () => tab.evaluate(() => {
        for (let i = 0; i < 31; i++) {
            rum("event", "event " + i);
        }
    });

    site.answer = 503;
    await fill();
    await waitFor(kept, "kept beacon");
    site.answer = 400;
    await fill();
    await waitFor(() => site.requests.at(-1).startsWith("POST"), "request");
    site.answer = 204;
    assert.equal(await kept(), 1);
    await tab.goto(site.url + "/b");
    await tab.settled();

    const sent = await beacons(2);

    assert.equal(sent.filter(({ seq, events }) => seq === 0
        && events?.length === 30).length, 1);
    assert.equal(await kept(), 0);
    await tab.close();
});

test("large beacons are compressed when there is time", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/");

    await tab.settled();
    await tab.evaluate(() => {
        for (let i = 0; i < 31; i++) {
            rum("error", new Error(`number ${i} ${"x".repeat(200)}`));
        }
    });

    const [beacon] = await beacons();

    assert.ok(beacon.zipped);
    assert.equal(beacon.errors.length, 30);
    assert.equal(beacon.type, undefined, "the server sees what it is");
    await tab.close();
});

test("without sendBeacon and fetchLater, keepalive requests do", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/", {
        before: () => {
            delete Navigator.prototype.sendBeacon;
            delete window.fetchLater;
        },
    });

    await tab.settled();
    await tab.goto(site.url + "/b");

    const [beacon] = await beacons();

    assert.equal(beacon.page, site.url + "/");
    await tab.close();
});

for (const [how, before] of [
    ["is not there", () => { delete window.fetchLater; }],
    ["says no", () => { window.fetchLater = () => { throw new Error(); }; }],
]) {
    test(`where fetchLater ${how}, sendBeacon does`, async () => {
        const beacons = fresh();
        const tab = await browser.open(site.url + "/", { before });

        await tab.settled();
        await tab.evaluate(() => rum("event", "seen"));
        await tab.goto(site.url + "/b");

        const [beacon] = await beacons();

        assert.equal(beacon.page, site.url + "/");
        assert.deepEqual(beacon.events, [{ name: "seen" }]);
        await tab.close();
    });
}

test("sessions that are not in the sample send nothing", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/none");

    await tab.settled();
    await tab.evaluate(() => rum("error", new Error("unseen")));
    await tab.leave();
    await tab.close();

    const other = await browser.open(site.url + "/b");

    await other.settled();
    await other.leave();
    assert.equal((await beacons()).length, 1);
    await other.close();
});

test("a session is in the sample, or not, on all of its pages", async () => {
    const seen = new Set();

    for (const random of [0.1, 0.9]) {
        const tab = await browser.open(site.url + "/half", {
            before: `Math.random = () => sessionStorage.rum ? ${1 - random}
                                                            : ${random}`,
        });

        for (let i = 0; i < 3; i++) {
            await tab.goto(site.url + "/half");
            await tab.settled();
        }

        seen.add(await tab.evaluate(() => JSON.parse(sessionStorage.rum).in));
        await tab.close();
    }

    assert.deepEqual([...seen], [true, false]);
});

test("but their errors, where that is wanted: no views", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/errors");

    await tab.settled();
    await tab.evaluate(() => {
        rum("error", new Error("seen"));
        rum("event", "unseen");
    });
    await tab.leave();

    const [beacon] = await beacons();

    assert.equal(beacon.errors[0].message, "seen");
    assert.equal(beacon.events, undefined);
    assert.deepEqual(beacon.metrics, {});
    assert.ok(beacon.seq > 0);
    await tab.close();
});

test("what is kept has a limit, and the oldest goes first", async () => {
    const tab = await browser.open(site.url + "/", {
        before: () => Object.defineProperty(navigator, "onLine",
                                            { value: false }),
    });

    await tab.settled();

    const kept = await tab.evaluate(async () => {
        for (let i = 0; i < 900; i++) {
            rum("error", new Error(`number ${i} ${"x".repeat(4000)}`));

            if (i % 90 === 89) {
                rum("view", "/view/" + i);      /* each has its nine */
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
        }

        return JSON.parse(sessionStorage["rum.q"]);
    });

    assert.ok(kept.join("").length <= 1e6, `${kept.join("").length}`);
    assert.ok(kept.join("").length > 9e5, `${kept.join("").length}`);
    assert.ok(!kept.join("").includes("number 1 "), "the oldest");
    await tab.close();
});
