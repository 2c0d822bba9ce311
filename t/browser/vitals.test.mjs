/*
 * What the status location tells of the shop's pages is what web-vitals, in a
 * copy of its own that the test puts into the pages, has seen there.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
    launch, ready, settled, status, url, viewsOf, waitFor, webVitals,
} from "./lib.mjs";

const NAMES = ["lcp", "inp", "cls", "fcp", "ttfb"];
const VISITS = 2;

/* a page, what is done there, and what must come of it */
const PAGES = {
    "/": {
        act: async (tab) => {
            await tab.waitForSelector("#banner .banner");
            await tab.waitForFunction(() =>
                document.querySelector(".hero").complete);
        },
        expect: { cls: 0.001, lcp: 1 },
    },
    "/c/mugs": { act: (tab) => tab.click("h1") },
    "/p/:id": {
        path: "/p/1",
        act: async (tab) => {
            await tab.waitForFunction(() =>
                document.querySelector(".photo").complete);
            await tab.click(".buy");
        },
        expect: { inp: 180 },
    },
    "/cart": { act: (tab) => tab.keyboard.press("Tab"), expect: { inp: 0 } },
    "/lab": {
        act: async (tab) => {
            await tab.click("#busy-50");
            await tab.click("#busy-300");
            await tab.click("#shift");
            await tab.waitForSelector(".banner");
        },
        expect: { inp: 300, cls: 0.001 },
    },
};

const { visitor } = await launch();
const truth = {};

/* web-vitals' final value comes when the page is hidden, just as the agent's;
   what it was then stands in the storage of the tab for the next page */
const observers = webVitals() + `;
    if (document.contentType === "text/html") {
        for (const name of ["LCP", "INP", "CLS", "FCP", "TTFB"]) {
            webVitals["on" + name](({ value }) => {
                sessionStorage["truth." + name.toLowerCase()] = value;
            });
        }
    }`;

const visit = async (page, { path = page, act }) => {
    const context = await visitor();
    const tab = await context.newPage();

    await tab.addInitScript({ content: observers });
    await tab.goto(url(path));
    await ready(tab);
    await act(tab);
    await settled(tab);
    await tab.goto(url("/assets/terms.txt"));

    const seen = await waitFor(() =>
        tab.evaluate((names) => Object.fromEntries(names.map((name) =>
            [name, sessionStorage["truth." + name]])), NAMES),
    `answer of the page after ${path}`);

    for (const name of NAMES) {
        if (seen[name] !== undefined) {
            ((truth[page] ||= {})[name] ||= []).push(+seen[name]);
        }
    }

    await context.close();
};

test("the shop is visited", async () => {
    for (let n = 0; n < VISITS; n++) {
        await Promise.all(Object.entries(PAGES).map(([page, what]) =>
            visit(page, what)));
    }
});

for (const [page, { expect = {} }] of Object.entries(PAGES)) {
    test(`${page}: status tells what the page's own observers saw`, async () => {
        const row = await viewsOf(page, VISITS);

        assert.equal(row.beacons, VISITS, "each visit was one beacon");

        const { metrics } = await status(`by=page&metric=${NAMES}`);

        for (const name of NAMES) {
            const values = (truth[page][name] || []).sort((a, b) => a - b);
            const group = metrics[name].groups
                .find(({ value }) => value === page);

            assert.equal(group?.count ?? 0, values.length, `${name}: how many`);

            if (!group) {
                continue;
            }

            /* what a value is rounded to on its way */
            const digit = name === "cls" ? 0.0001 : 0.1;
            const near = (told, seen, what, share = 1e-6) => assert.ok(
                Math.abs(told - seen) <= digit / 2 + seen * share + 1e-9,
                `${name}, ${what}: ${told}, and not ${seen}`);

            near(group.min, values[0], "the least");
            near(group.max, values.at(-1), "the most");
            near(group.p50, values[0], "the median", 0.0056);
            near(group.p99, values.at(-1), "the 99th", 0.0056);
        }

        for (const [name, least] of Object.entries(expect)) {
            assert.ok(truth[page][name][0] >= least, `there was some ${name}`);
        }
    });
}

test("INP by the kind of input", async () => {
    const { metrics: { inp } } = await status("by=inp_type");
    const told = Object.fromEntries(
        inp.groups.map(({ value, count }) => [value, count]));
    const seen = (...pages) => pages.reduce(
        (all, page) => all + (truth[page].inp ?? []).length, 0);

    assert.deepEqual(told, {
        keyboard: seen("/cart"), pointer: seen("/c/mugs", "/p/:id", "/lab"),
    });
});
