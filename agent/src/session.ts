/*
 * The session, and the beacons that could not be sent: both in
 * sessionStorage, so they end with the tab.  No cookie.
 */

import { options } from "./options";
import { attempt, id } from "./util";

const KEY = "rum";
const QUEUE = "rum.q";
const IDLE = 18e5;
const MINUTE = 6e4;
const KEPT_CHARACTERS = 1e6;

export interface Session {
    id: string;
    n: number;          /* views */
    t: number;          /* of the last beacon */
    from?: string;      /* the page before */
    in: boolean;        /* is in the sample */
}

/* no consent yet, or no more */
export let silent = false;

export const silence = (now: boolean): void => {
    silent = now;
};

const read = (key: string): any =>
    attempt(() => JSON.parse(sessionStorage.getItem(key)!));

const write = (key: string, value: unknown): unknown =>
    attempt(() => sessionStorage.setItem(key, JSON.stringify(value)));

/*
 * Another document of the tab may have gone on with it: always read.
 */
export const session = (): Session => {
    const t = Date.now();
    const old = read(KEY);

    return old && t - old.t < IDLE ? old
        : {
            id: id(),
            n: 0,
            t,
            in: Math.random() < +("" + (options.sample ?? "") || 1),
        };
};

export const save = (s: Session): void => {
    s.t = Date.now();
    write(KEY, s);
};

/* a beacon was sent; to write that down each time is not worth it, and what
   was sent when the session had ended is no sign of life */
export const touch = (s: Session): void => {
    const idle = Date.now() - s.t;

    if (idle > MINUTE && idle < IDLE) {
        save(s);
    }
};

/* the oldest go first when there is no more room */
export const keep = (body: string): void => {
    /* it may have been under way when consent was withdrawn */
    if (silent) {
        return;
    }

    const kept: string[] = read(QUEUE) || [];

    kept.push(body);

    while (kept.join().length > KEPT_CHARACTERS) {
        kept.shift();
    }

    write(QUEUE, kept);
};

export const unkeep = (): string[] => {
    const kept = read(QUEUE);

    if (kept) {
        sessionStorage.removeItem(QUEUE);
    }

    return kept || [];
};

export const forget = (): void => {
    unkeep();
    attempt(() => sessionStorage.removeItem(KEY));
};
