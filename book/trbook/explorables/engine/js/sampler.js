/* Groups of completions with a cache of keys and values. A prompt is read once for all of its completions; each token
   has a uniform number of its own, so that what a completion says depends on nothing but its own numbers. */

import { putPrompt, putRow } from "./packing.js";

export const END = 1;

/* `group` completions of every prompt (arrays of ids), each { prompt, tokens, logp, ended }.

   uniform(row, t): the number in [0, 1) that draws token t of completion `row`.
   keep: numbers of completions whose whole distributions are kept, as `full`, an array of Float32Array; null: none. */
export function sample(engine, prompts, { group, maxTokens, uniform, keep = null }) {
  const all = prompts.flatMap((_, prompt) =>
    Array.from({ length: group }, (_, g) => ({
      prompt,
      row: prompt * group + g,
      tokens: [],
      logp: [],
      ended: false,
      full: keep && keep.has(prompt * group + g) ? [] : null,
    })),
  );
  for (const part of portions(engine, prompts, group, maxTokens)) {
    write(
      engine,
      prompts,
      all.filter(({ prompt }) => prompt >= part.from && prompt < part.to),
      maxTokens,
      uniform,
    );
  }
  return all;
}

/* Prompts that the engine holds at a time, with all of their completions. */
function portions(engine, prompts, group, maxTokens) {
  const { rows, outputs, slots } = engine.limits,
    made = [];
  let read = 0;
  for (const [i, ids] of prompts.entries()) {
    const part = made.at(-1),
      live = part ? (i + 1 - part.from) * group : 0;
    const fits =
      part &&
      read + ids.length <= rows &&
      live <= Math.min(rows, outputs) &&
      read + ids.length + live * (maxTokens - 1) <= slots;
    if (fits) part.to = i + 1;
    else made.push({ from: i, to: i + 1 });
    read = fits ? read + ids.length : ids.length;
    const most = Math.min(rows, outputs, Math.floor((slots - ids.length) / Math.max(1, maxTokens - 1)));
    if (group > most) {
      throw new RangeError(`group: expected at most ${most} completions of ${maxTokens} tokens, got ${group}`);
    }
  }
  return made;
}

/* One portion, token by token; completions that have ended leave the computation. */
function write(engine, prompts, completions, maxTokens, uniform) {
  const at = new Map();
  let row = 0;
  for (const { prompt } of completions) {
    if (at.has(prompt)) continue;
    at.set(prompt, row);
    row = putPrompt(engine, row, prompts[prompt]);
  }
  const cached = row;
  for (const [k, one] of completions.entries()) one.slots = cached + k * Math.max(1, maxTokens - 1);
  let live = completions;
  for (let t = 0; t < maxTokens && live.length; t++) {
    const read = t ? next(engine, prompts, live, at, t) : first(engine, prompts, live, at, cached);
    for (const [k, one] of live.entries()) {
      engine.target[k] = 0;
      engine.uniform[k] = uniform(one.row, t);
    }
    engine.forward(read, live.length);
    engine.draw(live.length);
    for (const [k, one] of live.entries()) note(engine, one, k);
    live = live.filter((one) => !one.ended);
  }
  for (const one of completions) delete one.slots;
}

/* The first tokens follow from the prompts' last rows. */
function first(engine, prompts, live, at, rows) {
  for (const [k, { prompt }] of live.entries()) engine.predictor[k] = at.get(prompt) + prompts[prompt].length - 1;
  return rows;
}

function next(engine, prompts, live, at, t) {
  for (const [k, { prompt, tokens, slots }] of live.entries()) {
    const shared = prompts[prompt].length;
    putRow(engine, k, {
      token: tokens[t - 1],
      position: shared + t - 1,
      slot: slots + t - 1,
      ownFrom: slots,
      sharedFrom: at.get(prompt),
      shared,
    });
    engine.predictor[k] = k;
  }
  return live.length;
}

function note(engine, one, k) {
  one.tokens.push(engine.target[k]);
  one.logp.push(engine.chosen[k]);
  one.ended = engine.target[k] === END;
  if (one.full) one.full.push(engine.distribution(k).slice());
}
