/* What the state says: what each student says of the right answer, and a verdict. No drawing here. */

import { dashOf, hueOf, number, percent, probability, sum, calm, fail } from "../parts/common.js";
import { beginning, learned, truncated, weight } from "./maths.js";

export const RIGHT = 2;
export const LOOKS = {
  sft: { name: "SFT", hue: hueOf("sft"), dash: dashOf("sft"), mark: "square" },
  trsft: { name: "TrSFT", hue: hueOf("trapo"), dash: dashOf("trapo"), mark: "circle" },
  reverse: { name: "reverse KL", hue: hueOf("kl"), dash: "2 3", mark: "diamond" },
};

export function read(s) {
  /** @type {any} */ const found = Object.fromEntries(Object.keys(LOOKS).map((way) => [way, learned(way, s)]));
  const limit = truncated(s.expert, s.alpha),
    first = beginning(s.start);
  const wrong = s.expert.reduce(
    (best, share, v) => (v !== RIGHT && (best === null || share > s.expert[best]) ? v : best),
    null,
  );
  const facts = [
    ["right answer: expert", probability(s.expert[RIGHT])],
    ["student, before", probability(first[RIGHT]), "var(--soft)", "1 3"],
    ...Object.entries(LOOKS)
      .filter(([way]) => s.show.includes(way))
      .map(([way, look]) => [look.name, probability(found[way][RIGHT]), look.hue, look.dash]),
  ];
  return { found, limit, first, wrong, facts, verdict: verdict(s, found, limit, first, wrong) };
}

/* Of both pupils: how often the favourite mistake, or how often any. */
export function pupils({ expert, steps }, { found: { sft, trsft }, wrong }) {
  const hundred = (share) => Math.round(100 * share),
    [right, theirs] = [sft, trsft].map((one) => hundred(one[RIGHT]));
  if (!steps)
    return calm(
      "The pupils have learned nothing yet",
      `Both are right in ${right} of 100. The bars are the expert's, the green one is right, the highest is his favourite mistake.`,
    );
  if (expert[wrong] > expert[RIGHT])
    return calm(
      `SFT makes the mistake in ${hundred(sft[wrong])} of 100, TrSFT in ${hundred(trsft[wrong])}`,
      `SFT copies the expert, and is right in ${right}. TrSFT gives up what he says rarely and makes the rest more frequent: the right answer (${theirs}), and the mistake.`,
    );
  return calm(
    `SFT errs in ${100 - right} of 100, TrSFT in ${100 - theirs}`,
    `Every mistake is rare, and TrSFT gives up what is rare. If one of the rare answers were the one that you need, it would be given up as well.`,
  );
}

function verdict(s, { sft, trsft, reverse }, limit, first, wrong) {
  const e = s.expert,
    w = weight.trsft(first[RIGHT], s.alpha);
  if (s.steps === 0)
    return calm(
      "Nothing is learned yet",
      `The student gives the right answer ${probability(first[RIGHT])}. There SFT has a weight of 1, TrSFT one of ${number(w)}.`,
    );
  const above = sum(e.filter((share) => share > e[RIGHT]));
  if (s.student === "any" && e[RIGHT] < s.alpha * above && limit[RIGHT] < 1e-9) {
    return fail(
      "TrSFT drops the right answer",
      `The expert says it less than α times as often as what it likes more (${probability(e[RIGHT])}, ${probability(above)}). So TrSFT ends at 0: it gives a small weight to what is unlikely, right or wrong.`,
    );
  }
  if (trsft[RIGHT] < 0.25 * e[RIGHT] && sft[RIGHT] > 0.6 * e[RIGHT]) {
    return fail(
      "TrSFT has not learned the right answer",
      `The student gave it ${probability(first[RIGHT])}, so its weight began at ${number(w)}. So what a student never says must come from prefixes or its own rewards.`,
    );
  }
  if (e[wrong] > e[RIGHT]) {
    const louder = trsft[wrong] > sft[wrong] + 0.01;
    return fail(
      "The expert’s mistake is learned",
      `SFT says the wrong answer ${wrong} with ${probability(sft[wrong])}, TrSFT with ${probability(trsft[wrong])}${louder ? ": more often than SFT" : ""}. So imitation cannot tell right from wrong; only a reward can.`,
    );
  }
  if (s.alpha <= 0.005)
    return calm(
      "α is so small that TrSFT is SFT",
      `Only tokens below ${number(s.alpha)} have a smaller weight. TrSFT gives the right answer ${probability(trsft[RIGHT])}, SFT ${probability(sft[RIGHT])}.`,
    );
  const rare = (p) => sum(p.filter((_, v) => e[v] < 0.05)),
    said = rare(e),
    between = rare(sft);
  if (s.student === "hump" && between > said + 0.1) {
    return fail(
      "SFT says what the expert hardly says",
      `${percent(between)} of it lies where the expert has ${percent(said)} (TrSFT ${percent(rare(trsft))}, reverse KL ${percent(rare(reverse))}). ${rare(trsft) < between - 0.1 ? "Because its loss is bounded, TrSFT can give up a mode." : "So at this α TrSFT cannot give up a mode either."}`,
    );
  }
  if (s.student === "hump")
    return calm(
      "A hump cannot be everywhere",
      `The right answer has ${probability(sft[RIGHT])} with SFT, ${probability(trsft[RIGHT])} with TrSFT. So where the student starts decides which mode it finds: move it.`,
    );
  const kept = limit.filter((share) => share > 1e-9).length;
  return calm(
    kept === 1 ? "TrSFT keeps one answer" : `TrSFT keeps ${kept} answers of ${limit.length}`,
    `In the end TrSFT gives the right answer ${probability(limit[RIGHT])}, and SFT what the expert gives it. So rare mistakes go, and so would a rare right answer.`,
  );
}
