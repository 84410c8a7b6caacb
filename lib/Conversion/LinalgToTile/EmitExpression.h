// Instruction selection over expression trees: any elementwise body becomes a few ve, se and ge operations on tiles.
//
// A value is an immediate, a tile, or a tile with one element in each partition (a scalar operand). Subtrees are computed at their own extent: what does not
// vary along a loop is computed once for it. se takes func(x * scale + bias), ve takes (x op scalar) op scalar and x op y, ge the integers that need all 32
// bits.
#pragma once

#include "lib/Conversion/LinalgToTile/Emitter.h"

namespace manaslu::tiling {

/// Emits one node over ranges of its loops.
class ExpressionEmitter {
public:
  /// `body` is the node's expression; `inputs` are seen over the axes of `like`, the tile of the result, one axis for each loop of `order`.
  ExpressionEmitter(Emitter &emitter, const Node &node, const Expression &body, std::vector<TileRef> inputs, TileRef like);

  /// Computes the root into `dst`; `sum` takes the running sum of an activation where the root is one. Returns whether `sum` was written.
  bool root(const TileRef &dst, const TileRef *sum = nullptr);

private:
  struct Operand {
    std::optional<double> immediate;
    TileRef ref;
    bool written = false; ///< into the destination that was asked for
  };

  Emitter &e;
  const Node &node;
  const Expression &body; ///< of the node, with what is constant over this tile put in
  std::vector<TileRef> inputs;
  TileRef like; ///< partitions and axes of the result
  std::vector<int> uses;
  std::vector<std::optional<Operand>> known;
  std::map<int, TileRef> integers; ///< subtrees in int32 tiles, where they were made in another type
  const TileRef *rootSum = nullptr;
  bool wroteSum = false;

  static llvm::APFloat number(double value) { return llvm::APFloat(static_cast<float>(value)); }
  mlir::Type f32() const { return e.builder.getF32Type(); }
  mlir::Type i32() const { return e.builder.getI32Type(); }

  /// The axes over which a subtree varies: an axis is kept (stride not 0) if one of its inputs varies along it.
  std::vector<Axis> extent(int i) const;
  /// Drops the axes along which nothing varies.
  static TileRef compact(TileRef ref, const std::vector<Axis> &extent);
  /// The view without axes along which nothing varies: one element in each partition for a scalar operand.
  mlir::Value scalarView(TileRef ref);
  /// All operands of one instruction seen over `extent`.
  mlir::Value operand(const TileRef &ref, const std::vector<Axis> &extent) { return e.view(ref.axes.size() == extent.size() ? compact(ref, extent) : ref); }
  static bool sameAxes(const std::vector<Axis> &a, const std::vector<Axis> &b);
  /// Where a subtree's result goes: the destination if it varies along all of it, else a temporary of the subtree's extent.
  TileRef target(const std::vector<Axis> &extent, const TileRef *dst, bool &intoDst, mlir::Type element);
  static bool samePlace(const TileRef &a, const TileRef &b);
  void copy(const TileRef &dst, const TileRef &src);
  /// Fills a tile, also with integers that fp32 does not hold.
  void fill(const TileRef &dst, const std::vector<Axis> &extent, double value);

  /// A tile that holds one number everywhere; `shape` varies nowhere.
  TileRef constantTile(double value, mlir::Type element, const std::vector<Axis> &shape);

  Operand eval(int i, const TileRef *dst = nullptr);
  Operand fresh(int i, const TileRef *dst);

  /// x * scale + bias with scalar operands, peeled off subtree i as far as it is used once.
  struct AffineArgument {
    int x;
    std::optional<Operand> scale, bias;
  };
  AffineArgument peel(int i);
  /// A float operation that is used here only.
  bool peelable(int i) const { return body[i].kind == ScalarOp::Binary && !body[i].integer && uses[i] <= 1 && !known[i]; }
  /// Subtree i has one element in each partition (and is not an immediate).
  bool perPartitionTree(int i) const;
  bool perPartitionOnly(int i) const { return perPartitionTree(i) && like.freeElements() > 1; }
  Operand negated(const Operand &operand);

  Operand unary(int i, const TileRef *dst);
  Operand activation(int i, const TileRef *dst);
  Operand binary(int i, const TileRef *dst);
  /// Both operands vary over the whole tile.
  Operand tensorStep(int i, const TileRef *dst);
  /// x op scalar; `side` is the argument that the scalar is.
  Operand scalarStep(int i, int side, Operand scalar, Operand x, const TileRef *dst);
  mlir::Value tensor(const Operand &o) { return o.immediate ? mlir::Value() : scalarView(o.ref); }
  static llvm::APFloat immediate(const Operand &o) { return number(o.immediate.value_or(0)); }
  Operand select(int i, const TileRef *dst);

  // int32 on ge (EmitIntegers.cpp)
  Operand integer(int i, const TileRef *dst);
  /// The operand as an int32 tile in SBUF; what was computed in fp32 is rounded to the nearest integer.
  TileRef integerTile(int i, const Operand &value);
};

/// The loops of a tile that are longer than one.
std::vector<int> freeOrder(const Node &node, const std::vector<Range> &ranges);

} // namespace manaslu::tiling
