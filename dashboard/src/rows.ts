/*
 * Answers put together: one row for each value of a dimension, with what its
 * metrics and its counters say; and the figures of the whole.
 */

import { own } from "./format";
import { number, type Answer, type Group } from "./types";

export interface Row {
    value: string;
    counters: Group | undefined;
    metrics: Record<string, Group>;
}

export const rowsOf = (answer: Answer): Row[] => {
    const rows = new Map<string, Row>();

    const row = (value: string): Row => {
        let found = rows.get(value);

        if (!found) {
            found = { value, counters: undefined, metrics: {} };
            rows.set(value, found);
        }

        return found;
    };

    for (const group of answer.counters?.groups ?? []) {
        row(group.value).counters = group;
    }

    for (const [metric, { groups }] of Object.entries(answer.metrics ?? {})) {
        for (const group of groups) {
            row(group.value).metrics[metric] = group;
        }
    }

    return [...rows.values()];
};

export const total = (answer: Answer): number => Math.max(
    answer.counters?.total_groups ?? 0,
    ...Object.values(answer.metrics ?? {}).map(({ total_groups }) => total_groups));

/* the one group of an answer without "by" */
export const metricOf = (answer: Answer | undefined, metric: string): Group | undefined =>
    own(answer?.metrics ?? {}, metric)?.groups[0];

export const countersOf = (answer: Answer | undefined): Group | undefined =>
    answer?.counters?.groups[0];

export const counter = (row: Row, name: string): number | undefined => number(row.counters, name);

export const quantile = (row: Row, metric: string, name = "p75"): number | undefined =>
    number(row.metrics[metric], name);

/* a figure's share of the largest, for bars */
export const shareOf = (rows: Row[], figure: (row: Row) => number | undefined) => {
    const most = Math.max(...rows.map((row) => figure(row) ?? 0), 1e-9);

    return (row: Row): number => (figure(row) ?? 0) / most;
};
