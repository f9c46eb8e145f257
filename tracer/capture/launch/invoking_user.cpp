#include "capture/launch/invoking_user.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::capture {
namespace {

constexpr const char* kRemedy = "start trace-run through sudo anew, or unset SUDO_UID and SUDO_GID";

// An id is a 32-bit number, but not the last one: (uid_t)-1 tells setresuid(2) to change nothing.
Result<std::uint32_t> parse_id(const char* variable, const char* text) {
  if (text == nullptr)
    return usage_error(fmt::format("SUDO_UID is set, but {} is not", variable), kRemedy);
  const auto id = parse_u64(text);
  if (!id || *id >= UINT32_MAX)
    return usage_error(fmt::format("{}={} is not a user's or group's number", variable, text),
                       kRemedy);
  return static_cast<std::uint32_t>(*id);
}

std::optional<User> user_from_database(uid_t uid, gid_t gid) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  while (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == ERANGE)
    buffer.resize(buffer.size() * 2);
  if (found == nullptr) return std::nullopt;

  // getgrouplist sets the count it needs when the room is too small.
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (getgrouplist(found->pw_name, gid, groups.data(), &count) < 0)
    groups.resize(static_cast<std::size_t>(count));
  groups.resize(static_cast<std::size_t>(count));
  return User{.uid = uid,
              .gid = gid,
              .name = found->pw_name,
              .home = found->pw_dir,
              .groups = std::move(groups)};
}

}  // namespace

Result<std::optional<User>> invoking_user(uid_t effective_uid, const EnvironmentLookup& environment,
                                          const UserLookup& users) {
  const char* sudo_uid = environment("SUDO_UID");
  if (effective_uid != 0 || sudo_uid == nullptr) return std::optional<User>{};
  auto uid = parse_id("SUDO_UID", sudo_uid);
  if (!uid) return std::move(uid).error();
  auto gid = parse_id("SUDO_GID", environment("SUDO_GID"));
  if (!gid) return std::move(gid).error();
  if (*uid == 0) return std::optional<User>{};  // root called sudo: there is nobody to drop to

  std::optional<User> user = users(*uid, *gid);
  if (!user)
    user =
        User{.uid = *uid, .gid = *gid, .name = fmt::format("{}", *uid), .home = "/", .groups = {}};
  return user;
}

Result<std::optional<User>> invoking_user() {
  return invoking_user(
      geteuid(), [](const char* name) { return std::getenv(name); }, user_from_database);
}

// All three ids of each kind, so that there is no way back.
int become(const User& user) {
  if (setgroups(user.groups.size(), user.groups.data()) != 0) return -1;
  if (setresgid(user.gid, user.gid, user.gid) != 0) return -1;
  return setresuid(user.uid, user.uid, user.uid);
}

}  // namespace tr::capture
