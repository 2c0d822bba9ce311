/*
 * What several parts of the agent need.
 */

/* of the entries of an observer, done in one task */
const AT_A_TIME = 20;

export const now = (): number => performance.now();

export const navigation = (): any =>
    performance.getEntriesByType("navigation")[0];

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

/* nothing that would have to be hard to guess; crypto takes a while to begin */
export const id = (): string =>
    (Math.random().toString(36) + Math.random().toString(36))
        .replace(/0\./g, "");

/* when nothing else is to be done; a page that goes away does not wait */
export const idle = (task: () => void): void => {
    (globalThis.requestIdleCallback || setTimeout)(
        task, { timeout: 1000 } as any);
};

/*
 * A task of its own, soon: timers make it wait, and on a busy machine for
 * long.  Until the browser holds a first beacon, a view can be lost.
 */
export const next = (task: () => void): void => {
    const { scheduler } = globalThis as any;

    if (scheduler?.postTask) {
        scheduler.postTask(() => attempt(task),
                           { priority: "user-blocking" });
    } else {
        setTimeout(task);
    }
};

/* each in a task of its own, so that none is long; what is taken out of the
   list by then is not done */
export const oneByOne = (tasks: (() => void)[]): void => {
    if (tasks.length) {
        attempt(tasks.shift()!);
        next(() => oneByOne(tasks));
    }
};

/* what is left of them, now */
export const finish = (tasks: (() => void)[]): void => {
    while (tasks.length) {
        attempt(tasks.shift()!);
    }
};

/*
 * There may be hundreds of entries: some at a time.  The function returned is
 * for who cannot wait.
 */
export const observe = (
    type: string, each: (entry: any) => void,
): (() => void) | undefined => attempt(() => {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) {
        return undefined;
    }

    const waiting: any[] = [];

    const some = (): void => {
        waiting.splice(0, AT_A_TIME).forEach(each);

        if (waiting.length) {
            idle(some);
        }
    };

    const observer = new PerformanceObserver((list) => {
        const before = waiting.length;

        waiting.push(...list.getEntries());

        if (!before) {
            some();
        }
    });

    /* of events: from how many ms on, and what web-vitals asks for */
    observer.observe(
        { type, buffered: true, durationThreshold: 40 } as PerformanceObserverInit);

    return () => waiting.splice(0).concat(observer.takeRecords()).forEach(each);
});

/* as many bytes as nginx keeps of a text; it cuts and counts what is more */
export const cut = (text: string, bytes: number): string => text.slice(
    0, new TextEncoder().encodeInto(text, new Uint8Array(bytes)).read);

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

    return cut(path, 128) || node?.localName;
};

/* an URL as it may be told: query and fragment only if allowed */
export const bare = (url: string): string =>
    cut(url.replace(/^(data:|blob:).*|[?#].*/s, "$1"), 512);
