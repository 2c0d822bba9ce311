/*
 * How it begins: options, what the page has asked for before, and whether
 * anything may be measured at all.
 */

import { flag, options, refused, type Options } from "./options";
import { drain } from "./send";
import {
    activation, navigationType, startNavigation,
} from "./navigation";
import { on } from "./util";
import { begin, flush, silence, tags, watch } from "./view";
import { startVitals } from "./vitals";

type Call = [name: string, ...args: any[]];

/*
 * What the page calls, rum.q of before included.  Each task is a task of its
 * own, so that none is long.
 */
export const start = (
    given: Options, tasks: (() => void)[], call: (command: Call) => void,
): ((...command: Call) => void) => {
    const page = window as any;
    let waiting: Call[] | undefined = [];

    const rum = (...command: Call): void => {
        if (command[0] == "config") {
            Object.assign(options, command[1]);

        } else if (waiting) {
            waiting.push(command);

        } else {
            call(command);
        }
    };

    const early = page.rum?.q || [];

    page.rum = rum;
    Object.assign(options, given);

    /* from two script tags it is the first that counts */
    if (page.rumStarted || refused()) {
        waiting = { push() {} } as any;
        return rum;
    }

    page.rumStarted = true;

    for (const command of early) {
        rum(...(command as Call));
    }

    const go = (): void => {
        for (const tag of ("" + (options.tags || "")).split(/[\s,]+/)) {
            const [name, value] = tag.split(":");

            if (value) {
                tags[name!] = value;
            }
        }

        if (options.consent == "required") {
            silence();

        } else {
            drain();
        }

        begin(navigationType(), activation());
        startVitals();
        startNavigation();

        /*
         * On its way up: the listeners of web-vitals and of the page, which
         * have the last values, come before.
         */
        on("visibilitychange", () => {
            watch();

            if (document.visibilityState == "hidden") {
                flush(true);
            }
        }, false);

        on("pagehide", () => {
            if (document.visibilityState == "hidden") {
                flush(true);
            }
        }, false);

        on("pageshow", (event) => {
            if (event.persisted) {
                begin("back_forward_cache", event.timeStamp);
            }
        });

        on("online", drain);

        const next = (): void => {
            const task = tasks.shift();

            if (task) {
                task();
                setTimeout(next);

            } else {
                const commands = waiting!;

                waiting = undefined;
                commands.forEach(call);
            }
        };

        setTimeout(next);
    };

    if ((document as any).prerendering) {
        document.addEventListener("prerenderingchange", () => setTimeout(go),
                                  { once: true });
    } else {
        go();
    }

    return rum;
};

export { flag };
