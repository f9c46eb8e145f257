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

TEST(KernelSymbols, HiddenAddressesAreNone) {
  EXPECT_TRUE(KernelSymbols::parse("0000000000000000 T _text\n0000000000000000 t f\n").empty());
  EXPECT_TRUE(KernelSymbols::parse("").empty());
}

}  // namespace
}  // namespace tr::symbols
