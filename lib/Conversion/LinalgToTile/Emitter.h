// Writes the tile program: places storages, makes views, and emits nodes over ranges of their loops.
#pragma once

#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/LinalgToTile/Epilogue.h"
#include "lib/Conversion/LinalgToTile/Layout.h"

#include <functional>
#include <mlir/Dialect/SCF/IR/SCF.h>
#include <mlir/IR/Builders.h>

namespace manaslu::tiling {

/// constant + sum of coefficient * loop variable
struct Affine {
  int64_t constant = 0;
  std::vector<std::pair<mlir::Value, int64_t>> terms;

  Affine operator+(const Affine &other) const;
  Affine operator-(const Affine &other) const { return *this + other * -1; }
  Affine operator*(int64_t factor) const;
  bool isConstant() const { return terms.empty(); }
};

/// `size` coordinates from `start`.
struct Range {
  Affine start;
  int64_t size = 1;
};

/// One free dimension of a tile, in elements.
struct Axis {
  int64_t size;
  int64_t stride;
};

/// An access pattern before it is a tile.view.
struct TileRef {
  mlir::Value buffer;
  tile::Space space = tile::Space::Sbuf;
  mlir::Type element;
  int64_t partition = 0, partitions = 1;
  Affine offset;
  std::vector<Axis> axes;

  int64_t freeElements() const;
};

/// A storage, or a window of it, in a buffer.
struct Placed {
  int storage = -1;
  mlir::Value buffer;
  mlir::Type element;
  tile::Space space = tile::Space::Sbuf;
  Layout layout;
  std::map<AtomId, int64_t> strides; ///< of free atoms
  int64_t chunkStride = 0;
  std::map<AtomId, Affine> origins; ///< of a window: the coordinate that comes first
  bool window = false;
};

/// Emits one function's tile program. Problems are reported as MLIR errors with `MN-` codes; emission then stops.
class Emitter {
public:
  Emitter(const TensorProgram &program, const Chip &chip, const std::vector<Choice> &choices, mlir::OpBuilder &builder);
  /// Regions of inputs, outputs, states; all nodes. Fails after an error was reported.
  mlir::LogicalResult emit();

private:
  const TensorProgram &program;
  const Chip &chip;
  const std::vector<Choice> &chosen;
  std::vector<Requirement> requirements;
  Epilogues epilogues;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  std::vector<std::vector<Placed>> versions; ///< per storage; a window is removed at the end of the loop that made it
  std::vector<mlir::Value> regions;          ///< per storage: the device region of inputs and states, row-major
  std::map<std::string, mlir::Value> outputRegions;
  std::map<std::string, int> constantNames;
  std::map<int64_t, mlir::Value> indexConstants;
  std::map<std::tuple<const void *, double, int64_t>, TileRef> constantTiles; ///< looked up only, never iterated
  llvm::DenseMap<mlir::Value, std::map<AtomId, Range>> windows;               ///< what a window buffer holds
  int scratchRegions = 0;
  bool failed = false;

  void report(mlir::Location where, const llvm::Twine &message) {
    failed = true;
    mlir::emitError(where) << message.str();
  }

  // References (EmitReference.cpp)
  Placed allocate(int storage, const Layout &layout, tile::Space space, mlir::Type element, const std::map<AtomId, Range> &window = {});
  /// The tile that `access` reaches over `ranges`; free axes follow `order` (loops; those on the partitions are skipped). Broadcast partitions become
  /// `partition`, `partitions`.
  TileRef reference(const Placed &placed, const Node &node, const Access &access, const std::vector<Range> &ranges, const std::vector<int> &order,
                    int64_t partition, int64_t partitions);
  mlir::Value view(TileRef ref, unsigned limit = 4, bool merge = true);
  static std::vector<Axis> merged(const std::vector<Axis> &axes);
  /// Calls `body` for each run of `step` coordinates and for the rest; more than `unrolled` full runs become one loop.
  void forRange(const Range &range, int64_t step, const std::function<void(const Range &)> &body, int64_t unrolled = 1);
  TileRef temporary(const TileRef &like, const std::vector<Axis> &shape, mlir::Type element, tile::Space space = tile::Space::Sbuf);
  std::map<AtomId, Range> windowOf(const Node &node, const Access &access, const std::vector<Range> &ranges) const;
  std::vector<Range> wholeRanges(const Node &node) const;
  std::vector<Range> mapRanges(const Node &from, const Access &fromAccess, const Node &to, const Access &toAccess, const std::vector<Range> &ranges) const;
  static bool onPartitions(const Layout &layout, const Access &access, int loop);

  // Movement (EmitTransfer.cpp)
  mlir::Value constantRegion(const Storage &storage, const Layout *layout, const std::vector<std::pair<AtomId, int64_t>> &blocks, int64_t &rowElements);
  const Placed *find(int storage, const Layout &layout) const;
  Placed &provide(int storage, const Layout &layout, mlir::Location where);
  Placed load(int storage, const Layout &layout, mlir::Location where);
  Placed loadConstant(int storage, const Layout &layout);
  void transfer(const Placed &placed, const Node &node, const Access &access, mlir::Value region, bool store, const std::vector<Range> &ranges,
                const Access *deviceAccess = nullptr);
  Placed convert(const Placed &from, const Layout &to);
  Placed replicate(const Placed &from, const Layout &to);
  Placed roundTrip(const Placed &from, const Layout &to);
  Node identityNode(int storage) const;

  // Computation
  /// Returns whether the running sum of the result was written to `sum`.
  /// `cast` is a node that only narrows the result: it is written in its place.
  bool emitElementwise(const Node &node, const std::vector<Range> &ranges, const TileRef *sum = nullptr, const Node *cast = nullptr);
  /// The body's root into `dst`; `inputs` are seen over the free loops `order`. `sum` takes the running sum of an activation where the root is one; returns
  /// whether it was written.
  bool emitExpression(const Node &node, const std::vector<Range> &ranges, const std::vector<int> &order, const std::vector<TileRef> &inputs,
                      const TileRef &dst, const TileRef *sum = nullptr);
  void emitReduction(const Node &node, const std::vector<Range> &ranges);
  /// Node::finish of reduced values, over the free loops `order`.
  void emitFinish(const Node &node, const std::vector<Range> &ranges, const std::vector<int> &order, const TileRef &reduced, const TileRef &dst);
  void emitContraction(int n, const std::vector<Range> &ranges);
  void emitTile(int n, const std::vector<Range> &ranges);
  void emitGather(int n);
  void emitOutput(const Node &node);

  // Sums across partitions (EmitSum.cpp)
  /// `partitions` x `elements` of one value, made once before everything else.
  TileRef constantTile(mlir::Type element, double value, int64_t partitions, int64_t elements);
  std::vector<std::vector<Range>> sumSteps(const Node &node, const std::vector<Range> &ranges) const;
  /// What a step adds: the input itself, or its body's values in a temporary.
  TileRef summand(const Node &node, const std::vector<Range> &ranges, const std::vector<int> &order);
  void emitPartitionSum(const Node &node, const std::vector<Range> &ranges);

  // Regions (EmitRegion.cpp)
  /// Nodes that run together. `bound` are the loops that the group iterates: per node its own loop number.
  struct Group {
    struct Bound {
      std::map<int, int> loops; ///< node -> loop
      int64_t size = 1;
      int64_t step = 1;
      bool single = false; ///< a batch coordinate: `step` of them share a chunk of partitions and are unrolled
    };
    std::vector<int> nodes;
    std::vector<Bound> bound;
    std::vector<char> local; ///< per storage: lives in the body only
  };
  std::vector<Group> formGroups() const;
  void widen(const Group &group, Group::Bound &bound, int64_t freeElements) const;
  void emitGroup(const Group &group);
  void emitMember(const Group &group, int n, const std::vector<Range> &ranges, std::vector<char> &done);
  void prepareInputs(int n, const std::function<bool(int)> &local);
  void ensureTarget(int n, const std::map<AtomId, Range> &window = {});
  bool streamsOut(int storage) const;
  const Placed &inputOf(const Node &node, size_t input);
  const Placed &targetOf(const Node &node);
  int indexOf(const Node &node) const { return &node - program.nodes.data(); }

  friend class ExpressionEmitter;
};

} // namespace manaslu::tiling
