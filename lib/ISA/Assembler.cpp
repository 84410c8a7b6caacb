// Assembler and disassembler of whole programs.
#include "lib/ISA/Assembler.h"

#include "lib/ISA/ProgramLayout.h"
#include "lib/ISA/Text.h"
#include "lib/ISA/TextCursor.h"

#include <algorithm>
#include <cstring>

namespace manaslu::isa {

namespace {

constexpr size_t kMaxLine = size_t(1) << 20;
constexpr size_t kMaxReports = 20;

class Assembler {
public:
  explicit Assembler(const std::string &fileName) : fileName_(fileName) { program_.name = "program"; }

  Result<Program> run(std::string_view text) {
    size_t number = 0;
    while (!text.empty() && error_.items().size() < kMaxReports) {
      size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
      ++number;
      if (line.size() > kMaxLine)
        error_.add("MN-ASM-SYNTAX", "the line has more than 1 MiB", where(number));
      else
        readLine(line, number);
    }
    if (!error_.empty())
      return error_;
    // Streams may stand in any order in the text.
    std::sort(program_.debug.begin(), program_.debug.end(),
              [](const DebugEntry &a, const DebugEntry &b) { return std::pair(a.stream, a.first) < std::pair(b.stream, b.first); });
    return std::move(program_);
  }

private:
  std::string where(size_t number) const { return fileName_ + ":" + std::to_string(number); }

  void readLine(std::string_view line, size_t number) {
    TextCursor cursor(line, where(number));
    if (cursor.atEnd())
      return;
    if (cursor.take(".")) {
      directive(cursor);
      if (!cursor.failed() && !cursor.atEnd())
        cursor.fail("MN-ASM-SYNTAX", "unexpected text at the end of the line");
      error_.append(cursor.error());
      return;
    }
    if (!stream_) {
      error_.add("MN-ASM-SYNTAX", "an instruction stands before the first .stream", where(number));
      return;
    }
    Result<Instruction> instruction = instructionFromText(line, &program_.regions, where(number));
    if (!instruction)
      return error_.append(instruction.error());
    std::vector<Instruction> &list = program_.streams[*stream_];
    program_.debug.push_back({*stream_, static_cast<uint32_t>(list.size()), 0, where(number)});
    list.push_back(std::move(*instruction));
  }

  void directive(TextCursor &cursor) {
    std::string name(cursor.word("a directive"));
    if (name == "program") {
      program_.name = cursor.name("the program's name");
    } else if (name == "chip") {
      std::string chip(cursor.name("a chip"));
      if (!cursor.failed() && !isCleanName(chip))
        cursor.fail("MN-ASM-NAME", "a chip's name must be 1 to 255 bytes of UTF-8 without control characters");
      else if (!cursor.failed())
        program_.chipJson = nlohmann::json(chip).dump();
    } else if (name == "region") {
      region(cursor);
    } else if (name == "stream") {
      std::string stream(cursor.word("a stream"));
      stream_ = streamFromName(stream);
      if (!stream_)
        cursor.fail("MN-ASM-NAME", "`" + stream + "` is not a stream: pe ve se ge dma0 .. dma15");
      else if (!program_.streams.emplace(*stream_, std::vector<Instruction>()).second)
        cursor.fail("MN-ASM-NAME", "stream " + stream + " is given twice");
    } else if (!cursor.failed()) {
      cursor.fail("MN-ASM-NAME", "`." + name + "` is not a directive: .program .chip .region .stream");
    }
  }

  /// name kind type [shape] [host TYPE] [values ... | bits ... | zeros]
  void region(TextCursor &cursor) {
    Region region;
    region.name = cursor.name("the region's name");
    std::string kind(cursor.word("the region's kind")), type(cursor.word("a type"));
    std::optional<RegionKind> foundKind = regionKindFromName(kind);
    std::optional<DType> foundType = dtypeFromName(type);
    if (!cursor.failed() && !foundKind)
      cursor.fail("MN-ASM-VALUE", "`" + kind + "` is not a kind of region: input output constant state scratch");
    if (!cursor.failed() && !foundType)
      cursor.fail("MN-ASM-VALUE", "`" + type + "` is not a type: f32 tf32 bf16 f16 f8e4m3 f8e5m2 f8e3m4 i8 u8 i16 i32 bool");
    for (const Region &other : program_.regions)
      if (other.name == region.name)
        cursor.fail("MN-ASM-NAME", "region " + region.name + " is given twice");
    if (cursor.failed())
      return;
    region.kind = *foundKind;
    region.type = *foundType;
    region.bytes = static_cast<uint64_t>(sizeOf(region.type));
    shape(cursor, region);
    if (!cursor.failed() && cursor.take("host"))
      region.hostType = cursor.word("a host type");
    if (cursor.failed())
      return;
    program_.regions.push_back(region);
    data(cursor, region);
  }

  void shape(TextCursor &cursor, Region &region) {
    cursor.expect("[");
    while (!cursor.failed() && !cursor.take("]")) {
      if (!region.shape.empty())
        cursor.expect(",");
      int64_t size = 0;
      cursor.number<int64_t>(size, 1, INT32_MAX, "a dimension");
      region.shape.push_back(size);
      if (__builtin_mul_overflow(region.bytes, static_cast<uint64_t>(size), &region.bytes))
        cursor.fail("MN-SHAPE-OVERFLOW", "the region has 2^64 bytes or more");
    }
  }

  void data(TextCursor &cursor, const Region &region) {
    bool zeros = cursor.take("zeros"), values = !zeros && cursor.take("values"), bits = !zeros && !values && cursor.take("bits");
    if (!zeros && !values && !bits)
      return;
    if (region.bytes > kMaxLine)
      return void(cursor.fail("MN-ASM-VALUE", "data in text are for regions of at most 1 MiB"));
    std::vector<std::byte> bytes(region.bytes);
    size_t unit = static_cast<size_t>(sizeOf(region.type));
    for (size_t at = 0; !zeros && at < bytes.size() && !cursor.failed(); at += unit) {
      uint32_t element = 0;
      if (bits) {
        cursor.number<uint32_t>(element, 0, unit == 4 ? UINT32_MAX : (1u << (8 * unit)) - 1, "the bits of an element");
      } else if (region.type == DType::F32 || region.type == DType::TF32) {
        float value = 0;
        cursor.real(value);
        element = std::bit_cast<uint32_t>(value);
      } else if (isInteger(region.type)) {
        integer(cursor, region.type, element);
      } else {
        cursor.fail("MN-ASM-VALUE", "elements of type " + std::string(nameOf(region.type)) + " are given as `bits`");
      }
      std::memcpy(bytes.data() + at, &element, unit);
    }
    program_.addConstant(static_cast<uint32_t>(program_.regions.size() - 1), std::move(bytes));
  }

  static void integer(TextCursor &cursor, DType type, uint32_t &element) {
    int bits = 8 * sizeOf(type);
    bool isUnsigned = type == DType::U8 || type == DType::Bool;
    int64_t value = 0, low = isUnsigned ? 0 : -(int64_t(1) << (bits - 1)), high = type == DType::Bool ? 1 : isUnsigned ? 255 : (int64_t(1) << (bits - 1)) - 1;
    cursor.number<int64_t>(value, low, high, "an element");
    element = static_cast<uint32_t>(value);
  }

  const std::string &fileName_;
  Program program_;
  std::optional<StreamId> stream_;
  Error error_;
};

std::string chipName(const Program &program) {
  nlohmann::json chip = nlohmann::json::parse(program.chipJson, nullptr, false);
  if (chip.is_object() && chip.contains("name") && chip["name"].is_string())
    chip = nlohmann::json(chip["name"]);
  return chip.is_string() ? chip.get<std::string>() : std::string();
}

void printRegion(const Region &region, const ConstantData *data, uint64_t maxDataBytes, std::string &text) {
  text += ".region " + quoteName(region.name) + " " + std::string(nameOf(region.kind)) + " " + std::string(nameOf(region.type)) + " [";
  for (size_t i = 0; i < region.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(region.shape[i]);
  text += "]";
  if (!region.hostType.empty())
    text += " host " + region.hostType;
  if (data && !data->fill && region.bytes <= maxDataBytes) {
    text += " bits";
    size_t unit = static_cast<size_t>(sizeOf(region.type));
    for (size_t at = 0; at < data->bytes.size(); at += unit) {
      uint32_t element = 0;
      std::memcpy(&element, data->bytes.data() + at, unit);
      char number[16];
      snprintf(number, sizeof(number), " 0x%x", element);
      text += number;
    }
  } else if (data) {
    text += " ; " + std::to_string(region.bytes) + " bytes of data not shown";
  }
  text += "\n";
}

} // namespace

Result<Program> assemble(std::string_view text, const std::string &fileName) { return Assembler(fileName).run(text); }

std::string disassemble(const Program &program, uint64_t maxDataBytes) {
  std::string text = ".program " + quoteName(program.name) + "\n";
  if (std::string chip = chipName(program); !chip.empty())
    text += ".chip " + quoteName(chip) + "\n";
  for (uint32_t i = 0; i < program.regions.size(); ++i)
    printRegion(program.regions[i], program.constantOf(i), maxDataBytes, text);
  for (const auto &[id, instructions] : program.streams) {
    text += "\n.stream " + nameOf(id) + "\n";
    size_t depth = 1;
    for (const Instruction &instruction : instructions) {
      depth -= std::holds_alternative<EndLoop>(instruction) && depth > 1;
      text += std::string(2 * depth, ' ') + toText(instruction, &program.regions) + "\n";
      depth += std::holds_alternative<Loop>(instruction);
    }
  }
  return text;
}

} // namespace manaslu::isa
