/*
 * Web Vitals only: rum() knows config and consent.
 */

import { start as begin, type Given } from "./start";
import { consent } from "./view";
import { vitals } from "./vitals";

export const start = (given?: Given) => begin(given, vitals,
    ([name, agreed]) => {
        if (name == "consent") {
            consent(agreed);
        }
    });
