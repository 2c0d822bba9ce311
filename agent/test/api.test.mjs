/*
 * rum(...): what the page asks for is sent as asked.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { chromium, page, serve } from "./lib.mjs";

const snippet = `<script>
    window.rum = window.rum || function () {
        (rum.q = rum.q || []).push(arguments);
    };
    rum("config", { tags: "release:1.2" });
    rum("tag", "ab", "B");
    rum("metric", "early", 5);
    rum("event", "seen");
</script>`;

const site = await serve({
    "/": page("<h1>a page</h1>"),
    "/early": page("<h1>a page</h1>", 'data-tags="ab:A team:x"',
                   { head: "" }).replace("<head>", "<head>" + snippet),
    "/twice": page('<script async src="/rum/rum.js"></script>'),
    "/module": `<!doctype html><title>module</title><h1>a page</h1>
        <script type="module">
            import { start } from "/rum.mjs";

            const rum = start({ beacon: "/rum/beacon", site: "shop" });

            rum("event", "from a module", 3);
        </script>`,
    "/rum.mjs": (request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.end(readFileSync(new URL("../dist/rum.mjs", import.meta.url)));
    },
});

const browser = await chromium();

const visit = async (path, what = () => {}) => {
    const before = site.got.length;
    const tab = await browser.open(site.url + path);

    await tab.settled();
    await tab.evaluate(what);
    await tab.leave();

    const [beacon] = (await site.beacons(before + 1)).slice(before);

    await tab.close();
    return beacon;
};

test("metrics, marks, events, conversions, tags and errors", async () => {
    const beacon = await visit("/", () => {
        rum("metric", "cart.items", 3);
        rum("mark", "ready");
        rum("event", "search");
        rum("conversion", "checkout", 59.9);
        rum("tag", "plan", "pro");
        rum("error", new TypeError("caught"), { source: "/a.js", line: 7 });
        rum("error", "only a text");
        rum("no such command", 1);
    });

    assert.equal(beacon.metrics["cart.items"], 3);
    assert.ok(beacon.metrics.ready > 0);
    assert.deepEqual(beacon.events,
        [{ name: "search" }, { name: "checkout", value: 59.9 }]);
    assert.deepEqual(beacon.tags, { plan: "pro" });
    assert.deepEqual(beacon.errors.map(({ type, message, source, line }) =>
        [type, message, source, line]), [
        ["TypeError", "caught", "/a.js", 7],
        ["Error", "only a text", undefined, undefined],
    ]);
});

test("what was called before the script was there", async () => {
    const beacon = await visit("/early");

    assert.equal(beacon.metrics.early, 5);
    assert.deepEqual(beacon.events, [{ name: "seen" }]);
    assert.equal(beacon.tags.ab, "B");
    assert.equal(beacon.tags.release, "1.2");
});

test("a view of which the URL says nothing", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/");

    await tab.settled();
    await tab.evaluate(() => rum("view", "/step/2"));
    await site.beacons(before + 1);
    await tab.leave();

    const [first, second] = (await site.beacons(before + 2)).slice(before);

    assert.equal(first.page, site.url + "/");
    assert.equal(second.page, "/step/2");
    assert.equal(second.nav, "soft_navigation");
    assert.equal(second.from, first.page);
    assert.deepEqual([first.seq, second.seq], [0, 0]);
    await tab.close();
});

test("two tags are one agent", async () => {
    const beacon = await visit("/twice", () => rum("event", "once"));

    assert.deepEqual(beacon.events, [{ name: "once" }]);
});

test("as a module", async () => {
    const beacon = await visit("/module");

    assert.equal(beacon.url, "/rum/beacon?site=shop");
    assert.deepEqual(beacon.events, [{ name: "from a module", value: 3 }]);
});

test("the types accept what is documented, and nothing else", () => {
    writeFileSync("dist/types.test.ts", `
        import { start } from "./rum";

        const rum = start({});

        rum("conversion", "checkout", 59.9);
        window.rum("tag", "ab", 1);
        rum("config", { sample: 0.5 });

        // @ts-expect-error: a metric has a value
        rum("metric", "name");

        // @ts-expect-error: there is no such command
        rum("unknown", 1);`);

    execFileSync("node_modules/.bin/tsc", ["--noEmit", "--strict",
        "--lib", "es2022,dom", "dist/types.test.ts"]);
});
