#include "capture/launch/server_name.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "capture/temporary_folder.h"

namespace tr::capture {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class ServerName : public testing::Test {
 protected:
  void SetUp() override {
    folder_.file("build/servers/servers.tsv",
                 "thread_echo\techo\ta thread per connection\npoll_echo\techo\tone thread\n"
                 "fork_echo\techo\tnot built here\ntwo columns\tdo not count\n"
                 "python/thread_http\thttp\ta thread per connection\n");
    program("build/servers/thread_echo");
    program("build/servers/python/thread_http");
    program("build/servers/poll_echo");
    program("path/redis-server");
    before_ = fs::current_path();
    fs::current_path(folder_.path());
  }
  void TearDown() override { fs::current_path(before_); }

  std::string program(const std::string& name) {
    std::string path = folder_.file(name, "#!/bin/sh\n");
    fs::permissions(path, fs::perms(0755));
    return path;
  }
  Result<std::string> resolve(std::string_view word) {
    return resolve_server(word, path_.c_str(), folders_);
  }
  std::string error(std::string_view word) {
    const auto path = resolve(word);
    EXPECT_FALSE(path.ok()) << *path;
    EXPECT_EQ(path.error().failure, Failure::kUsage);
    return path.error().text();
  }

  TemporaryFolder folder_;
  const std::string path_ = "/nowhere:" + folder_.path() + "/path";
  const ServerFolders folders_{folder_.path() + "/build/servers", folder_.path() + "/lib/servers"};
  fs::path before_;
};

TEST_F(ServerName, IsFirstWhatAShellWouldExecute) {
  EXPECT_EQ(*resolve("path/redis-server"), "path/redis-server");
  EXPECT_EQ(*resolve("redis-server"), folder_.path() + "/path/redis-server");
  const std::string own = program("path/thread_echo");
  EXPECT_EQ(*resolve("thread_echo"), own);
}

TEST_F(ServerName, IsElseThatOfABundledServer) {
  const std::string built = folder_.path() + "/build/servers/thread_echo";
  EXPECT_EQ(*resolve("thread_echo"), built);
  EXPECT_EQ(*resolve("servers/thread_echo"), built);
  const std::string installed = program("lib/servers/epoll_echo");
  EXPECT_EQ(*resolve("servers/epoll_echo"), installed);
}

TEST_F(ServerName, MayBeThatOfAServerInPython) {
  const std::string built = folder_.path() + "/build/servers/python/thread_http";
  EXPECT_EQ(*resolve("python/thread_http"), built);
  EXPECT_EQ(*resolve("servers/python/thread_http"), built);
  EXPECT_EQ(error("servers/python/thread_htpt"),
            "there is no program servers/python/thread_htpt; did you mean python/thread_http?");
  EXPECT_THAT(error("thread_http"), HasSubstr("did you mean python/thread_http?"));
  // Nothing but that folder is looked into.
  program("build/servers/python/common/options");
  EXPECT_THAT(error("servers/python/common/options"), HasSubstr("there is no program"));
  EXPECT_THAT(error("servers/python/../thread_echo"), HasSubstr("there is no program"));
  EXPECT_THAT(error("servers/python/"), HasSubstr("there is no program"));
}

TEST_F(ServerName, BundledServersAreKnownByWhatAPathLeadsTo) {
  const std::string built = folder_.path() + "/build/servers/python/thread_http";
  EXPECT_EQ(bundled_server(built, folders_)->protocol, "http");
  EXPECT_EQ(bundled_server("build/servers/../servers/python/thread_http", folders_)->name,
            "python/thread_http");
  // As in a build tree, whose folder is a link to that of the sources.
  fs::create_directories("servers");
  fs::rename("build/servers/python", "servers/python");
  fs::create_directory_symlink(folder_.path() + "/servers/python", "build/servers/python");
  EXPECT_EQ(bundled_server("servers/python/thread_http", folders_)->path, built);
  EXPECT_FALSE(bundled_server("path/redis-server", folders_));
  EXPECT_FALSE(bundled_server("nowhere", folders_));
}

TEST_F(ServerName, IsNotTakenByAFolderOrASourceFile) {
  // As in a checkout, where servers/ holds the sources.
  fs::create_directories("servers/thread_echo");
  folder_.file("servers/poll_echo", "not executable");
  EXPECT_EQ(*resolve("servers/thread_echo"), folder_.path() + "/build/servers/thread_echo");
  EXPECT_EQ(*resolve("servers/poll_echo"), folder_.path() + "/build/servers/poll_echo");
}

TEST_F(ServerName, UnknownIsAnErrorWithAWayOut) {
  EXPECT_EQ(error("servers/tread_echo"),
            "there is no program servers/tread_echo; did you mean thread_echo?");
  EXPECT_EQ(error("poll_ehco"),
            "there is no program poll_ehco on PATH, and no bundled server; "
            "did you mean poll_echo?");
  EXPECT_THAT(error("echo_"), HasSubstr("trace-run list"));
  EXPECT_THAT(error("_echo"), HasSubstr("did you mean thread_echo or poll_echo?"));
  EXPECT_THAT(error("nginx"), HasSubstr("trace-run list shows the bundled servers"));
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error("servers/"), HasSubstr("trace-run list"));
  fs::create_directories("folder");
  EXPECT_THAT(error("./folder"), HasSubstr("./folder is a folder"));
  folder_.file("script.py", "pass\n");
  EXPECT_THAT(error("./script.py"), HasSubstr("chmod +x ./script.py"));
  program("mine");
  EXPECT_THAT(error("mine"), HasSubstr("write ./mine"));
  // Not there, though described: not offered.
  EXPECT_THAT(error("fork_echo"), Not(HasSubstr("did you mean fork_echo")));
}

TEST_F(ServerName, ListsTheBundledServersThatAreThere) {
  const auto servers = bundled_servers(folders_);
  ASSERT_THAT(servers, SizeIs(3));
  EXPECT_EQ(servers[0].name, "thread_echo");
  EXPECT_EQ(servers[0].protocol, "echo");
  EXPECT_EQ(servers[0].description, "a thread per connection");
  EXPECT_EQ(servers[0].path, folder_.path() + "/build/servers/thread_echo");
  EXPECT_EQ(servers[1].name, "poll_echo");
  EXPECT_EQ(servers[2].name, "python/thread_http");
  EXPECT_EQ(servers[2].protocol, "http");
  EXPECT_THAT(bundled_servers({"/nowhere"}), SizeIs(0));
}

TEST_F(ServerName, KnowsBothPlacesBesideTheExecutable) {
  const ServerFolders folders = server_folders("/opt/trace/bin");
  ASSERT_THAT(folders, SizeIs(2));
  EXPECT_EQ(folders[0], "/opt/trace/bin/servers");
  EXPECT_EQ(folders[1], "/opt/trace/libexec/trace-run/servers");
}

TEST_F(ServerName, WithoutPathIsLookedUpInTheSystemsFolders) {
  EXPECT_EQ(find_program("sh", nullptr), "/bin/sh");
  EXPECT_EQ(find_program("mine", ""), std::nullopt);
  program("mine");
  EXPECT_EQ(find_program("mine", ""), "./mine");
}

}  // namespace
}  // namespace tr::capture
