/*
 * web-vitals without what the agent never uses, as an esbuild plugin: the soft
 * navigations that Chromium detects (the agent has its own, in all browsers),
 * ratings, deltas and ids (the server rates, the view has the id), pages that
 * are not shown yet (the agent waits), and that LCP is told to be final: the
 * browser ends it by itself.  How a value comes about is not touched;
 * t/agent_vitals.t compares.
 *
 * An edit that finds nothing ends the build: then the library has changed,
 * and this file must be read against it again.
 */

import { readFileSync } from "node:fs";
import { basename } from "node:path";

const EDITS = [
    [/checkSoftNavsEnabled\(opts\)/g, "false"],
    [/\bsoftNavsEnabled\b(?! =)/g, "false"],
    [/^ *const handleSoftNavEntry = [^]*?\n( *)\};$/gm, ""],
    [/\w+\.entryType === '(soft-navigation|interaction-contentful-paint)'/g,
     "false"],
    [/navigation === 'soft-navigation'/g, "false"],
    [/, navigationId, navigationInteractionId, navigationURL, navigationStartTime/g,
     ""],
    [/, metric\.navigationId, metric\.navigationInteractionId, metric\.navigationURL, getBFCacheRestoreTime\(\)/g,
     ""],
    [/^ *metric\.navigationId = .*$/gm, ""],
    [/, \w+Thresholds\b/g, ""],
    [/, opts\.reportAllChanges\)/g, ")"],
    [/!opts\.reportAllChanges/g, "false"],
    [/^ *this\._on\w+\?\..*$/gm, ""],
    [/^ *lcpEntryManager\._processEntry.*$/gm, ""],
    [/^ *const (lcp|fcp)EntryManager = .*$/gm, ""],
    [/globalThis\.performance\b/g, "performance"],
    [/bfcacheRestoreTime = event\.timeStamp;/, ""],
    [/if \(reset\) \{[^}]*\}/, ""],
    [/!document\.prerendering\s+\?([^:]*): undefined/, "$1"],
    [/ && !document\.prerendering/, ""],
    [/^.*\('prerenderingchange'.*$/gm, ""],
    [/event\.type === 'visibilitychange'( \? event\.timeStamp : 0)?/g,
     "true$1"],
    [/\(reset = false\)/, "()"],
    [/const finalizeEventTypes = [^]*?(?=\/\/ Only report after a bfcache)/, ""],
    [/^ *(let )?isFinalized = .*$/gm, ""],
    [/(initNewLCPMetric\('back-forward-cache')/, "po.disconnect();$1"],
];

const REPLACED = {
    /* the agent begins when the page is */
    "whenActivated.js": `
        export const whenActivated = (callback) => callback();`,

    "initMetric.js": `
        export const initMetric = (name, value = -1, navigationType) =>
            ({ name, value, navigationType, entries: [], id: {} });`,

    /* there is one object of settings: src/vitals.ts */
    "initUnique.js": `
        const instances = new Map();

        export const initUnique = (settings, Class) => {
            if (!instances.has(Class)) {
                instances.set(Class, new Class());
            }

            return instances.get(Class);
        };`,

    /* every change is reported: see src/vitals.ts */
    "bindReporter.js": `
        export const bindReporter = (callback, metric) => () => {
            if (metric.value >= 0) {
                callback(metric);
            }
        };`,
};

export const lean = {
    name: "lean-web-vitals",

    setup({ onLoad, onEnd }) {
        const found = new Set();

        onLoad({ filter: /web-vitals\/dist\/modules\/.*\.js$/ }, (file) => {
            let contents = REPLACED[basename(file.path)]
                ?? readFileSync(file.path, "utf8");

            for (const [from, to] of EDITS) {
                contents = contents.replace(from, (text, group) => {
                    found.add(from);
                    return to.replace("$1", group ?? "");
                });
            }

            return { contents };
        });

        onEnd(() => {
            for (const [from] of EDITS) {
                if (!found.has(from)) {
                    throw new Error(`web-vitals has changed: no ${from}`);
                }
            }
        });
    },
};
