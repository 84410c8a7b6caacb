// Integer subtrees on ge: int32 tiles, modulo 2^32.
#include "lib/Conversion/LinalgToTile/EmitExpression.h"

#include <llvm/ADT/StringSwitch.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// The operation with its operands exchanged; empty where there is none.
StringRef exchanged(StringRef name) {
  return llvm::StringSwitch<StringRef>(name)
      .Case("lt", "gt")
      .Case("le", "ge")
      .Case("gt", "lt")
      .Case("ge", "le")
      .Case("sub", "")
      .Case("shl", "")
      .Case("shr", "")
      .Case("sar", "")
      .Default(name);
}

} // namespace

TileRef ExpressionEmitter::integerTile(int i, const Operand &value) {
  if (value.immediate) {
    std::vector<Axis> none = like.axes;
    for (Axis &axis : none)
      axis.stride = 0;
    return constantTile(*value.immediate, i32(), none);
  }
  if (value.ref.element == i32() && value.ref.space == tile::Space::Sbuf)
    return value.ref;
  auto [at, fresh] = integers.try_emplace(i);
  if (fresh) {
    const std::vector<Axis> &axes = value.ref.axes;
    at->second = e.temporary(like, axes, i32());
    tile::CopyOp::create(e.builder, e.loc, operand(at->second, axes), operand(value.ref, axes));
  }
  return at->second;
}

ExpressionEmitter::Operand ExpressionEmitter::integer(int i, const TileRef *dst) {
  const ScalarOp &op = body[i];
  std::vector<Axis> axes = extent(i);
  int left = op.args[0], right = op.args[1];
  Operand a = eval(left), b = eval(right), out;
  if (a.immediate && b.immediate) {
    out.immediate = foldBinary(op, *a.immediate, *b.immediate);
    return out;
  }
  StringRef name = op.name;
  if (a.immediate && !exchanged(name).empty()) {
    name = exchanged(name);
    std::swap(a, b);
    std::swap(left, right);
  }
  TileRef x = integerTile(left, a), y;
  if (!b.immediate)
    y = integerTile(right, b);
  out.ref = target(axes, dst && dst->element == i32() ? dst : nullptr, out.written, i32());
  Value to = operand(out.ref, axes), first = operand(x, axes);
  if (b.immediate)
    tile::IntTensorScalarOp::create(e.builder, e.loc, to, first, name, static_cast<int64_t>(*b.immediate));
  else
    tile::IntTensorTensorOp::create(e.builder, e.loc, to, first, operand(y, axes), name);
  return out;
}

} // namespace manaslu::tiling
