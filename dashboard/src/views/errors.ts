/*
 * Errors, grouped by what they are and where; one of them with its stack, its
 * trend, its pages and browsers.
 */

import { about } from "../api";
import { seriesChart } from "../charts/series";
import { spark } from "../charts/spark";
import { figure, h } from "../dom";
import { at, count, dimension, label, short } from "../format";
import { panel, type Panel } from "../panel";
import { counter, rowsOf, total, type Row } from "../rows";
import { go, href, state, step } from "../state";
import { tableView, type Column } from "../table";
import { number, type Answer, type ErrorSample } from "../types";
import { countColumn, stepped, values, zoom, type View } from "./parts";

const LIMIT = 100;

const question = (): string => about({ by: "error", metric: "errors,views", limit: LIMIT });
const trend = (): string => stepped({ by: "error", metric: "errors", limit: LIMIT });

const sample = (row: Row): ErrorSample => row.counters?.error ?? {};

const place = ({ source, line, col }: ErrorSample): string =>
    source ? [source, line, col].filter(Boolean).join(":") : "";

const title = (row: Row): string => {
    const { type, message } = sample(row);

    return row.value === "(other)" ? "All others"
        : [type, message].filter(Boolean).join(": ") || row.value;
};

const seen = (ms: number | null | undefined): string => ms ? at(ms / 1000) : "";

const describe = (row: Row): HTMLElement => h("span", { class: "two" },
    h("b", {}, title(row)), h("span", {}, place(sample(row))));

const all = (): Panel => {
    let rows: Row[] = [];
    let trends = new Map<string, (number | null)[]>();

    const columns: Column<Row>[] = [
        { title: "Error", cell: describe, sort: title },
        countColumn("errors", "Errors", () => rows),
        {
            title: "Trend",
            cell: (row) => spark(trends.get(row.value) ?? [], "poor"),
        },
        {
            title: "Views with it",
            cell: (row) => figure(counter(row, "views"), short(counter(row, "views") ?? 0)),
            sort: (row) => counter(row, "views"),
        },
        {
            title: "First seen",
            cell: (row) => seen(sample(row).first_seen),
            sort: (row) => sample(row).first_seen ?? undefined,
        },
        {
            title: "Last seen",
            cell: (row) => seen(sample(row).last_seen),
            sort: (row) => sample(row).last_seen ?? undefined,
        },
    ];

    const table = tableView<Row>({
        caption: "Errors",
        columns,
        key: (row) => row.value,
        sort: 1,
        words: (row) => `${title(row)} ${place(sample(row))}`,
        onPick: (row) => go({ item: row.value === state.item ? "" : row.value }),
        picked: (row) => row.value === state.item,
    });

    return panel({
        title: "All errors",
        note: "Equal ones are one row. A click shows where and how",
        class: "wide errors",
        ask: [question(), trend()],
        empty: "No errors in this span.",

        show: ([answer, steps], body) => {
            rows = rowsOf(answer!);
            trends = new Map(rowsOf(steps!).map((row) =>
                [row.value, values(row.counters, "errors")]));

            if (!body.firstChild) {
                body.append(table.node);
            }

            table.set(rows, total(answer!));
            return rows.length > 0;
        },
    });
};

const picked = (answer: Answer | undefined): Row | undefined =>
    answer && rowsOf(answer).find((row) => row.value === state.item);

const term = (name: string, text: string | null | undefined): HTMLElement | "" =>
    text ? h("div", {}, h("dt", {}, name), h("dd", {}, text)) : "";

const detail = (): Panel => panel({
    title: "This error",
    class: "wide",
    tools: [h("a", { class: "tool", href: href({ item: "" }) }, "Close")],
    csv: false,
    ask: [question()],
    empty: "It has not occurred in this span.",

    show: ([answer], body) => {
        const row = picked(answer);

        if (!row) {
            return false;
        }

        const { type, message, page, browser, stack, first_seen, last_seen } = sample(row);

        body.replaceChildren(
            h("p", { class: "message-text" }, h("b", {}, type ?? ""), ` ${message ?? ""}`),
            h("dl", { class: "terms" },
              term("Where", place(sample(row))),
              term("Errors", count(counter(row, "errors") ?? 0)),
              term("Views with it", count(counter(row, "views") ?? 0)),
              term("First seen", seen(first_seen)), term("Last seen", seen(last_seen)),
              term("Seen on", [page, browser].filter(Boolean).join(", in ")),
              term("Group", row.value)),
            stack ? h("pre", { tabindex: 0, "aria-label": "Stack" }, stack)
                : h("p", { class: "note" }, "No stack was sent."));

        return true;
    },
});

const overTime = (): Panel => {
    const chart = seriesChart(zoom);

    return panel({
        title: "Over time",
        note: "Drag to zoom in",
        class: "wide",
        ask: [trend()],
        csv: false,
        picture: chart.canvas,

        show: ([answer], body) => {
            const row = picked(answer);
            const series = values(row?.counters, "errors");

            if (!row) {
                return false;
            }

            if (!body.firstChild) {
                body.append(chart.node);
            }

            chart.set({
                steps: answer!.steps ?? [], step: step(), height: 180,
                format: count, tick: short,
                label: `Errors over time: ${count(counter(row, "errors") ?? 0)} in all`,
                lines: [{ label: "Errors", ink: "poor", bars: true, values: series }],
            });

            return true;
        },
    });
};

/* where an error occurs: by page, by browser */
const where = (by: string, heading: string): Panel => {
    let rows: Row[] = [];

    const table = tableView<Row>({
        caption: heading,
        columns: [
            { title: dimension(by), cell: (row) => label(by, row.value),
              sort: (row) => label(by, row.value) },
            countColumn("errors", "Errors", () => rows),
        ],
        key: (row) => row.value,
        sort: 1,
        rows: 10,
    });

    const url = new URL(about({ by, metric: "errors", limit: LIMIT }));

    url.searchParams.delete("where");
    url.searchParams.append("where", `error:${state.item}`);

    return panel({
        title: heading,
        ask: [url.href],

        show: ([answer], body) => {
            rows = rowsOf(answer!).filter((row) => (number(row.counters, "errors") ?? 0) > 0);

            if (!body.firstChild) {
                body.append(table.node);
            }

            table.set(rows, total(answer!));
            return rows.length > 0;
        },
    });
};

export const errors = (): View => ({
    title: "Errors",
    panels: state.item
        ? [detail(), overTime(), where("page", "Pages with it"),
           where("browser", "Browsers with it"), all()]
        : [all()],
});
