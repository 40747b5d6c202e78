// SPDX-License-Identifier: BSL-1.0
// Contractions: which axes become the m, n and k of matrix products, and which become loops of products.
#include <tenon/ops/contract/contract.hpp>

using namespace tenon;

template <std::size_t N>
struct heads : axis<N> {};

template <class X, class Y, class O, class LX = row_major<X>, class LY = row_major<Y>,
          class LO = row_major<O>, class T = float>
using contraction = detail::contraction<T, X, LX, Y, LY, O, LO>;

constexpr bool is(contraction_axis const& a, std::size_t extent, std::size_t left, std::size_t right,
                  std::size_t out) {
  return a.extent == extent && a.left == left && a.right == right && a.out == out;
}
constexpr bool absent(contraction_axis const& a) {
  return a.extent == 1;
}
constexpr std::size_t loops(contraction_plan const& p) {
  return p.independent + p.sums;
}

// ---- a matrix product
using plain =
    contraction<shape<batch<4>, hiddens<8>>, shape<hiddens<8>, vocab<20>>, shape<batch<4>, vocab<20>>>;
static_assert(plain::plan.possible);
static_assert(!plain::plan.swapped);
static_assert(is(plain::plan.m, 4, 8, 0, 20));
static_assert(is(plain::plan.n, 20, 0, 1, 1));
static_assert(is(plain::plan.k, 8, 1, 20, 0));
static_assert(loops(plain::plan) == 0);
static_assert(plain::plan.flops() == 2 * 4 * 8 * 20);
static_assert(plain::as_products);

// Names play no part in the plan.
using renamed =
    contraction<shape<steps<4>, gates<8>>, shape<gates<8>, embedding<20>>, shape<steps<4>, embedding<20>>>;
static_assert(std::is_same_v<renamed::kernel_type, plain::kernel_type>, "equal products are one kernel");

// ---- a transposed right operand: a weight as (out, from in)
using transposed =
    contraction<shape<batch<4>, hiddens<8>>, shape<vocab<20>, hiddens<8>>, shape<batch<4>, vocab<20>>>;
static_assert(transposed::plan.possible && !transposed::plan.swapped);
static_assert(is(transposed::plan.n, 20, 0, 8, 1));
static_assert(is(transposed::plan.k, 8, 1, 1, 0));
static_assert(transposed::plan.flops() == plain::plan.flops());

// ---- a transposed left operand: a weight gradient
using gradient =
    contraction<shape<batch<4>, hiddens<8>>, shape<batch<4>, vocab<20>>, shape<hiddens<8>, vocab<20>>>;
static_assert(gradient::plan.possible);
static_assert(is(gradient::plan.m, 8, 1, 0, 20));
static_assert(is(gradient::plan.n, 20, 0, 1, 1));
static_assert(is(gradient::plan.k, 4, 8, 20, 0));

// ---- a transposed output: left and right change places
using turned =
    contraction<shape<batch<4>, hiddens<8>>, shape<hiddens<8>, vocab<20>>, shape<vocab<20>, batch<4>>>;
static_assert(turned::plan.possible && turned::plan.swapped);
static_assert(is(turned::plan.m, 20, 1, 0, 4));
static_assert(is(turned::plan.n, 4, 0, 8, 1));
static_assert(is(turned::plan.k, 8, 20, 1, 0));
static_assert(turned::plan.flops() == plain::plan.flops());

// ---- neighbouring axes merge
using over_steps = contraction<shape<batch<4>, steps<9>, hiddens<8>>, shape<hiddens<8>, vocab<20>>,
                               shape<batch<4>, steps<9>, vocab<20>>>;
static_assert(is(over_steps::plan.m, 36, 8, 0, 20), "batch × steps is one axis of one product");
static_assert(loops(over_steps::plan) == 0);
using to_gates = contraction<shape<batch<4>, hiddens<8>>, shape<hiddens<8>, gates<3>, embedding<5>>,
                             shape<batch<4>, gates<3>, embedding<5>>>;
static_assert(is(to_gates::plan.n, 15, 0, 1, 1));
static_assert(loops(to_gates::plan) == 0);
using over_two = contraction<shape<batch<4>, steps<9>, hiddens<8>>, shape<steps<9>, hiddens<8>, vocab<20>>,
                             shape<batch<4>, vocab<20>>>;
static_assert(is(over_two::plan.k, 72, 1, 20, 0));
static_assert(loops(over_two::plan) == 0);
using summed_batch_steps = contraction<shape<batch<4>, steps<9>, hiddens<8>>,
                                       shape<batch<4>, steps<9>, vocab<20>>, shape<hiddens<8>, vocab<20>>>;
static_assert(is(summed_batch_steps::plan.k, 36, 8, 20, 0),
              "a weight gradient over batch × steps is one product");
static_assert(loops(summed_batch_steps::plan) == 0);

// ---- batched products
using batched =
    contraction<shape<batch<4>, steps<9>, hiddens<8>>, shape<batch<4>, hiddens<8>, target_steps<7>>,
                shape<batch<4>, steps<9>, target_steps<7>>>;
static_assert(batched::plan.possible && batched::plan.independent == 1 && batched::plan.sums == 0);
static_assert(is(batched::plan.loops[0], 4, 72, 56, 63));
static_assert(is(batched::plan.m, 9, 8, 0, 7));
static_assert(is(batched::plan.n, 7, 0, 1, 1));
static_assert(is(batched::plan.k, 8, 1, 7, 0));
static_assert(batched::plan.flops() == 2 * 4 * 9 * 8 * 7);
using two_batches = contraction<shape<batch<4>, heads<2>, steps<9>, hiddens<8>>,
                                shape<batch<4>, heads<2>, hiddens<8>, target_steps<7>>,
                                shape<batch<4>, heads<2>, steps<9>, target_steps<7>>>;
static_assert(two_batches::plan.independent == 1 && is(two_batches::plan.loops[0], 8, 72, 56, 63),
              "batch axes merge too");
using heads_inside = contraction<shape<batch<4>, steps<9>, heads<2>, hiddens<8>>,
                                 shape<batch<4>, target_steps<7>, heads<2>, hiddens<8>>,
                                 shape<batch<4>, heads<2>, steps<9>, target_steps<7>>>;
static_assert(heads_inside::plan.possible && heads_inside::plan.independent == 2);
static_assert(is(heads_inside::plan.loops[0], 4, 144, 112, 126));
static_assert(is(heads_inside::plan.loops[1], 2, 8, 8, 63));
static_assert(is(heads_inside::plan.m, 9, 16, 0, 7));

// ---- products with a vector, dot, outer
using matrix_vector = contraction<shape<batch<4>, hiddens<8>>, shape<hiddens<8>>, shape<batch<4>>>;
static_assert(matrix_vector::plan.possible);
static_assert(absent(matrix_vector::plan.m) != absent(matrix_vector::plan.n),
              "a vector is one row or one column");
static_assert(matrix_vector::plan.k.extent == 8);
static_assert(matrix_vector::plan.flops() == 64);
using inner = contraction<shape<hiddens<8>>, shape<hiddens<8>>, shape<>>;
static_assert(absent(inner::plan.m) && absent(inner::plan.n) && is(inner::plan.k, 8, 1, 1, 0));
static_assert(inner::plan.flops() == 16);
static_assert(!inner::as_products, "a short sum of products is no matrix product");
using outer_product = contraction<shape<batch<4>>, shape<hiddens<8>>, shape<batch<4>, hiddens<8>>>;
static_assert(is(outer_product::plan.m, 4, 1, 0, 8) && is(outer_product::plan.n, 8, 0, 1, 1) &&
              absent(outer_product::plan.k));
using elementwise =
    contraction<shape<batch<4>, hiddens<8>>, shape<batch<4>, hiddens<8>>, shape<batch<4>, hiddens<8>>>;
static_assert(absent(elementwise::plan.m) && absent(elementwise::plan.n) && absent(elementwise::plan.k));
static_assert(elementwise::plan.independent == 1 && elementwise::plan.loops[0].extent == 32);
static_assert(!elementwise::as_products, "an element-wise product is a map");
using attention = contraction<shape<batch<4>, steps<9>>, shape<batch<4>, steps<9>, hiddens<8>>,
                              shape<batch<4>, hiddens<8>>>;
static_assert(attention::plan.independent == 1 && attention::plan.loops[0].extent == 4);
static_assert(attention::plan.k.extent == 9 && attention::plan.flops() == 2 * 4 * 9 * 8);

// ---- what does not fit one product
using gap = contraction<shape<batch<4>, steps<9>, hiddens<8>>, shape<hiddens<8>, vocab<20>>,
                        shape<steps<9>, batch<4>, vocab<20>>>;
static_assert(gap::plan.possible && gap::plan.independent == 1, "permuted rows: a loop of products");
static_assert(is(gap::plan.m, 9, 8, 0, 80) && is(gap::plan.loops[0], 4, 72, 0, 20));
static_assert(gap::plan.flops() == over_steps::plan.flops());
using between = contraction<shape<hiddens<8>, batch<4>, embedding<5>>,
                            shape<hiddens<8>, embedding<5>, vocab<20>>, shape<batch<4>, vocab<20>>>;
static_assert(between::plan.sums == 1, "a sum over two axes that do not merge: products that add up");
static_assert(between::plan.flops() == 2 * 4 * 8 * 5 * 20);
using strided = contraction<shape<batch<4>, hiddens<8>>, shape<hiddens<8>, vocab<20>>,
                            shape<batch<4>, vocab<20>>, strides<16, 2>>;
static_assert(!strided::plan.possible && !strided::as_products, "no stride of one: an element-wise loop");
using part_of_rows = contraction<shape<batch<4>, hiddens<8>>, shape<hiddens<8>, vocab<20>>,
                                 shape<batch<4>, vocab<20>>, strides<32, 1>>;
static_assert(part_of_rows::plan.possible && part_of_rows::plan.m.left == 32, "rows may lie apart");
using one_row =
    contraction<shape<batch<1>, hiddens<64>>, shape<vocab<64>, hiddens<64>>, shape<batch<1>, vocab<64>>>;
static_assert(one_row::plan.possible && one_row::plan.flops() == 2 * 64 * 64);
using doubles =
    contraction<shape<batch<4>, hiddens<8>>, shape<hiddens<8>, vocab<20>>, shape<batch<4>, vocab<20>>,
                row_major<shape<batch<4>, hiddens<8>>>, row_major<shape<hiddens<8>, vocab<20>>>,
                row_major<shape<batch<4>, vocab<20>>>, double>;
static_assert(doubles::as_products);
