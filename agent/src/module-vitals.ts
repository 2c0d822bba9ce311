/*
 * Web Vitals only, as a module: start(options) once, then rum(...).
 */

export { start } from "./vitals-only";
