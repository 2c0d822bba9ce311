/*
 * What beacons list: resources by host, paths, clicks, conversions and what
 * the metrics were about.  Each is a table; some can be looked into.
 */

import { about } from "../api";
import { metricName, unit } from "../catalog";
import { figure, h } from "../dom";
import { bytes, count, label, own, pair, percent, short, value } from "../format";
import { panel, type Panel } from "../panel";
import { rated, shape, shares, WORDS, type Rating } from "../rating";
import { counter, quantile, rowsOf, shareOf, total, type Row } from "../rows";
import { go, href, state } from "../state";
import { tableView, type Column, type TableOptions } from "../table";
import { number, type Group } from "../types";
import { countColumn, ROWS, tiles, type Tile, type View } from "./parts";

interface Listing {
    title: string;
    note?: string;
    by: string;
    metric: string;
    q?: string;
    columns: (rows: () => Row[], more: () => Row[]) => Column<Row>[];
    table?: Partial<TableOptions<Row>>;
    where?: string;
    /* another dimension that columns take something from */
    also?: string;
    empty: string;
    class?: string;
    /* to show some of the rows only; the first choice is all */
    choices?: Choice[];
}

interface Choice {
    name: string;
    has: (row: Row) => boolean;
}

/* a table of a dimension of details, with the figures it has */
const listing = (options: Listing): Panel => {
    let rows: Row[] = [];
    let more: Row[] = [];
    let all: number | undefined;

    const choices = options.choices ?? [];
    const choice = h("select", { "aria-label": "Which of them", change: () => draw() },
                     choices.map(({ name }, i) => h("option", { value: i }, name)));

    const draw = (): void => {
        const chosen = choices[Number(choice.value)];

        table.set(chosen ? rows.filter(chosen.has) : rows,
                  chosen && chosen !== choices[0] ? undefined : all);
    };

    const table = tableView<Row>({
        caption: options.title,
        columns: options.columns(() => rows, () => more),
        key: (row) => row.value,
        sort: 1,
        words: (row) => row.value,
        ...options.table,
    });

    const url = new URL(about({
        by: options.by, metric: options.metric, q: options.q, limit: ROWS,
    }));

    if (options.where) {
        url.searchParams.append("where", options.where);
    }

    return panel({
        title: options.title,
        note: options.note,
        class: options.class ?? "wide",
        tools: choices.length ? [choice] : [],
        ask: [url.href, ...options.also ? [about({
            by: options.also, metric: options.metric, q: options.q, limit: 3 * ROWS,
        })] : []],
        empty: options.empty,

        show: ([answer, other], body) => {
            rows = rowsOf(answer!);
            more = other ? rowsOf(other) : [];
            all = total(answer!);

            if (!body.firstChild) {
                body.append(table.node);
            }

            draw();
            return rows.length > 0;
        },
    });
};

const name = (title: string, of = (row: Row) => label("", row.value)): Column<Row> =>
    ({ title, cell: of, sort: of });

const timeColumn = (metric: string, q: string): Column<Row> => ({
    title: q,
    cell: (row) => {
        const time = quantile(row, metric, q);

        return figure(time, time === undefined ? "" : value(time, unit(metric)));
    },
    sort: (row) => quantile(row, metric, q),
});

const bytesColumn = (rows: () => Row[]): Column<Row> => ({
    title: "Transferred",
    cell: (row) => figure(counter(row, "bytes"), bytes(counter(row, "bytes") ?? 0)),
    sort: (row) => counter(row, "bytes"),
    bar: (row) => shareOf(rows(), (other) => counter(other, "bytes"))(row),
});

/* how much of a host is of pages of another site: all, nothing, or some */
const third = (row: Row): number =>
    (counter(row, "third_party_requests") ?? 0) / (counter(row, "requests") || 1);

const party = (row: Row): string =>
    third(row) === 0 ? "Own" : third(row) === 1 ? "Third party" : "Both";

const partyColumn: Column<Row> = {
    title: "Whose", words: true,
    hint: "Third party: of another site than the page's, by the names of the hosts",
    cell: (row) => h("span", { class: third(row) > 0 ? "party third" : "party" }, party(row)),
    sort: party,
};

const resourceColumns = (title: string, of?: (row: Row) => string, whose = true) =>
    (rows: () => Row[]): Column<Row>[] => [
        name(title, of),
        ...whose ? [partyColumn] : [],
        countColumn("requests", "Requests", rows),
        bytesColumn(rows),
        ...["p50", "p75", "p95"].map((q) => timeColumn("duration", q)),
    ];

/* without its host, which is the row's */
const slowestColumn: Column<Row> = {
    title: "Slowest", words: true,
    cell: (row) => {
        const slowest = row.counters?.slowest;

        return slowest ? h("span", { title: slowest.url },
                           `${slowest.url.replace(/^https?:\/\/[^/]+(?=\/)/, "")} `,
                           figure(slowest.duration, value(slowest.duration, "ms")))
            : figure(undefined, "");
    },
    sort: (row) => row.counters?.slowest?.duration,
};

const RESOURCES = { metric: "requests,bytes,third_party_requests,duration", q: "50,75,95",
                    empty: "No resources were sent in this span." };

const SLOWEST = { ...RESOURCES, metric: `${RESOURCES.metric},slowest` };

/* what of all is not the site's own */
const thirdParties = (): Panel => panel({
    title: "Third parties",
    note: "Hosts of another site than the page's",
    class: "wide bare",
    csv: false,
    ask: [about({ by: "host", metric: RESOURCES.metric, q: RESOURCES.q, limit: ROWS })],
    empty: RESOURCES.empty,

    show: ([answer], body) => {
        const rows = rowsOf(answer!);
        const sum = (of: (row: Row) => number): number =>
            rows.reduce((all, row) => all + of(row), 0);
        const hosts = rows.filter((row) => third(row) > 0);

        const share = (name: string, key: string, words: (figure: number) => string): Tile => {
            const all = sum((row) => counter(row, key) ?? 0);
            const theirs = sum((row) => (counter(row, key) ?? 0) * third(row));

            return {
                name, value: theirs / (all || 1), text: percent(theirs / (all || 1)),
                more: `${words(theirs)} of ${words(all)}`,
            };
        };

        body.replaceChildren(tiles([
            share("Of all requests", "requests", short),
            share("Of all bytes", "bytes", bytes),
            { name: "Hosts", value: hosts.length, text: count(hosts.length),
              more: `of ${count(rows.length)}` },
        ]));

        return rows.length > 0;
    },
});

export const resources = (): View => ({
    title: "Resources",
    panels: [
        thirdParties(),
        listing({
            ...RESOURCES, by: "host", title: "By host",
            choices: [
                { name: "All hosts", has: () => true },
                { name: "Third parties", has: (row) => third(row) > 0 },
                { name: "Own hosts", has: (row) => third(row) < 1 },
            ],
            note: "Times are of the slowest requests of each beacon. A click shows the types",
            columns: resourceColumns("Host"),
            table: {
                sort: 2,
                onPick: (row) => go({ item: row.value === state.item ? "" : row.value }),
                picked: (row) => row.value === state.item,
            },
        }),
        state.item ? listing({
            ...SLOWEST, by: "type", where: `host:${state.item}`,
            title: `From ${state.item}, by type`,
            columns: (rows) => [...resourceColumns("Type", undefined, false)(rows), slowestColumn],
        }) : listing({
            ...SLOWEST, by: "host,type", title: "By host and type",
            table: { sort: 2 },
            columns: (rows) => [
                ...resourceColumns("Host and type", (row) => pair(row.value).join(" · "))(rows),
                slowestColumn,
            ],
        }),
    ],
});

export const paths = (): View => ({
    title: "Paths",
    panels: [listing({
        title: "From page to page",
        note: "Also from other sites, by their host",
        by: "from,page", metric: "views",
        empty: "No steps from one page to another in this span.",
        table: { sort: 2, words: (row) => pair(row.value).join(" ") },
        columns: (rows) => [
            name("From", (row) => pair(row.value)[0]),
            { title: "To", words: true, cell: (row) => `→ ${pair(row.value)[1]}`,
              sort: (row) => pair(row.value)[1] },
            countColumn("views", "Steps", rows),
            {
                title: "Of all from there",
                cell: (row) => {
                    const [from] = pair(row.value);
                    const all = rows().filter((other) => pair(other.value)[0] === from)
                        .reduce((sum, other) => sum + (counter(other, "views") ?? 0), 0);

                    return percent((counter(row, "views") ?? 0) / (all || 1));
                },
            },
        ],
    })],
});

const ACTIONS: Record<string, string> = {
    click: "Clicks", rage_click: "Rage clicks", dead_click: "Dead clicks",
};

const actionName = (type: string): string =>
    own(ACTIONS, type) ?? type.charAt(0).toUpperCase() + type.slice(1).replaceAll("_", " ");

export const actions = (): View => ({
    title: "Clicks",
    panels: [
        panel({
            title: "In this span",
            note: "Rage: many quick clicks on one spot. Dead: clicks that changed nothing",
            class: "wide bare",
            ask: [about({ by: "action", metric: "actions" })],
            empty: "No clicks were sent in this span.",

            show: ([answer], body) => {
                const rows = rowsOf(answer!);

                body.replaceChildren(tiles(rows.map((row) => ({
                    name: actionName(row.value),
                    value: counter(row, "actions"), text: short(counter(row, "actions") ?? 0),
                    more: h("a", { href: href({ item: state.item === row.value ? "" : row.value }) },
                            state.item === row.value ? "Show all" : "Show only these"),
                    ...(row.value === "rage_click" && { kind: "poor" }),
                    ...(row.value === "dead_click" && { kind: "fair" }),
                }))));

                return rows.length > 0;
            },
        }),
        state.item ? listing({
            title: `${actionName(state.item)} by target`,
            by: "target", where: `action:${state.item}`, metric: "actions",
            empty: "None of these in this span.",
            columns: (rows) => [name("Target"), countColumn("actions", "Times", rows)],
        }) : listing({
            title: "By target",
            by: "action,target", metric: "actions",
            empty: "No clicks were sent in this span.",
            table: { sort: 2, words: (row) => pair(row.value).join(" ") },
            columns: (rows) => [
                name("Target", (row) => label("", pair(row.value)[1])),
                { title: "What", words: true, cell: (row) => actionName(pair(row.value)[0]),
                  sort: (row) => pair(row.value)[0] },
                countColumn("actions", "Times", rows),
            ],
        }),
    ],
});

const SPEEDS: [string, Rating][] = [
    ["good", "good"], ["needs_improvement", "fair"], ["poor", "poor"],
];

/* what slow pages cost */
const speed = (): Panel => panel({
    title: "Conversions and speed",
    note: "Sessions by the worst LCP they have met",
    class: "wide bare",
    ask: [about({ by: "speed", metric: "visits,conversions" })],
    empty: "No sessions with an LCP in this span.",

    show: ([answer], body) => {
        const rows = rowsOf(answer!);
        const rates = SPEEDS.map(([key]) => {
            const row = rows.find((other) => other.value === key);
            const visits = row && counter(row, "visits") || 0;
            const conversions = row && counter(row, "conversions") || 0;

            return { visits, conversions, rate: visits > 0 ? conversions / visits : undefined };
        });
        const most = Math.max(...rates.map(({ rate }) => rate ?? 0), 1e-9);

        const bar = (rate: number, rating: Rating): HTMLElement => {
            const part = h("i", { class: rating });

            part.style.width = `${rate / most * 100}%`;
            return h("div", { class: "single bar", "aria-hidden": "true" }, part);
        };

        body.replaceChildren(tiles(SPEEDS.map(([, rating], i) => {
            const { visits, conversions, rate } = rates[i]!;

            return {
                name: `${WORDS[rating]} LCP`,
                value: rate, text: rate === undefined ? "–" : percent(rate),
                more: h("span", {}, shape(rating),
                        `${count(conversions)} conversions in ${count(visits)} sessions`),
                below: rate !== undefined && bar(rate, rating),
            };
        })));

        return rates.some(({ visits }) => visits > 0);
    },
});

const amount = (row: Row, figureName: string): number | undefined =>
    number(row.metrics["value"], figureName);

export const conversions = (): View => ({
    title: "Conversions",
    panels: [
        speed(),
        listing({
            title: "Events", by: "event", metric: "events,value", q: "50",
            empty: "No events were sent in this span: rum.event(\"checkout\", 59.9) sends one.",
            columns: (rows) => [
                name("Event"),
                countColumn("events", "Times", rows),
                ...[["mean", "Mean value"], ["p50", "Median value"], ["sum", "Sum"]]
                    .map(([key, title]): Column<Row> => ({
                        title: title!,
                        cell: (row) => figure(amount(row, key!), value(amount(row, key!) ?? 0, "")),
                        sort: (row) => amount(row, key!),
                    })),
            ],
        }),
        listing({
            title: "Events by page", by: "event,page", metric: "events",
            empty: "No events were sent in this span.",
            table: { sort: 2, words: (row) => pair(row.value).join(" ") },
            columns: (rows) => [
                name("Event", (row) => pair(row.value)[0]),
                { title: "Page", words: true, cell: (row) => pair(row.value)[1],
                  sort: (row) => pair(row.value)[1] },
                countColumn("events", "Times", rows),
            ],
        }),
    ],
});

const goodShare = (group: Group | undefined): HTMLElement => {
    const good = shares(group)?.good;

    return figure(good, percent(good ?? 0));
};

const INPUTS: Record<string, string> = { pointer: "Pointer", keyboard: "Keyboard" };

/* how an element was used: the kind of input that is most often there */
const inputColumn = (pairs: () => Row[]): Column<Row> => {
    const used = (row: Row): { text: string; share: number } | undefined => {
        const times = (one: Row): number => quantile(one, "inp", "count") ?? 0;
        const kinds = pairs().filter((one) => pair(one.value)[0] === row.value
                                              && pair(one.value)[1] !== "(unknown)")
            .sort((a, b) => times(b) - times(a));

        return kinds[0] && {
            text: label("", own(INPUTS, pair(kinds[0].value)[1]) ?? pair(kinds[0].value)[1]),
            share: times(kinds[0]) / kinds.reduce((sum, one) => sum + times(one), 0),
        };
    };

    return {
        title: "Input",
        cell: (row) => {
            const { text, share } = used(row) ?? {};

            return !text ? figure(undefined, "")
                : share === 1 ? text : h("span", {}, `${text} `, figure(share, percent(share!)));
        },
        sort: (row) => used(row)?.text,
    };
};

const cause = (by: string, metric: string, title: string, note: string): Panel => listing({
    title, note, by, metric, q: "75", class: "",
    empty: `No attribution of ${metricName(metric)} was sent in this span.`,
    table: { rows: 12 },
    ...(by === "inp_target" && { also: "inp_target,inp_type" }),
    columns: (_, more) => [
        name(by.endsWith("_url") ? "URL" : "Element"),
        {
            title: "Views",
            cell: (row) => figure(quantile(row, metric, "count"),
                                  short(quantile(row, metric, "count") ?? 0)),
            sort: (row) => quantile(row, metric, "count"),
        },
        {
            title: `${metricName(metric)} p75`,
            cell: (row) => rated(metric, quantile(row, metric)),
            sort: (row) => quantile(row, metric),
        },
        { title: "Good", cell: (row) => goodShare(row.metrics[metric]),
          sort: (row) => shares(row.metrics[metric])?.good },
        ...by === "inp_target" ? [inputColumn(more)] : [],
    ],
});

export const causes = (): View => ({
    title: "Slow elements",
    panels: [
        cause("lcp_target", "lcp", "LCP by element", "The largest thing that was painted"),
        cause("lcp_url", "lcp", "LCP by URL", "Of images"),
        cause("inp_target", "inp", "INP by element", "What was clicked or typed into"),
        cause("inp_url", "inp", "INP by script", "The one that took longest meanwhile"),
        cause("cls_target", "cls", "CLS by element", "What moved most"),
    ],
});
