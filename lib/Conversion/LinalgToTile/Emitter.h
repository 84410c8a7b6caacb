// Writes the tile program: places storages, makes views, and emits nodes over ranges of their loops.
#pragma once

#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/LinalgToTile/Epilogue.h"
#include "lib/Conversion/LinalgToTile/Layout.h"
#include "lib/Conversion/LinalgToTile/Mask.h"
#include "lib/Conversion/LinalgToTile/MovementCost.h"

#include <functional>
#include <mlir/Dialect/SCF/IR/SCF.h>
#include <mlir/IR/Builders.h>
#include <set>

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
    std::optional<MaskedLoop> masked;
  };
  /// A run of a bound loop, and what its iterations need of the masked loop.
  struct Band {
    Range rows;
    std::optional<Range> kept;
  };

  const TensorProgram &program;
  const Chip &chip;
  const std::vector<Choice> &chosen;
  std::vector<Requirement> requirements;
  MovementCost movement;
  Epilogues epilogues;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  std::vector<std::vector<Placed>> versions; ///< per storage; a window is removed at the end of the loop that made it
  std::vector<mlir::Value> regions;          ///< per storage: the device region of inputs, states and streamed storages, row-major
  std::vector<char> streamed;                ///< per storage: never resident as a whole
  std::map<std::string, mlir::Value> outputRegions;
  std::map<std::string, int> constantNames;
  std::map<int64_t, mlir::Value> indexConstants;
  llvm::DenseMap<mlir::Value, std::map<AtomId, Range>> windows;    ///< what a window buffer holds
  std::map<std::pair<uint32_t, const void *>, mlir::Value> splats; ///< looked up by bits (NaN has no order) and type, never iterated
  mutable std::map<int, std::vector<double>> denseCache;           ///< elements of Dense storages
  int scratchRegions = 0;
  bool failed = false;
  const Group *current = nullptr; ///< whose body is emitted
  std::set<int> resident;         ///< contractions of that body whose results stay in PSUM

  void report(mlir::Location where, const llvm::Twine &message) {
    failed = true;
    mlir::emitError(where) << message.str();
  }

  // References (EmitReference.cpp)
  Placed allocate(int storage, const Layout &layout, tile::Space space, mlir::Type element, const std::map<AtomId, Range> &window = {});
  /// The tile that `access` reaches over `ranges`; free axes follow `order` (loops; those on the partitions are skipped). Of partitions that
  /// hold copies, `partition` and `partitions` are meant; all rows mean every copy of what is reached.
  TileRef reference(const Placed &placed, const Node &node, const Access &access, const std::vector<Range> &ranges, const std::vector<int> &order,
                    int64_t partition, int64_t partitions);
  mlir::Value view(TileRef ref, unsigned limit = 4, bool merge = true);
  static std::vector<Axis> merged(const std::vector<Axis> &axes);
  /// Calls `body` for each run of `step` coordinates and for the rest; more than `unrolled` full runs become one loop.
  void forRange(const Range &range, int64_t step, const std::function<void(const Range &)> &body, int64_t unrolled = 1);
  TileRef temporary(const TileRef &like, const std::vector<Axis> &shape, mlir::Type element, tile::Space space = tile::Space::Sbuf);
  /// A constant on the partitions of `like`, seen over `shape` (strides 0). Each is filled once, at the start of the program.
  TileRef splat(double value, mlir::Type element, const TileRef &like, const std::vector<Axis> &shape);
  std::map<AtomId, Range> windowOf(const Node &node, const Access &access, const std::vector<Range> &ranges) const;
  std::vector<Range> wholeRanges(const Node &node) const;
  std::vector<Range> mapRanges(const Node &from, const Access &fromAccess, const Node &to, const Access &toAccess, const std::vector<Range> &ranges) const;
  static bool onPartitions(const Layout &layout, const Access &access, int loop);

  // Movement (EmitTransfer.cpp)
  mlir::Value constantRegion(const Storage &storage, const Layout *layout, const std::vector<std::pair<AtomId, int64_t>> &blocks, int64_t &rowElements);
  const Placed *find(int storage, const Layout &layout) const;
  Placed &provide(int storage, const Layout &layout, mlir::Location where);
  /// A storage with a device region, or a window of it, in SBUF.
  Placed load(int storage, const Layout &layout, const std::map<AtomId, Range> &window = {});
  Placed loadConstant(int storage, const Layout &layout);
  void transfer(const Placed &placed, const Node &node, const Access &access, mlir::Value region, bool store, const std::vector<Range> &ranges,
                const Access *deviceAccess = nullptr);
  Placed convert(const Placed &from, const Layout &to);
  /// Transposes pairs of (source, target); neighbours share a bank and leave it in one copy.
  void emitTransposes(llvm::ArrayRef<std::pair<TileRef, TileRef>> tiles);
  void transposeInto(const Placed &from, const Placed &target, const std::vector<Range> &whole);
  Placed replicate(const Placed &from, const Layout &to);
  Placed roundTrip(const Placed &from, const Layout &to);
  Node identityNode(int storage) const;

  // Contraction operands that are not in SBUF (ContractionBlocks.cpp)
  /// Loops over the columns of one operand with their steps, outermost first; each innermost iteration loads a block. None: the operand is loaded whole.
  struct Block {
    int input;
    std::vector<std::pair<int, int64_t>> cuts;
  };
  /// The operands of a contraction that have to be loaded, in the order of their loops.
  std::vector<Block> planBlocks(int n) const;

  // Computation
  /// Returns whether the running sum of the result was written to `sum`.
  /// `cast` is a node that only narrows the result: it is written in its place.
  bool emitElementwise(const Node &node, const std::vector<Range> &ranges, const TileRef *sum = nullptr, const Node *cast = nullptr);
  /// An expression's root into `dst`; `inputs` are seen over the axes of `dst`. `sum` takes the running sum of an activation where the root is one; returns
  /// whether it was written.
  bool emitExpression(const Node &node, const Expression &body, const std::vector<TileRef> &inputs, const TileRef &dst, const TileRef *sum = nullptr);
  /// Emits an elementwise node run by run where a constant operand (a mask) holds one value over some of the runs; false if that is nowhere so.
  bool splitByConstants(const Node &node, const std::vector<Range> &ranges);
  std::vector<std::optional<double>> uniformInputs(const Node &node, const std::vector<Range> &ranges) const;
  std::optional<double> uniformValue(const Access &access, const std::vector<Range> &ranges) const;
  void emitReduction(const Node &node, const std::vector<Range> &ranges);
  /// A reduction in int32; `like` has the axes that are kept, then the reduced ones.
  void reduceIntegers(const Node &node, TileRef dst, const std::vector<TileRef> &inputs, TileRef like, size_t kept);
  /// Node::finish of reduced values.
  void emitFinish(const Node &node, const TileRef &reduced, const TileRef &dst);
  void emitContraction(int n, const std::vector<Range> &ranges);
  void streamBlocks(int n, const std::vector<Range> &ranges, llvm::ArrayRef<Block> blocks);
  /// All result tiles over `ranges`, the operands being in SBUF.
  void emitTiles(int n, const std::vector<Range> &ranges);
  void emitTile(int n, const std::vector<Range> &ranges);
  /// The device region of a gather's table, row-major.
  mlir::Value tableRegion(int storage);
  void emitGather(int n);

  // Results in device memory (EmitStore.cpp)
  /// Stores the value of an output, a state or a copy in device memory.
  void emitOutput(const Node &node);
  void storeResident(const Node &node, mlir::Value region);
  const Placed &storable(const Node &node);
  /// Stores a window of a streamed result that `node` computed over `ranges`.
  void storeWindow(const Node &node, const Placed &window, const std::vector<Range> &ranges);

  // Sums across partitions (EmitSum.cpp)
  std::vector<std::vector<Range>> sumSteps(const Node &node, const std::vector<Range> &ranges) const;
  /// What a step adds: the input itself, or its body's values in a temporary.
  TileRef summand(const Node &node, const std::vector<Range> &ranges, const std::vector<int> &order);
  void emitPartitionSum(const Node &node, const std::vector<Range> &ranges);

  // Regions (EmitRegion.cpp)
  std::vector<Group> formGroups() const;
  void widen(const Group &group, Group::Bound &bound, int64_t freeElements) const;

  // Values that stay in device memory (EmitStream.cpp)
  /// Decides which storages are too large, with what else their groups need, to be resident; gives them a device region.
  void chooseStreamed(const std::vector<Group> &groups);
  int64_t bytesPerPartition(int storage, const Layout &layout) const;
  bool mayStream(int storage) const;
  /// What a group needs in SBUF as a whole: storages with the layouts in which they are wanted (numbered).
  std::map<std::pair<int, size_t>, const Layout *> residentOperands(const Group &group) const;
  mlir::Value scratchRegion(int64_t elements, mlir::Type element);
  /// Copies what a node reads of a storage in device memory to where `to` says in the row-major storage of a region; without it, the region holds the node's
  /// loops in row-major order.
  void copyWithinDevice(const Node &node, const Access *to, mlir::Value region);
  void emitGroup(const Group &group);
  Range keptRange(const Group &group, Span kept) const;
  std::vector<Band> bandsOf(const Group &group, const Group::Bound &bound) const;
  void emitMember(const Group &group, int n, const std::vector<Range> &ranges, std::vector<char> &done);
  void prepareInputs(int n, const std::function<bool(int)> &local);
  void ensureTarget(int n, const std::map<AtomId, Range> &window = {});
  bool streamsOut(int storage) const;
  /// The result of contraction `n` (after its epilogue) over `ranges` is one tile of PSUM that only the engines of the group's body read: it stays there.
  bool staysInPsum(int n, const std::vector<Range> &ranges) const;
  /// The buffer of a contraction's tile as the place of its epilogue's result.
  Placed inPlace(const Placed &psum, const Node &contraction, const Node &epilogue) const;
  const Placed &inputOf(const Node &node, size_t input);
  const Placed &targetOf(const Node &node);
  int indexOf(const Node &node) const { return &node - program.nodes.data(); }

  friend class ExpressionEmitter;
};

} // namespace manaslu::tiling
