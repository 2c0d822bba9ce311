/*
 * Tables: sorted by a click on a column's title, with bars, as many rows as
 * fit on a screen or two and the rest on demand.
 */

import { h, id } from "./dom";

export interface Column<Row> {
    title: string;
    hint?: string;
    cell: (row: Row) => Node | string;
    /* what to sort by; numbers fall, words rise at the first click */
    sort?: (row: Row) => number | string | undefined;
    /* 0 to 1: how long the bar behind the figure is */
    bar?: (row: Row) => number;
    words?: boolean;                        /* set to the left */
}

export interface TableOptions<Row> {
    caption: string;
    columns: Column<Row>[];
    key: (row: Row) => string;
    sort?: number;                          /* the column at first */
    rows?: number;                          /* how many at first */
    /* what to find a row by; then there is a field to search in */
    words?: (row: Row) => string;
    onPick?: (row: Row) => void;
    picked?: (row: Row) => boolean;
}

export interface TableView<Row> {
    node: HTMLElement;
    set: (rows: Row[], total?: number) => void;
}

/* what nothing is known of comes last, whichever way */
const compare = (
    a: number | string | undefined, b: number | string | undefined, down: boolean,
): number => {
    if (a === undefined || b === undefined) {
        return a === b ? 0 : a === undefined ? 1 : -1;
    }

    const order = typeof a === "number" && typeof b === "number" ? a - b
        : String(a).localeCompare(String(b));

    return down ? -order : order;
};

export const tableView = <Row>(options: TableOptions<Row>): TableView<Row> => {
    const { columns } = options;
    let rows: Row[] = [];
    let total: number | undefined;
    let column = options.sort ?? -1;
    let down = true;
    let shown = options.rows ?? 25;
    let wanted = "";

    const captionId = id();
    const body = h("tbody");
    const more = h("button", { type: "button", class: "more", click: () => {
        shown += 100;
        draw();
    } });
    const note = h("p", { class: "note" });

    const heads = columns.map((head, i) => {
        const title = head.sort ? h("button", { type: "button", title: head.hint, click: () => {
            down = column === i ? !down : rows.some((row) => typeof head.sort!(row) === "number");
            column = i;
            draw();
        } }, head.title) : head.title;

        return h("th", { scope: "col", class: head.words || i === 0 ? "words" : "" }, title);
    });

    const name = (row: Row, content: Node | string): Node => options.onPick
        ? h("button", {
            type: "button", class: "pick", "data-key": options.key(row),
            title: typeof content === "string" ? content : undefined,
            "aria-pressed": options.picked ? String(options.picked(row)) : undefined,
            click: () => options.onPick!(row),
        }, content) : content instanceof Node ? content : document.createTextNode(content);

    const cell = (row: Row, at: Column<Row>, i: number): HTMLElement => {
        const content = at.cell(row);

        if (i === 0) {
            return h("th", { scope: "row", class: "words" }, name(row, content));
        }

        const bar = at.bar && h("i", { class: "bar", "aria-hidden": "true" });

        if (bar) {
            bar.style.width = `${Math.max(0, Math.min(1, at.bar!(row))) * 100}%`;
        }

        return h("td", { class: `${at.words ? "words" : ""} ${bar ? "barred" : ""}` },
                 bar, content);
    };

    const draw = (): void => {
        const focus = body.contains(document.activeElement)
            ? (document.activeElement as HTMLElement).dataset["key"] : undefined;
        const sort = columns[column]?.sort;
        const found = wanted && options.words
            ? rows.filter((row) => options.words!(row).toLowerCase().includes(wanted)) : rows;
        const sorted = sort
            ? [...found].sort((a, b) => compare(sort(a), sort(b), down)) : found;

        heads.forEach((head, i) => {
            if (i === column) {
                head.setAttribute("aria-sort", down ? "descending" : "ascending");

            } else {
                head.removeAttribute("aria-sort");
            }
        });

        body.replaceChildren(...sorted.slice(0, shown).map((row) =>
            h("tr", { class: options.picked?.(row) ? "picked" : "" },
              columns.map((at, i) => cell(row, at, i)))));

        more.hidden = sorted.length <= shown;
        more.textContent = `Show more of ${sorted.length}`;

        note.hidden = !(wanted && !sorted.length)
            && !(total !== undefined && total > rows.length);
        note.textContent = wanted && !sorted.length ? `Nothing with “${wanted}”.`
            : `The first ${rows.length} of ${total}.`;

        if (focus !== undefined) {
            [...body.querySelectorAll<HTMLElement>("[data-key]")]
                .find((node) => node.dataset["key"] === focus)?.focus();
        }
    };

    const search = h("input", {
        type: "search", placeholder: "Search", "aria-label": `Search in ${options.caption}`,
        input: () => {
            wanted = search.value.trim().toLowerCase();
            draw();
        },
    });

    return {
        node: h("div", { class: "rows" },
                options.words && search,
                h("div", {
                    class: "scroll", tabindex: 0, role: "group", "aria-labelledby": captionId,
                },
                  h("table", {},
                    h("caption", { class: "hidden", id: captionId }, options.caption),
                    h("thead", {}, h("tr", {}, heads)),
                    body)),
                note, more),

        set: (next, all) => {
            rows = next;
            total = all;
            search.hidden = rows.length < 15 && !wanted;
            draw();
        },
    };
};
