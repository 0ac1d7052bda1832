/* Words and their ids: one token a word, single spaces between. */

const SPECIAL = 3; // <pad>, <end>, <unk>

export class Vocabulary {
  /* words: every token; the place is the id. */
  constructor(words) {
    this.words = words;
    this.ids = new Map(words.map((word, id) => [word, id]));
  }

  /* Ids of words. Throws where one is unknown. */
  encode(words) {
    return words.map((word) => {
      if (!this.ids.has(word)) throw new RangeError(`prompt: expected words that the model knows, got '${word}'`);
      return this.ids.get(word);
    });
  }

  /* The words of a completion, its end token and other special ones left out. */
  decode(tokens) {
    return Array.from(tokens)
      .filter((id) => id >= SPECIAL)
      .map((id) => this.words[id]);
  }
}
