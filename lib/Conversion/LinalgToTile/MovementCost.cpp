// Estimates of DMA transfers, transposes and broadcasts.
#include "lib/Conversion/LinalgToTile/MovementCost.h"

#include "dialects/Tile/TileDialect.h"
#include "lib/Chip/Timing.h"

#include <algorithm>

namespace manaslu::tiling {

int64_t MovementCost::elements(int storage, const Extent &extent) const {
  int64_t n = 1;
  for (AtomId atom : program.storages[storage].atoms)
    n *= sizeOf(atom, extent);
  return n;
}

int64_t MovementCost::bytesPerPartition(int storage, const Layout &layout, const Extent &extent) const {
  int64_t bytes = tile::elementBytes(program.storages[storage].element);
  for (AtomId atom : layout.free)
    bytes *= sizeOf(atom, extent);
  if (!layout.part.empty() && layout.part[0].atom >= 0)
    bytes *= ceilDiv(sizeOf(layout.part[0].atom, extent), layout.step);
  return bytes;
}

int64_t MovementCost::transfer(int storage, const Layout &layout, const Extent &extent) const {
  return transfer(storage, layout, program.storages[storage].atoms, extent);
}

int64_t MovementCost::transfer(int storage, const Layout &layout, const std::vector<AtomId> &order, const Extent &extent) const {
  int64_t bytes = tile::elementBytes(program.storages[storage].element);
  int64_t count = elements(storage, extent) * (layout.replicated() ? layout.rows() : 1), row = bytes;
  for (size_t i = order.size(), j = layout.free.size(); i > 0 && j > 0 && order[i - 1] == layout.free[j - 1]; --i, --j) {
    row *= sizeOf(order[i - 1], extent);
    if (sizeOf(order[i - 1], extent) < program.atoms[order[i - 1]].size)
      break;
  }
  return rows(count * bytes / row, row);
}

int64_t MovementCost::rows(int64_t count, int64_t bytes) const {
  int64_t rate = chip.moverMegabytesPerSecond; // bytes per microsecond
  int64_t perRow = std::max(bytes * 1000000 / rate, chip.dmaRowNs * 1000 + bytes * 100000000 / (rate * chip.dmaBurstPercent));
  return ceilDiv(count, chip.dmaMovers) * perRow;
}

int64_t MovementCost::broadcasts(int storage, const Layout &from) const {
  int64_t rows = std::max<int64_t>(from.rows(), 1), count = ceilDiv(elements(storage), rows);
  const OperationCost &broadcast = chip.cost(Operation::PartitionBroadcast);
  int64_t cycles = broadcast.fixed + static_cast<int64_t>(broadcast.perElement * rows);
  return count * (cycles * 1000000 / chip.ge->clockMhz + 2 * veCycles(rows + chip.ve.drainCycles));
}

int64_t MovementCost::transposes(int storage, const Layout &from, const Layout &to, const Extent &extent) const {
  EngineWork transpose, copy;
  transpose.operation = Operation::Transpose;
  transpose.partitions = std::max<int64_t>(from.rows(), 1);
  transpose.elements = std::max<int64_t>(to.rows(), 1);
  transpose.fourByte = tile::elementBytes(program.storages[storage].element) == 4;
  copy.elements = transpose.partitions;
  int64_t count = ceilDiv(elements(storage, extent), transpose.partitions * transpose.elements);
  return count * (occupancyPicoseconds(chip, transpose) + occupancyPicoseconds(chip, copy));
}

MovementCost::Passage MovementCost::arrival(int storage, const Layout &wanted) const {
  return cheapest(storage, wanted, program.storages[storage].atoms, /*leaves=*/false);
}

MovementCost::Passage MovementCost::departure(int storage, const Layout &held, const std::vector<AtomId> &order) const {
  return cheapest(storage, held, order, /*leaves=*/true);
}

MovementCost::Passage MovementCost::cheapest(int storage, const Layout &own, const std::vector<AtomId> &order, bool leaves) const {
  Passage best{own, transfer(storage, own, order)};
  for (AtomId atom : program.storages[storage].atoms) {
    Layout other = makeLayout(program, storage, {{atom, program.atoms[atom].size}}, chip.partitions);
    const Layout &from = leaves ? own : other, &to = leaves ? other : own;
    if (other == own || !transposable(from, to))
      continue;
    if (int64_t cost = transfer(storage, other, order) + transposes(storage, from, to); cost < best.cost)
      best = {other, cost};
  }
  return best;
}

} // namespace manaslu::tiling
