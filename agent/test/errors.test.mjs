/*
 * Errors arrive as they were: what, where, how often, and nothing private.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium, page, serve, waitFor } from "./lib.mjs";

/* an own origin: what goes wrong there, the page is not told */
const other = await serve({
    "/other.js": (request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.end("setTimeout(() => { secret.of.others(); })");
    },
});

const site = await serve({
    "/": page("<h1>a page</h1>"),
    "/console": page("<h1>a page</h1>", "data-console-errors"),
    "/off": page("<h1>a page</h1>", 'data-off="errors"'),

    "/app.js": (request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.end("\nfunction inner() {\n  undefined.field;\n}\n"
                     + "setTimeout(() => inner());");
    },

    "/csp": (request, response) => {
        response.setHeader("Content-Type", "text/html");
        response.setHeader("Content-Security-Policy",
                           "img-src 'self' data:; report-uri /csp-reports");
        response.end(page(""));
    },

    "/mute": (request, response) => {
        response.setHeader("Content-Type", "text/html");
        response.setHeader("Content-Security-Policy",
                           "connect-src 'none'; report-uri /csp-reports");
        response.end(page(""));
    },

    "/csp-reports": "",

    "/500": (request, response) => response.writeHead(500).end(),

    "/slow": () => {},
});

const browser = await chromium();

/* what a visit does in the page, and the errors that come of it */
const errorsOf = async (path, what, argument) => {
    const tab = await browser.open(site.url + path);
    const before = site.got.length;

    await tab.settled();
    await tab.evaluate(what, argument);
    await tab.settled();
    await tab.leave();

    const [beacon] = (await site.beacons(before + 1)).slice(before);

    await tab.close();
    return beacon.errors || [];
};

const load = (url) => new Promise((resolve) => {
    const script = document.createElement("script");

    script.src = url;
    script.onload = script.onerror = () => setTimeout(resolve, 50);
    document.head.append(script);
});

test("an exception has type, message, place and stack", async () => {
    const [error, ...others] = await errorsOf("/", load, "/app.js?key=1");

    assert.equal(others.length, 0);
    assert.equal(error.type, "TypeError");
    assert.match(error.message, /reading 'field'/);
    assert.equal(error.source, site.url + "/app.js");
    assert.equal(error.line, 3);
    assert.ok(error.col > 0);
    assert.match(error.stack, /inner/);
    assert.equal(error.count, 1);
});

test("equal errors are one with a count", async () => {
    const errors = await errorsOf("/", () => {
        const fail = () => { throw new RangeError("too much"); };

        for (let i = 0; i < 100; i++) {
            setTimeout(fail);
        }

        return new Promise((resolve) => setTimeout(resolve, 100));
    });

    assert.deepEqual(errors.map(({ type, count }) => [type, count]),
                     [["RangeError", 100]]);
});

test("rejections are told from exceptions, whatever they carry", async () => {
    const errors = await errorsOf("/", () => {
        Promise.reject(new SyntaxError("an error"));
        Promise.reject("a text");
        Promise.reject({ message: "an object" });
        Promise.reject(undefined);
        Promise.reject({ toString() { throw 1; } });

        return new Promise((resolve) => setTimeout(resolve, 50));
    });

    assert.deepEqual(errors.map(({ type, message }) => [type, message]), [
        ["SyntaxError", "an error"],
        ["rejection", "a text"],
        ["rejection", "an object"],
        ["rejection", "undefined"],
        ["rejection", "?"],
    ]);
    assert.match(errors[0].stack, /SyntaxError/);
});

test("another origin's error is told apart", async () => {
    const [error, ...others] = await errorsOf(
        "/", load, other.url.replace("127.0.0.1", "localhost") + "/other.js");

    assert.equal(others.length, 0);
    assert.equal(error.type, "cross-origin");
    assert.equal(error.message, "Script error.");
    assert.equal(error.stack, undefined);
});

test("resources that do not load", async () => {
    const errors = await errorsOf("/", () => new Promise((resolve) => {
        const image = new Image();

        image.onerror = () => setTimeout(resolve, 50);
        image.src = "/none.png?secret=1";
        document.body.append(image);
    }));

    assert.deepEqual(errors, [{
        type: "resource", message: "img", source: site.url + "/none.png",
        count: 1,
    }]);
});

test("fetch and XMLHttpRequest that fail, not those that are aborted",
     async () => {
    const errors = await errorsOf("/", async () => {
        const request = (method, url, abort) => new Promise((resolve) => {
            const xhr = new XMLHttpRequest();

            xhr.onloadend = resolve;
            xhr.open(method, url);
            xhr.send();

            if (abort) {
                setTimeout(() => xhr.abort(), 20);
            }
        });

        await fetch("/missing?token=1");
        await fetch(new Request("/500", { method: "POST" }));
        await fetch("http://127.0.0.1:1/").catch(() => {});
        await fetch("/slow", { signal: AbortSignal.abort() }).catch(() => {});
        await fetch("/");
        await request("PUT", "/500");
        await request("GET", "/");
        await request("GET", "/slow", true);
    });

    assert.deepEqual(errors.map(({ type, message, source }) =>
        [type, message, source]), [
        ["fetch", "GET 404", site.url + "/missing"],
        ["fetch", "POST 500", site.url + "/500"],
        ["fetch", "GET failed", "http://127.0.0.1:1/"],
        ["xhr", "PUT 500", site.url + "/500"],
    ]);
});

test("violations of the content security policy", async () => {
    const errors = await errorsOf("/csp", () => new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation",
                                  () => setTimeout(resolve, 50));
        new Image().src = "http://localhost:1/tracker.png?who=1";
    }));
    const csp = errors.filter(({ type }) => type === "csp");

    assert.equal(csp.length, 1);
    assert.equal(csp[0].message, "img-src http://localhost:1/tracker.png");
});

test("that it may not send is no error of the page", async () => {
    const tab = await browser.open(site.url + "/mute", {
        before: () => {
            window.violations = 0;
            addEventListener("securitypolicyviolation",
                             () => { violations++; });
        },
    });

    await tab.waitForFunction(() => window.rum && !rum.q && violations);
    await tab.settled();

    const some = await tab.evaluate(() => violations);

    /* it would try again for what it has seen: every two seconds */
    await tab.waitForTimeout(5000);
    assert.ok(await tab.evaluate(() => violations) <= some + 1);
    await tab.close();
});

test("the page still hears of rejections of its own", async () => {
    const tab = await browser.open(site.url + "/");

    await tab.settled();
    assert.equal(await tab.evaluate(() => new Promise((resolve) => {
        onunhandledrejection = ({ reason }) => resolve(reason.name);
        fetch("http://127.0.0.1:1/");
    })), "TypeError");
    await tab.close();
});

test("a fetch() of the page's own may answer what it likes", async () => {
    const tab = await browser.open(site.url + "/", {
        before: () => { window.fetch = async () => undefined; },
    });

    await tab.settled();
    assert.equal(await tab.evaluate(() =>
        fetch("/").then((answer) => answer === undefined)), true);
    await tab.close();
});

test("an XMLHttpRequest that is used again", async () => {
    const errors = await errorsOf("/", async () => {
        const xhr = new XMLHttpRequest();
        const ask = (url) => new Promise((resolve) => {
            xhr.onloadend = resolve;
            xhr.open("GET", url);
            xhr.send();
        });

        xhr.open("GET", "/never");
        await ask("/missing");
        await ask("/");
        await ask("/500");
    });

    assert.deepEqual(errors.map(({ message, source, count }) =>
        [message, source, count]), [
        ["GET 404", site.url + "/missing", 1],
        ["GET 500", site.url + "/500", 1],
    ]);
});

test("its own requests that fail are no errors", async () => {
    site.answer = 503;

    const tab = await browser.open(site.url + "/");

    await tab.settled();
    await tab.evaluate(() => {
        for (let i = 0; i < 31; i++) {
            rum("event", "event " + i);
        }
    });
    await waitFor(() => tab.evaluate(() => sessionStorage["rum.q"]), "failure");
    site.answer = 204;

    const before = site.got.length;

    await tab.leave();

    const sent = (await site.beacons(before + 1)).slice(before);

    assert.ok(sent.every(({ errors }) => !errors), JSON.stringify(sent));
    await tab.close();
});

test("console.error only where it is wanted", async () => {
    const log = () => {
        console.error("no", { a: 1 }, "good");
        console.error("it failed:", new TypeError("for this"));
    };

    assert.deepEqual(await errorsOf("/", log), []);

    const errors = await errorsOf("/console", log);

    assert.deepEqual(errors.map(({ type, message }) => [type, message]), [
        ["console", "no [object Object] good"], ["TypeError", "for this"],
    ]);
});

test("no errors where they are off", async () => {
    const [errors] = [await errorsOf("/off", async () => {
        setTimeout(() => { throw new Error("unseen"); });
        await fetch("/missing");
    })];

    assert.deepEqual(errors, []);
});

for (const [how, online] of [["on their way", true], ["kept", false]]) {
    test(`long texts are cut, and many errors sent in several beacons, ${how}`,
         async () => {
        const before = site.got.length;
        const tab = await browser.open(site.url + "/");

        await tab.settled();

        await tab.evaluate((onLine) => {
            if (!onLine) {
                Object.defineProperty(navigator, "onLine", { value: false });
            }

            for (let i = 0; i < 100; i++) {
                rum("error", new Error(`number ${i} ${"\u20ac".repeat(3000)}`));
            }
        }, online);

        await tab.goto(site.url + "/off");  /* sends what did not go out */
        await tab.settled();

        const all = () => site.got.slice(before);
        const errors = () => all().flatMap(({ errors = [] }) => errors);

        await waitFor(() => errors().length >= 100, () =>
            `100 errors, but ${errors().length} in ${all().length} beacons`);

        assert.equal(errors().length, 100);
        assert.ok(all().every(({ text }) => Buffer.byteLength(text) <= 65536),
                  "each fits");

        const seqs = all().filter(({ page }) => page === site.url + "/")
            .map(({ seq }) => seq);

        assert.equal(new Set(seqs).size, seqs.length, "each is one of its own");
        assert.ok(seqs.includes(0), "and one begins the view");
        assert.ok(errors().every(({ message, stack }) =>
            Buffer.byteLength(message) <= 256
            && Buffer.byteLength(stack) <= 2048), "as nginx would cut them");

        await tab.close();
    });
}
