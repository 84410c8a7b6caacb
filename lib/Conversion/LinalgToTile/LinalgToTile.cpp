// The pass that runs the tile lowering: read, assign layouts, emit, balance engines.
#include "lib/Conversion/LinalgToTile/LinalgToTile.h"

#include "lib/Conversion/LinalgToTile/BalanceEngines.h"
#include "lib/Conversion/LinalgToTile/Emitter.h"
#include "lib/Conversion/LinalgToTile/SplitWindows.h"
#include "lib/Conversion/LinalgToTile/UnfoldWindows.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/MLProgram/IR/MLProgram.h>
#include <mlir/IR/BuiltinOps.h>

using namespace mlir;

namespace manaslu {

namespace {

class ConvertLinalgToTile : public PassWrapper<ConvertLinalgToTile, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertLinalgToTile)
  explicit ConvertLinalgToTile(const Chip &chip) : chip(chip) {}

  StringRef getArgument() const override { return "convert-linalg-to-tile"; }
  StringRef getDescription() const override { return "Lower linalg on tensors to engine operations on resident buffers"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<tile::TileDialect, scf::SCFDialect, arith::ArithDialect>(); }

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!function) {
      getOperation().emitError("MN-LOW-002: the module has no function @main");
      return signalPassFailure();
    }
    auto program = tiling::TensorProgram::build(function, {chip.ge.has_value(), chip.name});
    if (failed(program))
      return signalPassFailure();
    tiling::unfoldWindows(*program, chip);
    tiling::productsToReductions(*program);
    tiling::finishReductions(*program);
    tiling::splitLargeWindows(*program, chip);
    tiling::unfoldWindows(*program, chip); // slabs of what was too large as a whole
    std::vector<tiling::Choice> choices = tiling::assignLayouts(*program, chip);
    OpBuilder builder(&getContext());
    builder.setInsertionPoint(function);
    auto lowered = func::FuncOp::create(builder, function.getLoc(), "main", builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(lowered.addEntryBlock());
    if (failed(tiling::Emitter(*program, chip, choices, builder).emit()))
      return signalPassFailure();
    tiling::balanceEngines(lowered, chip);
    builder.setInsertionPointToEnd(&lowered.getBody().front());
    func::ReturnOp::create(builder, function.getLoc());
    carryHostTypes(function, lowered);
    function.erase();
    for (auto global : llvm::make_early_inc_range(getOperation().getOps<ml_program::GlobalOp>()))
      global.erase();
  }

private:
  const Chip &chip;

  /// The host's types of inputs and outputs follow their regions.
  static void carryHostTypes(func::FuncOp from, func::FuncOp to) {
    llvm::StringMap<StringAttr> types;
    for (unsigned i = 0; i < from.getNumArguments(); ++i)
      if (auto type = from.getArgAttrOfType<StringAttr>(i, "graph.host_type"))
        if (auto name = from.getArgAttrOfType<StringAttr>(i, "graph.name"))
          types["i" + name.str()] = type;
    for (unsigned i = 0; i < from.getNumResults(); ++i)
      if (auto type = from.getResultAttrOfType<StringAttr>(i, "graph.host_type"))
        if (auto name = from.getResultAttrOfType<StringAttr>(i, "graph.name"))
          types["o" + name.str()] = type;
    to.walk([&](tile::RegionOp region) {
      std::string key = (region.getKind() == tile::RegionKind::Input ? "i" : "o") + region.getName().str();
      if ((region.getKind() == tile::RegionKind::Input || region.getKind() == tile::RegionKind::Output) && types.count(key))
        region.setHostTypeAttr(types[key]);
    });
  }
};

} // namespace

std::unique_ptr<Pass> createConvertLinalgToTilePass(const Chip &chip) { return std::make_unique<ConvertLinalgToTile>(chip); }

} // namespace manaslu
