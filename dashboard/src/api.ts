/*
 * Questions to the status location and their answers.
 *
 * The answers of one round are shared: panels that ask the same get the same.
 */

import { state } from "./state";
import type { Answer } from "./types";

export type Parameters = Record<string, string | number | undefined>;

export class ApiError extends Error {
    constructor(
        readonly status: number, message: string, readonly parameter?: string,
    ) {
        super(message);
    }
}

const base = new URL(
    document.querySelector<HTMLMetaElement>("meta[name=rum-status]")?.content || "../status",
    document.baseURI);

export const address = (parameters: Parameters, where: string[] = []): string => {
    const url = new URL(base);

    for (const [name, value] of Object.entries(parameters)) {
        if (value !== undefined && value !== "") {
            url.searchParams.set(name, String(value));
        }
    }

    for (const filter of where) {
        url.searchParams.append("where", filter);
    }

    return url.href;
};

/* about the site, the span and the filters of the page */
export const about = (parameters: Parameters): string => {
    const own = parameters["by"];

    return address({
        site: state.site,
        ...(state.last ? { last: state.last } : { from: state.from, to: state.to }),
        ...parameters,

    /* a table of countries shows all of them, also while one is picked */
    }, state.where.filter(({ dimension }) => dimension !== own)
        .map(({ dimension, value }) => `${dimension}:${value}`));
};

export const csv = (url: string): string => {
    const link = new URL(url);

    link.searchParams.set("format", "csv");
    link.searchParams.delete("buckets");
    return link.href;
};

const problem = (status: number, text: string): ApiError => {
    try {
        const { error, parameter } = JSON.parse(text);

        return new ApiError(status, String(error), parameter);

    } catch {
        return new ApiError(status, text.startsWith("<") || !text
            ? "the status location is not there or not allowed" : text.slice(0, 200));
    }
};

const fetchAnswer = async (url: string, signal?: AbortSignal): Promise<unknown> => {
    let response: Response;

    try {
        response = await fetch(url, {
            headers: { Accept: "application/json" }, cache: "no-cache", signal: signal ?? null,
        });

    } catch (error) {
        throw signal?.aborted ? error : new ApiError(0, "nginx does not answer");
    }

    const text = await response.text();

    if (!response.ok) {
        throw problem(response.status, text);
    }

    try {
        return JSON.parse(text);

    } catch {
        throw new ApiError(response.status, "the answer is not JSON: is rum-status right?");
    }
};

export class Round {
    private readonly asked = new Map<string, Promise<unknown>>();
    private readonly stop = new AbortController();

    ask<T = Answer>(url: string): Promise<T> {
        let answer = this.asked.get(url);

        if (!answer) {
            answer = fetchAnswer(url, this.stop.signal);
            this.asked.set(url, answer);
        }

        return answer as Promise<T>;
    }

    /* an answer that came by itself */
    give(url: string, answer: unknown): void {
        this.asked.set(url, Promise.resolve(answer));
    }

    get over(): boolean {
        return this.stop.signal.aborted;
    }

    abort(): void {
        this.stop.abort();
    }
}
