/*
 * What is around every view: site, span, filters, navigation, theme, and
 * whether what is seen is live.
 */

import { about, type Round } from "./api";
import { catalog, isKept, keptTogether, visitorDimensions } from "./catalog";
import { h, id } from "./dom";
import { at, dimension, label, preciseAt } from "./format";
import type { Link } from "./live";
import { rowsOf } from "./rows";
import { go, href, LASTS, state, withFilter, withoutFilter, type State } from "./state";
import { dark, onTheme, toggle } from "./theme";
import type { Answer } from "./types";
import { places } from "./views/index";

const site = h("select", { "aria-label": "Site", change: () =>
    go({ site: site.value, where: [], item: "" }) });
const ranges = h("div", { class: "ranges", role: "group", "aria-label": "Time range" });
const custom = h("form", { class: "custom", hidden: true });
const link = h("p", { class: "link" });
const chips = h("ul", { class: "chips" });
const navigation = h("nav", { "aria-label": "Views" });
const theme = h("button", { type: "button", class: "theme", click: toggle });
const live = h("p", { class: "hidden", "aria-live": "polite" });

export const main = h("main", { id: "main", tabindex: -1 });

/* links to another state of this page do not load it again */
document.addEventListener("click", (event) => {
    const target = (event.target as Element).closest("a");

    if (target && target.getAttribute("href")?.startsWith("?") && event.button === 0
        && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey)
    {
        event.preventDefault();

        if (target.search !== location.search) {
            history.pushState(null, "", target.search);
            dispatchEvent(new PopStateEvent("popstate"));
        }
    }
});

/* local time, as the input has it */
const local = (unix: number): string =>
    new Date(unix * 1000 - new Date(unix * 1000).getTimezoneOffset() * 60000)
        .toISOString().slice(0, 16);

const drawCustom = (): void => {
    const now = Math.floor(Date.now() / 1000);
    const from = h("input", { type: "datetime-local", required: true,
                              value: local(state.from || now - 3600) });
    const to = h("input", { type: "datetime-local", required: true,
                            value: local(state.to || now) });

    custom.replaceChildren(
        h("label", {}, "From ", from), h("label", {}, "To ", to),
        h("button", { type: "submit" }, "Show"));

    custom.onsubmit = (event) => {
        event.preventDefault();

        const [begin, end] = [from, to].map(({ value }) => new Date(value).getTime() / 1000);

        to.setCustomValidity(end! > begin! ? "" : "The end is before the beginning");

        if (custom.reportValidity()) {
            go({ last: "", from: begin!, to: end! });
        }
    };

    from.oninput = to.oninput = () => to.setCustomValidity("");
};

const drawRanges = (): void => {
    const more = h("button", {
        type: "button", "aria-expanded": String(!custom.hidden),
        class: state.last ? "" : "current",
        click: () => {
            custom.hidden = !custom.hidden;
            more.setAttribute("aria-expanded", String(!custom.hidden));

            if (!custom.hidden) {
                drawCustom();
                custom.querySelector("input")?.focus();
            }
        },
    }, state.last ? "Custom" : `${at(state.from)} – ${at(state.to)}`);

    const lasts = state.last && !LASTS.includes(state.last) ? [...LASTS, state.last] : LASTS;

    ranges.replaceChildren(
        ...lasts.map((last) => h("a", {
            href: href({ last, from: 0, to: 0 }),
            "aria-current": last === state.last ? "true" : undefined,
            "aria-label": `Last ${last}`,
        }, last)), more);
};

const drawSites = (): void => {
    const known = catalog.sites.includes(state.site) || !state.site
        ? catalog.sites : [...catalog.sites, state.site];

    site.replaceChildren(...known.map((name) => h("option", { value: name }, name)));
    site.value = state.site;
};

const drawNavigation = (): void => {
    const here = (to: Partial<State>): boolean =>
        to.view === state.view && (to.by === undefined || to.by === state.by);

    navigation.replaceChildren(...places().map(({ title, places: all }) => {
        const head = id();

        return h("div", {},
                 title && h("h2", { id: head }, title),
                 h("ul", { "aria-labelledby": title ? head : undefined },
                   all.map((place) => h("li", {}, h("a", {
                       href: href({ item: "", ...place.to }),
                       "aria-current": here(place.to) ? "page" : undefined,
                   }, place.title)))));
    }));

    /* where the navigation is a line, what is current is in sight */
    const current = navigation.querySelector<HTMLElement>("[aria-current]");

    if (current) {
        navigation.scrollLeft = current.offsetLeft - navigation.clientWidth / 2;
    }
};

/* dimension, then value; values are suggested from what there is */
const adder = (round: Round): HTMLElement => {
    const values = h("datalist", { id: id() });
    const value = h("input", { list: values.id, "aria-label": "Value", required: true,
                               autocomplete: "off" });
    const which = h("select", { "aria-label": "Dimension" },
                    visitorDimensions().map((name) => h("option", { value: name }, dimension(name))));

    const suggest = async (): Promise<void> => {
        try {
            const url = new URL(about({ by: which.value, metric: "views", limit: 100 }));

            if (!isKept(url.href)) {
                url.searchParams.delete("where");
            }

            const answer = await round.ask<Answer>(url.href);

            values.replaceChildren(...rowsOf(answer).map((row) =>
                h("option", { value: row.value, label: label(which.value, row.value) })));

        } catch {
            values.replaceChildren();
        }
    };

    which.addEventListener("change", () => void suggest());

    const details = h("details", { toggle: () => {
        if (details.open) {
            void suggest();
        }
    } },
    h("summary", {}, "Add a filter"),
    h("form", { submit: (event) => {
        event.preventDefault();
        go(withFilter({ dimension: which.value, value: value.value },
                      (other) => keptTogether(which.value, other)));
    } }, which, value, values, h("button", { type: "submit" }, "Add")));

    return details;
};

const drawChips = (round: Round): void => {
    chips.replaceChildren(
        ...state.where.map(({ dimension: name, value }) => h("li", { class: "chip" },
            h("span", {}, `${dimension(name)}: `, h("b", {}, label(name, value))),
            h("button", {
                type: "button", "aria-label": `Remove the filter ${dimension(name)}`,
                click: () => go(withoutFilter(name)),
            }, "×"))),
        h("li", {}, adder(round)));
};

const drawTheme = (): void => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", dark() ? "Use the light theme" : "Use the dark theme");
};

const WORDS: Record<Link, string> = {
    live: "Live", polling: "Updated by polling", paused: "Paused", lost: "No answer",
};

export const showLink = (state: Link | "", generated?: number): void => {
    link.dataset["link"] = state;
    link.replaceChildren(h("i", { "aria-hidden": "true" }), state ? WORDS[state] : "Fixed span",
                         generated ? h("span", {}, ` ${preciseAt(generated)}`) : "");
};

export const announce = (words: string): void => {
    live.textContent = words;
};

/*
 * Draws a part of the page anew.  What had the focus in it has it again: what
 * is called the same, or else what is given.
 */
export const keepFocus = (part: Element, otherwise: HTMLElement, redraw: () => void): void => {
    const focus = document.activeElement as HTMLElement | null;
    const had = focus !== null && focus !== part && part.contains(focus);
    const key = focus?.dataset["key"];
    const words = focus?.textContent;

    redraw();

    if (had) {
        const all = [...part.querySelectorAll<HTMLElement>("a, button, summary")];

        (all.find((node) => key !== undefined ? node.dataset["key"] === key
            : node.textContent === words) ?? otherwise).focus({ preventScroll: true });
    }
};

export const drawShell = (round: Round): void => {
    custom.hidden = true;
    drawSites();
    keepFocus(ranges, main, drawRanges);
    keepFocus(navigation, main, drawNavigation);
    keepFocus(chips, main, () => drawChips(round));
};

export const buildShell = (): void => {
    onTheme(theme, drawTheme);
    drawTheme();

    document.body.replaceChildren(
        h("a", { class: "skip", href: "#main" }, "Skip to the figures"),
        h("header", { class: "top" },
          h("p", { class: "brand" }, h("img", { src: "icon.svg", alt: "", width: 24, height: 24 }),
            "ngx_rum"),
          site, ranges, link, theme, custom),
        navigation,
        h("div", { class: "page" }, h("section", { "aria-label": "Filters" }, chips), main),
        live);
};
