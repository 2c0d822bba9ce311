/*
 * rum(...), for the page itself.  What was called before the script had
 * loaded stands in rum.q.  rum.d.ts has the types.
 */

import { report, thrown } from "./errors";
import { now, tenth } from "./util";
import { add, begin, changed, consent, tags, view } from "./view";

export type Command = [name: string, ...args: any[]];

const commands: Record<string, (...args: any[]) => void> = {
    metric(name, value) {
        view._metrics[name] = +value;
        changed();
    },

    mark(name) {
        view._metrics[name] = tenth(now() - view._start);
        changed();
    },

    event(name, value) {
        add("events", { name, value });
    },

    tag(name, value) {
        tags[name] = value;
        changed();
    },

    error(error, more) {
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
