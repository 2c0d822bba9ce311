/*
 * Views without a new document: routes of single-page applications.
 *
 * A change of the path is a view, once the interaction that led to it is
 * measured, for it belongs to the view before.  A path that is replaced by
 * one that differs in its numbers only is none, nor what happens before the
 * document has loaded: that is the application finding its first route.  A
 * route that is left while it waits for that was a view all the same.
 */

import { attempt, bare, idle, now, on } from "./util";
import { address, begin, view } from "./view";

/* ms after which the browser has told how long an interaction took */
const MEASURED = 500;

const shape = (url: string): string =>
    bare(url).replace(/[^/]*\d[^/]*/g, "");

/* a route that is not yet a view */
let next: { _page: string; _start: number } | undefined;

const arrive = (): void => {
    const { _page: page, _start: start } = next || {};

    next = undefined;

    if (page && page != view._page) {
        begin("soft_navigation", start!, page, true);
    }
};

const depart = (replace: boolean): void => {
    const current = next || view;
    const page = address();

    if (page == current._page) {
        return;
    }

    /* what is replaced while it waits was on the way only */
    if (document.readyState != "complete" || replace
        && (next || shape(page) == shape(current._page)))
    {
        current._page = page;
        return;
    }

    arrive();

    const route = next = { _page: page, _start: now() };

    setTimeout(() => idle(() => next == route && arrive()), MEASURED);
};

export const startRoutes = (): void => {
    const { navigation } = window as any;

    if (navigation) {
        navigation.addEventListener("currententrychange", (event: any) =>
            depart(event.navigationType == "replace"));

    } else {
        for (const name of ["pushState", "replaceState"] as const) {
            const { [name]: original } = history;

            history[name] = (...args) => {
                original.apply(history, args);
                attempt(() => depart(name == "replaceState"));
            };
        }

        on("popstate", () => depart(false));
    }

    /* a page that goes away does not wait for frames */
    on("visibilitychange", arrive);
};
