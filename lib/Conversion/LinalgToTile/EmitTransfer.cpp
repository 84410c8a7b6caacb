// Movement: constants packed as they are loaded, row-major transfers of inputs and outputs.
#include "lib/Conversion/LinalgToTile/Emitter.h"

using namespace mlir;

namespace manaslu::tiling {

/// A node that loops once over each atom of a storage: lets reference() address whole storages.
Node Emitter::identityNode(int storage) const {
  Node node(program.storages[storage].loc);
  Access access;
  access.storage = storage;
  for (AtomId atom : program.storages[storage].atoms) {
    access.atoms.push_back({atom, 0, {{static_cast<int>(node.loops.size()), 1}}});
    node.loops.push_back({program.atoms[atom].size, static_cast<int>(node.loops.size()), 1, false});
  }
  node.inputs = {access};
  node.output = access;
  return node;
}

const Placed *Emitter::find(int storage, const Layout &layout) const {
  for (const Placed &placed : llvm::reverse(versions[storage]))
    if (placed.layout == layout)
      return &placed;
  return nullptr;
}

Placed &Emitter::provide(int storage, const Layout &layout, Location where) {
  for (Placed &placed : llvm::reverse(versions[storage]))
    if (placed.layout == layout)
      return placed;
  const Storage &data = program.storages[storage];
  loc = where;
  Placed made;
  if (data.kind == StorageKind::Parameter || data.kind == StorageKind::Dense)
    made = loadConstant(storage, layout);
  else if (data.kind != StorageKind::Computed || streamed[storage])
    made = load(storage, layout);
  else if (versions[storage].empty())
    report(where, "MN-INTERNAL: a value is used before it is computed");
  else
    made = convert(versions[storage].front(), layout);
  versions[storage].push_back(made);
  return versions[storage].back();
}

/// The region of a constant packed in a layout: [block...][row][chunk][free...]; `blocks` lists atoms that are cut into runs of so many coordinates, each run a
/// block. `rowElements` becomes the elements of one row (partition) of one block. Without a layout the region is row-major.
Value Emitter::constantRegion(const Storage &storage, const Layout *layout, const std::vector<std::pair<AtomId, int64_t>> &blocks, int64_t &rowElements) {
  int id = &storage - program.storages.data();
  std::map<AtomId, int64_t> source = rowMajorStrides(program, id);
  SmallVector<Attribute> pieces;
  Attribute data = storage.kind == StorageKind::Dense ? Attribute(storage.dense) : Attribute(builder.getStringAttr(storage.name));
  auto piece = [&](int64_t from, int64_t at, ArrayRef<int64_t> sizes, ArrayRef<int64_t> sourceStrides, ArrayRef<int64_t> strides) {
    pieces.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr(storage.kind == StorageKind::Dense ? "value" : "source", data), builder.getNamedAttr("from", builder.getI64IntegerAttr(from)),
         builder.getNamedAttr("at", builder.getI64IntegerAttr(at)), builder.getNamedAttr("sizes", builder.getDenseI64ArrayAttr(sizes)),
         builder.getNamedAttr("source_strides", builder.getDenseI64ArrayAttr(sourceStrides)),
         builder.getNamedAttr("strides", builder.getDenseI64ArrayAttr(strides))}));
  };
  int64_t total = 1;
  for (AtomId atom : storage.atoms)
    total *= program.atoms[atom].size;
  if (!layout) {
    rowElements = 1;
    piece(0, 0, {total}, {1}, {1});
  } else {
    // Sizes of the free atoms within a block, their strides in a row, and the blocks around.
    std::map<AtomId, int64_t> run;
    for (auto [atom, size] : blocks)
      run[atom] = size;
    auto sizeOf = [&](AtomId atom) { return run.count(atom) ? run[atom] : program.atoms[atom].size; };
    std::map<AtomId, int64_t> row;
    int64_t elements = 1;
    for (AtomId atom : llvm::reverse(layout->free)) {
      row[atom] = elements;
      elements *= sizeOf(atom);
    }
    int64_t chunkStride = elements, chunks = layout->part.empty() || layout->part[0].atom < 0 ? 1 : layout->chunks();
    rowElements = elements * chunks;
    int64_t rows = std::max<int64_t>(1, layout->rows()), block = rowElements * rows;
    int64_t blockCount = 1;
    for (auto [atom, size] : blocks)
      blockCount *= (program.atoms[atom].size + size - 1) / size;
    total = block * blockCount;
    // One piece per (full or partial chunk) x (full or partial blocks).
    struct Dim {
      int64_t size, source, target;
    };
    std::vector<std::vector<Dim>> pieceDims = {{}};
    std::vector<std::pair<int64_t, int64_t>> bases = {{0, 0}}; // source, target
    auto fork = [&](int64_t full, int64_t rest, std::vector<Dim> fullDims, std::vector<Dim> restDims, int64_t restSource, int64_t restTarget) {
      std::vector<std::vector<Dim>> dims;
      std::vector<std::pair<int64_t, int64_t>> at;
      for (size_t i = 0; i < pieceDims.size(); ++i) {
        if (full) {
          dims.push_back(pieceDims[i]);
          dims.back().insert(dims.back().end(), fullDims.begin(), fullDims.end());
          at.push_back(bases[i]);
        }
        if (rest) {
          dims.push_back(pieceDims[i]);
          dims.back().insert(dims.back().end(), restDims.begin(), restDims.end());
          at.push_back({bases[i].first + restSource, bases[i].second + restTarget});
        }
      }
      pieceDims = std::move(dims);
      bases = std::move(at);
    };
    int64_t outer = block;
    for (auto [atom, size] : llvm::reverse(blocks)) {
      int64_t n = program.atoms[atom].size, full = n / size, rest = n % size, s = source[atom];
      fork(full, rest, {{full, s * size, outer}, {size, s, row[atom]}}, {{rest, s, row[atom]}}, s * size * full, outer * full);
      outer *= (n + size - 1) / size;
    }
    int64_t partitionStride = rowElements;
    for (size_t e = layout->part.size(); e-- > 0;) {
      const PartitionEntry &entry = layout->part[e];
      int64_t s = entry.atom < 0 ? 0 : source[entry.atom];
      if (e > 0 || entry.atom < 0) {
        int64_t size = e == 0 ? layout->step : entry.size;
        fork(1, 0, {{size, s, partitionStride}}, {}, 0, 0);
        partitionStride *= size;
      } else {
        int64_t full = entry.size / layout->step, rest = entry.size % layout->step;
        fork(full, rest, {{full, s * layout->step, chunkStride}, {layout->step, s, partitionStride}}, {{rest, s, partitionStride}}, s * layout->step * full,
             chunkStride * full);
      }
    }
    for (AtomId atom : layout->free)
      if (!run.count(atom))
        fork(1, 0, {{program.atoms[atom].size, source[atom], row[atom]}}, {}, 0, 0);
    for (size_t i = 0; i < pieceDims.size(); ++i) {
      // Innermost last: by the stride in the region.
      llvm::stable_sort(pieceDims[i], [](const Dim &a, const Dim &b) { return a.target > b.target; });
      SmallVector<int64_t> sizes, sourceStrides, strides;
      for (const Dim &dim : pieceDims[i])
        if (dim.size > 1 || pieceDims[i].size() == 1)
          sizes.push_back(dim.size), sourceStrides.push_back(dim.source), strides.push_back(dim.target);
      if (sizes.empty())
        sizes = {1}, sourceStrides = {1}, strides = {1};
      piece(bases[i].first, bases[i].second, sizes, sourceStrides, strides);
    }
  }
  std::string name = storage.kind == StorageKind::Dense ? "constant" : storage.name;
  if (int number = constantNames[name]++)
    name += "#" + std::to_string(number);
  auto type = tile::BufferType::get(builder.getContext(), tile::Space::Device, 1, total, storage.element);
  return tile::RegionOp::create(builder, loc, type, builder.getStringAttr(name), tile::RegionKind::Constant, builder.getDenseI64ArrayAttr(storage.shape),
                                StringAttr(), builder.getArrayAttr(pieces), storage.propagates);
}

Placed Emitter::loadConstant(int storage, const Layout &layout) {
  Placed placed = allocate(storage, layout, tile::Space::Sbuf, program.storages[storage].element);
  int64_t row = 0;
  Value region = constantRegion(program.storages[storage], &layout, {}, row);
  TileRef dst, src;
  dst.buffer = placed.buffer;
  dst.element = src.element = placed.element;
  dst.partitions = std::max<int64_t>(1, layout.rows());
  dst.axes = {{row, 1}};
  src.buffer = region;
  src.space = tile::Space::Device;
  src.axes = {{dst.partitions, row}, {row, 1}};
  tile::LoadOp::create(builder, loc, view(dst), view(src, 5, /*merge=*/false));
  return placed;
}

/// Moves what `access` reaches over `ranges` between a buffer and a device region, a chunk of partitions at a time. The region holds the node's loops in
/// row-major order or, with `deviceAccess`, a storage in row-major order seen through that access.
void Emitter::transfer(const Placed &placed, const Node &node, const Access &access, Value region, bool store, const std::vector<Range> &ranges,
                       const Access *deviceAccess) {
  std::vector<int64_t> strides(node.loops.size(), 0);
  int64_t stride = 1, base = 0;
  if (deviceAccess) {
    std::map<AtomId, int64_t> source = rowMajorStrides(program, deviceAccess->storage);
    for (const AtomIndex &index : deviceAccess->atoms) {
      base += index.start * source[index.atom];
      for (auto [loop, coefficient] : index.loops)
        strides[loop] += coefficient * source[index.atom];
    }
  } else {
    for (size_t loop = node.loops.size(); loop-- > 0; stride *= node.loops[loop].size)
      strides[loop] = stride;
  }
  const Layout &layout = placed.layout;
  auto loopOf = [&](AtomId atom) {
    for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
      if (atom >= 0 && access.atomOfLoop(loop) == atom)
        return loop;
    return -1;
  };
  int chunked = layout.part.empty() ? -1 : loopOf(layout.part[0].atom);
  int64_t chunks = chunked < 0 ? 1 : ranges[chunked].size / layout.step;
  auto chunkByChunk = [&](int64_t step) {
    forRange(ranges[chunked], step, [&](const Range &some) {
      std::vector<Range> inner = ranges;
      inner[chunked] = some;
      transfer(placed, node, access, region, store, inner, deviceAccess);
    });
  };
  if (chunked >= 0 && ranges[chunked].size > layout.step) {
    if (int64_t rest = ranges[chunked].size % layout.step)
      return chunkByChunk(ranges[chunked].size - rest);
    if ((ranges[chunked].start.constant + access.find(layout.part[0].atom)->start) % layout.step)
      return chunkByChunk(layout.step);
  }
  // Whole chunks are one more free dimension.
  std::vector<int> order;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    if (!onPartitions(layout, access, loop) || (loop == chunked && chunks > 1))
      order.push_back(loop);
  TileRef chip = reference(placed, node, access, ranges, order, 0, std::max<int64_t>(1, layout.rows()));
  TileRef device;
  device.buffer = region;
  device.space = tile::Space::Device;
  device.element = cast<tile::BufferType>(region.getType()).getElementType();
  device.offset.constant = base;
  std::vector<Axis> rows, columns;
  for (size_t e = 0; e < layout.part.size(); ++e) {
    int loop = loopOf(layout.part[e].atom);
    if (layout.part[e].atom < 0)
      rows.push_back({e == 0 ? layout.step : layout.part[e].size, 0});
    else if (loop >= 0)
      rows.push_back({loop == chunked && chunks > 1 ? layout.step : ranges[loop].size, strides[loop]});
  }
  for (int loop : order)
    columns.push_back(loop == chunked ? Axis{chunks, strides[loop] * layout.step} : Axis{ranges[loop].size, strides[loop]});
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    device.offset = device.offset + ranges[loop].start * strides[loop];
  // A mover's row is a partition's run: the partition axes merge among themselves, and so do the free ones.
  rows = merged(rows);
  columns = merged(columns);
  device.axes = rows;
  if (columns.size() > 1 || columns[0].size > 1)
    device.axes.insert(device.axes.end(), columns.begin(), columns.end());
  if (merged(chip.axes).size() > 4 || device.axes.size() > 5) {
    if (chunks > 1)
      return chunkByChunk(layout.step);
    int outer = *llvm::find_if(order, [&](int loop) { return ranges[loop].size > 1; });
    forRange(ranges[outer], 1, [&](const Range &one) {
      std::vector<Range> inner = ranges;
      inner[outer] = one;
      transfer(placed, node, access, region, store, inner, deviceAccess);
    });
    return;
  }
  Value deviceView = view(device, 5, /*merge=*/false), chipView = view(chip);
  if (store)
    tile::StoreOp::create(builder, loc, deviceView, chipView);
  else
    tile::LoadOp::create(builder, loc, chipView, deviceView);
}

Placed Emitter::load(int storage, const Layout &layout, const std::map<AtomId, Range> &window) {
  const Storage &data = program.storages[storage];
  Placed placed = allocate(storage, layout, tile::Space::Sbuf, data.element, window);
  Node node = identityNode(storage);
  const Access &access = node.output;
  std::vector<Range> ranges = wholeRanges(node);
  for (size_t loop = 0; loop < node.loops.size(); ++loop)
    if (auto at = window.find(access.atoms[loop].atom); at != window.end())
      ranges[loop] = at->second;
  Layout arrival = movement.arrival(storage, layout).layout;
  if (arrival == layout) {
    transfer(placed, node, access, regions[storage], /*store=*/false, ranges);
    return placed;
  }
  // Long rows first, a chunk of partitions at a time, then transposes.
  size_t rows = llvm::find_if(access.atoms, [&](const AtomIndex &index) { return index.atom == arrival.part[0].atom; }) - access.atoms.begin();
  forRange(ranges[rows], arrival.step, [&](const Range &chunk) {
    std::vector<Range> inner = ranges;
    inner[rows] = chunk;
    Placed part = allocate(storage, arrival, tile::Space::Sbuf, data.element, windowOf(node, access, inner));
    transfer(part, node, access, regions[storage], /*store=*/false, inner);
    transposeInto(part, placed, inner);
  });
  return placed;
}

} // namespace manaslu::tiling
