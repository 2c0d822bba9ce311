/*
 * Numbers and times as people read them.
 */

const integer = new Intl.NumberFormat("en");
const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat("en", {
    notation: "compact", maximumFractionDigits: 1,
});

const countries = new Intl.DisplayNames("en", { type: "region" });

export const count = (value: number): string => integer.format(value);

export const short = (value: number): string =>
    Math.abs(value) < 10000 ? integer.format(value) : compact.format(value);

export const percent = (share: number): string =>
    `${(share * 100).toFixed(share !== 0 && Math.abs(share) < 0.1 ? 1 : 0)}\u00a0%`;

const decimals = (value: number, most: number): string =>
    String(Number(value.toFixed(most)));

const time = (ms: number): string => {
    const size = Math.abs(ms);

    return size < 10 ? `${decimals(ms, 1)}\u00a0ms`
        : Math.round(size) < 1000 ? `${Math.round(ms)}\u00a0ms`
            : size < 60000 ? `${(ms / 1000).toFixed(2)}\u00a0s`
                : `${(ms / 60000).toFixed(1)}\u00a0min`;
};

/* in the metric's unit; CLS is the one without that is always small */
export const value = (number: number, unit: string | undefined): string =>
    unit === "ms" ? time(number)
        : unit === "1" ? number.toFixed(Math.abs(number) < 0.1 ? 3 : 2)
            : decimal.format(number);

/* for an axis: all that is needed and no more */
export const tick = (number: number, unit: string | undefined): string =>
    unit !== "ms" ? decimals(number, 3)
        : number >= 1000 ? `${decimals(number / 1000, 2)}\u00a0s` : `${decimals(number, 1)}\u00a0ms`;

export const bytes = (size: number): string => {
    const units = ["B", "kB", "MB", "GB", "TB", "PB"];
    const power = Math.max(0, Math.min(5, Math.floor(Math.log10(Math.abs(size) || 1) / 3)));

    return `${decimals(size / 1000 ** power, power ? 1 : 0)}\u00a0${units[power]}`;
};

export const seconds = (span: number): string =>
    span < 120 ? `${decimals(span, 1)}\u00a0s`
        : span < 7200 ? `${Math.round(span / 60)}\u00a0min`
            : span < 172800 ? `${Math.round(span / 3600)}\u00a0h`
                : `${Math.round(span / 86400)}\u00a0days`;

const dateTime = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const precise = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit",
});

/* Unix seconds, in the time zone of who looks */
export const at = (unix: number): string => dateTime.format(unix * 1000);
export const clockAt = (unix: number): string => clock.format(unix * 1000);
export const dayAt = (unix: number): string => day.format(unix * 1000);
export const preciseAt = (unix: number): string => precise.format(unix * 1000);

const country = (code: string): string => {
    if (!/^[A-Z]{2}$/.test(code)) {
        return code;
    }

    return countries.of(code) ?? code;
};

const unknown: Record<string, string> = {
    "(unknown)": "Unknown", "(other)": "All others", "(none)": "None",
};

const network: Record<string, string> = {
    "4g": "4G or better", "3g": "3G", "2g": "2G", "slow-2g": "Slow 2G",
};

/* what people send may be called "constructor", too */
export const own = <T>(record: Record<string, T>, name: string): T | undefined =>
    Object.hasOwn(record, name) ? record[name] : undefined;

/* a value of a dimension */
export const label = (dimension: string, text: string): string =>
    own(unknown, text)
    ?? (dimension === "country" ? country(text)
        : dimension === "network" ? own(network, text) ?? text
            : dimension === "device" ? text.charAt(0).toUpperCase() + text.slice(1)
                : text || "(empty)");

const names: Record<string, [one: string, many: string]> = {
    page: ["Page", "Pages"],
    country: ["Country", "Countries"],
    region: ["Region", "Regions"],
    city: ["City", "Cities"],
    asn: ["Network operator", "Network operators"],
    device: ["Device", "Devices"],
    browser: ["Browser", "Browsers"],
    browser_version: ["Browser version", "Browser versions"],
    os: ["Operating system", "Operating systems"],
    network: ["Connection", "Connections"],
    nav: ["Navigation type", "Navigation types"],
    human: ["Human", "Humans and robots"],
    memory: ["Memory", "Memory"],
    cores: ["CPU cores", "CPU cores"],
    viewport: ["Viewport", "Viewports"],
    save_data: ["Save-Data", "Save-Data"],
    error: ["Error", "Errors"],
    host: ["Host", "Hosts"],
    event: ["Event", "Events"],
};

export const dimension = (name: string): string => own(names, name)?.[0] ?? name;
export const dimensions = (name: string): string => own(names, name)?.[1] ?? name;

/* "VALUE1,VALUE2", where a comma in VALUE1 is %2C */
export const pair = (text: string): [string, string] => {
    const comma = text.indexOf(",");

    return [text.slice(0, comma).replaceAll("%2C", ","), text.slice(comma + 1)];
};
