/*
 * A part of a page: a title, what it asks the API, and what it draws of the
 * answers; or that it waits, has nothing to show, or could not be answered.
 */

import { ApiError, csv, type Round } from "./api";
import { isKept, isKeptNow } from "./catalog";
import { png } from "./charts/canvas";
import { h, id } from "./dom";
import { tableView, type TableOptions } from "./table";
import { href, state } from "./state";
import type { Answer } from "./types";

export interface PanelOptions {
    title: string;
    note?: string | undefined;
    tools?: Node[];
    /*
     * addresses of the questions; the first one is that of the CSV, and there
     * may be no answer to the others
     */
    ask: string[];
    csv?: boolean;
    /* draws; says false if there is nothing */
    show: (answers: Answer[], body: HTMLElement) => boolean;
    empty?: string;
    picture?: () => HTMLCanvasElement | undefined;
    /* the picture's figures, for who cannot see it */
    table?: () => { options: TableOptions<unknown>; rows: unknown[] } | undefined;
    class?: string;
}

export interface Panel {
    node: HTMLElement;
    ask: string[];
    update: (round: Round) => Promise<void>;
}

/* not a fault: the aggregator does not keep these dimensions together */
const notKept = (): Node[] => [
    h("p", {}, `Not counted for ${state.where.length > 1 ? "these filters" : "this filter"}: `
        + "there is no rollup that has these dimensions. The aggregator's configuration (rollup) "
        + "lists the pairs that are."),
    h("a", { href: href({ where: [] }) }, "Show it without filters"),
];

const whyNot = (error: unknown): Node[] => {
    const problem = error instanceof ApiError ? error : new ApiError(0, String(error));
    const { status, message, parameter } = problem;
    const what = status === 503 ? "Redis is away" : status === 504 ? "Redis is slow"
        : status === 400 ? "This cannot be asked" : status ? `Status ${status}` : "No connection";

    return [
        h("p", { class: "what" }, what),
        h("p", {}, parameter ? `${parameter}: ${message}` : message),
    ];
};

const fileName = (title: string, ending: string): string =>
    `${[state.site, title].join(" ").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.${ending}`;

export const panel = (options: PanelOptions): Panel => {
    const titleId = id();
    const body = h("div", { class: "body" });
    const message = h("div", { class: "message" }, h("p", {}, "Loading …"));
    const other = h("div", { hidden: true });
    const tools = h("div", { class: "tools" }, ...options.tools ?? []);
    const empty = options.empty ?? "Nothing in this span.";
    let table: ReturnType<typeof tableView<unknown>> | undefined;
    let drawn = false;

    const showTable = (): void => {
        const figures = options.table?.();

        if (!figures || other.hidden) {
            return;
        }

        if (!table) {
            table = tableView(figures.options);
            other.replaceChildren(table.node);
        }

        table.set(figures.rows);
    };

    if (options.table) {
        const button = h("button", {
            type: "button", class: "tool", "aria-pressed": "false",
            click: () => {
                other.hidden = !other.hidden;
                body.classList.toggle("hidden", !other.hidden);
                button.setAttribute("aria-pressed", String(!other.hidden));
                showTable();
            },
        }, "Table");

        tools.append(button);
    }

    if (options.picture) {
        tools.append(h("button", {
            type: "button", class: "tool",
            click: () => {
                const canvas = options.picture!();

                if (canvas && drawn) {
                    png(canvas, `${options.title} · ${state.site}`, fileName(options.title, "png"));
                }
            },
        }, "PNG"));
    }

    if (options.csv !== false && options.ask.length) {
        tools.append(h("a", {
            class: "tool", href: csv(options.ask[0]!), download: fileName(options.title, "csv"),
        }, "CSV"));
    }

    const node = h("section", { class: `panel ${options.class ?? ""}`, "aria-labelledby": titleId },
                   h("header", {},
                     h("h2", { id: titleId }, options.title),
                     options.note && h("p", { class: "note" }, options.note),
                     tools),
                   message, body, other);

    const tell = (kind: "loading" | "empty" | "error" | "", ...words: Node[]): void => {
        node.dataset["state"] = kind || "ready";
        message.hidden = kind === "";
        message.replaceChildren(...words);

        if (kind === "error") {
            message.setAttribute("role", "alert");

        } else {
            message.removeAttribute("role");
        }
    };

    const fail = (error: unknown): void => {
        body.hidden = true;
        tell("error", ...whyNot(error));
    };

    /* the filters do not go with it, or nobody has sent such a thing yet */
    const nothing = (): void => {
        const filtered = new URL(options.ask[0]!).searchParams.has("where");

        body.hidden = true;
        tell("empty", ...filtered && state.where.length ? notKept() : [h("p", {}, empty)]);
    };

    const draw = (answers: Answer[]): void => {
        /* charts measure the room they have */
        body.hidden = false;
        drawn = options.show(answers, body);
        body.hidden = !drawn;

        if (drawn) {
            tell("");
            showTable();

        } else {
            tell("empty", h("p", {}, empty));
        }
    };

    tell("loading", h("p", {}, "Loading …"));

    return {
        node,
        ask: options.ask,

        update: async (round) => {
            node.setAttribute("aria-busy", "true");

            try {
                const kept = !options.ask.length || await isKeptNow(round, options.ask[0]!);
                const answers = kept ? await Promise.all(options.ask.map((url) =>
                    isKept(url) ? round.ask(url) : undefined)) : [];

                if (round.over) {
                    return;
                }

                if (kept) {
                    draw(answers as Answer[]);

                } else {
                    nothing();
                }

            } catch (error) {
                if (!round.over) {
                    fail(error);
                }
            }

            node.removeAttribute("aria-busy");
        },
    };
};
