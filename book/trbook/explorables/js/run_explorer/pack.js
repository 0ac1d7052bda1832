/* The recorded sweeps as book/trbook/explorables/runs.py packs them, read back. No drawing here. */

/* A row of characters -> numbers in steps, null where nothing was measured: see `encode` in runs.py. */
export function decode(text, { alphabet, gap }) {
  const row = [];
  let last = 0,
    above = 0;
  for (const c of text) {
    if (c === gap) {
      row.push(null);
      continue;
    }
    const place = alphabet.indexOf(c);
    if (place >= 64) {
      above = 64 * (place - 63);
      continue;
    }
    const code = above + place;
    last += code % 2 ? -(code + 1) / 2 : code / 2;
    row.push(last);
    above = 0;
  }
  return row;
}

/* A row in steps -> values of a measure. */
export function values(row, measure, { steps, logarithmic }) {
  const step = steps[measure],
    powers = logarithmic.includes(measure);
  return row.map((q) => (q === null ? null : powers ? 10 ** (step * q) : step * q));
}

/* Everything that was packed: sweeps by name, arms by method and point, curves that are decoded when they are asked for. */
export function open(text) {
  const { format, sweeps, ...rest } = JSON.parse(text),
    cache = new Map();
  const byName = new Map(sweeps.map((sweep) => [sweep.name, sweep]));
  const armOf = (sweep, method, at) =>
    sweep.arms[[method, ...Object.keys(sweep.axes).map((axis) => at[axis])].join("|")];
  const curveOf = (arm, measure) => {
    if (!arm?.curves[measure]) return null;
    if (!cache.has(arm)) cache.set(arm, {});
    const [mean, low, high] = (cache.get(arm)[measure] ??= arm.curves[measure].map((row) =>
      values(decode(row, format), measure, format),
    ));
    return { mean, low, high };
  };
  return { ...rest, format, sweeps, byName, armOf, curveOf };
}

/* From least to most of what a measure reaches in a whole sweep, bands included: one scale for all of its points. */
export function reach(pack, sweep, measure) {
  let least = Infinity,
    most = -Infinity;
  for (const arm of Object.values(sweep.arms)) {
    const curve = pack.curveOf(arm, measure);
    if (!curve) continue;
    for (const row of [curve.low, curve.high, curve.mean]) {
      for (const value of row) {
        if (value === null) continue;
        if (value < least) least = value;
        if (value > most) most = value;
      }
    }
  }
  return [least, most];
}

/* The axis whose points are the map's columns: the one with most of them, of two the latter. */
/** @returns {string | null} */
export function columnsAxis(sweep) {
  return Object.entries(sweep.axes).reduce(
    (/** @type {string | null} */ best, [axis, points]) =>
      best && sweep.axes[best].length > points.length ? best : axis,
    null,
  );
}
