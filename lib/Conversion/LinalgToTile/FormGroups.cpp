// Which nodes run together: attention by its batches, runs of elementwise nodes and reductions by their partitions.
#include "lib/Conversion/LinalgToTile/Emitter.h"
#include "lib/Conversion/LinalgToTile/LoopClasses.h"

using namespace mlir;

namespace manaslu::tiling {

/// Elements of a partition that one elementwise step should not exceed: temporaries stay small, and engines work on different pieces at one time.
static constexpr int64_t kFreeElements = 512;
/// Elements of a partition that are worth an instruction of their own.
static constexpr int64_t kLeastElements = 128;

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
    // The group takes one coordinate at a time of the batches that all of it shares: where such a loop lies on the partitions, what is inside it must be whole
    // groups of 32.
    LoopClasses classes(program, members);
    auto startsAnywhere = [&](int member, int id) {
      const Layout &layout = requirements[member].output;
      AtomId atom = program.nodes[member].output.atomOfLoop(classes.loopIn(member, id));
      return atom >= 0 && !layout.part.empty() && layout.part[0].atom == atom && layout.step > 1 && layout.inner % 32 != 0;
    };
    auto sharedByAll = [&](int id) {
      return llvm::all_of(members, [&](int member) {
        int own = classes.loopIn(member, id);
        return own >= 0 && !program.nodes[member].loops[own].reduction;
      });
    };
    bool possible = true;
    for (int contraction : members)
      if (program.nodes[contraction].kind == NodeKind::Contraction)
        for (int batch : classify(program, program.nodes[contraction]).batch)
          if (int id = classes.of(contraction, batch); possible && sharedByAll(id))
            possible = llvm::none_of(members, [&](int member) { return startsAnywhere(member, id); });
    if (!possible)
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

} // namespace manaslu::tiling
