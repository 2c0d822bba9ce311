/*
 * rum-vitals.js: the script that measures as soon as it is there.  Its tag holds the
 * options: <script async src="/rum/vitals.js" data-beacon="/rum/beacon">.
 */

import { start } from "./vitals-only";
import { ofTag } from "./options";

start(ofTag);
