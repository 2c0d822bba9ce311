/*
 * Prints the longest tasks of the agent on a processor that is slowed four
 * times: `make agent-cost`, on a machine that does nothing else.
 */

import { test } from "node:test";

import { chromium, page, serve } from "./test/lib.mjs";

const SLOWER = 4;

const items = Array.from({ length: 200 }, (_, i) =>
    `<div class="item"><img src="/i.svg?${i}" width="20" height="20">
     <button class="add b${i}">add ${i}</button></div>`).join("");

const site = await serve({
    "/": page(`<h1>shop</h1>${items}<script>
        onclick = () => document.title = "clicked";
    </script>`),
    "/i.svg": Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
    "/empty": "<!doctype html><title>empty</title>",
});

const browser = await chromium();

/*
 * What ran of the agent, as [what, ms of processor time]: only calls that
 * are in no other.
 */
const tasksOf = ({ traceEvents }, file) => {
    const outer = [];
    const calls = traceEvents
        .filter(({ name, args, tdur }) => tdur !== undefined
            && /^(EvaluateScript|FunctionCall)$/.test(name)
            && args.data?.url?.endsWith(file))
        .sort((a, b) => a.ts - b.ts || b.dur - a.dur);

    for (const call of calls) {
        const last = outer.at(-1);

        if (!last || call.ts >= last.ts + last.dur || call.tid !== last.tid) {
            outer.push(call);
        }
    }

    return outer.map(({ name, tdur, args: { data } }) => [
        `${data.functionName || name} ${data.lineNumber}:${data.columnNumber}`,
        tdur / 1000,
    ]);
};

const visit = async () => {
    const tab = await browser.open(site.url + "/empty");
    const session = await browser.context.newCDPSession(tab);

    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    await browser.browser.startTracing(tab, { categories: [
        "devtools.timeline", "v8", "disabled-by-default-v8.compile",
    ] });

    await tab.goto(site.url + "/");
    await tab.settled();
    await tab.click(".b1");
    await tab.click(".b2");
    await tab.mouse.wheel(0, 2000);
    await tab.waitForTimeout(2500);
    await tab.goto(site.url + "/empty");

    const trace = JSON.parse(await browser.browser.stopTracing());

    await tab.close();
    return tasksOf(trace, "/rum/rum.js");
};

test("the longest tasks", async () => {
    const tasks = (await visit()).sort((a, b) => b[1] - a[1]);

    console.log(`ms of processor time, ${SLOWER} times slowed:`);

    for (const [name, ms] of tasks.slice(0, 10)) {
        console.log(ms.toFixed(2), name);
    }
});
