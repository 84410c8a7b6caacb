// The scalar engine: func(src * scale + bias), with an optional running sum.
#include "lib/Numerics/Reduce.h"
#include "lib/Numerics/Unary.h"
#include "lib/Sim/Execute/Resolve.h"

namespace manaslu::sim {

Status run(const isa::Activate &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  auto scale = resolveScalar(memory, in.scaleKind, in.scaleImm, in.scale);
  if (!scale)
    return scale.error();
  auto bias = resolveScalar(memory, in.biasKind, in.biasImm, in.bias);
  if (!bias)
    return bias.error();
  MANASLU_TILE(dst, in.dst, Write);
  auto function = static_cast<numerics::UnaryFunction>(in.func);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  std::array<float, 128> sums{};
  mapRows<1>(memory, target, {&source}, [&](int p, const std::array<const float *, 1> &values, float *out) {
    int64_t n = target.count();
    numerics::affine(values[0], scale->at(p), bias->at(p), out, n);
    if (function != numerics::UnaryFunction::Identity) // done: a NaN is canonical already
      numerics::evaluate(function, out, out, n);
    if (in.reduce)
      sums[static_cast<size_t>(p)] = numerics::reduce(numerics::AluOperation::Add, out, n);
  });
  if (!in.reduce)
    return {};
  MANASLU_TILE(sumView, in.sum, Write);
  Rows sumRows(sumView);
  for (int p = 0; p < dst.partitions; ++p)
    sumRows.store(p, &sums[static_cast<size_t>(p)]);
  return {};
}

} // namespace manaslu::sim
