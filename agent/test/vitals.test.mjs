/*
 * Web Vitals are what Google's library, as it is published, measures on the
 * same page: what lean.mjs leaves out changes no value.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { chromium, page, serve } from "./lib.mjs";

const library = readFileSync(new URL(
    "../node_modules/web-vitals/dist/web-vitals.attribution.iife.js",
    import.meta.url));

/* the page's own observers; sessionStorage tells the next page */
const observers = `<script src="/web-vitals.js"></script><script>
    for (const name of ["LCP", "INP", "CLS", "FCP", "TTFB"]) {
        webVitals["on" + name]((metric) => {
            sessionStorage["truth." + name] = JSON.stringify(metric.value);
            sessionStorage.type = metric.attribution.interactionType
                ?? sessionStorage.type;
        });
    }
</script>`;

/* of some size: to the browser, small files are decoration */
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400">${
    Array.from({ length: 80 }, (_, i) => `<rect x="${i * 7}" y="${i * 4}"
        width="50" height="40" fill="hsl(${i * 4} 80% 50%)"/>`).join("")
}</svg>`;

const body = `
    <div id="top"></div>
    <p>some words to begin with</p>
    <button class="buy now" id="">buy</button>
    <button id="slow">slow</button>
    <img class="hero" src="/slow.svg?v=1" width="600" height="400">
    <p class="shifted">a line that moves</p>
    <script>
        const busy = (ms) => {
            const end = performance.now() + ms;
            while (performance.now() < end);
        };

        /* slower than any click is on a machine that is busy itself */
        document.querySelector("#slow").onclick = () => busy(500);
        document.querySelector("#slow").onkeydown = () => busy(120);

        addEventListener("load", () => setTimeout(() => {
            document.querySelector("#top").style.height = "150px";
            document.title = "shifted";
        }, 50));
    </script>`;

const site = await serve({
    "/": page(body, "", { head: observers }),
    "/vitals": page(body, "", { head: observers, name: "rum-vitals" }),
    "/empty": "<!doctype html><title>empty</title>",
    "/images": page(`<img src="/fast.svg?v=1"><img src="/slow.svg?v=2#x">
        <img src="/fast.svg?v=3">`),
    "/fast.svg": Buffer.from(svg),

    "/web-vitals.js": (request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.end(library);
    },

    "/slow.svg": (request, response) => setTimeout(() => {
        response.setHeader("Content-Type", "image/svg+xml");
        response.end(svg);
    }, 120),
});

const browser = await chromium();

const truth = async (tab) => {
    const values = {};

    await tab.goto(site.url + "/empty");

    for (const name of ["lcp", "inp", "cls", "fcp", "ttfb"]) {
        values[name] = await tab.evaluate((key) =>
            JSON.parse(sessionStorage[key] ?? "null"),
        "truth." + name.toUpperCase());
    }

    return values;
};

for (const path of ["/", "/vitals"]) {
    test(`${path}: LCP, INP, CLS, FCP and TTFB are the library's`, async () => {
        const tab = await browser.open(site.url + path);

        await tab.waitForFunction(() => document.title === "shifted");
        await tab.settled();
        await tab.click("#slow");
        await tab.click(".buy");
        await tab.settled();

        const expected = await truth(tab);
        const [{ metrics }] = await site.beacons(1,
            ({ page }) => page === site.url + path);

        for (const [name, value] of Object.entries(expected)) {
            assert.ok(value >= 0, `the library has ${name}`);
            assert.ok(Math.abs(metrics[name] - value) <= 0.05 + 1e-9,
                      `${name}: ${metrics[name]}, and not ${value}`);
        }

        assert.ok(metrics.cls > 0, "there was a shift");
        assert.ok(metrics.inp >= 496, "and a slow handler");
        assert.ok(metrics.lcp >= 120, "and a slow image");
    });
}

test("they are attributed to elements, URLs and parts", async () => {
    const [{ attribution, metrics }] = site.got.filter(
        ({ page }) => page === site.url + "/");

    assert.equal(attribution.lcp.target, "img.hero");
    assert.equal(attribution.lcp.url, site.url + "/slow.svg");
    assert.equal(attribution.inp.target, "button#slow");
    assert.equal(attribution.inp.type, "pointer");
    assert.equal(attribution.inp.url, site.url + "/");
    assert.ok(attribution.cls.target, "an element has moved");

    const sum = (...names) =>
        names.reduce((all, name) => all + metrics[name], 0);

    assert.ok(Math.abs(metrics.ttfb - metrics.lcp + sum("lcp_load_delay",
        "lcp_load_time", "lcp_render_delay")) < 0.5);
    assert.ok(metrics.lcp_load_time >= 115);

    assert.ok(Math.abs(metrics.inp - sum("inp_delay", "inp_processing",
        "inp_presentation")) < 0.5);
    assert.ok(metrics.inp_processing >= 499);
});

for (const path of ["/", "/vitals"]) {
    test(`${path}: INP tells whether it was a key, as the library`, async () => {
        const tab = await browser.open(site.url + path + "?key");

        await tab.settled();
        await tab.focus("#slow");
        await tab.keyboard.press("a");
        await tab.settled();
        await tab.goto(site.url + "/empty");

        const told = await tab.evaluate(() => sessionStorage.type);
        const [, { attribution }] = await site.beacons(2,
            ({ page }) => page === site.url + path);

        assert.equal(told, "keyboard");
        assert.equal(attribution.inp.type, told);
        assert.equal(attribution.inp.target, "button#slow");
    });
}

test("resources name the slowest one of their kind, without its query", async () => {
    const tab = await browser.open(site.url + "/images");

    await tab.settled();

    const slowest = await tab.evaluate(() => performance
        .getEntriesByType("resource")
        .filter(({ initiatorType }) => initiatorType === "img")
        .reduce((a, b) => b.duration > a.duration ? b : a).name);

    await tab.leave();

    const [{ resources }] = await site.beacons(1,
        ({ page }) => page === site.url + "/images");
    const images = resources.find(({ type }) => type === "img");

    assert.equal(images.count, 3);
    assert.equal(images.url, slowest.split("?")[0]);
    assert.ok(resources.every(({ url }) => !/[?#]/.test(url)));
    assert.ok(!resources.some(({ url }) => /rum\.js/.test(url)), "not itself");
});

test("a view that saw no interaction has no INP", async () => {
    const tab = await browser.open(site.url + "/?quiet");

    await tab.settled();
    await tab.leave();

    const beacons = await site.beacons(3,
        ({ page }) => page === site.url + "/");

    assert.equal(beacons[2].metrics.inp, undefined);
    assert.ok(beacons[2].metrics.lcp > 0);
});

test("the small tier sends nothing but Web Vitals", async () => {
    const [beacon] = site.got.filter(
        ({ page }) => page === site.url + "/vitals");

    assert.deepEqual(Object.keys(beacon.metrics).sort(),
        ["cls", "fcp", "inp", "lcp", "time_visible", "ttfb"]);
    assert.equal(beacon.attribution.lcp.target, "img.hero");
    assert.equal(beacon.actions, undefined);
    assert.equal(beacon.resources, undefined);
});
