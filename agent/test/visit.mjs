/*
 * A visit of the site whose address is in RUM_SITE: for t/agent_nginx.t, which
 * looks at what nginx makes of its beacons.
 */

import { test } from "node:test";

import { chromium } from "./lib.mjs";

const browser = await chromium();

test("a visit", async () => {
    const tab = await browser.open(process.env.RUM_SITE + "/?q=1");

    await tab.settled();
    await tab.click("button");
    await tab.evaluate(async () => {
        rum("conversion", "checkout", 59.9);
        rum("tag", "ab", "B");
        rum("tag", "none", null);
        rum("event", "typed", "7.5");
        rum("metric", "typed", "8.5");
        rum("error", "typed", { line: "9" });
        rum("metric", "cart.items", 3);
        rum("error", new TypeError(`caught ${"\u20ac".repeat(4000)}`));
        await fetch("/none?token=1");

        for (let i = 0; i < 40; i++) {
            rum("error", new Error(`number ${i} ${"x".repeat(3000)}`));
        }
    });
    await tab.goto(process.env.RUM_SITE + "/second");
    await tab.settled();
    await tab.leave();
});
