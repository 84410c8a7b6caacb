// Copies of a loop's iterations side by side.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

namespace manaslu::tile {

/// The body of a loop for several iterations in a row.
struct Unrolled {
  int loop = 0;
  int64_t factor = 1;
  std::vector<Leaf> leaves;    ///< `factor` copies of the body, in order
  std::vector<Buffer> buffers; ///< the model's, then storage of the copies after the first
};

/// Unrolls an innermost loop; `factor` divides its trips. The model stays as it is.
Unrolled unroll(const Model &model, int loop, int64_t factor);

/// Puts the unrolled body in the loop's place: in a loop of fewer trips or, where none is left, in the items around it.
void commit(Model &model, Unrolled unrolled);

} // namespace manaslu::tile
