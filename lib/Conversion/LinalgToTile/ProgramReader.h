// Reads a linalg function into a tensor program: values as atoms, and nodes whose loops are refined at the end.
#pragma once

#include "lib/Conversion/LinalgToTile/TensorProgram.h"

#include <mlir/Dialect/Tensor/IR/Tensor.h>
#include <set>

namespace manaslu::tiling {

/// Keys of what must not share atoms, because its users need factors that have no common refinement: an operand of an operation (by number) or its result
/// (kResult), or the table of a gather (kTable), gets a storage of its own; of a storage (by the value that it holds and kWhole) nothing is split, so that
/// everyone but plain slices gets a copy.
using OwnStorages = std::set<std::pair<const void *, int>>;
inline constexpr int kResult = -1, kWhole = -2, kTable = 1000000;

/// One reading of a function. Views dissolve into atoms where the factors of all users have a common refinement; where they have none, a value goes through
/// device memory (`materialize`). That is found out at the end, so that a reading may ask for another one that begins with more `own` storages.
class ProgramReader {
public:
  ProgramReader(TensorProgram &program, mlir::func::FuncOp function, const IntegerSupport &support, const IntegerRanges &ranges, OwnStorages &own)
      : program(program), function(function), support(support), ranges(ranges), own(own) {}
  /// Fails after an error was reported, or without one when `again()`.
  mlir::LogicalResult run();
  bool again() const { return grown; }

  /// What a reduction combines with: an AluOp name, with `integer` an IntOp name.
  struct Combiner {
    std::string name;
    bool integer = false;
  };

private:
  /// A node before its accesses are known: values of its inputs and output with their maps.
  struct Draft {
    int node;
    std::vector<std::pair<ValueAtoms, mlir::AffineMap>> operands; ///< inputs, then the output
    std::vector<int> numbers;                                     ///< of each operand in the operation, or kResult, kWhole
    llvm::SmallVector<int64_t> ranges;
    llvm::SmallVector<bool> reduction;
  };

  TensorProgram &program;
  mlir::func::FuncOp function;
  const IntegerSupport &support;
  const IntegerRanges &ranges;
  OwnStorages &own;
  bool grown = false;
  std::string reason; ///< why the last view could not be made
  llvm::DenseMap<mlir::Value, ValueAtoms> values;
  std::vector<std::pair<mlir::Operation *, mlir::OpOperand *>> sinks; ///< returns and state stores
  std::vector<Draft> drafts;
  std::vector<OwnStorages::value_type> origins; ///< per storage: its key
  bool ok = true;

  mlir::LogicalResult fail(mlir::Operation *op, const llvm::Twine &why) {
    ok = false;
    return op->emitError("MN-LOW-001: ") << why;
  }
  mlir::LogicalResult refuse(const llvm::Twine &why) {
    reason = why.str();
    return mlir::failure();
  }
  AtomId newAtom(int64_t size, int storage) {
    program.atoms.push_back({size, storage, -1, -1});
    return program.atoms.size() - 1;
  }
  /// A storage with one atom a dimension, and all of it as a value.
  ValueAtoms addStorage(StorageKind kind, mlir::RankedTensorType type, mlir::Location loc, OwnStorages::value_type key);
  /// A storage for a value; it becomes the place of the value.
  int newStorage(StorageKind kind, mlir::Value value);
  /// The value row-major in device memory, as a storage with one atom a dimension.
  ValueAtoms materialize(mlir::Operation *op, int number, const ValueAtoms &value, mlir::RankedTensorType type);
  bool isWhole(int storage) const { return own.count(origins[storage]); }
  /// The operand's atoms, in a storage of its own where that was asked for. Nothing, after an error, for an undefined tensor.
  std::optional<ValueAtoms> operandOf(mlir::Operation *op, unsigned number);
  /// Gives the result of a node a storage of its own where that was asked for.
  void finishResult(mlir::Operation *op, mlir::Value result);
  /// Asks for another reading in which operand `operand` of the draft, or else another one, has a storage of its own; reports `reason` when all have.
  mlir::LogicalResult separate(const Draft &draft, size_t operand);
  /// A new node, the last of the program.
  Draft &draft(NodeKind kind, mlir::Operation *op, llvm::ArrayRef<int64_t> ranges, llvm::ArrayRef<bool> reduction);

  void readArgument(mlir::BlockArgument argument);
  mlir::LogicalResult readOperation(mlir::Operation &op);
  void addSink(mlir::Operation *op, mlir::OpOperand &operand);

  // Views (ReadViews.cpp)
  mlir::LogicalResult readCollapse(mlir::tensor::CollapseShapeOp op);
  mlir::LogicalResult readExpand(mlir::tensor::ExpandShapeOp op);
  mlir::LogicalResult readSlice(mlir::tensor::ExtractSliceOp op);
  // What follows fails with a `reason`, without an error.
  std::optional<ValueAtoms> expand(ValueAtoms in, mlir::tensor::ExpandShapeOp op);
  std::optional<ValueAtoms> extract(ValueAtoms in, mlir::tensor::ExtractSliceOp op);
  /// Narrows dimension `dim` of a value to `size` coordinates from `start`, `step` apart.
  mlir::LogicalResult slice(ValueAtoms &value, size_t dim, int64_t start, int64_t size, int64_t step = 1);
  /// Replaces split atoms by their leaves and moves ranges of one coordinate to `fixed`.
  mlir::LogicalResult normalize(ValueAtoms &value);
  mlir::LogicalResult normalizeRanges(std::vector<AtomRange> &ranges, std::vector<AtomRange> &fixed);
  /// Splits `ranges` so that they have (at least) the factors `sizes`, outermost first. `changed` tells whether an atom was split.
  /// A range that a slice has cut unevenly stays whole: what is split elsewhere then indexes it by a sum of loops.
  mlir::LogicalResult splitRanges(llvm::ArrayRef<AtomRange> ranges, llvm::ArrayRef<int64_t> sizes, bool &changed);
  void splitAtom(AtomId atom, int64_t factor);

  // Moves into a fresh storage (ReadMoves.cpp)
  mlir::LogicalResult addCopy(mlir::Operation *op, unsigned operand, const ValueAtoms &to);
  void addFill(mlir::Operation *op, const ValueAtoms &to, double value);
  mlir::LogicalResult readConcat(mlir::tensor::ConcatOp op);
  mlir::LogicalResult readInsert(mlir::tensor::InsertSliceOp op);
  mlir::LogicalResult readPad(mlir::tensor::PadOp op);

  // Loops with a scalar body (ReadGeneric.cpp)
  mlir::LogicalResult readGeneric(mlir::linalg::GenericOp op);
  mlir::LogicalResult readResult(mlir::linalg::GenericOp op, unsigned result);
  /// A pure copy through permutations and broadcasts is a view; returns whether the result was one.
  bool readCopy(mlir::linalg::GenericOp op, unsigned result);
  /// The innermost factor of a dimension whose elements lie at equal steps in the storage's row-major order; nothing where they do not.
  std::optional<AtomRange> evenSteps(ValueAtoms &value, unsigned dim);
  /// The value is all of its storage, in whatever order.
  bool coversStorage(const ValueAtoms &value) const;
  mlir::LogicalResult readGather(mlir::linalg::GenericOp op, unsigned result, mlir::tensor::ExtractOp extract);
  /// A node that computes `scalar` in the body; with a combiner it is what a reduction combines.
  mlir::LogicalResult readBody(mlir::linalg::GenericOp op, unsigned result, mlir::Value scalar, const Combiner *combiner);
  mlir::FailureOr<Combiner> readCombiner(mlir::linalg::GenericOp op, mlir::Operation *combine, mlir::Value accumulator);
  /// Combines the start value of a reduction with its result, where that may change something.
  mlir::LogicalResult addStart(mlir::linalg::GenericOp op, unsigned result, mlir::Operation *combine, const Combiner &combiner);

  // Loops and accesses (RefineLoops.cpp)
  /// Splits atoms until, for every loop dimension of every node, all operands indexed by it alone have the same factors.
  mlir::LogicalResult refine();
  mlir::LogicalResult refine(Draft &draft, unsigned dim, bool &changed);
  /// Gives every node its loops and accesses.
  mlir::LogicalResult finish();
  /// Nothing, with a `reason`, where the atoms do not fit the loops.
  std::optional<Access> access(const Node &node, mlir::AffineMap map, const ValueAtoms &value);
  std::optional<AtomIndex> windowIndex(const Node &node, mlir::AffineMap map, mlir::AffineExpr expr, const std::vector<AtomRange> &ranges);
};

} // namespace manaslu::tiling
