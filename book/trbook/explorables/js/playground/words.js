/* What the page says of its lanes. */

import { inRow as list, number } from "../parts/numbers.js";
import { NAMES, identity, possibleLane } from "./lanes.js";
import { average } from "../maths/plain.js";
import { calm, fail } from "../parts/verdict.js";
import { iqm } from "./views/iqm.js";

const TEN = 10,
  SEEDS = 8;
export const recent = (rows) => (rows.length ? average(rows.slice(-TEN).map(({ reward }) => reward)) : null);

/* Where a lane's curve was highest: the mean of the last ten batches, of fewer at the beginning as it is drawn, though
   not of so few that one lucky batch makes a height. */
const FEW = 4,
  heights = new WeakMap();
function best(rows) {
  const known = heights.get(rows[0]) ?? { count: 0, total: 0, most: -Infinity }; // of this run: looked at once a batch
  if (known.count > rows.length) Object.assign(known, { count: 0, total: 0, most: -Infinity });
  for (let i = known.count; i < rows.length; i++) {
    known.total += rows[i].reward - (i >= TEN ? rows[i - TEN].reward : 0);
    if (i + 1 >= FEW) known.most = Math.max(known.most, known.total / Math.min(i + 1, TEN));
  }
  known.count = rows.length;
  heights.set(rows[0], known);
  return known.most;
}

const FALLEN = 0.2;

/* Of the run that the page begins with, which is shown as far as it does not answer the page's question. */
export function ofRecorded(pinned, lanes, batches) {
  const changed = lanes.filter(({ recorded }) => !recorded).map(({ title }) => title);
  if (changed.length)
    return calm(
      `${list(changed)} ${changed.length > 1 ? "have" : "has"} learned nothing yet`,
      `The faint lines are the recorded run. Press Play: the lanes learn in this page, to batch ${batches}.`,
    );
  const { length } = pinned[0].rows;
  return calm(
    `Recorded: ${length < batches ? `the first ${length} of ${batches}` : batches} batches`,
    length < batches
      ? "So few batches are no evidence. Press Play: the lanes learn in this page, to the end."
      : `${pinned.map(({ title, rows }) => `${title} went from a mean reward of ${number(recent(rows.slice(0, TEN)))} in the first ten batches to ${number(recent(rows))} in the last ten`).join("; ")}. Change something and press Play.`,
  );
}

/* The pairs of lanes whose order is the same with every seed (of eight, a sign test has p = 0.008), [higher, lower], and
   the others. ends: by lane { title, all: the mean reward of the last ten batches, by seed }. */
export function apart(ends) {
  const sorted = [...ends].sort((a, b) => average(b.all) - average(a.all)),
    pairs = sorted.flatMap((one, i) => sorted.slice(i + 1).map((other) => /** @type {[any, any]} */ ([one, other])));
  const same = ([one, other]) => one.all.length >= SEEDS && one.all.every((end, i) => end > other.all[i]);
  return [pairs.filter(same), pairs.filter((pair) => !same(pair))].map((some) =>
    some.map(([one, other]) => [one.title, other.title]),
  );
}

/* What eight seeds say of the lanes, as a title and a sentence. */
function agreed(ends, whose) {
  const [told, open] = apart(ends);
  return [
    told.length
      ? `In each of eight seeds ${list(told.map(([high, low]) => `${high} ends above ${low}`))}`
      : "Eight seeds do not tell these lanes apart",
    open.length ? `${list(open.map((pair) => pair.join(" and ")))}: not significant, in ${whose}.` : "",
  ];
}

/* record: how the lanes ended with eight recorded seeds, by lane, if they are set as then.
   { tone, title, text } of lanes { title, stopped, count, present, seeds, ends }: title, the settings that it has now;
   count, its batches; present, those with these settings. Lanes are compared at the batch that all of them have reached.
   over: no seed is on its way. With an offer, { settings, text }, where there is a lane to add next. */
export function verdict(lanes, seeded, batches, over = false, record = null) {
  const stopped = lanes.filter((lane) => lane.stopped);
  if (stopped.length && !seeded)
    return fail(
      `${list(stopped.map(({ title }) => title))} stopped`,
      [...new Set(stopped.map((lane) => lane.stopped))].join(" "),
    );
  if (seeded) return ofSeeds(lanes, batches, over);
  const least = Math.min(...lanes.map(({ count }) => count));
  const now = lanes.map(({ name, title, count, settings, present: { from, rows } }) => ({
    name,
    title,
    settings,
    ahead: count > least,
    from,
    rows: rows.slice(0, Math.max(0, least - from)),
  }));
  const compared = now.filter(({ rows }) => rows.length >= TEN).map((lane) => ({ ...lane, end: recent(lane.rows) }));
  const early = now.filter(({ rows }) => rows.length < TEN),
    changed = early.filter(({ from }) => from > 0);
  const waiting = changed
    .map(
      ({ title, rows }) => `${title}: ${rows.length || "no"} batch${rows.length === 1 ? "" : "es"} since it was set.`,
    )
    .join(" ");
  if (!compared.length)
    return calm(
      least ? `Batch ${least}` : "Nothing has been learned yet",
      `${waiting ? `${waiting} ` : ""}After ten batches the lanes are compared here, by the mean reward of their last ten.`,
    );
  const fallen = compared.filter((lane) => best(lane.rows) - lane.end > FALLEN),
    ahead = now.some((lane) => lane.ahead);
  const rest =
    (early.length
      ? `${changed.length === early.length ? waiting : `${list(early.map(({ title }) => title))} ${early.length > 1 ? "have" : "has"} done fewer than ten.`} `
      : "") + (record ? "" : "This is one run and no evidence: eight seeds say whether it would happen again.");
  const ofAll =
    record && least >= batches && Object.keys(record).length > 1
      ? agreed(
          lanes.filter(({ name }) => record[name]).map((lane) => ({ title: lane.title, all: record[lane.name] })),
          "eight recorded seeds",
        )
      : null;
  if (fallen.length) {
    const told = `${fallen.map((lane) => `${lane.title} fell from ${number(best(lane.rows))} to ${number(lane.end)}`).join("; ")}. ${ofAll ? `${ofAll[0]}. ${ofAll[1]} ` : ""}${rest}`,
      change = changeOf(fallen),
      isIt = ({ from, settings }) => change && !from && identity(settings) === identity(change),
      held = compared.find((lane) => isIt(lane) && !fallen.includes(lane));
    if (held)
      return {
        tone: "good",
        title: `${held.title} is stable in this run`,
        text: `After ${least} batches it is at ${number(held.end)}; its best was ${number(best(held.rows))}. From the same weights, on the same prompts, ${told}`,
      };
    return {
      tone: "fail",
      offer: change && lanes.length < NAMES.length && !now.some(isIt) ? { settings: change, text: OFFER } : null,
      title: `${list(fallen.map(({ title }) => title))} ${fallen.length > 1 ? "have" : "has"} collapsed`,
      text: told,
    };
  }
  const ends = compared.map(({ title, end }) => `${title} ${number(end)}`).join("; ");
  const [title, open] = ofAll ?? [`After ${least} batches`, record ? `The verdict comes with batch ${batches}.` : ""];
  return calm(
    title,
    `${open ? `${open} ` : ""}Reward of ${ahead ? `batches ${least - TEN + 1} to ${least}, the last that all lanes have done` : "the last ten batches"}: ${ends}. ${rest}`,
  );
}

/* The one thing to change next: the lane that fell without a trust region, with one. With 16 epochs, eight seeds of this clip
   ended at 0.78 to 0.85, of the usual 0.2 at 0.54 to 0.76 (preset "wide"). With one update per batch none has an effect. */
const REGION = { method: "ppo", threshold: 0.05 },
  OFFER = "Change one thing: a clip at 0.05";
function changeOf(fallen) {
  const bare = fallen.find(
    ({ from, settings: { method, epochs, minibatches } }) =>
      !from && ["pg_is", "reinforce"].includes(method) && epochs * minibatches > 1,
  );
  return bare ? possibleLane({ ...bare.settings, ...REGION }, "a").lane : null;
}

function ofSeeds(lanes, batches, over) {
  const ended = lanes.map((lane) => {
      const ends = lane.seeds.filter((rows) => rows.length >= batches).map(recent),
        early = lane.ends.filter(Boolean).length;
      return { title: lane.title, ends, early, middle: ends.length ? iqm(ends) : NaN };
    }),
    some = ended.filter(({ ends }) => ends.length).sort((a, b) => b.middle - a.middle),
    none = ended.filter(({ ends }) => !ends.length);
  if (!some.length && !over)
    return calm("Eight seeds are on their way", "Every lane learns eight times, from other draws.");
  if (!some.length) return fail("No seed reached the end", `No lane has a seed that did all ${batches} batches.`);
  const count = Math.min(...some.map(({ ends }) => ends.length));
  const lost = ended.filter(({ early }) => early).map(({ title, early }) => `${early} of ${title}`);
  const whole = over && ended.every(({ ends }) => ends.length === SEEDS);
  const [title, open] =
    whole && lanes.length > 1
      ? agreed(
          ended.map(({ title, ends }) => ({ title, all: ends })),
          "these eight seeds",
        )
      : [`${count} seed${count > 1 ? "s" : ""} of every lane`, ""];
  const without = over && none.length ? ` No seed of ${list(none.map(({ title }) => title))} reached the end.` : "";
  return {
    tone: lost.length ? "fail" : "calm",
    title: `${title}${lost.length ? `: ${list(lost)} stopped early` : ""}`,
    text:
      `Reward of the last ten batches, interquartile mean (least to most): ${some.map(({ title, middle, ends }) => `${title} ${number(middle)} (${number(Math.min(...ends))} to ${number(Math.max(...ends))}${ends.length > count ? `, ${ends.length} seeds` : ""})`).join("; ")}. ${open}` +
      `${lost.length ? " Seeds that stopped are not in these numbers: with them a lane would look worse." : ""}${without}`,
  };
}

/* What a screen reader hears of the rewards, every ten batches: of each lane's rows since it was last set. */
export const heard = (count, lanes) =>
  `Batch ${count}. ${lanes.map(({ title, rows }) => `${title}: reward ${rows.length ? number(recent(rows)) : "none yet"}`).join(". ")}.`;

/* What is asked of lanes that no preset asks about. */
export const questionOf = ({ batches }, lanes) => ({
  text: `Which lane has the highest reward in batches ${batches - TEN + 1} to ${batches}?`,
  options: lanes.map(({ name, title }) => [name, title]),
  measured: "reward",
  from: batches - TEN,
  unit: "mean reward of these ten batches",
});

/* A question about lanes that nobody has recorded, answered by what they have done: by the mean of the measured column. */
export function answered({ batches, question }, lanes) {
  const means = question.options.map(([of]) => {
    const rows = lanes.find(({ name, settings }) => of === name || of === settings.method)?.present.rows ?? [];
    return rows.length < batches
      ? NaN
      : average(rows.slice(question.from ?? 0, batches).map((row) => row[question.measured]));
  });
  if (means.some(Number.isNaN)) return { ...question, right: null };
  const most = means.indexOf(Math.max(...means)),
    told = question.options.map(([, text], i) => `${text} ${number(means[i])}`);
  return {
    ...question,
    right: question.options[most][0],
    why: `${question.unit}, in this run: ${told.join(", ")}. One run is no evidence; eight seeds are more.`,
  };
}
