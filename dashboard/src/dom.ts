/*
 * Elements.  Whatever comes from the API is a text node or an attribute here,
 * never markup.
 */

type Child = Node | string | number | false | null | undefined | Child[];
type Attributes = Record<string, string | number | boolean | undefined | EventListener>;

const append = (node: Element, children: Child[]): void => {
    for (const child of children) {
        if (Array.isArray(child)) {
            append(node, child);

        } else if (child !== false && child !== null && child !== undefined) {
            node.append(child instanceof Node ? child : String(child));
        }
    }
};

const set = (node: Element, attributes: Attributes): void => {
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function") {
            node.addEventListener(name, value);

        } else if (value !== undefined && value !== false) {
            node.setAttribute(name, value === true ? "" : String(value));
        }
    }
};

export const h = <Tag extends keyof HTMLElementTagNameMap>(
    tag: Tag, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[Tag] => {
    const node = document.createElement(tag);

    set(node, attributes);
    append(node, children);
    return node;
};

export const svg = (
    tag: string, attributes: Attributes = {}, ...children: Child[]
): SVGElement => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);

    set(node, attributes);
    append(node, children);
    return node;
};

/* for screen readers only */
export const hidden = (text: string): HTMLElement => h("span", { class: "hidden" }, text);

/* a figure, with the number as the API has it */
export const figure = (value: number | null | undefined, text: string): HTMLElement =>
    value === undefined || value === null
        ? h("span", { class: "none" }, "–", hidden("none"))
        : h("data", { value }, text);

let ids = 0;

export const id = (): string => `n${ids++}`;
