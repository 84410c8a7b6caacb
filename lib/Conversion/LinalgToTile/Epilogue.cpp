// Finds elementwise nodes that can run on a contraction's result tile.
#include "lib/Conversion/LinalgToTile/Epilogue.h"

#include "lib/Conversion/LinalgToTile/Layout.h"

namespace manaslu::tiling {

std::optional<std::vector<int>> mapLoops(const Access &from, const Access &to, const std::vector<int> &loops) {
  std::vector<int> out;
  for (int loop : loops) {
    AtomId atom = from.atomOfLoop(loop);
    const AtomIndex *index = atom < 0 ? nullptr : to.find(atom);
    if (!index || index->loops.size() != 1 || index->loops[0].second != 1)
      return std::nullopt;
    out.push_back(index->loops[0].first);
  }
  return out;
}

namespace {

/// Every loop indexes one atom and no atom is held at one coordinate; `whole`: all of its coordinates.
bool oneToOne(const TensorProgram &program, const Node &node, const Access &access, bool whole) {
  for (const AtomIndex &index : access.atoms) {
    if (index.loops.size() != 1 || index.loops[0].second != 1)
      return false;
    if (whole && (index.start != 0 || node.loops[index.loops[0].first].size != program.atoms[index.atom].size))
      return false;
  }
  return access.atoms.size() == node.loops.size();
}

} // namespace

Epilogues findEpilogues(const TensorProgram &program) {
  Epilogues out;
  out.contractionOf.assign(program.nodes.size(), -1);
  out.epilogueOf.assign(program.nodes.size(), -1);
  for (int c = 0; c < static_cast<int>(program.nodes.size()); ++c) {
    if (program.nodes[c].kind != NodeKind::Contraction || resultOnOnePartition(program, program.nodes[c]))
      continue;
    const Storage &storage = program.storages[program.nodes[c].output.storage];
    if (storage.readers.size() != 1 || storage.writers.size() != 1)
      continue;
    const Node &reader = program.nodes[storage.readers[0]];
    int reads = 0;
    bool fits = reader.kind == NodeKind::Elementwise;
    for (const Access &input : reader.inputs) {
      if (input.storage == program.nodes[c].output.storage)
        ++reads, fits = fits && oneToOne(program, reader, input, /*whole=*/true);
      // The epilogue runs where the contraction stands: what else it reads must be older.
      for (int writer : program.storages[input.storage].writers)
        fits = fits && (writer < c || input.storage == program.nodes[c].output.storage);
    }
    fits = fits && reads >= 1 && oneToOne(program, reader, reader.output, /*whole=*/false);
    for (const ScalarOp &op : reader.body)
      fits = fits && op.kind != ScalarOp::LoopIndex;
    if (!fits)
      continue;
    out.contractionOf[storage.readers[0]] = c;
    out.epilogueOf[c] = storage.readers[0];
  }
  return out;
}

} // namespace manaslu::tiling
