/*
 * One metric in depth: its quantiles over time, its distribution, and how that
 * changed.
 */

import { about } from "../api";
import { catalog, metricName, thresholds, unit, VITALS } from "../catalog";
import { quantileChange } from "../change";
import { bins, distributionChart } from "../charts/distribution";
import { heatChart } from "../charts/heat";
import { seriesChart } from "../charts/series";
import { h } from "../dom";
import { at, count, tick, value } from "../format";
import { panel, type Panel } from "../panel";
import { rate, ratingBar, shape, WORDS } from "../rating";
import { metricOf } from "../rows";
import { href, state, step } from "../state";
import { histograms, number } from "../types";
import { stepped, tiles, values, zoom, type View } from "./parts";

const LINES = [
    { name: "p50", ink: "p50" },
    { name: "p75", ink: "p75", width: 2.5 },
    { name: "p95", ink: "p95", dash: [7, 4] },
    { name: "p99", ink: "p99", dash: [2, 3] },
];

const whole = (): string => about({
    metric: state.metric, q: "50,75,90,95,99", buckets: 1, compare: "previous",
});

const series = (): string => stepped({ metric: state.metric, q: "50,75,95,99", buckets: 1 });

const format = (number: number): string => value(number, unit(state.metric));
const axis = (number: number): string => tick(number, unit(state.metric));

const summary = (): Panel => panel({
    title: "In this span",
    class: "wide bare",
    ask: [whole()],
    empty: `No ${metricName(state.metric)} in this span.`,

    show: ([answer], body) => {
        const { metric } = state;
        const group = metricOf(answer, metric);

        if (!group) {
            return false;
        }

        body.replaceChildren(tiles([
            ...["p50", "p75", "p90", "p95", "p99"].map((name) => {
                const quantile = number(group, name);
                const rating = name === "p75" ? rate(metric, quantile) : undefined;

                return {
                    name, value: quantile, text: quantile === undefined ? "–" : format(quantile),
                    more: rating && h("span", { class: rating },
                                      h("b", { class: "rating" }, shape(rating), WORDS[rating]),
                                      quantileChange(metric, group)),
                    kind: rating,
                };
            }),
            {
                name: "Mean", value: number(group, "mean"), text: format(number(group, "mean") ?? 0),
                more: `${format(number(group, "min") ?? 0)} to ${format(number(group, "max") ?? 0)}`,
            },
            {
                name: "Values", value: number(group, "count"),
                text: count(number(group, "count") ?? 0), below: ratingBar(group),
            },
        ]));

        return true;
    },
});

const overTime = (): Panel => {
    const chart = seriesChart(zoom);
    let rows: (number | null)[][] = [];

    return panel({
        title: "Percentiles over time",
        note: "Drag to zoom in",
        class: "wide",
        ask: [series()],
        picture: chart.canvas,

        table: () => ({
            options: {
                caption: `${metricName(state.metric)}: percentiles over time`,
                rows: 200,
                key: (row) => String((row as number[])[0]),
                columns: [
                    { title: "From", cell: (row) => at((row as number[])[0]!) },
                    ...LINES.map(({ name }, i) => ({
                        title: name,
                        cell: (row: unknown) => {
                            const found = (row as (number | null)[])[i + 1];

                            return typeof found === "number" ? format(found) : "–";
                        },
                    })),
                ],
            },
            rows,
        }),

        show: ([answer], body) => {
            const group = metricOf(answer, state.metric);
            const steps = answer!.steps ?? [];

            if (!group?.series) {
                return false;
            }

            if (!body.firstChild) {
                body.append(chart.node);
            }

            const lines = LINES.map((line) => ({
                ...line, label: line.name, values: values(group, line.name),
            }));

            rows = steps.map((time, i) => [time, ...lines.map((line) => line.values[i] ?? null)]);

            chart.set({
                steps, step: step(), lines, format, tick: axis,
                thresholds: thresholds(state.metric),
                label: `${metricName(state.metric)} over time; in the whole span ${
                    LINES.map(({ name }) => `${name} ${format(number(group, name) ?? 0)}`).join(", ")}`,
            });

            return true;
        },
    });
};

const distribution = (): Panel => {
    const chart = distributionChart();
    let shown: ReturnType<typeof bins> = [];

    return panel({
        title: "Distribution",
        ask: [whole()],
        csv: false,
        picture: () => chart.picture.canvas,

        table: () => ({
            options: {
                caption: `${metricName(state.metric)}: distribution`,
                rows: 100,
                key: (row) => String((row as { from: number }).from),
                columns: [
                    { title: "From", cell: (row) => format((row as { from: number }).from) },
                    {
                        title: "Values",
                        cell: (row) => count(Math.round((row as { count: number }).count)),
                    },
                ],
            },
            rows: shown,
        }),

        show: ([answer], body) => {
            const group = metricOf(answer, state.metric);
            const limits = thresholds(state.metric);

            if (!group?.histogram) {
                return false;
            }

            if (!body.firstChild) {
                body.append(chart.node);
            }

            shown = bins(group.histogram, number(group, "p95")! * 1.25, limits?.[1]);

            chart.set({
                bins: shown,
                thresholds: limits,
                p75: number(group, "p75"),
                tick: axis, format,
                label: `Distribution of ${metricName(state.metric)}: half are at most ${
                    format(number(group, "p50") ?? 0)}, three quarters at most ${
                    format(number(group, "p75") ?? 0)}, 95 of 100 at most ${
                    format(number(group, "p95") ?? 0)}`,
            });

            return true;
        },
    });
};

const heat = (): Panel => {
    const chart = heatChart();

    return panel({
        title: "Distribution over time",
        note: "The stronger, the more values",
        ask: [series()],
        csv: false,
        picture: () => chart.picture.canvas,

        show: ([answer], body) => {
            const group = metricOf(answer, state.metric);
            const steps = answer!.steps ?? [];

            if (!group?.series) {
                return false;
            }

            if (!body.firstChild) {
                body.append(chart.node);
            }

            chart.set({
                steps, step: step(),
                histograms: histograms(group),
                thresholds: thresholds(state.metric),
                tick: axis, format,
                label: `How ${metricName(state.metric)} was distributed over time; the percentiles `
                    + "over time are in the table above",
            });

            return true;
        },
    });
};

/* all that the site has sent, Web Vitals first */
const choices = (): HTMLElement => {
    const sent = catalog.dimensions.get("all") ?? [];
    const known = [...catalog.metrics.keys()].filter((name) => sent.includes(name));
    const own = sent.filter((name) => !catalog.metrics.has(name)).sort();
    const all = [...new Set([...VITALS, ...known, ...own])];

    return h("ul", { class: "tabs", "aria-label": "Metric" }, all.map((metric) =>
        h("li", {}, h("a", {
            href: href({ metric }), title: catalog.metrics.get(metric)?.description,
            "aria-current": metric === state.metric ? "true" : undefined,
        }, metricName(metric)))));
};

export const metrics = (): View => ({
    title: catalog.metrics.get(state.metric)?.description ?? metricName(state.metric),
    head: [choices()],
    panels: [summary(), overTime(), distribution(), heat()],
});
