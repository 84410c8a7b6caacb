// Segments of random instructions, then stores of what they left.
#include "test/programs/Generator.h"

#include "test/programs/Compose.h"
#include "test/programs/RandomInstructions.h"

#include <algorithm>

namespace manaslu::test {

Chip smallChip(std::string_view preset) {
  Chip chip = *findChip(preset);
  chip.name = "small-" + std::string(preset);
  chip.description = "The preset with small memories, for random programs";
  chip.sbufBytesPerPartition = 4096;
  chip.sbufReservedBytes = 1024;
  chip.psumBanks = 4;
  chip.psumBankBytes = 512;
  chip.pe.movingLimit = 128;
  chip.deviceBytes = 1 << 20;
  return chip;
}

namespace {

/// Streams that work: all engines most of the time, one to four rings.
std::vector<isa::StreamId> chooseStreams(Dice &dice, const Chip &chip) {
  std::vector<isa::StreamId> streams;
  for (isa::StreamId stream : {isa::StreamId::Pe, isa::StreamId::Ve, isa::StreamId::Se, isa::StreamId::Ge})
    if ((stream != isa::StreamId::Ge || chip.has(Engine::Ge)) && dice.chance(85))
      streams.push_back(stream);
  for (int64_t i = dice.between(1, 4); i > 0; --i) {
    isa::StreamId ring = isa::dmaStream(static_cast<int>(dice.between(0, chip.dmaRings - 1)));
    if (std::ranges::find(streams, ring) == streams.end())
      streams.push_back(ring);
  }
  return streams;
}

std::vector<uint32_t> chooseNest(Dice &dice) {
  std::vector<uint32_t> nest;
  if (dice.chance(45))
    return nest;
  for (int64_t depth = dice.between(1, 3); depth > 0; --depth)
    nest.push_back(static_cast<uint32_t>(dice.chance(3) ? 0 : dice.between(1, depth > 1 ? 2 : 4)));
  return nest;
}

void addInstruction(Dice &dice, Schedule &schedule, Composer &composer, Placement &placement);

/// More products on the same acc, with something else between them now and then: the machine computes them together, when it must.
void addProducts(const isa::Matmul &first, isa::StreamId stream, Dice &dice, Schedule &schedule, Composer &composer, Placement &placement) {
  for (int64_t more = dice.between(1, 6); more > 0; --more) {
    if (dice.chance(20))
      addInstruction(dice, schedule, composer, placement);
    if (std::optional<isa::Matmul> next = composer.another(first, stream))
      schedule.append(stream, *next);
  }
}

/// One instruction for a stream in which it may stand.
void addInstruction(Dice &dice, Schedule &schedule, Composer &composer, Placement &placement) {
  auto kind = static_cast<size_t>(dice.between(0, std::variant_size_v<isa::Instruction> - 1));
  isa::StreamFamily family = isa::familyOf(isa::test::instructionOfKind(kind));
  std::vector<isa::StreamId> homes;
  for (isa::StreamId stream : schedule.streams())
    if (isa::allowedIn(family, stream))
      homes.push_back(stream);
  if (homes.empty())
    return;
  isa::StreamId stream = dice.pick(homes);
  std::optional<isa::Instruction> instruction = composer.compose(kind, stream);
  if (!instruction || !schedule.append(stream, *instruction))
    return;
  for (const sim::OperandUse &use : sim::operandsOf(*instruction))
    if (use.isTile() && use.access != sim::Access::Read && schedule.iterations() > 0)
      placement.noteWritten(use.tile());
  if (const auto *matmul = std::get_if<isa::Matmul>(&*instruction); matmul && dice.chance(60))
    addProducts(*matmul, stream, dice, schedule, composer, placement);
}

} // namespace

Case generate(uint64_t seed) {
  Dice dice(seed);
  Case result;
  result.seed = seed;
  static constexpr std::array<std::string_view, 5> kPresets = {"mt1", "mt1", "mt2", "mt2", "mi1"};
  Chip chip = smallChip(dice.pick(kPresets));
  result.program.name = "random";
  result.program.chipJson = toJson(chip);
  Ground ground;
  Placement placement(dice, chip, result, ground);
  Schedule schedule(dice, result.program, ground, chooseStreams(dice, chip));
  placement.prepare(schedule);
  Composer composer(dice, chip, placement);
  for (int64_t segments = dice.between(1, 5); segments > 0; --segments) {
    schedule.begin(chooseNest(dice));
    for (int64_t count = dice.between(1, 14); count > 0; --count)
      addInstruction(dice, schedule, composer, placement);
    schedule.finish(dice.chance(12));
    if (dice.chance(10))
      schedule.clearSemaphores();
  }
  schedule.begin({});
  placement.next(schedule.streams().back());
  placement.storeResults();
  schedule.finish(false);
  schedule.halt();
  return result;
}

} // namespace manaslu::test
