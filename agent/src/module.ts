/*
 * The agent as a module: start(options) once, then rum(...).
 */

export { start } from "./full";
