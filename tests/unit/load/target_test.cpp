#include "load/target.h"

#include <gmock/gmock.h>

namespace tr::load {
namespace {

using testing::HasSubstr;

TEST(Target, IsAHostAndAPort) {
  EXPECT_EQ(parse_target("127.0.0.1:80")->text(), "127.0.0.1:80");
  EXPECT_EQ(parse_target("localhost:65535")->port, 65535);
  const auto v6 = parse_target("[::1]:8080");
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->text(), "[::1]:8080");
}

TEST(Target, IsRefusedWithAWayToWriteIt) {
  for (const char* text : {"", "80", "localhost", "localhost:", "localhost:0", "localhost:65536",
                           "localhost:http", ":80", "::1:80", "[]:80", "[::1]"}) {
    const auto target = parse_target(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(target.error().failure, Failure::kUsage);
    EXPECT_THAT(target.error().text(), HasSubstr("write it as HOST:PORT"));
  }
}

TEST(Target, NumericAddressesNeedNoResolver) {
  const auto v4 = resolve({"127.0.0.9", 80});
  ASSERT_TRUE(v4.ok());
  ASSERT_EQ(v4->size(), 1U);
  EXPECT_EQ(v4->front().text, "127.0.0.9:80");
  EXPECT_TRUE(v4->front().is_ipv4_loopback());
  EXPECT_FALSE(resolve({"10.0.0.1", 80})->front().is_ipv4_loopback());
  EXPECT_FALSE(resolve({"::1", 80})->front().is_ipv4_loopback());
  EXPECT_EQ(resolve({"::1", 80})->front().text, "[::1]:80");
}

}  // namespace
}  // namespace tr::load
