/*
 * Figures over time, by uPlot.  Dragging over a part of it zooms in.
 */

import uPlot from "uplot";

import { h } from "../dom";
import { at, clockAt, dayAt } from "../format";
import { colour, onTheme } from "../theme";
import { FONT } from "./canvas";

export interface Line {
    label: string;
    ink: string;                        /* a colour of the style sheet */
    width?: number;
    dash?: number[];
    bars?: boolean;
    values: (number | null)[];
}

export interface SeriesData {
    steps: number[];
    step: number;
    lines: Line[];
    format: (value: number) => string;
    tick: (value: number) => string;
    thresholds?: [good: number, poor: number] | undefined;
    height?: number;
    label: string;
}

export interface SeriesChart {
    node: HTMLElement;
    set: (data: SeriesData) => void;
    canvas: () => HTMLCanvasElement | undefined;
}

/* time on the axis; the day where it begins */
const times = (_: uPlot, splits: number[], __: number, ___: number, every: number): string[] =>
    splits.map((time, i) => every >= 86400 ? dayAt(time)
        : i === 0 || dayAt(time) !== dayAt(splits[i - 1]!)
            ? `${clockAt(time)}\n${dayAt(time)}` : clockAt(time));

const drawThresholds = (chart: uPlot, thresholds: [number, number]): void => {
    const { ctx, bbox } = chart;
    const ratio = uPlot.pxRatio;

    [["good", "Good"], ["poor", "Poor"]].forEach(([ink, word], i) => {
        const y = Math.round(chart.valToPos(thresholds[i]!, "y", true));

        if (y < bbox.top || y > bbox.top + bbox.height) {
            return;
        }

        ctx.save();
        ctx.strokeStyle = colour(ink!);
        ctx.lineWidth = ratio;
        ctx.setLineDash([2 * ratio, 4 * ratio]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        ctx.font = `${11 * ratio}px system-ui, sans-serif`;
        ctx.textAlign = "right";
        ctx.textBaseline = "middle";

        /* legible where lines cross it */
        const label = `${word} ${i ? "above" : "below"}`;
        const right = bbox.left + bbox.width - 4 * ratio;
        const middle = y + (i ? -9 : 9) * ratio;
        const width = ctx.measureText(label).width + 8 * ratio;

        ctx.globalAlpha = 0.8;
        ctx.fillStyle = colour("surface");
        ctx.fillRect(right - width + 4 * ratio, middle - 7 * ratio, width, 14 * ratio);
        ctx.globalAlpha = 1;
        ctx.fillStyle = colour(`${ink}-text`);
        ctx.fillText(label, right, middle);
        ctx.restore();
    });
};

const options = (
    data: SeriesData, width: number, zoom: (from: number, to: number) => void,
    cursor: (index: number | null | undefined) => void,
): uPlot.Options => ({
    width,
    height: data.height ?? 260,
    padding: [10, 26, 0, 0],
    legend: { show: false },
    cursor: {
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        y: false,
    },
    scales: {
        /* a bar has the width of its step */
        x: { range: (_, least, most) =>
            [least, data.lines.some(({ bars }) => bars) ? most + data.step : most] },
        y: { range: (_, __, most) => {
            const top = Math.max(most ?? 0, data.thresholds?.[0] ?? 0);

            return [0, top > 0 ? top * 1.1 : 1];
        } },
    },
    axes: [
        {
            stroke: colour("muted"), font: FONT, grid: { show: false }, values: times,
            ticks: { stroke: colour("line"), size: 5 }, space: 70, size: 44,
        },
        {
            stroke: colour("muted"), font: FONT, size: 62,
            grid: { stroke: colour("line"), width: 1 }, ticks: { show: false },
            values: (_, splits) => splits.map(data.tick),
        },
    ],
    series: [
        {},
        ...data.lines.map((line): uPlot.Series => ({
            label: line.label,
            stroke: colour(line.ink),
            width: line.bars ? 0 : line.width ?? 1.5,
            ...(line.dash && { dash: line.dash }),
            ...(line.bars && { fill: colour(line.ink), paths: uPlot.paths.bars!({ size: [0.8, 40], align: 1 }) }),
            points: { show: data.steps.length < 8 && !line.bars },
        })),
    ],
    hooks: {
        draw: [(chart) => data.thresholds && drawThresholds(chart, data.thresholds)],
        setCursor: [(chart) => cursor(chart.cursor.idx)],
        setSelect: [(chart) => {
            const { left, width: wide } = chart.select;

            if (wide > 6) {
                zoom(chart.posToVal(left, "x"), chart.posToVal(left + wide, "x"));
            }
        }],
    },
});

export const seriesChart = (onZoom: (from: number, to: number) => void): SeriesChart => {
    const legend = h("ul", { class: "legend" });
    const frame = h("div", { class: "series", role: "img" });
    const node = h("div", {}, legend, frame);
    let chart: uPlot | undefined;
    let data: SeriesData | undefined;
    let shape = "";

    const values = (index: number | null | undefined): void => {
        if (!data) {
            return;
        }

        const { lines, steps, format } = data;
        const here = typeof index === "number" && index < steps.length;

        legend.replaceChildren(
            ...lines.map((line) => {
                const value = here ? line.values[index] : undefined;
                const key = h("i", { class: "key" });

                key.style.borderTopColor = `var(--${line.ink})`;
                key.style.borderTopStyle = line.dash ? line.dash[0]! < 4 ? "dotted" : "dashed"
                    : "solid";
                key.style.borderTopWidth = `${line.bars ? 8 : Math.max(2, line.width ?? 2)}px`;

                return h("li", {}, key, line.label,
                         typeof value === "number" && h("b", {}, format(value)));
            }),
            h("li", { class: "when" }, here ? at(steps[index]!) : ""));
    };

    const zoom = (from: number, to: number): void => {
        if (!data) {
            return;
        }

        /* whole steps, and never less than one */
        const { step } = data;
        const start = Math.floor(from / step) * step;

        onZoom(start, Math.max(start + step, Math.ceil(to / step) * step));
    };

    const build = (): void => {
        const width = frame.clientWidth;

        if (!data || !width) {
            return;
        }

        chart?.destroy();
        chart = new uPlot(options(data, width, zoom, values), aligned(data), frame);
    };

    const aligned = ({ steps, lines }: SeriesData): uPlot.AlignedData =>
        [steps, ...lines.map((line) => line.values)];

    /* also called when it leaves the page; uPlot listens to the window */
    new ResizeObserver(() => {
        if (!frame.isConnected) {
            chart?.destroy();
            chart = undefined;

        } else if (!chart) {
            build();

        } else if (frame.clientWidth && frame.clientWidth !== chart.width) {
            chart.setSize({ width: frame.clientWidth, height: chart.height });
        }
    }).observe(frame);

    onTheme(frame, build);

    return {
        node,
        canvas: () => chart?.ctx.canvas,

        set: (next) => {
            const form = JSON.stringify([next.lines.map(({ label }) => label), next.step,
                                         next.thresholds, next.steps.length < 8]);
            const same = chart && form === shape;

            data = next;
            shape = form;
            frame.setAttribute("aria-label", next.label);
            values(chart?.cursor.idx);

            if (same) {
                chart!.setData(aligned(next));

            } else {
                build();
            }
        },
    };
};
