#include "symbols/kernel_symbols.h"

#include <gmock/gmock.h>

namespace tr::symbols {
namespace {

TEST(KernelSymbols, AreThoseOfTheKernelAndItsModules) {
  const KernelSymbols kernel = KernelSymbols::parse(
      "ffffffff81000000 T _text\n"
      "ffffffff81000100 t do_work\n"
      "ffffffff81000180 d not_code\n"
      "ffffffffc0000000 t nft_do_chain\t[nf_tables]\n"
      "rubbish\nffffffff\n\n");
  EXPECT_EQ(kernel.find(0xffffffff810001ff)->name, "do_work");
  EXPECT_EQ(kernel.find(0xffffffff810001ff)->offset, 0xffU);
  EXPECT_EQ(kernel.find(0xffffffff810001ff)->module, "");
  EXPECT_EQ(kernel.find(0xffffffffc0000001)->name, "nft_do_chain");
  EXPECT_EQ(kernel.find(0xffffffffc0000001)->module, "[nf_tables]");
  EXPECT_FALSE(kernel.find(0x1000).has_value());
}

// Their sizes are not known: what lies far behind a variable is memory of its own.
TEST(KernelSymbols, VariablesAreThoseNearTheirStart) {
  const KernelSymbols kernel = KernelSymbols::parse(
      "ffffffff81000100 t do_work\n"
      "ffffffff82000000 D tasklist_lock\n"
      "ffffffff82000040 b rtnl_mutex\n"
      "ffffffffc0002000 d table_lock\t[nf_tables]\n");
  EXPECT_EQ(kernel.data(0xffffffff82000008), "tasklist_lock");
  EXPECT_EQ(kernel.data(0xffffffff82000040), "rtnl_mutex");
  EXPECT_EQ(kernel.data(0xffffffffc0002010), "table_lock");
  EXPECT_EQ(kernel.data(0xffffffff82001040), "");
  EXPECT_EQ(kernel.data(0xffff888100000000), "");
  EXPECT_EQ(kernel.data(0xffffffff81000100), "");
}

TEST(KernelSymbols, HiddenAddressesAreNone) {
  EXPECT_TRUE(KernelSymbols::parse("0000000000000000 T _text\n0000000000000000 t f\n").empty());
  EXPECT_TRUE(KernelSymbols::parse("").empty());
}

}  // namespace
}  // namespace tr::symbols
