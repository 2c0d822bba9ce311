/*
 * The whole agent.
 */

import { startClicks, startScroll } from "./actions";
import { call } from "./api";
import { startErrors } from "./errors";
import { startFrames } from "./frames";
import { wanted, type Options } from "./options";
import { startResources } from "./resources";
import { startRoutes } from "./routes";
import { start as begin } from "./start";
import { vitals } from "./vitals";

const off = (name: string, startIt: () => void) => () => {
    if (wanted(name)) {
        startIt();
    }
};

/* first that of which the browser keeps no list */
export const start = (options?: Options) => begin(options, [
    off("errors", startErrors),
    off("clicks", startClicks),
    off("routes", startRoutes),
    ...vitals,
    off("frames", startFrames),
    off("resources", startResources),
    off("scroll", startScroll),
], call);
