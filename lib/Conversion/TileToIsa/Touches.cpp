// What an encoded instruction touches.
#include "lib/Conversion/TileToIsa/Touches.h"

#include <algorithm>

namespace manaslu::tile {

namespace {

/// Patterns of more pieces than this are taken for their hull, by groups.
constexpr int64_t kMostPieces = 64;

struct Step {
  int64_t stride, count;
};

std::vector<std::pair<int64_t, int64_t>> piecesOf(int64_t offset, int64_t element, std::vector<Step> steps) {
  std::erase_if(steps, [](const Step &s) { return s.count == 1 || s.stride == 0; });
  for (Step &step : steps)
    if (step.stride < 0) {
      offset += step.stride * (step.count - 1);
      step.stride = -step.stride;
    }
  std::sort(steps.begin(), steps.end(), [](const Step &a, const Step &b) { return a.stride > b.stride; });
  // From the widest stride: a step either lists pieces or, when the list would be too long or the rest fills its gaps, belongs to the piece.
  auto span = [&](size_t from) {
    int64_t length = element;
    for (size_t i = from; i < steps.size(); ++i)
      length += steps[i].stride * (steps[i].count - 1);
    return length;
  };
  std::vector<std::pair<int64_t, int64_t>> pieces = {{offset, offset}};
  size_t listed = 0;
  while (listed < steps.size() && static_cast<int64_t>(pieces.size()) * steps[listed].count <= kMostPieces && span(listed + 1) < steps[listed].stride) {
    std::vector<std::pair<int64_t, int64_t>> next;
    for (auto [low, high] : pieces)
      for (int64_t i = 0; i < steps[listed].count; ++i)
        next.push_back({low + i * steps[listed].stride, 0});
    pieces = std::move(next);
    ++listed;
  }
  int64_t length = span(listed);
  for (auto &[low, high] : pieces)
    high = low + length;
  return pieces;
}

class Collector {
public:
  template <class T> std::vector<Touch> run(const T &instruction) {
    T::fields(instruction, [&](std::string_view name, const auto &value) {
      using Value = std::remove_cvref_t<decltype(value)>;
      if constexpr (std::is_same_v<Value, isa::TileOperand> || std::is_same_v<Value, isa::DeviceOperand>)
        if (used(instruction, name))
          add(value, name == "dst" || name == "acc" || name == "sum" || name == "target");
    });
    return std::move(touches_);
  }

private:
  template <class T> static bool used(const T &instruction, std::string_view name) {
    if constexpr (std::is_same_v<T, isa::TensorScalar>)
      return name == "scalar0" ? instruction.kind0 == isa::ScalarKind::Tile : name == "scalar1" ? instruction.kind1 == isa::ScalarKind::Tile : true;
    else if constexpr (std::is_same_v<T, isa::Activate>)
      return name == "scale"  ? instruction.scaleKind == isa::ScalarKind::Tile
             : name == "bias" ? instruction.biasKind == isa::ScalarKind::Tile
             : name == "sum"  ? instruction.reduce
                              : true;
    else if constexpr (std::is_same_v<T, isa::Scan>)
      return name != "initial" || instruction.initialKind == isa::ScalarKind::Tile;
    else
      return true;
  }

  void add(const isa::TileOperand &operand, bool writes) {
    Touch touch;
    touch.memory = operand.space == isa::Space::Psum ? 1 : 0;
    touch.quadrants = 0;
    for (int p = operand.partition; p < operand.partition + operand.partitions; ++p)
      touch.quadrants |= 1u << (p / 32 & 3);
    touch.writes = writes;
    touch.reg = operand.reg;
    std::vector<Step> steps;
    for (const isa::TileDim &dim : operand.dims)
      steps.push_back({int64_t(dim.stride) * sizeOf(operand.type), dim.size});
    touch.ranges = piecesOf(operand.offset, sizeOf(operand.type), std::move(steps));
    touches_.push_back(std::move(touch));
  }

  void add(const isa::DeviceOperand &operand, bool writes) {
    Touch touch;
    touch.memory = 2 + operand.region;
    touch.writes = writes;
    touch.reg = operand.reg;
    touch.scale = operand.scale;
    std::vector<Step> steps;
    for (const isa::DeviceDim &dim : operand.dims)
      steps.push_back({dim.stride, dim.size});
    touch.ranges = piecesOf(static_cast<int64_t>(operand.offset), sizeOf(operand.type), std::move(steps));
    touches_.push_back(std::move(touch));
  }

  std::vector<Touch> touches_;
};

} // namespace

std::vector<Touch> touchesOf(const isa::Instruction &instruction) {
  return std::visit([](const auto &inner) { return Collector().run(inner); }, instruction);
}

} // namespace manaslu::tile
