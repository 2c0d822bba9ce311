/*
 * The agent for those who write TypeScript.  docs/agent.md explains.
 *
 * With the script tag, rum is a global function.  With the module:
 *
 *     import { start } from "ngx-rum-agent";
 *
 *     const rum = start({ beacon: "/rum/beacon" });
 *     rum("conversion", "checkout", 59.9);
 */

export interface RumOptions {
    /** where beacons go, /rum/beacon by default */
    beacon?: string;
    /** name of the site, for a location whose rum_beacon takes it from ?site= */
    site?: string;
    /** share of the sessions that are measured, 0 to 1 */
    sample?: number | string;
    /** errors are sent for the other sessions too */
    errorsAlways?: boolean | string;
    /** collectors that do not run, with a space between them */
    off?: string;
    /** measured in a frame, too, as a view of its own */
    iframes?: boolean | string;
    /** query strings and fragments of page URLs are sent */
    query?: boolean | string;
    /** console.error is an error */
    consoleErrors?: boolean | string;
    /** nothing is sent or stored until rum("consent", true) */
    consent?: "required";
    /** dimensions of your own: "ab:B release:1.2" */
    tags?: string;
}

export interface RumErrorDetails {
    source?: string;
    line?: number;
    col?: number;
    stack?: string;
}

export interface Rum {
    /** sets options; before the script has loaded */
    (command: "config", options: RumOptions): void;
    /** a number of your own: [a-z0-9_.]{1,32} */
    (command: "metric", name: string, value: number): void;
    /** the time since the view began, as a metric of that name */
    (command: "mark", name: string): void;
    /** something that has happened */
    (command: "event", name: string, value?: number): void;
    /** an event that is worth something */
    (command: "conversion", name: string, value?: number): void;
    /** a dimension of this and all further beacons of the document */
    (command: "tag", name: string, value: string | number): void;
    /** an error that was caught */
    (command: "error", error: unknown, details?: RumErrorDetails): void;
    /** whether the visitor agrees; false also forgets the session */
    (command: "consent", given: boolean): void;
    /** a new view begins, of a route that the URL does not tell */
    (command: "view", page: string): void;
}

export function start(options?: RumOptions): Rum;

declare global {
    interface Window {
        rum: Rum & { q?: unknown[][] };
    }

    var rum: Rum & { q?: unknown[][] };
}
