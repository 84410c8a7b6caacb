// Reads a linalg function into a tensor program: values as atoms, and nodes whose loops are refined at the end.
#pragma once

#include "lib/Conversion/LinalgToTile/TensorProgram.h"

#include <mlir/Dialect/Tensor/IR/Tensor.h>

namespace manaslu::tiling {

/// One reading. Every member that fails has reported `MN-LOW-001` at the operation.
class ProgramReader {
public:
  explicit ProgramReader(TensorProgram &program) : program(program) {}
  mlir::LogicalResult run(mlir::func::FuncOp function);

private:
  /// A node before its accesses are known: values of its inputs and output with their maps.
  struct Draft {
    int node;
    std::vector<std::pair<ValueAtoms, mlir::AffineMap>> operands; ///< inputs, then the output
    llvm::SmallVector<int64_t> ranges;
    llvm::SmallVector<bool> reduction;
  };

  TensorProgram &program;
  llvm::DenseMap<mlir::Value, ValueAtoms> values;
  std::vector<std::pair<mlir::Operation *, mlir::OpOperand *>> sinks; ///< returns and state stores
  std::vector<Draft> drafts;
  bool ok = true;

  mlir::LogicalResult fail(mlir::Operation *op, const llvm::Twine &why) {
    ok = false;
    return op->emitError("MN-LOW-001: ") << why;
  }
  AtomId newAtom(int64_t size, int storage) {
    program.atoms.push_back({size, storage, -1, -1});
    return program.atoms.size() - 1;
  }
  /// A storage for a value, with one atom a dimension; it becomes the place of the value.
  int newStorage(StorageKind kind, mlir::Value value);
  /// A new node, the last of the program.
  Draft &draft(NodeKind kind, mlir::Operation *op, llvm::ArrayRef<int64_t> ranges, llvm::ArrayRef<bool> reduction);

  void readArgument(mlir::func::FuncOp function, mlir::BlockArgument argument);
  mlir::LogicalResult readOperation(mlir::Operation &op);
  void addSink(mlir::func::FuncOp function, mlir::Operation *op, mlir::OpOperand &operand);

  // Views (ReadViews.cpp)
  mlir::LogicalResult readCollapse(mlir::tensor::CollapseShapeOp op);
  mlir::LogicalResult readExpand(mlir::tensor::ExpandShapeOp op);
  mlir::LogicalResult readSlice(mlir::tensor::ExtractSliceOp op);
  /// Narrows dimension `dim` of a value to `size` coordinates from `start`.
  mlir::LogicalResult slice(mlir::Operation *op, ValueAtoms &value, size_t dim, int64_t start, int64_t size);
  /// Replaces split atoms by their leaves and moves ranges of one coordinate to `fixed`.
  mlir::LogicalResult normalize(mlir::Operation *op, ValueAtoms &value);
  mlir::LogicalResult normalizeRanges(mlir::Operation *op, std::vector<AtomRange> &ranges, std::vector<AtomRange> &fixed);
  /// Splits `ranges` so that they have (at least) the factors `sizes`, outermost first. `changed` tells whether an atom was split.
  /// A range that a slice has cut unevenly stays whole: what is split elsewhere then indexes it by a sum of loops.
  mlir::LogicalResult splitRanges(mlir::Operation *op, llvm::ArrayRef<AtomRange> ranges, llvm::ArrayRef<int64_t> sizes, bool &changed);

  // Moves into a fresh storage (ReadMoves.cpp)
  void addCopy(mlir::Operation *op, const ValueAtoms &from, const ValueAtoms &to);
  void addFill(mlir::Operation *op, const ValueAtoms &to, double value);
  mlir::LogicalResult readConcat(mlir::tensor::ConcatOp op);
  mlir::LogicalResult readInsert(mlir::tensor::InsertSliceOp op);
  mlir::LogicalResult readPad(mlir::tensor::PadOp op);

  // Loops with a scalar body (ReadGeneric.cpp)
  mlir::LogicalResult readGeneric(mlir::linalg::GenericOp op);
  mlir::LogicalResult readResult(mlir::linalg::GenericOp op, unsigned result);
  /// A pure copy through permutations and broadcasts is a view; returns whether the result was one.
  bool readCopy(mlir::linalg::GenericOp op, unsigned result);
  mlir::LogicalResult readGather(mlir::linalg::GenericOp op, unsigned result, mlir::tensor::ExtractOp extract);
  /// A node that computes `scalar` in the body; with `combiner` it is what a reduction combines.
  mlir::LogicalResult readBody(mlir::linalg::GenericOp op, unsigned result, mlir::Value scalar, llvm::StringRef combiner);
  /// Combines the start value of a reduction with its result, where that may change something.
  mlir::LogicalResult addStart(mlir::linalg::GenericOp op, unsigned result, const std::string &combiner);

  // Loops and accesses (RefineLoops.cpp)
  /// Splits atoms until, for every loop dimension of every node, all operands indexed by it alone have the same factors.
  mlir::LogicalResult refine();
  /// Gives every node its loops and accesses.
  mlir::LogicalResult finish();
  mlir::FailureOr<Access> access(Node &node, mlir::AffineMap map, ValueAtoms value);
};

} // namespace manaslu::tiling
