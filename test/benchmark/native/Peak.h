// The host's arithmetic peak: what the figures of the simulator are shares of.
#pragma once

namespace manaslu::benchmark {

/// fp32 operations per second (a fused multiply-add is two) of `threads` threads that do nothing else, with the widest vectors of this CPU.
double measureFusedPeak(int threads);

} // namespace manaslu::benchmark
