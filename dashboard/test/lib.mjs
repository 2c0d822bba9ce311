/*
 * The ground the dashboard's tests stand on: a real Chromium that opens the
 * dashboard of a real nginx (t/lib/RumDashboard.pm starts both), and watches
 * for what must never happen.
 *
 *     const browser = await chromium();
 *     const page = await browser.open("?view=errors");
 *
 *     await page.getByText("TypeError").click();
 *     await ready(page);
 *     assert.deepEqual(page.faults, []);
 */

import { after, afterEach } from "node:test";

import { chromium as playwright } from "playwright-core";

export const BASE = process.env.RUM_URL;
export const STATUS = new URL("../status", BASE).href;
export const HOSTILE = process.env.RUM_HOSTILE;

/* a span that holds all that is counted and does not move */
export const FIXED = `from=${process.env.RUM_FROM}&to=${process.env.RUM_TO}`;

export const DESKTOP = { width: 1360, height: 900 };
export const PHONE = { width: 390, height: 844 };

const ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
];

/* what the status location answers */
export const ask = async (query) => {
    const response = await fetch(`${STATUS}?${query}`);

    if (!response.ok) {
        throw new Error(`${query}: ${response.status} ${await response.text()}`);
    }

    return query.includes("format=csv") ? response.text() : response.json();
};

/* everything that was asked is answered and drawn */
export const ready = async (page) => {
    await page.waitForSelector("main h1");
    await page.waitForFunction(() => !document.querySelector("[aria-busy]")
        && !document.querySelector("[data-state=loading]"));
    await page.evaluate(() => new Promise((resolve) =>
        requestAnimationFrame(() => requestAnimationFrame(resolve))));
};

/* what the page has said since it was opened: none of it is right */
const watch = (page, allowed) => {
    const faults = [];
    const fault = (kind, text) => {
        if (!allowed.some((pattern) => pattern.test(text))) {
            faults.push(`${kind}: ${text}`);
        }
    };

    page.on("pageerror", (error) => fault("exception", error.stack ?? error.message));
    page.on("dialog", (dialog) => {
        fault("dialog", dialog.message());
        void dialog.dismiss();
    });
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) {
            fault(message.type(), message.text());
        }
    });
    page.on("request", (request) => {
        const url = new URL(request.url());

        if (!/^(data|blob):/.test(url.protocol) && url.origin !== new URL(BASE).origin) {
            fault("request", url.href);
        }
    });
    page.on("response", (response) => {
        if (response.status() >= 400 && response.status() < 500) {
            fault(response.status(), response.url());
        }
    });

    return faults;
};

export const chromium = async () => {
    const browser = await playwright.launch({
        executablePath: process.env.RUM_CHROMIUM || "/usr/bin/chromium", args: ARGUMENTS,
    });

    const context = await browser.newContext({
        viewport: DESKTOP, colorScheme: "light", acceptDownloads: true,
    });
    const opened = [];

    /* others may be busy on this machine */
    context.setDefaultTimeout(60000);

    /* a page left open draws what is new for as long as the others are tested */
    afterEach(() => Promise.all(opened.splice(0).map((page) => page.close())));
    after(() => browser.close());

    /* allow: patterns of faults that belong to the test; keep: for the next tests too */
    const open = async (query, {
        allow = [], size = DESKTOP, before, wait = true, keep = false,
    } = {}) => {
        const page = await context.newPage();

        if (!keep) {
            opened.push(page);
        }

        if (size !== DESKTOP) {
            await page.setViewportSize(size);
        }

        page.faults = watch(page, allow);
        await before?.(page);
        await page.goto(new URL(query, BASE).href);

        if (wait) {
            await ready(page);
        }

        return page;
    };

    return { open };
};

/* a figure on screen, as the number it stands for */
export const figures = (locator) =>
    locator.locator("data").evaluateAll((all) => all.map((data) => Number(data.value)));
