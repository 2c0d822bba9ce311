/*
 * The distribution over time: a column for each step, darker where more of the
 * step's values are.
 */

import { h } from "../dom";
import { at, clockAt, count, dayAt, percent } from "../format";
import { colour } from "../theme";
import type { Histogram } from "../types";
import { line, picture, pointer, text, type Picture } from "./canvas";

export interface HeatData {
    steps: number[];
    step: number;
    histograms: (Histogram | null)[];   /* of each step */
    thresholds?: [good: number, poor: number] | undefined;
    tick: (value: number) => string;
    format: (value: number) => string;
    label: string;
}

const ROWS = 36;
const LEFT = 62;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 26;

/* what is so rare at either end does not set the scale */
const RARE = 0.004;

interface Grid {
    low: number;                        /* edges, as logarithms to base 2 */
    high: number;
    totals: number[];
    shares: number[][];
    most: number;
}

const log = (value: number): number => Math.log2(Math.max(value, 1e-4));

/* the middle of a bucket, as a logarithm */
const middle = ({ scale, offset }: Histogram, i: number): number => (offset + i + 0.5) / 2 ** scale;

const total = (histogram: Histogram | null | undefined): number => histogram
    ? histogram.counts.reduce((sum, n) => sum + n, histogram.zero_count) : 0;

/* from where to where most values are */
const range = (histograms: (Histogram | null)[]): [low: number, high: number] | undefined => {
    const at = new Map<number, number>();
    let all = 0;

    for (const histogram of histograms) {
        histogram?.counts.forEach((n, i) => {
            if (n > 0) {
                const key = middle(histogram, i);

                at.set(key, (at.get(key) ?? 0) + n);
                all += n;
            }
        });
    }

    const keys = [...at.keys()].sort((a, b) => a - b);
    let [below, low, high] = [0, keys[0], keys[0]];

    for (const key of keys) {
        if (below <= all * RARE) {
            low = key;
        }

        if (below <= all * (1 - RARE)) {
            high = key;
        }

        below += at.get(key)!;
    }

    return low === undefined || high === undefined ? undefined : [low, high];
};

const makeGrid = ({ histograms, thresholds }: HeatData): Grid | undefined => {
    const found = range(histograms);

    if (!found) {
        return undefined;
    }

    const low = Math.min(found[0], thresholds ? log(thresholds[0]) : Infinity) - 0.2;
    const high = Math.max(found[1], thresholds ? log(thresholds[1]) : -Infinity) + 0.2;
    const row = (value: number): number =>
        Math.max(0, Math.min(ROWS - 1, Math.floor((value - low) / (high - low) * ROWS)));
    const totals = histograms.map(total);

    const shares = histograms.map((histogram, column) => {
        const rows = new Array<number>(ROWS).fill(0);

        if (histogram && totals[column]! > 0) {
            rows[0]! += histogram.zero_count / totals[column]!;
            histogram.counts.forEach((n, i) => {
                rows[row(middle(histogram, i))]! += n / totals[column]!;
            });
        }

        return rows;
    });

    /* one step of few values does not make all others pale */
    const sorted = shares.map((rows) => Math.max(...rows)).filter((n) => n > 0)
        .sort((a, b) => a - b);

    return { low, high, totals, shares, most: sorted[Math.floor(sorted.length * 0.8)] ?? 1 };
};

/* 1, 2 and 5 times powers of ten between two logarithms; fewer if it is far */
const round = (low: number, high: number): number[] => {
    const factors = high - low > 9 ? [1] : [1, 2, 5];
    const all: number[] = [];

    for (let power = Math.floor(low / Math.log2(10)); 10 ** power <= 2 ** high; power++) {
        all.push(...factors.map((factor) => Number((factor * 10 ** power).toPrecision(1)))
            .filter((value) => log(value) >= low && log(value) <= high));
    }

    return all;
};

export const heatChart = (): {
    node: HTMLElement; picture: Picture; set: (data: HeatData) => void;
} => {
    const readout = h("p", { class: "readout" });
    let data: HeatData | undefined;
    let grid: Grid | undefined;

    const x = (i: number, width: number): number =>
        LEFT + (width - LEFT - RIGHT) * i / data!.steps.length;

    const y = (row: number, height: number): number =>
        TOP + (height - TOP - BOTTOM) * (1 - row / ROWS);

    const row = (value: number): number =>
        (log(value) - grid!.low) / (grid!.high - grid!.low) * ROWS;

    const cells = (context: CanvasRenderingContext2D, width: number, height: number): void => {
        context.fillStyle = colour("accent");

        grid!.shares.forEach((shares, i) => shares.forEach((share, at) => {
            if (share <= 0) {
                return;
            }

            /* whole pixels, or the cells would have seams */
            const left = Math.round(x(i, width));
            const top = Math.round(y(at + 1, height));

            context.globalAlpha = Math.min(1, 0.05 + 0.95 * (share / grid!.most) ** 0.7);
            context.fillRect(left, top, Math.round(x(i + 1, width)) - left,
                             Math.round(y(at, height)) - top);
        }));

        context.globalAlpha = 1;
    };

    const axes = (context: CanvasRenderingContext2D, width: number, height: number): void => {
        const { steps, step, tick, thresholds } = data!;
        const every = Math.ceil(steps.length / Math.max(2, Math.floor((width - LEFT) / 90)));

        for (const value of round(grid!.low, grid!.high)) {
            const level = y(row(value), height);

            if (level > TOP + 4 && level < height - BOTTOM - 2) {
                line(context, [LEFT - 4, level, LEFT, level]);
                text(context, tick(value), LEFT - 8, level, "right");
            }
        }

        steps.forEach((time, i) => {
            if (i % every === 0) {
                text(context, step >= 86400 ? dayAt(time) : clockAt(time), x(i, width),
                     height - BOTTOM + 14, i ? "center" : "left");
            }
        });

        thresholds?.forEach((value, i) => {
            const level = Math.round(y(row(value), height)) + 0.5;

            if (level > TOP && level < height - BOTTOM) {
                line(context, [LEFT, level, width - RIGHT, level],
                     i ? "poor-text" : "good-text", [4, 4]);
            }
        });
    };

    const chart = picture((width) => width < 500 ? 200 : 240, (context, width, height) => {
        if (data && grid) {
            cells(context, width, height);
            axes(context, width, height);
        }
    });

    pointer(chart.canvas, (px, py) => {
        if (!data || !grid) {
            return;
        }

        const width = chart.node.clientWidth;
        const height = chart.canvas.clientHeight;
        const i = Math.floor((px - LEFT) / (width - LEFT - RIGHT) * data.steps.length);
        const over = Math.floor((1 - (py - TOP) / (height - TOP - BOTTOM)) * ROWS);
        const share = grid.shares[i]?.[over];

        const edge = (at: number): string => data!.format(
            2 ** (grid!.low + (grid!.high - grid!.low) * at / ROWS));

        readout.textContent = share === undefined ? ""
            : `${at(data.steps[i]!)}: ${percent(share)} of ${count(grid.totals[i]!)} from ${
                edge(over)} to ${edge(over + 1)}`;

    }, () => {
        readout.textContent = "";
    });

    return {
        node: h("div", {}, chart.node, readout),
        picture: chart,

        set: (next) => {
            data = next;
            grid = makeGrid(next);
            chart.label(next.label);
            chart.draw();
        },
    };
};
