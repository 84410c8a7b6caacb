// How many bytes of an on-chip memory hold values that are still to be read, over time.
#pragma once

#include "lib/Sim/Trace.h"

#include <utility>
#include <vector>

namespace manaslu::sim {

/// Follows the values of one memory. A value holds its bytes from its first write to its last read; one that nobody reads holds none. Values are told apart in
/// cells of 32 partitions by 32 bytes: a write over all bytes of a cell's value begins a new value there, another one belongs to the value that is there.
/// Takes memory for the cells and for a bounded number of changes: when there are more than 2^18, they give way to averages over the steps of a coarser grid.
class Occupancy {
public:
  /// Bytes are those of one partition.
  Occupancy(int64_t partitions, int64_t bytes);

  void access(const TraceAccess &access);

  /// A time in nanoseconds and the bytes that are held from then on.
  using Sample = std::pair<int64_t, int64_t>;
  /// Every change, in the order of time. Ends all values; call it once.
  std::vector<Sample> finish();

private:
  struct Cell {
    int64_t since = -1;        ///< nanoseconds; -1: holds no value
    int64_t until = -1;        ///< end of the last read
    int64_t low = 0, high = 0; ///< bytes of a partition
    int64_t partitions = 0;
  };

  /// Ends a value; neighbours with the same times are added up.
  void close(const Cell &cell);
  void flush();
  void merge();
  void compact();

  int64_t cellsOfGroup_;
  std::vector<Cell> cells_; ///< [group of partitions][cell]
  Cell closing_;            ///< `since` and `until` of the values being added up
  int64_t closingBytes_ = 0;
  std::vector<std::pair<int64_t, double>> changes_; ///< time, bytes more or less
  int64_t grid_ = 1;                                ///< nanoseconds
};

} // namespace manaslu::sim
