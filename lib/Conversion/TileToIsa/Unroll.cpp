// Unrolling: every copy has its own addresses and its own storage for what the body allocates.
#include "lib/Conversion/TileToIsa/Unroll.h"

#include <algorithm>
#include <map>

namespace manaslu::tile {

namespace {

/// The access in iteration `copy` of `factor`; `whole`: the loop is gone.
void moveTo(Access &access, int loop, int64_t copy, int64_t factor, bool whole) {
  auto term = llvm::find_if(access.terms, [&](const Term &t) { return t.loop == loop; });
  if (term == access.terms.end())
    return;
  int64_t by = copy * term->bytes;
  access.shift += by;
  for (ByteRange &range : access.bytes)
    range = {range.low + by, range.high + by};
  term->bytes *= factor;
  if (whole)
    access.terms.erase(term);
}

} // namespace

Unrolled unroll(const Model &model, int loop, int64_t factor) {
  const Loop &from = model.loops[loop];
  bool whole = factor == from.trips;
  int around = whole ? from.parent : loop;
  Unrolled out{loop, factor, {}, model.buffers};
  for (Buffer &buffer : out.buffers)
    if (buffer.loop == loop)
      buffer.loop = around;
  for (int64_t copy = 0; copy < factor; ++copy) {
    std::map<int, int> own; // buffer of the body -> that of this copy
    for (const Item &item : from.body) {
      Leaf leaf = model.leaves[item.index];
      leaf.loop = around;
      for (Access &access : leaf.accesses) {
        moveTo(access, loop, copy, factor, whole);
        if (copy == 0 || model.buffers[access.buffer].loop != loop)
          continue;
        auto [at, fresh] = own.insert({access.buffer, static_cast<int>(out.buffers.size())});
        if (fresh)
          out.buffers.push_back(Buffer(out.buffers[access.buffer]));
        access.buffer = at->second;
      }
      out.leaves.push_back(std::move(leaf));
    }
  }
  return out;
}

void commit(Model &model, Unrolled unrolled) {
  Loop &loop = model.loops[unrolled.loop];
  model.buffers = std::move(unrolled.buffers);
  std::vector<Item> body = loop.body;
  for (size_t i = 0; i < unrolled.leaves.size(); ++i) {
    if (i < loop.body.size()) {
      model.leaves[loop.body[i].index] = std::move(unrolled.leaves[i]);
      continue;
    }
    body.push_back({false, static_cast<int>(model.leaves.size())});
    model.leaves.push_back(std::move(unrolled.leaves[i]));
  }
  if (unrolled.factor < loop.trips) {
    loop.trips /= unrolled.factor;
    loop.body = std::move(body);
    return;
  }
  loop.body.clear();
  std::vector<Item> &around = loop.parent < 0 ? model.body : model.loops[loop.parent].body;
  auto at = llvm::find_if(around, [&](const Item &item) { return item.isLoop && item.index == unrolled.loop; });
  at = around.erase(at);
  around.insert(at, body.begin(), body.end());
}

} // namespace manaslu::tile
