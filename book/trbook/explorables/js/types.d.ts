// What the bundler knows and TypeScript does not: style sheets and workers that are imported as text.
declare module "*.css" {
  const text: string;
  export default text;
}
declare module "worker:*" {
  const text: string;
  export default text;
}
interface Window {
  /** Parts that a script has brought: `parts/arrive.js`. */
  trlibParts?: Record<string, string>;
}
interface Uint8ArrayConstructor {
  fromBase64?(text: string): Uint8Array;
}
