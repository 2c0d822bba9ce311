/*
 * What several views are made of.
 */

import { about } from "../api";
import { keptTogether, VITALS } from "../catalog";
import { figure, h } from "../dom";
import { count, dimension, label, percent, short } from "../format";
import { panel, type Panel } from "../panel";
import { rated } from "../rating";
import { counter, quantile, rowsOf, shareOf, total, type Row } from "../rows";
import { go, state, step, withFilter, withoutFilter } from "../state";
import { tableView, type Column } from "../table";
import { number, type Answer, type Group } from "../types";

export interface View {
    title: string;
    /* panels in the order they are shown; head is above them */
    panels: Panel[];
    head?: Node[];
}

export const ROWS = 200;

export const zoom = (from: number, to: number): void => go({ last: "", from, to });

export const values = (group: Group | undefined, name: string): (number | null)[] =>
    group?.series?.[name] ?? [];

/* a series of a question with "step" */
export const stepped = (parameters: Record<string, string | number | undefined>): string =>
    about({ ...parameters, step: step() });

const isPicked = (dimension: string, value: string): boolean => state.where.some((filter) =>
    filter.dimension === dimension && filter.value === value);

/* all figures are about the value from now on; once more, and they are not */
export const pick = (dimension: string, value: string): void => go(isPicked(dimension, value)
    ? withoutFilter(dimension)
    : withFilter({ dimension, value }, (other) => keptTogether(dimension, other)));

export const countColumn = (
    name: string, title: string, rows: () => Row[], hint?: string,
): Column<Row> => {
    const of = (row: Row): number | undefined => counter(row, name);

    return {
        title,
        ...(hint && { hint }),
        cell: (row) => figure(of(row), count(of(row) ?? 0)),
        sort: of,
        bar: (row) => shareOf(rows(), of)(row),
    };
};

const plainCount = (name: string, title: string): Column<Row> => {
    const of = (row: Row): number | undefined => counter(row, name);

    return { title, cell: (row) => figure(of(row), short(of(row) ?? 0)), sort: of };
};

const bounceColumn: Column<Row> = {
    title: "Bounce rate",
    hint: "Sessions of one view, of those that began here",
    cell: (row) => {
        const rate = number(row.counters, "bounce_rate");

        return figure(rate, percent(rate ?? 0));
    },
    sort: (row) => number(row.counters, "bounce_rate"),
};

const vitalColumn = (metric: string): Column<Row> => ({
    title: metric.toUpperCase(),
    hint: `${metric.toUpperCase()}, 75th percentile`,
    cell: (row) => rated(metric, quantile(row, metric)),
    sort: (row) => quantile(row, metric),
});

/* the question behind a table of visitors */
export const visitorQuestion = (by: string, limit = ROWS): string => about({
    by, q: "75", limit,
    metric: [...VITALS, "views", "errors", "entrances", "bounces"].join(","),
});

interface VisitorTable {
    rows: () => Row[];
    show: (answers: Answer[], body: HTMLElement) => boolean;
}

export const visitorTable = (by: string, caption: string, few?: number): VisitorTable => {
    let rows: Row[] = [];

    const all: Column<Row>[] = [
        {
            title: dimension(by),
            cell: (row) => label(by, row.value), sort: (row) => label(by, row.value),
        },
        countColumn("views", "Views", () => rows),
        ...["lcp", "inp", "cls"].map(vitalColumn),
        ...few ? [] : [
            ...["fcp", "ttfb"].map(vitalColumn),
            plainCount("errors", "Errors"),
            bounceColumn,
        ],
    ];

    const table = tableView<Row>({
        caption,
        columns: all,
        key: (row) => row.value,
        sort: 1,
        ...(few ? { rows: few } : { words: (row: Row) => label(by, row.value) }),
        onPick: (row) => pick(by, row.value),
        picked: (row) => isPicked(by, row.value),
    });

    return {
        rows: () => rows,

        show: ([answer], body) => {
            rows = rowsOf(answer!).filter((row) => row.counters || Object.keys(row.metrics).length);

            if (body.firstChild !== table.node && !body.contains(table.node)) {
                body.append(table.node);
            }

            table.set(few ? byViews(rows).slice(0, few) : rows, few ? undefined : total(answer!));
            return rows.length > 0;
        },
    };
};

const byViews = (rows: Row[]): Row[] =>
    [...rows].sort((a, b) => (counter(b, "views") ?? 0) - (counter(a, "views") ?? 0));

/* a small table of a dimension, with the way to all of it */
export const visitorPanel = (by: string, title: string, few: number): Panel => panel({
    title,
    ask: [visitorQuestion(by, few)],
    show: visitorTable(by, title, few).show,
    empty: "No views in this span.",
});

export interface Tile {
    name: string;
    text: string;
    value?: number | undefined;
    more?: Node | string | false | undefined;
    below?: Node | false;
    kind?: string | undefined;
}

/* figures to be seen first */
export const tiles = (all: Tile[]): HTMLElement => h("dl", { class: "tiles" },
    all.map(({ name, text, value, more, below, kind }) =>
        h("div", { class: `tile ${kind ?? ""}` },
          h("dt", {}, name),
          h("dd", {}, value === undefined ? text : h("data", { value }, text)),
          more && h("dd", { class: "more" }, more),
          below && h("dd", { class: "below" }, below))));
