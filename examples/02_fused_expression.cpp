// SPDX-License-Identifier: BSL-1.0
// 2. A fused expression. Arithmetic on tensors builds an expression; assigning it runs one loop, with the
// reduction inside.
#include <cmath>
#include <cstdio>
#include <tenon/tenon.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<2>, hiddens<8>> query;
  tensor<float, batch<2>, steps<5>, hiddens<8>> keys;
  tensor<float, hiddens<8>> w;
  float next = 0;
  for (float& v : query.elements()) v = std::sin(next += 1);
  for (float& v : keys.elements()) v = std::sin(next += 1);
  for (float& v : w.elements()) v = std::sin(next += 1);

  // query has no steps and w no batch: they are broadcast by name. tanh(query + keys) has 2 × 5 × 8 elements,
  // none of which is stored: they are added up as they are computed.
  tensor<float, batch<2>, steps<5>> score = sum<hiddens>(w * tanh(query + keys));

  // The same in a plain loop.
  float largest = 0;
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t s = 0; s < 5; ++s) {
      float total = 0;
      for (std::size_t h = 0; h < 8; ++h) total += w(h) * std::tanh(query(b, h) + keys(b, s, h));
      largest = std::max(largest, std::abs(total - score(b, s)));
    }

  // Reductions name what they reduce, or nothing to reduce everything.
  tensor<float, batch<2>> top = max<steps>(score);
  tensor<float> mean_square = mean(score * score);

  // Views name what they do: the same memory under other axes.
  tensor<float, batch<2>, hiddens<8>> last = slice<steps>(keys, 4);
  tensor<float, batch<2>, steps<2>, hiddens<8>> first_two = part<steps, 0, 2>(keys);
  tensor<float, batch<2>, steps<5>, target_steps<5>> distance =
      abs(score - rename<steps, target_steps>(score));

  std::printf("scores %.3f %.3f …, best %.3f, mean square %.3f\n", double{score(0, 0)}, double{score(0, 1)},
              double{top(0)}, double{mean_square()});
  std::printf("largest difference to the plain loop: %.1e\n", double{largest});
  bool const views =
      last(1, 3) == keys(1, 4, 3) && first_two(1, 1, 3) == keys(1, 1, 3) && distance(1, 2, 2) == 0;
  return largest < 1e-5F && views ? 0 : 1;
}
