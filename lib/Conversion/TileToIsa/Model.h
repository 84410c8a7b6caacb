// The tile program as the planner sees it: a tree of loops and instruction leaves whose accesses name buffers, partitions and bytes.
#pragma once

#include "lib/Conversion/TileToIsa/Translate.h"

#include <mlir/Dialect/Func/IR/FuncOps.h>

#include <vector>

namespace manaslu::tile {

/// Half open range of bytes (per partition; in a device region: of the region).
struct ByteRange {
  int64_t low = 0;
  int64_t high = 0;
};

/// `bytes` times the iteration number of `loop`.
struct Term {
  int loop = 0;
  int64_t bytes = 0;
};

/// A tile.alloc or tile.region, and what the planner decides about it.
struct Buffer {
  mlir::Value value;
  Space space = Space::Sbuf;
  int64_t bytes = 0; ///< per partition; of a device region in all
  int64_t elementBytes = 1;
  int loop = -1;       ///< innermost loop whose body allocates it, -1: none
  bool tracked = true; ///< false for device regions that no instruction writes
  int region = -1;     ///< index in the region table, -1 on the chip
  // Decided by planStorage.
  int copies = 1;     ///< rotating copies of a buffer allocated in a loop
  int keptIn = -1;    ///< the loop through which the copies keep their bytes: the one that allocates it or one around
  int64_t stride = 0; ///< bytes from one copy to the next
  int64_t base = 0;   ///< byte of the first copy within its partitions

  /// Banks of PSUM, of so many bytes per partition, that one copy takes.
  int64_t banks(int64_t bankBytes) const { return (bytes + bankBytes - 1) / bankBytes; }
};

/// One operand of an instruction.
struct Access {
  ViewOp view;
  int buffer = 0;
  bool reads = false, writes = false;
  int partition = 0, partitions = 0;     ///< device: 0, 0
  int64_t shift = 0;                     ///< bytes added for constant indices and for this part of a cut transfer
  int cutDimension = -1;                 ///< dimension of the view that is cut (0: the partitions or a device view's first), -1: none
  int64_t cutSize = 0;                   ///< elements of it that this part takes
  llvm::SmallVector<Term, 3> terms;      ///< sum over loops, in bytes
  llvm::SmallVector<ByteRange, 2> bytes; ///< relative to the buffer's start, iteration 0; ascending and disjoint

  mlir::Value operand() const { return ViewOp(view).getView(); }
  ViewType viewType() const { return ViewOp(view).getView().getType(); }
};

/// One instruction of the tile program (or one part of a transfer that was cut by partitions).
struct Leaf {
  mlir::Operation *operation = nullptr;
  isa::StreamId stream = isa::StreamId::Pe;
  int loop = -1;             ///< innermost loop
  int number = 0;            ///< of the operation in program order, for the debug map
  bool constantLoad = false; ///< loads from a constant region
  bool freeLoad = false;     ///< loads from a region that nothing writes: it may run as early as its target has room
  int channel = -1;          ///< semaphore, given by the synchronisation planner
  int64_t transferBytes = 0; ///< of a transfer
  llvm::SmallVector<Access, 4> accesses;
};

/// Element of a body: a leaf or a loop by its index.
struct Item {
  bool isLoop = false;
  int index = 0;
};

/// A loop of at least two iterations.
struct Loop {
  int parent = -1;
  int depth = 1; ///< 1 at the top level
  int64_t trips = 0;
  std::vector<Item> body;
};

struct Model {
  std::vector<Buffer> buffers;
  std::vector<Leaf> leaves;
  std::vector<Loop> loops;
  std::vector<Item> body;         ///< top level, in order
  std::vector<int> regionBuffers; ///< buffer of each region

  /// The loops around a leaf or loop body, outermost first.
  llvm::SmallVector<int, 8> nest(int innermost) const;
  const std::vector<Item> &items(int loop) const { return loop < 0 ? body : loops[loop].body; }
};

/// Rings that take loads in loops, by the number of the loop: those of one loop wait for its own rotations, which must not hold up the loads of another.
inline constexpr int kLoopRing = 7, kLoopRings = 4;

struct ModelOptions {
  int loopTransferParts = 1;             ///< transfers in loops are cut into so many parts by partitions where 32-partition bounds allow
  int64_t constantPartBytes = 512 << 10; ///< loads of constants outside loops are cut along the free dimension into parts of about this size
};

/// Reads a tile program: a function without arguments of regions, allocations, views, engine operations and `scf.for` from 0 by 1 with constant bounds. Loops
/// of one iteration are unfolded. Errors: MN-INTERNAL for anything else, for a view that leaves its buffer or breaks a partition rule; MN-MEM-PATTERN.
Result<Model> buildModel(mlir::func::FuncOp function, const ModelOptions &options);

/// The bytes that a view touches, relative to its buffer's start at iteration 0: exact up to `most` ranges, beyond that their hull by groups. With a
/// `cutDimension` that dimension has only `cutSize` elements.
llvm::SmallVector<ByteRange, 2> footprint(ViewOp view, size_t most, int cutDimension = -1, int64_t cutSize = 0);

} // namespace manaslu::tile
