// Whose programs are these, when trace-run itself was started through sudo?
//
// Only the tracer needs privilege. Through sudo the server and the user's load run as the user who
// typed the command; started by root without sudo they stay root's; without root there is nobody
// else to become.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "util/result.h"

namespace tr::capture {

// A user to run a program as.
struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;           // LOGNAME and USER
  std::string home;           // HOME
  std::vector<gid_t> groups;  // supplementary, as initgroups(3) would set them

  bool operator==(const User&) const = default;
};

// The value of an environment variable, or null: std::getenv, or a test's table.
using EnvironmentLookup = std::function<const char*(const char* name)>;

// What the user database says of a uid: name, home and groups (with `gid` among them); nullopt
// where it does not know the uid.
using UserLookup = std::function<std::optional<User>(uid_t uid, gid_t gid)>;

// The user whom sudo's SUDO_UID and SUDO_GID name, if trace-run is root through sudo; nullopt
// where nobody is to be dropped to. A uid that the database does not know is taken as the number
// it is, with HOME=/ and no supplementary groups. SUDO_* that are no ids are a usage error: going
// on as root would hand the server a privilege nobody meant to give.
Result<std::optional<User>> invoking_user(uid_t effective_uid, const EnvironmentLookup& environment,
                                          const UserLookup& users);

// The same for this process: its effective uid, its environment, the system's user database.
Result<std::optional<User>> invoking_user();

// Makes this process, of one thread, the user's for good. -1 with errno where that is refused. Safe
// between fork and exec.
int become(const User& user);

}  // namespace tr::capture
