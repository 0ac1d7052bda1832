/* What the explorer says of a choice: who ends highest, who shares its interval, who has forgotten what it knew. */

import { number } from "../parts/common.js";
import { axisName, between, called, measureOf, share, short } from "./looks.js";

export const place = (at) =>
  Object.entries(at)
    .map(([axis, label]) => `${axisName(axis)} ${short(label)}`)
    .join(", ");

/* The arms of a choice, those of `state.methods` or of all methods: method, accuracy, nats, start, fails. */
export function armsAt(pack, sweep, at, methods) {
  return methods
    .map((method) => ({ method, arm: pack.armOf(sweep, method, at) }))
    .filter(({ arm }) => arm)
    .map(({ method, arm }) => {
      const start = pack.curveOf(arm, "reward")?.mean[0] ?? null;
      return {
        method,
        accuracy: arm.accuracy,
        nats: arm.nats ?? null,
        every: arm.every ?? 1,
        start,
        fails: forgot(arm.accuracy, start),
      };
    });
}

/* Whether the whole interval of an accuracy lies below what the runs began with. */
export const forgot = ([value, , high], start) => start !== null && (high ?? value) < start;

/* The verdict: { tone: "fail" | "calm", title, text }. */
export function verdict(sweep, state, arms) {
  if (!arms.length)
    return {
      tone: "calm",
      title: "Nothing was run here",
      text: "None of these methods was run at this point. Choose another cell of the table.",
    };
  const ranked = [...arms].sort((a, b) => b.accuracy[0] - a.accuracy[0]);
  const best = ranked[0],
    last = ranked[ranked.length - 1],
    failed = ranked.filter((arm) => arm.fails).map((arm) => arm.method);
  const told = (arm) => `${quoted(arm.method)} ${between(arm.accuracy, share)}`;
  const control = arms.find((arm) => arm.every > 1);
  const few =
    (sweep.seeds < 5 ? ` ${sweep.seeds} seeds decide little.` : "") +
    (control
      ? ` ${called(control.method)} takes as many updates, each from a fresh batch; every ${control.every}th of its batches is drawn.`
      : "");
  const focus = arms.find((arm) => arm.method === state.cell);
  const own = focus ? `${told(focus)}${focus.nats ? `, for ${between(focus.nats, number)} nats per token` : ""}. ` : "";
  if (arms.length === 1)
    return {
      tone: best.fails ? "fail" : "calm",
      title: `Final accuracy: ${told(best)}`,
      text: (best.fails ? lost([best.method], best.start) : "One method is shown.") + few,
    };
  const near = ranked
    .slice(1)
    .filter((arm) => best.accuracy[1] !== null && arm.accuracy[2] > best.accuracy[1])
    .map((arm) => arm.method);
  const order = `Highest: ${told(best)}${near.length ? `; the ${near.length === 1 ? "interval" : "intervals"} of ${fewOf(near)} ${near.length === 1 ? "meets" : "meet"} its own` : ", and no interval meets its own"}. Lowest: ${told(last)}.`;
  if (failed.length) {
    const who = failed.length === arms.length ? "All of these" : fewOf(failed);
    return {
      tone: "fail",
      title: `${who} ${failed.length === 1 ? "fails" : "fail"} here`,
      text: `${own}${lost(failed, ranked.find((arm) => arm.fails).start)} ${order}${few}`,
    };
  }
  return {
    tone: "calm",
    title: near.length ? "No clear winner here" : `${quoted(best.method)} ends highest here`,
    text: `${own}${order}${few}`,
  };
}

const lost = (methods, start) =>
  `${methods.length > NAMED ? "They end" : `${list(methods)} ${methods.length === 1 ? "ends" : "end"}`} below where every run began (${share(start)}): what the base knew is forgotten.`;
const NAMED = 3; // so many names fit into a sentence
const fewOf = (names) => (names.length > NAMED ? `${names.length} of these` : list(names));
const quoted = (method) => {
  const name = called(method);
  return name.includes(",") ? `“${name}”` : name;
};
export const list = (names) =>
  names.length < 2
    ? names.map(quoted).join("")
    : `${names.slice(0, -1).map(quoted).join(", ")} and ${quoted(names[names.length - 1])}`;

/* The reveal: what was guessed beside what came. */
export function answer(guess, arms) {
  const ranked = [...arms].sort((a, b) => b.accuracy[0] - a.accuracy[0]),
    best = ranked[0];
  const told = ranked.map((arm) => `${called(arm.method)} ${between(arm.accuracy, share)}`).join(", ");
  return {
    right: guess === best.method,
    text: `${guess === best.method ? "Right" : "Not so"}: ${called(best.method)} ends highest. Final accuracy: ${told}.`,
  };
}

/* The whole choice for a screen reader. */
export function aloud(sweep, state, { title, text }, values) {
  const where = place(state.at),
    batch = state.batch < 0 ? "last batch" : `batch ${state.batch}`;
  return `${sweep.title}${where ? `, ${where}` : ""}. ${title}. ${text} ${measureOf(state.measure).text}, ${batch}: ${values.join(", ") || "not measured"}.`;
}
