/* A real batch on the map: its tokens, where they stand after so many updates, and what each method clips of them. */

import { clamp, h, say, sigmoid } from "../parts/common.js";
import { METHODS } from "./reading.js";

/* The trait `batch`, unpacked: null where there is none. Logits come in thousandths. */
export function unpack(batch) {
  if (!batch?.old?.length) return null;
  const tokens = batch.completions.flatMap(({ words }, completion) =>
    words.map((word, place) => ({ word, place, completion })),
  );
  const probabilities = (row) => Float64Array.from(row, (u) => sigmoid(u / 1000));
  const old = probabilities(batch.old),
    after = batch.new.map(probabilities);
  const sign = tokens.map(({ completion }) => batch.completions[completion].sign);
  return { ...batch, tokens, old, after, sign };
}

/* By method, how many of all tokens it clips. */
export function clipped(batch, state) {
  const now = batch.after[state.update];
  return Object.fromEntries(
    state.show.map((key) => {
      let count = 0;
      for (let i = 0; i < now.length; i++)
        if (!METHODS[key].kept(batch.old[i], now[i], { ...state, sign: batch.sign[i] })) count++;
      return [key, count];
    }),
  );
}

/* The token nearest to a place in pixels, of those that are drawn, within reach; -1: none. */
export function nearestToken(batch, state, map, left, top, reach = 10) {
  let best = -1,
    least = reach;
  const now = batch.after[state.update];
  for (let i = 0; i < now.length; i++) {
    if (batch.sign[i] !== state.sign) continue;
    const far = Math.hypot(clamp(map.x(batch.old[i]), 0, map.size) - left, clamp(map.y(now[i]), 0, map.size) - top);
    if (far < least) [best, least] = [i, far];
  }
  return best;
}

/* Dots of the tokens whose advantage has the sign that is shown: filled where every method keeps, a ring elsewhere. */
export function dots(batch, state, { x, y, size }) {
  const now = batch.after[state.update],
    paths = { kept: "", silent: "" };
  for (let i = 0; i < now.length; i++) {
    if (batch.sign[i] !== state.sign) continue;
    const q = batch.old[i],
      p = now[i],
      left = clamp(x(q), 0, size),
      top = clamp(y(p), 0, size);
    const all = state.show.every((key) => METHODS[key].kept(q, p, state)),
      r = all ? 1.8 : 2.8;
    paths[all ? "kept" : "silent"] +=
      `M${(left - r).toFixed(1)},${top.toFixed(1)}a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0`;
  }
  return paths;
}

/* The completion of the token that is read, or of the one that is pointed at. */
export function reader({ data: batch, state, board }) {
  const line = h("p", { class: "line", hidden: !batch });
  const show = (token) => {
    if (token < 0) {
      const { sign } = state(),
        drawn = batch.sign.filter((one) => one === sign).length;
      say(
        line,
        `Dots: the ${drawn} tokens of the batch with A ${sign > 0 ? "> 0" : "< 0"}. Point at one to read it in its completion.`,
      );
      return;
    }
    const { completion, place } = batch.tokens[token],
      { prompt, words, sign } = batch.completions[completion];
    line.replaceChildren(
      h("span", { class: "asked", text: `${batch.prompts[prompt]} ` }),
      ...words.flatMap((word, j) => [j === place ? h("mark", { text: word }) : document.createTextNode(word), " "]),
      h("span", { class: "asked", text: sign > 0 ? "(A > 0)" : "(A < 0)" }),
    );
  };
  if (batch)
    board.node.addEventListener("pointermove", (event) => {
      const token = nearestToken(batch, state(), board, ...board.at(event));
      if (token >= 0) show(token);
    });
  return { el: line, update: ({ token }) => batch && show(token) };
}
