#include "symbols/symbol_table.h"

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>

namespace tr::symbols {
namespace {

// Longer ones are left mangled: hostile names make demanglers work hard.
constexpr std::size_t kLongestMangled = 4096;

void drop_suffix(std::string& name, std::string_view suffix) {
  if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
}

// "f(int) const" -> "f"; "g()::{lambda(int)#1}" stays.
std::string without_parameters(std::string name) {
  if (name.ends_with(']'))  // " [clone .cold]"
    if (const std::size_t clone = name.rfind(" [clone "); clone != std::string::npos)
      name.resize(clone);
  for (const std::string_view suffix : {" &&", " &", " const", " volatile"})
    drop_suffix(name, suffix);
  if (!name.ends_with(')')) return name;
  std::size_t depth = 0;
  for (std::size_t i = name.size(); i-- > 1;) {
    if (name[i] == ')') ++depth;
    if (name[i] == '(' && --depth == 0) return name.substr(0, i);
  }
  return name;
}

}  // namespace

void SymbolTable::sort() {
  // find() takes the last that begins before an address: at one start, the longest.
  std::ranges::stable_sort(entries_, [](const Entry& a, const Entry& b) {
    return a.start != b.start ? a.start < b.start : a.size < b.size;
  });
}

std::optional<Symbol> SymbolTable::find(std::uint64_t address) const {
  constexpr int kNested = 16;  // how many may begin inside one that covers the address
  auto at = std::ranges::upper_bound(entries_, address, {}, &Entry::start);
  for (int i = 0; i < kNested && at != entries_.begin(); ++i) {
    --at;
    if (at->size == 0 ? i == 0 : address - at->start < at->size)
      return Symbol{at->name, address - at->start};
  }
  return std::nullopt;
}

std::string demangle(std::string_view name) {
  std::string plain(name);
  if (!name.starts_with("_Z") || name.size() > kLongestMangled) return plain;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(plain.c_str(), nullptr, nullptr, &status), std::free);
  if (text == nullptr || status != 0) return plain;
  return without_parameters(text.get());
}

}  // namespace tr::symbols
