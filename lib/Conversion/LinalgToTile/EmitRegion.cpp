// Groups of nodes executed slab by slab: a loop over shared dimensions whose body keeps every intermediate in small buffers of its own.
#include "lib/Conversion/LinalgToTile/Emitter.h"
#include "lib/Conversion/LinalgToTile/LoopClasses.h"

#include <numeric>

using namespace mlir;

namespace manaslu::tiling {

/// Elements of a partition that one elementwise step should not exceed: temporaries stay small, and engines work on different pieces at one time.
static constexpr int64_t kFreeElements = 512;
/// Elements of a partition that are worth an instruction of their own.
static constexpr int64_t kLeastElements = 128;
/// Copies of a group's body, each for the queries that need about as many keys: four compute at most a quarter of the square more than half of it.
static constexpr size_t kMostBands = 4;

namespace {

bool stepwise(const Node &node) { return node.kind == NodeKind::Elementwise || node.kind == NodeKind::Reduction; }

} // namespace

/// Grows a group backwards from a contraction over computed batches: whatever only it needs, shares its batch loops and lies behind another contraction of the
/// group.
static std::vector<int> attentionGroup(const TensorProgram &program, const Epilogues &epilogues, int last) {
  std::vector<int> group = {last};
  if (int e = epilogues.epilogueOf[last]; e >= 0)
    group.push_back(e);
  auto member = [&](int n) { return llvm::is_contained(group, n); };
  ContractionLoops roles = classify(program, program.nodes[last]);
  auto shares = [&](int n) {
    std::vector<int> with = group;
    with.push_back(n);
    std::sort(with.begin(), with.end());
    LoopClasses classes(program, with);
    return llvm::all_of(roles.batch, [&](int loop) {
      int own = classes.loopIn(n, classes.of(last, loop));
      return own >= 0 && !program.nodes[n].loops[own].reduction;
    });
  };
  for (bool grown = true; grown;) {
    grown = false;
    for (int n = last - 1; n >= 0; --n) {
      const Node &node = program.nodes[n];
      bool contraction = node.kind == NodeKind::Contraction;
      // An epilogue comes with its contraction.
      if (member(n) || (!stepwise(node) && !contraction) || epilogues.contractionOf[n] >= 0)
        continue;
      int result = epilogues.epilogueOf[n] >= 0 ? epilogues.epilogueOf[n] : n;
      const Storage &storage = program.storages[program.nodes[result].output.storage];
      if (storage.writers.size() != 1 || storage.readers.empty() || !llvm::all_of(storage.readers, member))
        continue;
      if (contraction && classify(program, node).batch.size() < roles.batch.size())
        continue;
      if (result != n)
        group.push_back(result);
      if (shares(n) && (result == n || shares(result))) {
        group.push_back(n);
        grown = true;
      } else if (result != n) {
        group.pop_back();
      }
    }
  }
  std::sort(group.begin(), group.end());
  // What only prepares an operand of the first contraction is better done once, outside the loops.
  std::vector<int> behind;
  for (int n : group) {
    const Node &node = program.nodes[n];
    bool follows = node.kind == NodeKind::Contraction || llvm::any_of(node.inputs, [&](const Access &input) {
                     return llvm::any_of(program.storages[input.storage].writers, [&](int w) { return llvm::is_contained(behind, w); });
                   });
    if (follows)
      behind.push_back(n);
  }
  return behind;
}

/// Several chunks of partitions in one instruction, where every step is elementwise and none takes an operand with one element in each partition.
void Emitter::widen(const Group &group, Group::Bound &bound, int64_t freeElements) const {
  for (auto [n, loop] : bound.loops) {
    const Node &node = program.nodes[n];
    if (node.kind != NodeKind::Elementwise)
      return;
    for (const Access &input : node.inputs) {
      bool varies = false, free = false;
      for (const AtomIndex &index : input.atoms)
        for (auto [l, coefficient] : index.loops) {
          varies |= l == loop;
          free |= node.loops[l].size > 1 && !llvm::is_contained(chosen[n].resultLoops, l);
        }
      if (varies && !free)
        return;
    }
  }
  bound.step *= std::clamp<int64_t>(kFreeElements / std::max<int64_t>(1, freeElements), 1, std::max<int64_t>(1, bound.size / bound.step));
}

std::vector<Emitter::Group> Emitter::formGroups() const {
  std::vector<Group> groups;
  std::vector<int> groupOf(program.nodes.size(), -1);
  std::map<int, std::vector<int>> attention; // by last node
  for (int n = program.nodes.size() - 1; n >= 0; --n) {
    const Node &node = program.nodes[n];
    if (node.kind != NodeKind::Contraction || groupOf[n] >= 0 || classify(program, node).batch.empty())
      continue;
    std::vector<int> members = attentionGroup(program, epilogues, n);
    if (members.size() < (epilogues.epilogueOf[n] >= 0 ? 3u : 2u))
      continue;
    // The group takes one batch coordinate at a time: where it lies on the partitions, what is inside it must be whole groups of 32.
    LoopClasses classes(program, members);
    auto startsAnywhere = [&](int member, int batch) {
      const Node &inside = program.nodes[member];
      const Layout &layout = requirements[member].output;
      int own = classes.loopIn(member, classes.of(n, batch));
      AtomId atom = own < 0 ? -1 : inside.output.atomOfLoop(own);
      return atom >= 0 && !layout.part.empty() && layout.part[0].atom == atom && layout.step > 1 && layout.inner % 32 != 0;
    };
    ContractionLoops roles = classify(program, node);
    if (llvm::any_of(members, [&](int member) { return llvm::any_of(roles.batch, [&](int batch) { return startsAnywhere(member, batch); }); }))
      continue;
    for (int member : members)
      groupOf[member] = n;
    attention[n] = members;
  }
  for (int n = 0; n < static_cast<int>(program.nodes.size()); ++n) {
    if (auto at = attention.find(n); at != attention.end()) {
      groups.push_back({at->second, {}, {}, {}});
      continue;
    }
    if (groupOf[n] >= 0 || epilogues.contractionOf[n] >= 0 || program.nodes[n].kind == NodeKind::Removed)
      continue;
    const Node &node = program.nodes[n];
    // A run of elementwise nodes and reductions over the same partitions, each tied to the one before it.
    if (stepwise(node) && !groups.empty() && stepwise(program.nodes[groups.back().nodes.front()]) && groups.back().nodes.back() == n - 1) {
      std::vector<int> with = groups.back().nodes;
      with.push_back(n);
      LoopClasses classes(program, with);
      int first = with.front();
      auto ids = [&](int member) {
        std::vector<int> out;
        for (int loop : chosen[member].resultLoops)
          out.push_back(classes.of(member, loop));
        return out;
      };
      bool tied = llvm::any_of(node.inputs, [&](const Access &input) {
        return llvm::any_of(program.storages[input.storage].writers, [&](int w) { return llvm::is_contained(groups.back().nodes, w); });
      });
      bool agrees = tied && !chosen[n].resultLoops.empty() && ids(n) == ids(first) && program.storages[node.output.storage].writers.size() == 1;
      // What the member reads from the group must be wanted in the layout in which it was made.
      for (size_t i = 0; agrees && i < node.inputs.size(); ++i)
        for (int w : program.storages[node.inputs[i].storage].writers)
          if (llvm::is_contained(groups.back().nodes, w))
            agrees = requirements[w].output == requirements[n].inputs[i];
      if (agrees) {
        groups.back().nodes.push_back(n);
        continue;
      }
    }
    groups.push_back({{n}, {}, {}, {}});
  }
  for (Group &group : groups) {
    group.local.assign(program.storages.size(), 0);
    for (int n : group.nodes)
      if (int storage = program.nodes[n].output.storage; storage >= 0 && group.nodes.size() > 1)
        group.local[storage] = llvm::all_of(program.storages[storage].readers, [&](int r) { return llvm::is_contained(group.nodes, r); }) &&
                               !program.storages[storage].readers.empty();
    const Node &last = program.nodes[group.nodes.back()];
    bool hasContraction = llvm::any_of(group.nodes, [&](int n) { return program.nodes[n].kind == NodeKind::Contraction; });
    if (!stepwise(last) && group.nodes.size() == 1)
      continue; // the contraction, gather or output iterates by itself
    LoopClasses classes(program, group.nodes);
    int anchor = group.nodes.front();
    int64_t freeElements = 0; // of one chunk of partitions
    for (int n : group.nodes) {
      const std::vector<int> &across = chosen[n].reducedLoops.empty() ? chosen[n].resultLoops : chosen[n].reducedLoops;
      int64_t total = 1;
      for (int loop = 0; loop < static_cast<int>(program.nodes[n].loops.size()); ++loop)
        total *= llvm::is_contained(across, loop) ? 1 : program.nodes[n].loops[loop].size;
      freeElements = std::max(freeElements, total);
    }
    std::vector<Group::Bound> first, rest;
    for (int loop = 0; loop < static_cast<int>(program.nodes[anchor].loops.size()); ++loop) {
      int id = classes.of(anchor, loop);
      Group::Bound bound;
      bool usable = true, partition = false;
      for (int n : group.nodes) {
        int own = classes.loopIn(n, id);
        if (own < 0 || program.nodes[n].loops[own].reduction) {
          usable = false;
          break;
        }
        bound.loops[n] = own;
        bound.size = program.nodes[n].loops[own].size;
        const Node &node = program.nodes[n];
        if (node.kind == NodeKind::Contraction)
          bound.single = bound.single || llvm::is_contained(classify(program, node).batch, own);
        auto consider = [&](const Layout &layout, const Access &access) {
          AtomId atom = access.atomOfLoop(own);
          for (size_t e = 0; e < layout.part.size(); ++e)
            if (atom >= 0 && layout.part[e].atom == atom) {
              partition = true;
              if (e > 0)
                usable = usable && layout.inner == 1;
              else
                bound.step = std::max(bound.step, layout.step);
            }
        };
        consider(requirements[n].output, node.output);
        for (size_t i = 0; i < node.inputs.size(); ++i)
          consider(requirements[n].inputs[i], node.inputs[i]);
      }
      if (!usable)
        continue;
      if (partition && !bound.single)
        widen(group, bound, freeElements);
      if (bound.single || partition)
        first.push_back(bound);
      else
        rest.push_back(bound);
    }
    if (hasContraction && group.nodes.size() > 1)
      group.masked = findMaskedLoop(program, group.nodes, group.local);
    group.bound = first;
    bool attention = hasContraction && group.nodes.size() > 1;
    if (attention)
      for (const Group::Bound &bound : first)
        freeElements /= bound.size / bound.step;
    // Free loops are cut from the outermost until a partition's elements stay small.
    for (Group::Bound &bound : rest) {
      if (freeElements <= kFreeElements && !hasContraction)
        break;
      if (attention) { // one coordinate at a time, so that a product's result is one tile, as long as an instruction has enough to do
        if (freeElements / bound.size >= kLeastElements)
          freeElements /= bound.size, group.bound.push_back(bound);
        continue;
      }
      int64_t inner = std::max<int64_t>(1, freeElements / bound.size);
      bound.step = std::max<int64_t>(1, std::min(bound.size, kFreeElements / inner));
      freeElements = inner * bound.step;
      group.bound.push_back(bound);
    }
    // Few iterations outside many: the inner loop then runs long without a break.
    if (attention)
      llvm::stable_sort(group.bound, [](const Group::Bound &a, const Group::Bound &b) { return a.size / a.step < b.size / b.step; });
  }
  return groups;
}

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
  if (const Node &node = program.nodes[group.nodes.front()]; group.nodes.size() == 1 && node.kind == NodeKind::Elementwise && node.body.size() == 1 &&
                                                             node.inputs.size() == 1 && program.storages[node.inputs[0].storage].kind == StorageKind::Input &&
                                                             versions[node.inputs[0].storage].empty() && !streamed[node.output.storage]) {
    ensureTarget(group.nodes.front());
    loc = node.loc;
    return transfer(targetOf(node), node, node.output, regions[node.inputs[0].storage], /*store=*/false, wholeRanges(node), &node.inputs[0]);
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
      if (int storage = program.nodes[result].output.storage; storage >= 0 && (local(storage) || (streamed[storage] && stepwise(program.nodes[n]))) && !stays) {
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

void Emitter::emitOutput(const Node &node) {
  loc = node.loc;
  int storage = node.inputs[0].storage;
  if (streamed[storage]) {
    if (!storesDirectly(node))
      copyToOutput(node);
    return;
  }
  const Storage &data = program.storages[storage];
  if (versions[storage].empty()) {
    // An input or a constant that is returned as it is: any layout will do.
    std::vector<PartitionEntry> part;
    if (!data.atoms.empty())
      part.push_back({data.atoms[0], program.atoms[data.atoms[0]].size});
    provide(storage, makeLayout(program, storage, part, chip.partitions), node.loc);
  }
  transfer(versions[storage].front(), node, node.inputs[0], outputRegions.at(node.name), /*store=*/true, wholeRanges(node));
}

} // namespace manaslu::tiling
