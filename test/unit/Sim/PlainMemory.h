// Memory in plain arrays, and element-by-element references, for tests of what single instructions mean.
#pragma once

#include "lib/Numerics/Convert.h"
#include "lib/Sim/Execute.h"
#include "test/unit/Sim/Programs.h"

#include <functional>

namespace manaslu::test {

/// SBUF, PSUM and one device region in plain arrays; splits parallel work into three parts.
class PlainMemory : public sim::Memory {
public:
  static constexpr int64_t kPitch = 4096;
  std::vector<std::byte> tiles[2] = {std::vector<std::byte>(128 * kPitch), std::vector<std::byte>(128 * kPitch)};
  std::vector<std::byte> region = std::vector<std::byte>(1 << 20);
  std::array<uint32_t, 64> registers{};

  Result<sim::View> tile(const TileOperand &operand, sim::Access) override {
    return sim::View{tiles[int(operand.space)].data() + operand.partition * kPitch + operand.offset + registers[operand.reg], kPitch, operand.partitions,
                     operand.type, operand.dims};
  }
  Result<sim::DeviceView> device(const DeviceOperand &operand, sim::Access) override {
    return sim::DeviceView{region.data() + operand.offset, operand.type, operand.dims};
  }
  uint32_t readRegister(uint8_t index) override { return registers[index]; }
  void writeRegister(uint8_t index, uint32_t value) override { registers[index] = value; }
  void parallel(int64_t count, int64_t grain, RangeFunction run) override {
    int64_t parts = std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, 3);
    for (int64_t i = parts - 1; i >= 0; --i)
      run(count * i / parts, count * (i + 1) / parts);
  }

  /// Addresses of the elements of one partition, in order.
  std::vector<std::byte *> row(const TileOperand &operand, int partition) {
    std::vector<std::byte *> out;
    std::byte *base = tile(operand, sim::Access::Read)->base + partition * kPitch;
    const auto &d = operand.dims;
    for (int a = 0; a < d[0].size; ++a)
      for (int b = 0; b < d[1].size; ++b)
        for (int c = 0; c < d[2].size; ++c)
          for (int e = 0; e < d[3].size; ++e)
            out.push_back(base + (a * d[0].stride + b * d[1].stride + c * d[2].stride + e * d[3].stride) * sizeOf(operand.type));
    return out;
  }
  std::vector<float> values(const TileOperand &operand, int partition) {
    std::vector<float> out;
    for (std::byte *address : row(operand, partition))
      out.push_back(numerics::toF32(operand.type, address));
    return out;
  }
  void fill(const TileOperand &operand, unsigned seed) {
    for (int p = 0; p < operand.partitions; ++p) {
      std::vector<std::byte *> addresses = row(operand, p);
      std::vector<float> numbers = normal(addresses.size(), seed + unsigned(p));
      for (size_t i = 0; i < addresses.size(); ++i)
        numerics::fromF32(operand.type, operand.type == DType::I32 ? numbers[i] * 1000 : numbers[i], addresses[i]);
    }
  }
};

/// Elements that the target would hold: expected(partition) in fp32, narrowed.
inline void checkRows(PlainMemory &memory, const TileOperand &target, const std::vector<std::vector<float>> &expected) {
  for (int p = 0; p < target.partitions; ++p) {
    std::vector<std::byte *> addresses = memory.row(target, p);
    REQUIRE(addresses.size() == expected[size_t(p)].size());
    for (size_t i = 0; i < addresses.size(); ++i) {
      std::byte wanted[4];
      numerics::fromF32(target.type, expected[size_t(p)][i], wanted);
      REQUIRE(std::memcmp(addresses[i], wanted, size_t(sizeOf(target.type))) == 0);
    }
  }
}

inline std::vector<std::vector<float>> rowsOf(PlainMemory &memory, const TileOperand &operand) {
  std::vector<std::vector<float>> out;
  for (int p = 0; p < operand.partitions; ++p)
    out.push_back(memory.values(operand, p));
  return out;
}

using Rows2 = std::vector<std::vector<float>>;
inline Rows2 mapped(const Rows2 &a, const Rows2 &b, const std::function<float(float, float)> &f) {
  Rows2 out = a;
  for (size_t p = 0; p < a.size(); ++p)
    for (size_t i = 0; i < a[p].size(); ++i)
      out[p][i] = f(a[p][i], b[p][i]);
  return out;
}

/// The patterns that elementwise tests use: 6 x 8 elements, contiguous, strided, transposed, broadcast.
inline std::vector<TileOperand> patterns(DType type, uint32_t offset) {
  TileOperand contiguous = sbuf(type, 96, offset, 48), strided = contiguous, turned = contiguous, repeated = contiguous;
  strided.dims[2] = {20, 6}, strided.dims[3] = {2, 8};
  turned.dims[2] = {1, 6}, turned.dims[3] = {6, 8};
  repeated.dims[2] = {0, 6}, repeated.dims[3] = {1, 8};
  return {contiguous, strided, turned, repeated};
}

} // namespace manaslu::test
