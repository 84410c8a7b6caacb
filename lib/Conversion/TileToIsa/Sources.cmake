# Tile programs to instruction streams.
list(APPEND conversion_sources
  TileToIsa/Translate.cpp)
list(APPEND conversion_rooms Tile ISA Chip)
list(APPEND conversion_depends ManasluTileTablegen)
