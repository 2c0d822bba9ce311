/*
 * The first page: Web Vitals, visitors and errors, against the span before, and
 * where to look further.
 */

import { about } from "../api";
import { metricName, VITALS, catalog, unit } from "../catalog";
import { countChange, quantileChange } from "../change";
import { seriesChart } from "../charts/series";
import { spark } from "../charts/spark";
import { h } from "../dom";
import { at, count, percent, short, value } from "../format";
import { panel, type Panel } from "../panel";
import { rate, ratingBar, shape, WORDS } from "../rating";
import { countersOf, metricOf } from "../rows";
import { href, step } from "../state";
import { number, type Answer, type Group } from "../types";
import { stepped, tiles, values, visitorPanel, zoom, type View } from "./parts";

const COUNTERS = ["views", "errors", "entrances", "bounces", "sessions"];

const card = (metric: string, group: Group | undefined, series: Group | undefined): HTMLElement => {
    const p75 = number(group, "p75");
    const rating = rate(metric, p75);

    return h("li", { class: "card" },
             h("h3", {},
               h("a", { href: href({ view: "metrics", metric }) }, metricName(metric)),
               h("span", {}, catalog.metrics.get(metric)?.description ?? "")),
             p75 === undefined
                 ? h("p", { class: "value none" }, "No values")
                 : h("p", { class: `value ${rating ?? ""}` },
                     h("data", { value: p75, "data-figure": `${metric}.p75` },
                       value(p75, unit(metric))),
                     rating && h("span", { class: "rating" }, shape(rating), WORDS[rating])),
             p75 !== undefined && (quantileChange(metric, group)
                 || h("p", { class: "change even" }, "nothing before this span")),
             spark(values(series, "p75")),
             ratingBar(group),
             h("p", { class: "of" }, `p75 of ${count(number(group, "count") ?? 0)} values`));
};

const vitals = (): Panel => {
    const list = h("ul", { class: "cards" });

    return panel({
        title: "Web Vitals",
        note: "75th percentile, against the span before",
        class: "wide bare",
        ask: [totals(), series()],
        empty: "No views in this span. Is the script on the pages, and the span long enough?",

        show: ([answer, steps], body) => {
            const any = VITALS.some((metric) => metricOf(answer, metric));

            list.replaceChildren(...VITALS.map((metric) =>
                card(metric, metricOf(answer, metric), metricOf(steps, metric))));
            body.replaceChildren(list);
            return any || number(countersOf(answer), "views") !== undefined;
        },
    });
};

const totals = (): string => about({
    metric: [...VITALS, ...COUNTERS].join(","), q: "75", compare: "previous",
});

const series = (): string => stepped({
    metric: [...VITALS, "views", "errors"].join(","), q: "75",
});

const visitors = ([answer, steps]: Answer[], body: HTMLElement): boolean => {
    const now = countersOf(answer);
    const over = countersOf(steps);
    const before = now?.compare as Group | undefined;
    const views = number(now, "views");

    const tile = (name: string, key: string, line: boolean, format = short) => ({
        name,
        value: number(now, key),
        text: number(now, key) === undefined ? "–" : format(number(now, key)!),
        more: countChange(number(now, key), number(before, key), format),
        below: line && spark(values(over, key), key === "errors" ? "poor" : "accent"),
    });

    const perView = (number(now, "errors") ?? 0) / (views || 1);

    body.replaceChildren(tiles([
        tile("Page views", "views", true),
        tile("Sessions", "sessions", false),
        tile("Bounce rate", "bounce_rate", false, percent),
        {
            ...tile("Errors", "errors", true),
            name: `Errors (${(perView * 100).toFixed(1)} per 100 views)`,
        },
    ]));

    return views !== undefined;
};

const traffic = (): Panel => {
    const chart = seriesChart(zoom);
    let shown: number[][] = [];

    return panel({
        title: "Views over time",
        note: "Drag to zoom in",
        class: "wide",
        ask: [series()],
        picture: chart.canvas,

        table: () => ({
            options: {
                caption: "Views over time",
                rows: 200,
                key: (row) => String((row as number[])[0]),
                columns: [
                    { title: "From", cell: (row) => at((row as number[])[0]!) },
                    { title: "Views", cell: (row) => count((row as number[])[1] ?? 0) },
                ],
            },
            rows: shown,
        }),

        show: ([answer], body) => {
            const group = countersOf(answer);
            const steps = answer!.steps ?? [];
            const views = values(group, "views");

            if (!body.firstChild) {
                body.append(chart.node);
            }

            shown = steps.map((time, i) => [time, views[i] ?? 0]);

            chart.set({
                steps, step: step(), height: 200,
                format: count, tick: short,
                label: `Views over time: ${count(views.reduce<number>(
                    (sum, n) => sum + (n ?? 0), 0))} in all`,
                lines: [{ label: "Views", ink: "accent", bars: true, values: views }],
            });

            return group !== undefined;
        },
    });
};

export const overview = (): View => ({
    title: "Overview",
    panels: [
        vitals(),
        panel({
            title: "Visitors", class: "wide bare", ask: [totals(), series()], csv: false,
            show: visitors, empty: "No views in this span.",
        }),
        traffic(),
        visitorPanel("page", "Top pages", 8),
        visitorPanel("country", "Top countries", 8),
        visitorPanel("device", "Devices", 8),
        visitorPanel("browser", "Browsers", 8),
    ],
});
