// A linalg module as the tile lowering sees it: storages whose dimensions are split into atoms, and nodes that loop over atoms.
//
// Reshapes, transposes, broadcasts and slices are not operations here: they only say which atoms of a storage a dimension of a value means.
// For example [1, 128, 768] -> [1, 128, 12, 64] -> transpose gives one storage with the atoms (128, 12, 64), seen in three ways.
#pragma once

#include "lib/Conversion/LinalgToTile/IntegerRanges.h"

#include <map>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/IR/BuiltinTypes.h>
#include <optional>
#include <string>
#include <vector>

namespace manaslu::tiling {

using AtomId = int;

/// A factor of a dimension of one storage. A split atom is replaced by its two children; only leaves carry coordinates.
struct Atom {
  int64_t size = 1;
  int storage = -1; ///< -1: a broadcast, the same data for every coordinate
  AtomId outer = -1, inner = -1;
};

/// A run of an atom's coordinates: `size` of them from `start`, `step` apart.
struct AtomRange {
  AtomId atom;
  int64_t start;
  int64_t size;
  int64_t step = 1;
};

/// Where a tensor value lives: for each of its dimensions the atoms from the outermost in (none for a dimension of size 1), and atoms held at one coordinate by
/// slices.
struct ValueAtoms {
  int storage = -1;
  std::vector<std::vector<AtomRange>> dims;
  std::vector<AtomRange> fixed;
};

/// Scratch: a computed value that lies row-major in device memory, written by the Materialize node, or by the copies, that have it as output.
enum class StorageKind { Computed, Input, Parameter, State, Dense, Scratch };

/// The data behind one or more tensor values.
struct Storage {
  StorageKind kind = StorageKind::Computed;
  mlir::Type element;
  std::vector<AtomId> atoms;         ///< leaves in row-major order of the first value
  std::vector<int64_t> shape;        ///< shape of the first value
  std::string name;                  ///< input, parameter or state name
  mlir::ElementsAttr dense;          ///< of a Dense storage
  bool propagates = false;           ///< of 8-bit floats: overflow becomes an infinity or NaN; else it saturates
  std::vector<int> writers, readers; ///< nodes
  mlir::Location loc;
  explicit Storage(mlir::Location loc) : loc(loc) {}
};

/// One operation of a scalar expression tree. Arguments index the tree's own list.
struct ScalarOp {
  enum Kind { Input, Constant, LoopIndex, Unary, Binary, Select } kind = Input;
  int input = 0;         ///< Input: which operand of the node; LoopIndex: which loop dimension of the linalg operation
  double value = 0;      ///< Constant
  std::string name;      ///< Unary: an ActFunc name, or "neg"; Binary: an AluOp name, with `integer` an IntOp name
  std::vector<int> args; ///< Unary 1, Binary 2, Select 3
  bool integer = false;  ///< Binary, Select: on int32 values, modulo 2^32; without it fp32 is exact enough, whatever the type
};

/// A scalar expression; the root is the last element.
using Expression = std::vector<ScalarOp>;

/// A loop of a node: a leaf of the common refinement of a linalg loop dimension.
struct LoopAtom {
  int64_t size;
  int dim;        ///< of the linalg operation
  int64_t stride; ///< in iterations of that dimension
  bool reduction;
};

/// coordinate of `atom` = start + sum coefficient * loop
struct AtomIndex {
  AtomId atom;
  int64_t start = 0;
  std::vector<std::pair<int, int64_t>> loops;
};

/// How a node reads or writes a storage: the coordinate of each of its atoms.
struct Access {
  int storage = -1;
  std::vector<AtomIndex> atoms;
  const AtomIndex *find(AtomId atom) const;
  /// The atom that is indexed by exactly this loop, or -1.
  AtomId atomOfLoop(int loop) const;
};

enum class NodeKind { Contraction, Elementwise, Reduction, Gather, Output, StateWrite, Materialize, Removed };

/// One computation.
struct Node {
  NodeKind kind = NodeKind::Elementwise;
  mlir::Operation *op = nullptr;
  mlir::Location loc;
  std::vector<LoopAtom> loops;
  std::vector<Access> inputs;
  Access output;
  Expression body;            ///< Elementwise: the result; Reduction: the value that is combined
  std::string combiner;       ///< Reduction: an AluOp name, with `integer` an IntOp name
  bool integer = false;       ///< Reduction: in int32 modulo 2^32
  bool negated = false;       ///< Reduction: the result's sign is turned
  bool loads = false;         ///< Elementwise: a copy by DMA alone, from device memory to SBUF or within it: coordinates that no engine's pattern can take
  Expression finish;          ///< Reduction: what becomes of the reduced value (its input 0); empty: nothing
  int64_t gatherRows = 0;     ///< Gather: inputs are {table, index}; rows of the table
  AtomId gatherAtom = -1;     ///< Gather: the innermost atom of the table's rows
  int64_t gatherStep = 1;     ///< Gather: coordinates of that atom from one row to the next
  std::string name;           ///< Output, StateWrite
  std::vector<int64_t> shape; ///< Output, StateWrite: of the value
  explicit Node(mlir::Location loc) : loc(loc) {}
};

/// What reading asks of the chip: whether it has ge, which alone is exact for all of int32, and its name for errors.
struct IntegerSupport {
  bool hasGeneral = true;
  std::string chip;
};

/// The whole function.
class TensorProgram {
public:
  std::vector<Atom> atoms;
  std::vector<Storage> storages;
  std::vector<Node> nodes;

  /// Reads a function of linalg on tensors for a chip with that `support`. Emits an `MN-...` error at every operation that it cannot read and fails.
  static mlir::FailureOr<TensorProgram> build(mlir::func::FuncOp function, const IntegerSupport &support);

  /// The leaves that replace an atom, outermost first.
  std::vector<AtomId> leaves(AtomId atom) const;
  /// A node with this output has its result in SBUF: not an output of the program, not a copy in device memory.
  bool isResident(int storage) const { return storage >= 0 && storages[storage].kind != StorageKind::Scratch; }
  bool isBroadcast(AtomId atom) const { return atoms[atom].storage < 0; }

  /// Sets the writers and readers of every storage after nodes were added or moved.
  void relink();
};

/// A number attribute as a constant of expressions; true is 1.
double numberOf(mlir::Attribute attribute);

/// The value of a binary operation of an expression on constants; comparisons give 1 or 0.
double foldBinary(const ScalarOp &op, double a, double b);

/// The value of a unary operation on a constant, for those whose result needs no rounding of the chip's own.
std::optional<double> foldUnary(const ScalarOp &op, double x);

/// The access walks a whole storage in row-major order, loop by loop.
bool walksRowMajor(const TensorProgram &program, const Node &node, const Access &access);

/// The operations that the root needs, arguments first, the root last.
Expression prune(const Expression &ops, int root);

/// The expression with the inputs that are known in place of them, folded as far as that leads.
Expression substitute(const Expression &body, const std::vector<std::optional<double>> &inputs);

/// Replaces what only depends on loop indices by constants, and casts of constants by constants of the other type; computes cheap values where they are read.
void simplify(TensorProgram &program, mlir::MLIRContext *context);

/// Contractions without a contracted dimension (depthwise windows) become reductions of products.
void productsToReductions(TensorProgram &program);

/// What the only reader of a reduction computes from each reduced value alone (a mean, 1 / sqrt(variance + eps)) is done once by the reduction.
void finishReductions(TensorProgram &program);

/// Reads the scalar body of a linalg operation: the expression of `result`, inputs being block arguments. Integer operations go to the engine that their ranges
/// allow. Fails at an operation that the chip cannot do; `problem` then is the error, with its code.
mlir::FailureOr<Expression> readExpression(mlir::Value result, mlir::Block &body, const IntegerRanges &ranges, const IntegerSupport &support,
                                           std::string &problem);

} // namespace manaslu::tiling
