// Orders of stored results, and what is stored tile by tile.
#include "lib/Conversion/LinalgToTile/Stores.h"

namespace manaslu::tiling {

namespace {

/// Results that take no more bytes of a partition are kept until they are whole.
constexpr int64_t kKeptBytes = 16384;

} // namespace

std::optional<int> wholeLoop(const TensorProgram &program, const Node &node, const Access &access, AtomId atom) {
  const AtomIndex *index = access.find(atom);
  if (!index || index->start != 0 || index->loops.size() != 1 || index->loops[0].second != 1 ||
      node.loops[index->loops[0].first].size != program.atoms[atom].size)
    return std::nullopt;
  return index->loops[0].first;
}

std::optional<std::vector<AtomId>> storedOrder(const TensorProgram &program, const Node &sink) {
  const Access &access = sink.inputs[0];
  size_t count = program.storages[access.storage].atoms.size();
  std::vector<AtomId> order(count, -1);
  if (sink.loops.size() != count || access.atoms.size() != count)
    return std::nullopt;
  for (const AtomIndex &index : access.atoms) {
    std::optional<int> loop = wholeLoop(program, sink, access, index.atom);
    if (!loop || order[*loop] >= 0)
      return std::nullopt;
    order[*loop] = index.atom;
  }
  return order;
}

bool storesDirectly(const TensorProgram &program, const Node &sink) {
  const Storage &data = program.storages[sink.inputs[0].storage];
  return sink.kind == NodeKind::Output && data.kind == StorageKind::Computed && data.writers.size() == 1 && storedOrder(program, sink);
}

bool leavesByTiles(const TensorProgram &program, const MovementCost &movement, const Epilogues &epilogues, int storage, const Layout &layout) {
  const Storage &data = program.storages[storage];
  if (data.kind != StorageKind::Computed || data.readers.size() != 1 || data.writers.size() != 1 || !storesDirectly(program, program.nodes[data.readers[0]]))
    return false;
  int writer = data.writers[0];
  return (program.nodes[writer].kind == NodeKind::Contraction || epilogues.contractionOf[writer] >= 0) &&
         movement.bytesPerPartition(storage, layout) > kKeptBytes;
}

} // namespace manaslu::tiling
