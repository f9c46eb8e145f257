#include "capture/launch/invoking_user.h"

#include <map>

#include <gmock/gmock.h>

namespace tr::capture {
namespace {

using testing::HasSubstr;

const User kAnn{.uid = 1000, .gid = 100, .name = "ann", .home = "/home/ann", .groups = {100, 4}};

Result<std::optional<User>> find(uid_t effective_uid,
                                 const std::map<std::string, std::string>& environment) {
  return invoking_user(
      effective_uid,
      [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
      },
      [](uid_t uid, gid_t gid) {
        return uid == kAnn.uid && gid == kAnn.gid ? std::optional(kAnn) : std::nullopt;
      });
}

TEST(InvokingUser, IsWhoCalledSudo) {
  EXPECT_EQ(*find(0, {{"SUDO_UID", "1000"}, {"SUDO_GID", "100"}}), kAnn);
}

TEST(InvokingUser, NeedNotBeInTheUserDatabase) {
  const auto user = find(0, {{"SUDO_UID", "4294967294"}, {"SUDO_GID", "7"}});
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(*user,
            (User{.uid = 4294967294, .gid = 7, .name = "4294967294", .home = "/", .groups = {}}));
}

TEST(InvokingUser, IsNobodyElseWithoutSudoOrWithoutRoot) {
  EXPECT_EQ(*find(0, {}), std::nullopt);
  EXPECT_EQ(*find(1000, {{"SUDO_UID", "1001"}, {"SUDO_GID", "100"}}), std::nullopt);
  EXPECT_EQ(*find(0, {{"SUDO_UID", "0"}, {"SUDO_GID", "0"}}), std::nullopt);
}

TEST(InvokingUser, IsNeverGuessed) {
  // 4294967295 is (uid_t)-1, which would leave the server root.
  for (const char* id : {"", "ann", "-1", "1000x", "4294967295", "4294967296"}) {
    const auto bad_uid = find(0, {{"SUDO_UID", id}, {"SUDO_GID", "100"}});
    ASSERT_FALSE(bad_uid.ok()) << id;
    EXPECT_EQ(bad_uid.error().failure, Failure::kUsage);
    EXPECT_FALSE(find(0, {{"SUDO_UID", "1000"}, {"SUDO_GID", id}}).ok()) << id;
  }
  const auto no_gid = find(0, {{"SUDO_UID", "1000"}});
  ASSERT_FALSE(no_gid.ok());
  EXPECT_THAT(no_gid.error().text(), HasSubstr("SUDO_UID is set, but SUDO_GID is not"));
}

}  // namespace
}  // namespace tr::capture
