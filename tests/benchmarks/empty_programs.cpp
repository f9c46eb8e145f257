// What does a BPF tracer cost that does nothing? Attaches empty programs and keeps them attached
// until a signal ends it.
//   enter  one, on sys_enter
//   all    on sys_enter, sys_exit, sched_switch, sched_waking and sched_wakeup: where the times of
//          calls and of the ways to a CPU begin and end
//   clock  the same, and each looks at the clock
#include <cstdio>
#include <memory>
#include <string_view>
#include <unistd.h>

#include "empty_programs.skel.h"

namespace {

struct Destroy {
  void operator()(empty_programs* skeleton) const { empty_programs__destroy(skeleton); }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what != "enter" && what != "all" && what != "clock") {
    std::fprintf(stderr, "usage: %s enter|all|clock\n", argv[0]);
    return 2;
  }
  const std::unique_ptr<empty_programs, Destroy> skeleton(empty_programs__open());
  if (!skeleton) {
    std::perror("open the empty programs");
    return 1;
  }
  skeleton->rodata->reads_clock = what == "clock";
  if (what == "enter")
    for (bpf_program* program :
         {skeleton->progs.empty_sys_exit, skeleton->progs.empty_sched_switch,
          skeleton->progs.empty_sched_waking, skeleton->progs.empty_sched_wakeup})
      bpf_program__set_autoload(program, false);
  if (empty_programs__load(skeleton.get()) != 0 || empty_programs__attach(skeleton.get()) != 0) {
    std::perror("attach the empty programs (root is needed)");
    return 1;
  }
  ::pause();
}
