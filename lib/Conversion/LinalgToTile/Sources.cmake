list(APPEND conversion_sources
  LinalgToTile/AssignLayout.cpp LinalgToTile/BalanceEngines.cpp LinalgToTile/EmitContraction.cpp LinalgToTile/EmitElementwise.cpp LinalgToTile/EmitExpression.cpp LinalgToTile/EmitReference.cpp LinalgToTile/EmitRegion.cpp
  LinalgToTile/EmitSum.cpp LinalgToTile/EmitTransfer.cpp LinalgToTile/Emitter.cpp LinalgToTile/Epilogue.cpp LinalgToTile/Estimate.cpp LinalgToTile/Layout.cpp LinalgToTile/LinalgToTile.cpp LinalgToTile/ReadExpression.cpp
  LinalgToTile/Simplify.cpp LinalgToTile/SplitWindows.cpp LinalgToTile/TensorProgram.cpp)
list(APPEND conversion_rooms Tile Chip ISA Sim)
