/*
 * rum(...), for the page itself: nginx refuses a beacon with a value of a wrong
 * type, so whatever is said here becomes what it ought to be.  What was called
 * before the script had loaded stands in rum.q.  rum.d.ts has the types.
 */

import { report, thrown } from "./errors";
import { now, tenth } from "./util";
import { add, begin, changed, consent, tags, view } from "./view";

export type Command = [name: string, ...args: any[]];

const commands: Record<string, (...args: any[]) => void> = {
    metric(name, value) {
        if (isFinite(value)) {
            view._metrics[name] = +value;
            changed();
        }
    },

    mark(name) {
        view._metrics[name] = tenth(now() - view._start);
        changed();
    },

    event(name, value) {
        add("events", {
            name: "" + name,
            value: value == null ? value : +value,
        });
    },

    tag(name, value) {
        tags[name] = "" + (value ?? "");
        changed();
    },

    error(error, given = {}) {
        const more: Record<string, unknown> = {};

        for (const name in given) {
            more[name] = /line|col/.test(name)
                ? +given[name] || 0 : "" + given[name];
        }

        if (error instanceof Object) {
            thrown(error, "Error", more);
        } else {
            report("Error", error, more);
        }
    },

    view(page) {
        begin("soft_navigation", now(), page, true);
    },

    consent,
};

commands.conversion = commands.event!;

export const call = ([name, ...args]: Command): void => {
    commands[name]?.(...args);
};
