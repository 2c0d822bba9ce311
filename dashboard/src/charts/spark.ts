/*
 * A line the size of a word: how a figure went, without axes.  The figures are
 * told beside it.
 */

import { svg } from "../dom";

const WIDTH = 200;
const HEIGHT = 36;

export const spark = (values: (number | null)[], ink = "accent"): SVGElement => {
    const known = values.filter((value) => value !== null) as number[];
    const most = Math.max(...known, 1e-9);
    const least = Math.min(...known, most) * 0.9;
    const x = (i: number): number => values.length > 1 ? i / (values.length - 1) * WIDTH : WIDTH / 2;
    const y = (value: number): number =>
        HEIGHT - 3 - (value - least) / (most - least || 1) * (HEIGHT - 6);

    let path = "";
    let open = false;

    values.forEach((value, i) => {
        if (value !== null) {
            path += `${open ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;

            /* one value between two gaps is a dot */
            if (!open && values[i + 1] == null) {
                path += "h0.01";
            }
        }

        open = value !== null;
    });

    return svg("svg", {
        class: `spark ink-${ink}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
        "aria-hidden": "true",
    }, svg("path", { d: path, "vector-effect": "non-scaling-stroke" }));
};
