// Tile programs of the tests, as text.
#pragma once

#include <string>

namespace manaslu::test {

/// out[128, 64] = gelu(w[128, 128]^T x[128, 64] + bias), all in one pass.
std::string linearProgram();

/// `blocks` row blocks through a loop: out[b] = relu(w^T x[b]), the weights resident, each block loaded and stored in the loop.
std::string loopProgram(int blocks);

/// A loop over `m` row blocks, in it a loop over `k` blocks that accumulates in PSUM; operands are loaded in the inner loop, results stored in the outer one.
std::string nestedProgram(int m, int k);

/// `layers` square linear layers in a row of `width` partitions x 128 columns, weights far larger than SBUF when layers * blocks are many.
std::string chainProgram(int layers, int blocks);

/// Makes `values` tiles of [128, elements] fp32, each from the one before, keeps all of them, then adds them up backwards: a demand of values * elements * 4
/// bytes.
std::string hoardProgram(int values, int elements);

/// `heads` chains in a loop, each through pe, ve, se and back to pe: a product, its rows' maxima, exp, a transpose, a product with the result.
std::string softmaxProgram(int heads);

/// Two loops of `count` in a row over blocks: y[i] = 2 x[i], then z[i] = y[i + shift] + 1.
std::string pairProgram(int count, int shift);

/// `layers` in a row, each four chunks of four products and then a step of ve over the whole width, which keeps pe waiting. `held` banks of PSUM are written
/// first and read last.
std::string burstProgram(int layers, int held);

} // namespace manaslu::test
