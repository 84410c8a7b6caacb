// Counting contractions, transcendental results and compulsory bytes of a graph function.
#include "lib/Pipeline/Bound.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Precision.h"
#include "dialects/Tile/TileDialect.h"
#include "lib/Pipeline/LinalgWork.h"

#include <algorithm>
#include <llvm/ADT/StringSet.h>
#include <llvm/ADT/TypeSwitch.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

int64_t elementsOf(Value value) { return cast<ShapedType>(value.getType()).getNumElements(); }
llvm::ArrayRef<int64_t> shapeOf(Value value) { return cast<ShapedType>(value.getType()).getShape(); }

/// The share of query-key pairs that an attention computes: below one for a causal flag or a mask that is known.
double keptShare(graph::AttentionOp attention) {
  auto q = shapeOf(attention.getQ()), k = shapeOf(attention.getK());
  int64_t queries = q[q.size() - 2], keys = k[k.size() - 2];
  if (attention.getCausal()) {
    int64_t kept = 0;
    for (int64_t i = 0; i < queries; ++i)
      kept += std::min(i + 1, keys);
    return static_cast<double>(kept) / (static_cast<double>(queries) * keys);
  }
  DenseElementsAttr mask;
  if (!attention.getMask() || !matchPattern(attention.getMask(), m_Constant(&mask)))
    return 1;
  int64_t kept = 0;
  if (mask.getElementType().isInteger(1)) {
    for (bool keep : mask.getValues<bool>())
      kept += keep;
  } else if (mask.getElementType().isF32()) {
    for (float bias : mask.getValues<float>())
      kept += bias > -1e30f;
  } else {
    return 1;
  }
  return static_cast<double>(kept) / mask.getNumElements();
}

class Counter {
public:
  Counter(const Chip &chip) : chip_(chip) {}

  Work count(func::FuncOp function) {
    function.walk([&](mlir::Operation *op) {
      if (isFolded(op))
        folded_.insert(op);
    });
    function.walk([&](mlir::Operation *op) { operation(op); });
    for (BlockArgument argument : function.getArguments())
      work_.bytes += storedBytes(argument.getType());
    for (Type type : function.getResultTypes())
      work_.bytes += storedBytes(type);
    return std::move(work_);
  }

private:
  void operation(mlir::Operation *op) {
    if (folded_.contains(op)) {
      if (!isMove(op))
        work_.bytes += mostThrough(op->getResult(0));
      return;
    }
    llvm::TypeSwitch<mlir::Operation *>(op)
        .Case([&](graph::MatmulOp o) {
          auto a = shapeOf(o.getA());
          contraction(o.getA(), static_cast<double>(elementsOf(o.getResult())) * (o.getTransposeA() && a.size() > 1 ? a[a.size() - 2] : a.back()));
        })
        .Case([&](graph::LinearOp o) { contraction(o.getX(), static_cast<double>(elementsOf(o.getResult())) * shapeOf(o.getX()).back()); })
        .Case([&](graph::Conv2dOp o) {
          contraction(o.getX(), static_cast<double>(elementsOf(o.getResult())) * (elementsOf(o.getWeight()) / shapeOf(o.getWeight()).front()));
        })
        .Case([&](graph::AttentionOp o) { attention(o); })
        .Case<graph::SoftmaxOp>([&](auto o) { work_.transcendentals += elementsOf(o.getX()); })
        .Case([&](graph::LogSoftmaxOp o) {
          int64_t axis = o.getAxis() < 0 ? o.getAxis() + static_cast<int64_t>(shapeOf(o.getX()).size()) : o.getAxis();
          work_.transcendentals += elementsOf(o.getX()) + static_cast<double>(elementsOf(o.getX())) / shapeOf(o.getX())[axis];
        })
        .Case([&](graph::LayerNormOp o) {
          int64_t row = 1;
          for (int64_t size : shapeOf(o.getX()).take_back(o.getNormalizedRank()))
            row *= size;
          work_.transcendentals += static_cast<double>(elementsOf(o.getX())) / row;
        })
        .Case([&](graph::RmsNormOp o) { work_.transcendentals += static_cast<double>(elementsOf(o.getX())) / shapeOf(o.getX()).back(); })
        .Case([&](graph::GroupNormOp o) { work_.transcendentals += static_cast<double>(shapeOf(o.getX()).front()) * o.getGroups(); })
        .Case<graph::ExpOp, graph::Exp2Op, graph::LogOp, graph::Log1pOp, graph::Expm1Op, graph::SqrtOp, graph::RsqrtOp, graph::TanhOp, graph::SigmoidOp,
              graph::ErfOp, graph::SiluOp, graph::SinOp, graph::CosOp, graph::GeluOp, graph::PowOp>(
            [&](auto o) { work_.transcendentals += elementsOf(o.getResult()); })
        .Case([&](graph::ParameterOp o) { parameter(o); })
        .Case([&](graph::ConstantOp o) { work_.bytes += storedBytes(o.getType()); })
        .Case([&](graph::StateReadOp o) { work_.bytes += storedBytes(o.getType()); })
        .Case([&](graph::StateWriteOp o) { work_.bytes += storedBytes(o.getValue().getType()); });
    countType(op);
  }

  /// Parameters and constants alone go in: the compiler computes it, and the program stores the result.
  bool isFolded(mlir::Operation *op) const {
    return op->getNumOperands() > 0 && op->getNumResults() == 1 && mlir::isMemoryEffectFree(op) && llvm::all_of(op->getOperands(), [&](Value operand) {
             mlir::Operation *from = operand.getDefiningOp();
             return from && (mlir::isa<graph::ParameterOp, graph::ConstantOp>(from) || folded_.contains(from));
           });
  }
  static bool isMove(mlir::Operation *op) { return mlir::isa<graph::CastOp, graph::ReshapeOp, graph::TransposeOp>(op); }

  /// Operators by the type of their first float operand; moves and sources do not compute.
  void countType(mlir::Operation *op) {
    if (op->getNumOperands() == 0 || op->getNumResults() == 0 || !mlir::isa_and_nonnull<graph::GraphDialect>(op->getDialect()) ||
        mlir::isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::ConcatOp, graph::BroadcastToOp, graph::CastOp, graph::PadOp>(op))
      return;
    Type type = cast<ShapedType>(op->getOperand(0).getType()).getElementType();
    if (auto stored = tile::dtypeOf(type.isInteger(64) ? IntegerType::get(type.getContext(), 32) : type)) {
      std::string name = graph::precisionName(type);
      if (mlir::isa<graph::MatmulOp, graph::LinearOp, graph::Conv2dOp>(op))
        if (std::string weights = graph::precisionName(cast<ShapedType>(op->getOperand(1).getType()).getElementType()); weights != name)
          name += " x " + weights;
      ++work_.types[name.empty() ? std::string(nameOf(*stored)) : name];
    }
  }

  void contraction(Value operand, double macs) {
    auto type = tile::dtypeOf(cast<ShapedType>(operand.getType()).getElementType());
    work_.weightedMacs += macs * passesOf(type.value_or(DType::F32), chip_);
  }

  void attention(graph::AttentionOp o) {
    auto q = shapeOf(o.getQ()), k = shapeOf(o.getK()), v = shapeOf(o.getV());
    double batch = 1, pairs = static_cast<double>(q[q.size() - 2]) * k[k.size() - 2] * keptShare(o);
    for (int64_t size : shapeOf(o.getResult()).drop_back(2))
      batch *= size;
    contraction(o.getQ(), batch * pairs * (q.back() + v.back()));
    work_.transcendentals += batch * pairs;
  }

  /// Parameters count once by name, at the type that the program stores: a cast behind a parameter is done at compile time.
  void parameter(graph::ParameterOp o) {
    double most = mostThrough(o.getResult());
    double &known = parameters_[o.getName().str()];
    work_.bytes += std::max(0.0, most - known);
    known = std::max(known, most);
  }

  double mostThrough(Value value) {
    double most = 0;
    for (OpOperand &use : value.getUses())
      most = std::max(most, bytesThrough(use));
    return most;
  }

  double bytesThrough(OpOperand &use) {
    mlir::Operation *user = use.getOwner();
    Value value = use.get();
    if (auto gather = dyn_cast<graph::GatherOp>(user); gather && use.getOperandNumber() == 0) {
      auto table = cast<RankedTensorType>(value.getType());
      int64_t axis = gather.getAxis() < 0 ? gather.getAxis() + table.getRank() : gather.getAxis();
      double rows = std::min<double>(elementsOf(gather.getIndices()), table.getDimSize(axis));
      return storedBytes(table) / table.getDimSize(axis) * rows;
    }
    if (isMove(user))
      return mostThrough(user->getResult(0));
    if (folded_.contains(user))
      return 0; // its own result counts
    return storedBytes(value.getType());
  }

  const Chip &chip_;
  Work work_;
  std::map<std::string, double> parameters_;
  llvm::DenseSet<mlir::Operation *> folded_; ///< membership only, never iterated
};

} // namespace

double storedBytes(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasStaticShape())
    return 0;
  Type element = shaped.getElementType();
  if (element.isInteger(64) || element.isF64() || element.isIndex())
    return 4.0 * shaped.getNumElements();
  auto stored = tile::dtypeOf(element);
  return stored ? static_cast<double>(sizeOf(*stored)) * shaped.getNumElements() : 0;
}

double passesOf(DType type, const Chip &chip) {
  auto entry = chip.pe.types.find(type);
  return entry == chip.pe.types.end() ? 1 : entry->second.passes;
}

Work countWork(func::FuncOp function, const Chip &chip) {
  bool graph = false;
  function.walk([&](mlir::Operation *op) { graph |= mlir::isa_and_nonnull<graph::GraphDialect>(op->getDialect()); });
  return graph ? Counter(chip).count(function) : countLinalgWork(function, chip);
}

Bound boundOf(const Work &work, const Chip &chip) {
  Bound bound;
  bound.peNs = work.weightedMacs / (static_cast<double>(chip.pe.rows) * chip.pe.columns * chip.pe.clockMhz * 1e-3);
  bound.seNs = work.transcendentals / (static_cast<double>(chip.partitions) * chip.se.clockMhz * 1e-3);
  double megabytesPerSecond = std::min<double>(static_cast<double>(chip.dmaMovers) * chip.moverMegabytesPerSecond, chip.deviceMegabytesPerSecond);
  bound.memoryNs = work.bytes / (megabytesPerSecond * 1e-3);
  bound.boundNs = std::max({bound.peNs, bound.seNs, bound.memoryNs});
  bound.by = bound.boundNs == bound.peNs ? "pe" : bound.boundNs == bound.seNs ? "se" : "memory";
  return bound;
}

} // namespace manaslu::pipeline
