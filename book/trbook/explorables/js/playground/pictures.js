/* The views by their names in the address; the curves are always seen, the others one at a time. */

import * as bands from "./views/bands.js";
import * as completions from "./views/completions.js";
import * as curves from "./views/curves.js";
import * as map from "./views/map.js";
import * as openers from "./views/openers.js";
import * as ratios from "./views/ratios.js";

export const PICTURES = { curves, completions, map, ratios, openers, bands };
