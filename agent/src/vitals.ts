/*
 * Web Vitals: Google's web-vitals library measures; here is what the values
 * mean for the view, and which element they are about.
 *
 * The library is asked for each change and its metric objects are read when
 * a beacon is made, so that nothing depends on whose listener comes first.
 * A route of a single-page application has CLS and INP of its own: the
 * library's managers are set back to where they began.
 */

import { onCLS } from "web-vitals/onCLS.js";
import { onFCP } from "web-vitals/onFCP.js";
import { onINP } from "web-vitals/onINP.js";
import { onLCP } from "web-vitals/onLCP.js";
import { getVisibilityWatcher } from "web-vitals-lib/getVisibilityWatcher.js";
import { InteractionManager } from "web-vitals-lib/InteractionManager.js";
import { LayoutShiftManager } from "web-vitals-lib/LayoutShiftManager.js";
import { initUnique } from "web-vitals-lib/initUnique.js";

import type { Attribution } from "./types";
import {
    attempt, bare, navigation, next, observe, selector, tenth,
} from "./util";
import { changed, collectors, restarts, view } from "./view";

declare const FULL: boolean;

/* the URL of the script that took longest between two times: frames.ts */
export const scripts: { _longest?: (from: number, to: number) => string } = {};

/* durations of events are multiples of 8 ms */
const ROUNDING = 8;
const EVENTS = 99;

/* the last ones */
let events: any[] = [];
let eventsNow: (() => void) | undefined;

let metrics: Record<string, any> = {};
let about: Record<string, Attribution | undefined> = {};

const describe: Record<string, (metric: any) => Attribution> = {
    lcp: ({ entries: [entry] }) => ({
        target: selector(entry.element),
        url: bare(entry.url || "") || undefined,
    }),

    inp: ({ entries }) => ({
        target: selector(
            entries.find((entry: any) => entry.target)?.target),
        type: /^key/.test(entries[0].name) ? "keyboard" : "pointer",
    }),

    cls: ({ entries }) => ({
        target: selector(entries
            .reduce((a: any, b: any) => a.value > b.value ? a : b, {})
            .sources?.find((source: any) => source.node)?.node),
    }),
};

const take = (metric: any): void => {
    const name = metric.name.toLowerCase();

    /* the document's, when its route is no more */
    if (view._route && /^[lf]cp/.test(name)) {
        return;
    }

    if (metric._taken === metric.value) {
        return;
    }

    metrics[name] = metric;
    metric._taken = metric.value;
    changed();

    /* soon, while the element is there */
    about[name] = undefined;

    if (describe[name]) {
        next(() => tell(name, metric));
    }
};

const tell = (name: string, metric: any): void => {
    const known = about[name] ||= attempt(() => describe[name]?.(metric));

    if (known?.target || known?.url || known?.type) {
        view._attribution[name] = known;
    }
};

/* where the time went */

const parts: Record<string, (metric: any) => void> = {
    lcp({ value, entries: [entry] }) {
        const resource = entry.url && performance
            .getEntriesByName(entry.url, "resource")[0] as any;
        const zero = view._start;
        const ttfb = Math.max(0, navigation().responseStart - zero);
        const from = Math.max(ttfb, resource
            ? (resource.requestStart || resource.startTime) - zero : 0);
        const to = Math.min(value, Math.max(from, resource
            ? resource.responseEnd - zero : 0));

        set("lcp_load_delay", from - ttfb);
        set("lcp_load_time", to - from);
        set("lcp_render_delay", value - to);
    },

    /* all handlers of the frame count, not those of the longest event only */
    inp({ value, entries }) {
        eventsNow?.();

        const { startTime: start } = entries[0];
        const frame = events.filter((event) => Math.abs(
            event.startTime + event.duration - start - value) <= ROUNDING)
            .concat(entries);
        const from = Math.min(...frame.map((e) => e.processingStart)) - start;
        const to = Math.min(value,
            Math.max(...frame.map((e) => e.processingEnd)) - start);

        set("inp_delay", from);
        set("inp_processing", to - from);
        set("inp_presentation", value - to);

        about.inp!.url = scripts._longest?.(start, start + to) || undefined;
    },
};

const set = (name: string, value: number): void => {
    view._metrics[name] = tenth(Math.max(0, value));
};

const collect = (): void => {
    for (const name in metrics) {
        const metric = metrics[name];

        if (metric.value >= 0 && metric._collected !== metric.value) {
            metric._collected = metric.value;
            view._metrics[name] = name == "cls"
                ? +metric.value.toFixed(4) : tenth(metric.value);

            tell(name, metric);

            if (FULL && metric.entries[0]) {
                attempt(() => parts[name]?.(metric));
            }
        }
    }
};

const settings = { reportAllChanges: true };

const restart = (route?: boolean): void => {
    about = {};

    if (!route) {
        metrics = {};           /* the library makes new ones */
        return;
    }

    const shifts = initUnique(settings, LayoutShiftManager);

    shifts._sessionValue = 0;
    shifts._sessionEntries = [];
    initUnique(settings, InteractionManager)._resetInteractions();

    for (const name in metrics) {
        if (/cls|inp/.test(name)) {
            Object.assign(metrics[name], {
                value: name == "cls" ? 0 : -1,
                entries: [],
                _taken: -1,
                _collected: -1,
            });

        } else {
            delete metrics[name];
        }
    }
};

/* steps of the start */
export const vitals = [
    () => {
        collectors.push(collect);
        restarts.push(restart);
        getVisibilityWatcher();     /* the library's own first step */
    },

    () => onFCP(take, settings),
    () => onLCP(take, settings),
    () => onCLS(take, settings),
    () => onINP(take, settings),
];

if (FULL) {
    vitals.push(() => {
        eventsNow = observe("event", (event) => {
            events = [...events.slice(-EVENTS), event];
        });
    });
}
