// Instructions to 64-bit words and back. The decoder accepts exactly what the encoder gives.
#pragma once

#include "lib/ISA/Instructions.h"
#include "lib/Support/Error.h"

#include <span>
#include <vector>

namespace manaslu::isa {

/// Whether every value lies within the limits of its field; else MN-ISA-RANGE naming the instruction, field, value and limits.
Status checkRanges(const Instruction &instruction);

/// Words of the encoding (fixed by the opcode).
int wordsOf(const Instruction &instruction);

/// Appends the encoding. Values beyond their fields are cut off: call checkRanges first when they come from outside.
void encode(const Instruction &instruction, std::vector<uint64_t> &words);
std::vector<uint64_t> encode(const Instruction &instruction);

/// Whether both have the same encoding: equality that tells -0 from 0 and takes a NaN as equal to itself.
bool sameBits(const Instruction &a, const Instruction &b);

/// Decodes the instruction at the start of `words`; `used`, when given, gets how many it took.
/// MN-ISA-DECODE: unknown opcode, too few words, reserved bits set, a value beyond its limits.
Result<Instruction> decode(std::span<const uint64_t> words, size_t *used = nullptr);

/// Decodes a whole stream; errors carry the index of the instruction and the byte offset.
Result<std::vector<Instruction>> decodeStream(std::span<const uint64_t> words, std::string_view streamName);

/// The instruction of that name with its fields at their initial values, or nothing.
std::optional<Instruction> instructionFromMnemonic(std::string_view mnemonic);

} // namespace manaslu::isa
