// What moving a storage costs: from and to device memory, and from one layout to another. Estimates in picoseconds from the chip's constants.
#pragma once

#include "lib/Conversion/LinalgToTile/Layout.h"

namespace manaslu::tiling {

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Coarse on purpose: only differences between layouts matter. The rules are those of the chip's timing table (docs/ISA.md).
class MovementCost {
public:
  MovementCost(const TensorProgram &program, const Chip &chip) : program(program), chip(chip) {}

  /// Sizes of atoms of which only a window is meant; the others are whole.
  using Extent = std::map<AtomId, int64_t>;

  int64_t elements(int storage, const Extent &extent = {}) const;
  /// SBUF bytes of a partition that a storage takes in a layout.
  int64_t bytesPerPartition(int storage, const Layout &layout, const Extent &extent = {}) const;
  int64_t veCycles(int64_t cycles) const { return cycles * 1000000 / chip.ve.clockMhz; }

  /// DMA between device memory and a layout: bytes, or rows where they are short. In device memory the atoms lie in the storage's order.
  int64_t transfer(int storage, const Layout &layout, const Extent &extent = {}) const;
  /// The same with the atoms in another order in device memory.
  int64_t transfer(int storage, const Layout &layout, const std::vector<AtomId> &order, const Extent &extent = {}) const;
  /// DMA of `count` contiguous runs of `bytes` each, by all movers.
  int64_t rows(int64_t count, int64_t bytes) const;
  /// Transposes on pe, each evicted by ve.
  int64_t transposes(int storage, const Layout &from, const Layout &to, const Extent &extent = {}) const;
  /// To a replicated layout: a column is transposed, copied and broadcast by ge, each waiting for the one before.
  int64_t broadcasts(int storage, const Layout &from) const;

  /// A way between device memory and a layout: straight, or by a layout with longer rows that transposes connect with it.
  struct Passage {
    Layout layout; ///< of what is loaded or stored
    int64_t cost = 0;
  };
  /// The cheapest way from row-major device memory into `wanted`.
  Passage arrival(int storage, const Layout &wanted) const;
  /// The cheapest way from `held` into device memory with the atoms in `order`.
  Passage departure(int storage, const Layout &held, const std::vector<AtomId> &order) const;

private:
  const TensorProgram &program;
  const Chip &chip;

  Passage cheapest(int storage, const Layout &own, const std::vector<AtomId> &order, bool leaves) const;
  int64_t sizeOf(AtomId atom, const Extent &extent) const {
    auto at = extent.find(atom);
    return at == extent.end() ? program.atoms[atom].size : at->second;
  }
};

} // namespace manaslu::tiling
