/*
 * What several parts of the agent need.
 */

export const now = (): number => performance.now();

export const tenth = (value: number): number => Math.round(value * 10) / 10;

/* what goes on in the page must never fail for what we do there */
export const attempt = <T>(task: () => T): T | undefined => {
    try {
        return task();

    } catch {
        return undefined;
    }
};

/* listeners are on the window, before those of the page */
export const on = (
    type: string, listener: (event: any) => void, capture = true,
): void => addEventListener(
    type, (event) => attempt(() => listener(event)), capture);

export const id = (): string =>
    crypto.getRandomValues(new Uint32Array(3))
        .reduce((text, part) => text + part.toString(36), "");

/* when nothing else is to be done; a page that goes away does not wait */
export const idle = (task: () => void): void => {
    (globalThis.requestIdleCallback || setTimeout)(
        task, { timeout: 1000 } as any);
};

export const observe = (
    type: string, each: (entry: any) => void,
): (() => void) | undefined => attempt(() => {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) {
        return undefined;
    }

    const observer = new PerformanceObserver(
        (list) => list.getEntries().forEach(each));

    /* of events: from how many ms on, and what web-vitals asks for */
    observer.observe(
        { type, buffered: true, durationThreshold: 40 } as PerformanceObserverInit);

    return () => observer.takeRecords().forEach(each);
});

/*
 * tag#id.class of an element, and of those around it until one has an id or
 * a class.  Never what it says.
 */
export const selector = (node?: any): string | undefined => {
    let path = "";

    node = node?.nodeType == 3 ? node.parentElement : node;

    for (; node?.classList && node != document.body && !/[#.]/.test(path);
        node = node.parentElement)
    {
        path = node.localName + (node.id ? "#" + node.id : "")
            + [...node.classList].map((name) => "." + name).join("")
            + (path && ">" + path);
    }

    return path.slice(0, 100) || node?.localName;
};

/* an URL as it may be told: query and fragment only if allowed */
export const bare = (url: string): string => url.split(/[?#]/)[0]!;
