/*
 * Bundles both tiers into dist/: rum.js and rum-vitals.js for a script tag,
 * .mjs to import, each with its source map, and the types.
 *
 * Properties that begin with _ are ours or web-vitals' own: they get short names.
 */

import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import { build } from "esbuild";

import { lean } from "./lean.mjs";

const { version } = JSON.parse(
    readFileSync("node_modules/web-vitals/package.json", "utf8"));

const lib = resolve("node_modules/web-vitals/dist/modules/lib");

const bundle = (entry, name, format, full) => build({
    entryPoints: [`src/${entry}.ts`],
    outfile: `dist/${name}`,
    bundle: true,
    minify: !process.env.RUM_READABLE,
    sourcemap: true,
    format,
    target: "es2022",
    mangleProps: /^_/,
    define: { FULL: String(full) },
    alias: { "web-vitals-lib": lib },
    plugins: [lean],
    banner: {
        js: `/*! ngx_rum, BSD-2-Clause; web-vitals ${version}, Apache-2.0 */`,
    },
});

mkdirSync("dist", { recursive: true });

await bundle("rum", "rum.js", "iife", true);
await bundle("rum-vitals", "rum-vitals.js", "iife", false);
await bundle("module", "rum.mjs", "esm", true);
await bundle("module-vitals", "rum-vitals.mjs", "esm", false);

for (const types of ["rum.d.ts", "rum-vitals.d.ts"]) {
    cpSync(types, `dist/${types}`);
}
