// Sums across partitions: products with a tile of ones add what lies on the partitions, and every partition gets the result.
#include "lib/Conversion/LinalgToTile/Emitter.h"

using namespace mlir;

namespace manaslu::tiling {

/// Ranges of the products that accumulate into one tile: a chunk of partitions each, every other reduced coordinate on its own.
std::vector<std::vector<Range>> Emitter::sumSteps(const Node &node, const std::vector<Range> &ranges) const {
  const Layout &layout = requirements[indexOf(node)].inputs[0];
  std::vector<std::vector<Range>> steps = {ranges};
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop) {
    if (!node.loops[loop].reduction)
      continue;
    bool chunked = !layout.part.empty() && layout.part[0].atom >= 0 && layout.part[0].atom == node.inputs[0].atomOfLoop(loop);
    if (!chunked && onPartitions(layout, node.inputs[0], loop))
      continue;
    int64_t size = chunked ? layout.step : 1;
    std::vector<std::vector<Range>> out;
    for (const auto &step : steps)
      for (int64_t at = 0; at < step[loop].size; at += size) {
        out.push_back(step);
        out.back()[loop].start.constant += at;
        out.back()[loop].size = std::min(size, step[loop].size - at);
      }
    steps = std::move(out);
  }
  return steps;
}

void Emitter::emitPartitionSum(const Node &node, const std::vector<Range> &ranges) {
  // As many results at a time as a bank holds and pe takes.
  int64_t columns = 1, limit = std::min<int64_t>(chip.pe.movingLimit, chip.psumBankBytes / 4);
  for (int loop = static_cast<int>(node.loops.size()); loop-- > 0;) {
    if (node.loops[loop].reduction)
      continue;
    int64_t size = ranges[loop].size, fit = std::max<int64_t>(1, limit / columns);
    if (size > fit) {
      int64_t count = (size + fit - 1) / fit;
      return forRange(ranges[loop], (size + count - 1) / count, [&](const Range &some) {
        std::vector<Range> inner = ranges;
        inner[loop] = some;
        emitPartitionSum(node, inner);
      });
    }
    columns *= size;
  }
  std::vector<int> kept;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    if (!node.loops[loop].reduction && ranges[loop].size > 1)
      kept.push_back(loop);
  const Layout &out = requirements[indexOf(node)].output;
  Placed psum = allocate(node.output.storage, out, tile::Space::Psum, builder.getF32Type(), windowOf(node, node.output, ranges));
  TileRef acc = reference(psum, node, node.output, ranges, kept, 0, chip.partitions);
  bool first = true;
  for (const std::vector<Range> &step : sumSteps(node, ranges)) {
    TileRef term = summand(node, step, kept), ones = splat(1, term.element, term, {{chip.partitions, 0}});
    Value accView = view(acc), onesView = view(ones), termView = view(term);
    tile::MatmulOp::create(builder, loc, accView, onesView, termView, !first);
    first = false;
  }
  TileRef dst = reference(targetOf(node), node, node.output, ranges, kept, 0, chip.partitions);
  emitFinish(node, acc, dst);
}

TileRef Emitter::summand(const Node &node, const std::vector<Range> &ranges, const std::vector<int> &order) {
  std::vector<TileRef> inputs = {reference(inputOf(node, 0), node, node.inputs[0], ranges, order, 0, chip.partitions)};
  for (size_t i = 1; i < node.inputs.size(); ++i)
    inputs.push_back(reference(inputOf(node, i), node, node.inputs[i], ranges, order, inputs[0].partition, inputs[0].partitions));
  auto type = tile::dtypeOf(inputs[0].element);
  if (node.body.size() == 1 && type && chip.pe.types.count(*type))
    return inputs[0];
  std::vector<Axis> shape;
  for (int loop : order)
    shape.push_back({ranges[loop].size, 1});
  TileRef term = temporary(inputs[0], shape, builder.getF32Type());
  emitExpression(node, node.body, inputs, term);
  return term;
}

} // namespace manaslu::tiling
