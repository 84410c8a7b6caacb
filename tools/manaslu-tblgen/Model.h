// The instruction set as read from TableGen records, with every value's place decided and checked.
#pragma once

#include "llvm/TableGen/Record.h"

#include <cctype>
#include <string>
#include <vector>

namespace manaslu::tblgen {

/// One field of an instruction, an operand or the header.
struct Field {
  std::string name, text, cppType, initialValue;
  int word = 0, low = 0;
  int width = 0; ///< bits of one value; 64 * words for an operand
  int count = 1; ///< values of an array field, laid out one after the other
  int words = 0; ///< of an operand, 0 for scalars
  int64_t minimum = 0, maximum = 0;
  bool isFloat = false, isEnum = false, optional = false;
  std::vector<std::pair<int, int>> places; ///< word and lowest bit of each value
};

/// One instruction.
struct Instruction {
  const llvm::Record *record;
  std::string structName, mnemonic, family, streams, description, cost;
  int opcode = 0, words = 1;
  std::vector<Field> fields;
  std::vector<std::string> rules;
};

/// A composite operand.
struct Operand {
  std::string name, text;
  int words;
  std::vector<Field> fields;
};

/// One enumeration.
struct Enumeration {
  std::string name, text;
  std::vector<std::pair<std::string, std::string>> cases; ///< symbol, text form; the code is the index
};

/// Everything, in the order of opcodes. Mistakes (clashing opcodes, overlapping fields, gaps in an enumeration) end the program with the line of the .td file.
struct InstructionSet {
  std::vector<Enumeration> enumerations;
  std::vector<Operand> operands;
  std::vector<Field> header;
  std::vector<Instruction> instructions;
};

/// The name with its first letter in upper case.
inline std::string capitalized(std::string name) {
  name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

InstructionSet readInstructionSet(const llvm::RecordKeeper &records);

} // namespace manaslu::tblgen
