/* How the methods of the sweeps look. */

import { symbol, symbolCircle, symbolCross, symbolDiamond, symbolSquare, symbolStar, symbolTriangle } from "d3-shape";
import { LOOKS } from "../parts/common.js";

const MARKS = {
  circle: symbolCircle,
  square: symbolSquare,
  triangle: symbolTriangle,
  diamond: symbolDiamond,
  cross: symbolCross,
  star: symbolStar,
};

/* Hue, dash and mark of every method. */
export const looksOf = (methods) =>
  new Map(
    methods.map((method) => {
      const [hue, dash, mark] = LOOKS[method.replaceAll("-", "_")];
      return [method, { hue: `var(--${hue})`, dash, mark: symbol(MARKS[mark], 46)() }];
    }),
  );

export const swatch = ({ hue, dash, mark }) =>
  `<svg width="26" height="12" viewBox="0 0 26 12" aria-hidden="true">` +
  `<path d="M0 6H26" fill="none" stroke="${hue}" stroke-width="2"${dash ? ` stroke-dasharray="${dash}"` : ""}/>` +
  `<path d="${mark}" transform="translate(13,6)" fill="${hue}"/></svg>`;
