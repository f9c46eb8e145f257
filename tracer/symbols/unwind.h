// How is a frame left, from each address of a module on? Rows of a table that a program in the
// kernel can follow, made of the call frame information (.eh_frame) that libdw reads.
//
// Only what x86-64 code commonly does: the caller's frame is found from the stack or the frame
// pointer, the return address lies right below it, and of the saved registers only the frame
// pointer matters. Where code does something else the row says so, and the stack ends there.
#pragma once

#include <cstdint>
#include <vector>

struct Dwarf_CFI_s;

namespace tr::symbols {

// Where the canonical frame address (CFA) is: the stack pointer's value before the call.
enum class FrameRule : std::uint8_t {
  kNone,            // nothing is known here: gaps between functions, code without call frame info
  kStackPointer,    // rsp + offset
  kFramePointer,    // rbp + offset
  kAtFramePointer,  // at the address rbp + offset: functions that realign their stack
  kPlt,             // rsp + 8, and 8 more from the 12th byte of each 16 on
  kSignal,          // a signal's frame: the interrupted registers lie above rsp
  kOutermost,       // there is no caller: a thread's first function
  kOther,           // something that the table cannot say
};

struct UnwindRow {
  std::uint64_t address = 0;  // from here to the next row; in the file's terms
  FrameRule rule = FrameRule::kNone;
  std::int32_t offset = 0;
  // Where the caller's rbp is saved, from the CFA; 0: still in rbp.
  std::int32_t frame_pointer = 0;

  friend bool operator==(const UnwindRow&, const UnwindRow&) = default;
};

// A part of a module that holds code.
struct CodeSegment {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

// At most `most` rows, by address; empty if there are more, or none.
std::vector<UnwindRow> unwind_rows(Dwarf_CFI_s* cfi, const std::vector<CodeSegment>& code,
                                   std::size_t most);

}  // namespace tr::symbols
