/*
 * The distribution over time: a column for each step, darker where more values
 * are.  A column is known by quantiles: between two of them lies a known share.
 */

import { h } from "../dom";
import { at, clockAt, dayAt, percent } from "../format";
import { colour } from "../theme";
import { line, picture, pointer, text, type Picture } from "./canvas";

/* as many as a question may have */
export const HEAT_QUANTILES = [1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 98, 99];

export interface HeatData {
    steps: number[];
    step: number;
    quantiles: (number | null)[][];     /* of each step, as HEAT_QUANTILES */
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

interface Grid {
    low: number;                        /* logarithms of the edges */
    high: number;
    shares: number[][];
    most: number;
}

const log = (value: number): number => Math.log2(Math.max(value, 1e-4));

/* what lies between two quantiles is spread evenly over the rows between */
const spread = (column: number[], grid: Grid): number[] => {
    const shares = new Array<number>(ROWS).fill(0);
    const row = (value: number): number =>
        (log(value) - grid.low) / (grid.high - grid.low) * ROWS;

    for (let i = 1; i < column.length; i++) {
        const share = (HEAT_QUANTILES[i]! - HEAT_QUANTILES[i - 1]!) / 100;
        const from = Math.max(0, Math.min(ROWS - 0.001, row(column[i - 1]!)));
        const to = Math.max(from + 0.001, Math.min(ROWS, row(column[i]!)));

        for (let at = Math.floor(from); at < to && at < ROWS; at++) {
            shares[at]! += share * (Math.min(to, at + 1) - Math.max(from, at)) / (to - from);
        }
    }

    return shares;
};

const makeGrid = ({ quantiles, thresholds }: HeatData): Grid | undefined => {
    const known = quantiles.filter((column) => column.every((value) => value !== null)) as number[][];

    if (!known.length) {
        return undefined;
    }

    const sorted = (i: number): number[] => known.map((column) => column[i]!).sort((a, b) => a - b);
    const lows = sorted(0);
    const highs = sorted(HEAT_QUANTILES.length - 1);
    const positive = known.flat().filter((value) => value > 0);
    const least = Math.min(...positive, thresholds?.[0] ?? Infinity);

    /* steps with odd values do not set the scale */
    const low = log(Math.max(lows[Math.floor(lows.length * 0.1)]!, least / 2));
    const high = log(Math.max(highs[Math.floor(highs.length * 0.9)]!, thresholds?.[1] ?? 0) * 1.1);
    const grid: Grid = { low, high: Math.max(high, low + 1), shares: [], most: 0 };

    grid.shares = quantiles.map((column) => column.every((value) => value !== null)
        ? spread(column as number[], grid) : []);
    grid.most = Math.max(...grid.shares.flat(), 1e-9);
    return grid;
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

            const left = x(i, width);
            const top = y(at + 1, height);

            context.globalAlpha = Math.min(1, 0.04 + 0.96 * (share / grid!.most) ** 0.6);
            context.fillRect(left, top, x(i + 1, width) - left + 0.3, y(at, height) - top + 0.3);
        }));

        context.globalAlpha = 1;
    };

    const axes = (context: CanvasRenderingContext2D, width: number, height: number): void => {
        const { steps, step, tick, thresholds } = data!;
        const every = Math.ceil(steps.length / Math.max(2, Math.floor((width - LEFT) / 90)));

        for (let power = Math.ceil(grid!.low); power <= grid!.high; power++) {
            const value = 2 ** power;
            const rounded = value >= 10 ? Number(value.toPrecision(2)) : Number(value.toPrecision(1));
            const middle = y(row(rounded), height);

            if ((power - Math.ceil(grid!.low)) % (grid!.high - grid!.low > 7 ? 2 : 1) === 0
                && middle > TOP + 4 && middle < height - BOTTOM)
            {
                line(context, [LEFT - 4, middle, LEFT, middle]);
                text(context, tick(rounded), LEFT - 8, middle, "right");
            }
        }

        steps.forEach((time, i) => {
            if (i % every === 0) {
                text(context, step >= 86400 ? dayAt(time) : clockAt(time), x(i, width),
                     height - BOTTOM + 14, i ? "center" : "left");
            }
        });

        thresholds?.forEach((value, i) => {
            const middle = Math.round(y(row(value), height)) + 0.5;

            if (middle > TOP && middle < height - BOTTOM) {
                line(context, [LEFT, middle, width - RIGHT, middle],
                     i ? "poor-text" : "good-text", [4, 4]);
            }
        });
    };

    const chart = picture((width) => width < 500 ? 220 : 260, (context, width, height) => {
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
            : `${at(data.steps[i]!)}: ${percent(share)} from ${edge(over)} to ${edge(over + 1)}`;

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
