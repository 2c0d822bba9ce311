/*
 * Whether ngx_rum itself is well: what became of the beacons, and where events
 * wait or were lost.
 */

import { address } from "../api";
import { h } from "../dom";
import { at, bytes, count, own, seconds } from "../format";
import { panel, type Panel } from "../panel";
import type { Answer, Numbers } from "../types";
import { tiles, type Tile, type View } from "./parts";

const overview = (): string => address({ last: "5m", limit: 1 });

const words = (name: string): string =>
    name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

const verdict = (kind: "good" | "fair" | "poor", name: string, text: string, more: string): Tile =>
    ({ name, text, more, kind });

const share = (part: number | null | undefined, all: number | null | undefined): number =>
    all ? (part ?? 0) / all : 0;

const verdicts = (answer: Answer): Tile[] => {
    const { aggregator = {}, module = {} } = answer;
    const lag = aggregator["lag"];
    const lost = Number(aggregator["lost"] ?? 0)
        + Number(module["events"]?.["lost_exit"] ?? 0) + Number(module["events"]?.["lost_crash"] ?? 0);
    const links = module["redis"]?.["links"];
    const ring = share(module["ring"]?.["bytes"], module["ring"]?.["size"]);
    const spool = module["spool"]?.["bytes"] ?? 0;
    const age = aggregator["last_flush_age"];

    return [
        aggregator["running"]
            ? verdict("good", "Aggregator", "Running", `${aggregator["owned"]} of ${
                aggregator["partitions"]} partitions owned`)
            : verdict("poor", "Aggregator", "Not running", `${aggregator["owned"]} of ${
                aggregator["partitions"]} partitions owned; is rum-aggregator started?`),
        verdict(typeof lag !== "number" ? "fair" : lag < 10000 ? "good" : "poor", "Lag",
                typeof lag === "number" ? `${count(lag)} events` : "Unknown",
                typeof age === "number" ? `last flush ${seconds(age)} ago` : "no flush yet"),
        verdict(links ? "good" : "poor", "Redis", links ? "Connected" : "Away",
                `${count(module["redis"]?.["failures"] ?? 0)} failures so far`),
        verdict(ring < 0.5 ? "good" : ring < 0.9 ? "fair" : "poor", "Ring",
                `${Math.round(ring * 100)} % full`,
                `${bytes(module["ring"]?.["bytes"] ?? 0)} of ${bytes(module["ring"]?.["size"] ?? 0)}`),
        verdict(spool ? "fair" : "good", "Spool", spool ? bytes(spool) : "Empty",
                `${count(module["spool"]?.["written"] ?? 0)} events went there so far`),
        verdict(lost ? "poor" : "good", "Lost", count(lost),
                `${count(Number(aggregator["duplicates"] ?? 0))} duplicates dropped`),
    ];
};

/* figures that are not counts */
const figure = (group: string, name: string, value: number | boolean | null): string =>
    value === null ? "unknown"
        : typeof value === "boolean" ? (value ? "yes" : "no")
            : name === "built" ? (value ? at(value) : "none")
                : /^(bytes|size)$/.test(name) || name === "high_water" && group !== "events"
                    ? bytes(value)
                    : name === "last_flush_age" ? seconds(value)
                        : name === "events_per_second" ? value.toFixed(1) : count(value);

const table = (group: string, figures: Numbers | Record<string, number | boolean | null>) =>
    h("table", { class: "facts" },
      h("caption", { class: "hidden" }, words(group)),
      h("tbody", {}, Object.entries(figures).map(([name, value]) =>
          h("tr", {}, h("th", { scope: "row", class: "words" }, words(name)),
            h("td", {}, figure(group, name, value as number | boolean | null))))));

const state = (): Panel => panel({
    title: "Now", class: "wide bare", ask: [overview()], csv: false,

    show: ([answer], body) => {
        body.replaceChildren(tiles(verdicts(answer!)));
        return true;
    },
});

const TITLES: Record<string, string> = {
    beacons: "Beacons by result", cut: "Cut at a limit", events: "Events to Redis",
    redis: "Connection to Redis", ring: "Ring in memory", spool: "Spool on disk",
    geoip: "GeoIP database",
};

const figures = (): Panel => panel({
    title: "All figures",
    note: "Since nginx started, and since the partitions began",
    class: "wide",
    ask: [overview()],
    csv: false,

    show: ([answer], body) => {
        const groups: [string, Numbers | Record<string, number | boolean | null>][] = [
            ...Object.entries(answer!.module ?? {}),
            ["aggregator", answer!.aggregator ?? {}],
        ];

        body.replaceChildren(
            h("div", { class: "groups" }, groups.map(([group, all]) => {
                /* of results and cuts: those that occur */
                const some = /^(beacons|cut)$/.test(group)
                    ? Object.fromEntries(Object.entries(all).filter(([, value]) => value)) : all;

                return h("div", {}, h("h3", {}, own(TITLES, group) ?? words(group)),
                         Object.keys(some).length ? table(group, some as Numbers)
                             : h("p", { class: "note" }, "None."));
            })),
            h("p", { class: "note" }, `ngx_rum ${answer!.version ?? ""}`));

        return true;
    },
});

export const health = (): View => ({ title: "System health", panels: [state(), figures()] });
