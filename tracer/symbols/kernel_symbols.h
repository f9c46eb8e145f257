// Which of the kernel's functions, or variables, stands at this address?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "symbols/symbol_table.h"

namespace tr::symbols {

class KernelSymbols {
 public:
  // The text of /proc/kallsyms. Empty where the kernel hides its addresses (kernel.kptr_restrict).
  static KernelSymbols parse(std::string text);

  struct Function {
    std::string_view name;
    std::string_view module;  // "[nf_tables]"; "[bpf]"; empty: the kernel itself
    std::uint64_t offset = 0;
  };
  [[nodiscard]] std::optional<Function> find(std::uint64_t address) const;
  // The name of the variable there; empty: none. Their sizes are not known, so only what lies near
  // a name's start is taken for a part of it.
  [[nodiscard]] std::string_view data(std::uint64_t address) const;
  [[nodiscard]] bool empty() const { return functions_.size() == 0; }

 private:
  std::unique_ptr<const std::string> text_;  // what the names are part of: at a stable address
  SymbolTable functions_;
  SymbolTable data_;
};

}  // namespace tr::symbols
