// Which instruction waits for what: dependences over physical bytes, followed through every iteration, folded into affine semaphore waits.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

#include <map>

namespace manaslu::tile {

/// Waits until semaphore `channel` has reached value + sum over the loops of count * iteration.
struct SemaphoreWait {
  int channel = 0;
  int64_t value = 0;
  llvm::SmallVector<Term, 2> terms; ///< Term::bytes counts increments
};

/// The synchronisation of a program. A channel is a semaphore: 0 to 3 count the instructions of pe, ve, se, ge; the others belong to transfers.
struct SyncPlan {
  std::vector<llvm::SmallVector<SemaphoreWait, 2>> leafWaits;                             ///< by leaf; the last one is the latest to hold
  std::map<std::pair<isa::StreamId, int>, llvm::SmallVector<SemaphoreWait, 2>> loopWaits; ///< before a loop starts in a stream
  std::map<int, int64_t> credits;         ///< increments of a channel before anything else, by the stream that signals it
  std::map<int, isa::StreamId> signaller; ///< of each channel
  int64_t waits = 0;                      ///< static waits
  int64_t instances = 0;                  ///< instructions executed
};

struct SyncOptions {
  int constantChannels = 64;       ///< semaphores of the constants' ring
  int loopChannels = 8;            ///< of each ring for loads in loops
  int otherChannels = 24;          ///< of each other ring
  int64_t bytesInFlight = 1 << 20; ///< of constants, at least two transfers: the movers serve first come first served, so a deep queue would delay other rings
  int64_t mostInstances = 8'000'000; ///< MN-MEM-SIZE above
};

/// Gives each leaf its channel and plans all waits. Errors: MN-MEM-SIZE, MN-INTERNAL.
Result<SyncPlan> synchronise(Model &model, const SyncOptions &options);

} // namespace manaslu::tile
