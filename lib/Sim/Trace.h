// What a running core tells about time, event by event, and the interface of whoever listens.
#pragma once

#include "lib/ISA/Instructions.h"

#include <cstdint>
#include <span>

namespace manaslu::sim {

/// Names the event of an instruction that increments a semaphore, for those who wait for it. 0: nobody does.
using TraceMark = uint64_t;

/// One instruction in time.
struct TraceEvent {
  isa::StreamId stream;
  uint32_t instruction;   ///< index in its stream
  int64_t startPs, endPs; ///< occupancy of the engine; of a DMA or control instruction that of the sequencer
};

/// A part of a transfer on one mover.
struct TracePiece {
  int mover;
  int64_t startPs, endPs;
};

/// Bytes of SBUF or PSUM that an instruction touches between two times: [low, high) of partitions first .. last - 1.
struct TraceAccess {
  isa::Space memory;
  int firstPartition, lastPartition;
  int64_t low, high;
  bool dense; ///< every byte between is touched
  bool reads, writes;
  int64_t startPs, endPs;
};

/// Listens to a run. The events of one stream come in the order of time and do not overlap, nor do the pieces of one mover; those of different ones come in the
/// order in which the machine decides about them, which is close to that of time.
class TraceSink {
public:
  virtual ~TraceSink() = default;

  /// The stream stood before an instruction until a semaphore or a barrier let it go on.
  virtual void waited(isa::StreamId stream, uint32_t instruction, int64_t fromPs, int64_t toPs) = 0;
  /// The next event of `stream` waited for `semaphore`, and the event `mark` made that wait hold.
  virtual void follows(isa::StreamId stream, uint16_t semaphore, TraceMark mark) = 0;
  /// An instruction of pe, ve, se or ge.
  virtual TraceMark work(const TraceEvent &event) = 0;
  /// A DMA instruction and what the movers do for it.
  virtual TraceMark transfer(const TraceEvent &event, std::span<const TracePiece> pieces) = 0;
  /// A control instruction that touches memory or increments a semaphore.
  virtual TraceMark control(const TraceEvent &event) = 0;
  /// In the order of issue; accesses to the same bytes, one of them a write, come in the order of time.
  virtual void access(const TraceAccess &access) = 0;
  /// The stream has ended.
  virtual void halted(isa::StreamId stream, uint32_t instruction, int64_t timePs) = 0;
};

} // namespace manaslu::sim
