// Union of loops over the atoms that they index.
#include "lib/Conversion/LinalgToTile/LoopClasses.h"

namespace manaslu::tiling {

LoopClasses::LoopClasses(const TensorProgram &program, const std::vector<int> &nodes) : program(program) {
  std::vector<int64_t> sizes;
  for (int n : nodes)
    for (size_t loop = 0; loop < program.nodes[n].loops.size(); ++loop) {
      ids[{n, static_cast<int>(loop)}] = parent.size();
      parent.push_back(parent.size());
      sizes.push_back(program.nodes[n].loops[loop].size);
    }
  std::map<AtomId, int> byAtom;
  for (int n : nodes) {
    auto join = [&](const Access &access) {
      for (const AtomIndex &index : access.atoms)
        if (index.loops.size() == 1 && index.loops[0].second == 1) {
          int id = ids.at({n, index.loops[0].first});
          auto [at, fresh] = byAtom.insert({index.atom, id});
          if (!fresh && sizes[id] == sizes[at->second])
            parent[root(id)] = root(at->second);
        }
    };
    for (const Access &input : program.nodes[n].inputs)
      if (llvm::any_of(program.storages[input.storage].writers, [&](int w) { return llvm::is_contained(nodes, w); }))
        join(input);
    if (program.nodes[n].output.storage >= 0)
      join(program.nodes[n].output);
  }
}

int LoopClasses::of(int node, int loop) const { return root(ids.at({node, loop})); }

int LoopClasses::loopIn(int node, int id) const {
  for (size_t loop = 0; loop < program.nodes[node].loops.size(); ++loop)
    if (of(node, loop) == id)
      return loop;
  return -1;
}

int LoopClasses::root(int i) const {
  while (parent[i] != i)
    i = parent[i];
  return i;
}

} // namespace manaslu::tiling
