/*
 * What is downloaded stays small, and names no other host.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { LIMIT, sizes } from "../size.mjs";

test(`all files together are at most ${LIMIT} bytes`, (t) => {
    const all = sizes();
    const sum = all.reduce((total, { gzip }) => total + gzip, 0);

    for (const { name, plain, gzip } of all) {
        t.diagnostic(`${name}: ${plain} minified, ${gzip} with gzip -9`);
    }

    t.diagnostic(`together: ${sum}`);
    assert.ok(sum <= LIMIT, `${sum} > ${LIMIT}`);
});

test("the page names its files by their hash, and nothing inline", () => {
    const page = readFileSync(new URL("../dist/index.html", import.meta.url), "utf8");

    assert.match(page, /src="dashboard\.js\?v=[0-9a-f]{12}"/);
    assert.match(page, /href="dashboard\.css\?v=[0-9a-f]{12}"/);
    assert.doesNotMatch(page, /<script>|<style|style=|https?:/);
});
