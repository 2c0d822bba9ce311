/*
 * rum.js: the script that measures as soon as it is there.  Its tag holds the
 * options: <script async src="/rum/agent.js" data-beacon="/rum/beacon">.
 */

import { start } from "./full";
import { ofTag } from "./options";

start(ofTag);
