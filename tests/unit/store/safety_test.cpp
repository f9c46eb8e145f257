// What happens to a store whose writers are killed or fail, and to files that are none.
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <gmock/gmock.h>

#include "snapshot/snapshot_file.h"
#include "store/database.h"
#include "store/schema.h"
#include "store/store.h"
#include "stored.h"
#include "util/fd.h"

namespace tr::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StoreSafety : public StoreFolder {
 protected:
  // What a forked process ended with: its exit code, or minus the signal.
  template <class Work>
  static int ended(const Work& work) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(work());
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  // Refused as a usage error, in one line that holds `text`, and nothing is changed; for reading
  // and for writing.
  void expect_refused(const std::string& text) {
    const std::string before = content();
    for (const Access access : {Access::kRead, Access::kWrite}) {
      auto store = Store::open(path(), access);
      const auto runs = store ? store->newest(9) : Result<std::vector<RunRecord>>(store.error());
      ASSERT_FALSE(runs) << text << " of " << before.size() << " bytes";
      EXPECT_EQ(runs.error().failure, Failure::kUsage);
      EXPECT_THAT(runs.error().text(), HasSubstr("cannot use " + path() + ": "));
      EXPECT_THAT(runs.error().text(), HasSubstr(text));
      EXPECT_THAT(runs.error().text(), Not(HasSubstr("\n")));
    }
    EXPECT_TRUE(content() == before);
    EXPECT_THAT(files(), ElementsAre("runs.db"));
  }
};

// With pages already in the file: the cache is too small for the transaction.
TEST_F(StoreSafety, SurvivesAWriterThatIsKilledInATransaction) {
  {
    Store store = open();
    add(store, "before");
  }
  const std::string before = content();
  EXPECT_EQ(ended([&] {
              auto database = Database::open(path(), Database::Open::kExisting);
              if (!database || !(*database)->execute("PRAGMA cache_size = 1")) return 1;
              auto transaction = Transaction::begin(**database);
              if (!transaction) return 1;
              const std::string much(100'000, 'x');
              for (int i = 100; i < 110; ++i) {
                auto row = (*database)->prepare("INSERT INTO snapshots VALUES (?, ?)");
                if (!row || !row->bind(std::int64_t{i}, Bytes{much}).run()) return 1;
              }
              auto gone = (*database)->execute("DELETE FROM runs");
              ::raise(SIGKILL);
              return 1;
            }),
            -SIGKILL);
  EXPECT_NE(content(), before) << "nothing was half written: this tests nothing";
  EXPECT_THAT(files(), ElementsAre("runs.db", "runs.db-journal"));

  Store store = open(Access::kRead);
  EXPECT_THAT(ids(store.select("1-999")), ElementsAre(1));
  EXPECT_EQ(*store.snapshot(1), encode_snapshot(run_of("before")));
  Store again = open();
  EXPECT_EQ(add(again, "after"), 2);
  EXPECT_THAT(files(), ElementsAre("runs.db"));
}

TEST_F(StoreSafety, TakesRunsOfSeveralWritersAtOnce) {
  // Each makes the file if it is the first, and all of them at the same time.
  constexpr int kWriters = 4;
  constexpr int kRuns = 10;
  int gate[2] = {-1, -1};
  ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
  Fd hold(gate[1]);
  const Fd wait(gate[0]);
  std::vector<pid_t> writers;
  for (int i = 0; i < kWriters; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      hold.reset();
      char byte = 0;
      if (::read(wait.get(), &byte, 1) != 0) ::_exit(2);
      auto store = Store::open(path(), Access::kWrite);
      if (!store) ::_exit(1);
      try {
        for (int run = 0; run < kRuns; ++run)
          add(*store, "writer" + std::to_string(i));
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    writers.push_back(pid);
  }
  hold.reset();
  for (const pid_t pid : writers) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  Store store = open(Access::kRead);
  EXPECT_EQ(*store.count(), std::size_t{kWriters * kRuns});
}

TEST_F(StoreSafety, ReadsBesideAReader) {
  Store first = open();
  add(first, "a");
  Store second = open(Access::kRead);
  EXPECT_THAT(ids(second.newest(9)), ElementsAre(1));
  add(first, "b");
  EXPECT_THAT(ids(second.newest(9)), ElementsAre(2, 1));
}

TEST_F(StoreSafety, LosesNothingWhenThereIsNoSpace) {
  {
    Store store = open();
    add(store, "before");
  }
  const auto size = std::filesystem::file_size(path());
  EXPECT_EQ(ended([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{size + 4096, size + 4096};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
              Store store = open();
              const Snapshot large = run_of("large", 1'000);
              const auto added = store.add({.snapshot = large,
                                            .configuration = {},
                                            .messages_per_second = {},
                                            .cpu_ns_per_message = {},
                                            .verdict = {},
                                            .group = {}},
                                           kNoLimit);
              if (added || added.error().failure != Failure::kRun) return 2;
              if (!added.error().text().starts_with("cannot write " + path() + ": ")) return 3;
              // Still of use, by the same process too.
              const auto there = store.newest(9);
              return there && there->size() == 1 ? 0 : 4;
            }),
            0);
  Store store = open();
  EXPECT_THAT(ids(store.newest(9)), ElementsAre(1));
  EXPECT_EQ(*store.snapshot(1), encode_snapshot(run_of("before")));
}

TEST_F(StoreSafety, SaysWhenThereIsNoSpace) {
  auto database = Database::open(path(), Database::Open::kCreate);
  ASSERT_TRUE(database);
  ASSERT_TRUE((*database)->execute("PRAGMA max_page_count = 2").ok());
  const Status full = bring_up_to_date(**database, schema_steps());
  EXPECT_EQ(why(full), "cannot write " + path() +
                           ": No space left on device; what is in it is safe; make room, or name "
                           "another file with --db");
}

TEST_F(StoreSafety, MakesNothingForAReader) {
  Store store = open(Access::kRead);
  EXPECT_THAT(*store.newest(9), IsEmpty());
  EXPECT_THAT(files(), IsEmpty());
  write("");
  EXPECT_EQ(*open(Access::kRead).count(), 0U);
  EXPECT_EQ(content(), "");
}

TEST_F(StoreSafety, SaysWhatItCannotOpen) {
  const auto none = Store::open(path() + "/none", Access::kWrite);
  EXPECT_EQ(why(none), "cannot open " + path() +
                           "/none: No such file or directory; name another file with --db");
  // Names that SQLite would take for something else.
  for (const char* name : {"", ":memory:/none", "file:runs.db/none?mode=memory"})
    EXPECT_FALSE(Store::open(name, Access::kWrite)) << name;
}

TEST_F(StoreSafety, ReadsWhereItMayNotWrite) {
  if (::geteuid() == 0) {
    // Root may always write: as somebody who may not.
    ASSERT_EQ(::chmod(std::filesystem::path(path()).parent_path().c_str(), 0755), 0);
  }
  {
    Store store = open();
    add(store, "a");
  }
  ASSERT_EQ(::chmod(path().c_str(), 0444), 0);
  EXPECT_EQ(ended([&] {
              if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 1;
              Store store = open(Access::kRead);
              if (ids(store.newest(9)) != std::vector<RunId>{1}) return 2;
              auto writer = Store::open(path(), Access::kWrite);
              if (!writer) return 3;
              const Status refused = writer->tag(*writer->select("1"), "a");
              return why(refused) == "cannot write " + path() +
                                         ": it may only be read; name another file with --db"
                         ? 0
                         : 4;
            }),
            0);
}

TEST_F(StoreSafety, RefusesWhatIsNoDatabase) {
  for (const std::string& foreign :
       {std::string("a text, and quite another file\n"), std::string(8192, '\0'),
        std::string("SQLite format 3"), std::string(1, 'x')}) {
    write(foreign);
    expect_refused("it is no store of runs");
  }
}

TEST_F(StoreSafety, RefusesAnotherProgramsDatabase) {
  {
    auto database = Database::open(path(), Database::Open::kCreate);
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->execute("CREATE TABLE runs (id)").ok());
  }
  expect_refused("it is another program's database");
  {
    auto database = Database::open(path(), Database::Open::kCreate);
    ASSERT_TRUE((*database)->execute("PRAGMA application_id = 7; PRAGMA user_version = 1").ok());
  }
  expect_refused("it is another program's database");
}

TEST_F(StoreSafety, RefusesANewerFile) {
  (void)open();
  {
    auto database = Database::open(path(), Database::Open::kExisting);
    ASSERT_TRUE((*database)->execute("PRAGMA user_version = 99").ok());
  }
  expect_refused("a newer trace-run has made it (format 99, and this one knows");
}

TEST_F(StoreSafety, RefusesADamagedFile) {
  {
    Store store = open();
    for (int i = 0; i < 10; ++i)
      add(store, "a");
  }
  const std::string whole = content();
  write(std::string_view(whole).substr(0, whole.size() / 2));
  expect_refused("it is damaged");
  // Everything behind the first page, which says what the others are.
  std::string holed = whole;
  std::fill(holed.begin() + 4096, holed.end(), '\xaa');
  write(holed);
  expect_refused("it is damaged");
}

// Whichever bytes are damaged: a line or the right answer, never a crash.
TEST_F(StoreSafety, BearsDamageAnywhere) {
  {
    Store store = open();
    for (int i = 0; i < 3; ++i)
      add(store, "a");
    ASSERT_TRUE(store.tag(*store.select("1"), "base").ok());
  }
  const std::string whole = content();
  const std::string right = encode_snapshot(run_of("a"));
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); at += 251) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    write(damaged);
    auto store = Store::open(path(), Access::kRead);
    if (!store) {
      ++refused;
      continue;
    }
    for (const char* selector : {"1-3", "last", "base", "a"}) {
      const auto runs = store->select(selector);
      if (!runs) {
        ++refused;
        continue;
      }
      for (const RunRecord& run : *runs) {
        const auto bytes = store->snapshot(run.id);
        refused += bytes ? 0 : 1;
        EXPECT_TRUE(!bytes || *bytes == right) << at;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(StoreSafety, BelievesNoSize) {
  {
    Store store = open();
    add(store, "a");
  }
  for (const char* size : {"-1", "0", "1", "1000000000000", "200000000"}) {
    auto database = Database::open(path(), Database::Open::kExisting);
    ASSERT_TRUE((*database)
                    ->execute(("UPDATE runs SET snapshot_bytes = " + std::string(size)).c_str())
                    .ok());
    Store store = open(Access::kRead);
    EXPECT_EQ(why(store.snapshot(1)), "cannot read run 1 in " + path() +
                                          ": it is damaged; trace-run runs remove 1 takes it out");
  }
}

// SQL in somebody's file is not run.
TEST_F(StoreSafety, RunsNoTriggers) {
  {
    Store store = open();
    add(store, "a");
  }
  {
    sqlite3* plain = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &plain), SQLITE_OK);
    EXPECT_EQ(
        sqlite3_exec(plain, "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
                     nullptr, nullptr, nullptr),
        SQLITE_OK);
    sqlite3_close(plain);
  }
  Store store = open();
  add(store, "b");
  EXPECT_EQ(*store.count(), 2U);
}

class Migration : public StoreFolder {
 protected:
  static constexpr const char* kAddColumn = "ALTER TABLE runs ADD COLUMN machine TEXT";
  static constexpr const char* kFillColumn = "UPDATE runs SET machine = kernel || ' there'";

  Result<std::unique_ptr<Database>> existing() {
    return Database::open(path(), Database::Open::kExisting);
  }
};

TEST_F(Migration, MakesANewFileOfTodaysVersion) {
  (void)open();
  auto database = existing();
  EXPECT_EQ(*(*database)->number("PRAGMA user_version"),
            static_cast<std::int64_t>(schema_steps().size()));
  EXPECT_EQ(*(*database)->number("PRAGMA application_id"), kApplicationId);
}

// A file as version 1 makes it, with a run in it, under a program that knows two versions more.
TEST_F(Migration, TakesAnOlderFileAlong) {
  {
    Store store = open();
    add(store, "old");
  }
  auto database = existing();
  std::vector<const char*> steps(schema_steps().begin(), schema_steps().end());
  const auto version = static_cast<std::int64_t>(steps.size());
  steps.push_back(kAddColumn);
  steps.push_back(kFillColumn);
  ASSERT_TRUE(bring_up_to_date(**database, steps).ok());
  EXPECT_EQ(*(*database)->number("PRAGMA user_version"), version + 2);
  EXPECT_EQ(*(*database)->number("SELECT machine = '6.18.0 there' FROM runs"), 1);
  ASSERT_TRUE(bring_up_to_date(**database, steps).ok()) << "nothing is to be done";
  // The program of before finds a newer file.
  EXPECT_THAT(why(Store::open(path(), Access::kWrite)), HasSubstr("a newer trace-run"));
}

TEST_F(Migration, IsDoneAsAWholeOrNotAtAll) {
  {
    Store store = open();
    add(store, "old");
  }
  auto database = existing();
  std::vector<const char*> steps(schema_steps().begin(), schema_steps().end());
  steps.push_back(kAddColumn);
  steps.push_back("UPDATE no_such_table SET x = 1");
  EXPECT_FALSE(bring_up_to_date(**database, steps));
  Store store = open();
  EXPECT_THAT(ids(store.newest(9)), ElementsAre(1));
  EXPECT_EQ(*(*database)->number("SELECT COUNT(*) FROM pragma_table_info('runs') "
                                 "WHERE name = 'machine'"),
            0);
}

}  // namespace
}  // namespace tr::store
