/*
 * Prints what visitors download: minified, gzip -9, as `make agent-size`.
 *
 * test/size.test.mjs keeps the limits.
 */

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

export const LIMITS = { "rum.js": 9000, "rum-vitals.js": 5000 };

export const size = (name) => {
    const script = readFileSync(new URL(`dist/${name}`, import.meta.url));

    return { plain: script.length, gzip: gzipSync(script, { level: 9 }).length };
};

if (process.argv[1]?.endsWith("size.mjs")) {
    console.log("| file | minified | gzip -9 | limit |");
    console.log("|---|---|---|---|");

    for (const [name, limit] of Object.entries(LIMITS)) {
        const { plain, gzip } = size(name);

        console.log(`| \`${name}\` | ${plain} | ${gzip} | ${limit} |`);
    }
}
