// The generator's keeper of order: appends instructions to streams in one global order that always makes progress, and adds the semaphores, registers, loops
// and barriers that make every execution equivalent to that order.
#pragma once

#include "test/programs/Case.h"
#include "test/programs/Ground.h"

#include <map>

namespace manaslu::test {

/// Registers by use: 0 zero, 1..kAddressRegisters addresses, then the iteration, the products that waits add, the loop counts, and those of data.
inline constexpr uint8_t kAddressRegisters = 8, kIterationRegister = 9, kFirstWaitRegister = 10, kLastWaitRegister = 44, kCountRegister = 45,
                         kFirstDataRegister = 50, kLastDataRegister = 62;

/// A part of the program: the same loop nest in every stream that takes part in it, around instructions that are ordered by semaphores.
class Schedule {
public:
  Schedule(Dice &dice, isa::Program &program, Ground &ground, std::vector<isa::StreamId> streams);

  /// Words of an input region from which address registers may be loaded; multiples of 4, small.
  void setOffsets(uint16_t region, std::vector<uint32_t> values);

  /// Opens a segment. `nest`: counts of the loops, outermost first; empty: none; a count of 0: the segment is never executed.
  void begin(std::vector<uint32_t> nest);
  /// The address registers of the stream in this segment, with their values.
  const RegisterValues &registersOf(isa::StreamId stream) const { return registers_.at(stream); }
  std::vector<uint8_t> addressRegistersOf(isa::StreamId stream) const;
  /// Appends an instruction in global order; false (and nothing is appended) when it is a transfer onto its own source.
  bool append(isa::StreamId stream, isa::Instruction instruction);
  /// Closes the segment; with `barrier` each iteration ends with a barrier of all streams.
  void finish(bool barrier);
  /// Clears some semaphores between two barriers.
  void clearSemaphores();
  /// Ends every stream.
  void halt();

  const std::vector<isa::StreamId> &streams() const { return streams_; }
  uint32_t iterations() const { return iterations_; }

private:
  struct Access {
    Box box;
    bool writes;
  };
  struct Need {
    size_t entry;
    bool previous; ///< of the iteration before
  };
  struct Entry {
    isa::StreamId stream;
    isa::Instruction instruction;
    std::vector<Access> accesses;
    bool isTransfer = false;
    size_t signaller = 0;              ///< the entry whose increment says that this one is complete
    std::map<uint16_t, uint32_t> past; ///< values to wait for on behalf of earlier segments
    std::vector<Need> needs;
  };
  /// An access of an earlier segment: complete when the semaphore has the value.
  struct Past {
    Access access;
    isa::StreamId stream;
    bool isTransfer;
    uint16_t semaphore;
    uint32_t value;
  };
  struct Frame {
    std::vector<isa::Instruction> before, top, bottom; ///< a stream's set-up before the loops, and at the start and end of an iteration
  };
  struct WaitFor {
    uint16_t semaphore;
    uint32_t value;  ///< in the first iteration
    uint32_t growth; ///< per iteration
  };

  static bool inLine(const Entry &earlier, isa::StreamId stream) { return earlier.stream == stream && !earlier.isTransfer; }
  static bool conflict(const Entry &a, const Entry &b);
  uint16_t freshSemaphore();
  uint16_t channelOf(isa::StreamId stream);
  void setUpAddresses(isa::StreamId stream);
  void push(Entry entry);
  void chooseSignal(size_t index);
  void needPrevious();
  void signalEverything();
  void countSignals();
  std::vector<WaitFor> waitsOf(const Entry &entry);
  void emit(isa::StreamId stream, bool barrier);
  void emitEntry(isa::StreamId stream, const Entry &entry, std::vector<isa::Instruction> &body);
  void placeWait(isa::StreamId stream, const WaitFor &wait, isa::Sync &sync);
  void remember();

  Dice &dice_;
  isa::Program &program_;
  Ground &ground_;
  std::vector<isa::StreamId> streams_;
  uint16_t offsetsRegion_ = 0;
  std::vector<uint32_t> offsets_;

  std::map<isa::StreamId, uint16_t> channels_;
  std::vector<uint16_t> freeSemaphores_;
  std::array<uint32_t, isa::kSemaphoreCount> counts_{}; ///< increments in all earlier segments
  std::map<isa::StreamId, std::map<uint16_t, uint32_t>> waited_;
  std::vector<Past> past_;

  // Of the open segment.
  std::vector<uint32_t> nest_;
  uint32_t iterations_ = 1;
  std::vector<Entry> entries_;
  std::map<isa::StreamId, RegisterValues> registers_;
  std::map<isa::StreamId, Frame> frames_;
  std::map<isa::StreamId, std::map<uint16_t, uint32_t>> waitedHere_;
  std::map<isa::StreamId, std::map<uint32_t, uint8_t>> waitRegisters_; ///< the register that holds growth times the iteration
  std::map<uint16_t, std::vector<size_t>> signallers_;
  std::map<uint16_t, uint32_t> credits_;
  std::map<uint16_t, bool> sealed_; ///< semaphores of transfers in this segment: somebody waits already
};

} // namespace manaslu::test
