// Reads the records and gives every value its place.
#include "tools/manaslu-tblgen/Model.h"

#include "llvm/TableGen/Error.h"

#include <algorithm>
#include <map>

using namespace llvm;

namespace manaslu::tblgen {

/// Hands out bits in order and notices when two values claim the same one.
class BitAllocator {
public:
  BitAllocator(const Record *owner, int firstWord) : owner_(owner), word_(firstWord) {}

  void place(Field &field) {
    if (field.words) {
      startWord();
      field.places.push_back({word_, 0});
      for (int i = 0; i < field.words; ++i)
        claim(word_ + i, 0, 64, field.name);
      word_ += field.words;
      low_ = 0;
      return;
    }
    for (int i = 0; i < field.count; ++i) {
      if (low_ + field.width > 64)
        startWord();
      field.places.push_back({word_, low_});
      claim(word_, low_, field.width, field.name);
      low_ += field.width;
    }
  }

  void placeAt(Field &field, int word, int low) {
    if (low + field.width > 64)
      PrintFatalError(owner_->getLoc(), "field '" + field.name + "' ends at bit " + Twine(low + field.width) + ", beyond its 64-bit word");
    field.places.push_back({word, low});
    claim(word, low, field.width, field.name);
  }

  int words() const { return word_ + (low_ > 0); }

private:
  void startWord() {
    if (low_ > 0)
      ++word_;
    low_ = 0;
  }

  void claim(int word, int low, int width, const std::string &name) {
    for (int bit = low; bit < low + width; ++bit) {
      auto [entry, fresh] = owners_.insert({word * 64 + bit, name});
      if (!fresh)
        PrintFatalError(owner_->getLoc(), "fields '" + entry->second + "' and '" + name + "' overlap at word " + Twine(word) + " bit " + Twine(bit));
    }
  }

  const Record *owner_;
  int word_, low_ = 0;
  std::map<int, std::string> owners_;
};

static Field readField(const Record *record) {
  const Record *kind = record->getValueAsDef("kind");
  Field field;
  field.name = record->getValueAsString("name").str();
  field.text = record->getValueAsString("text").str();
  field.cppType = kind->getValueAsString("cppType").str();
  field.initialValue = kind->getValueAsString("initialValue").str();
  field.width = kind->getValueAsInt("width");
  field.count = kind->getValueAsInt("count");
  field.words = kind->getValueAsInt("words");
  field.minimum = kind->getValueAsInt("minimum");
  field.maximum = kind->getValueAsInt("maximum");
  field.isFloat = kind->getValueAsBit("isFloat");
  field.optional = record->getValueAsBit("optional");
  field.isEnum = kind->isSubClassOf("Isa_EnumKind");
  if (field.words)
    field.width = 64 * field.words;
  else if (!field.isFloat && field.width < 63 &&
           (field.minimum >= 0 ? field.maximum >= (int64_t(1) << field.width) : field.maximum >= (int64_t(1) << (field.width - 1))))
    PrintFatalError(record->getLoc(), "field '" + field.name + "': " + Twine(field.maximum) + " does not fit in " + Twine(field.width) + " bits");
  return field;
}

static std::vector<Field> readFields(const Record *owner, int firstWord, int *words) {
  BitAllocator bits(owner, firstWord);
  std::vector<Field> fields;
  for (const Record *record : owner->getValueAsListOfDefs("fields")) {
    Field field = readField(record);
    int word = record->getValueAsInt("word");
    if (word >= 0)
      bits.placeAt(field, word, record->getValueAsInt("low"));
    else
      bits.place(field);
    fields.push_back(std::move(field));
  }
  if (words)
    *words = bits.words();
  return fields;
}

static Enumeration readEnumeration(const Record *record) {
  Enumeration enumeration{record->getValueAsString("className").str(), record->getValueAsString("summary").str(), {}};
  for (const Record *entry : record->getValueAsListOfDefs("enumerants")) {
    if (entry->getValueAsInt("value") != static_cast<int64_t>(enumeration.cases.size()))
      PrintFatalError(record->getLoc(), "codes of '" + enumeration.name + "' must count from 0 without gaps");
    enumeration.cases.push_back({entry->getValueAsString("symbol").str(), entry->getValueAsString("str").str()});
  }
  return enumeration;
}

static Instruction readInstruction(const Record *record) {
  Instruction instruction;
  instruction.record = record;
  StringRef name = record->getName();
  if (!name.consume_front("Isa_") || !name.consume_back("Op"))
    PrintFatalError(record->getLoc(), "an instruction's record is named Isa_<Struct>Op");
  instruction.structName = name.str();
  instruction.mnemonic = record->getValueAsString("mnemonic").str();
  const Record *family = record->getValueAsDef("family");
  instruction.family = family->getValueAsString("symbol").str();
  instruction.streams = family->getValueAsString("streams").str();
  instruction.description = record->getValueAsString("description").str();
  instruction.cost = record->getValueAsString("cost").str();
  instruction.opcode = record->getValueAsInt("opcode");
  if (instruction.opcode < 1 || instruction.opcode > 255)
    PrintFatalError(record->getLoc(), "opcode " + Twine(instruction.opcode) + " is outside 1..255");
  instruction.fields = readFields(record, 1, &instruction.words);
  for (StringRef rule : record->getValueAsListOfStrings("rules"))
    instruction.rules.push_back(rule.str());
  return instruction;
}

static Operand readOperand(const Record *record) {
  Operand operand{record->getValueAsString("cppType").str(), record->getValueAsString("text").str(), static_cast<int>(record->getValueAsInt("words")), {}};
  operand.fields = readFields(record, 0, nullptr);
  for (const Field &field : operand.fields)
    if (field.places.front().first >= operand.words)
      PrintFatalError(record->getLoc(), "field '" + field.name + "' lies beyond the operand's " + Twine(operand.words) + " words");
  return operand;
}

InstructionSet readInstructionSet(const RecordKeeper &records) {
  InstructionSet set;
  for (const Record *record : records.getAllDerivedDefinitions("Isa_Enum"))
    set.enumerations.push_back(readEnumeration(record));
  for (const Record *record : records.getAllDerivedDefinitions("Isa_Operand"))
    set.operands.push_back(readOperand(record));
  set.header = readFields(records.getDef("HeaderLayout"), 0, nullptr);
  for (const Record *record : records.getAllDerivedDefinitions("Isa_Instruction"))
    set.instructions.push_back(readInstruction(record));
  std::sort(set.instructions.begin(), set.instructions.end(), [](const Instruction &a, const Instruction &b) { return a.opcode < b.opcode; });
  for (size_t i = 1; i < set.instructions.size(); ++i)
    if (set.instructions[i].opcode == set.instructions[i - 1].opcode)
      PrintFatalError(set.instructions[i].record->getLoc(),
                      "opcode " + Twine(set.instructions[i].opcode) + " is already that of '" + set.instructions[i - 1].mnemonic + "'");
  return set;
}

} // namespace manaslu::tblgen
