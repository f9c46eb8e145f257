#include "capture/launch/process_tree.h"

#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/temporary_folder.h"

namespace tr::capture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A tree like /proc, with as much in it as is read.
class FakeProc {
 public:
  void add(pid_t pid, pid_t parent, const std::set<pid_t>& threads,
           const std::string& name = "server") {
    folder_.file(fmt::format("{}/stat", pid),
                 fmt::format("{} ({}) S {} 1 1 0 -1 4194560 1\n", pid, name, parent));
    folder_.file(fmt::format("{}/status", pid), fmt::format("Name:\t{}\nTgid:\t{}\n", name, pid));
    for (const pid_t tid : threads)
      folder_.file(fmt::format("{}/task/{}/comm", pid, tid), name + "\n");
    // A thread's own folder is there for whoever names it, though no listing shows it.
  }
  [[nodiscard]] const std::string& path() const { return folder_.path(); }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

TEST(ProcessTree, HoldsDescendantsAndTheirThreads) {
  FakeProc proc;
  proc.add(1, 0, {1}, "init");
  proc.add(20, 1, {20, 21});
  proc.add(30, 20, {30});
  proc.add(10, 30, {10, 11, 12});  // pids wrap around: a child's may be lower
  proc.add(40, 1, {40});
  proc.folder().file("self/stat", "not a number");
  EXPECT_THAT(*process_tree(proc.path(), 20), ElementsAre(10, 20, 30));
  EXPECT_THAT(*tasks_of_tree(proc.path(), 20),
              ElementsAre(Task{10, 10}, Task{10, 11}, Task{10, 12}, Task{20, 20}, Task{20, 21},
                          Task{30, 30}));
  EXPECT_THAT(*child_processes(proc.path(), 1), ElementsAre(20, 40));
  EXPECT_THAT(*child_processes(proc.path(), 40), IsEmpty());
}

TEST(ProcessTree, IsNotFooledByNames) {
  FakeProc proc;
  proc.add(5, 1, {5});
  proc.add(6, 5, {6}, "a) S 1 (b");
  EXPECT_THAT(*process_tree(proc.path(), 5), ElementsAre(5, 6));
}

TEST(ProcessTree, RefusesWhatIsNoProcess) {
  FakeProc proc;
  proc.add(5, 1, {5, 6});
  proc.folder().file("6/status", "Name:\tserver\nTgid:\t5\n");
  const auto thread = process_tree(proc.path(), 6);
  ASSERT_FALSE(thread.ok());
  EXPECT_EQ(thread.error().failure, Failure::kUsage);
  EXPECT_THAT(thread.error().text(), HasSubstr("6 is a thread of process 5; name the process"));
  const auto missing = tasks_of_tree(proc.path(), 77);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().text(), "no process has the pid 77");
}

TEST(ProcessTree, IsSearchedUntilNothingNewTurnsUp) {
  FakeProc proc;
  proc.add(5, 1, {5});
  std::set<Task> adopted;
  // Each adoption gives the tree a moment to grow: a thread, then a child, then the child's thread.
  const auto count = for_each_new_task(proc.path(), 5, [&](Task task) -> Result<bool> {
    if (task == Task{5, 5}) proc.add(5, 1, {5, 6});
    if (task == Task{5, 6}) proc.add(7, 5, {7});
    if (task == Task{7, 7}) proc.add(7, 5, {7, 8});
    return adopted.insert(task).second;
  });
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(*count, 4U);
  EXPECT_THAT(adopted, ElementsAre(Task{5, 5}, Task{5, 6}, Task{7, 7}, Task{7, 8}));
}

TEST(ProcessTree, StopsAtAnError) {
  FakeProc proc;
  proc.add(5, 1, {5, 6});
  int calls = 0;
  const auto count = for_each_new_task(proc.path(), 5, [&](Task) -> Result<bool> {
    ++calls;
    return usage_error("full");
  });
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.error().text(), "full");
  EXPECT_EQ(calls, 1);
}

TEST(ProcessTree, FindsOurOwnThreads) {
  std::jthread other([](const std::stop_token& stop) {
    while (!stop.stop_requested())
      std::this_thread::yield();
  });
  const auto tasks = tasks_of_tree("/proc", getpid());
  ASSERT_TRUE(tasks.ok()) << tasks.error().text();
  EXPECT_THAT(*tasks, testing::Contains(Task{getpid(), gettid()}));
  EXPECT_GE(tasks->size(), 2U);
}

}  // namespace
}  // namespace tr::capture
