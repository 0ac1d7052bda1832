/* What a lane answers to the prompt: its words with a mark below those that it was unsure of, and whether it is right. */

import { h, sample, say } from "../parts/common.js";

const KINDS = ["sure", "likely", "open", "rare"];
export const GRADES = [0.9, 0.5, 0.1];
export const gradeOf = (p) => GRADES.filter((least) => p < least).length;

export function answer({ name, hue, dash }) {
  const line = sample(dash),
    mark = h("span", { class: "mark" }),
    said = h("span", { class: "said" }),
    many = h("span", { class: "many" }),
    title = h("b", { text: name }),
    node = h("li", {}, h("p", { class: "who" }, line, title, many), h("p", { class: "what" }, mark, said));
  node.style.setProperty("--hue", hue);
  let known = "";
  return {
    node,
    show({ words, grades, right, of8 }, when) {
      const now = JSON.stringify([words, grades, right]);
      say(many, ` ${when}: ${of8} of 8 right`);
      if (now === known) return;
      known = now;
      node.dataset.right = right ? "yes" : "no";
      say(mark, right ? "✓" : "✕");
      mark.setAttribute("aria-label", right ? "right" : "wrong");
      said.replaceChildren(
        ...words.flatMap((word, i) => [h("span", { class: `word ${KINDS[grades[i]]}`, text: word }), " "]),
      );
    },
  };
}

/* Of eight answers one that ended as most did, as the record has it. */
export function typical(answers) {
  const right = answers.filter(({ verdict }) => verdict.reward > 0).length,
    most = 2 * right > answers.length,
    one = answers.find(({ verdict }) => verdict.reward > 0 === most);
  return {
    words: one.words,
    grades: one.words.map((_, i) => gradeOf(Math.exp(one.logp[i]))),
    right: most,
    of8: right,
  };
}
