// Encoder, decoder and range check: one walk over the generated layout tables each.
#include "lib/ISA/Codec.h"

#include "lib/ISA/FieldWalk.h"

namespace manaslu::isa {

static constexpr uint64_t maskOf(int width) { return width == 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1; }

namespace {

bool inRange(int64_t number, const FieldLayout &layout) {
  bool limited = layout.minimum != 0 || layout.maximum != 0;
  return !limited || (number >= layout.minimum && number <= layout.maximum);
}

std::string outOfRange(std::string_view mnemonic, int64_t number, const FieldLayout &layout) {
  return std::string(mnemonic) + ": " + std::string(layout.name) + " is " + std::to_string(number) + ", outside " + std::to_string(layout.minimum) + ".." +
         std::to_string(layout.maximum);
}

/// The integer in the field's bits of its word, sign-extended when its range is signed.
int64_t extract(uint64_t word, const FieldLayout &layout) {
  uint64_t bits = (word >> layout.low) & maskOf(layout.width);
  bool negative = layout.minimum < 0 && layout.width < 64 && (bits >> (layout.width - 1));
  return static_cast<int64_t>(negative ? bits | ~maskOf(layout.width) : bits);
}

// The three walks. Each is one type for all instructions, so that their operands share code.

struct RangeCheck {
  std::string_view mnemonic;
  Error error;
  template <class T> void operator()(const T &value, const FieldLayout &layout, int) {
    if (!inRange(toBits(value), layout))
      error.add("MN-ISA-RANGE", outOfRange(mnemonic, toBits(value), layout));
  }
};

struct Encode {
  uint64_t *words;
  template <class T> void operator()(const T &value, const FieldLayout &layout, int firstWord) {
    words[firstWord + layout.word] |= (static_cast<uint64_t>(toBits(value)) & maskOf(layout.width)) << layout.low;
  }
};

struct Decode {
  const uint64_t *words;
  std::string_view mnemonic;
  std::string problem; ///< the first value beyond its limits
  template <class T> void operator()(T &value, const FieldLayout &layout, int firstWord) {
    int64_t number = extract(words[firstWord + layout.word], layout);
    if (!inRange(number, layout) && problem.empty())
      problem = outOfRange(mnemonic, number, layout);
    value = fromBits<T>(number);
  }
};

} // namespace

Status checkRanges(const Instruction &instruction) {
  RangeCheck check;
  std::visit(
      [&](const auto &inner) {
        check.mnemonic = inner.mnemonic;
        walkInstruction(inner, check);
      },
      instruction);
  return check.error;
}

int wordsOf(const Instruction &instruction) {
  return std::visit([](const auto &inner) { return inner.words; }, instruction);
}

template <class I> static void encodeInto(const I &instruction, uint64_t *words) {
  words[0] = I::opcode;
  walkInstruction(instruction, Encode{words});
}

void encode(const Instruction &instruction, std::vector<uint64_t> &words) {
  std::visit(
      [&](const auto &inner) {
        size_t start = words.size();
        words.resize(start + inner.words, 0);
        encodeInto(inner, words.data() + start);
      },
      instruction);
}

std::vector<uint64_t> encode(const Instruction &instruction) {
  std::vector<uint64_t> words;
  encode(instruction, words);
  return words;
}

bool sameBits(const Instruction &a, const Instruction &b) { return encode(a) == encode(b); }

static Error decodeError(std::string message) { return Error("MN-ISA-DECODE", std::move(message)); }

static std::string hex(uint64_t value) {
  char text[19];
  snprintf(text, sizeof(text), "0x%016llx", static_cast<unsigned long long>(value));
  return text;
}

template <class I> static Result<Instruction> decodeAs(std::span<const uint64_t> words, size_t *used) {
  std::string name(I::mnemonic);
  if (words.size() < static_cast<size_t>(I::words))
    return decodeError(name + " takes " + std::to_string(I::words) + " words, the stream has " + std::to_string(words.size()) + " left");
  I instruction;
  Decode walk{words.data(), I::mnemonic, {}};
  walkInstruction(instruction, walk);
  if (!walk.problem.empty())
    return decodeError(walk.problem);
  uint64_t again[I::words] = {};
  encodeInto(instruction, again);
  for (int i = 0; i < I::words; ++i)
    if (again[i] != words[i])
      return decodeError(name + ": reserved bits are set in word " + std::to_string(i) + " (" + hex(words[i] ^ again[i]) + ")");
  if (used)
    *used = I::words;
  return Instruction(instruction);
}

using Decoder = Result<Instruction> (*)(std::span<const uint64_t>, size_t *);

/// One decoder per opcode, null where there is no instruction.
template <size_t... i> static constexpr std::array<Decoder, 256> makeDecoders(std::index_sequence<i...>) {
  std::array<Decoder, 256> table = {};
  ((table[std::variant_alternative_t<i, Instruction>::opcode] = &decodeAs<std::variant_alternative_t<i, Instruction>>), ...);
  return table;
}
static constexpr auto kDecoders = makeDecoders(std::make_index_sequence<std::variant_size_v<Instruction>>());

Result<Instruction> decode(std::span<const uint64_t> words, size_t *used) {
  if (words.empty())
    return decodeError("no words left");
  Decoder decoder = kDecoders[words[0] & 255];
  if (!decoder)
    return decodeError("unknown opcode " + std::to_string(words[0] & 255));
  return decoder(words, used);
}

Result<std::vector<Instruction>> decodeStream(std::span<const uint64_t> words, std::string_view streamName) {
  std::vector<Instruction> instructions;
  for (size_t position = 0; position < words.size();) {
    size_t used = 0;
    Result<Instruction> instruction = decode(words.subspan(position), &used);
    if (!instruction) {
      std::string where =
          "stream " + std::string(streamName) + ", instruction " + std::to_string(instructions.size()) + " at byte " + std::to_string(position * 8);
      return Error("MN-ISA-DECODE", instruction.error().items().front().message, where);
    }
    instructions.push_back(std::move(*instruction));
    position += used;
  }
  return instructions;
}

template <size_t... i> static std::optional<Instruction> findMnemonic(std::string_view mnemonic, std::index_sequence<i...>) {
  std::optional<Instruction> found;
  ((std::variant_alternative_t<i, Instruction>::mnemonic == mnemonic ? void(found.emplace(std::variant_alternative_t<i, Instruction>())) : void()), ...);
  return found;
}

std::optional<Instruction> instructionFromMnemonic(std::string_view mnemonic) {
  return findMnemonic(mnemonic, std::make_index_sequence<std::variant_size_v<Instruction>>());
}

} // namespace manaslu::isa
