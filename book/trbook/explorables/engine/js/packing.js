/* Completions as rows of a pass: every prompt once, its completions after it, each attending to the prompt's rows and
   its own. The last token of a completion predicts nothing and is not read. */

/* Write one row; gives the next row's number. */
export function putRow(engine, i, { token, position, slot = i, sharedFrom = 0, shared = 0, ownFrom }) {
  engine.token[i] = token;
  engine.position[i] = position;
  engine.slot[i] = slot;
  engine.shared_from[i] = sharedFrom;
  engine.shared[i] = shared;
  engine.own_from[i] = ownFrom;
  return i + 1;
}

/* A prompt's tokens from row i on. */
export function putPrompt(engine, i, ids) {
  const first = i;
  for (const [position, token] of ids.entries()) i = putRow(engine, i, { token, position, ownFrom: first });
  return i;
}

/* Passes that hold all of `completions`, { prompt, tokens } with the prompt's ids in `prompts`, as few as the engine's
   limits allow. Each is { rows: [[prompt, first row]..], of: [completion..], count, outputs }; nothing is written yet. */
export function passes(engine, prompts, completions) {
  const { rows: mostRows, outputs: mostOutputs } = engine.limits,
    made = [];
  /** @type {any} */ let pass = null;
  /** @type {Set<number>} */ let held = new Set();
  for (const completion of completions) {
    const ids = prompts[completion.prompt],
      own = completion.tokens.length;
    const begin = () => {
      made.push((pass = { of: [], rows: 0, outputs: 0 }));
      held = new Set();
    };
    const room = () => (held.has(completion.prompt) ? 0 : ids.length) + own - 1;
    if (ids.length + own - 1 > mostRows || own > mostOutputs) {
      throw new RangeError(`completion: expected at most ${mostRows} tokens with its prompt, got ${ids.length + own}`);
    }
    if (!pass || pass.rows + room() > mostRows || pass.outputs + own > mostOutputs) begin();
    pass.rows += room();
    pass.outputs += own;
    pass.of.push(completion);
    held.add(completion.prompt);
  }
  return made;
}

/* Write a pass. Gives the first output of each of its completions, in their order. */
export function write(engine, prompts, pass) {
  const at = new Map(),
    first = [];
  let row = 0,
    output = 0;
  for (const { prompt, tokens } of pass.of) {
    const ids = prompts[prompt];
    if (!at.has(prompt)) {
      at.set(prompt, row);
      row = putPrompt(engine, row, ids);
    }
    const from = at.get(prompt),
      own = row;
    first.push(output);
    for (const [j, token] of tokens.entries()) {
      engine.predictor[output] = j ? row - 1 : from + ids.length - 1;
      engine.target[output] = token;
      output += 1;
      if (j + 1 === tokens.length) break;
      row = putRow(engine, row, {
        token,
        position: ids.length + j,
        sharedFrom: from,
        shared: ids.length,
        ownFrom: own,
      });
    }
  }
  return first;
}
