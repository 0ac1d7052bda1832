#include "memory.h"

int vocabulary = VOCABULARY, columns = VOCABULARY;
float weights[PARAMETERS], gradients[PARAMETERS], moments_1[PARAMETERS], moments_2[PARAMETERS], transposed[PARAMETERS];
int token[ROWS], position[ROWS], slot[ROWS], shared_from[ROWS], shared[ROWS], own_from[ROWS];
int predictor[OUTPUTS], target[OUTPUTS];
double uniform[OUTPUTS];
float push[OUTPUTS];
float cosine[POSITIONS * HALF], sine[POSITIONS * HALF];
float stream[LAYERS + 1][ROWS * WIDTH], middle[LAYERS][ROWS * WIDTH];
float scale_1[LAYERS][ROWS], scale_2[LAYERS][ROWS];
float normed_1[LAYERS][ROWS * WIDTH], normed_2[LAYERS][ROWS * WIDTH];
float qkv[LAYERS][ROWS * 3 * WIDTH], cache[LAYERS][SLOTS * 2 * WIDTH];
float attention[LAYERS][ROWS * HEADS * KEYS], attended[LAYERS][ROWS * WIDTH];
float gate_up[LAYERS][ROWS * 2 * INNER], gated[LAYERS][ROWS * INNER];
float last[OUTPUTS * WIDTH], last_scale[OUTPUTS], last_normed[OUTPUTS * WIDTH];
float log_probs[OUTPUTS * VOCABULARY], chosen[OUTPUTS], others[OUTPUTS * VOCABULARY];
float kl_forth[OUTPUTS], kl_back[OUTPUTS], tv[OUTPUTS], entropy[OUTPUTS];
float logit_gradients[OUTPUTS * VOCABULARY];
float stream_gradient[ROWS * WIDTH], row_gradient[ROWS * WIDTH], qkv_gradient[ROWS * 3 * WIDTH];
float gate_up_gradient[ROWS * 2 * INNER], gated_gradient[ROWS * INNER];

/* Where the page finds them. */
#define ADDRESS(array) EXPORT(at_##array) void *at_##array(void) { return array; }
ADDRESS(weights) ADDRESS(gradients) ADDRESS(moments_1) ADDRESS(moments_2)
ADDRESS(token) ADDRESS(position) ADDRESS(slot) ADDRESS(shared_from) ADDRESS(shared) ADDRESS(own_from)
ADDRESS(predictor) ADDRESS(target) ADDRESS(uniform) ADDRESS(push) ADDRESS(cosine) ADDRESS(sine)
ADDRESS(log_probs) ADDRESS(chosen) ADDRESS(others) ADDRESS(kl_forth) ADDRESS(kl_back) ADDRESS(tv) ADDRESS(entropy)
ADDRESS(logit_gradients)

/* The limits, so that the page knows them from here. */
#define LIMIT(name, value) EXPORT(name##_is) int name##_is(void) { return value; }
LIMIT(width, WIDTH) LIMIT(half, HALF) LIMIT(inner, INNER) LIMIT(layers, LAYERS) LIMIT(most_vocabulary, VOCABULARY)
LIMIT(positions, POSITIONS) LIMIT(rows, ROWS) LIMIT(outputs, OUTPUTS) LIMIT(slots, SLOTS) LIMIT(keys, KEYS)
