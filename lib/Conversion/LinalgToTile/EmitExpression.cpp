// Expression trees on ve and se.
#include "lib/Conversion/LinalgToTile/EmitExpression.h"

#include <cmath>
#include <llvm/ADT/StringSet.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

bool isActivation(StringRef name) {
  static const llvm::StringSet<> names = {"exp", "exp2", "log", "log1p", "expm1", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh",
                                          "erf", "sin",  "cos", "sqrt",  "rsqrt", "relu", "square",  "abs",  "sign", "floor"};
  return names.contains(name);
}

} // namespace

ExpressionEmitter::ExpressionEmitter(Emitter &emitter, const Node &node, const Expression &body, std::vector<TileRef> inputs, TileRef like)
    : e(emitter), node(node), body(body), inputs(std::move(inputs)), like(std::move(like)) {
  uses.assign(body.size(), 0);
  for (const ScalarOp &op : body)
    for (int arg : op.args)
      ++uses[arg];
  known.resize(body.size());
}

bool ExpressionEmitter::root(const TileRef &dst, const TileRef *sum) {
  int last = body.size() - 1;
  wroteSum = false;
  rootSum = sum;
  Operand value = eval(last, &dst);
  if (value.immediate) {
    std::vector<Axis> all = dst.axes;
    for (Axis &axis : all)
      axis.stride = 1;
    fill(dst, all, *value.immediate);
  } else if (!value.written && !samePlace(dst, value.ref)) {
    copy(dst, value.ref);
  }
  return wroteSum;
}

std::vector<Axis> ExpressionEmitter::extent(int i) const {
  std::vector<Axis> axes = like.axes;
  for (Axis &axis : axes)
    axis.stride = 0;
  std::vector<int> stack = {i};
  while (!stack.empty()) {
    const ScalarOp &op = body[stack.back()];
    stack.pop_back();
    if (op.kind == ScalarOp::Input)
      for (size_t a = 0; a < axes.size(); ++a)
        axes[a].stride |= inputs[op.input].axes[a].stride != 0;
    stack.insert(stack.end(), op.args.begin(), op.args.end());
  }
  return axes;
}

TileRef ExpressionEmitter::compact(TileRef ref, const std::vector<Axis> &extent) {
  std::vector<Axis> axes;
  for (size_t a = 0; a < ref.axes.size(); ++a)
    if (extent[a].stride != 0)
      axes.push_back(ref.axes[a]);
  ref.axes = axes;
  return ref;
}

Value ExpressionEmitter::scalarView(TileRef ref) {
  std::erase_if(ref.axes, [](const Axis &axis) { return axis.stride == 0; });
  return e.view(ref);
}

bool ExpressionEmitter::sameAxes(const std::vector<Axis> &a, const std::vector<Axis> &b) {
  for (size_t i = 0; i < a.size(); ++i)
    if ((a[i].stride != 0) != (b[i].stride != 0 && b[i].size > 1) && a[i].size > 1)
      return false;
  return true;
}

TileRef ExpressionEmitter::target(const std::vector<Axis> &extent, const TileRef *dst, bool &intoDst, Type element) {
  intoDst = dst && llvm::all_of(extent, [](const Axis &axis) { return axis.stride != 0 || axis.size == 1; });
  return intoDst ? *dst : e.temporary(like, extent, element);
}

bool ExpressionEmitter::samePlace(const TileRef &a, const TileRef &b) {
  auto equal = [](const Axis &x, const Axis &y) { return x.size == y.size && x.stride == y.stride; };
  return a.buffer == b.buffer && a.partition == b.partition && a.offset.constant == b.offset.constant && a.offset.terms == b.offset.terms &&
         std::equal(a.axes.begin(), a.axes.end(), b.axes.begin(), b.axes.end(), equal);
}

void ExpressionEmitter::copy(const TileRef &dst, const TileRef &src) {
  std::vector<Axis> all = dst.axes;
  for (Axis &axis : all)
    axis.stride = 1;
  tile::CopyOp::create(e.builder, e.loc, operand(dst, all), operand(src, all));
}

void ExpressionEmitter::fill(const TileRef &dst, const std::vector<Axis> &extent, double value) {
  tile::MemsetOp::create(e.builder, e.loc, operand(dst, extent), number(value));
  if (dst.element != i32() || !(std::abs(value) <= INT32_MAX))
    return;
  auto stored = std::min<int64_t>(static_cast<int64_t>(static_cast<float>(value)), INT32_MAX); // saturated (N16)
  int64_t rest = static_cast<int64_t>(value) - stored;
  if (rest == 0)
    return;
  if (!e.chip.ge)
    return e.report(node.loc, "MN-CHIP-ENGINE: the constant " + Twine(static_cast<int64_t>(value)) + " is not a number of fp32, and chip " + e.chip.name +
                                  " has no ge engine, which alone computes such integers");
  Value to = operand(dst, extent), from = operand(dst, extent);
  tile::IntTensorScalarOp::create(e.builder, e.loc, to, from, "add", rest);
}

TileRef ExpressionEmitter::constantTile(double value, Type element, const std::vector<Axis> &shape) {
  if (element != i32() || static_cast<float>(value) == value)
    return e.splat(value, element, like, shape);
  TileRef tile = e.temporary(like, shape, element);
  fill(tile, shape, value);
  return tile;
}

ExpressionEmitter::Operand ExpressionEmitter::eval(int i, const TileRef *dst) {
  if (known[i])
    return *known[i];
  Operand out = fresh(i, dst);
  if (!out.written)
    known[i] = out;
  return out;
}

ExpressionEmitter::Operand ExpressionEmitter::fresh(int i, const TileRef *dst) {
  const ScalarOp &op = body[i];
  Operand out;
  switch (op.kind) {
  case ScalarOp::Input: out.ref = inputs[op.input]; return out;
  case ScalarOp::Constant: out.immediate = op.value; return out;
  case ScalarOp::LoopIndex:
    e.report(node.loc, "MN-LOW-003: an index that is known only on the chip is not supported here");
    out.immediate = 0;
    return out;
  case ScalarOp::Unary: return unary(i, dst);
  case ScalarOp::Binary: return binary(i, dst);
  case ScalarOp::Select: return select(i, dst);
  }
  return out;
}

ExpressionEmitter::AffineArgument ExpressionEmitter::peel(int i) {
  AffineArgument out{i, {}, {}};
  auto scalarSide = [&](const ScalarOp &op, int side) { return body[op.args[side]].kind == ScalarOp::Constant || perPartitionTree(op.args[side]); };
  if (peelable(out.x)) {
    const ScalarOp &op = body[out.x];
    for (int side : {1, 0}) {
      if (out.bias || !scalarSide(op, side) || perPartitionOnly(op.args[1 - side]))
        continue;
      if (op.name == "add" || (op.name == "sub" && side == 1)) {
        Operand bias = eval(op.args[side]);
        out.bias = op.name == "sub" ? negated(bias) : bias;
        out.x = op.args[1 - side];
        break;
      }
    }
  }
  if (peelable(out.x)) {
    const ScalarOp &op = body[out.x];
    for (int side : {1, 0})
      if (op.name == "mul" && scalarSide(op, side) && !perPartitionOnly(op.args[1 - side])) {
        out.scale = eval(op.args[side]);
        out.x = op.args[1 - side];
        break;
      }
  }
  return out;
}

bool ExpressionEmitter::perPartitionTree(int i) const {
  return llvm::all_of(extent(i), [](const Axis &axis) { return axis.stride == 0 || axis.size == 1; });
}

ExpressionEmitter::Operand ExpressionEmitter::negated(const Operand &operand) {
  if (operand.immediate)
    return Operand{-*operand.immediate, {}, false};
  Operand out;
  out.ref = e.temporary(operand.ref, operand.ref.axes, f32());
  tile::TensorScalarOp::create(e.builder, e.loc, scalarView(out.ref), scalarView(operand.ref), Value(), Value(), "mul", number(-1), false, "bypass", number(0),
                               false);
  return out;
}

ExpressionEmitter::Operand ExpressionEmitter::unary(int i, const TileRef *dst) {
  const ScalarOp &op = body[i];
  if (isActivation(op.name))
    return activation(i, dst);
  std::vector<Axis> axes = extent(i);
  Operand out;
  Operand x = eval(op.args[0]);
  if (x.immediate) {
    if (std::optional<double> folded = foldUnary(op, *x.immediate)) {
      out.immediate = folded;
      return out;
    }
    Operand filled;
    filled.ref = e.temporary(like, axes, f32());
    fill(filled.ref, axes, *x.immediate);
    x = filled;
  }
  out.ref = target(axes, dst, out.written, f32());
  Value dstView = operand(out.ref, axes), srcView = operand(x.ref, axes);
  if (op.name == "neg")
    tile::TensorScalarOp::create(e.builder, e.loc, dstView, srcView, Value(), Value(), "mul", number(-1), false, "bypass", number(0), false);
  else if (op.name == "reciprocal")
    tile::ReciprocalOp::create(e.builder, e.loc, dstView, srcView);
  else
    e.report(node.loc, "MN-LOW-003: '" + op.name + "' has no instruction");
  return out;
}

ExpressionEmitter::Operand ExpressionEmitter::activation(int i, const TileRef *dst) {
  const ScalarOp &op = body[i];
  std::vector<Axis> axes = extent(i);
  Operand out;
  AffineArgument argument = peel(op.args[0]);
  Operand x = eval(argument.x);
  if (x.immediate) { // a constant argument: one element is enough
    Operand filled;
    filled.ref = e.temporary(like, axes, f32());
    fill(filled.ref, axes, *x.immediate);
    x = filled;
  }
  out.ref = target(axes, dst, out.written, f32());
  Value sum = out.written && rootSum && i == static_cast<int>(body.size()) - 1 ? e.view(*rootSum) : Value();
  wroteSum |= static_cast<bool>(sum);
  auto tensor = [&](const std::optional<Operand> &o) { return o && !o->immediate ? scalarView(o->ref) : Value(); };
  auto immediate = [&](const std::optional<Operand> &o, double otherwise) { return number(o && o->immediate ? *o->immediate : otherwise); };
  Value dstView = operand(out.ref, axes), srcView = operand(x.ref, axes);
  tile::ActivateOp::create(e.builder, e.loc, dstView, sum, srcView, tensor(argument.scale), tensor(argument.bias), op.name, immediate(argument.scale, 1),
                           immediate(argument.bias, 0));
  return out;
}

ExpressionEmitter::Operand ExpressionEmitter::binary(int i, const TileRef *dst) {
  const ScalarOp &op = body[i];
  if (op.integer)
    return integer(i, dst);
  std::vector<Axis> axes = extent(i);
  Operand out;
  bool whole = !perPartitionTree(i);
  // A scalar side: an immediate, or one element in each partition beside a wider tensor.
  auto scalarSide = [&](int arg) { return body[arg].kind == ScalarOp::Constant || (whole && perPartitionTree(arg)); };
  int side = scalarSide(op.args[1]) ? 1 : scalarSide(op.args[0]) ? 0 : -1;
  if (side < 0)
    return tensorStep(i, dst);
  Operand scalar = eval(op.args[side]);
  int other = op.args[1 - side];
  const ScalarOp &inner = body[other];
  // (x op0 scalar0) op1 scalar1 in one instruction, when the inner step is used only here and is as wide.
  if (peelable(other) && sameAxes(extent(other), axes)) {
    int innerSide = scalarSide(inner.args[1]) ? 1 : scalarSide(inner.args[0]) ? 0 : -1;
    if (innerSide >= 0) {
      Operand innerScalar = eval(inner.args[innerSide]), x = eval(inner.args[1 - innerSide]);
      if (!x.immediate) {
        out.ref = target(axes, dst, out.written, f32());
        Value dstView = operand(out.ref, axes), src = operand(x.ref, axes);
        tile::TensorScalarOp::create(e.builder, e.loc, dstView, src, tensor(innerScalar), tensor(scalar), inner.name, immediate(innerScalar), innerSide == 0,
                                     op.name, immediate(scalar), side == 0);
        return out;
      }
    }
  }
  Operand x = eval(other);
  if (scalar.immediate && x.immediate) {
    out.immediate = side ? foldBinary(op, *x.immediate, *scalar.immediate) : foldBinary(op, *scalar.immediate, *x.immediate);
    return out;
  }
  return scalarStep(i, side, scalar, x, dst);
}

ExpressionEmitter::Operand ExpressionEmitter::tensorStep(int i, const TileRef *dst) {
  const ScalarOp &op = body[i];
  std::vector<Axis> axes = extent(i);
  Operand a = eval(op.args[0]), b = eval(op.args[1]), out;
  if (a.immediate && b.immediate) {
    out.immediate = foldBinary(op, *a.immediate, *b.immediate);
    return out;
  }
  if (a.immediate || b.immediate)
    return scalarStep(i, a.immediate ? 0 : 1, a.immediate ? a : b, a.immediate ? b : a, dst);
  out.ref = target(axes, dst, out.written, f32());
  Value dstView = operand(out.ref, axes), aView = operand(a.ref, axes), bView = operand(b.ref, axes);
  tile::TensorTensorOp::create(e.builder, e.loc, dstView, aView, bView, op.name);
  return out;
}

ExpressionEmitter::Operand ExpressionEmitter::scalarStep(int i, int side, Operand scalar, Operand x, const TileRef *dst) {
  const ScalarOp &op = body[i];
  std::vector<Axis> axes = extent(i);
  if (x.immediate) { // the wider side is a constant: exchange the roles
    std::swap(scalar, x);
    side = 1 - side;
  }
  Operand out;
  out.ref = target(axes, dst, out.written, f32());
  Value dstView = operand(out.ref, axes), src = operand(x.ref, axes);
  tile::TensorScalarOp::create(e.builder, e.loc, dstView, src, tensor(scalar), Value(), op.name, immediate(scalar), side == 0, "bypass", number(0), false);
  return out;
}

ExpressionEmitter::Operand ExpressionEmitter::select(int i, const TileRef *dst) {
  const ScalarOp &op = body[i];
  std::vector<Axis> axes = extent(i);
  Operand condition = eval(op.args[0]), a = eval(op.args[1]), b = eval(op.args[2]), out;
  if (condition.immediate)
    return *condition.immediate != 0 ? a : b;
  // select moves bits, so both values and the destination have one type: fp32 unless all agree, int32 where fp32 does not hold the values.
  Type type = op.integer ? i32() : f32();
  if (dst && dst->element != type && !op.integer && !a.immediate && !b.immediate && a.ref.element == dst->element && b.ref.element == dst->element)
    type = dst->element;
  auto widened = [&](const Operand &value) {
    if (!value.immediate && value.ref.element == type)
      return value.ref;
    std::vector<Axis> shape = axes;
    for (size_t k = 0; k < shape.size(); ++k)
      shape[k].stride = value.immediate ? 0 : value.ref.axes[k].stride;
    if (value.immediate)
      return constantTile(*value.immediate, type, shape);
    TileRef wide = e.temporary(like, shape, type);
    tile::CopyOp::create(e.builder, e.loc, operand(wide, shape), operand(value.ref, shape));
    return wide;
  };
  TileRef onTrue = widened(a), onFalse = widened(b);
  bool direct = dst && dst->element == type;
  out.ref = target(axes, direct ? dst : nullptr, out.written, type);
  Value dstView = operand(out.ref, axes), mask = operand(condition.ref, axes), trueView = operand(onTrue, axes), falseView = operand(onFalse, axes);
  tile::SelectOp::create(e.builder, e.loc, dstView, mask, trueView, falseView);
  return out;
}

bool Emitter::emitExpression(const Node &node, const Expression &body, const std::vector<TileRef> &inputs, const TileRef &dst, const TileRef *sum) {
  return ExpressionEmitter(*this, node, body, inputs, dst).root(dst, sum);
}

} // namespace manaslu::tiling
