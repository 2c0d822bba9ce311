/*
 * What kept the main thread busy: long tasks and long animation frames.
 *
 * TTI is the end of the last long task before five seconds without one, from
 * the first paint on and not before DOMContentLoaded; TBT is what the long
 * tasks until then took beyond 50 ms each.  A page that is left earlier has
 * no TTI, and a TBT of all of its tasks.
 */

import { bare, navigation, now, observe, tenth } from "./util";
import { collectors, view } from "./view";
import { scripts } from "./vitals";

const QUIET = 5000;
const BLOCKING = 50;
const FRAMES = 20;

interface Task {
    startTime: number;
    duration: number;
}

export const startFrames = (): void => {
    const tasks: Task[] = [];
    let frames: any[] = [];
    let owner = view;
    let blocked = 0;

    const tasksNow = observe("longtask", (task) => {
        if (tasks.length < 500) {
            tasks.push(task);
        }
    });

    const framesNow = observe("long-animation-frame", (frame) => {
        if (owner != view) {
            owner = view;
            blocked = 0;
        }

        blocked += frame.blockingDuration;
        frames = [...frames.slice(-FRAMES), frame];
    });

    scripts._longest = (from, to) => {
        let longest = 0;
        let url = "";

        framesNow?.();

        for (const frame of frames) {
            for (const script of frame.scripts) {
                const time = Math.min(to, script.startTime + script.duration)
                    - Math.max(from, script.startTime);

                if (time > longest) {
                    longest = time;
                    url = bare(script.sourceURL);
                }
            }
        }

        return url;
    };

    collectors.push((all) => {
        const { _metrics: metrics, _nav: nav, _start: zero } = view;

        if (all) {
            tasksNow?.();
            framesNow?.();
        }

        if (framesNow && owner == view) {
            metrics.long_animation_frames = tenth(blocked);
        }

        const fcp = metrics.fcp! + zero;

        if (!tasksNow || !(fcp >= 0) || view._route
            || nav == "back_forward_cache")
        {
            return;
        }

        let tbt = 0;
        let quiet = fcp;

        for (const { startTime, duration } of tasks) {
            if (startTime + duration > fcp) {
                if (startTime - quiet > QUIET) {
                    break;
                }

                quiet = startTime + duration;
                tbt += Math.max(0, duration - BLOCKING);
            }
        }

        metrics.tbt = tenth(tbt);

        const loaded = navigation().domContentLoadedEventEnd;

        if (now() - quiet > QUIET && loaded) {
            metrics.tti = tenth(Math.max(quiet, loaded) - zero);
        }
    });
};
