// The matrix engine's definition, one element after the other.
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Matmul.h"

namespace manaslu::numerics {

namespace {

#include "lib/Numerics/kernels/FlushingStep.inc"

// N50, N53: tf32 operands round on entry, all others widen exactly.
float operandOf(DType type, const std::byte *rows, int64_t pitchBytes, int k, int column) {
  float value = toF32(type, rows + k * pitchBytes + static_cast<int64_t>(column) * sizeOf(type));
  return type == DType::TF32 ? roundToTf32(value) : value;
}

bool takesPairs(DType stationaryType, DType movingType) { return sizeOf(stationaryType) < 4 && sizeOf(movingType) < 4; }

} // namespace

bool isMatmulPair(DType stationaryType, DType movingType) {
  auto isByteInteger = [](DType type) { return type == DType::I8 || type == DType::U8; };
  if (stationaryType == DType::F32 || movingType == DType::F32)
    return stationaryType == movingType;
  if (isInteger(stationaryType) || isInteger(movingType))
    return isByteInteger(stationaryType) && isByteInteger(movingType);
  return true;
}

float fusedMultiplyAddFlushing(float a, float b, float c) { return flushingStep(flushInput(a), flushInput(b), flushInput(c)); }

void matmulOracle(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
                  int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate) {
  bool pairs = isMatmulPair(stationaryType, movingType) && takesPairs(stationaryType, movingType);
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) {
      float *place = reinterpret_cast<float *>(reinterpret_cast<std::byte *>(acc) + m * accPitchBytes) + n;
      auto step = [&](int k, float sum) {
        if (k >= K) // N52: the element appended to an odd K
          return fusedMultiplyAddFlushing(0.0f, 0.0f, sum);
        return fusedMultiplyAddFlushing(operandOf(stationaryType, stationary, stationaryPitchBytes, k, m),
                                        operandOf(movingType, moving, movingPitchBytes, k, n), sum);
      };
      float sum = accumulate ? *place : 0.0f; // N56
      for (int k = 0; k < K; k += pairs ? 2 : 1)
        sum = pairs ? step(k, step(k + 1, sum)) : step(k, sum); // N51, N52
      *place = canonical(sum);                                  // N57
    }
  }
}

} // namespace manaslu::numerics
