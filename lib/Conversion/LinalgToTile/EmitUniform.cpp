// Constant operands that hold one value over a tile: it becomes an immediate, so that a mask costs nothing where it masks nothing.
#include "lib/Conversion/LinalgToTile/Emitter.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// The least and the greatest coordinate that a range reaches over all iterations of the loops around it.
Span reach(const Range &range) {
  Span out{range.start.constant, range.start.constant + range.size};
  for (auto [variable, coefficient] : range.start.terms) {
    auto loop = cast<scf::ForOp>(cast<BlockArgument>(variable).getOwner()->getParentOp());
    APInt trips;
    matchPattern(loop.getUpperBound(), m_ConstantInt(&trips));
    (coefficient < 0 ? out.first : out.last) += coefficient * (trips.getSExtValue() - 1);
  }
  return out;
}

} // namespace

std::optional<double> Emitter::uniformValue(const Access &access, const std::vector<Range> &ranges) const {
  const Storage &storage = program.storages[access.storage];
  if (storage.kind != StorageKind::Dense)
    return std::nullopt;
  auto [at, fresh] = denseCache.insert({access.storage, {}});
  if (fresh)
    at->second = denseValues(storage);
  if (at->second.empty())
    return std::nullopt;
  // The box of coordinates, outermost first, and the offsets of its rows.
  std::vector<int64_t> offsets = {0};
  for (AtomId atom : storage.atoms) {
    Span box{0, 1};
    const AtomIndex *index = access.find(atom);
    if (!index)
      return std::nullopt;
    box = {index->start, index->start + 1};
    for (auto [loop, coefficient] : index->loops) {
      Span own = reach(ranges[loop]);
      box.first += std::min(coefficient * own.first, coefficient * (own.last - 1));
      box.last += std::max(coefficient * own.first, coefficient * (own.last - 1));
    }
    std::vector<int64_t> inner;
    for (int64_t offset : offsets)
      for (int64_t i = box.first; i < box.last; ++i)
        inner.push_back(offset * program.atoms[atom].size + i);
    offsets = std::move(inner);
  }
  double value = at->second[offsets.front()];
  if (llvm::any_of(offsets, [&](int64_t offset) { return at->second[offset] != value; }))
    return std::nullopt;
  return value;
}

std::vector<std::optional<double>> Emitter::uniformInputs(const Node &node, const std::vector<Range> &ranges) const {
  std::vector<std::optional<double>> values;
  for (const Access &input : node.inputs)
    values.push_back(uniformValue(input, ranges));
  return values;
}

bool Emitter::splitByConstants(const Node &node, const std::vector<Range> &ranges) {
  for (const Access &input : node.inputs) {
    if (program.storages[input.storage].kind != StorageKind::Dense || uniformValue(input, ranges))
      continue;
    for (const AtomIndex &index : input.atoms) {
      int loop = index.loops.size() == 1 ? index.loops[0].first : -1;
      if (loop < 0 || onPartitions(requirements[indexOf(node)].output, node.output, loop))
        continue;
      // Runs of chunks: equal values together, and what holds several values together.
      std::vector<std::pair<Range, std::optional<double>>> runs;
      std::vector<Range> part = ranges;
      for (int64_t at = 0; at < ranges[loop].size; at += chip.partitions) {
        part[loop].start.constant = ranges[loop].start.constant + at;
        part[loop].size = std::min(chip.partitions, ranges[loop].size - at);
        std::optional<double> value = uniformValue(input, part);
        if (!runs.empty() && runs.back().second == value)
          runs.back().first.size += part[loop].size;
        else
          runs.push_back({part[loop], value});
      }
      if (runs.size() < 2)
        continue;
      for (auto &[run, value] : runs) {
        part[loop] = run;
        emitElementwise(node, part);
      }
      return true;
    }
  }
  return false;
}

} // namespace manaslu::tiling
