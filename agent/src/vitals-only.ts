/*
 * Web Vitals only: rum() knows config and consent.
 */

import type { Options } from "./options";
import { start as begin } from "./start";
import { consent } from "./view";

export const start = (options: Options) => begin(options, [],
    ([name, given]) => {
        if (name == "consent") {
            consent(given);
        }
    });
