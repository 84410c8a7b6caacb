# Tile programs to instruction streams.
list(APPEND conversion_sources
  TileToIsa/Translate.cpp TileToIsa/Model.cpp TileToIsa/Block.cpp TileToIsa/ListSchedule.cpp TileToIsa/Unroll.cpp TileToIsa/Fuse.cpp TileToIsa/Schedule.cpp TileToIsa/KeepWarm.cpp TileToIsa/Prefetch.cpp TileToIsa/Storage.cpp TileToIsa/Psum.cpp TileToIsa/Spill.cpp TileToIsa/CheckStorage.cpp TileToIsa/Synchronise.cpp
  TileToIsa/Registers.cpp TileToIsa/Emit.cpp TileToIsa/Touches.cpp TileToIsa/CheckSynchronisation.cpp TileToIsa/PackConstants.cpp TileToIsa/TileToIsa.cpp)
list(APPEND conversion_rooms Tile ISA Chip Alloc Numerics Sim)
list(APPEND conversion_depends ManasluTileTablegen)
