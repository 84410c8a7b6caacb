// Greedy in program order, with the clock's own times.
#include "lib/Conversion/LinalgToTile/BalanceEngines.h"

#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/TileToIsa/Translate.h"
#include "lib/Sim/Cost.h"

#include <mlir/IR/Builders.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

bool isFloat(Value view) { return llvm::isa<FloatType>(cast<tile::ViewType>(view.getType()).getElementType()); }

/// func(x * scale + bias): a view or an immediate each.
struct Affine {
  Value dst, src, scale, bias;
  float scaleImmediate = 1, biasImmediate = 0;
};

/// The operation as an activation of se, if it is one.
std::optional<Affine> asActivation(mlir::Operation *op) {
  if (auto copy = dyn_cast<tile::CopyOp>(op)) {
    if (!isFloat(copy.getDst()) || !isFloat(copy.getSrc()))
      return std::nullopt;
    return Affine{copy.getDst(), copy.getSrc(), {}, {}};
  }
  auto scalar = dyn_cast<tile::TensorScalarOp>(op);
  if (!scalar || !isFloat(scalar.getDst()) || !isFloat(scalar.getSrc()))
    return std::nullopt;
  Affine out{scalar.getDst(), scalar.getSrc(), {}, {}};
  auto add = [&](Value view, const APFloat &immediate) {
    out.bias = view;
    out.biasImmediate = view ? 0 : immediate.convertToFloat();
  };
  bool multiplies = scalar.getOp0() == "mul";
  if (multiplies) {
    out.scale = scalar.getScalar0();
    out.scaleImmediate = out.scale ? 1 : scalar.getImm0().convertToFloat();
  } else if (scalar.getOp0() == "add" && scalar.getOp1() == "bypass") {
    add(scalar.getScalar0(), scalar.getImm0());
    return out;
  } else {
    return std::nullopt;
  }
  if (scalar.getOp1() == "add")
    add(scalar.getScalar1(), scalar.getImm1());
  else if (scalar.getOp1() != "bypass")
    return std::nullopt;
  return out;
}

class Balancer {
public:
  explicit Balancer(const Chip &chip) : chip(chip) {}

  void block(Block &body) {
    std::vector<mlir::Operation *> run;
    for (mlir::Operation &op : llvm::make_early_inc_range(body)) {
      if (llvm::isa<tile::EngineOp>(op))
        run.push_back(&op);
      if (op.getNumRegions() == 0)
        continue;
      balance(run);
      run.clear();
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          block(inner);
    }
    balance(run);
  }

private:
  const Chip &chip;

  int64_t cost(mlir::Operation *op, Engine engine) const {
    auto tileOf = [&](Value view) {
      Result<isa::TileOperand> operand = tile::tileOperand(view.getDefiningOp<tile::ViewOp>(), 0, 0);
      return operand ? *operand : isa::TileOperand{};
    };
    auto device = [&](Value view) {
      Result<isa::DeviceOperand> operand = tile::deviceOperand(view.getDefiningOp<tile::ViewOp>(), 0, 0);
      return operand ? *operand : isa::DeviceOperand{};
    };
    Result<isa::Instruction> instruction = tile::translate(op, {tileOf, device});
    return instruction ? sim::costOf(chip, *instruction, engine).occupancyPs : 0;
  }

  /// Time of a run on each engine and, where they share it, on the port to PSUM.
  struct Load {
    int64_t ve = 0, se = 0, port = 0;
    int64_t longest() const { return std::max({ve, se, port}); }
  };

  bool usesPort(mlir::Operation *op) const {
    return chip.psumPortShared &&
           llvm::any_of(op->getOperands(), [](Value view) { return cast<tile::ViewType>(view.getType()).getSpace() == tile::Space::Psum; });
  }

  void add(Load &load, mlir::Operation *op, int sign) const {
    llvm::StringRef name = cast<tile::EngineOp>(op).getEngine();
    if (name != "ve" && name != "se")
      return;
    int64_t time = sign * cost(op, name == "ve" ? Engine::Ve : Engine::Se);
    (name == "ve" ? load.ve : load.se) += time;
    if (usesPort(op))
      load.port += time;
  }

  void balance(const std::vector<mlir::Operation *> &run) {
    Load load;
    for (mlir::Operation *op : run)
      add(load, op, 1);
    for (mlir::Operation *op : run) {
      std::optional<Affine> affine = asActivation(op);
      if (!affine)
        continue;
      OpBuilder builder(op);
      auto moved = tile::ActivateOp::create(builder, op->getLoc(), affine->dst, Value(), affine->src, affine->scale, affine->bias, "identity",
                                            APFloat(affine->scaleImmediate), APFloat(affine->biasImmediate));
      Load after = load;
      add(after, op, -1);
      add(after, moved, 1);
      // Shorter on the whole, or as long but less of it on ve, which has more that se cannot do.
      if (after.longest() < load.longest() || (after.longest() == load.longest() && after.se <= after.ve)) {
        load = after;
        op->erase();
      } else {
        moved->erase();
      }
    }
  }
};

} // namespace

void balanceEngines(func::FuncOp function, const Chip &chip) { Balancer(chip).block(function.getBody().front()); }

} // namespace manaslu::tiling
