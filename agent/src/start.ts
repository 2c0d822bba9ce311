/*
 * How it begins: options, what the page has asked for before, and whether
 * anything may be measured at all.
 */

import { options, refused, type Options } from "./options";
import { drain } from "./send";
import {
    activation, navigationType, startNavigation,
} from "./navigation";
import { attempt, idle, on } from "./util";
import { begin, flush, hold, silence, tags, watch } from "./view";

type Call = [name: string, ...args: any[]];

/*
 * Each step is a task of its own, so that none is long; a page that is left
 * before the last one has all that are missing done at once.
 */
export const start = (
    given: Options, steps: (() => void)[], call: (command: Call) => void,
): ((...command: Call) => void) => {
    const page = window as any;
    const waiting: Call[] = page.rum?.q || [];

    /* while it has a q, calls wait in there */
    const rum: any = page.rum = (...command: Call): void => {
        if (command[0] == "config") {
            Object.assign(options, command[1]);

        } else if (rum.q) {
            waiting.push(command);

        } else if (page.rumStarted) {
            call(command);
        }
    };

    Object.assign(options, given);
    waiting.forEach((command) => command[0] == "config" && rum(...command));

    if (refused()) {
        return rum;
    }

    /* of two script tags it is the first that counts */
    if (page.rumStarted) {
        return page.rum = page.rumStarted;
    }

    page.rumStarted = rum;
    rum.q = waiting;

    const step = (): boolean => {
        attempt(steps.shift()!);
        return steps.length > 0;
    };

    const next = (): void => {
        if (steps.length) {
            step();
            setTimeout(next);
        }
    };

    steps = [
        startView,
        hold,
        ...steps,
        startNavigation,

        () => {
            rum.q = undefined;
            waiting.forEach(call);
        },
    ];

    on("visibilitychange", () => {
        if (document.visibilityState == "hidden"
            && !(document as any).prerendering)
        {
            while (step());
        }
    });

    if ((document as any).prerendering) {
        document.addEventListener("prerenderingchange", () => setTimeout(next),
                                  { once: true });
    } else {
        setTimeout(next);
    }

    return rum;
};

const startView = (): void => {
    for (const tag of ("" + (options.tags || "")).split(/[\s,]+/)) {
        const [name, value] = tag.split(":");

        if (value) {
            tags[name!] = value;
        }
    }

    if (options.consent == "required") {
        silence();

    } else {
        idle(() => drain());
    }

    begin(navigationType(), activation());

    /*
     * On its way up: the listeners of web-vitals and of the page, which
     * have the last values, come before.
     */
    on("visibilitychange", () => {
        watch();
        leaving();
    }, false);

    on("pagehide", leaving, false);

    on("pageshow", (event) => {
        if (event.persisted) {
            begin("back_forward_cache", event.timeStamp);
        }
    });

    on("online", () => drain());
};

const leaving = (): void => {
    if (document.visibilityState == "hidden") {
        flush(true);
    }
};
