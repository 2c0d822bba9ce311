/*
 * The dashboard: reads what to show from the address, asks the status location,
 * and keeps what is seen new.
 */

import { address, ApiError, Round } from "./api";
import { catalog, isKept, loadCatalog, loadDimensions } from "./catalog";
import { h } from "./dom";
import { live } from "./live";
import { announce, buildShell, drawShell, keepFocus, main, showLink } from "./shell";
import { go, onChange, span, state } from "./state";
import type { Answer } from "./types";
import { view } from "./views/index";
import type { View } from "./views/parts";

/* how long the view before stays while the answers come, in ms */
const PATIENCE = 400;

let round = new Round();
let endLive = (): void => {};

/* ms between two drawings: the longer the span, the less a second changes */
const every = (): number => Math.min(60000, Math.max(2000, span() / 2));

const problem = (error: unknown): void => {
    const message = error instanceof ApiError ? error.message : String(error);

    main.replaceChildren(h("section", { class: "panel wide", "data-state": "error" },
        h("div", { class: "message", role: "alert" },
          h("p", { class: "what" }, "The status location cannot be read"),
          h("p", {}, message),
          h("button", { type: "button", click: () => void show() }, "Try again"))));
};

const nobody = (): void => {
    main.replaceChildren(h("section", { class: "panel wide", "data-state": "empty" },
        h("div", { class: "message" },
          h("p", { class: "what" }, "No beacon has been counted yet"),
          h("p", {}, "As soon as a page sends one, its site is here."),
          h("button", { type: "button", click: () => void show() }, "Look again"))));
};

const update = async (now: View): Promise<void> => {
    await Promise.all(now.panels.map((panel) => panel.update(round)));
};

const startLive = (now: View): void => {
    const first = now.panels[0]?.ask[0];

    if (!state.last || !first) {
        showLink("");
        return;
    }

    /* where there are no figures, whether anything happens */
    const lead = isKept(first) ? first
        : address({ site: state.site, last: state.last, metric: "views" });
    let busy = false;
    let waiting: { answer?: unknown } | undefined;

    /* one after the other: what is slow must not be overtaken */
    const next = async (answer?: unknown): Promise<void> => {
        if (busy) {
            waiting = { answer };
            return;
        }

        busy = true;
        round = new Round();

        const mine = round;

        if (answer) {
            round.give(lead, answer);
            showLink("live", (answer as Answer).generated_at);
        }

        await update(now);
        busy = false;

        if (waiting && !mine.over) {
            const { answer: later } = waiting;

            waiting = undefined;
            void next(later);
        }
    };

    const refresh = (answer?: unknown): void => void next(answer);

    showLink("paused");
    endLive = live({ url: lead, every: every(), answer: refresh, poll: refresh, link: showLink });
};

const draw = async (): Promise<void> => {
    const now = view();
    const mine = round;
    const title = [now.title, state.site, "ngx_rum"].filter(Boolean).join(" · ");
    const head = h("h1", { tabindex: -1 }, now.title);

    document.title = title;
    main.setAttribute("aria-busy", "true");

    const done = update(now);

    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);

    if (mine !== round) {
        return;
    }

    keepFocus(main, head, () => main.replaceChildren(head, ...now.head ?? [],
        h("div", { class: "panels" }, now.panels.map(({ node }) => node))));
    main.removeAttribute("aria-busy");
    main.dataset["view"] = state.view;

    await done;

    if (mine === round) {
        announce(`${title}, ${state.last ? `last ${state.last}` : "own span"}`);
        startLive(now);
    }
};

const show = async (): Promise<void> => {
    endLive();
    endLive = () => {};
    round.abort();
    round = new Round();

    const mine = round;

    try {
        if (!catalog.sites.length) {
            await loadCatalog(round);
        }

        const first = catalog.sites[0];

        if (!state.site) {
            if (first === undefined) {
                nobody();
                return;
            }

            go({ site: first }, "replace");
            return;
        }

        if (catalog.site !== state.site) {
            await loadDimensions(round, state.site);
        }

    } catch (error) {
        if (!mine.over) {
            problem(error);
        }

        return;
    }

    if (!mine.over) {
        drawShell(round);
        await draw();
    }
};

buildShell();
onChange(() => void show());
void show();
