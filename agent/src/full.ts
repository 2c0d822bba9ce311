/*
 * The whole agent.
 */

import { startClicks, startScroll } from "./actions";
import { call } from "./api";
import { startErrors } from "./errors";
import { startFrames } from "./frames";
import { wanted } from "./options";
import { startResources } from "./resources";
import { startRoutes } from "./routes";
import { start as begin, type Given } from "./start";
import { vitals } from "./vitals";

const off = (name: string, startIt: () => void) => () => {
    if (wanted(name)) {
        startIt();
    }
};

/* first that of which the browser keeps no list */
export const start = (given?: Given) => begin(given, [
    off("errors", startErrors),
    off("clicks", startClicks),
    off("routes", startRoutes),
    ...vitals.map((step) => off("vitals", step)),
    off("frames", startFrames),
    off("resources", startResources),
    off("scroll", startScroll),
], call);
