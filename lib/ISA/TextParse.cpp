// Reads instructions: one walk over the fields.
#include "lib/ISA/Codec.h"
#include "lib/ISA/FieldWalk.h"
#include "lib/ISA/Text.h"
#include "lib/ISA/TextCursor.h"

#include <cmath>
#include <set>

namespace manaslu::isa {

bool TextCursor::real(float &value) {
  skipSpace();
  if (take("bits:")) {
    uint32_t bits = 0;
    number<uint32_t>(bits, 0, UINT32_MAX, "the bits of an fp32");
    value = std::bit_cast<float>(bits);
    return !failed();
  }
  auto [end, problem] = std::from_chars(text_.data() + position_, text_.data() + text_.size(), value);
  if (problem != std::errc() || std::isnan(value))
    return fail("MN-ASM-VALUE", "expected an fp32 number (a NaN is written bits:0x7fc00000)");
  position_ = static_cast<size_t>(end - text_.data());
  return true;
}

template <class Dim, size_t n> static void parseDims(TextCursor &cursor, std::array<Dim, n> &dims) {
  std::array<Dim, n> given = {};
  size_t count = 0;
  cursor.expect("{");
  while (!cursor.failed() && !cursor.take("}")) {
    if (count == n) {
      cursor.fail("MN-ASM-VALUE", "at most " + std::to_string(n) + " dimensions are allowed");
      return;
    }
    if (count > 0)
      cursor.expect(",");
    Dim &dim = given[count++];
    using Stride = decltype(dim.stride);
    using Size = decltype(dim.size);
    cursor.expect("[");
    cursor.number<Stride>(dim.stride, std::numeric_limits<Stride>::min(), std::numeric_limits<Stride>::max(), "a stride");
    cursor.expect(",");
    cursor.number<Size>(dim.size, 1, std::numeric_limits<Size>::max(), "a size");
    cursor.expect("]");
  }
  dims = {};
  for (size_t i = 0; i < count; ++i)
    dims[n - count + i] = given[i];
}

static void parseType(TextCursor &cursor, DType &type) {
  cursor.expect(".");
  if (cursor.failed())
    return;
  std::string name(cursor.word("a type"));
  if (std::optional<DType> found = dtypeFromName(name))
    type = *found;
  else
    cursor.fail("MN-ASM-VALUE", "`" + name + "` is not a type: f32 tf32 bf16 f16 f8e4m3 f8e5m2 f8e3m4 i8 u8 i16 i32 bool");
}

static void parseRegister(TextCursor &cursor, uint8_t &reg) {
  cursor.expect("r");
  cursor.number<uint8_t>(reg, 0, kRegisterCount - 1, "a register number");
}

static void parse(TextCursor &cursor, TileOperand &operand) {
  std::string space(cursor.word("`sbuf` or `psum`"));
  if (std::optional<Space> found = spaceFromName(space))
    operand.space = *found;
  else
    cursor.fail("MN-ASM-VALUE", "`" + space + "` is not a place: sbuf psum");
  parseType(cursor, operand.type);
  cursor.expect("[");
  cursor.number<uint8_t>(operand.partition, 0, 127, "the first partition");
  cursor.expect(":");
  cursor.number<uint8_t>(operand.partitions, 1, 128, "the number of partitions");
  cursor.expect("]");
  cursor.expect("+");
  cursor.number<uint32_t>(operand.offset, 0, (1u << 24) - 1, "the byte offset");
  if (!cursor.failed() && cursor.take("+"))
    parseRegister(cursor, operand.reg);
  parseDims(cursor, operand.dims);
}

static void parseRegion(TextCursor &cursor, uint16_t &region, const std::vector<Region> *regions) {
  cursor.expect("@");
  bool quoted = cursor.peek('"');
  std::string name = cursor.name("a region");
  for (size_t i = 0; regions && i < regions->size() && i < 65536; ++i)
    if ((*regions)[i].name == name) {
      region = static_cast<uint16_t>(i);
      return;
    }
  uint32_t index = 0;
  auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), index);
  bool isNumber = !quoted && problem == std::errc() && end == name.data() + name.size() && index <= 65535;
  if (isNumber)
    region = static_cast<uint16_t>(index);
  else
    cursor.fail("MN-ASM-NAME", "there is no region `" + name + "`");
}

static void parse(TextCursor &cursor, DeviceOperand &operand, const std::vector<Region> *regions) {
  parseRegion(cursor, operand.region, regions);
  parseType(cursor, operand.type);
  cursor.expect("+");
  cursor.number<uint64_t>(operand.offset, 0, INT64_MAX, "the byte offset");
  if (!cursor.failed() && cursor.take("+")) {
    parseRegister(cursor, operand.reg);
    cursor.expect("*");
    cursor.number<int32_t>(operand.scale, INT32_MIN, INT32_MAX, "the scale");
  }
  parseDims(cursor, operand.dims);
}

template <class List> static void parseList(TextCursor &cursor, List &list, const char *what) {
  using Element = typename List::value_type;
  for (size_t i = 0; i < list.size(); ++i) {
    cursor.expect(i ? "," : "[");
    cursor.number<Element>(list[i], std::numeric_limits<Element>::min(), std::numeric_limits<Element>::max(), what);
  }
  cursor.expect("]");
}

static void parseBase(TextCursor &cursor, Narrowing &narrowing) {
  cursor.number<uint64_t>(narrowing.base, 0, UINT64_MAX, "the index of the first element");
  if (cursor.failed() || !cursor.take("+"))
    return;
  parseRegister(cursor, narrowing.baseReg);
  cursor.expect("*");
  cursor.number<int32_t>(narrowing.baseScale, INT32_MIN, INT32_MAX, "the scale");
}

static void parse(TextCursor &cursor, Narrowing &narrowing) {
  cursor.expect("{");
  std::set<std::string> given;
  while (!cursor.failed() && !cursor.take("}")) {
    std::string key(cursor.word("a part of the narrowing or `}`"));
    if (cursor.failed())
      return;
    if (!given.insert(key).second)
      cursor.fail("MN-ASM-NAME", "`" + key + "` is given twice");
    else if (key == "stochastic")
      narrowing.rounding = Rounding::Stochastic;
    else if (key == "propagate")
      narrowing.overflow = Overflow::Propagate;
    else if (key != "seed" && key != "site" && key != "step" && key != "base" && key != "strides")
      cursor.fail("MN-ASM-NAME", "`" + key + "` is not one of stochastic propagate seed site step base strides");
    else if (!cursor.expect("="))
      return;
    else if (key == "seed")
      cursor.number<uint64_t>(narrowing.seed, 0, UINT64_MAX, "the seed");
    else if (key == "site")
      cursor.number<uint32_t>(narrowing.site, 0, UINT32_MAX, "the rounding site");
    else if (key == "step")
      parseRegister(cursor, narrowing.stepReg);
    else if (key == "base")
      parseBase(cursor, narrowing);
    else
      parseList(cursor, narrowing.strides, "a stride");
  }
}

static void parseSemaphore(TextCursor &cursor, uint16_t &semaphore) {
  if (cursor.take("none")) {
    semaphore = kNoSemaphore;
    return;
  }
  cursor.expect("s");
  cursor.number<uint16_t>(semaphore, 0, kSemaphoreCount - 1, "a semaphore number");
}

/// The rest of `wait=` or `signal=`.
static void parseSync(TextCursor &cursor, std::string_view key, Sync &sync) {
  if (key == "signal")
    return parseSemaphore(cursor, sync.signalSem);
  parseSemaphore(cursor, sync.waitSem);
  cursor.expect(">=");
  cursor.number<uint32_t>(sync.waitValue, 0, UINT32_MAX, "the value to wait for");
  if (!cursor.failed() && cursor.take("+"))
    parseRegister(cursor, sync.waitReg);
}

template <class T> static void parseValue(TextCursor &cursor, T &value, const FieldLayout &layout, const std::vector<Region> *regions) {
  if constexpr (std::is_same_v<T, DeviceOperand>) {
    parse(cursor, value, regions);
  } else if constexpr (isOperand<T>) {
    parse(cursor, value);
  } else if constexpr (std::is_same_v<T, float>) {
    cursor.real(value);
  } else if constexpr (std::is_enum_v<T>) {
    std::string name(cursor.word("a name"));
    std::string all;
    for (int64_t i = 0; i <= layout.maximum; ++i) {
      if (nameOf(static_cast<T>(i)) == name) {
        value = static_cast<T>(i);
        return;
      }
      all += " " + std::string(nameOf(static_cast<T>(i)));
    }
    cursor.fail("MN-ASM-VALUE", "`" + name + "` is not one of" + all);
  } else if constexpr (isArray<T>) {
    for (size_t i = 0; i < value.size(); ++i) {
      cursor.expect(i ? "," : "[");
      parseValue(cursor, value[i], layout, regions);
    }
    cursor.expect("]");
  } else {
    if (std::is_same_v<T, uint8_t> && layout.width == 6)
      cursor.expect("r");
    bool limited = layout.minimum != 0 || layout.maximum != 0;
    cursor.number<T>(value, limited ? static_cast<T>(layout.minimum) : std::numeric_limits<T>::min(),
                     limited ? static_cast<T>(layout.maximum) : std::numeric_limits<T>::max(), std::string(layout.name).c_str());
  }
}

template <class I> static bool parseField(TextCursor &cursor, I &instruction, std::string_view key, uint64_t &given, const std::vector<Region> *regions) {
  bool found = false;
  uint64_t bit = 1;
  const FieldLayout *layout = instruction.layout.data();
  I::fields(instruction, [&](std::string_view name, auto &member) {
    using T = std::decay_t<decltype(member)>;
    if (name == key && !cursor.failed()) {
      found = true;
      if (given & bit)
        cursor.fail("MN-ASM-NAME", "field `" + std::string(key) + "` is given twice");
      given |= bit;
      if constexpr (std::is_same_v<T, bool>)
        member = true;
      else if (cursor.expect("="))
        parseValue(cursor, member, *layout, regions);
    }
    bit <<= 1;
    layout += entriesOf<T>();
  });
  return found;
}

/// Fields that are neither given nor optional.
template <class I> static std::string missingFields(const I &instruction, uint64_t given) {
  std::string missing;
  const FieldLayout *layout = instruction.layout.data();
  I::fields(instruction, [&](const char *name, const auto &member) {
    using T = std::decay_t<decltype(member)>;
    if (!(given & 1) && !layout->optional && !std::is_same_v<T, bool>)
      missing += std::string(missing.empty() ? "" : ", ") + name;
    given >>= 1;
    layout += entriesOf<T>();
  });
  return missing;
}

template <class I> static void parseFields(TextCursor &cursor, I &instruction, const std::vector<Region> *regions) {
  uint64_t given = 0;
  bool sawWait = false, sawSignal = false;
  while (!cursor.failed() && !cursor.atEnd()) {
    std::string key(cursor.word("a field"));
    if (key == "wait" || key == "signal") {
      bool &saw = key == "wait" ? sawWait : sawSignal;
      if (saw)
        cursor.fail("MN-ASM-NAME", "`" + key + "` is given twice");
      saw = true;
      if (cursor.expect("="))
        parseSync(cursor, key, instruction.sync);
    } else if (!cursor.failed() && !parseField(cursor, instruction, key, given, regions)) {
      cursor.fail("MN-ASM-NAME", std::string(I::mnemonic) + " has no field `" + key + "`");
    }
  }
  std::string missing = missingFields(instruction, given);
  if (!missing.empty())
    cursor.fail("MN-ASM-SYNTAX", std::string(I::mnemonic) + " lacks " + missing);
}

Result<Instruction> instructionFromText(std::string_view line, const std::vector<Region> *regions, const std::string &where) {
  TextCursor cursor(line, where);
  std::string mnemonic(cursor.word("an instruction"));
  std::optional<Instruction> instruction = instructionFromMnemonic(mnemonic);
  if (!instruction)
    cursor.fail("MN-ASM-NAME", "`" + mnemonic + "` is not an instruction");
  else
    std::visit([&](auto &inner) { parseFields(cursor, inner, regions); }, *instruction);
  if (cursor.failed())
    return cursor.error();
  return *instruction;
}

Result<TileOperand> tileFromText(std::string_view text) {
  TextCursor cursor(text, "");
  TileOperand operand;
  parse(cursor, operand);
  if (!cursor.failed() && !cursor.atEnd())
    cursor.fail("MN-ASM-SYNTAX", "unexpected text behind the operand");
  if (cursor.failed())
    return cursor.error();
  return operand;
}

Result<DeviceOperand> deviceFromText(std::string_view text, const std::vector<Region> *regions) {
  TextCursor cursor(text, "");
  DeviceOperand operand;
  parse(cursor, operand, regions);
  if (!cursor.failed() && !cursor.atEnd())
    cursor.fail("MN-ASM-SYNTAX", "unexpected text behind the operand");
  if (cursor.failed())
    return cursor.error();
  return operand;
}

Result<Narrowing> narrowingFromText(std::string_view text) {
  TextCursor cursor(text, "");
  Narrowing narrowing;
  parse(cursor, narrowing);
  if (!cursor.failed() && !cursor.atEnd())
    cursor.fail("MN-ASM-SYNTAX", "unexpected text behind the narrowing");
  if (cursor.failed())
    return cursor.error();
  return narrowing;
}

Result<Sync> syncFromText(std::string_view text) {
  TextCursor cursor(text, "");
  Sync sync;
  while (!cursor.failed() && !cursor.atEnd()) {
    std::string key(cursor.word("`wait` or `signal`"));
    if (key != "wait" && key != "signal")
      cursor.fail("MN-ASM-NAME", "`" + key + "` is neither `wait` nor `signal`");
    else if (cursor.expect("="))
      parseSync(cursor, key, sync);
  }
  if (cursor.failed())
    return cursor.error();
  return sync;
}

} // namespace manaslu::isa
