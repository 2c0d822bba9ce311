/*
 * Every view, with real data: it is drawn without a complaint, its figures are
 * those of the status location, nobody is shut out (axe), nothing sticks out on
 * a phone.  Screenshots of each, on desktop and phone, light and dark, are
 * written to be looked at.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ask, BASE, chromium, DESKTOP, figures, FIXED, HOSTILE, PHONE, ready } from "./lib.mjs";

const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

const browser = await chromium();

/* ----------------------------------- what is on screen is what the API says */

const overview = async (page) => {
    const { metrics, counters } = await ask(
        `site=shop&${FIXED}&metric=lcp,inp,cls,fcp,ttfb,views,errors,entrances,bounces,sessions`);

    for (const [metric, { groups: [group] }] of Object.entries(metrics)) {
        const card = page.locator(".card", { has: page.locator(`[data-figure="${metric}.p75"]`) });
        const rated = group.p75 <= { lcp: 2500, inp: 200, cls: 0.1, fcp: 1800, ttfb: 800 }[metric];

        assert.deepEqual(await figures(card), [group.p75], metric);
        assert.match(await card.textContent(), rated ? /Good/ : /Needs improvement|Poor/, metric);
        assert.match(await card.textContent(),
                     new RegExp(`of ${group.count.toLocaleString("en")} values`));

        /* as it is read: seconds from 1000 ms on, CLS with two digits or three */
        const text = metric === "cls" ? group.p75.toFixed(group.p75 < 0.1 ? 3 : 2)
            : group.p75 < 1000 ? `${Math.round(group.p75)}\u00a0ms`
                : `${(group.p75 / 1000).toFixed(2)}\u00a0s`;

        assert.equal(await card.locator("data").textContent(), text);

        const share = Math.round(group.good / group.count * 100);

        assert.match(await card.locator(".ratings .bar").getAttribute("aria-label"),
                     new RegExp(`^${share}\\s% good`), metric);
    }

    const [group] = counters.groups;
    const tiles = page.locator(".tiles");

    assert.deepEqual(await figures(tiles),
                     [group.views, group.sessions, group.bounce_rate, group.errors]);
};

/* quantiles, and the table that stands for the chart */
const percentiles = async (page) => {
    const { metrics: { lcp: { groups: [group] } }, steps } = await ask(
        `site=shop&metric=lcp&${FIXED}&step=300`);

    assert.deepEqual(await figures(page.locator(".tiles")),
                     ["p50", "p75", "p90", "p95", "p99", "mean", "count"].map((name) => group[name]));

    const series = page.locator("section", { hasText: "Percentiles over time" });

    await series.getByRole("button", { name: "Table" }).click();

    const rows = await series.locator("tbody tr").allTextContents();

    assert.equal(rows.length, steps.length);
    assert.equal(rows.filter((row) => row.includes("ms") || row.includes("s")).length,
                 group.series.count.filter((count) => count > 0).length);
    assert.match(await series.locator("[role=img]").getAttribute("aria-label"), /p75 \d/);
    await series.getByRole("button", { name: "Table" }).click();
};

/* all values are in its bars, on the right side of the thresholds */
const distribution = async (page) => {
    const { metrics: { lcp: { groups: [group] } } } = await ask(`site=shop&metric=lcp&${FIXED}`);
    const panel = page.locator("section", {
        has: page.getByRole("heading", { name: "Distribution", exact: true }),
    });

    await panel.getByRole("button", { name: "Table" }).click();

    const bars = (await panel.locator("tbody tr").allTextContents()).map((row) => {
        const [, from, unit, count] = /^([\d.]+)\s(ms|s)([\d,]+)$/.exec(row);

        return [unit === "s" ? from * 1000 : Number(from), Number(count.replace(",", ""))];
    });
    const sum = (all) => all.reduce((total, [, count]) => total + count, 0);
    const good = sum(bars.filter(([from]) => from < 2500));

    /* bars are rounded, and one of them may have the threshold in it */
    assert.ok(Math.abs(sum(bars) - group.count) <= bars.length / 2, `${sum(bars)} ${group.count}`);
    assert.ok(Math.abs(good - group.good) <= bars.length / 2 + 5, `${good} ${group.good}`);
    await panel.getByRole("button", { name: "Table" }).click();
};

/* the rows of a table of visitors, in its order */
const visitors = (by) => async (page) => {
    const answer = await ask(`site=shop&by=${by}&${FIXED}`);
    const rows = await page.locator("tbody tr").all();
    const { groups } = answer.counters;

    assert.equal(rows.length, groups.length, by);

    if (by === "page" || by === "plan") {
        assert.deepEqual((await page.locator("tbody th").allTextContents()).sort(),
                         groups.map(({ value }) => value).sort());
    }

    /* rows with equal figures may stand in any order */
    const shown = new Map(await Promise.all(rows.map(async (row) =>
        [await row.locator("[data-key]").getAttribute("data-key"), await figures(row)])));
    const views = [...shown.values()].map(([first]) => first);

    assert.deepEqual(views, [...views].sort((a, b) => b - a), by);

    for (const group of groups) {
        const p75 = ["lcp", "inp", "cls", "fcp", "ttfb"].map((metric) =>
            answer.metrics[metric].groups.find(({ value }) => value === group.value)?.p75);

        assert.deepEqual(shown.get(group.value),
                         [group.views, ...p75, group.errors, group.bounce_rate]
                             .filter((value) => typeof value === "number"),
                         `${by} ${group.value}`);
    }
};

/* rows of details: the first figures of each */
const detail = (by, names) => async (page) => {
    const { counters: { groups } } = await ask(`site=shop&by=${by}&${FIXED}`);
    const rows = await Promise.all(
        (await page.locator("table").first().locator("tbody tr").all()).map(figures));

    assert.ok(groups.length > 0);
    assert.deepEqual(rows.map((row) => row.slice(0, names.length).join(" ")).sort(),
                     groups.map((group) => names.map((name) => group[name]).join(" ")).sort());
};

const resources = async (page) => {
    const { counters: { groups } } = await ask(`site=shop&by=host&${FIXED}`);
    const sum = (name) => groups.reduce((all, group) => all + group[name], 0);
    const table = page.locator("table").first();
    const choose = page.getByLabel("Which of them");
    const whose = async () => (await table.locator("tbody tr").evaluateAll((rows) =>
        rows.map((row) => [row.querySelector("[data-key]").dataset.key,
                           row.querySelector(".party").textContent]))).sort();
    const parties = groups.map(({ value, third_party_requests: third }) =>
        [value, third ? "Third party" : "Own"]).sort();

    await detail("host", ["requests", "bytes"])(page);

    assert.deepEqual(await whose(), parties);
    assert.equal((await figures(page.locator(".tiles")))[0],
                 sum("third_party_requests") / sum("requests"));

    await choose.selectOption("Third parties");
    assert.deepEqual(await whose(), parties.filter(([, party]) => party !== "Own"));
    await choose.selectOption("Own hosts");
    assert.deepEqual(await whose(), [["img.shop.example", "Own"]]);
    await choose.selectOption("All hosts");
};

const causes = async (page) => {
    for (const [title, by, metric] of [["LCP by element", "lcp_target", "lcp"],
                                       ["LCP by URL", "lcp_url", "lcp"],
                                       ["INP by element", "inp_target", "inp"],
                                       ["INP by script", "inp_url", "inp"],
                                       ["CLS by element", "cls_target", "cls"]]) {
        const { metrics } = await ask(`site=shop&by=${by}&${FIXED}`);
        const { groups } = metrics[metric];
        const panel = page.locator("section", {
            has: page.getByRole("heading", { name: title, exact: true }),
        });
        const rows = await Promise.all((await panel.locator("tbody tr").all()).map(
            async (row) => [await row.locator("th").textContent(),
                            ...(await figures(row)).slice(0, 3)]));

        assert.ok(groups.length > 0, title);
        assert.deepEqual(rows.map((row) => row.join(" ")).sort(),
                         groups.map(({ value, count, p75, good }) =>
                             [value, count, p75, good / count].join(" ")).sort(), title);
    }
};

const slowest = async (page) => {
    const { counters: { groups } } = await ask(`site=shop&by=host,type&${FIXED}`);
    const { slowest } = groups.find(({ value }) => value === "cdn.example,img");
    const cell = page.getByRole("row", { name: "cdn.example · img" }).locator("td").last();

    assert.match(slowest.url, /^https:\/\/cdn\.example\/<b>\d+<\/b>\.avif$/);
    assert.deepEqual(await figures(cell), [slowest.duration]);
    assert.ok((await cell.textContent()).startsWith(`${new URL(slowest.url).pathname
        .replaceAll("%3C", "<").replaceAll("%3E", ">")} `));
    assert.equal(await cell.locator("span").getAttribute("title"), slowest.url);
};

const inputs = async (page) => {
    const table = page.getByRole("table", { name: "INP by element" });
    const { metrics: { inp } } = await ask(`site=shop&by=inp_target,inp_type&${FIXED}`);
    const count = Object.fromEntries(inp.groups.map((group) => [group.value, group.count]));
    const pointer = count["button.buy,pointer"];
    const keys = count["button.buy,keyboard"];
    const used = table.getByRole("row", { name: "button.buy" }).locator("td").last();

    assert.ok(pointer > keys && keys > 0);
    assert.match(await used.textContent(), /^Pointer /);
    assert.deepEqual(await figures(used), [pointer / (pointer + keys)]);
    assert.equal(await table.getByRole("row", { name: "input#q" }).locator("td").last()
        .textContent(), "Keyboard");
};

const conversions = async (page) => {
    const { counters: { groups } } = await ask(`site=shop&by=speed&${FIXED}`);
    const good = groups.find(({ value }) => value === "good");

    assert.ok((await figures(page.locator(".tiles"))).includes(good.conversions / good.visits));
    await detail("event", ["events"])(page);
};

const health = async (page) => {
    const { module, aggregator } = await ask("last=5m");
    const text = await page.locator("main").textContent();

    assert.match(text, /AggregatorRunning1 of 1 partitions owned/);
    assert.match(text, new RegExp(`Accepted${module.beacons.accepted.toLocaleString("en")}`));
    assert.match(text, new RegExp(`Events${aggregator.events.toLocaleString("en")}`));
};


/* -------------------------------------------------------------- the views */

/* name, address, panels, what is checked */
const VIEWS = [
    ["overview", "view=overview", 7, overview],
    ["metrics-lcp", "view=metrics&metric=lcp", 4, percentiles, distribution],
    ["metrics-cls", "view=metrics&metric=cls", 4],
    ["pages", "view=by&by=page", 1, visitors("page")],
    ["countries", "view=by&by=country", 2, visitors("country")],
    ["devices", "view=by&by=device", 1, visitors("device")],
    ["browsers", "view=by&by=browser", 1, visitors("browser")],
    ["systems", "view=by&by=os", 1, visitors("os")],
    ["connections", "view=by&by=network", 1, visitors("network")],
    ["own-dimension", "view=by&by=plan", 1, visitors("plan")],
    ["filtered", "view=overview&where=country:DE", 7],
    ["errors", "view=errors", 1, detail("error", ["errors", "views"])],
    ["causes", "view=causes", 5, causes, inputs],
    ["resources", "view=resources", 3, resources, slowest],
    ["paths", "view=paths", 1, detail("from,page", ["views"])],
    ["clicks", "view=actions", 2, detail("action,target", ["actions"])],
    ["conversions", "view=conversions", 3, conversions],
    ["health", "view=health", 2, health],
];

/* what is made as another view is: one look will do */
const ALIKE = ["metrics-cls", "devices", "browsers", "systems", "connections", "own-dimension"];

const LOOKS = [
    { device: "desktop", size: DESKTOP, theme: "light", axe: true },
    { device: "phone", size: PHONE, theme: "light" },
    { device: "desktop", size: DESKTOP, theme: "dark" },
    { device: "phone", size: PHONE, theme: "dark", axe: true },
];

/* nothing at all that axe finds wrong */
const accessible = async (page, what) => {
    if (!await page.evaluate(() => "axe" in globalThis)) {
        await page.evaluate(axe);
    }

    const { violations } = await page.evaluate(() => globalThis.axe.run());

    assert.deepEqual(violations.map(({ id, impact, nodes }) =>
        `${what}: ${id} (${impact}): ${nodes.slice(0, 3).map(({ html }) => html).join(" ")}`), []);
};

/* one page for all: a new browser takes longer than the view */
let page;

for (const [name, query, panels, ...checks] of VIEWS) {
    test(`${name}: drawn, right, accessible, and fits`, async () => {
        page ??= await browser.open("", { keep: true, wait: false });
        page.faults.length = 0;

        await page.emulateMedia({ colorScheme: "light" });
        await page.setViewportSize(DESKTOP);
        await page.goto(new URL(`?${query}&site=shop&${FIXED}`, BASE).href);
        await ready(page);

        const states = await page.locator("[data-state]").evaluateAll((all) =>
            all.map((panel) => panel.dataset.state));

        assert.equal(states.length, panels);

        /* there are no pairs of country with device or browser */
        assert.deepEqual(states.filter((state) => state !== "ready"),
                         name === "filtered" ? ["empty", "empty"] : []);

        for (const check of checks) {
            await check(page);
        }

        for (const look of ALIKE.includes(name) ? LOOKS.slice(-1) : LOOKS) {
            await page.emulateMedia({ colorScheme: look.theme });
            await page.setViewportSize(look.size);
            await ready(page);
            await page.screenshot({
                path: `${process.env.RUM_SCREENSHOTS}/${name}-${look.device}-${look.theme}.png`,
                fullPage: true,
            });

            const [wide, room] = await page.evaluate(() =>
                [document.documentElement.scrollWidth, innerWidth]);

            assert.ok(wide <= room, `${look.device}: ${wide} > ${room}`);

            if (look.axe) {
                await accessible(page, `${look.device}, ${look.theme}`);
            }
        }

        assert.deepEqual(page.faults, []);
    });
}

test("overview: a change is told when it is more than chance", async () => {
    const from = Number(process.env.RUM_FROM) + 3600;
    const span = `from=${from}&to=${from + 3540}`;
    const page = await browser.open(`?site=shop&${span}`);
    const { metrics } = await ask(
        `site=shop&${span}&metric=lcp,inp,cls,fcp,ttfb&q=75&compare=previous`);
    const sure = [];

    for (const [metric, { groups: [{ change: { p75 } }] }] of Object.entries(metrics)) {
        const note = page.locator(".card", { has: page.locator(`[data-figure="${metric}.p75"]`) })
            .locator(".change");

        if (p75.low > 0 || p75.high < 0) {
            sure.push(metric);
            assert.match(await note.getAttribute("class"), p75.value > 0 ? /worse/ : /better/, metric);
            assert.match(await note.textContent(), p75.value > 0 ? /^▲up / : /^▼down /, metric);

        } else {
            assert.match(await note.textContent(), /no clear change/, metric);
        }
    }

    /* the second hour is slower */
    assert.ok(sure.includes("ttfb"), sure.join());
    assert.ok(sure.length < 5, "CLS is not");
});

test("HTML in names is text", async () => {
    const page = await browser.open(`?view=by&by=page&site=shop&${FIXED}`);

    await page.getByRole("button", { name: HOSTILE }).click();
    await page.waitForFunction(() => location.search.includes("where="));
    await ready(page);

    assert.equal(new URL(page.url()).searchParams.get("where"), `page:${HOSTILE}`);
    assert.equal(await page.locator(".chip b").textContent(), HOSTILE);

    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.waitForSelector("main[data-view=overview]");
    await ready(page);

    const { metrics } = await ask(`site=shop&${FIXED}&metric=lcp&where=${
        encodeURIComponent(`page:${HOSTILE}`)}`);

    assert.deepEqual(await figures(page.locator(".card").first()), [metrics.lcp.groups[0].p75]);

    /* and back to what the address says, from the address alone */
    await page.reload();
    await ready(page);
    assert.equal(await page.locator(".chip b").textContent(), HOSTILE);

    const errors = await browser.open(`?view=errors&site=shop&${FIXED}`);
    const message = "<script>alert(\"1\")</script> & '\u{1f600}'";

    await errors.getByRole("button", { name: message }).click();
    await errors.waitForSelector("pre");
    await ready(errors);

    assert.equal(await errors.locator(".message-text").textContent(), `TypeError ${message}`);
    assert.equal(await errors.locator("pre").textContent(),
                 "TypeError: <b>x</b>\n    at f (/app.js:3:14)");
    assert.match(await errors.locator("section", { hasText: "Pages with it" }).textContent(), /\/cart/);
    await errors.screenshot({ path: `${process.env.RUM_SCREENSHOTS}/error-desktop-light.png`,
                              fullPage: true });
    await accessible(errors, "an error");

    for (const { faults } of [page, errors]) {
        assert.deepEqual(faults, []);
    }

    for (const tab of [page, errors]) {
        assert.equal(await tab.locator("main img, main script, main b b, .chip img").count(), 0);
    }
});

test("the policy of the page is strict, and is kept", async () => {
    const response = await fetch(BASE);

    assert.match(response.headers.get("content-security-policy"), /default-src 'none'/);
    assert.match(await response.text(), /http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'/);
});
