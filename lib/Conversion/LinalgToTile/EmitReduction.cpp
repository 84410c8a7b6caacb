// Reductions along the free axes of tiles.
#include "lib/Conversion/LinalgToTile/EmitExpression.h"

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// `size` elements from `start` of a contiguous row for each coordinate of the outer axes.
TileRef part(TileRef rows, int64_t start, int64_t size) {
  rows.offset.constant += start;
  rows.axes.back().size = size;
  return rows;
}

} // namespace

/// Halves rows of int32 until one element is left: ge has no reduction along the free axis, and modulo 2^32 the order does not matter.
void Emitter::reduceIntegers(const Node &node, TileRef dst, const std::vector<TileRef> &inputs, TileRef like, size_t kept) {
  std::vector<Axis> shape = like.axes;
  for (Axis &axis : shape)
    axis.stride = 1;
  TileRef rows = temporary(like, shape, builder.getI32Type());
  emitExpression(node, node.body, inputs, rows);
  int64_t count = 1;
  for (size_t axis = kept; axis < rows.axes.size(); ++axis)
    count *= rows.axes[axis].size;
  rows.axes.resize(kept);
  rows.axes.push_back({count, 1});
  while (count > 1) {
    int64_t half = count / 2;
    bool last = count == 2 && dst.element == rows.element;
    TileRef low = part(rows, 0, half);
    Value to = view(last ? dst : low), a = view(low), b = view(part(rows, count - half, half));
    tile::IntTensorTensorOp::create(builder, loc, to, a, b, node.combiner);
    if (last)
      return;
    count -= half;
  }
  Value to = view(dst), from = view(part(rows, 0, 1));
  tile::CopyOp::create(builder, loc, to, from);
}

void Emitter::emitReduction(const Node &node, const std::vector<Range> &ranges) {
  if (!chosen[indexOf(node)].reducedLoops.empty())
    return emitPartitionSum(node, ranges);
  Placed target = targetOf(node);
  std::vector<int> kept, order;
  for (int loop : freeOrder(node, ranges))
    if (!node.loops[loop].reduction && !onPartitions(target.layout, node.output, loop))
      kept.push_back(loop);
  order = kept;
  int64_t axes = 0;
  for (int loop : freeOrder(node, ranges))
    if (node.loops[loop].reduction)
      order.push_back(loop), ++axes;
  TileRef dst = reference(target, node, node.output, ranges, kept, 0, chip.partitions);
  std::vector<TileRef> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    inputs.push_back(reference(inputOf(node, i), node, node.inputs[i], ranges, order, dst.partition, dst.partitions));
  TileRef like = dst;
  for (int loop : order)
    if (node.loops[loop].reduction)
      like.axes.push_back({ranges[loop].size, 1});
  // An instruction holds four free dimensions: outer ones that no operand can merge become loops.
  auto loopOutermost = [&] {
    forRange(ranges[kept[0]], 1, [&](const Range &one) {
      std::vector<Range> part = ranges;
      part[kept[0]] = one;
      emitReduction(node, part);
    });
  };
  if (!kept.empty() && llvm::any_of(inputs, [](const TileRef &input) { return merged(input.axes).size() > 4; }))
    return loopOutermost();
  if (node.integer)
    return reduceIntegers(node, dst, inputs, like, kept.size());
  TileRef source;
  if (node.body.size() == 1 && node.body[0].kind == ScalarOp::Input) {
    source = inputs[0];
  } else {
    std::vector<Axis> shape = like.axes;
    for (Axis &axis : shape)
      axis.stride = 1;
    source = temporary(dst, shape, builder.getF32Type());
    bool whole = kept.empty() && node.combiner == "add";
    if (emitExpression(node, node.body, inputs, source, whole ? &dst : nullptr)) {
      if (!node.finish.empty())
        emitFinish(node, dst, dst);
      return;
    }
  }
  // The reduced axes merge among themselves only.
  std::vector<Axis> outer(source.axes.begin(), source.axes.end() - axes), inner(source.axes.end() - axes, source.axes.end());
  outer = merged(outer);
  inner = merged(inner);
  if (outer.size() == 1 && outer[0].size == 1)
    outer.clear();
  if (outer.size() + inner.size() > 4 && !kept.empty())
    return loopOutermost();
  source.axes = outer;
  source.axes.insert(source.axes.end(), inner.begin(), inner.end());
  Value src = view(source, 4, /*merge=*/false);
  TileRef reduced = dst;
  if (!node.finish.empty()) {
    for (Axis &axis : reduced.axes)
      axis.stride = 1;
    reduced = temporary(dst, reduced.axes, builder.getF32Type());
  }
  Value reducedView = view(reduced);
  tile::ReduceOp::create(builder, loc, reducedView, src, node.combiner, static_cast<int64_t>(inner.size()), node.negated);
  if (!node.finish.empty())
    emitFinish(node, reduced, dst);
}

} // namespace manaslu::tiling
