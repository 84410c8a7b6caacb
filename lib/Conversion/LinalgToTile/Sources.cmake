list(APPEND conversion_sources
  LinalgToTile/AssignLayout.cpp
  LinalgToTile/BalanceEngines.cpp
  LinalgToTile/EmitContraction.cpp
  LinalgToTile/EmitExpression.cpp
  LinalgToTile/EmitReference.cpp
  LinalgToTile/EmitRegion.cpp
  LinalgToTile/EmitTransfer.cpp
  LinalgToTile/EmitUniform.cpp
  LinalgToTile/Emitter.cpp
  LinalgToTile/Epilogue.cpp
  LinalgToTile/Inline.cpp
  LinalgToTile/Layout.cpp
  LinalgToTile/LinalgToTile.cpp
  LinalgToTile/LoopClasses.cpp
  LinalgToTile/Mask.cpp
  LinalgToTile/ProgramReader.cpp
  LinalgToTile/ReadExpression.cpp
  LinalgToTile/ReadGeneric.cpp
  LinalgToTile/ReadMoves.cpp
  LinalgToTile/ReadViews.cpp
  LinalgToTile/RefineLoops.cpp
  LinalgToTile/Simplify.cpp
  LinalgToTile/SplitWindows.cpp
  LinalgToTile/TensorProgram.cpp
  )
list(APPEND conversion_rooms Chip Sim Tile)
