// Elementwise nodes over ranges of their loops: operands as tiles, then the scalar expression.
#include "lib/Conversion/LinalgToTile/EmitExpression.h"

using namespace mlir;

namespace manaslu::tiling {

std::vector<int> freeOrder(const Node &node, const std::vector<Range> &ranges) {
  std::vector<int> order;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    if (ranges[loop].size > 1)
      order.push_back(loop);
  return order;
}

bool Emitter::emitElementwise(const Node &node, const std::vector<Range> &ranges, const TileRef *sum, const Node *cast) {
  if (!sum && !cast && splitByConstants(node, ranges))
    return false;
  Placed target = targetOf(node);
  const Layout &layout = target.layout;
  std::vector<int> order;
  for (int loop : freeOrder(node, ranges))
    if (!onPartitions(layout, node.output, loop) || (node.output.atomOfLoop(loop) == layout.part[0].atom && ranges[loop].size > layout.step))
      order.push_back(loop);
  llvm::stable_sort(order, [&](int a, int b) {
    auto stride = [&](int loop) {
      AtomId atom = node.output.atomOfLoop(loop);
      auto at = target.strides.find(atom);
      return at == target.strides.end() ? target.chunkStride : at->second;
    };
    return stride(a) > stride(b);
  });
  TileRef dst = reference(target, node, node.output, ranges, order, 0, chip.partitions);
  if (cast)
    dst = reference(targetOf(*cast), *cast, cast->output, mapRanges(node, node.output, *cast, cast->inputs[0], ranges),
                    *mapLoops(node.output, cast->inputs[0], order), 0, chip.partitions);
  std::vector<TileRef> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    inputs.push_back(reference(inputOf(node, i), node, node.inputs[i], ranges, order, dst.partition, dst.partitions));
  // What does not vary over chunks of partitions is the same in each.
  for (size_t k = 0; k < order.size(); ++k)
    if (onPartitions(layout, node.output, order[k]))
      for (TileRef &input : inputs)
        input.axes[k].size = dst.axes[k].size;
  // An instruction holds four free dimensions: outer ones that no operand can merge become loops.
  size_t dimensions = merged(dst.axes).size();
  for (const TileRef &input : inputs)
    dimensions = std::max(dimensions, merged(input.axes).size());
  if (dimensions > 4 && order.size() > 1 && !cast) {
    forRange(ranges[order[0]], 1, [&](const Range &one) {
      std::vector<Range> inner = ranges;
      inner[order[0]] = one;
      emitElementwise(node, inner);
    });
    return false;
  }
  Expression body = substitute(node.body, uniformInputs(node, ranges));
  return emitExpression(node, body, inputs, dst, sum);
}

void Emitter::emitFinish(const Node &node, const TileRef &reduced, const TileRef &dst) {
  if (!node.finish.empty()) {
    emitExpression(node, node.finish, {reduced}, dst);
    return;
  }
  Value dstView = view(dst), srcView = view(reduced);
  tile::CopyOp::create(builder, loc, dstView, srcView);
}

} // namespace manaslu::tiling
