// Which of the kernel's functions stands at this address?
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
  [[nodiscard]] bool empty() const { return functions_.size() == 0; }

 private:
  std::unique_ptr<const std::string> text_;  // what the names are part of: at a stable address
  SymbolTable functions_;
};

}  // namespace tr::symbols
