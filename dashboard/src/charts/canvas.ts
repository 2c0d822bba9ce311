/*
 * A canvas as wide as there is room, drawn again when that, the pixels or the
 * theme change; and what the drawings have in common.
 */

import { h } from "../dom";
import { colour, onTheme } from "../theme";

export type Paint = (context: CanvasRenderingContext2D, width: number, height: number) => void;

export interface Picture {
    node: HTMLElement;
    canvas: HTMLCanvasElement;
    draw: () => void;
    label: (text: string) => void;
}

export const FONT = "12px system-ui, sans-serif";

export const picture = (height: (width: number) => number, paint: Paint): Picture => {
    const canvas = h("canvas", { role: "img" });
    const node = h("div", { class: "picture" }, canvas);
    let [wide, high] = [0, 0];

    const draw = (): void => {
        const width = node.clientWidth;

        if (!width) {
            return;
        }

        const ratio = devicePixelRatio || 1;
        const tall = height(width);
        const context = canvas.getContext("2d")!;

        if (wide !== width * ratio || high !== tall * ratio) {
            [wide, high] = [width * ratio, tall * ratio];
            canvas.width = Math.round(wide);
            canvas.height = Math.round(high);
            canvas.style.height = `${tall}px`;
        }

        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, tall);
        context.font = FONT;
        context.lineJoin = "round";
        paint(context, width, tall);
    };

    new ResizeObserver(draw).observe(node);
    onTheme(node, draw);

    return {
        node, canvas, draw,
        label: (text) => canvas.setAttribute("aria-label", text),
    };
};

/* where the pointer is, in the canvas's own coordinates */
export const pointer = (
    canvas: HTMLCanvasElement, at: (x: number, y: number) => void, away: () => void,
): void => {
    canvas.addEventListener("pointermove", (event) => at(event.offsetX, event.offsetY));
    canvas.addEventListener("pointerleave", away);
};

export const text = (
    context: CanvasRenderingContext2D, words: string, x: number, y: number,
    align: CanvasTextAlign = "left", ink = "muted",
): void => {
    context.fillStyle = colour(ink);
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(words, x, y);
};

export const line = (
    context: CanvasRenderingContext2D, points: [number, number, number, number], ink = "line",
    dash: number[] = [],
): void => {
    context.strokeStyle = colour(ink);
    context.lineWidth = 1;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(points[0], points[1]);
    context.lineTo(points[2], points[3]);
    context.stroke();
    context.setLineDash([]);
};

/* round numbers for an axis: 1, 2 or 5 times a power of ten apart */
export const ticks = (from: number, to: number, most: number): number[] => {
    const raw = (to - from) / most;
    const power = 10 ** Math.floor(Math.log10(raw));
    const by = [1, 2, 5, 10].find((factor) => factor * power >= raw)! * power;
    const all: number[] = [];

    for (let tick = Math.ceil(from / by); tick * by <= to * 1.000001; tick++) {
        all.push(tick * by);
    }

    return all;
};

/* the picture on its ground, with its title, as a file to keep */
export const png = (canvas: HTMLCanvasElement, title: string, name: string): void => {
    const ratio = devicePixelRatio || 1;
    const edge = 16 * ratio;
    const head = 28 * ratio;
    const copy = h("canvas", {
        width: canvas.width + 2 * edge, height: canvas.height + 2 * edge + head,
    });
    const context = copy.getContext("2d")!;

    context.fillStyle = colour("surface");
    context.fillRect(0, 0, copy.width, copy.height);
    context.font = `600 ${14 * ratio}px system-ui, sans-serif`;
    text(context, title, edge, edge + head / 3, "left", "text");
    context.drawImage(canvas, edge, edge + head);

    copy.toBlob((blob) => {
        if (blob) {
            save(blob, name);
        }
    }, "image/png");
};

export const save = (blob: Blob, name: string): void => {
    const url = URL.createObjectURL(blob);

    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
};
