#include "capture/unwind_tables.h"

#include <algorithm>
#include <limits>
#include <memory>

#include <bpf/bpf.h>

namespace tr::capture {
namespace {

constexpr int kWord = 8;

tr_frame_rule rule_of(symbols::FrameRule rule) {
  switch (rule) {
    case symbols::FrameRule::kNone:
      return TR_RULE_NONE;
    case symbols::FrameRule::kStackPointer:
      return TR_RULE_STACK_POINTER;
    case symbols::FrameRule::kFramePointer:
      return TR_RULE_FRAME_POINTER;
    case symbols::FrameRule::kAtFramePointer:
      return TR_RULE_AT_FRAME_POINTER;
    case symbols::FrameRule::kPlt:
      return TR_RULE_PLT;
    case symbols::FrameRule::kSignal:
      return TR_RULE_SIGNAL;
    case symbols::FrameRule::kOutermost:
      return TR_RULE_OUTERMOST;
    case symbols::FrameRule::kOther:
      break;
  }
  return TR_RULE_OTHER;
}

template <class T>
bool fits(std::int32_t bytes) {
  return bytes % kWord == 0 && bytes / kWord >= std::numeric_limits<T>::min() &&
         bytes / kWord <= std::numeric_limits<T>::max();
}

}  // namespace

tr_unwind_row packed_row(const symbols::UnwindRow& row) {
  tr_unwind_row packed{};
  packed.address = static_cast<__u32>(row.address);
  packed.rule = TR_RULE_OTHER;
  if (!fits<__s16>(row.offset) || !fits<__s8>(row.frame_pointer)) return packed;
  packed.rule = rule_of(row.rule);
  packed.offset = static_cast<__s16>(row.offset / kWord);
  packed.frame_pointer = static_cast<__s8>(row.frame_pointer / kWord);
  return packed;
}

UnwindTables::Rows UnwindTables::rows_of(symbols::Module& module) {
  const auto known = modules_.find(&module);
  if (known != modules_.end()) return known->second;
  Rows rows;
  if (module.end() <= std::numeric_limits<__u32>::max()) {
    const std::size_t room = rows_.size() - used_rows_;
    const auto all = module.unwind_rows(rows_.size());
    if (all.size() <= room) {
      rows = {static_cast<std::uint32_t>(used_rows_), static_cast<std::uint32_t>(all.size())};
      std::ranges::transform(all, rows_.begin() + static_cast<std::ptrdiff_t>(used_rows_),
                             packed_row);
      used_rows_ += all.size();
    } else {
      without_room_.push_back(module.name());
    }
  }
  modules_.emplace(&module, rows);
  return rows;
}

std::optional<std::uint32_t> UnwindTables::space_of(const tr_unwind_space& space) {
  std::string bytes(reinterpret_cast<const char*>(&space), sizeof space);
  const auto known = known_spaces_.find(bytes);
  if (known != known_spaces_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(known_spaces_.size());
  if (number >= TR_UNWIND_SPACES || bpf_map_update_elem(spaces_, &number, &space, BPF_ANY) != 0)
    return std::nullopt;
  known_spaces_.emplace(std::move(bytes), number);
  return number;
}

void UnwindTables::add(const symbols::Process& process, symbols::Symbols& symbols) {
  const auto space = std::make_unique<tr_unwind_space>();
  std::size_t used = 0;
  for (const symbols::Symbols::CodeRange& range : symbols.code_ranges(process)) {
    const Rows rows = rows_of(*range.module);
    if (rows.count == 0 || used == TR_UNWIND_RANGES) continue;
    space->ranges[used++] = {range.start, range.end, range.bias, rows.first, rows.count};
  }
  if (used == 0) return;
  constexpr std::uint64_t kNowhere = std::uint64_t{1} << 62;  // above all addresses of programs
  for (std::size_t i = used; i < TR_UNWIND_RANGES; ++i)
    space->ranges[i].start = kNowhere;
  const auto number = space_of(*space);
  if (!number) return;
  for (const auto pid : {static_cast<std::uint32_t>(process.pid), 0U}) {
    const std::uint64_t key = std::uint64_t{process.image} << 32 | pid;
    (void)bpf_map_update_elem(space_of_process_, &key, &*number, BPF_ANY);
  }
}

}  // namespace tr::capture
