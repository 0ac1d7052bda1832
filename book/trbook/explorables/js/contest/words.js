/* What may be said of a contest, and what not. */

import { rate } from "../basin/words.js";

const share = (value) => value.toFixed(3);
export const between = ([value, low, high]) =>
  Number.isFinite(low) ? `${share(value)} [${share(low)}, ${share(high)}]` : share(value);
export const signed = ({ value, low, high }) =>
  `${value < 0 ? "−" : "+"}${share(Math.abs(value))}${Number.isFinite(low) ? ` [${low < 0 ? "−" : "+"}${share(Math.abs(low))}, ${high < 0 ? "−" : "+"}${share(Math.abs(high))}]` : ""}`;

const WHAT = { end: "ends", take_off: "begins" };

/* { tone, title, text } of a contest that is over: only differences whose interval leaves out 0. */
export function verdict(rows, whole) {
  const told = rows.flatMap((row) =>
    Object.keys(WHAT)
      .filter((name) => row[name].certain)
      .map((name) => ({ row, name, up: row[name].value > 0 })),
  );
  const sentence = ({ row, name, up }) =>
    `At ${rate(row.rate)} it ${WHAT[name]} ${up ? "above" : "below"} PPO: ${signed(row[name])}.`;
  const stopped = rows.reduce((sum, row) => sum + row.stopped, 0),
    lost = stopped ? ` ${stopped} of your runs stopped; each counts as 0.` : "";
  if (!whole)
    return {
      tone: "calm",
      title: "Not all runs are there",
      text: `With fewer than eight seeds at a rate nothing is said about it.${lost}`,
    };
  if (!told.length)
    return {
      tone: "calm",
      title: "No difference that eight seeds can show",
      text: `Every interval of the difference to PPO contains 0. That does not make the two equal.${lost}`,
    };
  const ends = told.filter(({ name }) => name === "end"),
    good = ends.filter(({ up }) => up).length,
    bad = ends.length - good;
  const title =
    good && !bad
      ? "Better than PPO where it counts"
      : bad && !good
        ? "Worse than PPO"
        : good
          ? "Better at one rate, worse at another"
          : "The same end, as far as eight seeds show";
  return {
    tone: bad && !good ? "fail" : "calm",
    title,
    text: `${told.map(sentence).join(" ")} Nothing else is certain.${lost}`,
  };
}

export { rate };
