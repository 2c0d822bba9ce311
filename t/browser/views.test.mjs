/*
 * One view is one view: what the status location counts, and what the stream
 * has, for each way in which a page begins, goes on and ends.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { counters, entries, launch, ready, settled, url, viewsOf, waitFor }
    from "./lib.mjs";

const { visitor, plain } = await launch();

const navs = (list) => list.filter(({ seq }) => !seq).map(({ dims }) => dims.nav);

test("reload: two views", async () => {
    const context = await visitor();
    const tab = await context.newPage();

    await tab.goto(url("/c/shirts"));
    await ready(tab);
    await tab.reload();
    await ready(tab);
    await context.close();

    await viewsOf("/c/shirts", 2);
    assert.deepEqual(navs(await entries("/c/shirts")), ["navigate", "reload"]);
});

test("soft navigation: each route is a view", async () => {
    const context = await visitor();
    const tab = await context.newPage();

    await tab.goto(url("/app/gifts"));
    await ready(tab);

    /* the view before is sent when a route has become one: half a second
       after the URL has changed */
    await tab.click('[href="/app/friend"]');
    await viewsOf("/app/gifts", 1);
    await tab.click('[href="/app/mug"]');
    await viewsOf("/app/friend", 1);
    await tab.evaluate(() => history.back());
    await viewsOf("/app/mug", 1);
    await settled(tab);
    await context.close();

    await viewsOf("/app/friend", 2);

    assert.deepEqual(navs(await entries("/app/gifts")), ["navigate"]);
    assert.deepEqual(navs(await entries("/app/mug")), ["soft_navigation"]);
    assert.deepEqual(navs(await entries("/app/friend")),
                     ["soft_navigation", "soft_navigation"]);
});

test("back/forward cache: restored, a page is a view again", async () => {
    const context = await visitor();
    const tab = await context.newPage();

    await tab.goto(url("/c/lamps"));
    await ready(tab);
    await tab.evaluate(() => {
        addEventListener("pageshow", ({ persisted }) => {
            window.restored = persisted;
        });
    });
    await tab.click('a[href="/checkout"], a[href="/cart"]');
    await tab.waitForURL(url("/cart"));
    await ready(tab);

    /* playwright's own goBack() waits for a document that does not come */
    await tab.evaluate(() => setTimeout(() => history.back()));
    await waitFor(() => tab.evaluate(() => window.restored).catch(() => false),
                  "page restored");
    await settled(tab);
    await context.close();

    await viewsOf("/c/lamps", 2);
    await viewsOf("/cart", 1);
    assert.deepEqual(navs(await entries("/c/lamps")),
                     ["navigate", "back_forward_cache"]);
});

test("tab hidden and shown again: one view, with a later part", async () => {
    const { open } = await plain();
    const tab = await open("/test/hidden");
    const run = await tab.attach();

    await waitFor(() => run("!!window.rumStarted"), "agent");

    const other = await open("/test/other");

    await waitFor(async () =>
        await run("document.visibilityState") === "hidden", "hidden tab");
    await viewsOf("/test/hidden", 1);

    await tab.front();
    await waitFor(async () =>
        await run("document.visibilityState") === "visible", "visible tab");
    await run('rum("event", "shown_again")');
    await tab.close();
    await other.close();

    const parts = await waitFor(async () => {
        const list = await entries("/test/hidden");

        return list.some(({ events }) =>
            events?.some(({ name }) => name === "shown_again")) && list;
    }, "later part");

    assert.equal(parts.filter(({ seq }) => !seq).length, 1, "it begins once");
    assert.equal(new Set(parts.map(({ view }) => view)).size, 1);
    assert.deepEqual(parts.map(({ seq }) => seq || 0),
                     parts.map((part, i) => i), "the parts are numbered");
    await viewsOf("/test/hidden", 1);
});

test("prerender: nothing until it is seen, then one view", async (t) => {
    /* a browser that no debugger has looked into yet: else it does not */
    const fresh = await launch();
    const { open } = await fresh.plain();
    const tab = await open("/test/prerender");
    const patience = Date.now() + 20000;

    await waitFor(async () => await tab.title() === "ready"
        || Date.now() > patience, "prerendered page");

    if (await tab.title() !== "ready") {
        t.skip("this browser prerenders nothing");
        return;
    }

    /* the one that says "go": a debugger in the tab would end it */
    const other = await open("/test/other");
    const run = await other.attach();

    await waitFor(() => run("!!window.rumStarted"), "agent");
    await tab.front();
    assert.deepEqual(await entries("/test/prerendered"), []);

    await run('localStorage.go = "yes"');
    await waitFor(async () => await tab.title() === "activated", "activation");
    await tab.close();
    await other.close();

    await viewsOf("/test/prerendered", 1);
    await viewsOf("/test/prerender", 1);
    assert.deepEqual(navs(await entries("/test/prerendered")), ["prerender"]);
});

test("left before it has loaded: a view", async () => {
    const context = await visitor();
    const tab = await context.newPage();
    let loaded = false;

    tab.on("load", () => { loaded = true; });

    /* its picture takes a second */
    await tab.goto(url("/"), { waitUntil: "commit" });
    await waitFor(() => tab.evaluate(() => !!window.rumStarted), "agent");
    await tab.goto(url("/assets/terms.txt"), { waitUntil: "commit" });
    assert.ok(!loaded, "it had not loaded");

    await viewsOf("/", 1);
    await context.close();
});

test("what was never seen is no view, and nothing counts twice", async () => {
    const rows = await counters();

    assert.equal(rows["/test/unseen"], undefined);
    assert.deepEqual(await entries("/test/unseen"), []);

    const all = await entries();
    const begun = all.filter(({ seq }) => !seq);

    assert.equal(new Set(begun.map(({ view }) => view)).size, begun.length);
    assert.equal(Object.values(rows).reduce((sum, row) => sum + row.views, 0),
                 begun.length, "status counts what the stream has");
});
