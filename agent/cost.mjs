/*
 * Prints the agent's longest tasks, as the table in docs/agent.md:
 * `make agent-cost`, on a machine that does nothing else.
 *
 * A task is all that runs of the agent in one task of the browser, in
 * processor time: times four, and measured with a processor that Chromium
 * slows four times.  It does that by stopping the thread now and then, which
 * may hit any task: what the longest of as many tasks takes that do nothing
 * says how much of a figure that is.  Of a visit the longest task counts, of
 * all visits their median.
 */

import { test } from "node:test";

import { chromium, page, serve } from "./test/lib.mjs";

const SLOWER = 4;
const VISITS = +(process.env.RUM_VISITS || 7);

const items = Array.from({ length: 200 }, (_, i) =>
    `<div class="item"><img src="/i.svg?${i}" width="20" height="20">
     <button class="add b${i}">add ${i}</button></div>`).join("");

const site = await serve({
    "/": page(`<h1>shop</h1>${items}<script>
        onclick = () => document.title = "clicked";
    </script>`, "", { head: '<script async src="/empty.js"></script>' }),
    "/i.svg": Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
    "/empty": "<!doctype html><title>empty</title>",

    /* as many tasks as the agent has, and listeners */
    "/empty.js": (request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.end(`const empty = (left) => left && scheduler.postTask(
                () => empty(left - 1), { priority: "user-blocking" });

            setTimeout(() => empty(40));

            for (const type of ["click", "visibilitychange"]) {
                addEventListener(type, () => {}, true);
            }
            navigation.oncurrententrychange = () => setTimeout(() => {}, 500);`);
    },
});

const browser = await chromium();

/* what a visit does; each part is looked at by itself */
const PARTS = {
    "page loads": async (tab) => {
        await tab.goto(site.url + "/");
        await tab.settled();
    },

    "click": async (tab) => {
        await tab.click(".b1");
        await tab.waitForTimeout(500);
    },

    "nothing, for 3 s": (tab) => tab.waitForTimeout(3000),

    "another route": async (tab) => {
        await tab.evaluate(() => history.pushState(null, "", "/route"));
        await tab.waitForTimeout(1500);
    },

    "page is left": (tab) => tab.goto(site.url + "/empty"),
};

const within = (inner, outer) => inner.tid === outer.tid
    && inner.pid === outer.pid && inner.ts >= outer.ts
    && inner.ts + inner.dur <= outer.ts + outer.dur;

/* of each task: whether the script itself was run, and ms */
const tasksOf = (events, file) => {
    const timed = events.filter(({ tdur }) => tdur !== undefined)
        .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
    const all = timed.filter(({ name }) => name === "RunTask");
    const calls = [];
    const tasks = new Map();

    for (const event of timed) {
        if (/^(EvaluateScript|FunctionCall)$/.test(event.name)
            && event.args.data?.url?.endsWith(file)
            && !calls.some((call) => within(event, call)))
        {
            calls.push(event);
        }
    }

    for (const call of calls) {
        const key = all.find((task) => within(call, task)) || call;
        const task = tasks.get(key) || { script: false, ms: 0 };

        task.script ||= call.name === "EvaluateScript";
        task.ms += call.tdur / 1000;
        tasks.set(key, task);
    }

    return [...tasks.values()];
};

const longest = (tasks) => Math.max(0, ...tasks.map(({ ms }) => ms));

const visit = async (slower, add) => {
    const tab = await browser.open(site.url + "/empty");
    const session = await browser.context.newCDPSession(tab);

    await session.send("Emulation.setCPUThrottlingRate", { rate: slower });

    for (const [part, what] of Object.entries(PARTS)) {
        await browser.browser.startTracing(tab, { categories: [
            "devtools.timeline", "disabled-by-default-devtools.timeline",
        ] });
        await what(tab);

        const { traceEvents } = JSON.parse(await browser.browser.stopTracing());
        const ours = tasksOf(traceEvents, "/rum/rum.js");
        const empty = tasksOf(traceEvents, "/empty.js");
        const is = (script) => (task) => task.script === script;

        if (ours.some(is(true))) {
            add("script itself", ours.filter(is(true)), empty.filter(is(true)));
        }

        add(part, ours.filter(is(false)), empty.filter(is(false)));
    }

    await tab.close();
};

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

test("the longest tasks", async () => {
    const rows = {};

    for (const slower of [1, SLOWER]) {
        for (let i = 0; i < VISITS; i++) {
            await visit(slower, (part, ours, empty) => {
                const row = rows[part] ||= { tasks: [], 1: [], [SLOWER]: [],
                                             empty: [] };

                row[slower].push(longest(ours));

                if (slower === SLOWER) {
                    row.tasks.push(ours.length);
                    row.empty.push(longest(empty));
                }
            });
        }
    }

    console.log("| what | tasks | longest, ms, times 4 | slowed 4 times | "
                + "empty tasks, slowed |");
    console.log("|---|---|---|---|---|");

    for (const [part, row] of Object.entries(rows)) {
        console.log(`| ${part} | ${[median(row.tasks),
            (median(row[1]) * SLOWER).toFixed(1),
            median(row[SLOWER]).toFixed(1),
            median(row.empty).toFixed(1)].join(" | ")} |`);
    }
});
