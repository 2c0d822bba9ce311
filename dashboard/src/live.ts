/*
 * New answers as they come: by an event stream, and by asking again where
 * there is none (a proxy that buffers, an older module).
 */

export type Link = "live" | "polling" | "paused" | "lost";

/* how long a stream that does not open is waited for */
const PATIENCE = 5000;

/* how long it asks by itself before it tries a stream again */
const RETRY = 60000;

export interface Live {
    url: string;
    every: number;              /* ms: no answer is drawn sooner after another */
    answer: (answer: unknown) => void;
    poll: () => void;
    link: (link: Link) => void;
}

/* begins; returns how to end it */
export const live = ({ url, every, answer, poll, link }: Live): (() => void) => {
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let patience: ReturnType<typeof setTimeout> | undefined;
    let latest: unknown;
    let drawn = Date.now();

    const draw = (): void => {
        timer = undefined;
        drawn = Date.now();
        answer(latest);
    };

    const close = (): void => {
        source?.close();
        source = undefined;
        clearTimeout(timer);
        clearTimeout(patience);
        timer = undefined;
    };

    const startPolling = (): void => {
        close();
        link("polling");

        const since = Date.now();

        const again = (): void => {
            timer = undefined;
            poll();

            if (Date.now() - since >= RETRY) {
                open();

            } else {
                timer = setTimeout(again, Math.max(every, 5000));
            }
        };

        timer = setTimeout(again, Math.max(every, 5000));
    };

    const open = (): void => {
        source = new EventSource(url);
        patience = setTimeout(startPolling, PATIENCE);

        source.addEventListener("status", (event) => {
            clearTimeout(patience);
            link("live");

            try {
                latest = JSON.parse(event.data);

            } catch {
                return;
            }

            timer ??= setTimeout(draw, Math.max(0, drawn + every - Date.now()));
        });

        /* there is no answer now; the stream goes on */
        source.addEventListener("unavailable", () => {
            clearTimeout(patience);
            link("lost");
        });

        source.addEventListener("error", () => {
            /* closed: what came is no stream; else it connects again itself */
            if (source?.readyState === EventSource.CLOSED) {
                startPolling();

            } else {
                link("lost");
            }
        });
    };

    const visibility = (): void => {
        if (document.hidden) {
            close();
            link("paused");

        } else if (!source && !timer) {
            open();
        }
    };

    document.addEventListener("visibilitychange", visibility);
    visibility();

    return () => {
        document.removeEventListener("visibilitychange", visibility);
        close();
    };
};
