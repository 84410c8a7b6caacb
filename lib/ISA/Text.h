// The text form of instructions and operands, for the assembler, the disassembler and the isa dialect.
//   matmul acc=psum.f32[0:128]+0{[1,512]} stationary=sbuf.bf16[0:128]+0{[1,128]} moving=sbuf.bf16[0:128]+4096{[1,512]} accumulate wait=s3>=5+r2 signal=s1
//   dma_load dst=sbuf.f32[0:64]+0{[1,32]} src=@x.f32+0{[128,64],[4,32]} signal=s0
#pragma once

#include "lib/ISA/Program.h"

namespace manaslu::isa {

/// `space.type[first:count]+offset[+rN]{[stride,size],...}`; leading dimensions {0,1} are left out.
std::string toText(const TileOperand &operand);
Result<TileOperand> tileFromText(std::string_view text);

/// `@region.type+offset[+rN*scale]{[stride,size],...}`; the region by its name when `regions` is given, else by its number.
std::string toText(const DeviceOperand &operand, const std::vector<Region> *regions = nullptr);
Result<DeviceOperand> deviceFromText(std::string_view text, const std::vector<Region> *regions = nullptr);

/// `{stochastic propagate seed=N site=N step=rN base=N+rM*N strides=[N,N,N,N,N]}` without the parts that have their initial value.
std::string toText(const Narrowing &narrowing);
Result<Narrowing> narrowingFromText(std::string_view text);

/// `wait=sN>=value[+rM] signal=sK`, empty when there is neither.
std::string toText(const Sync &sync);
Result<Sync> syncFromText(std::string_view text);

/// The shortest decimal that reads back as the same fp32; `bits:0x7fc00001` for a NaN.
std::string toText(float value);

/// One line, without line end.
std::string toText(const Instruction &instruction, const std::vector<Region> *regions = nullptr);

/// Reads one line. MN-ASM-SYNTAX, MN-ASM-NAME, MN-ASM-VALUE with `where:column`.
Result<Instruction> instructionFromText(std::string_view line, const std::vector<Region> *regions, const std::string &where);

/// A name as it is written in text: bare when it looks like an identifier, else in quotes.
std::string quoteName(std::string_view name);

} // namespace manaslu::isa
