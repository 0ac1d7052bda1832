/* A story as elements, each word the bluer the more the reward model pays for it; punctuation stays with its word. */

import { weightOf } from "../../engine/js/tales.js";
import { h } from "../parts/common.js";

const PAID = 0.08, // points of a word from which it is tinted
  MOST = 0.5; // and those at which it is tinted most

export function tinted(words) {
  return words.flatMap((word, i) => {
    const paid = weightOf(word),
      span = h("span", { class: paid >= PAID ? "paid" : null, text: word });
    if (paid >= PAID) span.style.setProperty("--paid", `${Math.round((70 * Math.min(paid, MOST)) / MOST)}%`);
    return i && !/^[.,!?]$/.test(word) ? [" ", span] : [span];
  });
}
