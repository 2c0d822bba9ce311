/*
 * Light and dark: what the system says, until the visitor says otherwise.
 * Canvases draw with the colours of the style sheet.
 */

const KEY = "rum-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

const kept = (): string | null => {
    try {
        return localStorage.getItem(KEY);

    } catch {
        return null;
    }
};

export const dark = (): boolean =>
    root.dataset["theme"] ? root.dataset["theme"] === "dark" : system.matches;

const apply = (theme: string | null): void => {
    if (theme) {
        root.dataset["theme"] = theme;

    } else {
        delete root.dataset["theme"];
    }

    cache.clear();
    document.querySelectorAll("[data-themed]").forEach((node) =>
        node.dispatchEvent(new Event("theme")));
};

export const toggle = (): void => {
    const theme = dark() ? "light" : "dark";

    try {
        localStorage.setItem(KEY, theme);

    } catch {
        /* it is for this visit then */
    }

    apply(theme);
};

/* as long as the element is in the page; then it is forgotten with it */
export const onTheme = (node: Element, draw: () => void): void => {
    node.setAttribute("data-themed", "");
    node.addEventListener("theme", draw);
};

const cache = new Map<string, string>();
const probe = document.createElement("i");

/* --name as a canvas understands it */
export const colour = (name: string): string => {
    let found = cache.get(name);

    if (!found) {
        document.body.append(probe);
        probe.style.color = `var(--${name})`;
        found = getComputedStyle(probe).color;
        probe.remove();
        cache.set(name, found);
    }

    return found;
};

system.addEventListener("change", () => apply(kept()));
apply(kept());
