/*
 * Web Vitals only: rum() knows config and consent.
 */

import type { Options } from "./options";
import { start as begin } from "./start";
import { consent } from "./view";
import { vitals } from "./vitals";

export const start = (options?: Options) => begin(options, vitals,
    ([name, given]) => {
        if (name == "consent") {
            consent(given);
        }
    });
