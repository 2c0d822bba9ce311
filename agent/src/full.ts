/*
 * The whole agent.
 */

import { startActions } from "./actions";
import { call } from "./api";
import { startErrors } from "./errors";
import { startFrames } from "./frames";
import { wanted, type Options } from "./options";
import { startResources } from "./resources";
import { startRoutes } from "./routes";
import { start as begin } from "./start";

const collectors: Record<string, () => void> = {
    errors: startErrors,
    frames: startFrames,
    resources: startResources,
    actions: startActions,
    routes: startRoutes,
};

export const start = (options: Options) => begin(options,
    Object.keys(collectors).map((name) => () => {
        if (wanted(name)) {
            collectors[name]!();
        }
    }), call);
