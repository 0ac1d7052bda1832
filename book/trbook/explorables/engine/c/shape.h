/* The model that the engine computes, and how much of it at a time.

   It is the Llama of the embedded checkpoints: two layers of width 64, four heads, SwiGLU, tied embeddings. Only the
   vocabulary differs between them; it is set at run time. The limits below are the sizes of arrays: who wants more is
   refused by `forward` with the name of the limit, never written past the end. */
#pragma once

enum {
  WIDTH = 64,       /* of the residual stream */
  HEADS = 4,
  HEAD = 16,        /* width of a head */
  HALF = HEAD / 2,  /* rotary positions turn pairs (d, d + HALF) */
  INNER = 192,      /* width inside the feed-forward */
  LAYERS = 2,
};

enum {
  VOCABULARY = 272, /* most tokens of a vocabulary, a multiple of 8 */
  POSITIONS = 128,  /* the model's context */
  ROWS = 1024,      /* most tokens of one pass, a multiple of 4 */
  OUTPUTS = 1024,   /* most tokens that a pass predicts, a multiple of 4 */
  SLOTS = 8192,     /* keys and values of the cache */
  KEYS = 64,        /* most tokens that one token attends to, itself included; a multiple of 4 */
};

/* One layer's parameters, one after the other, each matrix as torch holds it: [out, in]. */
enum {
  NORM_1 = 0,                          /* [WIDTH] */
  QKV = NORM_1 + WIDTH,                /* [3 WIDTH, WIDTH] queries, keys, values */
  MIX = QKV + 3 * WIDTH * WIDTH,       /* [WIDTH, WIDTH] what attention adds to the stream */
  NORM_2 = MIX + WIDTH * WIDTH,        /* [WIDTH] */
  GATE_UP = NORM_2 + WIDTH,            /* [2 INNER, WIDTH] gate, then up */
  DOWN = GATE_UP + 2 * INNER * WIDTH,  /* [WIDTH, INNER] */
  LAYER = DOWN + WIDTH * INNER,
};

/* All of them: embedding [columns, WIDTH], the layers, the last norm [WIDTH]. */
enum { PARAMETERS = VOCABULARY * WIDTH + LAYERS * LAYER + WIDTH };
