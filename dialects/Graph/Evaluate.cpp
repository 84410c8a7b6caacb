// The host evaluator's arrays and elementwise operations; movement and reductions are in EvaluateShapes.cpp.
#include "dialects/Graph/EvaluateKernels.h"

#include <cmath>
#include <cstring>
#include <llvm/ADT/StringMap.h>

#include "lib/Numerics/Convert.h"

using namespace mlir;

namespace manaslu::graph {

int64_t bytesOf(Type element) { return element.isInteger(64) ? 8 : sizeOf(*storageOf(element)); }

std::optional<DType> storageOf(Type element) {
  if (element.isF32())
    return DType::F32;
  if (element.isBF16())
    return DType::BF16;
  if (element.isF16())
    return DType::F16;
  if (isa<Float8E4M3FNType>(element))
    return DType::F8E4M3;
  if (isa<Float8E5M2Type>(element))
    return DType::F8E5M2;
  if (isa<Float8E3M4Type>(element))
    return DType::F8E3M4;
  if (element.isInteger(1))
    return DType::Bool;
  if (element.isUnsignedInteger(8))
    return DType::U8;
  if (element.isInteger(8))
    return DType::I8;
  if (element.isInteger(32))
    return DType::I32;
  return std::nullopt;
}

Array Array::make(RankedTensorType type) {
  Array array{type, nullptr, std::make_shared<std::vector<std::byte>>(type.getNumElements() * bytesOf(type.getElementType()))};
  array.data = array.owned->data();
  return array;
}

std::vector<float> floatsOf(const Array &array) {
  std::vector<float> out(array.type.getNumElements());
  Type element = array.type.getElementType();
  if (element.isInteger(64) || element.isInteger(1)) {
    std::vector<int64_t> integers = integersIn(array);
    std::copy(integers.begin(), integers.end(), out.begin());
  } else {
    numerics::widen(*storageOf(element), array.data, 1, out.data(), out.size());
  }
  return out;
}

int32_t loadI32(const std::byte *data, size_t index) {
  int32_t value;
  std::memcpy(&value, data + index * sizeof(value), sizeof(value));
  return value;
}

std::vector<int64_t> integersIn(const Array &array) {
  std::vector<int64_t> out(array.type.getNumElements());
  Type element = array.type.getElementType();
  for (size_t i = 0; i < out.size(); ++i) {
    if (element.isInteger(64))
      std::memcpy(&out[i], array.data + 8 * i, 8);
    else if (element.isInteger(32))
      out[i] = loadI32(array.data, i);
    else
      out[i] = element.isInteger(8) && !element.isUnsignedInteger() ? static_cast<int8_t>(array.data[i]) : static_cast<uint8_t>(array.data[i]);
  }
  return out;
}

Array arrayOf(RankedTensorType type, const std::vector<float> &values, numerics::Overflow overflow) {
  Array array = Array::make(type);
  numerics::narrow(values.data(), *storageOf(type.getElementType()), array.bytes(), 1, values.size(), overflow);
  return array;
}

std::optional<Array> arrayOf(RankedTensorType type, const std::vector<int64_t> &values) {
  Array array = Array::make(type);
  Type element = type.getElementType();
  int64_t width = element.getIntOrFloatBitWidth();
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t value = values[i];
    bool isUnsigned = element.isUnsignedInteger() || width == 1;
    if (width < 64 && (value < (isUnsigned ? 0 : -(int64_t(1) << (width - 1))) || value >= (int64_t(1) << (isUnsigned ? width : width - 1))))
      return std::nullopt;
    std::memcpy(array.bytes() + i * bytesOf(element), &value, bytesOf(element));
  }
  return array;
}

Array fromAttribute(DenseElementsAttr elements) {
  auto type = cast<RankedTensorType>(elements.getType());
  Array array = Array::make(type);
  int64_t size = bytesOf(type.getElementType()), count = type.getNumElements();
  if (type.getElementType().isInteger(1)) {
    for (auto [i, bit] : llvm::enumerate(elements.getValues<bool>()))
      array.bytes()[i] = static_cast<std::byte>(bit);
    return array;
  }
  ArrayRef<char> raw = elements.getRawData();
  for (int64_t i = 0; i < (elements.isSplat() ? count : 1); ++i)
    std::memcpy(array.bytes() + i * size, raw.data(), elements.isSplat() ? size : size * count);
  return array;
}

DenseElementsAttr toAttribute(const Array &array) {
  int64_t count = array.type.getNumElements(), size = bytesOf(array.type.getElementType());
  if (array.type.getElementType().isInteger(1)) {
    const auto *bits = reinterpret_cast<const bool *>(array.data);
    bool splat = count > 0 && std::all_of(bits, bits + count, [&](bool bit) { return bit == bits[0]; });
    return splat ? DenseElementsAttr::get(array.type, bits[0]) : DenseElementsAttr::get(array.type, ArrayRef<bool>(bits, count));
  }
  bool splat = count > 1;
  for (int64_t i = 1; splat && i < count; ++i)
    splat = std::memcmp(array.data, array.data + i * size, size) == 0;
  return DenseElementsAttr::getFromRawBuffer(array.type, ArrayRef<char>(reinterpret_cast<const char *>(array.data), splat ? size : size * count));
}

std::vector<int64_t> broadcastIndex(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  int64_t count = 1;
  for (int64_t size : to)
    count *= size;
  std::vector<int64_t> index(count, 0);
  int64_t step = 1, stride = 1;
  for (int64_t d = to.size() - 1; d >= 0; --d) {
    int64_t at = d - static_cast<int64_t>(to.size() - from.size());
    int64_t size = at < 0 ? 1 : from[at];
    if (size != 1) {
      for (int64_t i = 0; i < count; ++i)
        index[i] += i / step % to[d] * stride;
      stride *= size;
    }
    step *= to[d];
  }
  return index;
}

namespace {

using FloatUnary = double (*)(double);

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

FloatUnary unaryFunction(Operation *op) {
  static const llvm::StringMap<FloatUnary> table = {{"neg", [](double x) { return -x; }},
                                                    {"abs", [](double x) { return std::fabs(x); }},
                                                    {"exp", [](double x) { return std::exp(x); }},
                                                    {"exp2", [](double x) { return std::exp2(x); }},
                                                    {"log", [](double x) { return std::log(x); }},
                                                    {"log1p", [](double x) { return std::log1p(x); }},
                                                    {"expm1", [](double x) { return std::expm1(x); }},
                                                    {"sqrt", [](double x) { return std::sqrt(x); }},
                                                    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
                                                    {"reciprocal", [](double x) { return 1 / x; }},
                                                    {"tanh", [](double x) { return std::tanh(x); }},
                                                    {"sigmoid", sigmoid},
                                                    {"erf", [](double x) { return std::erf(x); }},
                                                    {"silu", [](double x) { return x * sigmoid(x); }},
                                                    {"relu", [](double x) { return x < 0 ? 0 : x; }},
                                                    {"sin", [](double x) { return std::sin(x); }},
                                                    {"cos", [](double x) { return std::cos(x); }},
                                                    {"floor", [](double x) { return std::floor(x); }},
                                                    {"round", [](double x) { return std::nearbyint(x); }},
                                                    {"sign", [](double x) { return x > 0   ? 1
                                                                                   : x < 0 ? -1.0
                                                                                           : 0; }},
                                                    {"square", [](double x) { return x * x; }}};
  auto at = table.find(op->getName().stripDialect());
  return at == table.end() ? nullptr : at->second;
}

using FloatBinary = double (*)(double, double);

FloatBinary binaryFunction(StringRef name) {
  static const llvm::StringMap<FloatBinary> table = {{"add", [](double a, double b) { return a + b; }},
                                                     {"sub", [](double a, double b) { return a - b; }},
                                                     {"mul", [](double a, double b) { return a * b; }},
                                                     {"div", [](double a, double b) { return a / b; }},
                                                     {"floor_div", [](double a, double b) { return std::floor(a / b); }},
                                                     {"pow", [](double a, double b) { return std::pow(a, b); }},
                                                     {"max", [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }},
                                                     {"min", [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }},
                                                     {"remainder",
                                                      [](double a, double b) {
                                                        double r = std::fmod(a, b);
                                                        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
                                                      }},
                                                     {"eq", [](double a, double b) { return double(a == b); }},
                                                     {"ne", [](double a, double b) { return double(a != b); }},
                                                     {"lt", [](double a, double b) { return double(a < b); }},
                                                     {"le", [](double a, double b) { return double(a <= b); }},
                                                     {"gt", [](double a, double b) { return double(a > b); }},
                                                     {"ge", [](double a, double b) { return double(a >= b); }}};
  auto at = table.find(name);
  return at == table.end() ? nullptr : at->second;
}

/// Integer arithmetic with overflow noticed; nothing for unknown names, overflow and division by zero.
std::optional<int64_t> integerBinary(StringRef name, int64_t a, int64_t b) {
  int64_t out = 0;
  if (name == "add")
    return __builtin_add_overflow(a, b, &out) ? std::nullopt : std::optional(out);
  if (name == "sub")
    return __builtin_sub_overflow(a, b, &out) ? std::nullopt : std::optional(out);
  if (name == "mul")
    return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional(out);
  if (name == "max")
    return std::max(a, b);
  if (name == "min")
    return std::min(a, b);
  if (name == "eq")
    return a == b;
  if (name == "ne" || name == "logical_xor")
    return a != b;
  if (name == "lt")
    return a < b;
  if (name == "le")
    return a <= b;
  if (name == "gt")
    return a > b;
  if (name == "ge")
    return a >= b;
  if (name == "logical_and")
    return a && b;
  if (name == "logical_or")
    return a || b;
  if ((name == "div" || name == "floor_div" || name == "remainder") && b != 0 && !(b == -1 && a == INT64_MIN)) {
    if (name == "div")
      return a / b;
    int64_t rest = a % b;
    bool below = rest != 0 && (rest < 0) != (b < 0);
    if (name == "floor_div")
      return a / b - below;
    return below ? rest + b : rest;
  }
  return std::nullopt;
}

std::optional<Array> evaluateUnary(Operation *op, const Array &x) {
  auto type = tensorOf(op->getResult(0));
  if (isa<FloatType>(type.getElementType())) {
    FloatUnary function = unaryFunction(op);
    if (auto gelu = dyn_cast<GeluOp>(op))
      function = gelu.getApproximate() == "tanh"
                     ? FloatUnary([](double v) { return 0.5 * v * (1 + std::tanh(0.7978845608028654 * (v + 0.044715 * v * v * v))); })
                     : FloatUnary([](double v) { return 0.5 * v * (1 + std::erf(v * 0.7071067811865476)); });
    if (!function)
      return std::nullopt;
    std::vector<float> values = floatsOf(x);
    for (float &value : values)
      value = static_cast<float>(function(value));
    return arrayOf(type, values);
  }
  std::vector<int64_t> values = integersIn(x);
  StringRef name = op->getName().stripDialect();
  for (int64_t &value : values) {
    if (name == "logical_not")
      value = !value;
    else if (name == "neg")
      value = -value;
    else if (name == "abs")
      value = std::abs(value);
    else if (name == "relu")
      value = std::max<int64_t>(value, 0);
    else if (name == "sign")
      value = (value > 0) - (value < 0);
    else if (std::optional<int64_t> square = name == "square" ? integerBinary("mul", value, value) : std::nullopt)
      value = *square;
    else
      return std::nullopt;
  }
  return arrayOf(type, values);
}

std::optional<Array> evaluateBinary(Operation *op, const Array &a, const Array &b) {
  auto type = tensorOf(op->getResult(0));
  StringRef name = op->getName().stripDialect();
  if (auto compare = dyn_cast<CompareOp>(op))
    name = compare.getPredicate();
  std::vector<int64_t> left = broadcastIndex(a.type.getShape(), type.getShape()), right = broadcastIndex(b.type.getShape(), type.getShape());
  std::vector<int64_t> integers(left.size());
  if (isa<FloatType>(a.type.getElementType())) {
    FloatBinary function = binaryFunction(name);
    if (!function)
      return std::nullopt;
    std::vector<float> x = floatsOf(a), y = floatsOf(b), values(left.size());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(function(x[left[i]], y[right[i]]));
    if (isa<FloatType>(type.getElementType()))
      return arrayOf(type, values);
    std::copy(values.begin(), values.end(), integers.begin());
    return arrayOf(type, integers);
  }
  std::vector<int64_t> x = integersIn(a), y = integersIn(b);
  for (size_t i = 0; i < integers.size(); ++i) {
    std::optional<int64_t> value = integerBinary(name, x[left[i]], y[right[i]]);
    if (!value)
      return std::nullopt;
    integers[i] = *value;
  }
  return arrayOf(type, integers);
}

std::optional<Array> evaluateCast(CastOp op, const Array &x) {
  auto type = tensorOf(op.getResult());
  bool fromFloat = isa<FloatType>(x.type.getElementType()), toFloat = isa<FloatType>(type.getElementType());
  auto overflow = op.getOverflow() == "saturate" ? numerics::Overflow::Saturate : numerics::Overflow::Propagate;
  // Weights are large: no copy in f32 first. A file need not align its tensors.
  if (toFloat && x.type.getElementType().isF32() && reinterpret_cast<uintptr_t>(x.data) % alignof(float) == 0) {
    Array out = Array::make(type);
    numerics::narrow(reinterpret_cast<const float *>(x.data), *storageOf(type.getElementType()), out.bytes(), 1, type.getNumElements(), overflow);
    return out;
  }
  if (toFloat)
    return arrayOf(type, floatsOf(x), overflow);
  std::vector<int64_t> integers;
  if (!fromFloat)
    integers = integersIn(x);
  else
    for (float value : floatsOf(x)) {
      if (type.getElementType().isInteger(1))
        value = value != 0;
      if (!(std::fabs(value) < 9e18F))
        return std::nullopt;
      integers.push_back(static_cast<int64_t>(value));
    }
  if (type.getElementType().isInteger(1))
    for (int64_t &value : integers)
      value = value != 0;
  return arrayOf(type, integers);
}

std::optional<Array> evaluateSelect(SelectOp op, ArrayRef<Array> operands) {
  Array out = Array::make(tensorOf(op.getResult()));
  ArrayRef<int64_t> shape = out.type.getShape();
  std::vector<int64_t> condition = broadcastIndex(operands[0].type.getShape(), shape), a = broadcastIndex(operands[1].type.getShape(), shape),
                       b = broadcastIndex(operands[2].type.getShape(), shape);
  int64_t size = bytesOf(out.type.getElementType());
  for (size_t i = 0; i < condition.size(); ++i) {
    bool taken = operands[0].data[condition[i]] != std::byte{0};
    std::memcpy(out.bytes() + i * size, taken ? operands[1].data + a[i] * size : operands[2].data + b[i] * size, size);
  }
  return out;
}

} // namespace

std::optional<Array> evaluate(Operation *op, ArrayRef<Array> operands) {
  if (op->getNumResults() != 1 || op->getName().getDialectNamespace() != "graph" || !isMemoryEffectFree(op))
    return std::nullopt;
  if (auto constant = dyn_cast<ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    return dense ? std::optional(fromAttribute(dense)) : std::nullopt;
  }
  if (auto cast = dyn_cast<CastOp>(op))
    return evaluateCast(cast, operands[0]);
  if (auto select = dyn_cast<SelectOp>(op))
    return evaluateSelect(select, operands);
  if (std::optional<Array> moved = evaluateShape(op, operands))
    return moved;
  StringRef name = op->getName().stripDialect();
  if (operands.size() == 2 && (isa<CompareOp>(op) || binaryFunction(name) || name.starts_with("logical_")))
    return evaluateBinary(op, operands[0], operands[1]);
  if (operands.size() == 1 && (unaryFunction(op) || isa<GeluOp, LogicalNotOp>(op)))
    return evaluateUnary(op, operands[0]);
  return std::nullopt;
}

std::optional<Array> Evaluator::value(Value value) {
  if (auto at = known_.find(value); at != known_.end())
    return at->second;
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  std::optional<Array> out;
  if (auto parameter = dyn_cast<ParameterOp>(op)) {
    out = parameter_ ? parameter_(parameter) : std::nullopt;
  } else {
    SmallVector<Array> operands;
    for (Value operand : op->getOperands()) {
      std::optional<Array> array = this->value(operand);
      if (!array)
        return std::nullopt;
      operands.push_back(*array);
    }
    out = evaluate(op, operands);
  }
  if (out)
    known_[value] = *out;
  return out;
}

} // namespace manaslu::graph
