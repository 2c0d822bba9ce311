/*
 * What the page loaded: by host and type how much and how slow, and the share
 * of other hosts.  The agent's own requests are not among them.
 */

import { beaconUrl, options } from "./options";
import type { Resource } from "./types";
import { bare, observe, tenth } from "./util";
import { changed, collectors, restarts, view } from "./view";

const GROUPS = 60;
const SLOWEST = 8;
const HOST = /^\w+:\/\/(?:[^/]*@)?([^/?#]+)/;

export const startResources = (): void => {
    const own = beaconUrl();
    let all = 0;
    let others = 0;

    const more = observe("resource", (entry) => {
        const { name, initiatorType: type, duration } = entry;
        const [, host] = HOST.exec(name) || [];

        if (name == own || name == options.src || !host) {
            return;
        }

        all++;
        others += +(host != location.host);

        const list: Resource[] = view._lists.resources;
        let group = list.find((one) => one.host == host && one.type == type);

        if (!group) {
            if (list.length == GROUPS) {
                return;
            }

            group = { host, type, count: 0, duration: [], bytes: 0 };
            list.push(group);
        }

        /* the first one is the slowest yet */
        if (!(duration <= group.duration[0]!)) {
            group.url = bare(name);
        }

        group.count++;
        group.bytes += entry.transferSize || 0;
        group.duration = [...group.duration, tenth(duration)]
            .sort((a, b) => b - a).slice(0, SLOWEST);

        changed();
    });

    collectors.push((now) => {
        if (now) {
            more?.();
        }

        if (all) {
            view._metrics.third_party = tenth(others / all * 100);
        }
    });

    restarts.push(() => {
        all = others = 0;
    });
};
