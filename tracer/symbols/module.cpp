#include "symbols/module.h"

#include <algorithm>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gelf.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <fmt/format.h>

namespace tr::symbols {
namespace {

constexpr off_t kLargestFile = off_t{1} << 30;
// Compressed: it is unpacked into memory, and xz packs zeros thousandfold.
constexpr std::uint64_t kLargestDebugData = 1 << 20;
constexpr int kMostSymbols = 1 << 22;
constexpr int kLongestName = 1 << 16;

Fd private_copy(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > kLargestFile)
    return {};
  Fd copy(::memfd_create("trace-run: symbols", MFD_CLOEXEC));
  off_t at = 0;
  while (copy && at < status.st_size)
    if (::sendfile(copy.get(), file, &at, static_cast<std::size_t>(status.st_size - at)) <= 0)
      break;
  return copy;
}

// The section in which debug symbols come compressed is small enough to be unpacked.
bool is_safe(Elf* elf) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return true;  // has no sections
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf, section)) != nullptr) {
    GElf_Shdr header{};
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name != nullptr && std::string_view(name) == ".gnu_debugdata" &&
        header.sh_size > kLargestDebugData)
      return false;
  }
  return true;
}

// Only by build-id: a debug file that is found so is the right one, and none is fetched from afar.
const Dwfl_Callbacks kCallbacks = {.find_elf = dwfl_build_id_find_elf,
                                   .find_debuginfo = dwfl_build_id_find_debuginfo,
                                   .section_address = dwfl_offline_section_address,
                                   .debuginfo_path = nullptr};

}  // namespace

void Module::End::operator()(Dwfl* dwfl) const {
  dwfl_end(dwfl);
}

Module::~Module() = default;

void Module::load() {
  if (std::exchange(loaded_, true) || !file_) return;
  Fd copy = private_copy(file_.get());
  file_.reset();
  if (!copy) return;
  elf_version(EV_CURRENT);
  {
    const std::unique_ptr<Elf, int (*)(Elf*)> elf(elf_begin(copy.get(), ELF_C_READ, nullptr),
                                                  elf_end);
    if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF || !is_safe(elf.get())) return;
  }
  dwfl_.reset(dwfl_begin(&kCallbacks));
  if (dwfl_ == nullptr) return;
  dwfl_report_begin(dwfl_.get());
  const int fd = copy.release();
  elf_ = dwfl_report_elf(dwfl_.get(), "", "", fd, 0, true);
  if (elf_ == nullptr) ::close(fd);
  dwfl_report_end(dwfl_.get(), nullptr, nullptr);
  if (elf_ != nullptr) read_segments();
}

void Module::read_segments() {
  GElf_Addr bias = 0;
  Elf* elf = dwfl_module_getelf(elf_, &bias);
  std::size_t count = 0;
  if (elf == nullptr || elf_getphdrnum(elf, &count) != 0) return;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, 4096); ++i) {
    GElf_Phdr header{};
    if (gelf_getphdr(elf, static_cast<int>(i), &header) != nullptr && header.p_type == PT_LOAD)
      segments_.push_back({header.p_offset, header.p_filesz, header.p_vaddr, header.p_memsz,
                           (header.p_flags & PF_X) != 0});
  }
}

void Module::read_symbols() {
  load();
  if (std::exchange(has_symbols_, true) || elf_ == nullptr) return;
  const int count = std::min(dwfl_module_getsymtab(elf_), kMostSymbols);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol{};
    GElf_Addr address = 0;
    GElf_Word section = SHN_UNDEF;
    const char* name =
        dwfl_module_getsym_info(elf_, i, &symbol, &address, &section, nullptr, nullptr);
    if (name == nullptr || *name == '\0' || section == SHN_UNDEF || section == SHN_ABS) continue;
    const std::string_view text(name, ::strnlen(name, kLongestName));
    switch (GELF_ST_TYPE(symbol.st_info)) {
      case STT_FUNC:
      case STT_GNU_IFUNC:
        code_.add(address, symbol.st_size, text);
        break;
      case STT_NOTYPE:  // what assembly marks; not the marks "$x" of arm64's code and data
        if (!text.starts_with('$')) code_.add(address, symbol.st_size, text);
        break;
      case STT_OBJECT:
        data_.add(address, symbol.st_size, text);
        break;
      default:
        break;
    }
  }
  code_.sort();
  data_.sort();
}

std::optional<std::uint64_t> Module::code_address(std::uint64_t file_offset) {
  load();
  for (const Segment& segment : segments_)
    if (segment.executable && file_offset >= segment.offset &&
        file_offset - segment.offset < segment.file_size)
      return segment.address + (file_offset - segment.offset);
  return std::nullopt;
}

std::optional<std::uint64_t> Module::mapping_address(std::uint64_t file_offset) {
  load();
  // Mapped are whole pages: a segment's first one may begin before it, inside another segment.
  constexpr std::uint64_t kPage = 4096;
  for (const Segment& segment : segments_)
    if (file_offset == (segment.offset & ~(kPage - 1)))
      return segment.address - (segment.offset - file_offset);
  for (const Segment& segment : segments_)
    if (file_offset >= segment.offset && file_offset - segment.offset < segment.file_size)
      return segment.address + (file_offset - segment.offset);
  return std::nullopt;
}

std::uint64_t Module::end() {
  load();
  std::uint64_t end = 0;
  for (const Segment& segment : segments_)
    end = std::max(end, segment.address + segment.memory_size);
  return end;
}

std::optional<Symbol> Module::code(std::uint64_t address) {
  read_symbols();
  return code_.find(address);
}

std::optional<Symbol> Module::data(std::uint64_t address) {
  read_symbols();
  return data_.find(address);
}

std::vector<UnwindRow> Module::unwind_rows(std::size_t most) {
  load();
  GElf_Addr bias = 0;
  GElf_Ehdr header{};
  Elf* elf = elf_ == nullptr ? nullptr : dwfl_module_getelf(elf_, &bias);
  if (elf == nullptr || gelf_getehdr(elf, &header) == nullptr || header.e_machine != EM_X86_64)
    return {};
  Dwarf_CFI* cfi = dwfl_module_eh_cfi(elf_, &bias);
  if (cfi == nullptr) return {};
  std::vector<CodeSegment> code;
  for (const Segment& segment : segments_)
    if (segment.executable) code.push_back({segment.address, segment.address + segment.file_size});
  std::ranges::sort(code, {}, &CodeSegment::start);
  return symbols::unwind_rows(cfi, code, most);
}

std::string Module::build_id() {
  load();
  const unsigned char* bits = nullptr;
  GElf_Addr address = 0;
  const int length = elf_ == nullptr ? 0 : dwfl_module_build_id(elf_, &bits, &address);
  std::string text;
  for (int i = 0; i < length; ++i)
    text += fmt::format("{:02x}", bits[i]);
  return text;
}

}  // namespace tr::symbols
