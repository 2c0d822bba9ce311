/*
 * The views by their names in the address, in the order of the navigation.
 */

import { visitorDimensions } from "../catalog";
import { dimensions, own } from "../format";
import { state, type State } from "../state";
import { by } from "./by";
import { actions, causes, conversions, paths, resources } from "./details";
import { errors } from "./errors";
import { health } from "./health";
import { metrics } from "./metrics";
import { overview } from "./overview";
import type { View } from "./parts";

export interface Place {
    title: string;
    to: Partial<State>;
}

const views: Record<string, () => View> = {
    overview, metrics, by, errors, causes, resources, paths, actions, conversions, health,
};

export const view = (): View => (own(views, state.view) ?? overview)();

const FIRST = ["page", "country", "device", "browser", "os", "network"];

/* groups of places */
export const places = (): { title: string; places: Place[] }[] => {
    const rest = visitorDimensions().filter((name) => !FIRST.includes(name)).sort();

    return [
        {
            title: "",
            places: [
                { title: "Overview", to: { view: "overview" } },
                { title: "Metrics", to: { view: "metrics" } },
            ],
        },
        {
            title: "Visitors",
            places: [...FIRST, ...rest].map((by) => ({
                title: dimensions(by), to: { view: "by", by },
            })),
        },
        {
            title: "What goes wrong",
            places: [
                { title: "Errors", to: { view: "errors" } },
                { title: "Slow elements", to: { view: "causes" } },
                { title: "Resources", to: { view: "resources" } },
            ],
        },
        {
            title: "What they do",
            places: [
                { title: "Paths", to: { view: "paths" } },
                { title: "Clicks", to: { view: "actions" } },
                { title: "Conversions", to: { view: "conversions" } },
            ],
        },
        {
            title: "ngx_rum",
            places: [{ title: "System health", to: { view: "health" } }],
        },
    ];
};
