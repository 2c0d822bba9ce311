/*
 * What the visitor did: clicks, how far the page was scrolled.
 *
 *   rage_click  the third click on one thing within a second
 *   dead_click  a second after a click on something that looks as if it did
 *               something, nothing has happened: no change of the document,
 *               no request, no navigation, no focus
 *
 * A handler here only takes notes; what needs a layout waits for an idle moment.
 */

import { requests } from "./errors";
import { idle, now, on, selector, tenth } from "./util";
import { add, restarts, view } from "./view";

const BURST = 1000;
const RAGE = 3;
const LIVELY = "button,[role=button],[onclick],[type=submit],[type=button],"
    + "a:not([href]),a[href='#'],a[href^='javascript:']";

export const startClicks = (): void => {
    let last: EventTarget | null;
    let times: number[] = [];
    let effects = 0;
    let pending = 0;

    const effect = (): void => {
        effects++;
    };

    const observer = new MutationObserver(effect);

    /* the browser's list of requests is full at some time */
    const sum = (): number => effects + requests._begun
        + performance.getEntriesByType("resource").length;

    const dead = (target: any, act: (type: string) => void): void => {
        const element = target.closest?.(LIVELY);

        if (!element || element.disabled) {
            return;
        }

        const { href } = location;
        const before = sum();

        /* and in the shadow tree, if it was in one */
        for (const root of [document, element.getRootNode()]) {
            observer.observe(root, {
                subtree: true,
                childList: true,
                attributes: true,
                characterData: true,
            });
        }

        pending++;

        setTimeout(() => {
            effects += observer.takeRecords().length;

            if (!--pending) {
                observer.disconnect();
            }

            if (sum() == before && href == location.href) {
                act("dead_click");
            }
        }, BURST);
    };

    for (const type of ["scroll", "submit", "focusin", "blur", "pagehide",
        "input", "toggle"])
    {
        on(type, effect);
    }

    on("click", (event) => {
        const target = event.composedPath()[0];
        const t = now();

        const act = (type: string): void => add("actions", {
            type,
            target: selector(target),
            t: tenth(t - view._start),
        });

        act("click");

        times = target == last
            ? [...times.filter((other) => t - other < BURST), t] : [t];
        last = target;

        if (times.length == RAGE) {
            act("rage_click");
        }

        if (event.isTrusted) {
            dead(target, act);
        }
    });
};

export const startScroll = (): void => {
    let waiting = false;

    const measure = (): void => {
        const { scrollHeight } = document.documentElement;
        const depth = Math.min(100, Math.round(
            (scrollY + innerHeight) / scrollHeight * 100));

        waiting = false;
        view._metrics.scroll_depth
            = Math.max(view._metrics.scroll_depth || 0, depth);
    };

    const later = (): void => {
        if (!waiting) {
            waiting = true;
            idle(measure);
        }
    };

    on("scroll", later);
    restarts.push(later);
    later();
};
