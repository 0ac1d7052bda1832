/* Random numbers by name: every draw has a stream of its own, derived from the run's seed and a path of names. Nothing
   depends on what was drawn before, so lanes with the same seed see the same prompts whatever else differs. */

/* FNV-1a over the text, then a finaliser: 32 bits. */
function hash(text, basis) {
  let h = basis >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/* A function that gives doubles in [0, 1) with 53 random bits (sfc32, twice a number). */
export function stream(seed, ...path) {
  const text = [seed, ...path].join("/");
  let [a, b, c, counter] = [hash(text, 0x811c9dc5), hash(text, 0x9747b28c), hash(text, 0x3c6ef372), 1];
  const word = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) word();
  return () => ((word() >>> 5) * 0x4000000 + (word() >>> 6)) / 0x20000000000000;
}

/* 0 .. n - 1, each alike. */
export const draw = (random, n) => Math.floor(random() * n);

/* 0 .. n - 1 in a random order (Fisher and Yates). */
export function shuffled(random, n) {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = draw(random, i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
