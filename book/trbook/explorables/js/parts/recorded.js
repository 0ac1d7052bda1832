/* Rows of a recorded batch, a number a token: signed bytes in base64, c stands for sign(c) largest (c/127)^2. */
export function recorded(text, tokens, largest) {
  const bytes = Int8Array.from(atob(text), (letter) => (letter.charCodeAt(0) << 24) >> 24);
  return Array.from({ length: bytes.length / tokens }, (_, i) =>
    Float64Array.from(bytes.subarray(i * tokens, (i + 1) * tokens), (c) => Math.sign(c) * largest * (c / 127) ** 2),
  );
}
