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

import { flag } from "./options";
import { ask, drain, hurry, later, sendText, soon, texts } from "./send";
import {
    forget, save, session, silence, silent, touch, type Session,
} from "./session";
import type { Attribution, Beacon, Lists, Numbers } from "./types";
import { attempt, bare, cut, id, idle, now, oneByOne } from "./util";

const LIST_MAX = 30;
const SEQ_MAX = 9;
const HOLD_AFTER = 2000;

/* else the browser makes an exception, with a stack, which takes long */
const NO_REASON = 0;

export interface View {
    _id: string;
    _seq: number;
    _start: number;             /* on the clock of performance.now() */
    _nav: string;
    _page: string;
    _route?: boolean;           /* no document was loaded for it */
    _session?: Session;
    _from?: string;
    _document?: Partial<Beacon>;    /* of the request that brought it */
    _metrics: Numbers;
    _sent: Numbers;
    _attribution: Record<string, Attribution>;
    _lists: Record<keyof Lists, any[]>;
}

export let view: View;

/* of the document */
export const tags: Record<string, string | number> = {};
export const context: Partial<Beacon> = {};

/* called before a beacon is made: whoever has something not told yet; all of
   it before one leaves, what is at hand before one is held */
export const collectors: ((all?: boolean) => void)[] = [];

/* called when a view begins that needs no new document */
export const restarts: ((route?: boolean) => void)[] = [];

let shown = false;
let visible = 0;                /* ms of this view so far */
let visibleFrom: number | undefined;

let held: { activated: boolean } | undefined;
let abort: AbortController | undefined;
let heldBeacon: Beacon;
let timer: any;
let steps: (() => void)[] = [];     /* to the next one held */

export const address = (): string => flag("query")
    ? cut(location.href, 512) : bare(location.href);

export const begin = (
    nav: string, start: number, page = address(), route?: boolean,
): void => {
    if (view) {
        flush();
        restarts.forEach((restart) => restart(route));
    }

    visible = 0;

    if (visibleFrom != undefined) {
        visibleFrom = start;
    }

    watch();

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

    } else {
        view._metrics.dropped = (view._metrics.dropped || 0) + 1;
    }
};

/* the view is one of the session; none that nobody saw, or wants to be known */
const enter = (): Session | undefined => {
    if (silent || !shown) {
        return undefined;
    }

    if (!view._session) {
        const s = view._session = session();

        s.n++;
        view._from = s.from || bare(document.referrer) || undefined;
        s.from = view._page;
        save(s);
    }

    return view._session;
};

const make = (): Beacon | undefined => {
    const s = enter();
    const metrics: Numbers = {};
    const attribution: Record<string, Attribution> = {};
    const lists: Lists = {};
    let more = !view._seq;

    if (!s) {
        return undefined;
    }

    watch();

    /* a second more is worth no beacon */
    if (!(visible - view._sent.time_visible! < 1000)) {
        view._metrics.time_visible = Math.round(visible);
    }

    if (!s.in && !view._seq) {
        view._seq = 1;          /* errors only: not a view */
    }

    for (const name in view._lists) {
        const list = view._lists[name as keyof Lists];

        if (list.length && (s.in || name == "errors")) {
            lists[name as keyof Lists] = [...list];
            more = true;
        }
    }

    if (s.in) {
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
        session: s.id,
        n: s.n,
        seq: view._seq,
        page: view._page,
        from: view._from,
        nav: view._nav,
        metrics,
        attribution,
        ...lists,
        ...context,
        ...view._document,
        tags: { ...tags, ...view._document?.tags },
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

    steps.length = 0;
    clearTimeout(timer);
    timer = undefined;
};

/* in place of the one before */
const give = (beacon: Beacon, body: string): void => {
    const next = new AbortController();
    const request = ask(body, next.signal);

    steps.push(() => {
        const result = later(request);

        if (result) {
            abort?.abort(NO_REASON);
            held = result;
            abort = next;
            heldBeacon = beacon;
        }
    });
};

/*
 * First when there is hardly anything to tell, for pages die young.  One is
 * not taken back before there is another: between the two, they die, too.
 */
export const hold = (): void => {
    look();

    if ((globalThis as any).fetchLater) {
        oneByOne(steps = [
            ...collectors,

            enter,

            () => {
                const beacon = make();

                if (beacon) {
                    const [body] = texts(beacon);

                    steps.push(() => give(beacon, body!));
                }
            },
        ]);
    }
};

/* there is something new to tell */
export const changed = (): void => {
    if (!timer && (globalThis as any).fetchLater) {
        timer = setTimeout(() => idle(hold),
                           held || steps.length ? HOLD_AFTER : 0);
    }
};

/*
 * The browser's is taken back when this has left: until then, the page may
 * die.
 */
export const flush = (leaving?: boolean): void => {
    look();
    collectors.forEach((collect) => attempt(() => collect(true)));

    const beacon = make();
    const parts = beacon ? texts(beacon) : [];
    const old = abort;

    const tasks = [
        ...parts.map((text) => (atOnce?: boolean) => sendText(text, atOnce)),
        () => old?.abort(NO_REASON),
    ];

    if (beacon) {
        sent(beacon, parts.length);
        touch(view._session!);
    }

    held = abort = undefined;

    if (!leaving) {
        tasks.forEach(soon);

    } else if (!silent) {
        /* what was kept would end with the tab */
        drain();
        hurry();
        tasks.forEach((task) => task(true));
    }
};

export const consent = (given: boolean): void => {
    if (!given) {
        look();
        abort?.abort(NO_REASON);
        held = abort = view._session = undefined;
        forget();

    } else if (silent) {
        drain();
        changed();
    }

    silence(!given);
};

