#include "symbols/unwind.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <memory>
#include <optional>

namespace tr::symbols {
namespace {

// DWARF's numbers of registers on x86-64 (System V ABI, figure 3.36).
constexpr int kRbp = 6;
constexpr int kRsp = 7;
constexpr int kReturnAddress = 16;

using Frame = std::unique_ptr<Dwarf_Frame, void (*)(void*)>;

// "register + offset"
struct Based {
  std::uint64_t base;
  std::int64_t offset;
};

std::optional<Based> based(const Dwarf_Op& op) {
  if (op.atom == DW_OP_bregx) return Based{op.number, static_cast<std::int64_t>(op.number2)};
  if (op.atom >= DW_OP_breg0 && op.atom <= DW_OP_breg31)
    return Based{static_cast<std::uint64_t>(op.atom - DW_OP_breg0),
                 static_cast<std::int64_t>(op.number)};
  return std::nullopt;
}

// What linkers write for a procedure linkage table.
bool is_plt(const Dwarf_Op* ops, std::size_t count) {
  constexpr std::array<std::uint8_t, 9> kPlt{DW_OP_breg7, DW_OP_breg16, DW_OP_lit15,
                                             DW_OP_and,   DW_OP_lit11,  DW_OP_ge,
                                             DW_OP_lit3,  DW_OP_shl,    DW_OP_plus};
  return count == kPlt.size() && ops[0].number == 8 && ops[1].number == 0 &&
         std::equal(kPlt.begin(), kPlt.end(), ops,
                    [](std::uint8_t atom, const Dwarf_Op& op) { return atom == op.atom; });
}

// Where a register is saved: its distance from the CFA; 0: not saved; none: elsewhere.
std::optional<std::int64_t> saved_at(Dwarf_Frame* frame, int number, bool& undefined) {
  std::array<Dwarf_Op, 3> memory{};
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  undefined = false;
  if (dwarf_frame_register(frame, number, memory.data(), &ops, &count) != 0) return std::nullopt;
  if (count == 0) {
    undefined = ops == memory.data();
    return 0;
  }
  if (ops[0].atom != DW_OP_call_frame_cfa || count > 2) return std::nullopt;
  if (count == 1) return std::nullopt;  // at the CFA itself: nobody's code does that
  if (ops[1].atom != DW_OP_plus_uconst) return std::nullopt;
  return static_cast<std::int64_t>(ops[1].number);
}

UnwindRow row_of(Dwarf_Frame* frame, bool signal) {
  constexpr std::int64_t kFar = 1 << 24;
  UnwindRow row{.address = 0, .rule = FrameRule::kOther};
  if (signal) {
    row.rule = FrameRule::kSignal;
    return row;
  }
  bool undefined = false;
  const auto return_address = saved_at(frame, kReturnAddress, undefined);
  if (undefined) {
    row.rule = FrameRule::kOutermost;
    return row;
  }
  if (return_address != -8) return row;
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_cfa(frame, &ops, &count) != 0 || count == 0) return row;
  const auto cfa = based(ops[0]);
  const auto frame_pointer = saved_at(frame, kRbp, undefined);
  if (!cfa || !frame_pointer || std::abs(cfa->offset) > kFar || std::abs(*frame_pointer) > kFar)
    return row;
  row.offset = static_cast<std::int32_t>(cfa->offset);
  row.frame_pointer = static_cast<std::int32_t>(*frame_pointer);
  if (count == 1 && cfa->base == kRsp)
    row.rule = FrameRule::kStackPointer;
  else if (count == 1 && cfa->base == kRbp)
    row.rule = FrameRule::kFramePointer;
  else if (count == 2 && cfa->base == kRbp && ops[1].atom == DW_OP_deref)
    row.rule = FrameRule::kAtFramePointer;
  else if (is_plt(ops, count))
    row.rule = FrameRule::kPlt;
  if (row.rule == FrameRule::kOther) row.offset = row.frame_pointer = 0;
  return row;
}

}  // namespace

std::vector<UnwindRow> unwind_rows(Dwarf_CFI_s* cfi, const std::vector<CodeSegment>& code,
                                   std::size_t most) {
  std::vector<UnwindRow> rows;
  const auto add = [&rows](UnwindRow row, std::uint64_t address) {
    row.address = address;
    if (!rows.empty() && rows.back().rule == row.rule && rows.back().offset == row.offset &&
        rows.back().frame_pointer == row.frame_pointer)
      return;
    rows.push_back(row);
  };
  // Functions are aligned, mostly: behind a short gap only every 16th byte is tried.
  constexpr std::uint64_t kShortGap = 64;
  constexpr std::uint64_t kAlignment = 16;
  std::size_t tries = 0;
  for (const CodeSegment& segment : code) {
    std::uint64_t gap = segment.start;
    for (std::uint64_t at = segment.start; at < segment.end;) {
      if (rows.size() >= most || ++tries > 16 * most) return {};
      Dwarf_Frame* found = nullptr;
      if (dwarf_cfi_addrframe(cfi, at, &found) != 0) {
        add({}, at);
        at = at - gap < kShortGap ? at + 1 : (at / kAlignment + 1) * kAlignment;
        continue;
      }
      const Frame frame(found, std::free);
      Dwarf_Addr start = 0;
      Dwarf_Addr end = 0;
      bool signal = false;
      dwarf_frame_info(frame.get(), &start, &end, &signal);
      add(row_of(frame.get(), signal), at);
      at = std::max<std::uint64_t>(end, at + 1);
      gap = at;
    }
    add({}, segment.end);
  }
  return rows;
}

}  // namespace tr::symbols
