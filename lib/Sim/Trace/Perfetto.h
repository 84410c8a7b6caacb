// Writes a run as a Perfetto trace (TrackEvent packets in the protocol buffer format); ui.perfetto.dev and trace_processor read it.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/ISA/Program.h"
#include "lib/Sim/Trace.h"
#include "lib/Sim/Trace/Occupancy.h"
#include "lib/Sim/Trace/PatchedFile.h"
#include "lib/Sim/Trace/Protobuf.h"

#include <array>
#include <map>
#include <memory>
#include <vector>

namespace manaslu::sim {

/// Tracks: the program; pe, ve, se, ge and each ring that has instructions; each mover; bytes of SBUF and PSUM in use. Times are simulated nanoseconds, rounded
/// down; each slice of an engine carries its exact picoseconds. Flows lead from the instruction whose increment made a wait hold to the one that waited, and
/// from a DMA instruction to its transfer. The same run gives the same bytes. Memory does not grow with the length of the run; the file grows by about 100
/// bytes a slice.
class PerfettoTrace final : public TraceSink {
public:
  /// Opens the file under a temporary name. `program` and `chip` must outlive the trace. MN-IO-002.
  static Result<std::unique_ptr<PerfettoTrace>> create(const std::string &path, const isa::Program &program, const Chip &chip);

  void waited(isa::StreamId stream, uint32_t instruction, int64_t fromPs, int64_t toPs) override;
  void follows(isa::StreamId stream, uint16_t semaphore, TraceMark mark) override;
  TraceMark work(const TraceEvent &event) override;
  TraceMark transfer(const TraceEvent &event, std::span<const TracePiece> pieces) override;
  TraceMark control(const TraceEvent &event) override;
  void access(const TraceAccess &access) override;
  void halted(isa::StreamId stream, uint32_t instruction, int64_t timePs) override;

  /// Completes the file and gives it its name. Without this call nothing is left. MN-IO-002.
  Status finish(int64_t timePs);

private:
  using Message = protobuf::Message;

  /// Text that is written once and named by number afterwards, by kind.
  struct Interned {
    uint32_t kind; ///< field of InternedData
    std::map<std::string, uint64_t, std::less<>> numbers;
  };

  /// What does not change between executions of an instruction: fields of its events.
  struct Label {
    std::string fields; ///< empty: not made yet
    uint64_t name = 0;
    int consumers = 0; ///< streams that wait for the semaphore it increments
  };

  struct StreamState {
    const std::vector<isa::Instruction> *code = nullptr;
    std::vector<Label> labels;
    std::vector<uint64_t> flows; ///< places of the marks that the next event follows
  };

  PerfettoTrace(const std::string &path, const isa::Program &program, const Chip &chip);

  void describeTracks();
  void describeTrack(uint64_t uuid, uint64_t parent, std::string_view name, bool counter = false);
  void openProgram();
  uint64_t define(Interned &table, std::string_view key, const Message &fields);
  uint64_t intern(Interned &table, std::string_view text);
  uint64_t internLocation(std::string_view file, uint64_t line);
  const Label &labelOf(isa::StreamId stream, uint32_t instruction);
  void annotate(Message &event, std::string_view name, uint64_t value);
  void annotateText(Message &event, std::string_view name, std::string_view text);

  void openPacket(uint64_t flags);
  void packet(uint32_t field, const Message &content);
  void begin(uint64_t type, uint64_t track, uint32_t category, uint64_t name);
  void putFlows(StreamState &state);
  /// Writes the event under construction; `room` places for flows that may begin here. Gives the place of the first.
  TraceMark put(int64_t timePs, int room = 0);
  void end(uint64_t track, int64_t timePs);
  TraceMark slice(const TraceEvent &event, uint32_t category, bool startsFlows);
  void samples(Occupancy &occupancy, uint64_t track);

  const isa::Program &program_;
  const Chip &chip_;
  PatchedFile file_;
  Message event_, packet_, framed_;
  Interned names_{2, {}}, annotations_{3, {}}, sources_{4, {}}, texts_{29, {}};
  std::array<StreamState, isa::kStreamCount> streams_;
  /// For each semaphore the streams that wait for it, ascending.
  std::array<std::vector<isa::StreamId>, isa::kSemaphoreCount> waiters_;
  Occupancy sbuf_, psum_;
  uint64_t exactName_ = 0, waitName_ = 0; ///< of an annotation and a slice that every track has
};

} // namespace manaslu::sim
