/*
 * Makes dist/: index.html, dashboard.js, dashboard.css, countries.json,
 * icon.svg, and the licences of what is bundled.  The page names the others
 * with their hash, so that a browser which has kept old ones asks for new ones.
 */

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

import { build } from "esbuild";

import { countries } from "./countries.mjs";

mkdirSync("dist", { recursive: true });

const atlas = JSON.parse(
    readFileSync("node_modules/world-atlas/countries-110m.json", "utf8"));

writeFileSync("dist/countries.json", JSON.stringify(countries(atlas)));

const hash = (name) => createHash("sha256")
    .update(readFileSync(`dist/${name}`)).digest("hex").slice(0, 12);

await build({
    entryPoints: { dashboard: "src/main.ts" },
    outdir: "dist",
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    define: { COUNTRIES: JSON.stringify(`countries.json?v=${hash("countries.json")}`) },
    legalComments: "none",
    banner: {
        js: "/*! ngx_rum, BSD-2-Clause; others: licenses.txt */",
    },
});

await build({
    entryPoints: { dashboard: "src/style.css" },
    outdir: "dist",
    bundle: true,
    minify: true,
    target: ["chrome123", "firefox120", "safari17.5"],
});

writeFileSync("dist/index.html", readFileSync("index.html", "utf8")
    .replace(/(dashboard\.(?:js|css))/g, (name) => `${name}?v=${hash(name)}`));

cpSync("icon.svg", "dist/icon.svg");

const bundled = ["uplot", "d3-geo", "d3-array", "internmap", "topojson-client", "world-atlas"];

writeFileSync("dist/licenses.txt", bundled.map((name) => `${name}\n\n${
    readFileSync(`node_modules/${name}/LICENSE`, "utf8")}`).join("\n\n"));
