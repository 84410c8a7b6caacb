// Changes of layout: transposes on pe, broadcasts on ge, or a round trip through device memory.
#include "lib/Conversion/LinalgToTile/Emitter.h"

using namespace mlir;

namespace manaslu::tiling {

/// Another layout of a resident storage: transposes on pe where every new partition atom is free in the old one, else a round trip through device memory.
Placed Emitter::convert(const Placed &from, const Layout &to) {
  if (to.replicated() && chip.ge && llvm::none_of(from.layout.part, [](const PartitionEntry &entry) { return entry.atom < 0; }))
    return replicate(from, to);
  if (!transposable(from.layout, to))
    return roundTrip(from, to);
  Node node = identityNode(from.storage);
  const Access &access = node.inputs[0];
  std::map<AtomId, Range> window;
  std::vector<Range> whole = wholeRanges(node);
  for (size_t loop = 0; loop < node.loops.size(); ++loop)
    if (auto at = from.origins.find(access.atoms[loop].atom); at != from.origins.end()) {
      // A window: its extent follows from the strides that were given out when it was made.
      whole[loop] = windows.at(from.buffer).at(access.atoms[loop].atom);
      window[access.atoms[loop].atom] = whole[loop];
    }
  Placed target = allocate(from.storage, to, tile::Space::Sbuf, from.element, window);
  transposeInto(from, target, whole);
  return target;
}

/// Transposes on pe of what `whole` names of a storage (a range for each of its atoms) from one version into another.
void Emitter::transposeInto(const Placed &from, const Placed &target, const std::vector<Range> &whole) {
  const Layout &to = target.layout;
  Node node = identityNode(from.storage);
  const Access &access = node.inputs[0];
  std::vector<int> oldRows, newRows, others;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    (onPartitions(from.layout, access, loop) ? oldRows : onPartitions(to, access, loop) ? newRows : others).push_back(loop);
  auto order = [&](const Layout &layout, std::vector<int> loops) {
    llvm::stable_sort(loops, [&](int a, int b) {
      auto place = [&](int loop) {
        return llvm::find_if(layout.part, [&](const PartitionEntry &entry) { return entry.atom == access.atoms[loop].atom; }) - layout.part.begin();
      };
      return place(a) < place(b);
    });
    return loops;
  };
  oldRows = order(from.layout, oldRows);
  newRows = order(to, newRows);
  std::function<void(size_t, std::vector<Range>)> emit = [&](size_t depth, std::vector<Range> ranges) {
    if (depth < others.size()) {
      forRange(ranges[others[depth]], 1, [&](const Range &one) {
        std::vector<Range> inner = ranges;
        inner[others[depth]] = one;
        emit(depth + 1, inner);
      });
      return;
    }
    // As many tiles side by side as a bank holds, in the order in which the old chunks are made.
    int64_t most = std::max<int64_t>(1, chip.psumBankBytes / (chip.partitions * tile::elementBytes(from.element)));
    bool alongOld = !oldRows.empty() && ranges[newRows[0]].size <= to.step;
    auto tiles = [&](const Range &oldChunks) {
      forRange(ranges[newRows[0]], to.step * (alongOld ? 1 : most), [&](const Range &newChunks) {
        std::vector<std::pair<TileRef, TileRef>> list;
        auto each = [&](const Range &oldChunk) {
          forRange(
              newChunks, to.step,
              [&](const Range &newChunk) {
                std::vector<Range> inner = ranges;
                inner[newRows[0]] = newChunk;
                if (!oldRows.empty())
                  inner[oldRows[0]] = oldChunk;
                list.push_back({reference(from, node, access, inner, newRows, 0, 1), reference(target, node, access, inner, oldRows, 0, 1)});
              },
              most);
        };
        if (oldRows.empty())
          each({});
        else
          forRange(oldChunks, from.layout.step, each, most);
        emitTransposes(list);
      });
    };
    if (oldRows.empty())
      tiles({});
    else
      forRange(ranges[oldRows[0]], from.layout.step * (alongOld ? most : 1), tiles);
  };
  emit(0, whole);
}

void Emitter::emitTransposes(ArrayRef<std::pair<TileRef, TileRef>> tiles) {
  for (size_t i = 0; i < tiles.size();) {
    // The run of tiles from here on whose targets are equal but for a constant step.
    auto &[src, dst] = tiles[i];
    auto sameShape = [&](const TileRef &other, const TileRef &target) {
      auto equal = [](const Axis &a, const Axis &b) { return a.size == b.size && a.stride == b.stride; };
      return other.partitions == src.partitions && target.partition == dst.partition && target.partitions == dst.partitions &&
             target.offset.terms == dst.offset.terms && std::equal(target.axes.begin(), target.axes.end(), dst.axes.begin(), dst.axes.end(), equal);
    };
    int64_t bank = chip.psumBankBytes / (src.partitions * tile::elementBytes(src.element)), step = 0;
    size_t count = 1;
    while (i + count < tiles.size() && static_cast<int64_t>(count) < bank && merged(dst.axes).size() < 4 &&
           sameShape(tiles[i + count].first, tiles[i + count].second)) {
      int64_t next = tiles[i + count].second.offset.constant - tiles[i + count - 1].second.offset.constant;
      if (count > 1 && next != step)
        break;
      step = next;
      ++count;
    }
    TileRef side;
    side.space = tile::Space::Psum;
    side.element = src.element;
    side.partitions = dst.partitions;
    side.buffer = tile::AllocOp::create(
        builder, loc, tile::BufferType::get(builder.getContext(), tile::Space::Psum, dst.partitions, src.partitions * static_cast<int64_t>(count), src.element),
        StringAttr());
    side.axes = {{src.partitions, 1}};
    for (size_t k = 0; k < count; ++k) {
      side.offset.constant = src.partitions * static_cast<int64_t>(k);
      Value to = view(side), what = view(tiles[i + k].first);
      tile::TransposeOp::create(builder, loc, to, what);
    }
    TileRef all = dst;
    side.offset.constant = 0;
    side.axes = {{static_cast<int64_t>(count), src.partitions}, {src.partitions, 1}};
    all.axes.insert(all.axes.begin(), {static_cast<int64_t>(count), step});
    Value to = view(all), what = view(side);
    tile::CopyOp::create(builder, loc, to, what);
    i += count;
  }
}

/// Every partition gets everything: a column is transposed to a row of one partition, which ge broadcasts.
Placed Emitter::replicate(const Placed &from, const Layout &to) {
  Node node = identityNode(from.storage);
  const Access &access = node.inputs[0];
  std::vector<Range> whole = wholeRanges(node);
  std::map<AtomId, Range> window;
  if (from.window)
    window = windows.at(from.buffer);
  for (size_t loop = 0; loop < node.loops.size(); ++loop)
    if (auto at = window.find(access.atoms[loop].atom); at != window.end())
      whole[loop] = at->second;
  Placed target = allocate(from.storage, to, tile::Space::Sbuf, from.element, window);
  std::vector<int> rows, others;
  for (int loop = 0; loop < static_cast<int>(node.loops.size()); ++loop)
    (onPartitions(from.layout, access, loop) ? rows : others).push_back(loop);
  std::function<void(size_t, std::vector<Range>)> emit = [&](size_t depth, std::vector<Range> ranges) {
    bool other = depth < others.size();
    int loop = other ? others[depth] : depth == others.size() && !rows.empty() ? rows[0] : -1;
    if (loop >= 0) {
      forRange(ranges[loop], other ? 1 : from.layout.step, [&](const Range &some) {
        std::vector<Range> inner = ranges;
        inner[loop] = some;
        emit(depth + 1, inner);
      });
      return;
    }
    TileRef src = reference(from, node, access, ranges, others, 0, 1), dst = reference(target, node, access, ranges, rows, 0, to.rows());
    TileRef transposed, row;
    transposed.space = tile::Space::Psum;
    transposed.element = row.element = from.element;
    transposed.axes = row.axes = {{src.partitions, 1}};
    transposed.buffer =
        tile::AllocOp::create(builder, loc, tile::BufferType::get(builder.getContext(), tile::Space::Psum, 1, src.partitions, from.element), StringAttr());
    row.buffer =
        tile::AllocOp::create(builder, loc, tile::BufferType::get(builder.getContext(), tile::Space::Sbuf, 1, src.partitions, from.element), StringAttr());
    Value psumView = view(transposed), srcView = view(src);
    tile::TransposeOp::create(builder, loc, psumView, srcView);
    Value rowView = view(row), readView = view(transposed);
    tile::CopyOp::create(builder, loc, rowView, readView);
    Value dstView = view(dst), sourceView = view(row);
    tile::PartitionBroadcastOp::create(builder, loc, dstView, sourceView);
  };
  emit(0, whole);
  return target;
}

Placed Emitter::roundTrip(const Placed &from, const Layout &to) {
  Node node = identityNode(from.storage);
  std::vector<Range> ranges = wholeRanges(node);
  std::map<AtomId, Range> window;
  if (from.window)
    window = windows.at(from.buffer);
  for (size_t loop = 0; loop < node.loops.size(); ++loop)
    if (auto at = window.find(node.output.atoms[loop].atom); at != window.end())
      ranges[loop] = at->second;
  Value region = scratchRegion(movement.elements(from.storage), from.element);
  transfer(from, node, node.output, region, /*store=*/true, ranges);
  Placed target = allocate(from.storage, to, tile::Space::Sbuf, from.element, window);
  transfer(target, node, node.output, region, /*store=*/false, ranges);
  return target;
}

} // namespace manaslu::tiling
