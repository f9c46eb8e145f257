// How is something done in a user's own files by a trace-run that is root through sudo?
//
// By a process that has become that user for good: what it makes is the user's, no link that the
// user has laid leads further than the user may go, and what lies in the user's files is read
// without privilege.
#pragma once

#include <functional>
#include <string>

#include "capture/launch/invoking_user.h"
#include "util/result.h"

namespace tr::capture {

// Does the work in a forked process that is `user`, and returns what it returned. Of this process's
// descriptors it has the three standard ones. Nothing else that it changes is seen here.
Result<std::string> run_as(const User& user, const std::function<Result<std::string>()>& work);

}  // namespace tr::capture
