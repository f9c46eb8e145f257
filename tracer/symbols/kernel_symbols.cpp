#include "symbols/kernel_symbols.h"

#include <charconv>

namespace tr::symbols {

KernelSymbols KernelSymbols::parse(std::string text) {
  KernelSymbols symbols;
  symbols.text_ = std::make_unique<const std::string>(std::move(text));
  std::string_view rest = *symbols.text_;
  bool any = false;
  // "ffffffffc0a01000 t nft_do_chain\t[nf_tables]"
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, length);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    std::uint64_t address = 0;
    const auto [at, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    const auto behind = static_cast<std::size_t>(at - line.data());
    if (error != std::errc{} || line.size() < behind + 4) continue;
    const char type = line[behind + 1];
    if (type != 't' && type != 'T' && type != 'w' && type != 'W') continue;
    any = any || address != 0;
    symbols.functions_.add(address, 0, line.substr(behind + 3));
  }
  if (!any) return {};
  symbols.functions_.sort();
  return symbols;
}

std::optional<KernelSymbols::Function> KernelSymbols::find(std::uint64_t address) const {
  const auto symbol = functions_.find(address);
  if (!symbol) return std::nullopt;
  const std::size_t tab = symbol->name.find('\t');
  Function function{symbol->name.substr(0, tab), {}, symbol->offset};
  if (tab != std::string_view::npos) function.module = symbol->name.substr(tab + 1);
  return function;
}

}  // namespace tr::symbols
