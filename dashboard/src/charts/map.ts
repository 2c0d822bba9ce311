/*
 * Countries of the world, coloured by a figure.  A click takes a country; the
 * table beside it has the same for the keyboard.
 */

import { geoEqualEarth, geoPath } from "d3-geo";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";

import { h } from "../dom";
import { label } from "../format";
import { colour } from "../theme";
import { picture, pointer, type Picture } from "./canvas";

/* the file's name, put in by build.mjs */
declare const COUNTRIES: string;

export interface MapData {
    /* by two letters: a colour of the style sheet, how strong, what to say */
    countries: Map<string, { ink: string; strength: number; words: string }>;
    picked?: string | undefined;
    label: string;
}

interface Country {
    code: string;
    path: Path2D;
}

type Shapes = Topology<{ countries: GeometryCollection }>;

let file: Promise<Shapes> | undefined;

const shapes = (): Promise<Shapes> =>
    file ??= fetch(new URL(COUNTRIES, document.baseURI)).then((response) => response.json());

export const mapChart = (onPick: (country: string) => void): {
    node: HTMLElement; picture: Picture; set: (data: MapData) => void;
} => {
    const readout = h("p", { class: "readout" });
    let data: MapData | undefined;
    let topology: Shapes | undefined;
    let countries: Country[] = [];
    let drawnFor = 0;

    const project = (width: number, height: number): void => {
        const world = feature(topology!, topology!.objects.countries);
        const path = geoPath(geoEqualEarth().fitSize([width, height], world));

        countries = world.features.map((country) => ({
            code: String(country.id ?? ""), path: new Path2D(path(country) ?? ""),
        }));
        drawnFor = width;
    };

    const chart = picture((width) => Math.round(width * 0.47), (context, width, height) => {
        if (!topology || !data) {
            return;
        }

        if (drawnFor !== width) {
            project(width, height);
        }

        for (const { code, path } of countries) {
            const known = data.countries.get(code);

            context.fillStyle = colour("land");
            context.fill(path);

            if (known) {
                context.globalAlpha = known.strength;
                context.fillStyle = colour(known.ink);
                context.fill(path);
                context.globalAlpha = 1;
            }

            context.strokeStyle = colour(code === data.picked ? "text" : "surface");
            context.lineWidth = code === data.picked ? 1.5 : 0.5;
            context.stroke(path);
        }
    });

    const find = (x: number, y: number): string | undefined => {
        const context = chart.canvas.getContext("2d")!;
        const ratio = devicePixelRatio || 1;

        return countries.find(({ path }) =>
            context.isPointInPath(path, x * ratio, y * ratio))?.code;
    };

    pointer(chart.canvas, (x, y) => {
        const code = find(x, y);
        const known = code ? data?.countries.get(code) : undefined;

        chart.canvas.style.cursor = known ? "pointer" : "";
        readout.textContent = code
            ? `${label("country", code)}: ${known?.words ?? "no views"}` : "";

    }, () => {
        readout.textContent = "";
    });

    chart.canvas.addEventListener("click", (event) => {
        const code = find(event.offsetX, event.offsetY);

        if (code && data?.countries.has(code)) {
            onPick(code);
        }
    });

    return {
        node: h("div", { class: "map" }, chart.node, readout),
        picture: chart,

        set: (next) => {
            data = next;
            chart.label(next.label);

            if (topology) {
                chart.draw();

            } else {
                void shapes().then((read) => {
                    topology = read;
                    chart.draw();

                }, () => {
                    readout.textContent = "The map cannot be loaded; the table has the figures.";
                });
            }
        },
    };
};
