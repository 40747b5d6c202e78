// SPDX-License-Identifier: BSL-1.0
// How a shape error reads. An operation whose operands do not fit is declared to return one of these
// incomplete types, so that the compiler stops at the user's line with one message that spells the operation,
// the axes and their extents:
//   error: invalid use of incomplete type 'struct tenon::axis_extent_mismatch<tenon::operation::add,
//   batch<4>, batch<5>>'
#pragma once
#include <cstddef>

namespace tenon {

/// The names by which errors call the operations.
namespace operation {
struct shape;
struct input;
struct map;
struct add;
struct subtract;
struct multiply;
struct divide;
struct compare;
struct min;
struct pow;
struct cast;
struct select;
struct lerp;
struct assign;
struct slice;
struct part;
struct rename;
struct concat;
struct stack;
struct split;
struct merge;
struct arrange;
struct dot;
struct linear;
struct outer;
struct sum;
struct mean;
struct max;
struct argmax;
struct argmin;
struct softmax;
struct log_softmax;
struct gather;
struct scatter_add;
struct dropout;
struct cross_entropy;
struct best_continuations;
struct attention;
struct gru;
struct lstm;
struct layer_norm;
struct encoder;
struct decoder;
struct minimise;
struct differentiate;
struct track;
struct gradient;
struct stop_unless;
}  // namespace operation

/// The same axis has two extents in the operands of Operation.
template <class Operation, class Axis, class OtherAxis>
struct axis_extent_mismatch;

/// Operation acts on an axis that its operand, of shape Shape, does not have.
template <class Operation, template <std::size_t> class Name, class Shape>
struct axis_missing;

/// Operation sums over the axis that its weight has as from<…>; a weight of shape Shape has none.
template <class Operation, class Shape>
struct from_axis_missing;

/// Operation needs an axis with the name and extent of Axis, which Shape does not have.
template <class Operation, class Axis, class Shape>
struct axis_required;

/// Operation would give or got a shape with two axes of one name.
template <class Operation, class Axis, class OtherAxis>
struct axis_named_twice;

/// An axis of Source has no place in Destination.
template <class Operation, class Axis, class Destination>
struct axis_without_place;

/// Operation cannot take the part [Begin, Begin + Count) of Axis.
template <class Operation, class Axis, std::size_t Begin, std::size_t Count>
struct part_out_of_range;

/// Operation needs the product of the extents of Axes to be that of Whole.
template <class Operation, class Whole, class... Axes>
struct extents_do_not_multiply;

/// Operation joins stacks of another number of layers.
template <class Operation, std::size_t Layers, std::size_t OtherLayers>
struct layer_count_mismatch;

/// Operation joins stacks of other cells.
template <class Operation, class Cells, class OtherCells>
struct cell_mismatch;

/// Operation needs elements of type Wanted.
template <class Operation, class Got, class Wanted>
struct element_type_mismatch;

/// A value of a recording has no elements before its program has run: make it an output and read it from the
/// session.
template <class Operation, class Shape>
struct recorded_value_has_no_elements;

/// Operation got values of a recording and a tensor, of shape Shape, which is no part of a program: give its
/// values to an input, or make it a parameter.
template <class Operation, class Shape>
struct tensor_in_recording;

/// An inference_recorder leaves derivatives out, so there is nothing for Operation to do: take a recorder.
template <class Operation, class Recorder>
struct derivatives_not_recorded;

/// Operation draws random numbers by its place in a recording, and there is none: the operands are tensors.
template <class Operation>
struct recording_required;

}  // namespace tenon
