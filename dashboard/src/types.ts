/*
 * What the status location answers (docs/status-api.md), as far as the
 * dashboard reads it.
 */

export type Numbers = Record<string, number | null>;

export interface Histogram {
    scale: number;
    zero_count: number;
    offset: number;
    counts: number[];
}

/* how much a quantile has changed since the span before, and how sure that is */
export interface Change {
    value: number;
    low: number | null;
    high: number | null;
}

type Known<T> = { [Name in keyof T]?: T[Name] | null };

export type ErrorSample = Known<{
    type: string;
    message: string;
    source: string;
    line: number;
    col: number;
    stack: string;
    page: string;
    browser: string;
    first_seen: number;         /* Unix ms */
    last_seen: number;
}>;

/* a resource, and the ms that it took */
export interface Slowest {
    url: string;
    duration: number;
}

/* one value of the dimension: figures by name, p75 or views, and more */
export interface Group {
    value: string;
    histogram?: Histogram;
    series?: Record<string, (number | null)[]>;
    compare?: Numbers | null;
    change?: Record<string, Change> | null;
    error?: ErrorSample;
    slowest?: Slowest;
    [figure: string]: unknown;
}

export interface Rows {
    unit?: string;
    total_groups: number;
    groups: Group[];
}

export interface SiteAnswer {
    site: string;
    limited?: boolean;
    metrics?: Record<string, Rows>;
    counters?: Rows;
}

export interface Answer extends SiteAnswer {
    generated_at: number;
    by?: string;
    from: number;
    to: number;
    resolution: number;
    steps?: number[];
    compare?: { from: number; to: number };
    version?: string;
    module?: Record<string, Numbers>;
    aggregator?: Record<string, number | boolean | null>;
    total_sites?: number;
    sites?: SiteAnswer[];
}

/* list=metrics */
export interface Metric {
    name: string;
    unit: string;
    description: string;
    good?: number;
    poor?: number;
}

/* of each step, with buckets=1 */
export const histograms = (group: Group): (Histogram | null)[] =>
    (group.series as { histogram?: (Histogram | null)[] } | undefined)?.histogram ?? [];

export const number = (group: Group | undefined, figure: string): number | undefined => {
    const value = group?.[figure];

    return typeof value === "number" ? value : undefined;
};
