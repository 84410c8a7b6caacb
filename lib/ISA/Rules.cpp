// Rules of single instructions.
#include "lib/ISA/Rules.h"

#include "lib/ISA/Codec.h"

namespace manaslu::isa {

template <class Operand> static Extent extent(const Operand &operand, int64_t unit, int bytes) {
  Extent result{static_cast<__int128>(operand.offset), static_cast<__int128>(operand.offset)};
  for (const auto &dim : operand.dims) {
    __int128 reach = static_cast<__int128>(dim.stride) * unit * (static_cast<__int128>(dim.size) - 1);
    (reach < 0 ? result.first : result.last) += reach;
  }
  result.last += bytes - 1;
  return result;
}

Extent extentOf(const TileOperand &operand) { return extent(operand, sizeOf(operand.type), sizeOf(operand.type)); }
Extent extentOf(const DeviceOperand &operand) { return extent(operand, 1, sizeOf(operand.type)); }

namespace {

/// Decimal text of a 128-bit number, for messages.
std::string text(__int128 value) {
  if (value < 0)
    return "-" + text(-value);
  std::string digits;
  do
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
  while ((value /= 10) != 0);
  return digits;
}

class Checker {
public:
  Checker(const std::vector<Region> &regions, const MemoryLimits &limits, const std::string &where, Error &error)
      : regions_(regions), limits_(limits), where_(where), error_(error) {}

  /// Rules of all operands, then those of the instruction.
  template <class I> void check(const I &instruction) {
    mnemonic_ = I::mnemonic;
    size_t before = error_.items().size();
    I::fields(instruction, [&](std::string_view name, const auto &member) {
      using T = std::decay_t<decltype(member)>;
      if constexpr (std::is_same_v<T, TileOperand>)
        checkTile(name, member);
      else if constexpr (std::is_same_v<T, DeviceOperand>)
        checkDevice(name, member, name == "dst" || name == "target");
    });
    if constexpr (requires { instruction.narrow; })
      checkNarrowing(instruction.narrow, instruction.dst.type);
    if (error_.items().size() == before)
      rules(instruction);
  }

private:
  void fail(const char *code, std::string message) { error_.add(code, mnemonic_ + ": " + std::move(message), where_); }
  void require(bool holds, const char *message) {
    if (!holds)
      fail("MN-ISA-RULE", message);
  }

  void checkTile(std::string_view name, const TileOperand &tile);
  void checkDevice(std::string_view name, const DeviceOperand &device, bool written);
  void checkRows(const DeviceOperand &device, uint32_t rows);
  void checkNarrowing(const Narrowing &narrowing, DType result) {
    if (narrowing.rounding == Rounding::Stochastic && !(isFp8(result) || result == DType::BF16 || result == DType::F16))
      fail("MN-ISA-RULE", "stochastic rounding is for bf16, f16 and fp8 results, not " + std::string(nameOf(result)));
    if (narrowing.overflow == Overflow::Propagate && !isFp8(result))
      fail("MN-ISA-RULE", "the overflow of " + std::string(nameOf(result)) + " cannot be chosen, only that of fp8 results");
  }

  bool sameShape(const TileOperand &a, const TileOperand &b) { return a.partitions == b.partitions && a.elementsPerPartition() == b.elementsPerPartition(); }
  void requireShape(const TileOperand &a, const TileOperand &b) {
    if (!sameShape(a, b))
      fail("MN-ISA-RULE", "operands have " + std::to_string(a.partitions) + " x " + std::to_string(a.elementsPerPartition()) + " and " +
                              std::to_string(b.partitions) + " x " + std::to_string(b.elementsPerPartition()) + " elements; they must be alike");
  }
  void requireElements(uint64_t a, uint64_t b) {
    if (a != b)
      fail("MN-ISA-RULE", "the sides have " + std::to_string(a) + " and " + std::to_string(b) + " elements; they must have as many");
  }
  void requireColumn(const TileOperand &tile, uint8_t partitions, const char *what) {
    if (tile.partitions != partitions || tile.elementsPerPartition() != 1)
      fail("MN-ISA-RULE", std::string(what) + " must have " + std::to_string(partitions) + " partitions and one element each");
  }
  void requireOneInt(DType type, uint64_t elements) { require(type == DType::I32 && elements == 1, "the operand must be one element of type i32"); }
  /// Inputs start together, at most one operand in PSUM.
  void requireStart(std::initializer_list<const TileOperand *> inputs) {
    int inPsum = 0;
    for (const TileOperand *input : inputs) {
      require(input->partition == (*inputs.begin())->partition, "inputs must start at the same partition");
      inPsum += input->space == Space::Psum;
    }
    require(inPsum <= 1, "at most one input may lie in PSUM");
  }
  void requireOneBank(const TileOperand &tile) {
    Extent reach = extentOf(tile);
    __int128 bank = limits_.psumBankBytes;
    if (tile.reg == 0 && reach.first / bank != reach.last / bank)
      fail("MN-ISA-BOUNDS", "the result reaches from byte " + text(reach.first) + " to " + text(reach.last) + ", across banks of " + text(bank) + " bytes");
  }
  void requireSbuf(std::initializer_list<const TileOperand *> tiles) {
    for (const TileOperand *tile : tiles)
      require(tile->space == Space::Sbuf, "operands of ge must lie in SBUF");
  }
  void requireReduction(AluOp op) {
    require(op == AluOp::Add || op == AluOp::Mul || op == AluOp::Max || op == AluOp::Min || op == AluOp::AbsMax,
            "a reduction takes add, mul, max, min or abs_max");
  }
  void requireIndex(const TileOperand &index, const TileOperand &rows) {
    require(index.type == DType::I32, "the index must have type i32");
    requireColumn(index, rows.partitions, "the index");
  }

  template <class I> void rules(const I &) {}
  void rules(const RegLoad &i) { requireOneInt(i.source.type, i.source.elements()); }
  void rules(const RegStore &i) { requireOneInt(i.target.type, i.target.elements()); }
  void rules(const RegLoadDevice &i) { requireOneInt(i.source.type, i.source.elements()); }
  void rules(const RegStoreDevice &i) { requireOneInt(i.target.type, i.target.elements()); }
  void rules(const DmaLoad &i) { requireElements(i.dst.elements(), i.src.elements()); }
  void rules(const DmaStore &i) { requireElements(i.dst.elements(), i.src.elements()); }
  void rules(const DmaMove &i) { requireElements(i.dst.elements(), i.src.elements()); }
  void rules(const DmaCopy &i) { requireElements(i.dst.elements(), i.src.elements()); }
  void rules(const DmaGather &i) {
    requireIndex(i.index, i.dst);
    checkRows(i.table, i.rows);
    requireElements(i.dst.elementsPerPartition(), rowElements(i.table));
  }
  void rules(const DmaScatter &i) {
    requireIndex(i.index, i.src);
    checkRows(i.dst, i.rows);
    requireElements(rowElements(i.dst), i.src.elementsPerPartition());
  }
  void rules(const DmaTranspose &i) {
    require(i.dst.type == i.src.type && sizeOf(i.src.type) == 2, "both types must be the same 2-byte type");
    require(i.dst.partitions == i.src.elementsPerPartition() && i.src.partitions == i.dst.elementsPerPartition(), "dst must be [F, P] where src is [P, F]");
  }
  void rules(const Matmul &i);
  void rules(const Transpose &i) {
    require(i.dst.space == Space::Psum && i.src.space == Space::Sbuf, "pe reads SBUF and writes PSUM");
    require(i.dst.type == i.src.type, "a transpose keeps the type");
    require(i.dst.partitions == i.src.elementsPerPartition() && i.src.partitions == i.dst.elementsPerPartition(),
            "dst must be [F, P] where src is [P, F], at most 128 each");
    requireOneBank(i.dst);
  }
  void rules(const TensorTensor &i) {
    requireShape(i.a, i.b);
    requireShape(i.dst, i.a);
    requireStart({&i.a, &i.b});
  }
  void rules(const TensorScalar &i) {
    requireShape(i.dst, i.src);
    if (i.kind0 == ScalarKind::Tile)
      requireColumn(i.scalar0, i.src.partitions, "scalar0");
    if (i.kind1 == ScalarKind::Tile)
      requireColumn(i.scalar1, i.src.partitions, "scalar1");
  }
  void rules(const Reduce &i) {
    requireReduction(i.op);
    uint64_t kept = 1;
    for (int d = 0; d < 4 - i.axes; ++d)
      kept *= i.src.dims[d].size;
    require(i.dst.partitions == i.src.partitions && i.dst.elementsPerPartition() == kept,
            "dst must have the partitions of src and one element per kept position");
  }
  void rules(const Scan &i) {
    requireShape(i.a, i.b);
    requireShape(i.dst, i.a);
    requireStart({&i.a, &i.b});
    if (i.initialKind == ScalarKind::Tile)
      requireColumn(i.initial, i.a.partitions, "initial");
  }
  void rules(const Select &i) {
    requireShape(i.dst, i.mask);
    requireShape(i.dst, i.onTrue);
    requireShape(i.dst, i.onFalse);
    requireStart({&i.mask, &i.onTrue, &i.onFalse});
  }
  void rules(const Copy &i) { requireShape(i.dst, i.src); }
  void rules(const Reciprocal &i) { requireShape(i.dst, i.src); }
  void rules(const BnStats &i) { requireColumns(i.dst, i.src, 3); }
  void rules(const BnAggregate &i) {
    requireColumns(i.dst, i.src, 2);
    require(i.src.type == DType::F32 && i.src.elementsPerPartition() % 3 == 0, "src must be fp32 with a multiple of 3 elements per partition");
  }
  void rules(const Max8 &i) {
    require(i.dst.partitions == i.src.partitions && i.dst.elementsPerPartition() == 8 && i.src.elementsPerPartition() >= 8,
            "src must have 8 or more elements per partition, dst 8");
  }
  void rules(const FindIndex8 &i) {
    require(i.dst.type == DType::I32 && i.dst.elementsPerPartition() == 8 && i.values.elementsPerPartition() == 8,
            "dst must be i32, dst and values have 8 elements per partition");
    require(i.dst.partitions == i.src.partitions && i.values.partitions == i.src.partitions, "operands must have the same partitions");
  }
  void rules(const MatchReplace8 &i) {
    requireShape(i.dst, i.src);
    require(i.values.partitions == i.src.partitions && i.values.elementsPerPartition() == 8, "values must have 8 elements per partition");
  }
  void rules(const TransposeBlock &i) {
    require(i.dst.type == i.src.type && i.src.partitions % 32 == 0 && i.src.elementsPerPartition() % 32 == 0,
            "types must be equal, partitions and elements multiples of 32");
    requireShape(i.dst, i.src);
  }
  void rules(const Shuffle &i) {
    require(i.dst.type == i.src.type && i.src.partitions % 32 == 0, "types must be equal, partitions a multiple of 32");
    requireShape(i.dst, i.src);
  }
  void rules(const Random &i) { require(sizeOf(i.dst.type) == 4, "dst must have a 4-byte type"); }
  void rules(const Activate &i) {
    requireShape(i.dst, i.src);
    if (i.scaleKind == ScalarKind::Tile)
      requireColumn(i.scale, i.src.partitions, "scale");
    if (i.biasKind == ScalarKind::Tile)
      requireColumn(i.bias, i.src.partitions, "bias");
    if (i.reduce) {
      requireColumn(i.sum, i.dst.partitions, "sum");
      require(i.sum.type == DType::F32, "sum must be fp32");
    }
  }
  void rules(const Iota &i) { requireSbuf({&i.dst}); }
  void rules(const AffineSelect &i) {
    requireSbuf({&i.dst, &i.src});
    requireShape(i.dst, i.src);
  }
  void rules(const PartitionReduce &i) {
    requireSbuf({&i.dst, &i.src});
    requireReduction(i.op);
    require(i.dst.partitions == 1, "dst must have one partition");
    requireElements(i.dst.elementsPerPartition(), i.src.elementsPerPartition());
  }
  void rules(const PartitionBroadcast &i) {
    requireSbuf({&i.dst, &i.src});
    require(i.src.partitions == 1, "src must have one partition");
    requireElements(i.dst.elementsPerPartition(), i.src.elementsPerPartition());
  }
  void rules(const Gather &i) { requireGather(i.dst, i.src, i.index, i.dst); }
  void rules(const Scatter &i) { requireGather(i.dst, i.src, i.index, i.src); }
  void rules(const IntTensorTensor &i) {
    requireSbuf({&i.dst, &i.a, &i.b});
    require(i.dst.type == DType::I32 && i.a.type == DType::I32 && i.b.type == DType::I32, "every operand must have type i32");
    requireShape(i.a, i.b);
    requireShape(i.dst, i.a);
  }
  void rules(const IntTensorScalar &i) {
    requireSbuf({&i.dst, &i.src});
    require(i.dst.type == DType::I32 && i.src.type == DType::I32, "every operand must have type i32");
    requireShape(i.dst, i.src);
  }

  void requireColumns(const TileOperand &dst, const TileOperand &src, uint64_t columns) {
    require(dst.type == DType::F32 && dst.partitions == src.partitions && dst.elementsPerPartition() == columns,
            "dst must be fp32 with the partitions of src and 3 (bn_stats) or 2 elements each");
  }
  void requireGather(const TileOperand &dst, const TileOperand &src, const TileOperand &index, const TileOperand &indexed) {
    requireSbuf({&dst, &src, &index});
    require(index.type == DType::I32, "the index must have type i32");
    require(dst.partitions == src.partitions, "operands must have the same partitions");
    requireShape(indexed, index);
  }
  static uint64_t rowElements(const DeviceOperand &device) {
    DeviceOperand row = device;
    row.dims[0].size = 1;
    return row.elements();
  }

  const std::vector<Region> &regions_;
  const MemoryLimits &limits_;
  const std::string &where_;
  Error &error_;
  std::string mnemonic_;
};

void Checker::checkTile(std::string_view name, const TileOperand &tile) {
  std::string what(name);
  uint64_t count = tile.partitions, quadrant = count <= 32 ? 32 : count <= 64 ? 64 : 128;
  if (tile.partition + count > limits_.partitions)
    return fail("MN-ISA-BOUNDS", what + " ends at partition " + std::to_string(tile.partition + count) + " of " + std::to_string(limits_.partitions));
  if (tile.partition % quadrant != 0)
    return fail("MN-ISA-BOUNDS", what + " has " + std::to_string(count) + " partitions and starts at " + std::to_string(tile.partition) +
                                     ", not a multiple of " + std::to_string(quadrant));
  Extent reach = extentOf(tile);
  __int128 size = tile.space == Space::Sbuf ? limits_.sbufBytes : limits_.psumBytes;
  if (tile.reg == 0 && (reach.first < 0 || reach.last >= size))
    return fail("MN-ISA-BOUNDS", what + " reaches from byte " + text(reach.first) + " to " + text(reach.last) + ", a partition of " +
                                     std::string(nameOf(tile.space)) + " has " + text(size));
  if (tile.offset % sizeOf(tile.type) != 0)
    fail("MN-ISA-BOUNDS",
         what + " starts at byte " + std::to_string(tile.offset) + ", not a multiple of its elements' " + std::to_string(sizeOf(tile.type)) + " bytes");
}

void Checker::checkDevice(std::string_view name, const DeviceOperand &device, bool written) {
  std::string what(name);
  if (device.region >= regions_.size())
    return fail("MN-ISA-BOUNDS", what + " names region " + std::to_string(device.region) + " of " + std::to_string(regions_.size()));
  const Region &region = regions_[device.region];
  if (written && (region.kind == RegionKind::Input || region.kind == RegionKind::Constant))
    return fail("MN-ISA-BOUNDS", what + " writes region " + region.name + ", which is " + std::string(nameOf(region.kind)) + " and read-only");
  Extent reach = extentOf(device);
  bool isTable = mnemonic_ == "dma_gather" || (mnemonic_ == "dma_scatter" && written);
  if (device.reg == 0 && !isTable && (reach.first < 0 || reach.last >= static_cast<__int128>(region.bytes)))
    fail("MN-ISA-BOUNDS",
         what + " reaches from byte " + text(reach.first) + " to " + text(reach.last) + ", region " + region.name + " has " + std::to_string(region.bytes));
}

void Checker::checkRows(const DeviceOperand &device, uint32_t rows) {
  DeviceOperand whole = device;
  whole.dims[0].size = rows;
  const Region &region = regions_[device.region];
  Extent reach = extentOf(whole);
  if (rows == 0 || (device.reg == 0 && (reach.first < 0 || reach.last >= static_cast<__int128>(region.bytes))))
    fail("MN-ISA-BOUNDS", std::to_string(rows) + " rows reach from byte " + text(reach.first) + " to " + text(reach.last) + ", region " + region.name +
                              " has " + std::to_string(region.bytes));
}

void Checker::rules(const Matmul &i) {
  require(i.acc.space == Space::Psum && i.stationary.space == Space::Sbuf && i.moving.space == Space::Sbuf, "pe reads SBUF and writes PSUM");
  require(i.stationary.partition == i.moving.partition && i.stationary.partitions == i.moving.partitions,
          "stationary and moving must have the same partitions");
  require(i.acc.partitions == i.stationary.elementsPerPartition() && i.acc.elementsPerPartition() == i.moving.elementsPerPartition(),
          "acc must be [M, N] where stationary is [K, M] and moving [K, N]");
  require(i.acc.elementsPerPartition() <= 512, "N must be at most 512");
  auto classOf = [](DType type) { return type == DType::F32 ? 0 : isFloat(type) ? 1 : sizeOf(type) == 1 && type != DType::Bool ? 2 : 3; };
  int kind = classOf(i.stationary.type);
  require(kind == classOf(i.moving.type) && kind != 3, "operand types must be both f32, both 8-bit integers, or any of bf16, f16, tf32 and fp8");
  require(i.acc.type == DType::F32 || (kind == 2 && i.acc.type == DType::I32), "acc must be fp32 (or int32 for integer operands)");
  requireOneBank(i.acc);
}

} // namespace

void checkInstruction(const Instruction &instruction, const std::vector<Region> &regions, const MemoryLimits &limits, const std::string &where, Error &error) {
  Checker checker(regions, limits, where, error);
  std::visit([&](const auto &inner) { checker.check(inner); }, instruction);
}

} // namespace manaslu::isa
