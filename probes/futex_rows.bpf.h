/* Which futexes are there?
 *
 * A futex has a row in an array; a hash finds it by its key: the process or the mapped file, and
 * the address there. */

/* Row 0 is that of all futexes without one of their own. User space sets the sizes before loading;
 * without --locks these maps have one entry. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_futex);
} futexes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct tr_futex_key);
  __type(value, __u32);
} futex_rows SEC(".maps");

/* Since 5.17, and user space says so. */
const volatile __u8 can_find_vma = 0;
const volatile __u32 page_shift = 12;

__u32 futexes_asked_for = 0; /* rows 1 to this have been used */

static __always_inline struct tr_futex* futex_row(__u32 row) {
  return bpf_map_lookup_elem(&futexes, &row);
}

/* What is mapped at a shared futex's address. */
struct found_mapping {
  __u64 address;
  struct tr_futex_key key;
  __u32 kind;
};

static long take_mapping(struct task_struct* task, struct vm_area_struct* vma,
                         struct found_mapping* found) {
  struct file* file = vma->vm_file;
  if (!(vma->vm_flags & VM_SHARED) || !file) {
    /* A futex without FUTEX_PRIVATE_FLAG in private memory is one process's all the same. */
    found->kind = TR_FUTEX_PRIVATE;
    return 0;
  }
  found->key.owner = (__u64)file->f_inode;
  found->key.address = (vma->vm_pgoff << page_shift) + (found->address - vma->vm_start);
  found->kind = TR_FUTEX_SHARED;
  return 0;
}

static __noinline __u32 new_row(const struct tr_futex_key* key, __u64 address, __u32 tgid,
                                __u32 kind) {
  if (!key || futexes_asked_for >= TR_FUTEX_ROWS) return 0;
  __u32 row = __sync_fetch_and_add(&futexes_asked_for, 1) + 1;
  struct tr_futex* futex = futex_row(row);
  if (!futex) return 0;
  futex->address = address;
  futex->kind = kind;
  futex->tgid = tgid;
  if (bpf_map_update_elem(&futex_rows, key, &row, BPF_NOEXIST)) {
    futex->tgid = 0; /* another CPU was faster */
    __u32* theirs = bpf_map_lookup_elem(&futex_rows, key);
    return theirs ? *theirs : 0;
  }
  return row;
}

/* The row of the futex that a thread of this task's process names by its address. */
static __noinline __u32 find_futex(struct task_struct* task, __u64 address, bool shared) {
  struct found_mapping found = {.address = address, .kind = TR_FUTEX_PRIVATE};
  __u32 tgid = task->tgid;
  found.key.address = address;
  found.key.owner = tgid;
  /* It fails also while another thread is changing what is mapped. */
  if (shared && (!can_find_vma || bpf_find_vma(task, address, take_mapping, &found, 0)))
    found.kind = TR_FUTEX_NOT_TOLD;
  __u32* known = bpf_map_lookup_elem(&futex_rows, &found.key);
  if (!known) return new_row(&found.key, address, tgid, found.kind);
  struct tr_futex* futex = futex_row(*known);
  if (shared && futex && futex->tgid != tgid) futex->several = 1;
  return *known;
}
