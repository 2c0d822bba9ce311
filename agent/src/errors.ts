/*
 * What went wrong: exceptions, rejections, resources and requests that
 * failed, violations of the content security policy; console.error on request.
 * Equal ones become one with a count.
 */

import { beaconUrl, flag } from "./options";
import type { BeaconError } from "./types";
import { attempt, bare, cut, on } from "./util";
import { add, changed, view } from "./view";

const MESSAGE_MAX = 256;
const STACK_MAX = 2048;

/* of the page's scripts: actions.ts asks whether a click has done something */
export const requests = { _begun: 0 };

const text = (value: unknown, max: number): string =>
    cut(attempt(() => "" + value) || "?", max);

export const report = (
    type: string, message: unknown, more: Partial<BeaconError> = {},
): void => {
    const error = {
        type,
        message: text(message, MESSAGE_MAX),
        ...more,
        count: 1,
    };

    const same = view._lists.errors.find((other) =>
        other.type == type && other.message == error.message
        && other.source == error.source && other.line == error.line
        && other.col == error.col);

    if (same) {
        same.count++;
        changed();

    } else {
        add("errors", error);
    }
};

/* whatever was thrown: an Error as a rule, but anything may be */
export const thrown = (
    error: any, otherwise: string, more?: Partial<BeaconError>,
): void => report(
    error?.name || otherwise, error?.message ?? error, {
        ...more,
        stack: error?.stack && text(error.stack, STACK_MAX),
    });

const uncaught = (event: any): void => {
    const { target, message, filename, lineno, colno, error } = event;

    if (target != window) {
        const url = target.currentSrc || target.src || target.href;

        report("resource", target.localName, { source: url && bare(url) });

    } else if (!error && !lineno) {
        /* another origin's, about which nothing may be known */
        report("cross-origin", message);

    } else {
        thrown(error || message, "Error", {
            source: bare(filename),
            line: lineno,
            col: colno,
        });
    }
};

const failed = (
    type: string, method: string, url: unknown, status: unknown,
): void => report(type, method + " " + (status || "failed"), {
    source: attempt(() => bare(new URL("" + url, document.baseURI).href)),
});

const watchFetch = (): void => {
    const { fetch } = window;

    if (!fetch) {
        return;
    }

    window.fetch = (...args) => {
        const input = args[0] as any;
        const method = args[1]?.method || input?.method || "GET";
        const url = input?.url || input;

        requests._begun++;

        /* the page gets this one: a rejection is handled by it, or by nobody */
        return fetch(...args).then((answer) => {
            attempt(() => {
                if (answer.status > 399) {
                    failed("fetch", method, url, answer.status);
                }
            });

            return answer;

        }, (error) => {
            if (error?.name != "AbortError") {
                attempt(() => failed("fetch", method, url, 0));
            }

            throw error;
        });
    };
};

const watchRequests = (): void => {
    const { prototype } = XMLHttpRequest;
    const { open } = prototype;
    const opened = new WeakMap<XMLHttpRequest, any[]>();

    prototype.open = function (this: XMLHttpRequest, ...args: any[]) {
        /* the same object may ask again */
        if (!opened.has(this)) {
            this.addEventListener("loadstart", () => requests._begun++);

            for (const type of ["load", "error", "timeout"]) {
                this.addEventListener(type, () => {
                    const [method, url] = opened.get(this)!;

                    if (this.status > 399 || !this.status) {
                        failed("xhr", method, url, this.status);
                    }
                });
            }
        }

        opened.set(this, args);

        return (open as any).apply(this, args);
    };
};

export const startErrors = (): void => {
    on("error", uncaught);
    on("unhandledrejection", (event) => thrown(event.reason, "rejection"));

    on("securitypolicyviolation", (event) => {
        const { blockedURI: url } = event;

        /* who may not send does not send that */
        if (url != beaconUrl()) {
            report("csp", event.effectiveDirective + " " + bare(url), {
                source: bare(event.sourceFile || ""),
                line: event.lineNumber,
                col: event.columnNumber,
            });
        }
    });

    watchFetch();
    watchRequests();

    if (flag("consoleErrors")) {
        const { error } = console;

        console.error = (...args) => {
            thrown(args.find((arg) => arg instanceof Error)
                ?? args.map((arg) => text(arg, MESSAGE_MAX)).join(" "),
            "console");
            error(...args);
        };
    }
};
