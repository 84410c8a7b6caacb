// Groups of nodes executed slab by slab: a loop over shared dimensions whose body keeps every intermediate in small buffers of its own.
#include "lib/Conversion/LinalgToTile/Emitter.h"
#include "lib/Conversion/LinalgToTile/LoopClasses.h"

#include <numeric>

using namespace mlir;

namespace manaslu::tiling {

/// Copies of a group's body, each for the queries that need about as many keys: two compute at most three quarters of the square, and every copy is unrolled by
/// itself.
static constexpr size_t kMostBands = 2;

const Placed &Emitter::inputOf(const Node &node, size_t input) {
  int storage = node.inputs[input].storage;
  const Layout &layout = requirements[indexOf(node)].inputs[input];
  if (const Placed *placed = find(storage, layout))
    return *placed;
  // A result tile in PSUM stands for its storage in the layout of the contraction.
  if (versions[storage].empty() || versions[storage].back().space != tile::Space::Psum) {
    report(node.loc, "MN-INTERNAL: an operand has no place in the layout of its node");
    versions[storage].push_back(allocate(storage, layout, tile::Space::Sbuf, program.storages[storage].element));
  }
  return versions[storage].back();
}

const Placed &Emitter::targetOf(const Node &node) {
  int storage = node.output.storage;
  if (const Placed *placed = find(storage, requirements[indexOf(node)].output))
    return *placed;
  report(node.loc, "MN-INTERNAL: a result has no place in the layout of its node");
  versions[storage].push_back(allocate(storage, requirements[indexOf(node)].output, tile::Space::Sbuf, program.storages[storage].element));
  return versions[storage].back();
}

void Emitter::ensureTarget(int n, const std::map<AtomId, Range> &window) {
  const Node &node = program.nodes[n];
  int storage = node.output.storage;
  if ((streamed[storage] && window.empty()) || find(storage, requirements[n].output))
    return;
  loc = node.loc;
  versions[storage].push_back(allocate(storage, requirements[n].output, tile::Space::Sbuf, program.storages[storage].element, window));
}

void Emitter::prepareInputs(int n, const std::function<bool(int)> &local) {
  const Node &node = program.nodes[n];
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    int storage = node.inputs[i].storage;
    const Storage &data = program.storages[storage];
    bool constant = data.kind == StorageKind::Parameter || data.kind == StorageKind::Dense;
    if (local(storage) || streamed[storage] || (node.kind == NodeKind::Gather && i == 0) || (node.kind == NodeKind::Contraction && constant))
      continue; // a contraction streams its constants by itself
    provide(storage, requirements[n].inputs[i], node.loc);
  }
}

void Emitter::emitMember(const Group &group, int n, const std::vector<Range> &ranges, std::vector<char> &done) {
  const Node &node = program.nodes[n];
  loc = node.loc;
  if (node.kind == NodeKind::Contraction)
    return emitContraction(n, ranges);
  if (node.kind == NodeKind::Reduction)
    return emitReduction(node, ranges);
  // exp and its sum: the running add of se gives the second for a few cycles.
  for (int r : group.nodes) {
    const Node &reduction = program.nodes[r];
    if (r <= n || reduction.kind != NodeKind::Reduction || !chosen[r].reducedLoops.empty() || reduction.combiner != "add" || reduction.body.size() != 1 ||
        reduction.inputs[0].storage != node.output.storage || node.body.back().kind != ScalarOp::Unary ||
        program.nodes[n].loops.size() != reduction.loops.size())
      continue;
    std::vector<Range> inner = mapRanges(node, node.output, reduction, reduction.inputs[0], ranges);
    Layout &layout = requirements[r].output;
    bool whole = true;
    for (size_t loop = 0; loop < reduction.loops.size(); ++loop)
      whole = whole && (reduction.loops[loop].reduction || inner[loop].size == 1 || onPartitions(layout, reduction.output, loop));
    if (!whole || !group.local[reduction.output.storage])
      continue;
    ensureTarget(r, windowOf(reduction, reduction.output, inner));
    TileRef sum = reference(targetOf(reduction), reduction, reduction.output, inner, {}, 0, 1);
    // The running sum takes fp32 results; what else reads them may only want them narrowed.
    const Node *cast = nullptr;
    for (int reader : program.storages[node.output.storage].readers)
      if (reader != r) {
        const Node &other = program.nodes[reader];
        bool narrows = !cast && group.local[other.output.storage < 0 ? node.output.storage : other.output.storage] && other.kind == NodeKind::Elementwise &&
                       other.body.size() == 1 && other.inputs.size() == 1 && requirements[reader].output.part.size() == requirements[n].output.part.size() &&
                       other.loops.size() == node.loops.size() && requirements[reader].inputs[0] == requirements[n].output &&
                       llvm::is_contained(group.nodes, reader);
        if (!narrows) {
          cast = nullptr;
          break;
        }
        cast = &other;
      }
    if (cast) {
      std::vector<Range> narrowed = mapRanges(node, node.output, *cast, cast->inputs[0], ranges);
      ensureTarget(indexOf(*cast), windowOf(*cast, cast->output, narrowed));
      done[indexOf(*cast)] = true;
    }
    done[r] = emitElementwise(node, ranges, &sum, cast);
    if (done[r] && !reduction.finish.empty())
      emitFinish(reduction, sum, sum);
    if (cast && !done[r])
      report(node.loc, "MN-INTERNAL: an activation did not take its running sum");
    return;
  }
  emitElementwise(node, ranges);
}

/// A run of the masked loop in whole chunks of partitions: the least that covers `kept`.
Range Emitter::keptRange(const Group &group, Span kept) const {
  int64_t unit = chip.partitions, size = 0;
  auto consider = [&](const Layout &layout, const Access &access, int loop) {
    AtomId atom = access.atomOfLoop(loop);
    for (size_t e = 0; e < layout.part.size(); ++e)
      if (atom >= 0 && layout.part[e].atom == atom)
        unit = e > 0 ? program.nodes[group.masked->node].loops[group.masked->loops.at(group.masked->node)].size : std::lcm(unit, layout.step);
  };
  for (auto [n, loop] : group.masked->loops) {
    const Node &node = program.nodes[n];
    size = node.loops[loop].size;
    consider(requirements[n].output, node.output, loop);
    for (size_t i = 0; i < node.inputs.size(); ++i)
      consider(requirements[n].inputs[i], node.inputs[i], loop);
  }
  Range range;
  range.start.constant = kept.first / unit * unit;
  range.size = std::min(size, (kept.last + unit - 1) / unit * unit) - range.start.constant;
  return range;
}

/// Cuts a bound loop where its iterations need different runs of the masked loop; runs that differ little are joined until few bands are left.
std::vector<Emitter::Band> Emitter::bandsOf(const Group &group, const Group::Bound &bound) const {
  if (!group.masked || group.masked->by < 0 || !bound.loops.count(group.masked->node) || bound.loops.at(group.masked->node) != group.masked->by)
    return {{{{}, bound.size}, {}}};
  std::vector<Span> rows;
  for (int64_t first = 0; first < bound.size; first += bound.step)
    rows.push_back({first, std::min(bound.size, first + bound.step)});
  auto area = [&](Span span) { return span.size() * keptRange(group, group.masked->keptBy(span.first, span.last)).size; };
  for (;;) {
    size_t best = 0;
    int64_t least = INT64_MAX;
    for (size_t i = 0; i + 1 < rows.size(); ++i)
      if (int64_t more = area({rows[i].first, rows[i + 1].last}) - area(rows[i]) - area(rows[i + 1]); more < least)
        least = more, best = i;
    if (rows.size() < 2 || (least > 0 && rows.size() <= kMostBands))
      break;
    rows[best].last = rows[best + 1].last;
    rows.erase(rows.begin() + best + 1);
  }
  std::vector<Band> bands;
  for (Span span : rows) {
    Band band{{{}, span.size()}, keptRange(group, group.masked->keptBy(span.first, span.last))};
    band.rows.start.constant = span.first;
    bands.push_back(band);
  }
  return bands;
}

void Emitter::emitGroup(const Group &group) {
  auto local = [&](int storage) { return static_cast<bool>(group.local[storage]); };
  // A copy of an input into a larger storage (padding) is its load.
  const Node &first = program.nodes[group.nodes.front()];
  bool copiesInput = group.nodes.size() == 1 && first.kind == NodeKind::Elementwise && first.body.size() == 1 && first.inputs.size() == 1 &&
                     program.storages[first.inputs[0].storage].kind == StorageKind::Input && versions[first.inputs[0].storage].empty() &&
                     !streamed[first.output.storage];
  if (program.storages[first.output.storage].kind == StorageKind::Scratch)
    return copyWithinDevice(first, &first.output, regions[first.output.storage]);
  if (first.loads || copiesInput) {
    ensureTarget(group.nodes.front());
    loc = first.loc;
    return transfer(targetOf(first), first, first.output, regions[first.inputs[0].storage], /*store=*/false, wholeRanges(first), &first.inputs[0]);
  }
  for (int n : group.nodes) {
    prepareInputs(n, [&](int storage) {
      return local(storage) ||
             llvm::any_of(program.storages[storage].writers, [&](int w) { return llvm::is_contained(group.nodes, w) || w == epilogues.contractionOf[n]; });
    });
    if (int e = epilogues.epilogueOf[n]; e >= 0 && !llvm::is_contained(group.nodes, e))
      prepareInputs(e, [&](int storage) { return storage == program.nodes[n].output.storage; });
    int result = epilogues.epilogueOf[n] >= 0 ? epilogues.epilogueOf[n] : n;
    if (program.nodes[result].output.storage >= 0 && !local(program.nodes[result].output.storage))
      ensureTarget(result);
  }
  std::map<int, std::vector<Range>> ranges;
  for (int n : group.nodes)
    ranges[n] = wholeRanges(program.nodes[n]);
  // A product that is a group of its own loads its operands block by block.
  auto loads = [&](int n) { return stepwise(program.nodes[n]) || !group.bound.empty(); };
  std::vector<char> done;
  auto body = [&] {
    std::vector<size_t> before;
    for (auto &list : versions)
      before.push_back(list.size());
    done.assign(program.nodes.size(), 0);
    for (int n : group.nodes) {
      if (failed || done[n] || epilogues.contractionOf[n] >= 0)
        continue;
      int result = epilogues.epilogueOf[n] >= 0 ? epilogues.epilogueOf[n] : n;
      for (int member : {n, result}) {
        const Node &node = program.nodes[member];
        loc = node.loc;
        for (size_t i = 0; i < node.inputs.size(); ++i)
          if (int storage = node.inputs[i].storage; local(storage) && !versions[storage].empty() && !find(storage, requirements[member].inputs[i])) {
            // From the version that transposes lead from, if there is one.
            const Placed *from = &versions[storage].back();
            for (const Placed &version : versions[storage])
              if (version.space == tile::Space::Sbuf && transposable(version.layout, requirements[member].inputs[i]))
                from = &version;
            Placed converted = convert(Placed(*from), requirements[member].inputs[i]);
            versions[storage].push_back(converted);
          } else if (streamed[storage] && member == n && loads(n) && !find(storage, requirements[n].inputs[i])) {
            versions[storage].push_back(load(storage, requirements[n].inputs[i], windowOf(node, node.inputs[i], ranges[n])));
          }
      }
      bool stays = program.nodes[n].kind == NodeKind::Contraction && staysInPsum(n, ranges[n]);
      if (stays)
        resident.insert(n);
      if (int storage = program.nodes[result].output.storage; storage >= 0 && !stays && (local(storage) || (streamed[storage] && stepwise(program.nodes[n])))) {
        auto own = ranges.count(result) ? ranges[result] : wholeRanges(program.nodes[result]);
        ensureTarget(result, windowOf(program.nodes[result], program.nodes[result].output, own));
      }
      emitMember(group, n, ranges[n], done);
      resident.clear();
      if (int storage = program.nodes[n].output.storage; storage >= 0 && streamed[storage] && stepwise(program.nodes[n]) && !failed)
        storeWindow(program.nodes[n], Placed(targetOf(program.nodes[n])), ranges[n]);
    }
    for (size_t s = 0; s < versions.size(); ++s)
      versions[s].resize(before[s]);
  };
  std::function<void(size_t)> nest = [&](size_t depth) {
    if (depth == group.bound.size())
      return body();
    const Group::Bound &bound = group.bound[depth];
    auto set = [&](const Range &range) {
      for (auto [n, loop] : bound.loops)
        ranges[n][loop] = range;
      nest(depth + 1);
    };
    for (const Band &band : bandsOf(group, bound)) {
      if (band.kept)
        for (auto [n, loop] : group.masked->loops)
          ranges[n][loop] = *band.kept;
      forRange(band.rows, bound.step, [&](const Range &some) {
        if (bound.single)
          forRange(some, 1, set, bound.step);
        else
          set(some);
      });
    }
  };
  if (group.masked) {
    const Node &node = program.nodes[group.masked->node];
    Range all = keptRange(group, group.masked->keptBy(0, group.masked->by < 0 ? 1 : node.loops[group.masked->by].size));
    for (auto [n, loop] : group.masked->loops)
      ranges[n][loop] = all;
  }
  // A version made in a loop body does not dominate what follows; the lists are cut back after each body.
  current = &group;
  nest(0);
  current = nullptr;
}

} // namespace manaslu::tiling
