// What does a BPF tracer cost that does nothing? Attaches empty programs and keeps them attached
// until a signal ends it.
//   enter     one, on sys_enter
//   all       on sys_enter, sys_exit, sched_switch, sched_waking and sched_wakeup: where the times
//             of calls and of the ways to a CPU begin and end
//   clock     the same, and each looks at the clock
//   messages  on sk_data_ready and net_dev_start_xmit, where a message comes and where it leaves,
//             each with a look at the clock
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "empty_programs.skel.h"

namespace {

struct Destroy {
  void operator()(empty_programs* skeleton) const { empty_programs__destroy(skeleton); }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  const std::unique_ptr<empty_programs, Destroy> skeleton(empty_programs__open());
  if (!skeleton) {
    std::perror("open the empty programs");
    return 1;
  }
  const auto& programs = skeleton->progs;
  std::vector<bpf_program*> wanted;
  if (what == "enter") wanted = {programs.empty_sys_enter};
  if (what == "all" || what == "clock")
    wanted = {programs.empty_sys_enter, programs.empty_sys_exit, programs.empty_sched_switch,
              programs.empty_sched_waking, programs.empty_sched_wakeup};
  if (what == "messages")
    wanted = {programs.empty_sk_data_ready, programs.empty_net_dev_start_xmit};
  if (wanted.empty()) {
    std::fprintf(stderr, "usage: %s enter|all|clock|messages\n", argv[0]);
    return 2;
  }
  skeleton->rodata->reads_clock = what == "clock" || what == "messages";
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_program__set_autoload(program, std::ranges::find(wanted, program) != wanted.end());
  }
  if (empty_programs__load(skeleton.get()) != 0 || empty_programs__attach(skeleton.get()) != 0) {
    std::perror("attach the empty programs (root is needed)");
    return 1;
  }
  ::pause();
}
