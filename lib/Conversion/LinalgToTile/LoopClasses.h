// Which loops of a group's nodes run together.
#pragma once

#include "lib/Conversion/LinalgToTile/TensorProgram.h"

namespace manaslu::tiling {

/// Engines compute the node's result step by step, tile by tile.
inline bool stepwise(const Node &node) { return (node.kind == NodeKind::Elementwise && !node.loads) || node.kind == NodeKind::Reduction; }

/// Numbers of equal loops across nodes: loops of a writer and a reader that index the same atom of a storage computed among the nodes are one. Two readers of
/// a common input need not be aligned.
class LoopClasses {
public:
  LoopClasses(const TensorProgram &program, const std::vector<int> &nodes);
  /// The class of a loop of a node.
  int of(int node, int loop) const;
  /// The node's loop of class `id`, or -1.
  int loopIn(int node, int id) const;

private:
  const TensorProgram &program;
  std::map<std::pair<int, int>, int> ids;
  std::vector<int> parent;
  int root(int i) const;
};

} // namespace manaslu::tiling
