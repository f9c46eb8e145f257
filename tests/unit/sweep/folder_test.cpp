#include "sweep/folder.h"

#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "sweep/manifest_file.h"
#include "sweep/results.h"
#include "synthetic_sweep.h"
#include "util/text.h"

namespace tr::sweep {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

Manifest two_cells() {
  return {.cells = {{{"thread_echo", 10, "", 64, 1}, ""}, {{"python/thread", 20, "1", 64, 1}, ""}},
          .repeats = 2,
          .order_seed = 1,
          .options = {"--duration=1s"},
          .tool_version = "0.1.0",
          .kernel = "6.18.5",
          .cpus = "0-1"};
}

Manifest list_of_two() {
  Manifest list = two_cells();
  for (PlannedCell& planned : list.cells) {
    planned.cell.program = {planned.cell.server, "--workers", "8 of them"};
    planned.cell.load = "echo --close";
  }
  list.cells[0].cell.name = "few, at first";
  list.cells[0].cell.options = {"--connections=10", "--close"};
  list.cells[1].cell.name = "../../etc/passwd";
  return list;
}

class SweepFolder : public testing::Test {
 protected:
  SweepFolder() {
    std::string name = fs::temp_directory_path() / "sweep-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
  }
  ~SweepFolder() override {
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }

  [[nodiscard]] std::string path() const { return base_ / "runs"; }

  static std::string refusal(const Result<Folder>& folder) {
    if (folder) return "none";
    EXPECT_EQ(folder.error().failure, Failure::kUsage);
    return folder.error().text();
  }

  fs::path base_;
};

TEST_F(SweepFolder, GoesOnWithWhatIsMissing) {
  {
    const auto folder = Folder::begin(path(), two_cells());
    ASSERT_TRUE(folder) << folder.error().text();
    EXPECT_FALSE(folder->has({0, 1}));
    ASSERT_TRUE(folder->keep({0, 1}, run_of(two_cells().cells[0].cell, 1'000)));
    ASSERT_TRUE(folder->note_failure({1, 2}, "it did not listen"));
  }
  const auto folder = Folder::begin(path(), two_cells());
  ASSERT_TRUE(folder) << folder.error().text();
  EXPECT_TRUE(folder->has({0, 1}));
  EXPECT_FALSE(folder->has({0, 2}));
  EXPECT_FALSE(folder->has({1, 1}));
  EXPECT_EQ(folder->failure({1, 2}), "it did not listen");
  const auto run = folder->run({0, 1});
  ASSERT_TRUE(run && *run);
  EXPECT_TRUE(**run == run_of(two_cells().cells[0].cell, 1'000));
  // What succeeds in the end has not failed.
  ASSERT_TRUE(folder->keep({1, 2}, run_of(two_cells().cells[1].cell, 900)));
  EXPECT_EQ(folder->failure({1, 2}), "");
}

TEST_F(SweepFolder, ResultsOfWhatIsThere) {
  const auto folder = Folder::begin(path(), two_cells());
  ASSERT_TRUE(folder);
  const auto none = read_results(*folder);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text(), HasSubstr("no run of it has been made"));
  ASSERT_TRUE(folder->keep({1, 1}, run_of(two_cells().cells[1].cell, 90'000)));
  ASSERT_TRUE(folder->note_failure({1, 2}, "it did not listen"));
  const auto reader = Folder::open(path());
  ASSERT_TRUE(reader);
  const auto results = read_results(*reader);
  ASSERT_TRUE(results) << results.error().text();
  ASSERT_EQ(results->cells.size(), 2U);
  EXPECT_EQ(results->cells[0].runs, 0U);
  EXPECT_EQ(results->cells[1].runs, 1U);
  EXPECT_EQ(results->cells[1].failures, std::vector<std::string>{"it did not listen"});
  EXPECT_EQ(results->environment.kernel, "6.18.5");
}

TEST_F(SweepFolder, RefusesAnotherSweepAndSaysWhichPartDiffers) {
  ASSERT_TRUE(Folder::begin(path(), two_cells()));
  const auto changed = [&](auto&& change) {
    Manifest other = two_cells();
    change(other);
    return refusal(Folder::begin(path(), other));
  };
  EXPECT_THAT(changed([](Manifest& other) { other.options = {"--duration=2s"}; }),
              AllOf(HasSubstr("another sweep"), HasSubstr("--duration=1s there"),
                    HasSubstr("--duration=2s here")));
  EXPECT_THAT(changed([](Manifest& other) { other.repeats = 3; }),
              HasSubstr("repeats: 2 there, 3 here"));
  EXPECT_THAT(changed([](Manifest& other) { other.cells.pop_back(); }),
              HasSubstr("servers: thread_echo, python/thread there, thread_echo here"));
  EXPECT_THAT(changed([](Manifest& other) { other.cells[0].cell.connections = 11; }),
              HasSubstr("connections: 10, 20 there, 11, 20 here"));
  EXPECT_THAT(changed([](Manifest& other) { other.kernel = "7.0"; }), HasSubstr("kernel"));
  EXPECT_THAT(changed([](Manifest& other) { std::swap(other.cells[0], other.cells[1]); }),
              HasSubstr("another sweep"));
  // What the machine bears may have changed.
  EXPECT_EQ(changed([](Manifest& other) { other.cells[0].skipped = "too few files"; }), "none");
}

TEST_F(SweepFolder, RefusesAnotherListAndSaysWhichCellDiffers) {
  ASSERT_TRUE(Folder::begin(path(), list_of_two()));
  EXPECT_EQ(refusal(Folder::begin(path(), list_of_two())), "none");
  const auto changed = [&](auto&& change) {
    Manifest other = list_of_two();
    change(other);
    return refusal(Folder::begin(path(), other));
  };
  EXPECT_THAT(changed([](Manifest& other) { other.cells[0].cell.options[0] = "--connections=9"; }),
              HasSubstr("few, at first: --connections=10 --close thread_echo --workers 8 of them "
                        "there, --connections=9 --close thread_echo"));
  EXPECT_THAT(changed([](Manifest& other) { other.cells[1].cell.program.pop_back(); }),
              HasSubstr("../../etc/passwd: python/thread --workers 8 of them there, "
                        "python/thread --workers here"));
  EXPECT_THAT(changed([](Manifest& other) { other.cells[0].cell.name = "many"; }),
              HasSubstr("cell 1: few, at first there, many here"));
  EXPECT_THAT(changed([](Manifest& other) { other.cells.pop_back(); }),
              HasSubstr("cells: 2 there, 1 here"));
  EXPECT_THAT(changed([](Manifest& other) { other.options = {"--duration=2s"}; }),
              HasSubstr("options: --duration=1s there"));
  EXPECT_THAT(changed([](Manifest& other) { other = two_cells(); }),
              HasSubstr("cell 1: few, at first there, none here"));
}

// Words are told apart though they read alike when joined.
TEST_F(SweepFolder, RefusesOtherWordsThatReadAlike) {
  ASSERT_TRUE(Folder::begin(path(), list_of_two()));
  Manifest other = list_of_two();
  other.cells[0].cell.program = {"thread_echo", "--workers", "8", "of", "them"};
  EXPECT_THAT(refusal(Folder::begin(path(), other)), HasSubstr("another sweep"));
}

TEST_F(SweepFolder, NamesOfCellsAreNoPaths) {
  const auto folder = Folder::begin(path(), list_of_two());
  ASSERT_TRUE(folder);
  for (const std::size_t cell : {0U, 1U})
    ASSERT_TRUE(folder->keep({cell, 1}, run_of(list_of_two().cells[cell].cell, 1'000)));
  EXPECT_TRUE(fs::exists(path() + "/0001-few--at-first-1.run"));
  EXPECT_TRUE(fs::exists(path() + "/0002-..-..-etc-passwd-1.run"));
}

TEST_F(SweepFolder, RefusesWhatIsNoSweep) {
  EXPECT_THAT(refusal(Folder::begin(base_ / "no" / "such", two_cells())),
              HasSubstr("No such file"));
  EXPECT_THAT(refusal(Folder::open(path())), HasSubstr("sweep.json"));
  fs::create_directory(path());
  ASSERT_TRUE(write_file(path() + "/thesis.txt", "all of it"));
  EXPECT_THAT(refusal(Folder::begin(path(), two_cells())), HasSubstr("holds other things"));
  ASSERT_TRUE(write_file(base_ / "file", ""));
  EXPECT_THAT(refusal(Folder::begin(base_ / "file", two_cells())), HasSubstr("file"));
}

TEST_F(SweepFolder, IsOfOneProcessAtATime) {
  const auto folder = Folder::begin(path(), two_cells());
  ASSERT_TRUE(folder);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = Folder::begin(path(), two_cells());
    const bool refused =
        !second && second.error().text().find("another trace-run sweep") != std::string::npos;
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(SweepFolder, RefusesARunOfAnotherCell) {
  const auto folder = Folder::begin(path(), two_cells());
  ASSERT_TRUE(folder);
  ASSERT_TRUE(folder->keep({0, 1}, run_of(two_cells().cells[1].cell, 1'000)));
  const auto run = folder->run({0, 1});
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error().text(), HasSubstr("it is a run of python/thread with 20"));
}

TEST(ManifestFile, ComesBackAsItWas) {
  const std::string bytes = encode_manifest(two_cells());
  const auto manifest = decode_manifest(bytes, "x");
  ASSERT_TRUE(manifest) << manifest.error().text();
  EXPECT_EQ(encode_manifest(*manifest), bytes);
  EXPECT_EQ(first_difference(*manifest, two_cells()), std::nullopt);
}

TEST(ManifestFile, OfAListComesBackAsItWas) {
  const std::string bytes = encode_manifest(list_of_two());
  const auto manifest = decode_manifest(bytes, "x");
  ASSERT_TRUE(manifest) << manifest.error().text();
  EXPECT_EQ(manifest->cells, list_of_two().cells);
}

// As written before there were lists.
TEST(ManifestFile, OfTheFirstVersionIsAGrid) {
  std::string bytes = encode_manifest(two_cells());
  const std::size_t at = bytes.find("\"version\": 2");
  ASSERT_NE(at, std::string::npos);
  bytes[at + 11] = '1';
  const auto manifest = decode_manifest(bytes, "x");
  ASSERT_TRUE(manifest) << manifest.error().text();
  EXPECT_EQ(first_difference(*manifest, two_cells()), std::nullopt);
  bytes[at + 11] = '3';
  const auto newer = decode_manifest(bytes, "x");
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().text(), HasSubstr("another version of trace-run"));
}

TEST(ManifestFile, DamagedInAnyByteIsAnErrorOrReadable) {
  const std::string bytes = encode_manifest(list_of_two());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    EXPECT_FALSE(decode_manifest(bytes.substr(0, at), "x") && at + 1 < bytes.size()) << at;
    std::string damaged = bytes;
    damaged[at] = '\xff';
    const auto manifest = decode_manifest(damaged, "x");
    if (manifest) continue;
    EXPECT_EQ(manifest.error().failure, Failure::kUsage);
  }
  for (const char* bad : {"", "[]", "7", "{\"format\":7}", "{\"format\":\"trace-run sweep\"}"})
    EXPECT_FALSE(decode_manifest(bad, "x")) << bad;
}

}  // namespace
}  // namespace tr::sweep
