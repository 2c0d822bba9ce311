/*
 * The options: data attributes of the script tag, and rum("config", {...}).
 * docs/agent.md has the table.
 */

export type Options = Record<string, unknown>;

export const options: Options = { beacon: "/rum/beacon" };

/* an attribute that is there is meant, unless it says no */
export const flag = (name: string): boolean =>
    name in options && !/^(0|no|off|false)$/.test("" + options[name]);

/* a collector runs unless data-off lists it */
export const wanted = (collector: string): boolean =>
    !(" " + options.off + " ").includes(" " + collector + " ");

export const beaconUrl = (): string =>
    options.beacon + (options.site
        ? "?site=" + encodeURIComponent("" + options.site) : "");

/* Global Privacy Control and Do Not Track: then nothing is done at all */
export const refused = (): boolean => {
    const n = navigator as Navigator & Record<string, unknown>;

    return !!n.globalPrivacyControl || n.doNotTrack == "1"
        || (window as unknown as Options).doNotTrack == "1";
};
