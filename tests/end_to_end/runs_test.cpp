// Are runs stored, for whom, and what can be done with them?
#include <sys/stat.h>

#include <fmt/format.h>

#include "trace_run.h"
#include "util/text.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kOlderRun = SOURCE_FOLDER "/tests/golden/epoll_echo.snapshot";

class StoredRuns : public WithoutPrivilege {
 protected:
  // `trace-run runs` with these words, which must succeed.
  static std::string runs(Words words) {
    words.insert(words.begin(), "runs");
    const Ended ended = run(trace_run(std::move(words)));
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(ended.err, "");
    return ended.out;
  }
  static std::string refused(Words words) {
    words.insert(words.begin(), "runs");
    const Ended ended = run(trace_run(std::move(words)));
    EXPECT_EQ(ended.code, 2);
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, OneLine(StartsWith("trace-run: ")));
    return ended.err;
  }
  static std::vector<int> ids() {
    std::vector<int> numbers;
    const Json list = Json::parse(runs({"--json"}));
    for (const Json& each : list["runs"])
      numbers.push_back(each["id"]);
    return numbers;
  }
};

TEST_F(StoredRuns, none_are_there_at_first) {
  EXPECT_EQ(runs({}), "No runs in " + path("data/trace-run/runs.db") + "\n");
  EXPECT_THAT(ids(), IsEmpty());
  EXPECT_THAT(refused({"show", "last"}), HasSubstr("holds no runs"));
  EXPECT_FALSE(std::filesystem::exists(path("data"))) << "made by looking";
}

TEST_F(StoredRuns, come_from_files_and_go_into_files) {
  EXPECT_EQ(runs({"import", kOlderRun, kOlderRun}),
            fmt::format("stored {0} as run 1\nstored {0} as run 2\n", kOlderRun));
  const Json stored = Json::parse(runs({"--json"}))["runs"][0];
  EXPECT_EQ(stored["id"], 2);
  EXPECT_EQ(stored["group"], 1) << "of the same server and configuration";
  EXPECT_EQ(stored["server"], "epoll_echo");
  EXPECT_GT(stored["messages_per_second"], 0.0);
  EXPECT_GT(stored["cpu_ns_per_message"], 0.0);
  EXPECT_EQ(stored["verdict"], nullptr);

  const auto original = read_file(kOlderRun);
  runs({"export", "1", path("one")});
  EXPECT_TRUE(*read_file(path("one")) == *original);
  EXPECT_TRUE(runs({"export", "1", "-"}) == *original);
  EXPECT_EQ(runs({"export", "@1", path("all")}),
            fmt::format("wrote run 1 to {0}-1\nwrote run 2 to {0}-2\n", path("all")));
  EXPECT_TRUE(*read_file(path("all-2")) == *original);
  EXPECT_THAT(refused({"export", "1-2", "-"}), HasSubstr("only one can go to standard output"));
}

TEST_F(StoredRuns, are_reported_as_files_are) {
  runs({"import", kOlderRun});
  const Ended from_file = run(trace_run({"report", kOlderRun, "--syscalls"}));
  ASSERT_EQ(from_file.code, 0);
  EXPECT_EQ(runs({"show", "last", "--syscalls"}), from_file.out);
  for (const char* selector : {"1", "@1", "last", "epoll_echo"})
    EXPECT_EQ(run(trace_run({"report", selector, "--syscalls"})).out, from_file.out) << selector;
  EXPECT_EQ(Json::parse(runs({"show", "1", "--json", "-"}))["schema_version"], 1);
  EXPECT_THAT(runs({"show", "1", "--markdown", "-"}), StartsWith("# "));
}

TEST_F(StoredRuns, are_compared) {
  runs({"import", kOlderRun, kOlderRun, kOlderRun, kOlderRun});
  runs({"tag", "1-2", "base"});
  const Ended compared = run(trace_run({"compare", "base", "3-4"}));
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_NE(compared.out, "");
  EXPECT_THAT(run(trace_run({"compare", "base", "bse"})).err,
              OneLine(HasSubstr("did you mean base?")));
}

TEST_F(StoredRuns, are_tagged_and_removed) {
  runs({"import", kOlderRun, kOlderRun, kOlderRun});
  EXPECT_EQ(runs({"tag", "1-2", "base"}), "tagged runs 1-2\n");
  EXPECT_EQ(runs({"tag", "3", "base"}), "tagged run 3; base is now runs 1-3\n");
  EXPECT_THAT(runs({}), ContainsRegex("  3  @1 .* base "));
  EXPECT_EQ(runs({"untag", "1", "base"}), "untagged run 1\n");
  EXPECT_THAT(refused({"show", "base"}), HasSubstr("\"base\" is 2 runs, and one is wanted"));
  EXPECT_THAT(refused({"remove", "last"}), HasSubstr("name what is to be removed by number"));
  EXPECT_EQ(runs({"remove", "base"}), "removed runs 2-3\n");
  EXPECT_THAT(ids(), ElementsAre(1));
}

TEST_F(StoredRuns, mistakes_are_one_line) {
  runs({"import", kOlderRun});
  EXPECT_THAT(refused({"show", "7"}), HasSubstr("there is no run 7; the nearest is 1"));
  EXPECT_THAT(refused({"show", "epol_echo"}), HasSubstr("did you mean epoll_echo?"));
  EXPECT_THAT(refused({"tag", "1", "a b"}), HasSubstr("a tag begins with a letter"));
  EXPECT_THAT(refused({"frobnicate"}), HasSubstr("trace-run runs --help"));
  EXPECT_THAT(refused({"show"}), HasSubstr("trace-run runs --help"));
  EXPECT_THAT(refused({"import", path("none")}), HasSubstr("No such file"));
  ASSERT_TRUE(write_file(path("cut"), read_file(kOlderRun)->substr(0, 1000)).ok());
  EXPECT_THAT(refused({"import", path("cut")}), HasSubstr("cut short"));
  EXPECT_THAT(refused({"import", kOlderRun, "/etc/passwd"}), HasSubstr("not a trace-run snapshot"));
  EXPECT_THAT(ids(), ElementsAre(1)) << "of two files all are stored, or none";
  EXPECT_THAT(refused({"--db", "/etc/passwd"}), HasSubstr("it is no store of runs"));
  EXPECT_THAT(run(trace_run({"report", "no_such_run"})).err,
              OneLine(HasSubstr("there is no such file, and no run has the tag")));
  EXPECT_THAT(run(trace_run({"--db", "/etc/passwd", "--", "touch", path("has run")})).err,
              OneLine(HasSubstr("cannot use /etc/passwd")));
  EXPECT_FALSE(std::filesystem::exists(path("has run")));
}

// As by sudo: the file and its folders are the user's, whose links lead to nothing of root's.
TEST_F(StoredRuns, belong_to_who_called_sudo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be root through sudo";
  Command::Setup sudo;
  sudo.before_exec = [] {
    ::setenv("SUDO_UID", "65534", 1);
    ::setenv("SUDO_GID", "65534", 1);
  };
  ASSERT_EQ(::chmod(std::filesystem::path(path("data")).parent_path().c_str(), 0777), 0);
  const Ended stored = run(trace_run({"runs", "import", kOlderRun}), sudo);
  ASSERT_EQ(stored.code, 0) << stored.err;
  for (const char* name : {"data", "data/trace-run", "data/trace-run/runs.db"}) {
    struct stat status {};
    ASSERT_EQ(::stat(path(name).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 65534U) << name;
    EXPECT_EQ(status.st_gid, 65534U) << name;
  }
  ASSERT_TRUE(write_file(path("secret"), "root's alone").ok());
  ASSERT_EQ(::chmod(path("secret").c_str(), 0600), 0);
  std::filesystem::remove(path("data/trace-run/runs.db"));
  std::filesystem::create_symlink(path("secret"), path("data/trace-run/runs.db"));
  const Ended linked = run(trace_run({"runs", "import", kOlderRun}), sudo);
  EXPECT_EQ(linked.code, 1);
  EXPECT_THAT(linked.err, OneLine(HasSubstr("Permission denied")));
  EXPECT_EQ(*read_file(path("secret")), "root's alone");
}

class MeasuredRuns : public EndToEnd {
 protected:
  static Json stored() { return Json::parse(run(trace_run({"runs", "--json"})).out)["runs"]; }
};

TEST_F(MeasuredRuns, are_stored) {
  const Ended ended = run(trace_run(short_run({"servers/epoll_echo"})));
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json runs = stored();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["server"], "epoll_echo");
  EXPECT_EQ(runs[0]["configuration"], "echo, 20 connections, 64 B");
  EXPECT_GT(runs[0]["messages_per_second"], 0.0);
  EXPECT_GT(runs[0]["cpu_ns_per_message"], 0.0);
  EXPECT_EQ(run(trace_run({"runs", "show", "last"})).out, ended.out);
}

TEST_F(MeasuredRuns, are_not_stored_if_so_wished) {
  EXPECT_EQ(run(trace_run({"--no-db", "--quiet", "--load", "none", "--", "/bin/true"})).code, 0);
  EXPECT_FALSE(std::filesystem::exists(path("data")));
}

TEST_F(MeasuredRuns, fail_not_because_they_cannot_be_stored) {
  ASSERT_TRUE(write_file(path("data"), "no folder").ok());
  const Ended ended = run(trace_run({"--load", "none", "--", "/bin/true"}));
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out, StartsWith("/bin/true: "));
  EXPECT_THAT(ended.err, OneLine(AllOf(StartsWith("trace-run: warning: this run is not stored: "),
                                       HasSubstr("Not a directory"))));
}

TEST_F(MeasuredRuns, are_as_many_as_fit) {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(run(trace_run({"--db-limit", "1", "--quiet", "--load", "none", "--", "true"})).code,
              0);
  const Json runs = stored();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["id"], 3);
}

}  // namespace
}  // namespace tr::end_to_end
