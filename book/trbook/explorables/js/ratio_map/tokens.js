/* A real batch on the map: its tokens, where they stand after so many updates, and what each method silences of them. */

import { clamp, h, ladder, say, sigmoid } from "../parts/common.js";
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

/* By method, how many of all tokens it silences. */
export function silenced(batch, state) {
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

/* The scrubber over the updates, the token's place in its completion, and the completion itself. */
export function reader(batch, set) {
  const updates = ladder({
    label: "updates",
    spoken: "Updates made on this batch",
    rungs: batch.updates.map((_, i) => i),
    words: (i) => `after ${batch.updates[i]} updates`,
    write: (i) => String(batch.updates[i]),
    onInput: (i) => set({ update: i }),
  });
  const token = ladder({
    label: "token",
    spoken: "Token of the batch, one after the other",
    rungs: batch.tokens.map((_, i) => i - 1).concat(batch.tokens.length - 1),
    words: (i) => (i < 0 ? "none" : `${i + 1} of ${batch.tokens.length}: ${batch.tokens[i].word}`),
    write: (i) => (i < 0 ? "–" : String(i + 1)),
    onInput: (i) => set({ token: i }),
  });
  const line = h("p", { class: "line" });
  const el = h("div", { class: "batch" }, updates.el, token.el, line);
  let shown = null;
  return {
    el,
    settings: (s) => {
      updates.set(s.update);
      token.set(s.token);
    },
    read: (s, i) => {
      if (shown === `${i} ${s.sign}`) return;
      shown = `${i} ${s.sign}`;
      if (i < 0) {
        const drawn = batch.sign.filter((sign) => sign === s.sign).length;
        say(
          line,
          `Dots: the ${drawn} tokens of the batch with A ${s.sign > 0 ? "> 0" : "< 0"}. Point at one to read it in its completion.`,
        );
        return;
      }
      const { completion, place } = batch.tokens[i],
        { prompt, words, sign } = batch.completions[completion];
      line.replaceChildren(
        h("span", { class: "asked", text: `${batch.prompts[prompt]} ` }),
        ...words.flatMap((word, j) => [j === place ? h("mark", { text: word }) : document.createTextNode(word), " "]),
        h("span", { class: "asked", text: sign > 0 ? "(A > 0)" : "(A < 0)" }),
      );
    },
  };
}
