/*
 * How beacons leave the page: by fetchLater or sendBeacon while it is being
 * left, else by fetch, which says whether they arrived.  What does not is kept
 * for later.
 */

import { beaconUrl } from "./options";
import { keep, silent, unkeep } from "./session";
import type { Beacon } from "./types";
import { attempt, next } from "./util";

declare const FULL: boolean;

/* sendBeacon, keepalive and nginx take 64 KB: bytes, not characters */
const MAX_BYTES = 6e4;

/* below, gzip saves no packet */
const GZIP_FROM = 2e3;

/* the page's own fetch may be watched by now: see errors.ts */
const plainFetch = globalThis.fetch;

const LISTS = ["errors", "actions", "resources", "events"] as const;

/* made in one task and sent in another, for both take long */
export const ask = (body: string | Blob, signal?: AbortSignal): Request =>
    new Request(beaconUrl(), {
        method: "POST",
        body,
        keepalive: true,
        signal,
    });

const post = (body: string, request: Request): void => {
    /* consent may have been withdrawn while it waited */
    if (silent) {
        return;
    }

    plainFetch(request).then((answer) => {
        if (answer.status == 429 || answer.status > 499) {
            keep(body);
        }
    }, () => keep(body));
};

const gzip = (text: string): Promise<Blob> =>
    new Response(new Blob([text]).stream().pipeThrough(
        new CompressionStream("gzip"))).blob()
        .then((blob) => new Blob([blob]));

/* the browser does it, whatever becomes of the page; nothing where it cannot,
   or has been given too much */
export const later = (request: Request, activateAfter?: number): any =>
    attempt(() => (globalThis as any).fetchLater(request, { activateAfter }));

type Task = (leaving?: boolean) => void;

/* what has to be done even if the page is left */
const waiting = new Set<Task>();

export const soon = (task: Task): void => {
    waiting.add(task);
    next(() => waiting.delete(task) && task());
};

/* the page is being left */
export const hurry = (): void => {
    for (const task of waiting) {
        waiting.delete(task);
        task(true);
    }
};

/* leaving: there is no time for anything that is not done at once */
export const sendText = (body: string, leaving?: boolean): void => {
    if (navigator.onLine == false) {
        keep(body);

    } else if (leaving) {
        const request = ask(body);

        if (later(request, 0)) {
            return;
        }

        if (!navigator.sendBeacon) {
            post(body, request);

        } else if (!navigator.sendBeacon(request.url, body)) {
            /* too much is on its way already */
            keep(body);
        }

    } else if (body.length > GZIP_FROM
        && globalThis.CompressionStream)
    {
        const asItIs = (): void => sendText(body, true);

        const send = (data: string | Blob): void => {
            if (waiting.delete(asItIs)) {
                const request = ask(data);

                soon(() => post(body, request));
            }
        };

        waiting.add(asItIs);
        gzip(body).then(send, () => send(body));

    } else {
        const request = ask(body);

        soon(() => post(body, request));
    }
};

const fits = (text: string): boolean => text.length * 3 < MAX_BYTES
    || new TextEncoder().encode(text).length < MAX_BYTES;

/* only the first has what is not in a list */
const split = (beacon: Beacon): Beacon[] => {
    const first = { ...beacon };
    const { metrics, attribution, ...second } = beacon;
    let longest = 1;

    if (fits(JSON.stringify(beacon))) {
        return [beacon];
    }

    for (const name of LISTS) {
        const list = beacon[name] || [];
        const half = list.length >> 1;

        longest = Math.max(longest, list.length);
        first[name] = list.slice(0, half) as any;
        second[name] = list.slice(half) as any;
    }

    /* one item alone is never that long */
    return longest > 1 ? [...split(first), ...split(second)] : [beacon];
};

/*
 * The text of a beacon, or those of its parts if it is too long.  Each has a
 * seq of its own: a view and a seq are one beacon.
 */
export const texts = (beacon: Beacon): string[] => {
    const text = JSON.stringify(beacon);

    return !FULL || fits(text) ? [text]
        : split(beacon).map((part, i) =>
            JSON.stringify({ ...part, seq: beacon.seq + i }));
};

export const drain = (): void => {
    for (const body of unkeep()) {
        soon((leaving) => sendText(body, leaving));
    }
};
