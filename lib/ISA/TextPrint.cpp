// Prints instructions: one walk over the fields.
#include "lib/ISA/FieldWalk.h"
#include "lib/ISA/Text.h"
#include "lib/ISA/TextCursor.h"

#include <cmath>

namespace manaslu::isa {

std::string toText(float value) {
  if (std::isnan(value)) {
    char text[20];
    snprintf(text, sizeof(text), "bits:0x%08x", std::bit_cast<uint32_t>(value));
    return text;
  }
  char text[64];
  auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return std::string(text, end);
}

std::string quoteName(std::string_view name) {
  bool bare = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
  for (char c : name)
    bare = bare && TextCursor::isWordCharacter(c);
  if (bare)
    return std::string(name);
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

template <class Dims> static std::string dimsText(const Dims &dims) {
  size_t first = 0;
  while (first < dims.size() && dims[first].stride == 0 && dims[first].size == 1)
    ++first;
  std::string text = "{";
  for (size_t i = first; i < dims.size(); ++i)
    text += (i > first ? ",[" : "[") + std::to_string(dims[i].stride) + "," + std::to_string(dims[i].size) + "]";
  return text + "}";
}

std::string toText(const TileOperand &operand) {
  std::string text = std::string(nameOf(operand.space)) + "." + std::string(nameOf(operand.type)) + "[" + std::to_string(operand.partition) + ":" +
                     std::to_string(operand.partitions) + "]+" + std::to_string(operand.offset);
  if (operand.reg)
    text += "+r" + std::to_string(operand.reg);
  return text + dimsText(operand.dims);
}

std::string toText(const DeviceOperand &operand, const std::vector<Region> *regions) {
  bool named = regions && operand.region < regions->size();
  std::string text = "@" + (named ? quoteName((*regions)[operand.region].name) : std::to_string(operand.region));
  text += "." + std::string(nameOf(operand.type)) + "+" + std::to_string(operand.offset);
  if (operand.reg || operand.scale)
    text += "+r" + std::to_string(operand.reg) + "*" + std::to_string(operand.scale);
  return text + dimsText(operand.dims);
}

template <class List> static std::string listText(const List &list) {
  std::string text;
  for (auto element : list)
    text += (text.empty() ? "[" : ",") + std::to_string(element);
  return text + "]";
}

std::string toText(const Narrowing &narrowing) {
  std::string text;
  auto add = [&text](bool wanted, const std::string &part) {
    if (wanted)
      text += (text.empty() ? "" : " ") + part;
  };
  const Narrowing initial;
  bool moves = narrowing.baseReg || narrowing.baseScale;
  add(narrowing.rounding != initial.rounding, std::string(nameOf(narrowing.rounding)));
  add(narrowing.overflow != initial.overflow, std::string(nameOf(narrowing.overflow)));
  add(narrowing.seed, "seed=" + std::to_string(narrowing.seed));
  add(narrowing.site, "site=" + std::to_string(narrowing.site));
  add(narrowing.stepReg, "step=r" + std::to_string(narrowing.stepReg));
  add(narrowing.base || moves, "base=" + std::to_string(narrowing.base) +
                                   (moves ? "+r" + std::to_string(narrowing.baseReg) + "*" + std::to_string(narrowing.baseScale) : std::string()));
  add(narrowing.strides != initial.strides, "strides=" + listText(narrowing.strides));
  return "{" + text + "}";
}

std::string toText(const Sync &sync) {
  std::string text;
  if (sync.waitSem != kNoSemaphore || sync.waitReg || sync.waitValue) {
    text = "wait=" + (sync.waitSem == kNoSemaphore ? std::string("none") : "s" + std::to_string(sync.waitSem)) + ">=" + std::to_string(sync.waitValue);
    if (sync.waitReg)
      text += "+r" + std::to_string(sync.waitReg);
  }
  if (sync.signalSem != kNoSemaphore)
    text += (text.empty() ? "signal=s" : " signal=s") + std::to_string(sync.signalSem);
  return text;
}

template <class T> static std::string valueText(const T &value, const FieldLayout &layout, const std::vector<Region> *regions) {
  if constexpr (std::is_same_v<T, DeviceOperand>) {
    return toText(value, regions);
  } else if constexpr (isOperand<T> || std::is_same_v<T, float>) {
    return toText(value);
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(nameOf(value));
  } else if constexpr (isArray<T>) {
    return listText(value);
  } else {
    bool isRegister = std::is_same_v<T, uint8_t> && layout.width == 6;
    return (isRegister ? "r" : "") + std::to_string(value);
  }
}

template <class T> static bool sameValue(const T &a, const T &b) {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
  else
    return a == b;
}

template <class I> static std::string instructionText(const I &instruction, const std::vector<Region> *regions) {
  std::string text(I::mnemonic);
  const FieldLayout *layout = instruction.layout.data();
  const I initial;
  auto print = [&](const char *name, const auto &member, const auto &initialMember) {
    using T = std::decay_t<decltype(member)>;
    bool omitted = layout->optional && sameValue(member, initialMember);
    if constexpr (std::is_same_v<T, bool>) {
      if (member)
        text += std::string(" ") + name;
    } else if (!omitted) {
      text += std::string(" ") + name + "=" + valueText(member, *layout, regions);
    }
    layout += entriesOf<T>();
  };
  I::zip(print, instruction, initial);
  std::string sync = toText(instruction.sync);
  return sync.empty() ? text : text + " " + sync;
}

std::string toText(const Instruction &instruction, const std::vector<Region> *regions) {
  return std::visit([&](const auto &inner) { return instructionText(inner, regions); }, instruction);
}

} // namespace manaslu::isa
