/* What a figure asks for while it runs, as the playground its engine: carried by the page, or fetched as plain scripts, which a page that was
   opened from a folder may load too. */

const LONG = 30_000; // milliseconds after which a part is given up
const asked = new Map();

/* carried: { name: text } or { src: folder }. Gives a part's text; throws in plain words. */
export function arrive(carried, name) {
  if (!carried?.src) {
    if (carried?.[name]) return Promise.resolve(carried[name]);
    return Promise.reject(new Error(`${wordsFor(name)} did not come with this page.`));
  }
  const src = `${carried.src}/${name}.js`;
  if (!asked.has(src)) {
    asked.set(src, fetched(src, name));
    asked.get(src).catch(() => asked.delete(src)); // so that it can be tried again
  }
  return asked.get(src);
}

const wordsFor = (name) => (name === "engine" ? "The engine" : `The weights of ${name}`);

function fetched(src, name) {
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    const timer = setTimeout(
      () => end(new Error(`${wordsFor(name)} did not arrive within ${LONG / 1000} seconds.`)),
      LONG,
    );
    const end = (error) => {
      clearTimeout(timer);
      script.remove();
      const text = self.trlibParts?.[name];
      if (!error && typeof text === "string") return done(text);
      return fail(error ?? new Error(`${wordsFor(name)} arrived damaged.`));
    };
    script.onload = () => end(null);
    script.onerror = () =>
      end(new Error(`${wordsFor(name)} did not arrive. Are you offline? Try again when you are connected.`));
    script.src = src;
    document.head.append(script);
  });
}

export function bytes(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64),
    out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}
