/*
 * The tier that measures Web Vitals only: it takes the same calls, and heeds
 * config and consent.
 */

export { start, type Rum, type RumOptions } from "./rum.js";
