/*
 * Bundles both tiers into dist/: rum.js and rum-vitals.js for a script tag,
 * .mjs to import, each with its source map, the types and the licenses.
 *
 * Properties that begin with _ are ours or web-vitals' own: they get short names.
 */

import {
    cpSync, existsSync, mkdirSync, readFileSync, writeFileSync,
} from "node:fs";
import { resolve } from "node:path";

import { build } from "esbuild";
import { minify } from "terser";

import { lean } from "./lean.mjs";

const { version } = JSON.parse(
    readFileSync("node_modules/web-vitals/package.json", "utf8"));

const lib = resolve("node_modules/web-vitals/dist/modules/lib");

const readable = !!process.env.RUM_READABLE;

/*
 * What a script begins with.  Chromium compiles all of it while it is loaded
 * then, and not each function when it is called, in a task of the page.
 */
const HINT = "//# allFunctionsCalledOnLoad\n";
const LICENSE =
    `/*! ngx_rum, BSD-2-Clause; web-vitals ${version}, Apache-2.0 */`;

const bundle = async (entry, name, format, full) => {
    const outfile = `dist/${name}`;
    const first = format === "iife" ? HINT + LICENSE : LICENSE;

    await build({
        entryPoints: [`src/${entry}.ts`],
        outfile,
        bundle: true,
        minify: !readable,
        sourcemap: true,
        format,
        target: "es2022",
        mangleProps: /^_/,
        define: { FULL: String(full) },
        alias: { "web-vitals-lib": lib },
        plugins: [lean],
        banner: { js: first },
    });

    if (readable) {
        return;
    }

    /* 450 bytes of 8,000 less */
    const { code, map } = await minify(readFileSync(outfile, "utf8"), {
        ecma: 2020,
        module: format === "esm",
        compress: { passes: 3 },
        format: { comments: false, preamble: first },
        sourceMap: {
            content: readFileSync(outfile + ".map", "utf8"),
            url: name + ".map",
        },
    });

    writeFileSync(outfile, code);
    writeFileSync(outfile + ".map", map);
};

mkdirSync("dist", { recursive: true });

await bundle("rum", "rum.js", "iife", true);
await bundle("rum-vitals", "rum-vitals.js", "iife", false);
await bundle("module", "rum.mjs", "esm", true);
await bundle("module-vitals", "rum-vitals.mjs", "esm", false);

const licenses = {
    "ngx_rum": existsSync("LICENSE") ? "LICENSE" : "../LICENSE",
    "web-vitals": "node_modules/web-vitals/LICENSE",
};

writeFileSync("dist/licenses.txt", Object.entries(licenses).map(
    ([name, file]) => `${name}\n\n${readFileSync(file, "utf8")}`).join("\n\n"));

for (const types of ["rum.d.ts", "rum-vitals.d.ts"]) {
    cpSync(types, `dist/${types}`);
}
