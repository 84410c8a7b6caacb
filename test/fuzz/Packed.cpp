// Packing and unpacking of programs.
#include "test/fuzz/Packed.h"

#include "lib/ISA/Codec.h"
#include "test/programs/Generator.h"

#include <cstring>
#include <map>

namespace manaslu::fuzz {

const test::Case &templateCase(int number) {
  static std::map<int, test::Case> cases;
  auto found = cases.find(number);
  if (found == cases.end())
    found = cases.emplace(number, test::generate(static_cast<uint64_t>(number))).first;
  return found->second;
}

std::vector<uint8_t> pack(int number, const isa::Program &program) {
  std::vector<uint8_t> bytes = {static_cast<uint8_t>(number)};
  for (const auto &[id, code] : program.streams) {
    std::vector<uint64_t> words;
    for (const isa::Instruction &instruction : code)
      isa::encode(instruction, words);
    words.resize(std::min<size_t>(words.size(), 65535));
    bytes.insert(bytes.end(), {static_cast<uint8_t>(id), static_cast<uint8_t>(words.size()), static_cast<uint8_t>(words.size() >> 8)});
    auto *raw = reinterpret_cast<const uint8_t *>(words.data());
    bytes.insert(bytes.end(), raw, raw + words.size() * 8);
  }
  return bytes;
}

std::optional<test::Case> unpack(std::span<const uint8_t> bytes) {
  if (bytes.empty())
    return std::nullopt;
  test::Case result = templateCase(bytes[0] % kTemplates);
  result.program.streams.clear();
  bytes = bytes.subspan(1);
  while (bytes.size() >= 3) {
    auto id = static_cast<isa::StreamId>(bytes[0] % isa::kStreamCount);
    size_t count = std::min<size_t>(bytes[1] | bytes[2] << 8, (bytes.size() - 3) / 8);
    std::vector<uint64_t> words(count);
    if (count > 0)
      std::memcpy(words.data(), bytes.data() + 3, count * 8);
    bytes = bytes.subspan(3 + count * 8);
    Result<std::vector<isa::Instruction>> code = isa::decodeStream(words, isa::nameOf(id));
    if (!code)
      break;
    result.program.streams[id] = std::move(*code);
  }
  return result;
}

const Chip &chipOf(const test::Case &input) {
  static std::map<std::string, Chip> chips;
  const std::string &json = input.program.chipJson;
  auto found = chips.find(json);
  if (found == chips.end())
    found = chips.emplace(json, *parseChip(json, "template")).first;
  return found->second;
}

} // namespace manaslu::fuzz
