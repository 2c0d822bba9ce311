/*
 * The distribution of a metric: bars of equal width, coloured by rating, with
 * the thresholds and the 75th percentile.  What is far out is one bar at the
 * end, so that the many are not pressed to the edge by the few.
 */

import { h } from "../dom";
import { count, percent } from "../format";
import { colour } from "../theme";
import type { Histogram } from "../types";
import { line, picture, pointer, text, ticks, type Picture } from "./canvas";

export interface Bin {
    from: number;
    to: number;                 /* Infinity for the last */
    count: number;
}

const BINS = 60;

/* bucket i of the histogram holds (base^i, base^(i+1)] */
const bounds = ({ scale, offset }: Histogram, i: number): [number, number] => {
    const base = 2 ** (2 ** -scale);

    return [base ** (offset + i), base ** (offset + i + 1)];
};

const nice = (value: number): number => {
    const power = 10 ** Math.floor(Math.log10(value));

    return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]
        .map((factor) => factor * power).find((top) => top >= value * 0.999999)!;
};

/* a bucket that lies in two bins is shared out by its width */
export const bins = (histogram: Histogram, top: number, poor = 0): Bin[] => {
    const end = nice(Math.max(top, poor * 1.15, 1e-6));
    const width = end / BINS;
    const all = Array.from({ length: BINS + 1 }, (_, i): Bin => ({
        from: i * width, to: i < BINS ? (i + 1) * width : Infinity, count: 0,
    }));

    all[0]!.count = histogram.zero_count;

    histogram.counts.forEach((n, i) => {
        const [low, high] = bounds(histogram, i);
        const first = Math.min(BINS, Math.floor(low / width));
        const last = Math.min(BINS, Math.floor(high / width));

        for (let bin = first; bin <= last; bin++) {
            const from = Math.max(low, all[bin]!.from);
            const to = Math.min(high, all[bin]!.to);

            all[bin]!.count += n * Math.max(0, to - from) / (high - low);
        }
    });

    return all;
};

export interface DistributionData {
    bins: Bin[];
    thresholds?: [good: number, poor: number] | undefined;
    p75?: number | undefined;
    tick: (value: number) => string;
    format: (value: number) => string;
    label: string;
}

const LEFT = 8;
const RIGHT = 8;
const TOP = 30;
const BOTTOM = 26;

export const distributionChart = (): {
    node: HTMLElement; picture: Picture; set: (data: DistributionData) => void;
} => {
    const readout = h("p", { class: "readout" });
    let data: DistributionData | undefined;
    let over = -1;

    const left = (i: number, width: number): number =>
        LEFT + (width - LEFT - RIGHT) * i / (BINS + 1);

    const ink = ({ from, to }: Bin): string => {
        const [good, poor] = data?.thresholds ?? [];
        const middle = to === Infinity ? from : (from + to) / 2;

        return good === undefined ? "accent"
            : middle <= good ? "good" : middle <= poor! ? "fair" : "poor";
    };

    const mark = (
        context: CanvasRenderingContext2D, value: number, words: string, y: number, width: number,
        height: number, paint: string,
    ): void => {
        const x = left(value / data!.bins[1]!.from, width);

        if (x > left(BINS, width)) {
            return;
        }

        const right = x > width * 0.8;

        line(context, [x, y - 6, x, height - BOTTOM], paint, [4, 3]);
        text(context, words, x + (right ? -5 : 5), y, right ? "right" : "left", paint);
    };

    const paint = (context: CanvasRenderingContext2D, width: number, height: number): void => {
        if (!data) {
            return;
        }

        const { bins: all, thresholds, p75, tick } = data;
        const most = Math.max(...all.map((bin) => bin.count), 1e-9);
        const floor = height - BOTTOM;

        all.forEach((bin, i) => {
            const tall = (floor - TOP - 14) * bin.count / most;
            const x = left(i, width);

            context.fillStyle = colour(ink(bin));
            context.globalAlpha = over === -1 || over === i ? 1 : 0.45;

            if (bin.count > 0) {
                context.fillRect(x + 0.5, floor - Math.max(1, tall),
                                 Math.max(1, left(i + 1, width) - x - 1), Math.max(1, tall));
            }
        });

        context.globalAlpha = 1;
        line(context, [LEFT, floor + 0.5, width - RIGHT, floor + 0.5]);

        const end = all[BINS]!.from;

        for (const value of ticks(0, end, width < 500 ? 4 : 8)) {
            const x = left(value / end * BINS, width);

            line(context, [x, floor, x, floor + 4]);
            text(context, tick(value), x, floor + 15,
                 value === 0 ? "left" : value === end ? "right" : "center");
        }

        if (thresholds) {
            const [good, poor] = thresholds;

            mark(context, good, `good ≤ ${tick(good)}`, 10, width, height, "good-text");
            mark(context, poor, `poor > ${tick(poor)}`, 10, width, height, "poor-text");
        }

        if (p75 !== undefined) {
            mark(context, p75, `p75 ${data.format(p75)}`, 26, width, height, "text");
        }
    };

    const chart = picture((width) => width < 500 ? 200 : 240, paint);

    const say = (): void => {
        const bin = data?.bins[over];

        if (!data || !bin) {
            readout.textContent = "";
            return;
        }

        const total = data.bins.reduce((sum, { count: n }) => sum + n, 0) || 1;

        readout.textContent = `${bin.to === Infinity ? `above ${data.format(bin.from)}`
            : `${data.format(bin.from)} to ${data.format(bin.to)}`}: ${
            count(Math.round(bin.count))} (${percent(bin.count / total)})`;
    };

    pointer(chart.canvas, (x) => {
        over = Math.max(0, Math.min(BINS, Math.floor(
            (x - LEFT) / (chart.node.clientWidth - LEFT - RIGHT) * (BINS + 1))));
        chart.draw();
        say();

    }, () => {
        over = -1;
        chart.draw();
        say();
    });

    return {
        node: h("div", {}, chart.node, readout),
        picture: chart,

        set: (next) => {
            data = next;
            chart.label(next.label);
            chart.draw();
            say();
        },
    };
};
