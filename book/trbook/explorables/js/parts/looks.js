/* How a method looks, wherever it is drawn: its hue, its dash, its mark. Two methods of one hue differ in dash and mark,
   so that no reader needs to see colours. The hues stand in bench.css, light and dark. */

/** @type {Record<string, [string, string, string]>} */
export const LOOKS = {
  on_policy: ["--h0", "", "cross"],
  pg_is: ["--h0", "2 3", "wye"],
  reinforce: ["--h0", "8 3 2 3", "square"],
  ppo: ["--h1", "", "circle"],
  dual: ["--h1", "7 3", "diamond"],
  clip_higher: ["--h2", "8 3", "triangle"],
  sapo: ["--h2", "2 2", "star"],
  penalty: ["--h2", "8 3 2 3", "wye"],
  cispo: ["--h3", "5 3", "diamond"],
  pspo: ["--h3", "2 3", "cross"],
  gspo: ["--h4", "", "square"],
  gmpo: ["--h4", "10 3", "wye"],
  dppo_tv: ["--h5", "9 4", "diamond"],
  dppo_topk: ["--h5", "9 3 2 3", "square"],
  dppo_full: ["--h5", "2 2", "circle"],
  dppo_kl: ["--h7", "2.5 3.5", "cross"],
  quatro: ["--h6", "", "star"],
  troll: ["--h7", "6 3", "triangle"],
};
LOOKS.plain = LOOKS.pg_is;
LOOKS.dppo = LOOKS.dppo_tv;
export const hueOf = (method) => `var(${LOOKS[method][0]})`;
