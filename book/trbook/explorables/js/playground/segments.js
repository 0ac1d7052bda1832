/* A lane's rows by the settings that they were sampled with. A lane that is set otherwise begins a new segment: what is
   drawn, named, averaged and judged is one segment and never a mixture of two. */

import { identity, lookOf, looksOf, regionOf, titlesOf } from "./lanes.js";
import { PRESETS } from "./state.js";

const FIRST = 4; // batches of a recorded run that are seen before the reader's own has come so far
/* Whether any lane has learned, or is about to. */
export const begun = ({ playing, runs }) =>
  playing || Object.values(runs).some(({ rows, wish }) => rows.length || wish);
const asksWhatComes = ({ preset, revealed }) => Boolean(PRESETS[preset].question) && !revealed;

const known = new WeakMap(); // by the array of rows, which is never changed

/* [{ from, rows, settings }]: batches one after another with the same settings; from: the first one's number. */
export function segmentsOf(rows) {
  if (known.has(rows)) return known.get(rows);
  const starts = rows.flatMap(({ settings }, i) =>
    i && identity(settings) === identity(rows[i - 1].settings) ? [] : [i],
  );
  const found = starts.map((from, i) => ({
    from,
    rows: rows.slice(from, starts[i + 1]),
    settings: rows[from].settings,
  }));
  known.set(rows, found);
  return found;
}

/* The segment of a lane as it is set now; without rows, where no batch has been sampled so since it was set. */
export function presentOf(rows, lane) {
  const last = segmentsOf(rows).at(-1);
  return last && identity(last.settings) === identity(lane) ? last : { from: rows.length, rows: [], settings: lane };
}

/* All segments of a lane, the present one last. */
function toldOf(rows, lane) {
  const before = segmentsOf(rows),
    present = presentOf(rows, lane);
  return before.at(-1) === present ? before : [...before, present];
}

/* What settings are called beside all others that are seen with them: settings -> title. */
export function titler(settings) {
  const titles = titlesOf(Object.fromEntries(settings.map((one) => [identity(one), one])));
  return (one) => titles[identity(one)];
}

/* The lanes as the views draw them, and the curves of earlier runs. What shows batches has the title of what sampled them:
   a lane's `title` is that of the settings it has now, and each of its segments, its newest batch, its updates and its
   answers has one of its own. */
export function pictured(state) {
  const names = Object.keys(state.lanes),
    told = Object.fromEntries(names.map((name) => [name, toldOf(state.runs[name].rows, state.lanes[name])]));
  const learns = begun(state),
    least = Math.max(0, ...names.map((name) => state.runs[name].rows.length));
  /* The recorded run goes no further than the reader's, until the question is answered. Where a lane of the reader's is the
     recorded one, it takes its place. */
  const kept = state.pinned.flatMap(({ number, name, seed, date, recorded, rows }) =>
    segmentsOf(recorded && asksWhatComes(state) ? rows.slice(0, Math.max(FIRST, least)) : rows)
      .map((segment) => {
        const lane = state.lanes[name],
          same = recorded && lane && identity(lane) === identity(segment.settings),
          holds = same && !learns;
        if (same && learns && seed === state.seed) return null;
        return { ...segment, number, name, seed, date, recorded: holds, kind: recorded ? "recorded" : "kept" };
      })
      .filter(Boolean),
  );
  const title = titler([...Object.values(told).flat(), ...kept].map(({ settings }) => settings));
  const named = (of) => (of ? { ...of, title: title(of.settings) } : null),
    looks = looksOf(state.lanes),
    /* What a lane sampled with the method that it has now looks like the lane; the rest as its method does. */
    look = (name, settings) => {
      const [hue, dash] = lookOf(settings),
        lane = state.lanes[name];
      return lane && lookOf(lane)[0] === hue ? looks[name] : { colour: `var(--${hue})`, dash };
    };
  const lanes = names.map((name) => {
    const lane = state.lanes[name],
      run = state.runs[name],
      segments = told[name].map((one) => ({
        ...named(one),
        ...look(name, one.settings),
        name,
        key: `${name}${one.from}`,
        alone: told[name].length === 1,
        last: one === told[name].at(-1),
      }));
    return {
      name,
      title: title(lane),
      ...looks[name],
      region: regionOf(lane),
      settings: lane,
      segments,
      present: segments.at(-1),
      count: run.rows.length,
      recorded: kept.find((one) => one.recorded && one.name === name)?.rows.length ?? 0, // shown in place of its own
      ms: run.ms,
      why: run.why,
      stopped: run.why,
      last: named(run.last),
      answers: named(run.answers),
      updates: named({ settings: run.updated ?? lane, all: run.updates }),
      seeds: run.seeds?.rows ?? [],
      ends: run.seeds?.ends ?? [],
    };
  });
  return {
    lanes,
    pinned: kept.map((one) => ({
      ...named(one),
      ...look(one.name, one.settings),
      key: `kept${one.number}${one.name}${one.from}`,
      ghost: !one.recorded, // drawn as lanes are, until they learn or are set otherwise
      alone: one.kind === "recorded",
      last: true,
    })),
  };
}
