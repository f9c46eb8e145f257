#include "symbols/symbol_table.h"

#include <gmock/gmock.h>

namespace tr::symbols {
namespace {

std::string name_at(const SymbolTable& table, std::uint64_t address) {
  const auto symbol = table.find(address);
  return symbol ? std::string(symbol->name) : "none";
}

TEST(SymbolTable, FindsWhatCoversAnAddress) {
  SymbolTable table;
  table.add(0x100, 0x100, "outer");
  table.add(0x140, 0x10, "inner");
  table.add(0x100, 0, "mark");
  table.add(0x300, 0, "sizeless");
  table.sort();
  EXPECT_EQ(name_at(table, 0xff), "none");
  EXPECT_EQ(name_at(table, 0x100), "outer");
  EXPECT_EQ(name_at(table, 0x148), "inner");
  EXPECT_EQ(name_at(table, 0x150), "outer");
  EXPECT_EQ(name_at(table, 0x200), "none");
  EXPECT_EQ(name_at(table, 0x380), "sizeless");
}

TEST(Demangle, LeavesOutTheParameters) {
  EXPECT_EQ(demangle("main"), "main");
  EXPECT_EQ(demangle("_ZN15symbols_library5twiceEi"), "symbols_library::twice");
  EXPECT_EQ(demangle("_ZNK3tr_9Size"), "_ZNK3tr_9Size");  // is none
  EXPECT_EQ(demangle("_ZNK1a1bEv"), "a::b");
  EXPECT_EQ(demangle("_ZN1aclEi"), "a::operator()");
  EXPECT_EQ(demangle("_ZZ4mainENKUlvE_clEv"), "main::{lambda()#1}::operator()");
  EXPECT_EQ(demangle("_ZN15symbols_library5twiceEi.cold"), "symbols_library::twice");
}

TEST(Demangle, BearsHostileNames) {
  EXPECT_EQ(demangle("_Z" + std::string(100'000, 'P')).size(), 100'002U);
  EXPECT_FALSE(demangle("_Z1f" + std::string(4'000, 'P') + "i").empty());
}

}  // namespace
}  // namespace tr::symbols
