// Bytes of constant regions.
#include "lib/Conversion/TileToIsa/PackConstants.h"

#include "lib/Conversion/TileToIsa/Translate.h"
#include "lib/Numerics/Convert.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

using namespace mlir;

namespace manaslu::tile {

namespace {

/// One strided copy, loops in the order of execution: the last dimension is written contiguously or nearly so, the one before is read so.
struct Piece {
  const std::byte *source = nullptr;
  DType from = DType::F32, to = DType::F32;
  numerics::Overflow overflow = numerics::Overflow::Saturate;
  std::byte *target = nullptr;
  std::vector<int64_t> sizes, sourceStrides, strides; ///< elements
  std::shared_ptr<std::vector<std::byte>> owned;      ///< source bytes of a literal
};

/// Part of a piece: `count` indices of its first dimension.
struct Task {
  const Piece *piece;
  int64_t first, count;
};

constexpr int64_t kBlock = 64;

/// nearest even; a NaN becomes the canonical one (docs/Numerics.md).
inline uint16_t bf16Of(uint32_t bits) {
  uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  return (bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : static_cast<uint16_t>(rounded);
}

template <class From, class To, class F>
void copyPlane(const From *source, To *target, int64_t rows, int64_t columns, int64_t sourceRow, int64_t sourceColumn, int64_t row, int64_t column, F &&cast) {
  if (sourceColumn == 1 && column == 1) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        target[r * row + c] = cast(source[r * sourceRow + c]);
    return;
  }
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock)
    for (int64_t c0 = 0; c0 < columns; c0 += kBlock)
      for (int64_t r = r0; r < std::min(rows, r0 + kBlock); ++r)
        for (int64_t c = c0; c < std::min(columns, c0 + kBlock); ++c)
          target[r * row + c * column] = cast(source[r * sourceRow + c * sourceColumn]);
}

/// Any pair of types, through fp32 (int32 to int32 and equal types move bits before this).
void copyAny(const Piece &piece, const std::byte *source, std::byte *target, int64_t rows, int64_t columns, int64_t sourceRow, int64_t sourceColumn,
             int64_t row, int64_t column) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      numerics::fromF32(piece.to, numerics::toF32(piece.from, source + (r * sourceRow + c * sourceColumn) * sizeOf(piece.from)),
                        target + (r * row + c * column) * sizeOf(piece.to), piece.overflow);
}

void plane(const Piece &piece, const std::byte *source, std::byte *target, int64_t rows, int64_t columns, int64_t sourceRow, int64_t sourceColumn, int64_t row,
           int64_t column) {
  auto same = [](auto x) { return x; };
  auto move = [&]<class T>(T) {
    copyPlane(reinterpret_cast<const T *>(source), reinterpret_cast<T *>(target), rows, columns, sourceRow, sourceColumn, row, column, same);
  };
  if (piece.from == DType::F32 && piece.to == DType::BF16)
    return copyPlane(reinterpret_cast<const uint32_t *>(source), reinterpret_cast<uint16_t *>(target), rows, columns, sourceRow, sourceColumn, row, column,
                     bf16Of);
  if (piece.from != piece.to)
    return copyAny(piece, source, target, rows, columns, sourceRow, sourceColumn, row, column);
  switch (sizeOf(piece.from)) {
  case 4: return move(uint32_t());
  case 2: return move(uint16_t());
  default: return move(uint8_t());
  }
}

void runTask(const Task &task) {
  const Piece &piece = *task.piece;
  size_t rank = piece.sizes.size();
  std::vector<int64_t> index(rank, 0);
  int64_t rows = piece.sizes[rank - 2], columns = piece.sizes[rank - 1];
  int64_t firstRow = 0;
  if (rank == 2) {
    firstRow = task.first;
    rows = task.count;
  }
  index[0] = rank == 2 ? 0 : task.first;
  int64_t last = rank == 2 ? 1 : task.first + task.count;
  for (;;) {
    int64_t from = firstRow * piece.sourceStrides[rank - 2], to = firstRow * piece.strides[rank - 2];
    for (size_t d = 0; d + 2 < rank; ++d) {
      from += index[d] * piece.sourceStrides[d];
      to += index[d] * piece.strides[d];
    }
    plane(piece, piece.source + from * sizeOf(piece.from), piece.target + to * sizeOf(piece.to), rows, columns, piece.sourceStrides[rank - 2],
          piece.sourceStrides[rank - 1], piece.strides[rank - 2], piece.strides[rank - 1]);
    int64_t d = static_cast<int64_t>(rank) - 3;
    for (; d >= 0; --d) {
      if (++index[d] < (d == 0 ? last : piece.sizes[d]))
        break;
      index[d] = 0;
    }
    if (d < 0)
      return;
  }
}

/// Merges dimensions that are one on both sides, puts the two that make planes last and pads to rank 2.
void normalise(Piece &piece) {
  struct Dim {
    int64_t size, source, target;
  };
  std::vector<Dim> dims;
  for (size_t d = 0; d < piece.sizes.size(); ++d)
    if (piece.sizes[d] != 1)
      dims.push_back({piece.sizes[d], piece.sourceStrides[d], piece.strides[d]});
  std::stable_sort(dims.begin(), dims.end(), [](const Dim &a, const Dim &b) { return a.target > b.target; });
  for (size_t d = 0; d + 1 < dims.size();) {
    if (dims[d].source == dims[d + 1].source * dims[d + 1].size && dims[d].target == dims[d + 1].target * dims[d + 1].size) {
      dims[d + 1].size *= dims[d].size;
      dims.erase(dims.begin() + d);
    } else {
      ++d;
    }
  }
  // The dimension that the source runs along makes the plane with the one that the target runs along.
  if (dims.size() > 2) {
    auto inner = std::min_element(dims.begin(), dims.end() - 1, [](const Dim &a, const Dim &b) { return a.source < b.source; });
    if (inner->source < dims.back().source)
      std::rotate(inner, inner + 1, dims.end() - 1);
  }
  while (dims.size() < 2)
    dims.insert(dims.begin(), {1, 0, 0});
  piece.sizes.clear(), piece.sourceStrides.clear(), piece.strides.clear();
  for (const Dim &dim : dims) {
    piece.sizes.push_back(dim.size);
    piece.sourceStrides.push_back(dim.source);
    piece.strides.push_back(dim.target);
  }
}

std::vector<int64_t> integers(Attribute attribute) {
  if (auto array = dyn_cast_or_null<DenseI64ArrayAttr>(attribute))
    return {array.asArrayRef().begin(), array.asArrayRef().end()};
  std::vector<int64_t> result;
  if (auto array = dyn_cast_or_null<ArrayAttr>(attribute))
    for (Attribute element : array)
      if (auto integer = dyn_cast<IntegerAttr>(element))
        result.push_back(integer.getInt());
  return result;
}

int64_t integer(Attribute attribute) {
  auto value = dyn_cast_or_null<IntegerAttr>(attribute);
  return value ? value.getInt() : 0;
}

class Packer {
public:
  explicit Packer(const ParameterSource &source) : source_(source) {}

  Status add(RegionOp region, std::vector<std::byte> &bytes) {
    BufferType type = region.getBuffer().getType();
    bytes.resize(type.getElements() * elementBytes(type.getElementType()));
    if (!region.getPack())
      return Error("MN-INTERNAL", "constant region \"" + region.getName().str() + "\" says nothing about its bytes", describe(region));
    ArrayAttr pieces = *region.getPack();
    for (Attribute attribute : pieces)
      if (Status status = addPiece(region, cast<DictionaryAttr>(attribute), bytes); !status)
        return status;
    return {};
  }

  /// All of a parameter, in its order.
  Status addWhole(RegionOp region, StringRef parameter, std::vector<std::byte> &bytes) {
    Builder b(region.getContext());
    int64_t elements = region.getBuffer().getType().getElements();
    bytes.resize(elements * elementBytes(region.getBuffer().getType().getElementType()));
    auto list = [&](int64_t value) { return b.getDenseI64ArrayAttr({value}); };
    return addPiece(region,
                    b.getDictionaryAttr({b.getNamedAttr("source", b.getStringAttr(parameter)), b.getNamedAttr("sizes", list(elements)),
                                         b.getNamedAttr("source_strides", list(1)), b.getNamedAttr("strides", list(1))}),
                    bytes);
  }

  void run(int threads) {
    std::vector<Task> tasks;
    for (const std::unique_ptr<Piece> &piece : pieces_) {
      int64_t rowElements = 1;
      for (size_t d = 1; d < piece->sizes.size(); ++d)
        rowElements *= piece->sizes[d];
      int64_t step = std::max<int64_t>(1, (1 << 18) / std::max<int64_t>(1, rowElements));
      for (int64_t first = 0; first < piece->sizes.front(); first += step)
        tasks.push_back({piece.get(), first, std::min(step, piece->sizes.front() - first)});
    }
    // Pieces write disjoint bytes; where two overlap the later one would be undefined, so the tile program may not do that.
    std::atomic<size_t> next = 0;
    auto work = [&] {
      for (size_t i = next++; i < tasks.size(); i = next++)
        runTask(tasks[i]);
    };
    std::vector<std::thread> helpers;
    for (int i = 1; i < threads && tasks.size() > 1; ++i)
      helpers.emplace_back(work);
    work();
    for (std::thread &helper : helpers)
      helper.join();
  }

private:
  Status addPiece(RegionOp region, DictionaryAttr entry, std::vector<std::byte> &bytes) {
    auto piece = std::make_unique<Piece>();
    piece->to = *dtypeOf(region.getBuffer().getType().getElementType());
    piece->overflow = region.getPropagate() ? numerics::Overflow::Propagate : numerics::Overflow::Saturate;
    int64_t available = 0;
    if (auto name = dyn_cast_or_null<StringAttr>(entry.get("source"))) {
      std::optional<ParameterData> parameter = source_ ? source_({name.getValue().data(), name.getValue().size()}) : std::nullopt;
      if (!parameter)
        return Error("MN-INTERNAL", "no parameter named \"" + name.getValue().str() + "\"", describe(region));
      piece->source = parameter->bytes;
      piece->from = parameter->type;
      available = 1;
      for (int64_t size : parameter->shape)
        available *= size;
    } else if (auto literal = dyn_cast_or_null<DenseElementsAttr>(entry.get("value"))) {
      std::optional<DType> type = dtypeOf(literal.getElementType());
      if (!type)
        return Error("MN-INTERNAL", "a literal has an element type that the chip lacks", describe(region));
      piece->from = *type;
      available = literal.getNumElements();
      piece->owned = literalBytes(literal, *type);
      piece->source = piece->owned->data();
    } else {
      return Error("MN-INTERNAL", "a piece of a constant has neither source nor value", describe(region));
    }
    piece->sizes = integers(entry.get("sizes"));
    piece->sourceStrides = integers(entry.get("source_strides"));
    piece->strides = integers(entry.get("strides"));
    int64_t from = integer(entry.get("from")), at = integer(entry.get("at"));
    if (!inside(*piece, from, available, piece->sourceStrides) || !inside(*piece, at, region.getBuffer().getType().getElements(), piece->strides))
      return Error("MN-INTERNAL", "a piece leaves its parameter or its region \"" + region.getName().str() + "\"", describe(region));
    piece->source += from * sizeOf(piece->from);
    piece->target = bytes.data() + at * sizeOf(piece->to);
    normalise(*piece);
    pieces_.push_back(std::move(piece));
    return {};
  }

  static bool inside(const Piece &piece, int64_t start, int64_t available, const std::vector<int64_t> &strides) {
    if (strides.size() != piece.sizes.size())
      return false;
    int64_t low = start, high = start;
    for (size_t d = 0; d < strides.size(); ++d) {
      if (piece.sizes[d] < 1)
        return false;
      (strides[d] < 0 ? low : high) += strides[d] * (piece.sizes[d] - 1);
    }
    return low >= 0 && high < available;
  }

  /// Raw bytes of a literal; a splat is spread, i1 takes a byte each.
  static std::shared_ptr<std::vector<std::byte>> literalBytes(DenseElementsAttr literal, DType type) {
    auto bytes = std::make_shared<std::vector<std::byte>>(literal.getNumElements() * sizeOf(type));
    if (type == DType::Bool) {
      size_t i = 0;
      for (bool value : literal.getValues<bool>())
        (*bytes)[i++] = static_cast<std::byte>(value);
      return bytes;
    }
    llvm::ArrayRef<char> raw = literal.getRawData();
    for (size_t at = 0; at < bytes->size(); at += literal.isSplat() ? sizeOf(type) : bytes->size())
      std::memcpy(bytes->data() + at, raw.data(), literal.isSplat() ? sizeOf(type) : bytes->size());
    return bytes;
  }

  const ParameterSource &source_;
  std::vector<std::unique_ptr<Piece>> pieces_;
};

} // namespace

Result<std::vector<std::vector<std::byte>>> packConstants(llvm::ArrayRef<RegionOp> regions, const ParameterSource &source, int threads) {
  Packer packer(source);
  std::vector<std::vector<std::byte>> result(regions.size());
  for (size_t i = 0; i < regions.size(); ++i)
    if (Status status = packer.add(regions[i], result[i]); !status)
      return status.error();
  packer.run(threads);
  return result;
}

Result<std::vector<std::byte>> packState(RegionOp region, const ParameterSource &source) {
  std::vector<std::byte> bytes;
  if (!source || !source({region.getName().data(), region.getName().size()}))
    return bytes;
  Packer packer(source);
  if (Status status = packer.addWhole(region, region.getName(), bytes); !status)
    return status.error();
  packer.run(/*threads=*/1);
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte(0); }))
    bytes.clear();
  return bytes;
}

} // namespace manaslu::tile
