/*
 * What visitors download stays small.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS, size } from "../size.mjs";

for (const [name, limit] of Object.entries(LIMITS)) {
    test(`${name} is at most ${limit} bytes`, (t) => {
        const { plain, gzip } = size(name);

        t.diagnostic(`${name}: ${plain} minified, ${gzip} with gzip -9`);
        assert.ok(gzip <= limit, `${gzip} > ${limit}`);
    });
}
