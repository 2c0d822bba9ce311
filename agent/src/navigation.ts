/*
 * The navigation: its phases, what nginx said of it (Server-Timing), and the
 * device and network it was made with.
 */

import { wanted } from "./options";
import type { Beacon } from "./types";
import { navigation, tenth } from "./util";
import { collectors, context, view } from "./view";

declare const FULL: boolean;

/* as web-vitals has it */
export const navigationType = (): string =>
    navigation()?.activationStart > 0 ? "prerender"
        : (document as any).wasDiscarded ? "restore"
            : navigation()?.type || "navigate";

export const activation = (): number => navigation()?.activationStart || 0;

let described = false;
let complete: unknown;          /* view of which nothing more will come */

/* all that the browser has filled in by now; phases that were none are not */
const collect = (): void => {
    if (FULL && !described) {
        described = true;

        if (wanted("navigation")) {
            describe();
        }

        if (wanted("device")) {
            describeDevice();
        }
    }

    const e = complete != view && navigation();

    if (view._route || !e) {
        return;
    }

    if (e.loadEventEnd) {
        complete = view;
    }

    const set = (name: string, value: number): void => {
        if (value > 0) {
            view._metrics[name] = tenth(value);
        }
    };

    const since = (name: string, field: string): void =>
        set(name, e[field] && e[field] - view._start);

    const restored = view._nav == "back_forward_cache";

    if ((restored || e.responseStart > 0) && (!FULL || wanted("vitals"))) {
        view._metrics.ttfb = restored ? 0
            : tenth(Math.max(0, e.responseStart - view._start));
    }

    if (!FULL || restored || !wanted("navigation")) {
        return;
    }

    since("load", "loadEventEnd");
    since("dom_interactive", "domInteractive");
    since("dom_content_loaded", "domContentLoadedEventEnd");
    set("redirect", e.redirectEnd - e.redirectStart);
    set("worker", e.workerStart && e.fetchStart - e.workerStart);
    set("dns", e.domainLookupEnd - e.domainLookupStart);
    set("tcp", (e.secureConnectionStart || e.connectEnd) - e.connectStart);
    set("tls", e.secureConnectionStart
        && e.connectEnd - e.secureConnectionStart);
    set("request", e.responseStart - e.requestStart);
    set("response", e.responseEnd - e.responseStart);
};

const width = (): string => {
    const w = innerWidth;

    return w < 480 ? "xs" : w < 768 ? "sm" : w < 1024 ? "md"
        : w < 1440 ? "lg" : "xl";
};

/* of the request that brought the document, not of what comes after */
const describe = (): void => {
    const { serverTiming, notRestoredReasons } = navigation() || {};
    const document = view._document = { tags: {} } as Partial<Beacon>;
    const values: Record<string, number> = {};

    for (const { name, duration, description } of serverTiming || []) {
        values[name] = duration;

        if (name == "traceparent") {
            document.traceparent = description;
        }

        if (name == "cache" && description) {
            document.tags!.cache = description.toLowerCase();
        }
    }

    const backend = values.upstream ?? values.total;

    if (backend! >= 0) {
        view._metrics.backend = tenth(backend!);
    }

    /* what keeps the page from being restored at once next time */
    const blocked = (reasons: any): void => {
        for (const { reason } of reasons?.reasons || []) {
            view._lists.events.push({ name: "not_restored:" + reason });
        }

        reasons?.children?.forEach(blocked);
    };

    blocked(notRestoredReasons);
};

/* what hardly changes while the document lives; not at its start, which has
   more to do, and no layout yet */
const describeDevice = (): void => {
    const n = navigator as any;
    const c = n.connection;

    Object.assign(context, {
        network: c?.effectiveType,
        memory: n.deviceMemory,
        cores: n.hardwareConcurrency,
        viewport: width(),
        save_data: c && (c.saveData ? "yes" : "no"),
    } satisfies Partial<Beacon>);
};

export const startNavigation = (): void => {
    collectors.push(collect);
};
