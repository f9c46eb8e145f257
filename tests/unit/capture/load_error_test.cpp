#include "capture/load_error.h"

#include <cerrno>

#include <gmock/gmock.h>

namespace tr::capture {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// As libbpf 1.1 warns.
constexpr std::string_view kRefused =
    "libbpf: prog 'on_net_dev_start_xmit': BPF program load failed: Permission denied\n"
    "libbpf: prog 'on_net_dev_start_xmit': -- BEGIN PROG LOAD LOG --\n"
    "0: R1=ctx() R10=fp0\n"
    "414: (79) r1 = *(u64 *)(r10 -96)      ; R1=rcu_ptr_sock()\n"
    "415: (85) call bpf_skc_to_tcp_sock#137\n"
    "R1 type=rcu_ptr_ expected=sock_common, sock\n"
    "processed 267 insns (limit 1000000) max_states_per_insn 1\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: prog 'on_net_dev_start_xmit': failed to load: -13\n";

// Whatever the errno: EACCES would be read as missing privilege.
TEST(LoadError, OfTheVerifierIsNoMatterOfPrivilege) {
  for (const int code : {EACCES, EPERM, EINVAL}) {
    const Error error = load_error(code, kRefused);
    EXPECT_EQ(error.failure, Failure::kRun);
    EXPECT_THAT(error.text(), AllOf(HasSubstr("on_net_dev_start_xmit"), HasSubstr("bpf_skc_to_tcp"),
                                    HasSubstr("R1 type=rcu_ptr_"), Not(HasSubstr("processed")),
                                    Not(HasSubstr("\n"))));
  }
}

TEST(LoadError, WithoutALogIsOneOfPrivilege) {
  for (const int code : {EACCES, EPERM})
    EXPECT_EQ(load_error(code, "libbpf: failed to create map\n").failure, Failure::kNotAllowed);
}

TEST(LoadError, OfAnotherKindSaysTheFirstWarning) {
  const Error error = load_error(ENOMEM, "\nlibbpf: Error in bpf_create_map\nlibbpf: more\n");
  EXPECT_EQ(error.failure, Failure::kRun);
  EXPECT_EQ(error.why, "Error in bpf_create_map");
  EXPECT_EQ(load_error(ENOMEM, "").why, "");
}

// The verifier had found nothing wrong so far.
TEST(LoadError, OfALimitIsNoVerdict) {
  constexpr std::string_view kGoodNews =
      "libbpf: prog 'on_sys_enter': BPF program load failed: Too many open files\n"
      "libbpf: prog 'on_sys_enter': -- BEGIN PROG LOAD LOG --\n"
      "Func#5 ('add_wait') is safe for any args that match its prototype\n"
      "-- END PROG LOAD LOG --\n";
  EXPECT_EQ(load_failure(EMFILE, kGoodNews), LoadFailure::kNoResources);
  EXPECT_THAT(load_error(EMFILE, kGoodNews).remedy, HasSubstr("ulimit -n"));
  EXPECT_EQ(load_failure(EMFILE, kRefused), LoadFailure::kNoResources);
  EXPECT_THAT(load_error(ENOMEM, "").remedy, HasSubstr("--max-threads"));
  EXPECT_THAT(load_error(EAGAIN, "").remedy, HasSubstr("pids cgroup"));
  EXPECT_EQ(load_failure(EPERM, kGoodNews), LoadFailure::kNotAllowed);
  EXPECT_EQ(load_failure(EINVAL, kGoodNews), LoadFailure::kOther);
}

TEST(Refusal, IsHalfASentenceWithTheLastWord) {
  EXPECT_EQ(refusal("on_net_dev_start_xmit", EACCES, kRefused),
            "this kernel's verifier refuses on_net_dev_start_xmit: R1 type=rcu_ptr_ "
            "expected=sock_common, sock (Permission denied)");
  EXPECT_EQ(refusal("end_turns", EPERM, ""),
            "this kernel does not load end_turns: Operation not permitted");
}

TEST(LoadError, OfALogThatWasCutOffIsTold) {
  const Error error = load_error(EACCES, "libbpf: p: -- BEGIN PROG LOAD LOG --\nlast line");
  EXPECT_EQ(error.failure, Failure::kRun);
  EXPECT_THAT(error.why, HasSubstr("last line"));
}

}  // namespace
}  // namespace tr::capture
