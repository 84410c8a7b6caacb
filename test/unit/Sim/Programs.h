// Small programs made of structs, for the tests of the machine.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/Sim/Machine.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

namespace manaslu::test {

using namespace manaslu::isa;
namespace sim = manaslu::sim;

inline TileOperand tile(Space space, DType type, int partitions, uint32_t offset, int elements) {
  TileOperand operand;
  operand.space = space;
  operand.type = type;
  operand.partitions = static_cast<uint8_t>(partitions);
  operand.offset = offset;
  operand.dims[3] = {1, static_cast<uint16_t>(elements)};
  return operand;
}
inline TileOperand sbuf(DType type, int partitions, uint32_t offset, int elements) { return tile(Space::Sbuf, type, partitions, offset, elements); }
inline TileOperand psum(int partitions, uint32_t offset, int elements) { return tile(Space::Psum, DType::F32, partitions, offset, elements); }

/// A row-major [partitions, elements] matrix at the start of a region.
inline DeviceOperand matrix(uint16_t region, DType type, int partitions, int elements, uint64_t offset = 0) {
  DeviceOperand operand;
  operand.region = region;
  operand.type = type;
  operand.offset = offset;
  operand.dims[3] = {int64_t(elements) * sizeOf(type), static_cast<uint32_t>(partitions)};
  operand.dims[4] = {sizeOf(type), static_cast<uint32_t>(elements)};
  return operand;
}

template <class I> I waiting(I instruction, int semaphore, uint32_t value) {
  instruction.sync.waitSem = static_cast<uint16_t>(semaphore);
  instruction.sync.waitValue = value;
  return instruction;
}
template <class I> I signalling(I instruction, int semaphore) {
  instruction.sync.signalSem = static_cast<uint16_t>(semaphore);
  return instruction;
}

/// A program for `chip` under construction.
struct Builder {
  Program program;

  explicit Builder(const char *chip = "mt1") {
    program.name = "test";
    program.chipJson = toJson(*findChip(chip));
  }
  uint16_t region(const char *name, RegionKind kind, DType type, std::vector<int64_t> shape) {
    uint64_t bytes = static_cast<uint64_t>(sizeOf(type));
    for (int64_t size : shape)
      bytes *= static_cast<uint64_t>(size);
    bool bound = kind == RegionKind::Input || kind == RegionKind::Output;
    program.regions.push_back({name, kind, type, std::move(shape), bound ? "float32" : "", bytes});
    return static_cast<uint16_t>(program.regions.size() - 1);
  }
  Builder &add(StreamId stream, Instruction instruction) {
    program.streams[stream].push_back(std::move(instruction));
    return *this;
  }
  /// Ends every stream.
  const Program &done() {
    for (auto &[id, instructions] : program.streams)
      instructions.push_back(Halt{});
    return program;
  }
};

inline std::vector<float> normal(size_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(n);
  for (float &value : values)
    value = distribution(engine);
  return values;
}

/// Remembers the instructions of a run.
struct Recorder final : sim::TraceSink {
  std::vector<sim::TraceEvent> events;

  /// When the instructions of a stream started.
  std::vector<int64_t> startsOf(StreamId stream) const {
    std::vector<int64_t> starts;
    for (const sim::TraceEvent &event : events)
      if (event.stream == stream)
        starts.push_back(event.startPs);
    return starts;
  }

  void waited(StreamId, uint32_t, int64_t, int64_t) override {}
  void follows(StreamId, uint16_t, sim::TraceMark) override {}
  sim::TraceMark work(const sim::TraceEvent &event) override { return events.push_back(event), 0; }
  sim::TraceMark transfer(const sim::TraceEvent &event, std::span<const sim::TracePiece>) override { return events.push_back(event), 0; }
  sim::TraceMark control(const sim::TraceEvent &) override { return 0; }
  void access(const sim::TraceAccess &) override {}
  void halted(StreamId, uint32_t, int64_t) override {}
};

/// Runs with fp32 inputs and one fp32 output.
struct Run {
  std::vector<float> output;
  Result<sim::RunResult> result;
};
inline Run run(sim::Machine &machine, const std::vector<std::vector<float>> &inputs, size_t outputElements, const sim::RunOptions &options = {}) {
  std::vector<std::span<const std::byte>> in;
  for (const std::vector<float> &input : inputs)
    in.push_back(std::as_bytes(std::span(input)));
  std::vector<float> output(outputElements);
  std::vector<std::span<std::byte>> out;
  if (outputElements)
    out.push_back(std::as_writable_bytes(std::span(output)));
  auto result = machine.run(in, out, options);
  return {std::move(output), std::move(result)};
}

/// The code of the first error of a run without inputs and outputs, "" when it succeeds.
inline std::string codeOf(const Program &program, const sim::RunOptions &options = {}) {
  auto machine = sim::Machine::create(program);
  if (!machine)
    return machine.error().items()[0].code;
  auto result = machine->run({}, {}, options);
  return result ? "" : result.error().items()[0].code;
}

} // namespace manaslu::test
