/*
 * All values of a dimension: pages, countries, devices ...  A click on one
 * filters everything by it.
 */

import { mapChart } from "../charts/map";
import { h } from "../dom";
import { dimension, dimensions, label, short, value } from "../format";
import { catalog, metricName, unit } from "../catalog";
import { panel, type Panel } from "../panel";
import { rate } from "../rating";
import { counter, quantile, rowsOf, type Row } from "../rows";
import { state } from "../state";
import { pick, visitorQuestion, visitorTable, type View } from "./parts";

/* the colour says the rating of a metric, or how many views there are */
const map = (): Panel => {
    const chart = mapChart((country) => pick("country", country));
    let rows: Row[] = [];

    const figure = h("select", { "aria-label": "Colour of the map", change: () => draw() },
                     h("option", { value: "views" }, "Views"),
                     ["lcp", "inp", "cls", "ttfb"].map((metric) =>
                         h("option", { value: metric }, `${metricName(metric)} p75`)));

    const country = (row: Row, most: number) => {
        const views = counter(row, "views") ?? 0;
        const p75 = quantile(row, figure.value);
        const words = [`${short(views)} views`,
                       p75 !== undefined && `${metricName(figure.value)} p75 ${
                           value(p75, unit(figure.value))}`].filter(Boolean).join(", ");

        return figure.value === "views"
            ? { ink: "accent", strength: 0.2 + 0.8 * Math.sqrt(views / most), words }
            : { ink: rate(figure.value, p75) ?? "land", strength: 1, words };
    };

    const draw = (): void => {
        const most = Math.max(...rows.map((row) => counter(row, "views") ?? 0), 1);
        const best = [...rows].sort((a, b) =>
            (counter(b, "views") ?? 0) - (counter(a, "views") ?? 0)).slice(0, 3);

        chart.set({
            countries: new Map(rows.map((row) => [row.value, country(row, most)])),
            picked: state.where.find((filter) => filter.dimension === "country")?.value,
            label: `Map of ${rows.length} countries, most views from ${
                best.map((row) => label("country", row.value)).join(", ")}; the table has all`,
        });
    };

    return panel({
        title: "Map",
        class: "wide",
        tools: [figure],
        csv: false,
        ask: [visitorQuestion("country")],
        picture: () => chart.picture.canvas,

        show: ([answer], body) => {
            rows = rowsOf(answer!);

            if (!body.firstChild) {
                body.append(chart.node);
            }

            draw();
            return rows.length > 0;
        },
    });
};

export const by = (): View => {
    const title = dimensions(state.by);
    const table = visitorTable(state.by, dimension(state.by));

    return {
        title,
        panels: [
            ...state.by === "country" ? [map()] : [],
            panel({
                title: catalog.dimensions.has(state.by) ? `By ${dimension(state.by).toLowerCase()}`
                    : title,
                note: "Web Vitals are 75th percentiles. A click on a name filters all figures by it",
                class: "wide",
                ask: [visitorQuestion(state.by)],
                show: table.show,
            }),
        ],
    };
};
