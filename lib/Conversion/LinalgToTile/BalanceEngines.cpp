// Moves work from ve to se.
#include "lib/Conversion/LinalgToTile/BalanceEngines.h"

#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/TileToIsa/Translate.h"
#include "lib/Sim/Cost.h"

#include <mlir/Dialect/SCF/IR/SCF.h>
#include <mlir/IR/Builders.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// Occupancy in picoseconds; 0 for what no instruction says (the emission reports that).
int64_t occupancy(const Chip &chip, tile::EngineOp op) {
  bool failed = false;
  auto tile = [&](Value view) {
    Result<isa::TileOperand> operand = tile::tileOperand(view.getDefiningOp<tile::ViewOp>(), 0, 0);
    failed |= !operand;
    return operand ? *operand : isa::TileOperand{};
  };
  auto device = [&](Value) { return isa::DeviceOperand{}; };
  Result<isa::Instruction> instruction = tile::translate(op, {tile, device});
  if (!instruction || failed)
    return 0;
  return sim::costOf(chip, *instruction, op.getEngine() == "se" ? Engine::Se : Engine::Ve).occupancyPs;
}

bool isFloat(Value view) { return llvm::isa<FloatType>(cast<tile::ViewType>(view.getType()).getElementType()); }

/// The same on se, before `op`; nothing where se has no such step.
tile::ActivateOp onSe(OpBuilder &builder, mlir::Operation *op) {
  builder.setInsertionPoint(op);
  llvm::APFloat one(1.0f), zero(0.0f);
  if (auto copy = dyn_cast<tile::CopyOp>(op)) {
    if (!isFloat(copy.getSrc()) || !isFloat(copy.getDst()))
      return {};
    return tile::ActivateOp::create(builder, op->getLoc(), copy.getDst(), Value(), copy.getSrc(), Value(), Value(), "identity", one, zero);
  }
  auto step = dyn_cast<tile::TensorScalarOp>(op);
  if (!step || step.getOp1() != "bypass" || !isFloat(step.getSrc()) || !isFloat(step.getDst()))
    return {};
  Value scalar = step.getScalar0();
  llvm::APFloat immediate = step.getImm0();
  if (step.getOp0() == "mul")
    return tile::ActivateOp::create(builder, op->getLoc(), step.getDst(), Value(), step.getSrc(), scalar, Value(), "identity", scalar ? one : immediate, zero);
  if (step.getOp0() == "add")
    return tile::ActivateOp::create(builder, op->getLoc(), step.getDst(), Value(), step.getSrc(), Value(), scalar, "identity", one, scalar ? zero : immediate);
  return {};
}

class Balancer {
public:
  explicit Balancer(const Chip &chip) : chip_(chip) {}

  void run(Block &block) {
    SmallVector<tile::EngineOp> straight;
    for (mlir::Operation &op : block) {
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        balance(straight);
        straight.clear();
        run(*loop.getBody());
      } else if (auto engine = dyn_cast<tile::EngineOp>(op)) {
        straight.push_back(engine);
      }
    }
    balance(straight);
  }

private:
  /// In program order, each where it lowers the greater of the two sums; what se does faster by more goes first.
  void balance(ArrayRef<tile::EngineOp> ops) {
    struct Movable {
      tile::EngineOp from;
      tile::ActivateOp to;
      int64_t ve, se;
    };
    SmallVector<Movable> movable;
    int64_t ve = 0, se = 0;
    for (tile::EngineOp op : ops) {
      if (op.getEngine() == "se")
        se += occupancy(chip_, op);
      if (op.getEngine() != "ve")
        continue;
      int64_t cost = occupancy(chip_, op);
      ve += cost;
      OpBuilder builder(op);
      if (tile::ActivateOp other = onSe(builder, op))
        movable.push_back({op, other, cost, occupancy(chip_, cast<tile::EngineOp>(other.getOperation()))});
    }
    llvm::stable_sort(movable, [](const Movable &a, const Movable &b) { return a.ve - a.se > b.ve - b.se; });
    for (Movable &each : movable) {
      bool move = std::max(ve - each.ve, se + each.se) < std::max(ve, se);
      if (move) {
        ve -= each.ve;
        se += each.se;
      }
      (move ? each.from.getOperation() : each.to.getOperation())->erase();
    }
  }

  const Chip &chip_;
};

} // namespace

void balanceEngines(func::FuncOp function, const Chip &chip) { Balancer(chip).run(function.getBody().front()); }

} // namespace manaslu::tiling
