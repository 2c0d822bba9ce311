/*
 * The options: data attributes of the script tag, and rum("config", {...}).
 * docs/agent.md has the table.
 */

export type Options = Record<string, unknown>;

export const options: Options = {};

let tag: HTMLScriptElement | null;

/*
 * Those of our own tag, in a later task than the script's: whoever gets hold
 * of a page's first element, as document.currentScript does, waits for as long
 * as for all else that the script does.
 */
export const ofTag = [
    () => {
        const find = (which: string) =>
            document.querySelector<HTMLScriptElement>(`script[${which}]`);

        tag = find("data-beacon") || find("src*=rum");
    },

    () => tag && Object.assign(options, { ...tag.dataset, src: tag.src }),
];

/* an attribute that is there is meant, unless it says no */
export const flag = (name: string): boolean =>
    name in options && !/^(0|no|off|false)$/.test("" + options[name]);

/* a collector runs unless data-off lists it */
export const wanted = (collector: string): boolean =>
    !(" " + options.off + " ").includes(" " + collector + " ");

/* what a <base> says is not for us */
export const beaconUrl = (): string => {
    const url = new URL("" + (options.beacon || "/rum/beacon"), location.href);

    if (options.site) {
        url.search += (url.search && "&")
            + "site=" + encodeURIComponent("" + options.site);
    }

    return url.href;
};

/*
 * Global Privacy Control and Do Not Track: then nothing is done at all.  Nor
 * in a frame, which is no view of its own.
 */
export const refused = (): boolean => {
    const n = navigator as Navigator & Record<string, unknown>;

    return !!n.globalPrivacyControl || n.doNotTrack == "1"
        || (window as unknown as Options).doNotTrack == "1"
        || self != top && !flag("iframes");
};
