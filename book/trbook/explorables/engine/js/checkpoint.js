/* A checkpoint as the page carries it: weights in half precision, little-endian, in the order of shape.h. */

/* The number of a half-precision pattern. */
export function half(bits) {
  const sign = bits >> 15 ? -1 : 1,
    exponent = (bits >> 10) & 31,
    fraction = bits & 1023;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

/* Uint8Array -> Float32Array */
export function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / 2 }, (_, i) => half(view.getUint16(2 * i, true)));
}

/* The bytes' SHA-256 in hexadecimal; null where the page may not compute it (a page from a file is allowed to, one from
   plain http on another host is not). */
export async function fingerprint(bytes) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/* { vocabulary, weights } of a packed checkpoint and its card { name, words, sha256 }.
   Throws where the bytes are not those of the card. */
export async function open(bytes, { name, words, sha256 }) {
  const found = await fingerprint(bytes);
  if (found && found !== sha256) {
    const short = (hash) => `${hash.slice(0, 12)}…`;
    throw new Error(
      `${name}: the weights that arrived are not those that were packed (SHA-256 ${short(found)}, ` +
        `expected ${short(sha256)})`,
    );
  }
  return { vocabulary: words.length, weights: unpack(bytes) };
}
