/* Which operations go through io_uring, how does each end, and how long does it take?
 *
 * A request is known by its address, which the kernel uses again as soon as the request is done: a
 * submission takes its place in `uring_requests`, its completion gives the place back. A request
 * that ends without a completion (IOSQE_CQE_SKIP_SUCCESS) keeps it until its address is used again,
 * or the place is needed.
 *
 * The completions of a multishot request, but the last, name no request: those that may have such
 * are known by their ring and user data too. */

/* Kernels differ in what they hand over: told by the tracepoints' types in BTF, of which structs
 * and numbers are compared as such, and no more. */
struct io_wq_work {};
struct io_ring_ctx {};
typedef void (*btf_trace_io_uring_submit_sqe___since_6_0)(void*, struct io_kiocb*, bool);
typedef void (*btf_trace_io_uring_submit_sqe___before_6_0)(void*, void*, void*, __u64, __u8, __u32,
                                                           bool, bool);
typedef void (*btf_trace_io_uring_complete___since_6_14)(void*, struct io_ring_ctx*, void*,
                                                         struct io_uring_cqe*);
typedef void (*btf_trace_io_uring_complete___since_5_19)(void*, void*, void*, __u64, int, __u32,
                                                         __u64, __u64);
typedef void (*btf_trace_io_uring_complete___since_5_18)(void*, void*, void*, __u64, int, __u32);
typedef void (*btf_trace_io_uring_complete___before_5_18)(void*, void*, __u64, int, __u32);
typedef void (*btf_trace_io_uring_poll_arm___since_6_0)(void*, struct io_kiocb*, int, int);
typedef void (*btf_trace_io_uring_poll_arm___before_6_0)(void*, void*, void*, __u64, __u8, int,
                                                         int);
typedef void (*btf_trace_io_uring_queue_async_work___since_6_0)(void*, struct io_kiocb*, int);
typedef void (*btf_trace_io_uring_queue_async_work___since_5_18)(void*, void*, void*, __u64, __u8,
                                                                 __u32, struct io_wq_work*, int);
typedef void (*btf_trace_io_uring_queue_async_work___before_5_18)(void*, void*, int, void*,
                                                                  struct io_wq_work*, __u32);
#define HAS_FORM(tracepoint, form) bpf_core_type_exists(btf_trace_io_uring_##tracepoint##___##form)

/* The nth argument of a tracepoint. Not plainly read: of two branches clang makes one load, at an
 * address that it has calculated from the context's, and the verifier refuses that. */
#define argument(arguments, n)                                \
  ({                                                          \
    __u64 value;                                              \
    asm volatile("%0 = *(u64 *)(%1 + %2)"                     \
                 : "=r"(value)                                \
                 : "r"(arguments), "i"((n) * sizeof(value))); \
    value;                                                    \
  })

/* Rows are found by the request's address, in a row by comparing. User space reads them at the
 * end. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1 << TR_URING_ROW_BITS);
  __type(key, __u32);
  __type(value, struct tr_uring_row);
} uring_requests SEC(".maps");

struct uring_name {
  __u64 ring;
  __u64 user_data;
};

struct uring_named {
  __u64 request;   /* the last that was submitted under this name */
  __u32 operation; /* of all requests under way with it; TR_URING_UNKNOWN: they differ */
  __u32 repeated;  /* that request has had a completion that is not its last */
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 17);
  __type(key, struct uring_name);
  __type(value, struct uring_named);
} uring_names SEC(".maps");

/* Some operation was seen. */
__u8 uring_is_used = 0;

/* What a program learns of a request. */
struct uring_request {
  __u64 address;
  const void* ring;
  __u64 user_data;
  __u32 flags;
  __u32 operation;
};

/* The verifier lets no program calculate with a pointer of the kernel's: read back from a map, it
 * is a number. */
static __always_inline __u64 address_of(const void* pointer) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  *(volatile __u64*)&cpu->address = (__u64)pointer;
  barrier();
  return *(volatile __u64*)&cpu->address;
}

static __always_inline struct tr_uring_row* uring_row_of(__u64 address) {
  __u32 row = address * 0x9e3779b97f4a7c15ull >> (64 - TR_URING_ROW_BITS);
  return bpf_map_lookup_elem(&uring_requests, &row);
}

static __always_inline struct tr_uring_request* find_request(__u64 address) {
  struct tr_uring_row* row = address ? uring_row_of(address) : 0;
  if (!row) return 0;
  for (int i = 0; i < TR_URING_WAYS; i++)
    if (row->ways[i].request == address) return &row->ways[i];
  return 0;
}

/* A place for a request that has none: a free one, or that of the one submitted longest ago. */
static __noinline struct tr_uring_request* place_request(__u64 address) {
  struct tr_uring_row* row = uring_row_of(address);
  if (!row) return 0;
  struct tr_uring_request* place = &row->ways[0];
  for (int i = 0; i < TR_URING_WAYS; i++) {
    struct tr_uring_request* way = &row->ways[i];
    if (!way->request) {
      place = way;
      break;
    }
    if (way->since_ns < place->since_ns) place = way;
  }
  __u64 before = place->request;
  if (before && !(place->flags & TR_URING_IS_SILENT))
    __sync_fetch_and_add(&lost[TR_LOST_URING_REQUEST], 1);
  /* Another CPU may want the same place. */
  if (__sync_val_compare_and_swap(&place->request, before, address) != before) {
    __sync_fetch_and_add(&lost[TR_LOST_URING_REQUEST], 1);
    return 0;
  }
  return place;
}

/* Adds one to a count of an operation; at no thread of the tree, if it is not one that runs. */
static __always_inline void count_uring(struct tr_thread* thread, __u32 key) {
  if (likely(thread))
    count_cell(thread, key);
  else
    spill(0, key, 1);
}

static __always_inline void count_operation(struct tr_thread* thread, __u32 operation,
                                            enum tr_uring_count what) {
  count_uring(thread, TR_CELL_KEY(TR_CELL_URING, operation, what));
}

/* Whether such a request may have more completions than one: a poll, accept or timeout may, what
 * picks its buffers itself (receives, bundled sends), commands, zero-copy receives. */
static __always_inline bool may_repeat(__u32 operation, __u32 flags) {
  const __u64 always = 1ull << IORING_OP_POLL_ADD | 1ull << IORING_OP_ACCEPT |
                       1ull << IORING_OP_TIMEOUT | 1ull << IORING_OP_URING_CMD |
                       1ull << IORING_OP_RECV_ZC;
  const __u64 with_buffers = 1ull << IORING_OP_RECV | 1ull << IORING_OP_RECVMSG |
                             1ull << IORING_OP_SEND | 1ull << IORING_OP_SENDMSG |
                             1ull << IORING_OP_READ_MULTISHOT;
  if (operation >= 64) return true;
  return (always | (flags & IOSQE_BUFFER_SELECT ? with_buffers : 0)) >> operation & 1;
}

/* Before 5.18 no completion names its request. */
static __always_inline bool are_nameless(void) {
  return HAS_FORM(complete, before_5_18);
}

/* So that completions that name no request are told apart. */
__noinline int name_request(__u64 address, __u64 ring, __u64 user_data, __u32 operation) {
  struct uring_name name = {.ring = ring, .user_data = user_data};
  struct uring_named* known = bpf_map_lookup_elem(&uring_names, &name);
  if (!known) {
    struct uring_named named = {.request = address, .operation = operation};
    if (bpf_map_update_elem(&uring_names, &name, &named, BPF_ANY))
      __sync_fetch_and_add(&lost[TR_LOST_URING_REQUEST], 1);
    return 0;
  }
  bool other = known->request != address && known->operation != operation;
  known->operation = other ? TR_URING_UNKNOWN : operation;
  known->request = address;
  known->repeated = 0;
  return 0;
}

/* A request with such a name has ended; whether it had other completions before. */
__noinline int forget_name(__u64 address, __u64 ring, __u64 user_data) {
  struct uring_name name = {.ring = ring, .user_data = user_data};
  struct uring_named* known = bpf_map_lookup_elem(&uring_names, &name);
  if (!known || known->request != address) return 0;
  int repeated = known->repeated;
  bpf_map_delete_elem(&uring_names, &name);
  return repeated;
}

static __always_inline void keep_request(const struct uring_request* request, __u64 now) {
  struct tr_uring_request* place = find_request(request->address);
  if (unlikely(!place)) place = place_request(request->address);
  if (unlikely(!place)) return;
  place->since_ns = now;
  place->operation = request->operation;
  place->flags = request->flags & IOSQE_CQE_SKIP_SUCCESS ? TR_URING_IS_SILENT : 0;
  if (are_nameless() || unlikely(may_repeat(request->operation, request->flags))) {
    place->flags |= TR_URING_MAY_REPEAT;
    name_request(request->address, address_of(request->ring), request->user_data,
                 request->operation);
  }
}

static __always_inline void count_submission(struct tr_thread* thread, __u32 operation,
                                             __u32 flags) {
  count_operation(thread, operation,
                  flags & IOSQE_CQE_SKIP_SUCCESS ? TR_URING_SUBMITTED_SILENT : TR_URING_SUBMITTED);
  if (thread->call == TR_CALL_SQPOLL) count_operation(thread, operation, TR_URING_BY_SQPOLL);
}

static __always_inline bool uring_sends(__u32 operation) {
  const __u64 sending = 1ull << IORING_OP_SEND | 1ull << IORING_OP_SENDMSG |
                        1ull << IORING_OP_SEND_ZC | 1ull << IORING_OP_SENDMSG_ZC |
                        1ull << IORING_OP_WRITE | 1ull << IORING_OP_WRITEV |
                        1ull << IORING_OP_WRITE_FIXED;
  return operation < 64 && sending >> operation & 1;
}

/* --messages, and no tcp_sendmsg_locked: a send begins where it is submitted, which is right before
 * the kernel tries it. One that goes to a worker has no beginning. */
const volatile __u8 sends_when_submitted = 0;

static __always_inline void send_submitted(const struct tr_thread* thread, __u64 now) {
  struct tr_turns* its = turns_of(thread->slot);
  if (its) its->send_ns = now;
}

static __always_inline int submitted(struct tr_thread* thread,
                                     const struct uring_request* request) {
  __u64 now = bpf_ktime_get_ns();
  uring_is_used = 1;
  keep_request(request, now);
  if (sends_when_submitted && uring_sends(request->operation)) send_submitted(thread, now);
  if (in_window(now)) count_submission(thread, request->operation, request->flags);
  return 0;
}

/* The kernel lets the argument be read as what it is. */
static __always_inline int submitted_typed(struct tr_thread* thread, const struct io_kiocb* kiocb) {
  if (!thread) return 0;
  struct uring_request request = {.address = address_of(kiocb),
                                  .ring = kiocb->ctx,
                                  .user_data = kiocb->cqe.user_data,
                                  .flags = kiocb->flags,
                                  .operation = kiocb->opcode};
  return submitted(thread, &request);
}

static __always_inline int submitted_untyped(struct tr_thread* thread,
                                             const struct io_kiocb* kiocb) {
  if (!thread) return 0;
  struct uring_request request = {
      .address = (__u64)kiocb,
      .ring = BPF_CORE_READ(kiocb, ctx),
      .user_data = bpf_core_field_exists(kiocb->cqe)
                       ? BPF_CORE_READ(kiocb, cqe.user_data)
                       : BPF_CORE_READ((const struct io_kiocb___before_5_19*)kiocb, user_data),
      .flags = BPF_CORE_READ(kiocb, flags),
      .operation = BPF_CORE_READ(kiocb, opcode)};
  return submitted(thread, &request);
}

/* Since 6.4; before, it was called io_uring_submit_sqe. */
SEC("tp_btf/io_uring_submit_req")
int on_io_uring_submit_req(__u64* arguments) {
  if (!hold_cpu(TR_PROGRAM_URING_SUBMIT)) return 0;
  submitted_typed(first_thread(TR_PROGRAM_URING_SUBMIT),
                  (const struct io_kiocb*)argument(arguments, 0));
  release_cpu();
  return 0;
}

SEC("tp_btf/io_uring_submit_req")
int again_io_uring_submit_req(__u64* arguments) {
  if (was_seen(TR_PROGRAM_URING_SUBMIT, ANYWHERE)) return 0;
  submitted_typed(running_thread(TR_PROGRAM_URING_SUBMIT),
                  (const struct io_kiocb*)argument(arguments, 0));
  release_cpu();
  return 0;
}

SEC("tp_btf/io_uring_submit_sqe")
int on_io_uring_submit_sqe(__u64* arguments) {
  struct tr_thread* thread = running_thread(TR_PROGRAM_URING_SUBMIT);
  if (HAS_FORM(submit_sqe, since_6_0))
    return submitted_typed(thread, (const struct io_kiocb*)argument(arguments, 0));
  if (HAS_FORM(submit_sqe, before_6_0))
    return submitted_untyped(thread, (const struct io_kiocb*)argument(arguments, 1));
  __sync_fetch_and_add(&lost[TR_LOST_URING_FORM], 1);
  return 0;
}

/* In place of io_uring_submit_req, for a request that is malformed. */
static __always_inline void is_refused(struct tr_thread* thread, const struct io_uring_sqe* sqe) {
  if (!thread || !in_window(bpf_ktime_get_ns())) return;
  uring_is_used = 1;
  __u32 operation = sqe->opcode;
  count_submission(thread, operation, sqe->flags);
  count_operation(thread, operation, TR_URING_REFUSED);
}

SEC("tp_btf/io_uring_req_failed")
int BPF_PROG(on_io_uring_req_failed, const struct io_uring_sqe* sqe) {
  if (!hold_cpu(TR_PROGRAM_URING_SUBMIT)) return 0;
  is_refused(first_thread(TR_PROGRAM_URING_SUBMIT), sqe);
  release_cpu();
  return 0;
}

SEC("tp_btf/io_uring_req_failed")
int BPF_PROG(again_io_uring_req_failed, const struct io_uring_sqe* sqe) {
  if (was_seen(TR_PROGRAM_URING_SUBMIT, ANYWHERE)) return 0;
  is_refused(running_thread(TR_PROGRAM_URING_SUBMIT), sqe);
  release_cpu();
  return 0;
}

/* What a completion says. */
struct uring_completion {
  __u64 address; /* 0: names no request */
  const void* ring;
  __u64 user_data;
  int result;
  __u32 flags;
};

/* Whose completion it is, where it names a request: that is its last. */
static __always_inline __u32 end_request(struct tr_thread* thread,
                                         const struct uring_completion* completion,
                                         struct tr_uring_request* place, __u64 now) {
  __u32 operation = place->operation, flags = place->flags;
  __u64 since = place->since_ns;
  bool repeated =
      unlikely(flags & TR_URING_MAY_REPEAT) &&
      forget_name(completion->address, address_of(completion->ring), completion->user_data);
  place->request = 0;
  bool silent = flags & TR_URING_IS_SILENT;
  if (unlikely(!in_window(now))) {
    if (!silent && since < window_close_ns && now >= window_close_ns)
      count_operation(thread, operation, TR_URING_UNDER_WAY);
    return operation;
  }
  if (unlikely(silent)) count_operation(thread, operation, TR_URING_BROKE_SILENCE);
  if (!repeated)
    count_uring(thread, TR_CELL_KEY(TR_CELL_URING_LATENCY, operation, tr_bucket(now - since)));
  return operation;
}

/* ... and where it names none; only its ring and user data tell. */
__noinline __u32 operation_by_name(__u64 ring, __u64 user_data) {
  struct uring_name name = {.ring = ring, .user_data = user_data};
  struct uring_named* known = bpf_map_lookup_elem(&uring_names, &name);
  if (!known) return TR_URING_UNKNOWN;
  known->repeated = 1;
  return known->operation;
}

__noinline __u64 request_by_name(__u64 ring, __u64 user_data) {
  struct uring_name name = {.ring = ring, .user_data = user_data};
  struct uring_named* known = bpf_map_lookup_elem(&uring_names, &name);
  return known && known->operation != TR_URING_UNKNOWN ? known->request : 0;
}

/* What a request does whose submission was not seen. Completions that another ring posts come as
 * those of a NOP that nobody has submitted. */
__noinline __u32 operation_of(__u64 address) {
  __u32 operation = BPF_CORE_READ((const struct io_kiocb*)address, opcode);
  return operation == IORING_OP_NOP ? TR_URING_UNKNOWN : operation;
}

/* Where nothing else shows the messages: did a request move data through a socket? Of those with
 * IOSQE_CQE_SKIP_SUCCESS that is not seen. */
__noinline int look_for_uring_socket(struct tr_thread* thread, __u64 address, __u32 operation,
                                     int result, __u64 submitted_ns) {
  const __u64 receiving = 1ull << IORING_OP_RECV | 1ull << IORING_OP_RECVMSG |
                          1ull << IORING_OP_READ | 1ull << IORING_OP_READV |
                          1ull << IORING_OP_READ_FIXED | 1ull << IORING_OP_READ_MULTISHOT;
  bool sends = uring_sends(operation);
  if (!thread || !address || operation >= 64) return 0;
  if (!sends && !(receiving >> operation & 1)) return 0;
  struct sock* sk = socket_of(BPF_CORE_READ((const struct io_kiocb*)address, file));
  if (!sk) return 0;
  moved(thread, sk, sends, 1, result, submitted_ns);
  count_moved_by_worker(thread);
  return 0;
}

static __always_inline int completed(struct tr_thread* thread,
                                     struct uring_completion* completion) {
  if (are_nameless() && !(completion->flags & IORING_CQE_F_MORE))
    completion->address = request_by_name(address_of(completion->ring), completion->user_data);
  struct tr_uring_request* place = find_request(completion->address);
  __u32 operation = TR_URING_UNKNOWN;
  __u64 since = place ? place->since_ns : 0;
  if (!completion->address)
    operation = operation_by_name(address_of(completion->ring), completion->user_data);
  if (!thread && !place && operation == TR_URING_UNKNOWN) return 0; /* not the tree's */
  uring_is_used = 1;
  __u64 now = bpf_ktime_get_ns();
  if (likely(place))
    operation = end_request(thread, completion, place, now);
  else if (completion->address)
    operation = operation_of(completion->address);
  if (inspect_descriptors && completion->result > 0)
    look_for_uring_socket(
        thread,
        completion->address ? completion->address
                            : request_by_name(address_of(completion->ring), completion->user_data),
        operation, completion->result, since);
  if (!in_window(now)) return 0;
  if (unlikely(completion->flags & IORING_CQE_F_NOTIF)) {
    count_operation(thread, TR_URING_UNKNOWN, TR_URING_NOTIFICATION);
    return 0;
  }
  count_operation(
      thread, operation,
      completion->flags & IORING_CQE_F_MORE ? TR_URING_COMPLETED_MORE : TR_URING_COMPLETED);
  if (completion->result < 0)
    count_uring(thread, TR_CELL_KEY(TR_CELL_URING_ERRNO, operation, -completion->result));
  if (!place && completion->address) count_operation(thread, operation, TR_URING_NO_START);
  if (thread && thread->call == TR_NO_CALL)
    count_operation(thread, operation, TR_URING_OUTSIDE_CALLS);
  return 0;
}

/* In whatever form this kernel hands it over. */
static __always_inline int completed_in_form(struct tr_thread* thread, __u64* arguments) {
  struct uring_completion completion = {};
  if (HAS_FORM(complete, since_6_14)) {
    const struct io_uring_cqe* cqe = (const struct io_uring_cqe*)argument(arguments, 2);
    completion.ring = (const void*)argument(arguments, 0);
    completion.address = argument(arguments, 1);
    completion.user_data = cqe->user_data;
    completion.result = cqe->res;
    completion.flags = cqe->flags;
  } else if (HAS_FORM(complete, since_5_19) || HAS_FORM(complete, since_5_18)) {
    completion.ring = (const void*)argument(arguments, 0);
    completion.address = argument(arguments, 1);
    completion.user_data = argument(arguments, 2);
    completion.result = (int)argument(arguments, 3);
    completion.flags = (__u32)argument(arguments, 4);
  } else if (HAS_FORM(complete, before_5_18)) {
    completion.ring = (const void*)argument(arguments, 0);
    completion.user_data = argument(arguments, 1);
    completion.result = (int)argument(arguments, 2);
    completion.flags = (__u32)argument(arguments, 3);
  } else {
    __sync_fetch_and_add(&lost[TR_LOST_URING_FORM], 1);
    return 0;
  }
  return completed(thread, &completion);
}

SEC("tp_btf/io_uring_complete")
int on_io_uring_complete(__u64* arguments) {
  if (!hold_cpu(TR_PROGRAM_URING_COMPLETE)) return 0;
  completed_in_form(first_thread(TR_PROGRAM_URING_COMPLETE), arguments);
  release_cpu();
  return 0;
}

/* Not where another thread than the tree's completes: what it has seen is not kept. */
SEC("tp_btf/io_uring_complete")
int again_io_uring_complete(__u64* arguments) {
  if (was_seen(TR_PROGRAM_URING_COMPLETE, ANYWHERE)) return 0;
  struct tr_thread* thread = running_thread(TR_PROGRAM_URING_COMPLETE);
  if (thread) completed_in_form(thread, arguments);
  release_cpu();
  return 0;
}

/* Kept by the kernel until there is room, or lost; since 6.0 this comes in place of
 * io_uring_complete. */
static __always_inline void has_overflowed(struct tr_thread* thread) {
  if (thread && in_window(bpf_ktime_get_ns()))
    count_operation(thread, TR_URING_UNKNOWN, TR_URING_OVERFLOWED);
}

SEC("tp_btf/io_uring_cqe_overflow")
int on_io_uring_cqe_overflow(__u64* arguments) {
  if (!hold_cpu(TR_PROGRAM_URING_COMPLETE)) return 0;
  has_overflowed(first_thread(TR_PROGRAM_URING_COMPLETE));
  release_cpu();
  return 0;
}

SEC("tp_btf/io_uring_cqe_overflow")
int again_io_uring_cqe_overflow(__u64* arguments) {
  if (was_seen(TR_PROGRAM_URING_COMPLETE, ANYWHERE)) return 0;
  has_overflowed(running_thread(TR_PROGRAM_URING_COMPLETE));
  release_cpu();
  return 0;
}

/* The request does not end in the call that submits it; counted once for each. */
static __always_inline int takes_detour(struct tr_thread* thread, __u64 address, __u8 flag,
                                        enum tr_uring_count what) {
  if (!thread) return 0;
  struct tr_uring_request* place = find_request(address);
  if (!place || place->flags & flag) return 0;
  place->flags |= flag;
  if (in_window(bpf_ktime_get_ns())) count_operation(thread, place->operation, what);
  return 0;
}

static __always_inline int is_polled(struct tr_thread* thread, __u64* arguments) {
  __u64 address;
  if (HAS_FORM(poll_arm, since_6_0)) {
    address = address_of((const void*)argument(arguments, 0));
  } else if (HAS_FORM(poll_arm, before_6_0)) {
    address = argument(arguments, 1);
  } else {
    __sync_fetch_and_add(&lost[TR_LOST_URING_FORM], 1);
    return 0;
  }
  return takes_detour(thread, address, TR_URING_IS_POLLED, TR_URING_POLLED);
}

static __always_inline int goes_to_worker(struct tr_thread* thread, __u64* arguments) {
  __u64 address;
  if (HAS_FORM(queue_async_work, since_6_0)) {
    address = address_of((const void*)argument(arguments, 0));
  } else if (HAS_FORM(queue_async_work, since_5_18)) {
    address = argument(arguments, 1);
  } else if (HAS_FORM(queue_async_work, before_5_18)) {
    address = argument(arguments, 2);
  } else {
    __sync_fetch_and_add(&lost[TR_LOST_URING_FORM], 1);
    return 0;
  }
  return takes_detour(thread, address, TR_URING_IS_ASYNC, TR_URING_TO_WORKER);
}

#define DETOUR(tracepoint, handler)                              \
  SEC("tp_btf/" #tracepoint)                                     \
  int on_##tracepoint(__u64* arguments) {                        \
    if (!hold_cpu(TR_PROGRAM_URING_DETOUR)) return 0;            \
    handler(first_thread(TR_PROGRAM_URING_DETOUR), arguments);   \
    release_cpu();                                               \
    return 0;                                                    \
  }                                                              \
  SEC("tp_btf/" #tracepoint)                                     \
  int again_##tracepoint(__u64* arguments) {                     \
    if (was_seen(TR_PROGRAM_URING_DETOUR, ANYWHERE)) return 0;   \
    handler(running_thread(TR_PROGRAM_URING_DETOUR), arguments); \
    release_cpu();                                               \
    return 0;                                                    \
  }

DETOUR(io_uring_poll_arm, is_polled)
DETOUR(io_uring_queue_async_work, goes_to_worker)
