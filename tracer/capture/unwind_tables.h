// Lets the probes follow stacks through code that has no frame pointers: hands them the call frame
// information of each module, and which module is where in a process.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "records.h"
#include "symbols/symbols.h"

namespace tr::capture {

// A row as the probes read it; what does not fit becomes TR_RULE_OTHER.
tr_unwind_row packed_row(const symbols::UnwindRow& row);

class UnwindTables {
 public:
  // The maps of the probes: `rows` is mapped here, the others are written by their descriptors.
  UnwindTables(std::span<tr_unwind_row> rows, int spaces, int space_of_process)
      : rows_(rows), spaces_(spaces), space_of_process_(space_of_process) {}

  // Tells the probes what a process that `symbols` has learnt has mapped.
  void add(const symbols::Process& process, symbols::Symbols& symbols);

  // Modules whose rows found no room, by name: there, frame pointers are followed.
  [[nodiscard]] const std::vector<std::string>& without_room() const { return without_room_; }

 private:
  struct Rows {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  Rows rows_of(symbols::Module& module);
  std::optional<std::uint32_t> space_of(const tr_unwind_space& space);

  std::span<tr_unwind_row> rows_;
  int spaces_;
  int space_of_process_;
  std::size_t used_rows_ = 0;
  std::map<const symbols::Module*, Rows> modules_;
  std::map<std::string, std::uint32_t> known_spaces_;  // by their bytes
  std::vector<std::string> without_room_;
};

}  // namespace tr::capture
