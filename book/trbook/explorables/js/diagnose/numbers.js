/* What numpy computes, on typed arrays. */

export const where = (length, test) => {
  let count = 0;
  for (let i = 0; i < length; i++) if (test(i)) count++;
  const out = new Int32Array(count);
  for (let i = 0, k = 0; i < length; i++) if (test(i)) out[k++] = i;
  return out;
};

export const pick = (values, index) => {
  const out = new Float64Array(index.length);
  for (let k = 0; k < index.length; k++) out[k] = values[index[k]];
  return out;
};

/* Flags of the places in `index`. */
export const flagged = (flags, index) => {
  const out = new Uint8Array(index.length);
  for (let k = 0; k < index.length; k++) out[k] = flags[index[k]];
  return out;
};

export const map = (values, change) => {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = change(values[i], i);
  return out;
};

export function total(values) {
  let sum = 0,
    lost = 0; // Kahan's: a plain sum of a million terms would lose digits
  for (let i = 0; i < values.length; i++) {
    const term = values[i] - lost,
      next = sum + term;
    lost = Number.isFinite(next) ? next - sum - term : 0;
    sum = next;
  }
  return sum;
}
export const mean = (values) => total(values) / values.length;

export const largest = (values) => {
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
};

/* The values at the shares `at`, interpolated between neighbours of the sorted array. */
export function quantiles(sorted, at) {
  return at.map((share) => {
    const place = (sorted.length - 1) * share,
      low = Math.floor(place),
      part = place - low;
    const a = sorted[low],
      b = sorted[Math.min(low + 1, sorted.length - 1)];
    return part === 0 || a === b ? a : part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
  });
}
export const sorted = (values) => values.slice().sort();
export const median = (values) => quantiles(sorted(values), [0.5])[0];

/* To the nearest whole number, to the even one on a tie. */
export function rint(value) {
  const low = Math.floor(value),
    part = value - low;
  return part < 0.5 ? low : part > 0.5 ? low + 1 : low % 2 ? low + 1 : low;
}

export function linspace(low, high, count) {
  const step = (high - low) / (count - 1);
  return Float64Array.from({ length: count }, (_, i) => (i === count - 1 ? high : i * step + low));
}
