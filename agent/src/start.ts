/*
 * How it begins: options, what the page has asked for before, and whether
 * anything may be measured at all.
 */

import { options, refused, type Options } from "./options";
import { drain } from "./send";
import { silence, silent } from "./session";
import {
    activation, navigationType, startNavigation,
} from "./navigation";
import { finish, next, on, oneByOne } from "./util";
import { begin, flush, hold, tags, view, watch } from "./view";

/* options, or the steps that find them, after the script's own task */
export type Given = Options | (() => unknown)[] | undefined;

type Call = [name: string, ...args: any[]];

/*
 * Each step is a task of its own, so that none is long; a page that is left
 * before the last one has all that are missing done at once.
 */
export const start = (
    given: Given, more: (() => void)[],
    call: (command: Call) => void,
): ((...command: Call) => void) => {
    const page = window as any;
    const waiting: Call[] = page.rum?.q || [];

    /* while it has a q, calls wait in there */
    const rum: any = page.rum = (...command: Call): void => {
        if (rum.q) {
            waiting.push(command);
        } else {
            call(command);
        }
    };

    /* of two script tags it is the first that counts */
    if (page.rumStarted) {
        return page.rum = page.rumStarted;
    }

    page.rumStarted = rum;
    rum.q = waiting;

    const steps = [
        ...Array.isArray(given) ? given
            : [() => Object.assign(options, given)],

        () => {
            for (const [name, more] of waiting) {
                if (name == "config") {
                    Object.assign(options, more);
                }
            }

            if (refused()) {
                steps.length = 0;
                rum.q = undefined;
                call = () => {};
            }

            configure();
        },

        () => begin(navigationType(), activation()),

        /* its first use takes long; not touched without consent */
        () => silent || sessionStorage,
        () => silent || drain(),

        hold,
        listen,
        ...more,
        startNavigation,

        () => {
            rum.q = undefined;
            waiting.forEach(call);
        },
    ];

    /* by a timer this once: the first use of the scheduler takes a while */
    const first = () => setTimeout(() => next(() => oneByOne(steps)));

    /* it may be hidden, and gone, before the first of them */
    watch();

    on("visibilitychange", () => {
        if (document.visibilityState == "hidden"
            && !(document as any).prerendering)
        {
            finish(steps);
        }
    });

    /* a tab whose page does not listen to this may be closed without a word */
    on("pagehide", leaving, false);

    if ((document as any).prerendering) {
        document.addEventListener("prerenderingchange", first, { once: true });
    } else {
        first();
    }

    return rum;
};

const configure = (): void => {
    for (const tag of ("" + (options.tags || "")).split(/[\s,]+/)) {
        const [name, value] = tag.split(":");

        if (value) {
            tags[name!] = value;
        }
    }

    if (options.consent == "required") {
        silence(true);
    }
};

const listen = (): void => {
    /*
     * On its way up: the listeners of web-vitals and of the page, which
     * have the last values, come before.
     */
    on("visibilitychange", () => {
        watch();
        leaving();
    }, false);

    on("pageshow", (event) => {
        if (event.persisted) {
            begin("back_forward_cache", event.timeStamp);
        }
    });

    on("online", drain);
};

const leaving = (): void => {
    if (view && document.visibilityState == "hidden") {
        flush(true);
    }
};
