/*
 * One view is one view, however it begins and ends.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { alone, chromium, page, serve, waitFor } from "./lib.mjs";

const rules = (...urls) => `<script type="speculationrules">${
    JSON.stringify({ prerender: [
        { source: "list", urls, eagerness: "immediate" },
    ] })}</script>`;

const slow = (html, ms) => (request, response) => setTimeout(() => {
    response.setHeader("Content-Type", "text/html");
    response.end(html);
}, ms);

const spa = page(`<div id="top"></div><h1>routes</h1><button id="go">go</button>
    <button id="replace">replace</button><button id="late">late</button>
    <script>
        let next = 1;
        const paint = () => { document.querySelector("h1").textContent += "!"; };
        document.querySelector("#go").onclick = () => {
            const end = performance.now() + 100;
            while (performance.now() < end);
            history.pushState(null, "", "/spa/route" + next++ + "?q=1#x");
            paint();
        };
        document.querySelector("#replace").onclick = () => {
            history.replaceState(null, "", location.pathname + "/" + next++);
            paint();
        };
        document.querySelector("#late").onclick = () => paint();
    </script>`);

const site = await serve({
    "/a": page("<h1>a</h1><a href='/b'>b</a>"),
    "/b": page("<h1>b</h1>"),
    /* goes to the prerendered page when that has been there for a while */
    "/first": page(`<h1>first</h1><script>
        const go = async () => {
            if (await (await fetch("/state")).text() === "loaded") {
                location.href = "/second";
            } else {
                setTimeout(go, 50);
            }
        };
        go();
    </script>`, "", { head: rules("/second", "/unseen") }),
    "/second": page(`<h1>second</h1><script>
        addEventListener("load", () => setTimeout(() => fetch("/loaded"), 200));
        document.onprerenderingchange = () => {
            const go = () => rum.q ? setTimeout(go, 20)
                : setTimeout(() => { location.href = "/b"; }, 300);
            go();
        };
    </script>`),
    "/unseen": page("<h1>unseen</h1>"),
    "/state": (request, response) => response.end(
        site.requests.includes("GET /loaded")
        && site.requests.includes("GET /unseen") ? "loaded" : "not yet"),
    "/loaded": "",
    "/spa": spa,
    "/redirecting": page(`<script>
        history.replaceState(null, "", "/redirecting/home");
        history.pushState(null, "", "/redirecting/start");
    </script><h1>start</h1>`),
    "/slow": slow(page("<h1>slow</h1>"), 300),
});

const browser = await chromium();
const path = ({ page: url }) => url.slice(site.url.length);
const of = (name) => site.got.filter((beacon) => path(beacon) === name);

/* all beacons that came since, of sessions that begin only now */
const fresh = () => {
    const before = site.got.length;
    const known = new Set(site.got.map(({ session }) => session));
    const all = () => site.got.slice(before)
        .filter(({ session }) => !known.has(session));

    return (n = 1) => waitFor(() => all().length >= n && all(),
                              `${n} new beacons`);
};

test("views of a session are numbered, and know where they come from",
     async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/a?x=1#y");

    await tab.settled();
    await tab.click("a");
    await tab.settled();
    await tab.reload();
    await tab.settled();
    await tab.leave();

    const all = await beacons(3);

    assert.deepEqual(all.map(({ n, seq, nav }) => [n, seq, nav]),
        [[1, 0, "navigate"], [2, 0, "navigate"], [3, 0, "reload"]]);
    assert.deepEqual(all.map(path), ["/a", "/b", "/b"]);
    assert.deepEqual(all.map(({ from }) => from?.slice(site.url.length)),
                     [undefined, "/a", "/b"]);
    assert.equal(new Set(all.map(({ session }) => session)).size, 1);
    assert.equal(new Set(all.map(({ view }) => view)).size, 3);
    await tab.close();
});

test("a session is over when nothing was sent for half an hour", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/a");

    await tab.settled();
    await tab.goto(site.url + "/b");
    await tab.settled();

    /* that the page is left then begins no new half hour */
    await tab.evaluate(() => {
        const session = JSON.parse(sessionStorage.rum);
        const { now } = Date;

        session.t -= 31 * 60 * 1000;
        sessionStorage.rum = JSON.stringify(session);
        Date.now = () => now() + 31 * 60 * 1000;
    });
    await tab.goto(site.url + "/a");
    await tab.settled();
    await tab.leave();

    const [first, second, third] = await beacons(3);

    assert.deepEqual([first, second, third].map(path), ["/a", "/b", "/a"]);
    assert.notEqual(third.session, second.session);
    assert.equal(second.session, first.session);
    assert.deepEqual([first.n, second.n, third.n], [1, 2, 1]);
    await tab.close();
});

test("a view left at once is one", async () => {
    const beacons = fresh();
    const tab = await browser.open();

    await tab.goto(site.url + "/a", { waitUntil: "commit" });
    await waitFor(() => tab.evaluate(() => !!window.rum), "agent");
    await tab.leave();

    const [beacon] = await beacons(1);

    assert.equal(beacon.seq, 0);
    assert.ok(beacon.metrics.ttfb >= 0);
    await tab.close();
});

test("a page hidden before the agent has done anything is a view", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/a", {
        before: () => {
            window.setTimeout = () => 0;
            delete Scheduler.prototype.postTask;
        },
    });

    await tab.waitForFunction(() => window.rum);
    await tab.leave();

    const [beacon] = await beacons(1);

    assert.equal(path(beacon), "/a");
    assert.equal(beacon.seq, 0);
    assert.ok(beacon.metrics.time_visible > 0);
    assert.ok(beacon.metrics.ttfb >= 0);
    await tab.close();
});

test("a closed tab is a view", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/b");

    await tab.settled();
    await tab.close({ runBeforeUnload: true });

    const [beacon] = await beacons(1);

    assert.equal(path(beacon), "/b");
});

test("a page restored from the back/forward cache is a new view", async () => {
    const tab = await browser.open(site.url + "/a");

    await tab.settled();
    await tab.evaluate(() => {
        window.kept = true;
    });
    await tab.goto(site.url + "/b");
    await tab.settled();
    await tab.evaluate(() => history.back());
    await waitFor(() => tab.evaluate(() => window.kept).catch(() => 0),
                  "restored page");
    await tab.settled();
    await tab.settled();
    await tab.leave();

    const restored = await waitFor(() => site.got.find(({ nav }) =>
        nav === "back_forward_cache"), "restored view");
    const [first, second, third] = site.got.filter(({ session, seq }) =>
        session === restored.session && seq === 0);

    assert.equal(third, restored);
    assert.deepEqual([path(first), path(second), path(third)],
                     ["/a", "/b", "/a"]);
    assert.deepEqual([first.n, second.n, third.n], [1, 2, 3]);
    assert.equal(third.seq, 0);
    assert.notEqual(third.view, first.view);
    assert.equal(third.metrics.ttfb, 0);
    assert.equal(third.metrics.load, undefined);
    assert.ok(third.metrics.fcp >= 0);
    assert.ok(third.metrics.lcp >= 0);
    await tab.close();
});

test("nothing is sent of a prerendered page before it is shown", async () => {
    const beacons = fresh();

    alone(site.url + "/first");

    const [first, second] = await beacons(2);

    assert.deepEqual([path(first), path(second)], ["/first", "/second"]);
    assert.equal(second.nav, "prerender");
    assert.equal(second.n, 2);
    assert.ok(second.metrics.lcp >= 0);
    assert.equal(of("/unseen").length, 0, "and nothing of one never shown");
});

test("a tab that is hidden and shown again is one view, in parts",
     async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/a");
    const show = (state) => tab.evaluate((value) => {
        Object.defineProperty(document, "visibilityState",
                              { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange",
                                         { bubbles: true }));
    }, state);

    await tab.settled();
    await show("hidden");
    await beacons(1);
    await show("visible");
    await tab.click("h1");
    await show("hidden");

    const [first, second] = await beacons(2);

    assert.equal(second.view, first.view);
    assert.deepEqual([first.seq, second.seq], [0, 1]);
    assert.equal(second.n, first.n);
    assert.equal(second.metrics.lcp, undefined, "only what has changed");
    assert.deepEqual(second.actions.map(({ type }) => type), ["click"]);

    /* a part has something new, or is none */
    await show("visible");
    await show("hidden");
    await tab.leave();
    await tab.goto(site.url + "/b");
    await tab.settled();
    await tab.leave();

    const parts = (await beacons(3)).filter(({ view }) => view === first.view);

    assert.ok(parts.every(({ metrics, actions }) =>
        actions || Object.keys(metrics).length > 0), JSON.stringify(parts));
    await tab.close();
});

/*
 * A busy machine may take longer to say how long an interaction took than
 * the agent waits for it: 500 ms is when it has said so.
 */
const patient = () => {
    const { setTimeout } = window;

    window.setTimeout = (task, ms, ...rest) => ms === 500
        ? new PerformanceObserver(() => setTimeout(task, 50)).observe(
            { type: "event", buffered: true, durationThreshold: 16 })
        : setTimeout(task, ms, ...rest);
};

test("routes of a single-page application are views", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/spa", { before: patient });

    await tab.settled();
    await tab.click("#go");
    await beacons(1);
    await tab.click("#late");
    await tab.settled();
    await tab.evaluate(() => history.back());
    await beacons(2);
    await tab.settled();
    await tab.leave();

    const [first, second, third] = await beacons(3);

    assert.deepEqual([first, second, third].map(path),
                     ["/spa", "/spa/route1", "/spa"]);
    assert.deepEqual([first.nav, second.nav, third.nav],
                     ["navigate", "soft_navigation", "soft_navigation"]);
    assert.deepEqual([first.n, second.n, third.n], [1, 2, 3]);
    assert.equal(second.from, first.page);

    /* the interaction that led to the route belongs to the view before */
    assert.ok(first.metrics.inp >= 100, `INP ${first.metrics.inp}`);
    assert.ok(!(second.metrics.inp >= 100), `INP ${second.metrics.inp}`);
    assert.equal(second.metrics.lcp, undefined);
    assert.equal(second.metrics.ttfb, undefined);
    assert.equal(second.metrics.load, undefined);
    await tab.close();
});

/* without the Navigation API, the methods of history are watched */
const withoutNavigation = () => {
    Object.defineProperty(window, "navigation", { value: undefined });
};

for (const [how, before] of [["Navigation API", undefined],
    ["history", withoutNavigation]])
{
    test(`a route that is passed through is a view, by ${how}`, async () => {
        const beacons = fresh();
        const tab = await browser.open(site.url + "/spa", { before });

        await tab.settled();
        await tab.evaluate(() => {
            history.pushState(null, "", "/spa/one");
            history.pushState(null, "", "/spa/two");

            /* but not if it leads to another by itself */
            history.pushState(null, "", "/spa/check");
            history.replaceState(null, "", "/spa/sign-in");
        });
        await beacons(3);
        await tab.settled();
        await tab.evaluate(() => new Promise((resolve) => {
            addEventListener("popstate", resolve, { once: true });
            history.back();
        }));
        await tab.leave();

        const all = (await beacons(5)).sort((a, b) => a.n - b.n);

        assert.deepEqual(all.map(path), ["/spa", "/spa/one", "/spa/two",
            "/spa/sign-in", "/spa/two"]);
        assert.deepEqual(all.map(({ n, seq }) => [n, seq]),
                         [[1, 0], [2, 0], [3, 0], [4, 0], [5, 0]]);
        assert.deepEqual(all.slice(1).map(({ from }) => from),
                         all.slice(0, -1).map(({ page }) => page));
        assert.ok(all.slice(1).every(({ nav }) => nav === "soft_navigation"));
        await tab.close();
    });
}

test("CLS of a route is its own", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/spa");
    const shift = async () => {
        await tab.evaluate(() => new Promise((resolve) => {
            new PerformanceObserver((list) => resolve(list.getEntries().length))
                .observe({ type: "layout-shift" });

            /* less than 3 pixels would be no shift */
            const top = document.querySelector("#top");

            top.style.height = top.offsetHeight + 100 + "px";
        }));
    };

    await tab.settled();
    await shift();
    await tab.settled();
    await tab.evaluate(() => history.pushState(null, "", "/spa/two"));
    await beacons(1);
    await tab.settled();
    await tab.evaluate(() => history.pushState(null, "", "/spa/three"));
    await beacons(2);
    await tab.settled();
    await shift();
    await tab.settled();
    await tab.leave();

    const [first, second, third] = await beacons(3);

    assert.ok(first.metrics.cls > 0);
    assert.equal(second.metrics.cls, 0);
    assert.ok(third.metrics.cls > 0);
    await tab.close();
});

test("a path replaced by one of other numbers is no view", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/spa");

    await tab.settled();
    await tab.evaluate(() => history.pushState(null, "", "/spa/list/1"));
    await beacons(1);
    await tab.evaluate(() => history.replaceState(null, "", "/spa/list/2"));
    await tab.evaluate(() => history.replaceState(null, "", "#part"));
    await tab.settled();
    await tab.leave();

    const all = await beacons(2);

    assert.deepEqual(all.map(path), ["/spa", "/spa/list/2"]);
    await tab.close();
});

test("the first route of an application is that of its document", async () => {
    const beacons = fresh();
    const tab = await browser.open(site.url + "/redirecting");

    await tab.settled();
    await tab.leave();

    const all = await beacons(1);

    assert.deepEqual(all.map(path), ["/redirecting/start"]);
    assert.equal(all[0].nav, "navigate");
    assert.ok(all[0].metrics.lcp > 0);
    await tab.close();
});
