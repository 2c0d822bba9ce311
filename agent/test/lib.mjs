/*
 * The ground the agent's tests stand on: a site of pages that hold the agent,
 * which keeps the beacons it is sent, and a real Chromium that visits it.
 *
 *     const site = await serve({ "/": page("<h1>hello</h1>") });
 *     const browser = await chromium();
 *     const tab = await browser.open(site.url + "/");
 *
 *     await tab.leave();
 *     const [beacon] = await site.beacons(1);
 *
 * What was started ends with the test file.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gunzipSync } from "node:zlib";

import { chromium as playwright } from "playwright-core";

const PATIENCE = 60000;
const ANSWER = 5000;

const script = (name) =>
    readFileSync(new URL(`../dist/${name}`, import.meta.url));

/*
 * Asks again until there is something true, and returns that; what may be a
 * function, to say what there is instead.  A question without an answer is
 * asked again too: a page that the back/forward cache takes up just then
 * never gives one.
 */
export const waitFor = async (question, what = "what is waited for") => {
    const end = Date.now() + PATIENCE;

    for (;;) {
        const asked = Promise.resolve(question());
        const answer = await Promise.race([
            asked, pause(ANSWER, undefined, { ref: false })]);

        asked.catch(() => {});

        if (answer) {
            return answer;
        }

        if (Date.now() > end) {
            throw new Error(
                `there is no ${typeof what === "function" ? what() : what}`);
        }

        await pause(20);
    }
};

/* a page with the agent; attributes as nginx would write them */
export const page = (body, attributes = "", { head = "", name = "rum" } = {}) =>
    `<!doctype html><html><head>
    <script async src="/rum/${name}.js" ${attributes}></script>
    <link rel="icon" href="data:,"><title>a page</title>${head}</head>
    <body>${body}</body></html>`;

/* what comes in: beacons, or what is none */
const decode = (request, body) => {
    const zipped = body[0] === 0x1f && body[1] === 0x8b;
    const text = (zipped ? gunzipSync(body) : body).toString();

    return { zipped, text, url: request.url, type: request.headers["content-type"],
             ...JSON.parse(text) };
};

/*
 * routes: path -> HTML, a Buffer, or (request, response) => ...  The answer
 * to beacons is in site.answer, so that it can be made to fail.
 */
export const serve = async (routes) => {
    const got = [];
    const requests = [];
    const site = { answer: 204, got, requests };

    const server = createServer((request, response) => {
        const path = request.url.split("?")[0];
        const route = routes[path];
        const chunks = [];

        requests.push(request.method + " " + request.url);

        if (path === "/rum/beacon") {
            request.on("data", (chunk) => chunks.push(chunk));
            request.on("end", () => {
                if (site.answer === 204) {
                    got.push(decode(request, Buffer.concat(chunks)));
                }

                response.writeHead(site.answer).end();
            });

        } else if (path === "/rum/rum.js" || path === "/rum/rum-vitals.js") {
            response.writeHead(200, { "Content-Type": "text/javascript" });
            response.end(script(path.slice(5)));

        } else if (typeof route === "function") {
            route(request, response);

        } else if (route === undefined) {
            response.writeHead(404).end("no such page");

        } else {
            response.writeHead(200, {
                "Content-Type": typeof route === "string"
                    ? "text/html; charset=utf-8" : "image/svg+xml",
            });
            response.end(route);
        }
    });

    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

    after(() => {
        server.closeAllConnections();
        server.close();
    });

    site.url = `http://127.0.0.1:${server.address().port}`;

    /* waits until there are n beacons that match, and returns them all */
    site.beacons = async (n, match = () => true) => waitFor(() => {
        const found = got.filter(match);

        return found.length >= n && found;
    }, () => `${n} beacons, but ${JSON.stringify(got)}`);

    return site;
};

const ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
];

const EXECUTABLE = process.env.RUM_CHROMIUM || "/usr/bin/chromium";

/*
 * A Chromium that nobody drives: the pages do what is to be done.  (Who
 * drives one also holds up the pages that it prerenders.)
 */
export const alone = (url) => {
    const profile = mkdtempSync(join(tmpdir(), "rum-chromium-"));
    const child = spawn(EXECUTABLE, [...ARGUMENTS, "--remote-debugging-port=0",
        `--user-data-dir=${profile}`, url], { stdio: "ignore", detached: true });

    after(async () => {
        const ended = new Promise((resolve) => child.on("exit", resolve));

        process.kill(-child.pid);       /* its own group */
        await ended;
        rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
    });
};

export const chromium = async (options = {}) => {
    const browser = await playwright.launch({
        executablePath: EXECUTABLE,
        args: [...ARGUMENTS, ...options.args || []],
        ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });

    after(() => browser.close());

    const context = await browser.newContext(options.context);

    const open = async (url, how = {}) => {
        const tab = await context.newPage();

        tab.leave = () => tab.goto("about:blank");

        /* the agent has started, and what has happened is measured */
        tab.settled = async () => {
            await tab.waitForFunction(() => window.rum && !rum.q);
            await tab.evaluate(() => new Promise((resolve) => {
                /* a page in the background has no frames */
                setTimeout(resolve, 2000);
                requestAnimationFrame(() => setTimeout(() =>
                    requestIdleCallback(resolve)));
            }));
        };

        if (how.before) {
            await tab.addInitScript(how.before);
        }

        if (url) {
            await tab.goto(url);
        }

        return tab;
    };

    return { open, context, browser };
};
