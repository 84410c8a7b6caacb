// Gathers: rows of a table in device memory, each to a partition.
#include "lib/Conversion/LinalgToTile/Emitter.h"

using namespace mlir;

namespace manaslu::tiling {

Value Emitter::tableRegion(int storage) {
  int64_t row = 0;
  return regions[storage] ? regions[storage] : constantRegion(program.storages[storage], nullptr, {}, row);
}

void Emitter::emitGather(int n) {
  const Node &node = program.nodes[n];
  loc = node.loc;
  const Access &from = node.inputs[0];
  Value region = tableRegion(from.storage);
  std::map<AtomId, int64_t> strides = rowMajorStrides(program, from.storage);
  Placed index = provide(node.inputs[1].storage, requirements[n].inputs[1], node.loc);
  int result = node.output.storage;
  const Layout &layout = requirements[n].output;
  std::vector<int> rows, columns;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    (node.inputs[1].atomOfLoop(loop) >= 0 ? rows : columns).push_back(loop);
  TileRef table;
  table.buffer = region;
  table.space = tile::Space::Device;
  table.element = program.storages[from.storage].element;
  std::vector<int64_t> steps(node.loops.size(), 0);
  for (const AtomIndex &at : from.atoms) {
    table.offset.constant += at.start * strides.at(at.atom);
    for (auto [loop, coefficient] : at.loops)
      steps[loop] += coefficient * strides.at(at.atom);
  }
  Axis row{node.gatherRows, node.gatherAtom < 0 ? 0 : strides.at(program.leaves(node.gatherAtom).back()) * node.gatherStep};
  // One index for all: every partition takes the row.
  int64_t copies = layout.replicated() ? layout.rows() : 1;
  auto emit = [&](const std::vector<Range> &ranges) {
    Placed target =
        streamed[result] ? allocate(result, layout, tile::Space::Sbuf, program.storages[result].element, windowOf(node, node.output, ranges)) : targetOf(node);
    TileRef dst = reference(target, node, node.output, ranges, columns, 0, copies), at = reference(index, node, node.inputs[1], ranges, {}, 0, copies);
    TileRef source = table;
    std::vector<Axis> inner;
    for (int loop : columns) {
      inner.push_back({ranges[loop].size, steps[loop]});
      source.offset = source.offset + ranges[loop].start * steps[loop];
    }
    inner = merged(inner);
    if (inner.size() > 4 || merged(dst.axes).size() > 4)
      return false; // a window that was made for it stays unused
    source.axes = {row};
    source.axes.insert(source.axes.end(), inner.begin(), inner.end());
    Value dstView = view(dst), tableView = view(source, 5, /*merge=*/false), indexView = view(at);
    tile::GatherRowsOp::create(builder, loc, dstView, tableView, indexView, node.gatherRows);
    if (streamed[result])
      storeWindow(node, target, ranges);
    return true;
  };
  // Index loops as the partitions take them; then, where a row has too many dimensions, its outer ones.
  std::function<void(size_t, std::vector<Range>)> nest = [&](size_t depth, std::vector<Range> ranges) {
    if (depth >= rows.size() && emit(ranges))
      return;
    int loop = depth < rows.size() ? rows[depth] : columns[depth - rows.size()];
    bool first = !layout.part.empty() && layout.part[0].atom == node.output.atomOfLoop(loop), inside = onPartitions(layout, node.output, loop);
    int64_t step = depth >= rows.size() ? 1 : first ? layout.step : inside ? ranges[loop].size : 1;
    forRange(ranges[loop], step, [&](const Range &some) {
      std::vector<Range> part = ranges;
      part[loop] = some;
      nest(depth + 1, part);
    });
  };
  nest(0, wholeRanges(node));
}

} // namespace manaslu::tiling
