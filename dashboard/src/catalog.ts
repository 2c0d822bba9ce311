/*
 * What there is to look at: metrics with their units and thresholds, sites,
 * and the dimensions of the site.
 */

import { address, type Round } from "./api";
import type { Metric } from "./types";

export const VITALS = ["lcp", "inp", "cls", "fcp", "ttfb"];

export const catalog = {
    metrics: new Map<string, Metric>(),
    sites: [] as string[],

    /* dimension -> its metrics, of this site */
    site: undefined as string | undefined,
    dimensions: new Map<string, string[]>(),
};

/* those that have a page of their own */
const DETAILS = new Set([
    "error", "host", "action", "event", "speed", "lcp_target", "lcp_url",
    "inp_target", "inp_url", "inp_type", "cls_target",
]);

interface Lists {
    metrics?: Metric[];
    sites?: string[];
    dimensions?: { name: string; metrics: string[] }[];
}

export const loadCatalog = async (round: Round): Promise<void> => {
    const [metrics, sites] = await Promise.all([
        round.ask<Lists>(address({ list: "metrics" })),
        round.ask<Lists>(address({ list: "sites", limit: 1000 })),
    ]);

    catalog.metrics = new Map(metrics.metrics?.map((metric) => [metric.name, metric]));
    catalog.sites = sites.sites ?? [];
};

export const loadDimensions = async (round: Round, site: string): Promise<void> => {
    const { dimensions } = await round.ask<Lists>(address({ list: "dimensions", site }));

    catalog.dimensions = new Map(dimensions?.map(({ name, metrics }) => [name, metrics]));
    catalog.site = site;
};

/* dimensions that visitors are told apart by: no details, no pairs */
export const visitorDimensions = (): string[] =>
    [...catalog.dimensions.keys()].filter((name) =>
        name !== "all" && !name.includes(",") && !DETAILS.has(name));

/* figures are there for both at once */
export const keptTogether = (one: string, other: string): boolean =>
    catalog.dimensions.has(`${one},${other}`) || catalog.dimensions.has(`${other},${one}`);

/*
 * Whether there are figures for the dimensions of a question; who asks for
 * others is refused.  A site without any may have all of them one day.
 */
export const isKept = (question: string): boolean => {
    const { searchParams } = new URL(question);
    const by = searchParams.get("by") ?? "all";
    const where = searchParams.getAll("where").map((filter) => /^([^:]+):[^]/.exec(filter)?.[1] ?? "");

    if (searchParams.get("site") !== catalog.site || !catalog.dimensions.size) {
        return true;
    }

    if (by.includes(",")) {
        return catalog.dimensions.has(by) && where.every((name) => by.split(",").includes(name));
    }

    const [one, other, third] = new Set(by === "all" ? where : [by, ...where]);

    return one === undefined || third === undefined
        && (other === undefined ? catalog.dimensions.has(one) : keptTogether(one, other));
};

/* the same, if they have come since the site's were asked for as well */
export const isKeptNow = async (round: Round, question: string): Promise<boolean> => {
    if (!isKept(question)) {
        await loadDimensions(round, catalog.site!);
    }

    return isKept(question);
};

export const metricName = (name: string): string =>
    VITALS.includes(name) || /^(fid|dns|tcp|tls|tti|tbt)$/.test(name) ? name.toUpperCase()
        : name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

export const thresholds = (metric: string): [good: number, poor: number] | undefined => {
    const { good, poor } = catalog.metrics.get(metric) ?? {};

    return good !== undefined && poor !== undefined ? [good, poor] : undefined;
};

export const unit = (metric: string): string => catalog.metrics.get(metric)?.unit ?? "";
