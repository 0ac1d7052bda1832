/* One story: blue what the reward model pays for, underlined what the judge finds wrong, and both verdicts in words. */

import { weightOf } from "../../engine/js/tales.js";
import { h, say } from "../parts/common.js";

const PAID = 0.08, // points of a word from which it is tinted
  MOST = 0.5, // and those at which it is tinted most
  LONGEST = 8; // words of a detail

const KEY = () =>
  h(
    "p",
    { class: "key" },
    h("span", { class: "word paid", text: "Blue" }),
    ": the reward model pays for this word. ",
    h("span", { class: "word wrong", text: "Underlined" }),
    ": from here on it is no story, or the words do not fit.",
  );

export function tale(prompt) {
  const asked = h("p", { class: "asked" }),
    said = h("p", { class: "said" }),
    judge = h("p", { class: "judge" }),
    score = h("p", { class: "score" });
  return {
    node: h("div", { class: "tale" }, asked, said, h("div", { class: "verdicts" }, judge, score), KEY()),
    show(story, when) {
      say(asked, `“${prompt}” ${when}:`);
      if (!story) return say(said, "");
      const { words, verdict, good } = story,
        { reason, detail, right, from, to, reward } = verdict;
      said.replaceChildren(
        ...words.flatMap((word, i) => {
          const paid = weightOf(word),
            span = h("span", { class: i >= from && i < to ? "word wrong" : "word", text: word });
          if (paid >= PAID) span.style.setProperty("--paid", `${Math.round((100 * Math.min(paid, MOST)) / MOST)}%`);
          return [span, " "];
        }),
      );
      const short = detail.split(" "),
        why = short.length > LONGEST ? `${short.slice(0, LONGEST).join(" ")} …` : detail;
      judge.dataset.right = right ? "yes" : "no";
      say(judge, `Judge: ${right ? "✓" : "✕"} ${reason}${why ? `, ${why}` : ""} (${good} of 8 are good)`);
      say(score, `Reward model: ${reward.toFixed(1).replace("-", "−")}`);
    },
  };
}
