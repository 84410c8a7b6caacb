// Encoding: docs/ISA.md says "the decoder accepts exactly what the encoder gives", and every field has its own bits.
#include "lib/ISA/Codec.h"

#include "lib/ISA/Text.h"
#include "test/programs/RandomInstructions.h"

#include <catch2/catch.hpp>
#include <set>

using namespace manaslu;
using namespace manaslu::isa;

static constexpr size_t kKinds = std::variant_size_v<Instruction>;

TEST_CASE("every kind of instruction survives encoding and decoding", "[ISA]") {
  uint64_t seed = test::testSeed();
  INFO("MANASLU_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (size_t kind = 0; kind < kKinds; ++kind)
    for (int i = 0; i < 50; ++i) {
      Instruction instruction = test::randomInstruction(kind, random);
      REQUIRE(checkRanges(instruction));
      std::vector<uint64_t> words = encode(instruction);
      REQUIRE(words.size() == static_cast<size_t>(wordsOf(instruction)));
      size_t used = 0;
      Result<Instruction> decoded = decode(words, &used);
      INFO(toText(instruction));
      REQUIRE(decoded);
      CHECK(used == words.size());
      CHECK(sameBits(*decoded, instruction));
    }
}

TEST_CASE("every kind of instruction survives printing and parsing", "[ISA]") {
  uint64_t seed = test::testSeed();
  INFO("MANASLU_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (size_t kind = 0; kind < kKinds; ++kind)
    for (int i = 0; i < 50; ++i) {
      Instruction instruction = test::randomInstruction(kind, random);
      std::string text = toText(instruction);
      INFO(text);
      Result<Instruction> parsed = instructionFromText(text, nullptr, "test:1");
      if (!parsed)
        FAIL(parsed.error().text());
      CHECK(toText(*parsed) == text);
      CHECK(sameBits(*parsed, instruction));
    }
}

TEST_CASE("a flipped bit gives another valid instruction or a refusal, never the same one", "[ISA]") {
  uint64_t seed = test::testSeed();
  INFO("MANASLU_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (size_t kind = 0; kind < kKinds; ++kind) {
    Instruction instruction = test::randomInstruction(kind, random);
    std::vector<uint64_t> words = encode(instruction);
    for (size_t bit = 0; bit < 64 * words.size(); ++bit) {
      std::vector<uint64_t> damaged = words;
      damaged[bit / 64] ^= uint64_t(1) << (bit % 64);
      size_t used = 0;
      Result<Instruction> decoded = decode(damaged, &used);
      if (!decoded) {
        CHECK(decoded.error().items().front().code == "MN-ISA-DECODE");
        continue;
      }
      REQUIRE(used <= damaged.size());
      damaged.resize(used);
      CHECK(encode(*decoded) == damaged);
    }
  }
}

TEST_CASE("mnemonics and opcodes are unique", "[ISA]") {
  std::mt19937_64 random(1);
  std::set<std::string_view> mnemonics;
  std::set<uint64_t> opcodes;
  for (size_t kind = 0; kind < kKinds; ++kind) {
    Instruction instruction = test::randomInstruction(kind, random);
    CHECK(mnemonics.insert(mnemonicOf(instruction)).second);
    CHECK(opcodes.insert(encode(instruction)[0] & 255).second);
    CHECK(instructionFromMnemonic(mnemonicOf(instruction))->index() == kind);
  }
}

TEST_CASE("the decoder names what it refuses", "[ISA]") {
  auto refusal = [](std::vector<uint64_t> words) {
    Result<Instruction> result = decode(words);
    REQUIRE(!result);
    CHECK(result.error().items().front().code == "MN-ISA-DECODE");
    return result.error().items().front().message;
  };
  CHECK(refusal({}) == "no words left");
  CHECK(refusal({0}) == "unknown opcode 0");
  CHECK(refusal({255}) == "unknown opcode 255");
  std::vector<uint64_t> words = encode(Copy());
  words.pop_back();
  CHECK(refusal(words) == "copy takes 13 words, the stream has 12 left");
  words = encode(Copy());
  words[1] |= uint64_t(1) << 63;
  CHECK(refusal(words) == "copy: reserved bits are set in word 1 (0x8000000000000000)");
  words = encode(Copy());
  words[1] &= ~(uint64_t(255) << 12);
  CHECK(refusal(words) == "copy: partitions is 0, outside 1..128");
  words = encode(Halt());
  words[0] |= uint64_t(511) << 8;
  CHECK(refusal(words) == "halt: waitSem is 511, outside 0..256");
}

TEST_CASE("a stream's refusal names instruction and byte", "[ISA]") {
  std::vector<uint64_t> words = encode(Copy());
  words.push_back(0);
  Result<std::vector<Instruction>> result = decodeStream(words, "ve");
  REQUIRE(!result);
  CHECK(result.error().items().front().where == "stream ve, instruction 1 at byte 104");
}

TEST_CASE("values that do not fit are refused before encoding", "[ISA]") {
  Iota iota;
  iota.dst.partitions = 129;
  iota.sync.waitReg = 64;
  Status status = checkRanges(iota);
  REQUIRE(!status);
  CHECK(status.error().items().size() == 2);
  CHECK(status.error().items()[0].message == "iota: waitReg is 64, outside 0..63");
}
