// Programs as fuzzer inputs: a template (regions, chip and input data of a generated program, chosen by the first byte), then streams of encoded instructions.
#pragma once

#include "test/programs/Case.h"

#include <cstdint>
#include <span>

namespace manaslu::fuzz {

/// Templates to choose from.
inline constexpr int kTemplates = 64;

/// The generated program that template `number` stands for. Made once.
const test::Case &templateCase(int number);

/// The program's streams behind the number of its template: per stream its number, two bytes with its words (at most 65535), the words.
std::vector<uint8_t> pack(int number, const isa::Program &program);

/// The template's case with the streams of the input; a stream that does not decode, or is cut off, ends the list. Nothing for empty input.
std::optional<test::Case> unpack(std::span<const uint8_t> bytes);

/// The chip of an unpacked case, parsed once for all with the same one.
const Chip &chipOf(const test::Case &input);

/// libFuzzer's custom mutator for packed programs: changes values, moves, doubles and leaves out instructions, sometimes changes raw bytes.
size_t mutatePacked(uint8_t *data, size_t size, size_t maxSize, unsigned seed);

} // namespace manaslu::fuzz
