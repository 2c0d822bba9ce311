/*
 * How a figure has changed since the span before, in words and a sign; with
 * colour only where the change is more than chance.
 */

import { unit } from "./catalog";
import { h, hidden } from "./dom";
import { percent, value } from "./format";
import { number, type Group } from "./types";

const sign = (by: number): string => by > 0 ? "▲" : by < 0 ? "▼" : "";

const note = (kind: string, by: number, words: string, why: string): HTMLElement =>
    h("p", { class: `change ${kind}`, title: why },
      h("span", { "aria-hidden": "true" }, sign(by)), hidden(by > 0 ? "up" : by < 0 ? "down" : ""),
      ` ${words}`);

/* of a quantile: less is better */
export const quantileChange = (metric: string, group: Group | undefined): HTMLElement | false => {
    const before = number(group?.compare as Group | undefined, "p75");
    const change = group?.change?.["p75"];

    if (!group || before === undefined || !change) {
        return false;
    }

    const { value: diff, low, high } = change;
    const of = unit(metric);

    /* too few values for an interval */
    if (low === null || high === null) {
        return note("even", 0, "too few values to compare", `Before: ${value(before, of)}`);
    }

    const why = `Before: ${value(before, of)}. The change is between ${value(low, of)} and ${
        value(high, of)}, with 95 % confidence.`;

    if (!(low > 0 || high < 0)) {
        return note("even", 0, "no clear change", why);
    }

    return note(diff < 0 ? "better" : "worse", diff, `${value(Math.abs(diff), of)} (${
        percent(Math.abs(diff) / (before || 1))})`, why);
};

/* of a count, which is neither good nor bad */
export const countChange = (
    now: number | undefined, before: number | undefined, format: (value: number) => string,
): HTMLElement | false => {
    if (now === undefined || !before) {
        return false;
    }

    const by = now / before - 1;

    return note("even", by, percent(Math.abs(by)), `Before: ${format(before)}`);
};
