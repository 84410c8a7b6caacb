// How results leave: in which order their dimensions lie in device memory, and which are stored while they are computed.
#pragma once

#include "lib/Conversion/LinalgToTile/Epilogue.h"
#include "lib/Conversion/LinalgToTile/MovementCost.h"

namespace manaslu::tiling {

/// The loop of a node that walks through an atom of one of its accesses from beginning to end, one by one.
std::optional<int> wholeLoop(const TensorProgram &program, const Node &node, const Access &access, AtomId atom);

/// The atoms of the storage that an output, a state or a copy holds, outermost first in device memory; nothing where it is not the whole storage with its
/// dimensions in some order.
std::optional<std::vector<AtomId>> storedOrder(const TensorProgram &program, const Node &sink);

/// An output to whose region windows of the result can go as soon as they are computed.
bool storesDirectly(const TensorProgram &program, const Node &sink);

/// A result of products that only an output reads, of some size in its layout, is stored tile by tile instead of being kept until it is whole.
bool leavesByTiles(const TensorProgram &program, const MovementCost &movement, const Epilogues &epilogues, int storage, const Layout &layout);

} // namespace manaslu::tiling
