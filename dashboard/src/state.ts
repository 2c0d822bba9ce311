/*
 * What is looked at.  It is all in the page's query string, in the API's own
 * words, so that it can be shared, kept as a bookmark and gone back to.
 */

export interface Filter {
    dimension: string;
    value: string;
}

export interface State {
    view: string;
    site: string;
    last: string;               /* "" with from and to */
    from: number;
    to: number;
    where: Filter[];
    metric: string;             /* of the view "metrics" */
    by: string;                 /* of the view "by" */
    item: string;               /* the row that is looked into */
}

export const LASTS = ["5m", "15m", "1h", "6h", "24h", "7d", "30d"];

const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86400 };

const spanSeconds = (last: string): number =>
    Number(last.slice(0, -1)) * (UNITS[last.slice(-1)] ?? NaN);

const DEFAULTS = {
    view: "overview", last: "1h", metric: "lcp", by: "page", item: "", site: "",
};

const listeners: (() => void)[] = [];

const read = (): State => {
    const query = new URLSearchParams(location.search);
    const from = Number(query.get("from"));
    const to = Number(query.get("to"));
    const custom = from > 0 && to > from;
    const last = query.get("last") ?? DEFAULTS.last;

    return {
        view: query.get("view") || DEFAULTS.view,
        site: query.get("site") ?? DEFAULTS.site,
        last: custom ? "" : spanSeconds(last) >= 60 ? last : DEFAULTS.last,
        from: custom ? from : 0,
        to: custom ? to : 0,
        where: query.getAll("where").filter((text) => text.includes(":")).map((text) => ({
            dimension: text.slice(0, text.indexOf(":")),
            value: text.slice(text.indexOf(":") + 1),
        })),
        metric: query.get("metric") || DEFAULTS.metric,
        by: query.get("by") || DEFAULTS.by,
        item: query.get("item") ?? DEFAULTS.item,
    };
};

export let state = read();

/* the address of the page with something changed */
export const href = (change: Partial<State>): string => {
    const next = { ...state, ...change };
    const query = new URLSearchParams();

    for (const name of ["view", "site", "metric", "by", "item"] as const) {
        const meant = name !== "metric" && name !== "by"
            || next.view === (name === "by" ? "by" : "metrics");

        if (meant && next[name] && (next[name] !== DEFAULTS[name] || name === "by")) {
            query.set(name, next[name]);
        }
    }

    if (next.last) {
        query.set("last", next.last);

    } else {
        query.set("from", String(next.from));
        query.set("to", String(next.to));
    }

    for (const { dimension, value } of next.where) {
        query.append("where", `${dimension}:${value}`);
    }

    return `?${query}`;
};

const changed = (): void => {
    state = read();
    listeners.forEach((listener) => listener());
};

export const go = (change: Partial<State>, how: "push" | "replace" = "push"): void => {
    const address = href(change);

    if (address !== location.search) {
        history[how === "push" ? "pushState" : "replaceState"](null, "", address);
    }

    changed();
};

export const onChange = (listener: () => void): void => {
    listeners.push(listener);
};

addEventListener("popstate", changed);

/* the other filters stay if they go with it */
export const withFilter = (
    filter: Filter, goesWith: (dimension: string) => boolean,
): Partial<State> => ({
    where: [...state.where.filter(({ dimension }) =>
        dimension !== filter.dimension && goesWith(dimension)), filter],
});

export const withoutFilter = (dimension: string): Partial<State> => ({
    where: state.where.filter((filter) => filter.dimension !== dimension),
});

/* how long the span is, in seconds */
export const span = (): number =>
    state.last ? spanSeconds(state.last) : state.to - state.from;

/*
 * The width of a step, so that a series has some 15 to 170, and is of windows
 * that the aggregator keeps by default: minutes for 6 hours, hours for 35 days.
 */
export const step = (): number => {
    const seconds = span();
    const age = state.last ? seconds : Date.now() / 1000 - state.from;

    return age > 35 * 86400 || seconds > 8 * 86400 ? 86400
        : age > 6 * 3600 || seconds > 6 * 3600 ? 3600
            : seconds > 2 * 3600 ? 300 : 60;
};
