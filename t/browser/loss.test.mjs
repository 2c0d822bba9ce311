/*
 * How many page views arrive, by the way in which the page is left.  A visit
 * begins with a page that has loaded, and in which the agent has begun (the
 * browser has been given a first beacon to hold, fetchLater); from then on
 * nothing is waited for.
 *
 *   navigate   another page is opened
 *   close      the tab is closed
 *   offline    the network goes, the visitor leaves the page, the network is
 *              back, and with it the visitor, in the same tab
 *   stay       the network goes, a route of the page is a view of its own, and
 *              the network is back
 *   crash_held the page's process dies
 *   crash      the same, but whether the agent has begun or not
 *
 * RUM_VISITS: how many in all, 40; `make visits` has 200.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { counters, launch, ready, url, viewsOf, waitFor } from "./lib.mjs";

const VISITS = +(process.env.RUM_VISITS || 40);
const AT_A_TIME = 5;

const { visitor } = await launch();

/* tells when the browser has been given a beacon to hold */
const holding = () => {
    const { fetchLater } = window;

    window.fetchLater = (...args) => {
        window.held = true;
        return fetchLater(...args);
    };
};

const open = async (context, path, { begun = true, script = holding } = {}) => {
    const tab = await context.newPage();
    const session = await context.newCDPSession(tab);

    const online = (is) => session.send("Network.emulateNetworkConditions", {
        offline: !is, latency: 0, downloadThroughput: -1, uploadThroughput: -1,
    });

    await tab.addInitScript(script);
    await session.send("Network.enable");
    await tab.goto(url(path));

    if (begun) {
        await tab.waitForFunction(() => window.held);
    }

    /* the process of the page dies, without a word to it */
    const crash = async () => {
        const dead = tab.waitForEvent("crash");

        session.send("Page.crash").catch(() => {});
        await dead;
    };

    return { tab, online, crash };
};

/* what a visit does, and the pages that it has views of; each of its own
   share in all visits */
const KINDS = {
    navigate: { share: 0.25, pages: ["navigate"], async visit({ tab }) {
        await tab.goto(url("/assets/terms.txt"), { waitUntil: "commit" });
    } },

    close: { share: 0.25, pages: ["close"], async visit({ tab }) {
        await tab.close();
    } },

    offline: {
        share: 0.15, pages: ["offline", "back"],
        async visit({ tab, online }, n) {
            await online(false);
            await tab.goto(url("/test/nowhere")).catch(() => {});
            await online(true);
            await tab.goto(url(`/test/back/${n}`));
            await tab.waitForFunction(() => window.held);
        },
    },

    stay: {
        share: 0.15, pages: ["stay", "route"],
        async visit({ tab, online }, n) {
            await ready(tab);
            await online(false);
            await tab.evaluate((path) => history.pushState(null, "", path),
                               `/test/route/${n}`);
            await tab.waitForFunction(() =>
                sessionStorage["rum.q"]?.includes("/test/stay"));
            await online(true);
            await tab.waitForFunction(() => !sessionStorage["rum.q"]);
        },
    },

    crash: { share: 0.1, pages: ["crash"], visit: ({ crash }) => crash() },

    crash_held: {
        share: 0.1, pages: ["crash_held"], visit: ({ crash }) => crash(),
    },
};

/* page views that have to arrive, and those that may */
const wanted = {};
const made = {};

/* they stay: what a browser still has to send goes with its profile, which a
   person does not throw away */
const contexts = await Promise.all(
    Array.from({ length: AT_A_TIME }, () => visitor()));

test(`${VISITS} visits`, async (t) => {
    const visits = Object.entries(KINDS).flatMap(([kind, what]) =>
        Array.from({ length: Math.round(VISITS * what.share) },
                   (_, i) => ({ n: i + 1, ...what })));

    for (const { pages } of visits) {
        for (const page of pages) {
            made[page] = wanted[page] = (wanted[page] || 0) + 1;
        }
    }

    let failed = 0;

    await Promise.all(contexts.map(async (context) => {
        for (let one; (one = visits.shift());) {
            await inTime(make(context, one)).catch((error) => {
                t.diagnostic(`a visit to ${one.pages[0]}: ${error.message}`);
                failed++;

                for (const page of one.pages) {
                    wanted[page]--;
                }
            });
        }
    }));

    assert.ok(failed <= VISITS * 0.05, `the browser made all but ${failed}`);
});

const make = async (context, { pages: [page], n, visit }) => {
    const opened = await open(context, `/test/${page}/${n}`,
                              { begun: page !== "crash" });

    await visit(opened, n);

    /* of a tab that has crashed, it may never be said that it is closed */
    opened.tab.close().catch(() => {});
};

/* a debugger's command may stay without an answer when a process dies */
const inTime = (task) => {
    let timer;

    return Promise.race([task, new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error("no answer")), 60000);
    })]).finally(() => clearTimeout(timer));
};

const arrived = async () => {
    const rows = await counters();

    return Object.fromEntries(Object.keys(wanted).map((page) =>
        [page, rows[`/test/${page}/:id`]?.views || 0]));
};

test("page views that arrive", async (t) => {
    let before;

    /* all, or, if some were lost, no more come for some time */
    await waitFor(async () => {
        const now = await arrived();
        const text = JSON.stringify(now);

        if (text !== before?.text) {
            before = { text, since: Date.now() };
        }

        return Object.keys(wanted).every((page) => now[page] >= wanted[page])
            || Date.now() - before.since > 10000;
    }, "end of what comes");

    const views = await arrived();
    const lost = [];

    for (const [kind, { pages }] of Object.entries(KINDS)) {
        const sum = (counts) => pages.reduce((all, page) =>
            all + counts[page], 0);
        const share = sum(views) / sum(wanted);

        t.diagnostic(`${kind}: ${sum(views)} of ${sum(wanted)} page views, ${
            (share * 100).toFixed(1)} %`);

        for (const page of pages) {
            assert.ok(views[page] <= made[page], `${page}: none twice`);
        }

        if (kind !== "crash" && share < 0.99) {
            lost.push(kind);
        }
    }

    assert.deepEqual(lost, [], "kinds of which more than 1 % were lost");
});

test("what was kept leaves with the next page, however short", async () => {
    const context = await visitor();
    const { tab, online } = await open(context, "/test/short/1", {
        begun: false,

        /* there never is an idle moment */
        script: () => { window.requestIdleCallback = () => 0; },
    });

    await online(false);
    await tab.goto(url("/test/nowhere")).catch(() => {});
    await online(true);
    await tab.goto(url("/test/shorter/1"));
    await tab.close();

    await viewsOf("/test/short/:id", 1);
    await viewsOf("/test/shorter/:id", 1);
});
