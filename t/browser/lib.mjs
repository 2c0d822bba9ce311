/*
 * What the tests of the whole chain need: a real Chromium, the demo shop that
 * t/lib/RumBrowser.pm has started, and what of the visits has arrived: the
 * answers of the status location, and the entries of the stream.
 *
 *     const browser = await launch();
 *     const visit = await browser.visit("/cart");
 *
 *     await visit.close();
 *     await viewsOf("/cart", 1);
 *
 * Nothing here waits for a time: always for a condition, and long enough for
 * a machine that has other things to do.
 */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const {
    RUM_URL, RUM_NPM, RUM_TAIL, RUM_NODE_PORT, RUM_REDIS_PORT, RUM_BEACON_LOG,
    RUM_ERROR_LOG, RUM_CHROMIUM,
} = process.env;
const require = createRequire(RUM_NPM + "/");
const { chromium } = require("playwright-core");

export const url = (path) => RUM_URL + path;

const PATIENCE = 60000;
const ANSWER = 5000;

/* a browser may hang, and then there is no answer for ever */
setTimeout(() => {
    console.log("# the browser hangs");
    process.exit(1);
}, process.env.RUM_VISITS ? 1200000 : 240000).unref();

/*
 * Asks again until there is something true, and returns that.  A question
 * without an answer is asked again too: a page that the back/forward cache
 * takes up just then never gives one.
 */
export const waitFor = async (question, what) => {
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
            throw new Error("there is no "
                + (typeof what === "function" ? await what() : what));
        }

        await pause(100);
    }
};

/* a file of the published web-vitals, of which the agent has its own copy */
export const webVitals = () =>
    readFileSync(RUM_NPM + "/node_modules/web-vitals/dist/web-vitals.iife.js",
                 "utf8");

/* an application behind nginx, under /node/ */
export const application = async (answer) => {
    const server = createServer(answer);

    await new Promise((resolve) =>
        server.listen(RUM_NODE_PORT, "127.0.0.1", resolve));

    after(() => {
        server.closeAllConnections();
        server.close();
    });
};


/* ----------------------------------------------------- what has arrived */

/* the answer of the status location to a question about the shop */
export const status = async (question) => {
    const answer = await fetch(url("/rum/status?site=demo&last=1h&limit=10000&"
                                   + question));

    if (answer.status !== 200) {
        throw new Error(`${question}: ${await answer.text()}`);
    }

    return answer.json();
};

/* counters by the values of a dimension: { "/": { views: 1, ... }, ... } */
export const counters = async (by = "page", more = "") => {
    const { counters: { groups } } = await status(`by=${by}${more}`)
        .catch((error) => {
            /* nothing has been counted by it yet */
            if (/has no such|"parameter":"by"/.test(error.message)) {
                return { counters: { groups: [] } };
            }

            throw error;
        });

    return Object.fromEntries(groups.map((group) => [group.value, group]));
};

/* waits until status tells so many views of a page group */
export const viewsOf = async (page, views) => waitFor(async () => {
    const { [page]: row } = await counters();

    if (row?.views > views) {
        throw new Error(`${page} has ${row.views} views and not ${views}`);
    }

    return row?.views === views && row;
}, async () => `${views} views of ${page}, but ${
    JSON.stringify(await counters())}`);

/* the entries of the stream, oldest first, of one page group or all */
export const entries = async (page) => {
    const [program, ...args] = RUM_TAIL.split("\n");
    const { stdout } = await promisify(execFile)(program,
        [...args, "-n", "100000", "--once"], { maxBuffer: 1e9 });

    return stdout.split("\n").filter((line) => line).map((line) =>
        JSON.parse(line)).filter((entry) => !page || entry.page === page);
};

/* what Redis itself says; lines */
export const redis = async (...command) => {
    const { stdout } = await promisify(execFile)("redis-cli",
        ["-p", RUM_REDIS_PORT, ...command], { maxBuffer: 1e9 });

    return stdout.split("\n").filter((line) => line);
};

/* the access log of the beacons, and what nginx had to say; lines */
export const beaconLog = () => lines(RUM_BEACON_LOG);
export const errorLog = () => lines(RUM_ERROR_LOG);

const lines = (file) =>
    readFileSync(file, "utf8").split("\n").filter((line) => line);


/* ----------------------------------------------------------- the browser */

const ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
];

export const launch = async () => {
    const browser = await chromium.launch({
        executablePath: RUM_CHROMIUM || "/usr/bin/chromium",
        args: ARGUMENTS,
        ignoreDefaultArgs: ["--disable-back-forward-cache"],
        timeout: PATIENCE,
    });

    after(() => browser.close());

    /* a visitor has a context, and with it a session of its own */
    const visitor = async (options) => {
        const context = await browser.newContext(options);

        context.setDefaultTimeout(PATIENCE);
        return context;
    };

    /* a tab with this page of the shop, and the agent in it at work */
    const visit = async (path, context) => {
        const own = !context;

        context ||= await visitor();

        const tab = await context.newPage();

        await tab.goto(url(path));
        await ready(tab);

        return Object.assign(tab, {
            leave: () => own ? context.close() : tab.close(),
        });
    };

    return { browser, visitor, visit, plain: () => plain(browser) };
};

/* the agent runs, and has had its time for what it does when nothing is up */
export const ready = async (tab) => {
    await tab.waitForFunction(() => window.rumStarted && !rum.q);
    await settled(tab);
};

/*
 * Frames have been drawn, and tasks done that wait for an idle moment: the
 * agent's and those of web-vitals, which wait for a second at most.  On a busy
 * machine Chromium may have no idle moment for ever.
 */
export const settled = (tab) => waitFor(() =>
    tab.evaluate(() => new Promise((resolve) => {
        const idle = (task) => setTimeout(() =>
            requestIdleCallback(task, { timeout: 1100 }));

        requestAnimationFrame(() => idle(() => idle(() => resolve(true))));
    })), () => `idle moment of ${tab.url()}`);

/*
 * Tabs as a person has them, which can be in the background: those of
 * playwright always say that they are visible.  And tabs without a debugger,
 * for which Chromium prerenders.
 */
const plain = async (browser) => {
    const session = await browser.newBrowserCDPSession();
    const waiting = new Map();
    let number = 0;

    session.on("Target.receivedMessageFromTarget", ({ message }) => {
        const { id, result, error } = JSON.parse(message);
        const { resolve, reject } = waiting.get(id) || {};

        waiting.delete(id);

        if (error) {
            reject?.(new Error(error.message));
        } else {
            resolve?.(result);
        }
    });

    const open = async (path) => {
        const { targetId } = await session.send("Target.createTarget",
            { url: url(path) });

        const info = async () => {
            const { targetInfos } = await session.send("Target.getTargets");

            return targetInfos.find((target) => target.targetId === targetId);
        };

        const attach = async () => {
            const { sessionId } = await session.send("Target.attachToTarget",
                { targetId, flatten: false });

            const send = (method, params) => new Promise((resolve, reject) => {
                const id = ++number;

                waiting.set(id, { resolve, reject });
                session.send("Target.sendMessageToTarget", {
                    sessionId,
                    message: JSON.stringify({ id, method, params }),
                }).catch(reject);
            });

            return async (expression) => {
                const { result } = await send("Runtime.evaluate", {
                    expression, returnByValue: true, awaitPromise: true,
                    userGesture: true,
                });

                return result.value;
            };
        };

        return {
            info,
            attach,
            title: async () => (await info())?.title,
            front: () => session.send("Target.activateTarget", { targetId }),
            close: () => session.send("Target.closeTarget", { targetId }),
        };
    };

    return { open };
};
