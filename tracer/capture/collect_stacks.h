// On which stacks did threads block and use their CPUs? Names the addresses that the probes kept.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/collect.h"
#include "records.h"
#include "snapshot/stacks.h"
#include "symbols/symbols.h"

namespace tr::capture {

// The kernel's side of it, copied out of the maps.
struct RawStacks {
  std::unordered_map<std::uint64_t, tr_stack> stacks;
  std::vector<std::pair<tr_stack_key, tr_stack_sum>> sums;
  std::span<const tr_stack_note> notes;  // beside RawCounts::records
  // Of the samples; empty: none were taken.
  std::string event;
  std::uint64_t hz = 0;
};

// Gives stacks their numbers and names. Other groups that kept the hash of a stack find its number
// here.
class StackTable {
 public:
  StackTable(const RawStacks& raw, symbols::Symbols& symbols);

  // The number of the stack in what take() returns; 0, nobody's, if it was not kept.
  std::uint64_t number(std::uint64_t hash);
  // The frames and stacks that were asked for.
  [[nodiscard]] Stacks take();

 private:
  std::uint64_t frame(const tr_stack& stack, std::uint64_t address, bool innermost);
  std::uint64_t kernel_frame(std::uint64_t address);
  std::uint64_t number_of(Frame frame);

  const RawStacks& raw_;
  symbols::Symbols& symbols_;
  Stacks result_;
  std::map<std::string, std::string> modules_;                // build-ids by path
  std::unordered_map<std::uint64_t, std::uint64_t> numbers_;  // of stacks, by hash
  std::map<Stack, std::uint64_t, bool (*)(const Stack&, const Stack&)> stacks_;
  // Of frames: by image, process and address; of the kernel by 0, 0 and address.
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>, std::uint64_t> addresses_;
  std::map<std::tuple<std::string, std::string, std::uint64_t, bool>, std::uint64_t> frames_;
};

// The sums over waits, with those that were still open when the window closed, and over samples.
// Takes the table.
[[nodiscard]] Stacks collect_stacks(const RawStacks& raw, const RawCounts& counts,
                                    const Names& names, StackTable& table);

}  // namespace tr::capture
