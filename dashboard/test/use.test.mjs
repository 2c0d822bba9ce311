/*
 * What people do with the dashboard: pick, zoom, go back, share, watch it live,
 * keep a picture; by mouse and by keyboard; and what they see when something
 * does not answer.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";

import { ask, BASE, chromium, figures, FIXED, PHONE, ready, STATUS } from "./lib.mjs";

const browser = await chromium();

const query = (page, name) => new URL(page.url()).searchParams.get(name);

/* the address has it, and what it means is drawn */
const goes = async (page, pattern) => {
    await page.waitForURL(pattern);
    await ready(page);
};

const isStatus = (url) => url.href.startsWith(STATUS);

const send = async (views) => {
    for (let i = 0; i < views; i++) {
        const { status } = await fetch(process.env.RUM_BEACON, {
            method: "POST",
            body: JSON.stringify({
                v: 1, view: `live-${Math.random()}`, session: `s-${Math.random()}`, n: 1, seq: 0,
                page: "https://shop.example/live", metrics: { lcp: 1234 },
            }),
        });

        assert.equal(status, 204);
    }
};

test("a click on a country filters everything; back takes it away", async () => {
    const page = await browser.open(`?view=by&by=country&site=shop&${FIXED}`);

    await page.getByRole("button", { name: "France" }).click();
    await goes(page, /where=country%3AFR/);

    assert.equal(await page.locator("tr.picked .pick").textContent(), "France");
    assert.ok(await page.locator("tbody tr").count() > 3, "all countries are still there");

    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.waitForSelector("main[data-view=overview]");
    await ready(page);

    const { counters } = await ask(`site=shop&${FIXED}&where=country:FR&metric=views`);
    const views = async () => (await figures(page.locator(".tiles")))[0];

    assert.equal(await views(), counters.groups[0].views);

    await page.goBack();
    await page.waitForSelector("main[data-view=by]");
    await page.goBack();
    await goes(page, (url) => !url.search.includes("where"));
    assert.equal(await page.locator(".chip").count(), 0);

    await page.goForward();
    await goes(page, /where=country%3AFR/);
    await page.getByRole("button", { name: "Remove the filter Country" }).click();
    await goes(page, (url) => !url.search.includes("where"));
    assert.deepEqual(page.faults, []);
});

test("the map knows its countries, and a click picks one", async () => {
    const page = await browser.open(`?view=by&by=country&site=shop&${FIXED}`);
    const panel = page.locator("section", { has: page.locator(".map") });
    const readout = panel.locator(".readout");

    await page.waitForFunction(() =>
        document.querySelector(".map canvas").ariaLabel.includes("Germany"));

    /* the page looks for the place by itself, which is much quicker; then the mouse goes there */
    const find = async (start) => {
        const [x, y] = await panel.locator("canvas").evaluate((canvas, wanted) => {
            const box = canvas.getBoundingClientRect();
            const said = canvas.closest(".map").querySelector(".readout");

            for (let down = 0.1; down < 0.95; down += 0.02) {
                for (let right = 0.1; right < 0.95; right += 0.015) {
                    const at = [box.x + right * box.width, box.y + down * box.height];

                    canvas.dispatchEvent(new PointerEvent("pointermove", {
                        clientX: at[0], clientY: at[1], bubbles: true,
                    }));

                    if (said.textContent.startsWith(wanted)) {
                        return at;
                    }
                }
            }

            throw new Error(`no ${wanted} on the map`);
        }, start);

        await page.mouse.move(0, 0);
        await page.mouse.move(x, y);
        assert.ok((await readout.textContent()).startsWith(start), start);
    };

    const { counters: { groups }, metrics } = await ask(`site=shop&by=country&${FIXED}`);
    const brazil = groups.find(({ value }) => value === "BR");

    await find("Australia: no views");
    await find("Brazil");
    assert.equal(await readout.textContent(), `Brazil: ${brazil.views} views`);

    await page.mouse.down();
    await page.mouse.up();
    await goes(page, /where=country%3ABR/);
    assert.equal(await page.locator("tr.picked .pick").textContent(), "Brazil");

    await panel.getByLabel("Colour of the map").selectOption("lcp");
    await find("Brazil");

    const lcp = metrics.lcp.groups.find(({ value }) => value === "BR").p75;

    assert.match(await readout.textContent(), new RegExp(`LCP p75 ${(lcp / 1000).toFixed(2)}`));
    assert.deepEqual(page.faults, []);
});

test("two filters are there at once if figures are kept for both", async () => {
    const page = await browser.open(`?view=by&by=device&site=shop&${FIXED}&where=page:/cart`);

    await page.getByRole("button", { name: "Mobile" }).click();
    await goes(page, /where=device/);
    assert.deepEqual(new URL(page.url()).searchParams.getAll("where"),
                     ["page:/cart", "device:mobile"]);

    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.waitForSelector("main[data-view=overview]");
    await ready(page);

    const { counters } = await ask(
        `site=shop&${FIXED}&where=page:/cart&where=device:mobile&metric=views`);

    assert.equal((await figures(page.locator(".tiles")))[0], counters.groups[0].views);
    assert.deepEqual(page.faults, []);
});

test("what is not kept is said, with the way out; a filter typed in takes its place", async () => {
    const page = await browser.open(`?view=by&by=browser&site=shop&${FIXED}&where=country:DE`);

    assert.match(await page.locator("main").textContent(), /Not counted for this filter/);

    await page.getByText("Add a filter").click();
    await page.getByLabel("Dimension").selectOption("network");
    await page.getByLabel("Value").fill("3g");
    await page.getByRole("button", { name: "Add" }).click();
    await goes(page, /where=network%3A3g/);
    assert.deepEqual(await page.locator(".chip b").allTextContents(), ["3G"]);

    await page.getByRole("link", { name: "Show it without filters" }).click();
    await goes(page, (url) => !url.search.includes("where"));
    assert.equal(await page.locator("[data-state=ready]").count(), 1);

    /* values to choose from */
    await page.getByText("Add a filter").click();
    await page.getByLabel("Dimension").selectOption("network");
    await page.waitForSelector("datalist option[value='slow-2g']", { state: "attached" });
    assert.deepEqual(page.faults, []);
});

test("by keyboard alone", async () => {
    const page = await browser.open(`?view=by&by=browser&site=shop&${FIXED}`);
    const focused = () => page.evaluate(() => document.activeElement.textContent);

    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the figures");
    await page.keyboard.press("Enter");

    /* the download, the headings, the rows */
    for (let i = 0; i < 40 && !/^Safari/.test(await focused()); i++) {
        await page.keyboard.press("Tab");
    }

    assert.equal(await focused(), "Safari");
    assert.notEqual(await page.evaluate(() =>
        getComputedStyle(document.activeElement).outlineStyle), "none", "what has focus is seen");

    await page.keyboard.press("Enter");
    await goes(page, /where=browser%3ASafari/);
    assert.equal(await focused(), "Safari", "who went on has not to begin again");
    assert.equal(await page.locator("[aria-live=polite]").textContent().then((text) =>
        text.includes("Browsers")), true, "it is said what is shown now");

    await page.getByRole("link", { name: "Last 24h" }).focus();
    await page.keyboard.press("Enter");
    await goes(page, /last=24h/);
    assert.equal(await focused(), "24h");
});

test("tables are sorted by a click on a title", async () => {
    const page = await browser.open(`?view=by&by=country&site=shop&${FIXED}`);
    const lcp = async () => Promise.all((await page.locator("tbody tr").all()).map(
        async (row) => (await figures(row))[1]));
    const head = page.locator("th", { hasText: "LCP" });

    await head.getByRole("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    assert.deepEqual(await lcp(), (await lcp()).sort((a, b) => b - a));

    await head.getByRole("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "ascending");
    assert.deepEqual(await lcp(), (await lcp()).sort((a, b) => a - b));

    const names = async () => page.locator("tbody .pick").allTextContents();

    await page.locator("th", { hasText: "Country" }).getByRole("button").click();
    assert.deepEqual(await names(), (await names()).sort((a, b) => a.localeCompare(b)));
});

test("dragging over a chart zooms in; the span is in the address", async () => {
    const page = await browser.open(`?view=metrics&site=shop&${FIXED}`);
    const box = await page.locator(".u-over").boundingBox();

    await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await goes(page, (url) => url.searchParams.get("from") !== process.env.RUM_FROM);

    const from = Number(query(page, "from"));
    const to = Number(query(page, "to"));

    assert.ok(from > Number(process.env.RUM_FROM) && to < Number(process.env.RUM_TO));
    assert.ok(to - from > 1200 && to - from < 3600, `${to - from} of 7320 s`);
    assert.equal(from % 300, 0, "whole steps");

    const { metrics } = await ask(`site=shop&metric=lcp&from=${from}&to=${to}`);
    const [group] = metrics.lcp.groups;

    assert.deepEqual((await figures(page.locator(".tiles"))).slice(0, 2), [group.p50, group.p75]);
});

test("a span of one's own", async () => {
    const page = await browser.open("?site=shop&last=1h");

    await page.getByRole("button", { name: "Custom" }).click();

    const inputs = page.locator(".custom input");

    await inputs.nth(0).fill("2026-01-02T10:00");
    await inputs.nth(1).fill("2026-01-02T09:00");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    assert.equal(query(page, "from"), null, "not when it ends before it begins");

    await inputs.nth(1).fill("2026-01-02T12:30");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await goes(page, /from=/);

    const [from, to] = await page.evaluate(() =>
        ["2026-01-02T10:00", "2026-01-02T12:30"].map((time) => new Date(time).getTime() / 1000));

    assert.deepEqual([query(page, "from"), query(page, "to"), query(page, "last")],
                     [String(from), String(to), null]);
    assert.match(await page.locator("main").textContent(), /No views in this span/);

    await page.getByRole("link", { name: "Last 15m" }).click();
    await goes(page, /last=15m/);
    assert.deepEqual(page.faults, []);
});

/* of a site without a past: nothing leaves the span while we look */
const shows = (page, views) => page.waitForFunction((wanted) =>
    document.querySelector(".tiles data")?.value === String(wanted), views);

let sent = 0;

test("it is live: what comes is seen without asking", async () => {
    await send(2);
    sent += 2;

    const page = await browser.open("?site=today&last=1h");

    await page.waitForSelector("[data-link=live]");
    await shows(page, sent);
    await send(7);
    sent += 7;
    await shows(page, sent);

    /* also what the stream itself is not about */
    await page.waitForSelector("[data-key='/live']");
    await page.waitForFunction((views) => [...document.querySelectorAll("tr")].some((row) =>
        row.querySelector("[data-key='/live']")
        && row.querySelector("data").value === String(views)), sent);
    assert.deepEqual(page.faults, []);
});

test("without event streams it asks again by itself, until there is one", async () => {
    let streams = false;

    const page = await browser.open("?site=today&last=1h", {
        allow: [/503|EventSource/],
        before: async (tab) => {
            await tab.clock.install();
            await tab.route(isStatus, (route) =>
                !streams && route.request().headers().accept?.includes("event-stream")
                    ? route.fulfill({ status: 503, body: "" }) : route.continue());
        },
    });

    await page.waitForSelector("[data-link=polling]");
    await shows(page, sent);
    await send(3);
    sent += 3;
    await shows(page, sent);

    streams = true;
    await page.clock.fastForward(65000);
    await page.waitForSelector("[data-link=live]");
});

/* one command to Redis */
const redis = (command) => new Promise((resolve, reject) => {
    const socket = connect(Number(process.env.RUM_REDIS_PORT), "127.0.0.1");

    socket.on("error", reject);
    socket.write(`${command}\r\n`);
    socket.once("data", (reply) => {
        socket.end();
        resolve(String(reply));
    });
});

test("who did not answer is asked again: Redis, and nginx that is reloaded", async () => {
    const page = await browser.open("?site=today&last=1h", { allow: [/503|ERR_/] });

    /* Redis says no to the status location; the aggregator has read its sets */
    await page.waitForSelector("[data-link=live]");
    assert.equal(await redis("ACL SETUSER default -smembers"), "+OK\r\n");
    await page.waitForSelector("[data-link=lost]");
    await shows(page, sent);
    assert.equal(await redis("ACL SETUSER default +smembers"), "+OK\r\n");
    await page.waitForSelector("[data-link=live]");
    await send(1);
    sent++;
    await shows(page, sent);

    /* the worker that had the stream quits */
    process.kill(Number(process.env.RUM_NGINX_PID), "SIGHUP");
    await page.waitForSelector("[data-link=lost]");
    await page.waitForSelector("[data-link=live]");
    await send(1);
    sent++;
    await shows(page, sent);
    assert.deepEqual(page.faults, []);
});

test("errors of the API are shown as they are, and do not stay", async () => {
    let problem;

    const page = await browser.open("?site=shop&last=1h&view=by&by=page", {
        allow: [/50[34]|EventSource/],
        before: (tab) => tab.route(isStatus, (route) => problem
            && /metric=/.test(route.request().url()) && !/dimensions/.test(route.request().url())
            ? route.fulfill(problem) : route.continue()),
    });

    for (const [status, error, what] of [[503, "Redis <b>is</b> loading", "Redis is away"],
                                         [504, "no answer in time", "Redis is slow"]]) {
        problem = { status, contentType: "application/json",
                    body: JSON.stringify({ generated_at: 1, error }) };
        await page.getByRole("link", { name: "Devices" }).click();
        await page.waitForSelector("[data-state=error] [role=alert]");

        const text = await page.locator("[data-state=error] .message").textContent();

        assert.ok(text.includes(what) && text.includes(error), text);

        problem = undefined;
        await page.getByRole("link", { name: "Pages" }).click();
        await goes(page, /by=page|view=by/);
        assert.equal(await page.locator("[data-state=error]").count(), 0);
    }
});

test("when nothing answers, and when there is nothing", async () => {
    let away = true;

    const page = await browser.open("", {
        allow: [/Failed to load|ERR_/], wait: false,
        before: (tab) => tab.route(isStatus, (route) => away ? route.abort() : route.continue()),
    });

    await page.getByRole("alert").waitFor();
    assert.match(await page.getByRole("alert").textContent(), /nginx does not answer/);

    away = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await goes(page, /site=shop/);

    const empty = await browser.open("", {
        wait: false,
        before: (tab) => tab.route((url) => isStatus(url) && url.search.includes("list=sites"),
            (route) => route.fulfill({ contentType: "application/json",
                                       body: '{"generated_at":1,"total_sites":0,"sites":[]}' })),
    });

    await empty.getByText("No beacon has been counted yet").waitFor();

    const nobody = await browser.open("?site=nobody&last=1h");

    assert.match(await nobody.locator("main").textContent(), /No views in this span/);
    assert.equal(await nobody.locator("[data-state=error]").count(), 0);
});

test("an address that means nothing does no harm", async () => {
    const page = await browser.open("?view=constructor&site=shop&last=soon&where=none&from=9&to=3");

    assert.equal(await page.locator("h1").textContent(), "Overview");
    assert.equal(await page.locator(".ranges [aria-current]").textContent(), "1h");

    await page.goto(`${BASE}?view=metrics&metric=constructor&site=shop&${FIXED}`);
    await ready(page);
    assert.match(await page.locator("main").textContent(), /No Constructor in this span/);
    assert.equal(await page.locator("[data-state=error]").count(), 0);
    assert.deepEqual(page.faults, []);
});

test("the status location may be anywhere on the host", async () => {
    const page = await browser.open(new URL(`/elsewhere/?site=shop&${FIXED}`, BASE).href);

    assert.ok((await figures(page.locator(".tiles")))[0] > 0);
    assert.deepEqual(page.faults, []);
});

test("light and dark: the system's, until one is chosen, which stays", async () => {
    const page = await browser.open(`?site=shop&${FIXED}`);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();

    await page.emulateMedia({ colorScheme: "dark" });

    const dark = await ground();

    assert.notEqual(dark, light);
    await page.getByRole("button", { name: "Use the light theme" }).click();
    assert.equal(await ground(), light);
    await page.reload();
    await ready(page);
    assert.equal(await ground(), light);
});

test("pictures and tables can be kept", async () => {
    const page = await browser.open(`?view=metrics&site=shop&${FIXED}`);

    for (const title of ["Percentiles over time", "Distribution", "Distribution over time"]) {
        const panel = page.locator("section", {
            has: page.getByRole("heading", { name: title, exact: true }),
        });
        const [download] = await Promise.all([
            page.waitForEvent("download"),
            panel.getByRole("button", { name: "PNG" }).click(),
        ]);
        const png = readFileSync(await download.path());

        assert.match(download.suggestedFilename(), /^shop-.*\.png$/);
        assert.equal(png.subarray(0, 8).toString("latin1"), "\x89PNG\r\n\x1a\n");
        assert.ok(png.readUInt32BE(16) > 300 && png.readUInt32BE(20) > 150, title);

        /* the picture is not all of one colour */
        assert.ok(png.length > 3000, `${title}: ${png.length} bytes`);
    }

    const panel = page.locator("section", { hasText: "Percentiles over time" });
    const [download] = await Promise.all([
        page.waitForEvent("download"), panel.getByRole("link", { name: "CSV" }).click(),
    ]);
    const csv = readFileSync(await download.path(), "utf8");

    assert.match(csv, /^site,metric,value,time,count,mean,p50,p75,p95,p99,/);
    assert.equal(csv, await ask(
        `site=shop&${FIXED}&metric=lcp&q=50,75,95,99&step=300&format=csv`));
    assert.deepEqual(page.faults, []);
});

test("on a phone everything can be reached", async () => {
    const page = await browser.open(`?site=shop&${FIXED}`, { size: PHONE });

    for (const name of ["Metrics", "Countries", "Errors", "System health"]) {
        await page.getByRole("navigation").getByRole("link", { name }).click();
        await page.waitForFunction((text) =>
            document.querySelector("nav [aria-current]")?.textContent === text, name);
        await ready(page);

        const seen = await page.evaluate(() => {
            const link = document.querySelector("nav [aria-current]").getBoundingClientRect();

            return link.left >= 0 && link.right <= innerWidth;
        });

        assert.ok(seen, `${name} is in sight`);
    }

    assert.deepEqual(page.faults, []);
});
