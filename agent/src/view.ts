/*
 * The page view: what is known of it, and what of that was sent.
 *
 *   begin()   a view begins: the document, one restored from the
 *             back/forward cache, or a route of a single-page application
 *   flush()   sends what has changed since the last time; the page is hidden,
 *             another view begins, or a list is full
 *
 * Between the two, the browser itself holds the beacon (fetchLater), where it
 * can: it goes out even if the page dies without a word.
 */

import { beaconUrl, flag } from "./options";
import { drain, hurry, sendText, texts } from "./send";
import { forget, save, session, type Session } from "./session";
import type { Attribution, Beacon, Lists, Numbers } from "./types";
import { attempt, bare, id, idle, now } from "./util";

const LIST_MAX = 30;
const SEQ_MAX = 9;
const HOLD_AFTER = 2000;

export interface View {
    _id: string;
    _seq: number;
    _start: number;             /* on the clock of performance.now() */
    _nav: string;
    _page: string;
    _route?: boolean;           /* no document was loaded for it */
    _session?: Session;
    _from?: string;
    _metrics: Numbers;
    _sent: Numbers;
    _attribution: Record<string, Attribution>;
    _lists: Record<keyof Lists, any[]>;
}

export let view: View;

/* of the document */
export const tags: Record<string, string | number> = {};
export const context: Partial<Beacon> = {};

/* called before a beacon is made: whoever has something not told yet */
export const collectors: (() => void)[] = [];

/* called when a view begins that needs no new document */
export const restarts: ((route?: boolean) => void)[] = [];

/* no consent yet, or no more */
let silent = false;

let shown = false;
let visible = 0;                /* ms of this view so far */
let visibleFrom: number | undefined;

let held: { activated: boolean } | undefined;
let abort: AbortController | undefined;
let heldBeacon: Beacon;
let timer: any;

export const address = (): string =>
    flag("query") ? location.href : bare(location.href);

export const begin = (
    nav: string, start: number, page = address(), route?: boolean,
): void => {
    if (view) {
        flush();
        restarts.forEach((restart) => restart(route));
    }

    watch();
    visible = 0;

    if (visibleFrom != undefined) {
        visibleFrom = start;
    }

    view = {
        _id: id(),
        _seq: 0,
        _start: start,
        _nav: nav,
        _page: page,
        _route: route,
        _metrics: {},
        _sent: {},
        _attribution: {},
        _lists: { errors: [], actions: [], resources: [], events: [] },
    };

    changed();
};

/* starts or stops the clock of the time for which the view is seen */
export const watch = (): void => {
    if (visibleFrom != undefined) {
        visible += now() - visibleFrom;
    }

    visibleFrom = undefined;

    if (document.visibilityState == "visible") {
        shown = true;
        visibleFrom = now();
    }
};

export const add = (name: keyof Lists, item: unknown): void => {
    const list = view._lists[name];

    if (list.length < LIST_MAX) {
        list.push(item);
        changed();

    } else if (view._seq < SEQ_MAX) {
        flush();
        list.push(item);
    }
};

const make = (): Beacon | undefined => {
    let more = !view._seq;

    /* nothing of what nobody saw, or wants to be known */
    if (silent || !shown) {
        return undefined;
    }

    const metrics: Numbers = {};
    const attribution: Record<string, Attribution> = {};
    const lists: Lists = {};

    collectors.forEach(attempt);
    watch();

    /* a second more is worth no beacon */
    if (!(visible - view._sent.time_visible! < 1000)) {
        view._metrics.time_visible = Math.round(visible);
    }

    if (!view._session) {
        const s = view._session = session();

        s.n++;
        view._from = s.from || bare(document.referrer) || undefined;
        s.from = view._page;
        save(s);
    }

    if (!view._session.in && !view._seq) {
        view._seq = 1;          /* errors only: not a view */
    }

    for (const name in view._lists) {
        const list = view._lists[name as keyof Lists];

        if (list.length && (view._session.in || name == "errors")) {
            lists[name as keyof Lists] = [...list];
            more = true;
        }
    }

    if (view._session.in) {
        for (const name in view._metrics) {
            if (view._metrics[name] !== view._sent[name]) {
                metrics[name] = view._metrics[name]!;
                more = true;

                if (view._attribution[name]) {
                    attribution[name] = view._attribution[name]!;
                }
            }
        }

    } else if (!lists.errors || !flag("errorsAlways")) {
        return undefined;
    }

    return !more ? undefined : {
        v: 1,
        view: view._id,
        session: view._session.id,
        n: view._session.n,
        seq: view._seq,
        page: view._page,
        from: view._from,
        nav: view._nav,
        metrics,
        attribution,
        ...lists,
        tags,
        ...context,
    };
};

/* has left, or will without us */
const sent = (beacon: Beacon, parts: number): void => {
    Object.assign(view._sent, beacon.metrics);
    view._seq += parts;

    for (const name in view._lists) {
        view._lists[name as keyof Lists].splice(
            0, beacon[name as keyof Lists]?.length || 0);
    }
};

/* what the browser held may have just been sent */
const look = (): void => {
    if (held?.activated) {
        sent(heldBeacon, 1);
        held = abort = undefined;
    }

    clearTimeout(timer);
    timer = undefined;
};

/* takes the beacon back from the browser */
const release = (): void => {
    look();
    abort?.abort();
    held = abort = undefined;
};

/*
 * First when there is hardly anything to tell, for pages die young.  One is
 * not taken back before there is another: between the two, they die, too.
 */
export const hold = (): void => {
    look();

    const beacon = (globalThis as any).fetchLater && make();

    if (beacon) {
        const next = new AbortController();

        attempt(() => {
            held = (globalThis as any).fetchLater(beaconUrl(), {
                method: "POST",
                body: texts(beacon)[0],
                signal: next.signal,
            });

            abort?.abort();
            abort = next;
            heldBeacon = beacon;
        });
    }
};

/* there is something new to tell */
export const changed = (): void => {
    if (!timer && (globalThis as any).fetchLater) {
        timer = setTimeout(() => idle(hold), held ? HOLD_AFTER : 0);
    }
};

export const flush = (leaving?: boolean): void => {
    look();

    /* what was kept would end with the tab */
    if (leaving && !silent) {
        drain(leaving);
    }

    const beacon = make();

    if (beacon) {
        const parts = texts(beacon);

        sent(beacon, parts.length);
        save(view._session!);
        parts.forEach((text) => sendText(text, leaving));
    }

    release();

    if (leaving) {
        hurry();
    }
};

export const consent = (given: boolean): void => {
    if (!given) {
        release();
        forget();

    } else if (silent) {
        drain();
        changed();
    }

    silent = !given;
};

export const silence = (): void => {
    silent = true;
};

