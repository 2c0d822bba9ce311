/*
 * rum(...): what the page asks for is sent as asked.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { chromium, page, serve, waitFor } from "./lib.mjs";

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

/* nginx refuses a beacon for a value of a wrong type: t/agent_nginx.t */
test("values of a wrong type become what they ought to be", async () => {
    const beacon = await visit("/", () => {
        rum("metric", "size", "12.5");
        rum("metric", "none", "much");
        rum("conversion", "checkout", "59.90");
        rum("event", 7);
        rum("tag", "plan", null);
        rum("tag", "size", { a: 1 });
        rum("error", "a text", { line: "7", col: null, source: 8 });
    });
    const [{ line, col, source }] = beacon.errors;

    assert.equal(beacon.metrics.size, 12.5);
    assert.ok(!("none" in beacon.metrics));
    assert.deepEqual(beacon.events,
        [{ name: "checkout", value: 59.9 }, { name: "7" }]);
    assert.deepEqual(beacon.tags, { plan: "", size: "[object Object]" });
    assert.deepEqual({ line, col, source }, { line: 7, col: 0, source: "8" });
});

test("events beyond the last beacon of a view are counted", async () => {
    const before = site.got.length;
    const tab = await browser.open(site.url + "/");

    await tab.settled();
    await tab.evaluate(() => {
        for (let i = 0; i < 1000; i++) {
            rum("event", "event " + i);
        }
    });
    await tab.leave();

    /* in whatever order: what is compressed leaves later */
    await waitFor(() => site.got.slice(before).reduce(
        (sum, { events = [], metrics: { dropped = 0 } }) =>
            sum + events.length + dropped, 0) === 1000, "all 1000 events");
    assert.ok(site.got.slice(before).some(({ metrics }) => metrics.dropped));
    await tab.close();
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

    writeFileSync("dist/vitals.test.ts", `
        import { start } from "./rum-vitals.js";

        start({ site: "shop" })("consent", true);

        // @ts-expect-error: there is no such option
        start({ unknown: 1 });`);

    execFileSync("node_modules/.bin/tsc", ["--noEmit", "--strict",
        "--module", "nodenext", "--lib", "es2022,dom", "dist/vitals.test.ts"]);
});

test("the package has what is imported from it, and its licenses", () => {
    const [{ files }] = JSON.parse(execFileSync("npm",
        ["pack", "--dry-run", "--json", "--ignore-scripts"], { stdio: "pipe" }));
    const names = files.map(({ path }) => path);
    const { main, types, exports } = JSON.parse(
        readFileSync("package.json", "utf8"));
    const wanted = [main, types, ...Object.values(exports).flatMap((target) =>
        typeof target === "string" ? [target] : Object.values(target))];

    for (const path of [...wanted, "README.md", "dist/licenses.txt"]) {
        assert.ok(names.includes(path.replace(/^\.\//, "")), path);
    }

    assert.match(readFileSync("dist/licenses.txt", "utf8"), /Apache License/);
});
