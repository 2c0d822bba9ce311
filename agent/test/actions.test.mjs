/*
 * What visitors do: clicks, rage clicks, dead clicks, scrolling.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium, page, serve } from "./lib.mjs";

const body = `
    <button id="works">works</button>
    <button class="buy now">a secret <b>text</b></button>
    <button class="loads">loads</button>
    <button class="goes">goes</button>
    <button class="late">late</button>
    <button class="slow">slow</button>
    <x-shadow></x-shadow>
    <a class="link" href="/b">a link</a>
    <p class="words">words</p>
    <input id="name" value="a secret value">
    <div style="height: 3000px"></div>
    <script>
        document.querySelector("#works").onclick = () => {
            document.querySelector(".words").textContent = "done";
        };
        document.querySelector(".loads").onclick = () => fetch("/b?" + Date());
        document.querySelector(".late").onclick = () => setTimeout(() => {
            document.querySelector(".words").textContent = "late";
        }, 900);
        document.querySelector(".slow").onclick = () => fetch("/slow");
        performance.setResourceTimingBufferSize(0);

        const tree = document.querySelector("x-shadow")
            .attachShadow({ mode: "open" });

        tree.innerHTML = "<button>in a shadow</button>";
        tree.firstChild.onclick = () => tree.append("done");

        document.querySelector(".goes").onclick = () => history.pushState(
            null, "", "#" + performance.now());
    </script>`;

const site = await serve({
    "/": page(body),
    "/off": page(body, 'data-off="clicks scroll"'),
    "/b": "<!doctype html><title>b</title>",
    "/slow": () => {},
});

const browser = await chromium();

const visit = async (path, what) => {
    const tab = await browser.open(site.url + path);
    const before = site.got.length;

    await tab.settled();
    await what(tab);
    await tab.leave();

    const [beacon] = (await site.beacons(before + 1)).slice(before);

    await tab.close();
    return beacon;
};

/* longer than the agent waits for an effect of a click */
const effects = (tab) => tab.waitForTimeout(1200);

const kinds = ({ actions = [] }) =>
    actions.map(({ type, target }) => type + " " + target);

test("clicks tell the element, and nothing of what it says", async () => {
    const beacon = await visit("/", async (tab) => {
        await tab.click("#works");
        await tab.click("b");
        await tab.click("#name");
        await tab.click(".words");
    });

    assert.deepEqual(kinds(beacon), ["click button#works",
        "click button.buy.now>b", "click input#name", "click p.words"]);
    assert.ok(beacon.actions.every(({ t }, i, all) =>
        t > 0 && (!i || t >= all[i - 1].t)));
    assert.doesNotMatch(beacon.text, /secret/);
});

test("three clicks within a second are rage, once", async () => {
    const beacon = await visit("/", async (tab) => {
        await tab.evaluate(() => {
            for (let i = 0; i < 5; i++) {
                document.querySelector(".words").click();
            }
        });
    });

    assert.deepEqual(kinds(beacon), ["click p.words", "click p.words",
        "click p.words", "rage_click p.words", "click p.words",
        "click p.words"]);
});

test("clicks on different things are no rage", async () => {
    const beacon = await visit("/", (tab) => tab.evaluate(() => {
        for (const name of [".words", "#works", ".words", "#works"]) {
            document.querySelector(name).click();
        }
    }));

    assert.equal(kinds(beacon).filter((kind) => /rage/.test(kind)).length, 0);
});

test("a click on a button without any effect is dead", async () => {
    const beacon = await visit("/", async (tab) => {
        await tab.click(".buy");
        await effects(tab);
    });

    assert.deepEqual(kinds(beacon).filter((kind) => /dead/.test(kind)),
                     ["dead_click button.buy.now"]);
});

for (const [what, selector] of [["a change of the page", "#works"],
    ["a request", ".loads"], ["a request that takes long", ".slow"],
    ["a new URL", ".goes"], ["a change of a shadow tree", "x-shadow button"]])
{
    test(`${what} is an effect`, async () => {
        const beacon = await visit("/", async (tab) => {
            await tab.click(selector);
            await effects(tab);
            await tab.click(selector);
            await effects(tab);
        });

        assert.equal(kinds(beacon).length, 2);
        assert.doesNotMatch(kinds(beacon).join(), /dead/);
    });
}

test("a click is judged by itself, another one meanwhile or not", async () => {
    const beacon = await visit("/", async (tab) => {
        await tab.click(".buy");
        await tab.waitForTimeout(400);
        await tab.click(".late");
        await tab.waitForTimeout(900);
        await effects(tab);
    });

    assert.ok(!kinds(beacon).includes("dead_click button.late"),
              kinds(beacon).join());
});

for (const [event, dispatch] of Object.entries({
    scroll: () => scrollBy(0, 10),
    submit: () => dispatchEvent(new Event("submit")),
    focusin: () => document.querySelector("#name").focus(),
    input: () => dispatchEvent(new Event("input")),
    toggle: () => dispatchEvent(new Event("toggle")),
})) {
    test(`${event} is an effect`, async () => {
        const beacon = await visit("/", async (tab) => {
            await tab.click(".buy");        /* focus is one, too */
            await effects(tab);
            await tab.click(".buy");
            await tab.evaluate(dispatch);
            await effects(tab);
        });

        assert.equal(kinds(beacon)
            .filter((kind) => /dead/.test(kind)).length, 1, `${kinds(beacon)}`);
    });
}

test("a click on words or in a field has none and needs none", async () => {
    const beacon = await visit("/", async (tab) => {
        for (const target of [".words", ".words", "#name", "#name"]) {
            await tab.click(target);
            await effects(tab);
        }
    });

    assert.doesNotMatch(kinds(beacon).join(), /dead/);
});

test("how far the page was scrolled, at most", async () => {
    const beacon = await visit("/", async (tab) => {
        await tab.evaluate(() => scrollTo(0, 1000));
        await tab.settled();
        await tab.evaluate(() => new Promise((resolve) =>
            setTimeout(resolve, 100)));
        await tab.evaluate(() => scrollTo(0, 0));
        await tab.settled();
    });
    const { scroll_depth: depth } = beacon.metrics;

    assert.ok(depth > 40 && depth < 70, `${depth} % of the page`);
});

test("how long it was seen", async () => {
    const beacon = await visit("/", (tab) => tab.waitForTimeout(300));

    assert.ok(beacon.metrics.time_visible >= 300);
});

test("what is off does not run", async () => {
    const beacon = await visit("/off", (tab) => tab.click(".words"));

    assert.equal(beacon.actions, undefined);
    assert.equal(beacon.metrics.scroll_depth, undefined);
});

