// Control instructions, legal in every stream: loops, registers, semaphores.

#ifndef MANASLU_ISA_CONTROL
#define MANASLU_ISA_CONTROL

include "dialects/Isa/IsaBase.td"

class Isa_Control<string mnemonic, int opcode, list<Isa_Field> fields = []> : Isa_Instruction<ControlFamily, mnemonic, opcode, fields> {
  let cost = "1 cycle";
}

def Isa_HaltOp : Isa_Control<"halt", 1> {
  let description = "Ends the stream. A program ends when every stream has halted.";
  let rules = ["It is the last instruction of its stream and stands there once, outside loops."];
}
def Isa_WaitOp : Isa_Control<"wait", 2> {
  let description = "Does nothing after its wait holds: takes a second and further semaphores before the next instruction.";
}
def Isa_SignalOp : Isa_Control<"signal", 3> {
  let description = "Does nothing but the increment in its header, after everything before it in the stream has completed.";
}
def Isa_LoopOp : Isa_Control<"loop", 4, [Isa_Field<U32, "count", "iterations">, Isa_OptionalField<Register, "countReg", "R[countReg] is added to count">]> {
  let description = "Runs the instructions up to its `end_loop` `count + R[countReg]` times (modulo 2^32, read once on entry); 0 skips them.";
  let cost = "0 cycles (zero overhead)";
  let rules = ["Loops nest properly and at most 8 deep within a stream."];
}
def Isa_EndLoopOp : Isa_Control<"end_loop", 5> {
  let description = "Ends the body of the innermost open `loop`.";
  let cost = "0 cycles (zero overhead)";
}
def Isa_RegSetOp : Isa_Control<"reg_set", 6, [Isa_Field<Register, "dst">, Isa_Field<S32, "value">]> { let description = "`R[dst] = value`. R0 always reads zero; writing it has no effect."; }
def Isa_RegAddOp : Isa_Control<"reg_add", 7, [Isa_Field<Register, "dst">, Isa_Field<Register, "src">, Isa_Field<S32, "value">]> {
  let description = "`R[dst] = R[src] + value` modulo 2^32.";
}
def Isa_RegAddRegOp : Isa_Control<"reg_add_reg", 8, [Isa_Field<Register, "dst">, Isa_Field<Register, "a">, Isa_Field<Register, "b">]> {
  let description = "`R[dst] = R[a] + R[b]` modulo 2^32.";
}
def Isa_RegMulOp : Isa_Control<"reg_mul", 9, [Isa_Field<Register, "dst">, Isa_Field<Register, "src">, Isa_Field<S32, "value">]> {
  let description = "`R[dst] = R[src] * value` modulo 2^32.";
}
def Isa_RegRotateOp : Isa_Control<"reg_rotate", 10, [Isa_Field<Register, "dst">, Isa_Field<U32, "step">, Isa_Field<U32, "limit">]> {
  let description = "`R[dst] += step`, then `R[dst] -= limit` if `R[dst] >= limit` (unsigned): walks through rotating buffers.";
}
def Isa_RegLoadOp : Isa_Control<"reg_load", 11, [Isa_Field<Register, "dst">, Isa_Field<Tile, "source", "one element of type i32">]> {
  let description = "`R[dst] =` the int32 element that `source` names.";
  let cost = "64 cycles";
  let rules = ["The operand is one element of type i32."];
}
def Isa_RegStoreOp : Isa_Control<"reg_store", 12, [Isa_Field<Tile, "target", "one element of type i32">, Isa_Field<Register, "src">]> {
  let description = "Writes R[src] to the int32 element that `target` names.";
  let cost = "64 cycles";
  let rules = ["The operand is one element of type i32."];
}
def Isa_RegLoadDeviceOp : Isa_Control<"reg_load_device", 13, [Isa_Field<Register, "dst">, Isa_Field<Device, "source", "one element of type i32">]> {
  let description = "`R[dst] =` the int32 element of device memory that `source` names.";
  let cost = "the DMA latency";
  let rules = ["The operand is one element of type i32."];
}
def Isa_RegStoreDeviceOp : Isa_Control<"reg_store_device", 14, [Isa_Field<Device, "target", "one element of type i32">, Isa_Field<Register, "src">]> {
  let description = "Writes R[src] to the int32 element of device memory that `target` names.";
  let cost = "the DMA latency";
  let rules = ["The operand is one element of type i32.", "The region is an output, state or scratch."];
}
def Isa_SemClearOp : Isa_Control<"sem_clear", 15, [Isa_Field<Semaphore, "semaphore">]> {
  let description = "Sets the semaphore to zero.";
  let rules = ["No instruction of another stream is unfinished: a `barrier` stands directly before it, or another sem_clear behind one, and a `barrier` follows before the semaphore is used."];
}
def Isa_BarrierOp : Isa_Control<"barrier", 16> {
  let description = "Completes when every stream of the program has reached its barrier and everything before it has completed.";
  let rules = ["Every stream that is not empty executes the same number of barriers."];
}

#endif // MANASLU_ISA_CONTROL
