/* Everything that is kept, in one place: its shape, and who writes it. There is no allocation; the page reads and
   writes what is exported through its address. */
#pragma once
#include "shape.h"
#include "simd.h"

#define EXPORT(name) __attribute__((export_name(#name)))

extern int vocabulary; /* tokens of the checkpoint */
extern int columns;    /* the same rounded up to a multiple of 8: columns that hold no token have probability 0 */

/* Parameters and what learns them, in the order of shape.h. `transposed` holds every matrix the other way round. */
extern float weights[PARAMETERS], gradients[PARAMETERS], moments_1[PARAMETERS], moments_2[PARAMETERS];
extern float transposed[PARAMETERS];

/* What the page says of every row (a token that is read): its id, its position, the cache's slot for its key and
   value, and what it attends to: `shared` slots from `shared_from` on (a prompt that completions have in common), then
   its own from `own_from` up to its own slot. */
extern int token[ROWS], position[ROWS], slot[ROWS], shared_from[ROWS], shared[ROWS], own_from[ROWS];

/* What it says of every output: the row that predicts it, the token that is asked for (or drawn: `draw`), the uniform
   number that draws it, and -dL/dlog p of the token (`weigh`). */
extern int predictor[OUTPUTS], target[OUTPUTS];
extern double uniform[OUTPUTS];
extern float push[OUTPUTS];

/* Rotary positions: cosine and sine of every angle, [POSITIONS, HALF], written by the page. */
extern float cosine[POSITIONS * HALF], sine[POSITIONS * HALF];

/* The forward pass, kept for the backward one. */
extern float stream[LAYERS + 1][ROWS * WIDTH];      /* before each layer, and after the last */
extern float middle[LAYERS][ROWS * WIDTH];          /* between attention and feed-forward */
extern float scale_1[LAYERS][ROWS], scale_2[LAYERS][ROWS];               /* 1 / rms of the two norms */
extern float normed_1[LAYERS][ROWS * WIDTH], normed_2[LAYERS][ROWS * WIDTH];
extern float qkv[LAYERS][ROWS * 3 * WIDTH];         /* turned queries and keys, values */
extern float cache[LAYERS][SLOTS * 2 * WIDTH];      /* key and value by slot */
extern float attention[LAYERS][ROWS * HEADS * KEYS];/* probabilities */
extern float attended[LAYERS][ROWS * WIDTH];
extern float gate_up[LAYERS][ROWS * 2 * INNER];
extern float gated[LAYERS][ROWS * INNER];
extern float last[OUTPUTS * WIDTH], last_scale[OUTPUTS], last_normed[OUTPUTS * WIDTH];
extern float log_probs[OUTPUTS * VOCABULARY];       /* [outputs, columns] */
extern float chosen[OUTPUTS];                       /* log p(target) */

/* Other distributions of the same outputs, written by the page, and what `compare` finds. */
extern float others[OUTPUTS * VOCABULARY];
extern float kl_forth[OUTPUTS], kl_back[OUTPUTS], tv[OUTPUTS], entropy[OUTPUTS];

/* The backward pass. */
extern float logit_gradients[OUTPUTS * VOCABULARY]; /* [outputs, columns] */
extern float stream_gradient[ROWS * WIDTH], row_gradient[ROWS * WIDTH], qkv_gradient[ROWS * 3 * WIDTH];
extern float gate_up_gradient[ROWS * 2 * INNER], gated_gradient[ROWS * INNER];

/* Parts of a parameter vector. */
static inline Floats embedding(Floats parameters) { return part(parameters, 0, columns * WIDTH); }
static inline Floats of_layer(Floats parameters, int layer, int first, int length) {
  return part(parameters, columns * WIDTH + layer * LAYER + first, length);
}
static inline Floats last_norm(Floats parameters) {
  return part(parameters, columns * WIDTH + LAYERS * LAYER, WIDTH);
}

/* How many tokens row `i` attends to, and the slot of the j-th. */
static inline int keys_of(int i) { return AT(shared, i) + AT(slot, i) - AT(own_from, i) + 1; }
static inline int key_slot(int i, int j) {
  return j < AT(shared, i) ? AT(shared_from, i) + j : AT(own_from, i) + j - AT(shared, i);
}
