// Layouts of resident storages: which atoms lie on the partitions, in what order the others lie in a partition's bytes; and what each node asks of them.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/Conversion/LinalgToTile/TensorProgram.h"

namespace manaslu::tiling {

/// One factor of the partition index; `atom` -1 is a broadcast: every one of `size` partitions holds the same data.
struct PartitionEntry {
  AtomId atom = -1;
  int64_t size = 1;
  bool operator==(const PartitionEntry &) const = default;
};

/// Where the elements of a storage lie: partition = (lin(entries) mod rows), chunk = lin(entries) / rows; the other atoms are free, in the given order.
/// The first entry is cut in chunks of `step` coordinates so that rows = step * inner <= partitions of the chip.
struct Layout {
  std::vector<PartitionEntry> part;
  std::vector<AtomId> free;
  int64_t step = 1;  ///< coordinates of part[0] in one chunk
  int64_t inner = 1; ///< product of the other entries

  bool replicated() const;
  int64_t rows() const { return step * inner; }
  int64_t chunks() const { return part.empty() ? 1 : (part[0].size + step - 1) / step; }
  /// The order of the free atoms does not matter: access patterns reach any.
  bool operator==(const Layout &other) const { return part == other.part && step == other.step; }
};

/// Strides of a storage's atoms in row-major order, in elements.
std::map<AtomId, int64_t> rowMajorStrides(const TensorProgram &program, int storage);

/// The layout with these partition entries (outermost first): leading entries that do not fit on `partitions` become free, the rest keeps the storage's order.
Layout makeLayout(const TensorProgram &program, int storage, std::vector<PartitionEntry> part, int64_t partitions);

/// The layout in which every partition holds everything.
Layout replicatedLayout(const TensorProgram &program, int storage, int64_t partitions);

/// Whether transposes on pe lead from one layout to the other: every new partition atom is free in the old one, and the old one holds nothing twice.
bool transposable(const Layout &from, const Layout &to);

/// What a node chooses: for a contraction the operand that stays in the array; for all nodes the loops on the partitions of the result.
struct Choice {
  int stationary = 0;
  bool packed = false;          ///< contraction operands have a batch loop outside the contracted ones on the partitions
  std::vector<int> resultLoops; ///< loops on the partitions of the result, outermost first
  /// Of a sum: reduced loops on the partitions of its inputs. pe adds them by products with ones, and every partition gets the result.
  std::vector<int> reducedLoops = {};
  bool operator==(const Choice &) const = default;
};

/// The layouts that follow from a choice.
struct Requirement {
  Layout output;
  std::vector<Layout> inputs;
};

/// Loops of a contraction by role. Windows are reductions that share an atom with another loop (convolution kernels).
struct ContractionLoops {
  std::vector<int> batch, a, b, k, window; ///< a: only in input 0, b: only in input 1
};
ContractionLoops classify(const TensorProgram &program, const Node &node);

/// A contraction of which every choice has its result on one partition: a convolution to one channel.
bool resultOnOnePartition(const TensorProgram &program, const Node &node);

/// Every choice a node has, best guess first. Empty for nodes without a resident result.
std::vector<Choice> choices(const TensorProgram &program, const Node &node, int64_t partitions);

/// The layouts of a choice.
Requirement require(const TensorProgram &program, const Node &node, const Choice &choice, int64_t partitions);

/// Chooses for every node so that the estimated time of operations and layout conversions is least: sweeps of changes, of all copies of a repeated layer
/// together, of single nodes, then of nodes with their neighbours, until none helps. Deterministic; the number of sweeps is bounded.
std::vector<Choice> assignLayouts(const TensorProgram &program, const Chip &chip);

} // namespace manaslu::tiling
