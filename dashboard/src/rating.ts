/*
 * Good, needs improvement, poor: by colour, shape and word.
 */

import { thresholds, unit } from "./catalog";
import { figure, h, hidden } from "./dom";
import { percent, value } from "./format";
import { number, type Group } from "./types";

export type Rating = "good" | "fair" | "poor";

export const WORDS: Record<Rating, string> = {
    good: "Good", fair: "Needs improvement", poor: "Poor",
};

const FIELDS: [Rating, string][] = [
    ["good", "good"], ["fair", "needs_improvement"], ["poor", "poor"],
];

export const rate = (metric: string, number: number | undefined): Rating | undefined => {
    const limits = thresholds(metric);

    return number === undefined || !limits ? undefined
        : number <= limits[0] ? "good" : number <= limits[1] ? "fair" : "poor";
};

/* a circle, a square, a triangle */
export const shape = (rating: Rating | undefined): HTMLElement | false =>
    rating !== undefined && h("i", { class: `shape ${rating}`, "aria-hidden": "true" });

/* a figure of the metric with its shape */
export const rated = (metric: string, number: number | undefined): HTMLElement => {
    const rating = rate(metric, number);

    return h("span", { class: "rated" }, shape(rating),
             figure(number, number === undefined ? "" : value(number, unit(metric))),
             rating && hidden(`, ${WORDS[rating].toLowerCase()}`));
};

export const shares = (group: Group | undefined): Record<Rating, number> | undefined => {
    const counts = FIELDS.map(([, field]) => number(group, field) ?? 0);
    const all = counts.reduce((sum, n) => sum + n, 0);

    return all > 0 ? { good: counts[0]! / all, fair: counts[1]! / all, poor: counts[2]! / all }
        : undefined;
};

export const ratingBar = (group: Group | undefined): HTMLElement | false => {
    const parts = shares(group);

    if (!parts) {
        return false;
    }

    const words = FIELDS.map(([rating]) => `${percent(parts[rating])} ${WORDS[rating].toLowerCase()}`);

    return h("div", { class: "ratings" },
             h("div", { class: "bar", role: "img", "aria-label": words.join(", ") },
               FIELDS.map(([rating]) => {
                   const part = h("i", { class: rating });

                   part.style.flexGrow = String(parts[rating]);
                   return parts[rating] > 0 && part;
               })),
             h("div", { class: "shares", "aria-hidden": "true" },
               FIELDS.map(([rating]) => h("span", {}, shape(rating), percent(parts[rating])))));
};
