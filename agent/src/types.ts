/*
 * The beacon, as docs/beacon.md has it: what the agent sends.
 */

export type Numbers = Record<string, number>;

export interface Attribution {
    target?: string;
    url?: string;
    type?: "pointer" | "keyboard";
}

export interface BeaconError {
    type: string;
    message: string;
    source?: string;
    line?: number;
    col?: number;
    stack?: string;
    count: number;
}

export interface Action {
    type: string;
    target?: string;
    t: number;
}

export interface Resource {
    host: string;
    type: string;
    count: number;
    duration: number[];
    bytes: number;
    url?: string;
}

export interface CustomEvent {
    name: string;
    value?: number;
}

/* what is sent in parts, and never twice */
export interface Lists {
    errors?: BeaconError[];
    actions?: Action[];
    resources?: Resource[];
    events?: CustomEvent[];
}

export interface Beacon extends Lists {
    v: 1;
    view: string;
    session?: string;
    n?: number;
    seq: number;
    page: string;
    from?: string;
    nav?: string;
    metrics?: Numbers;
    attribution?: Record<string, Attribution>;
    tags?: Record<string, string | number>;
    network?: string;
    memory?: number;
    cores?: number;
    viewport?: string;
    save_data?: string;
    traceparent?: string;
}
