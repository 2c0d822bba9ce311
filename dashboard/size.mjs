/*
 * Prints what a visitor of the dashboard downloads: gzip -9, as
 * `make dashboard-size`.  test/size.test.mjs keeps the limit.
 */

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

export const LIMIT = 120 * 1024;

export const sizes = () => {
    const dist = new URL("dist/", import.meta.url);

    return readdirSync(dist).sort().map((name) => {
        const file = readFileSync(new URL(name, dist));

        return { name, plain: file.length,
                 gzip: gzipSync(file, { level: 9 }).length };
    });
};

if (process.argv[1]?.endsWith("size.mjs")) {
    const all = sizes();
    const sum = (key) => all.reduce((total, file) => total + file[key], 0);

    console.log("| file | minified | gzip -9 |");
    console.log("|---|---|---|");

    for (const { name, plain, gzip } of all) {
        console.log(`| \`${name}\` | ${plain} | ${gzip} |`);
    }

    console.log(`| all | ${sum("plain")} | ${sum("gzip")} (limit ${LIMIT}) |`);
}
