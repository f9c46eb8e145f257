#include "capture/kernel_probe.h"

#include <cerrno>
#include <iterator>
#include <linux/bpf.h>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "capture/probes.h"
#include "util/fd.h"

namespace tr::capture {
namespace {

struct BtfFree {
  void operator()(btf* types) const { btf__free(types); }
};

class MachineProbe : public KernelProbe {
 public:
  Status attach_program(std::uint32_t btf_id) override {
    bpf_insn program[2] = {};  // return 0
    program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    program[1].code = BPF_JMP | BPF_EXIT;
    bpf_prog_load_opts options{};
    options.sz = sizeof options;
    options.expected_attach_type = BPF_TRACE_RAW_TP;
    options.attach_btf_id = btf_id;
    const Fd loaded(bpf_prog_load(BPF_PROG_TYPE_TRACING, "trace_run_probe", "GPL", program,
                                  std::size(program), &options));
    if (!loaded) return errno_error("load a BPF program");
    // A BTF-typed program knows its tracepoint: no name.
    const Fd link(bpf_raw_tracepoint_open(nullptr, loaded.get()));
    if (!link) return errno_error("attach a BPF program");
    return {};
  }

  Status create_task_storage() override {
    // Such a map wants its types described: an int by int.
    const std::unique_ptr<btf, BtfFree> types(btf__new_empty());
    const int int_type = types ? btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED) : -ENOMEM;
    std::uint32_t size = 0;
    const void* raw = int_type > 0 ? btf__raw_data(types.get(), &size) : nullptr;
    if (raw == nullptr) return errno_error("describe a type in BTF");
    const Fd loaded(bpf_btf_load(raw, size, nullptr));
    if (!loaded) return errno_error("load BTF");
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.map_flags = BPF_F_NO_PREALLOC;
    options.btf_fd = static_cast<std::uint32_t>(loaded.get());
    options.btf_key_type_id = static_cast<std::uint32_t>(int_type);
    options.btf_value_type_id = static_cast<std::uint32_t>(int_type);
    const Fd map(bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "trace_run_probe", sizeof(int),
                                sizeof(int), 0, &options));
    if (!map) return errno_error("create a task-storage map");
    return {};
  }

  Status try_group(const ProbeGroup& group, const std::set<std::string_view>& others) override {
    return Probes::try_group(group, {}, others);
  }

  Status enable_bpf_stats() override {
    const Fd stats(bpf_enable_stats(BPF_STATS_RUN_TIME));
    if (!stats) return errno_error("turn BPF statistics on");
    return {};
  }
};

}  // namespace

KernelProbe& machine_probe() {
  static MachineProbe machine;
  return machine;
}

}  // namespace tr::capture
