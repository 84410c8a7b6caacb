// The chip file's schema, written once: every key with its range and meaning, visited by the reader, the writer and the reference.
#pragma once

#include "lib/Chip/Chip.h"

#include <limits>

namespace manaslu {

namespace chipfile {

inline constexpr int64_t kBig = int64_t(1) << 50;

template <class V, class C> void describeMemory(V &v, C &c) {
  v.object("sbuf", "on-chip memory of a core, two-dimensional", [&](auto &o) {
    o.integer("partitions", c.partitions, 1, 128, "partitions of SBUF and PSUM, also the lanes of ve, se and ge");
    o.integer("bytes_per_partition", c.sbufBytesPerPartition, 1024, 1 << 24, "bytes of one partition");
    o.integer("reserved_bytes", c.sbufReservedBytes, 0, 1 << 24, "bytes at the end of a partition that no program may use");
    o.integer("wide_stride_bytes", c.wideStrideBytes, 1, 1 << 20, "an innermost stride at least this wide halves an engine's bandwidth");
    o.boolean("port_shared_by_ve_and_ge", c.sbufPortShared, "ve and ge exclude each other while both use SBUF");
  });
  v.object("psum", "accumulators of the matrix engine", [&](auto &o) {
    o.integer("banks", c.psumBanks, 1, 64, "banks of a partition; the result of a matmul lies in one bank");
    o.integer("bank_bytes", c.psumBankBytes, 64, 1 << 20, "bytes of a bank in one partition");
    o.boolean("port_shared_by_ve_and_se", c.psumPortShared, "ve and se exclude each other while both use PSUM");
  });
  v.object("device_memory", "off-chip memory", [&](auto &o) {
    o.integer("bytes", c.deviceBytes, 1 << 20, kBig, "size, of the chip");
    o.integer("megabytes_per_second", c.deviceMegabytesPerSecond, 1, kBig, "bandwidth, of the chip");
  });
  v.object("control", "sequencers and semaphores", [&](auto &o) {
    o.integer("semaphores", c.semaphores, 1, 256, "counting semaphores of a core");
    o.integer("registers", c.registers, 1, 64, "registers of a stream, 32 bits each");
    o.integer("loop_nest", c.loopNest, 1, 8, "greatest nesting of hardware loops");
    o.integer("semaphore_cycles", c.semaphoreCycles, 0, 1 << 20, "cycles of the waiter's clock until an increment is seen");
    o.integer("register_cycles", c.controlCycles, 0, 1 << 20, "cycles of a register instruction");
    o.integer("start_stop_ns", c.startStopNs, 0, kBig, "start and stop of a whole program, reported apart");
  });
}

template <class V, class C> void describeCosts(V &v, C &c, Engine engine) {
  v.object("costs", "cycles of each operation: max(minimum, fixed + per_element * N)", [&](auto &o) {
    for (int i = 0; i < kOperationCount; ++i) {
      auto operation = static_cast<Operation>(i);
      if (engineOf(operation) == engine)
        o.cost(nameOf(operation), c.costs[i]);
    }
  });
}

template <class V, class E> void describeLanes(V &o, E &e) {
  o.integer("clock_mhz", e.clockMhz, 1, 100000, "clock");
  o.integer("drain_cycles", e.drainCycles, 0, 1 << 20, "cycles from the end of occupancy to the last byte written");
  o.types("types", e.types, "types of operands in memory");
}

template <class V, class C> void describeEngines(V &v, C &c) {
  v.object("pe", "matrix engine", [&](auto &o) {
    o.integer("clock_mhz", c.pe.clockMhz, 1, 100000, "clock");
    o.integer("rows", c.pe.rows, 1, 128, "largest contraction of one instruction (K)");
    o.integer("columns", c.pe.columns, 1, 128, "largest stationary width (M)");
    o.integer("moving_limit", c.pe.movingLimit, 1, 65535, "largest moving width (N)");
    o.integer("drain_cycles", c.pe.drainCycles, 0, 1 << 20, "cycles from the end of occupancy to the last byte written");
    o.integer("load_cycles", c.pe.loadCycles, 0, 1 << 20, "cycles per pass to load the stationary operand");
    o.integer("word_transpose_factor", c.pe.wordFactor, 1, 64, "a transpose of a 4-byte type takes so many times the cycles");
    o.integer("warm_up_busy_ns", c.pe.warmUpBusyNs, 0, kBig, "busy time until full speed; 0: always at full speed");
    o.integer("warm_up_gap_ns", c.pe.warmUpGapNs, 0, kBig, "an idle gap longer than this starts the warm-up again");
    o.integer("warm_up_factor", c.pe.warmUpFactor, 1, 64, "times the cycles while warming up");
    o.matrixTypes("types", c.pe.types, "types that can be multiplied: passes and energy relative to bf16");
    describeCosts(o, c, Engine::Pe);
  });
  v.object("ve", "vector engine", [&](auto &o) {
    describeLanes(o, c.ve);
    describeCosts(o, c, Engine::Ve);
  });
  v.object("se", "scalar engine (activations)", [&](auto &o) {
    describeLanes(o, c.se);
    o.integer("reduce_extra_cycles", c.reduceExtraCycles, 0, 1 << 20, "further cycles of an activation with a running sum");
    describeCosts(o, c, Engine::Se);
  });
  v.optionalObject("ge", c.ge, "gpsimd engine, or null", [&](auto &o, auto &ge) {
    describeLanes(o, ge);
    describeCosts(o, c, Engine::Ge);
  });
}

template <class V, class C> void describeTransfers(V &v, C &c) {
  v.object("dma", "transfers between memories", [&](auto &o) {
    o.integer("rings", c.dmaRings, 1, 16, "instruction streams");
    o.integer("movers", c.dmaMovers, 1, 128, "units that move rows");
    o.integer("clock_mhz", c.dmaClockMhz, 1, 100000, "clock of the rings' sequencers");
    o.integer("mover_megabytes_per_second", c.moverMegabytesPerSecond, 1, kBig, "rate of one mover");
    o.integer("latency_ns", c.dmaLatencyNs, 0, 1 << 30, "before the first byte; overlaps other transfers");
    o.integer("row_ns", c.dmaRowNs, 0, 1 << 30, "fixed part of a contiguous row: max(b / rate, row_ns + b / (burst_percent * rate))");
    o.integer("burst_percent", c.dmaBurstPercent, 1, 10000, "rate within a row, of the mover's rate");
    o.integer("transpose_percent", c.dmaTransposePercent, 1, 100, "of the rate, for a transposing transfer");
  });
  v.object("collectives", "exchange between cores", [&](auto &o) {
    o.integer("latency_ns", c.collectiveLatencyNs, 0, kBig, "of one collective");
    o.integer("link_megabytes_per_second", c.linkMegabytesPerSecond, 1, kBig, "rate between two cores");
  });
}

template <class V, class C> void describeEnergy(V &v, C &c) {
  v.object("energy", "constants with the range in which they are believed to lie", [&](auto &o) {
    o.energy("mac_pj", c.macPj, "one bf16 multiply-accumulate");
    o.energy("lane_operation_pj", c.laneOpPj, "one fp32 operation of a lane of ve, se or ge");
    o.energy("sbuf_byte_pj", c.sbufBytePj, "one byte read from or written to SBUF");
    o.energy("psum_byte_pj", c.psumBytePj, "one byte read from or written to PSUM");
    o.integer("psum_bytes_per_accumulate", c.psumBytesPerAccumulate, 0, 64, "bytes of PSUM that one accumulation moves");
    o.energy("device_byte_pj", c.deviceBytePj, "one byte of device memory");
    o.energy("dma_block_pj", c.dmaBlockPj, "one started block of a row");
    o.integer("dma_block_bytes", c.dmaBlockBytes, 1, 1 << 30, "size of that block");
    o.energy("semaphore_pj", c.semaphorePj, "one increment of a semaphore");
    o.energy("static_watts", c.staticWatts, "static power of a core, in watts");
  });
}

/// Calls `v` for every key of the chip file in the order in which it is written.
template <class V, class C> void describe(V &v, C &c) {
  v.text("name", c.name, "short name, shown in reports");
  v.text("description", c.description, "one sentence");
  v.integer("cores", c.cores, 1, 1024, "cores of the chip");
  describeMemory(v, c);
  describeEngines(v, c);
  v.boolean("stochastic_rounding", c.stochasticRounding, "narrowing may round stochastically");
  describeTransfers(v, c);
  describeEnergy(v, c);
  v.texts("fitted", c.fitted, "keys of constants, such as dma.latency_ns, that were fitted to measured programs; all others are published or chosen");
}

} // namespace chipfile

} // namespace manaslu
