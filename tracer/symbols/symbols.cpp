#include "symbols/symbols.h"

#include <algorithm>
#include <array>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::symbols {
namespace {

// Of a learnt process the first part of the file names can go: what is deleted is known by its
// name.
constexpr std::string_view kDeleted = " (deleted)";

std::string shown_path(const Mapping& mapping) {
  std::string path = mapping.path;
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

// The vDSO is no file; but the kernel maps the same one into every process of its kind, so ours
// tells. Its size is that of its section headers' end, which come last.
Fd own_vdso() {
  // The kernel gives the address as a number.
  const auto* const header =
      reinterpret_cast<const ElfW(Ehdr)*>(  // NOLINT(performance-no-int-to-ptr)
          ::getauxval(AT_SYSINFO_EHDR));
  if (header == nullptr) return {};
  const std::size_t size =
      header->e_shoff + std::size_t{header->e_shnum} * std::size_t{header->e_shentsize};
  Fd file(::memfd_create("trace-run: vdso", MFD_CLOEXEC));
  if (file && ::write(file.get(), header, size) != static_cast<ssize_t>(size)) file.reset();
  return file;
}

}  // namespace

bool Symbols::learn(const Process& process) {
  const auto maps = read_file(fmt::format("{}/{}/maps", proc_, process.pid));
  if (!maps || maps->empty()) return false;  // an exiting process maps nothing
  Mappings now = parse_mappings(*maps);
  Space& space = spaces_[{process.image, process.pid}];
  if (now != space.mappings) {
    open_files(process.pid, now);
    space.mappings = merge(std::move(now), space.mappings);
  }
  if (!space.jit_file) space.jit_file.emplace(proc_, process.pid);
  space.jit_is_last = false;
  // A JIT goes on writing, so the map is read when it is needed; but who cleans up behind itself
  // leaves none.
  if (std::ranges::any_of(space.mappings, [](const Mapping& m) {
        return m.executable && !m.of_file() && m.path.empty();
      }))
    if (PerfMap now_there = space.jit_file->read(); !now_there.empty())
      space.jit = std::move(now_there);
  return true;
}

void Symbols::open_files(pid_t pid, const Mappings& mappings) {
  for (const Mapping& mapping : mappings) {
    // Also data is looked up only in programs and libraries, of which some part is executable.
    if (!mapping.of_file() || !mapping.executable) continue;
    auto& module = modules_[{mapping.device, mapping.inode}];
    if (module != nullptr) continue;
    Fd file(::open(
        fmt::format("{}/{}/map_files/{:x}-{:x}", proc_, pid, mapping.start, mapping.end).c_str(),
        O_RDONLY | O_CLOEXEC));
    // Without the privilege for that: by its name, as the process sees it.
    if (!file && !mapping.path.ends_with(kDeleted))
      file = Fd(::open(fmt::format("{}/{}/root{}", proc_, pid, mapping.path).c_str(),
                       O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    module = std::make_unique<Module>(shown_path(mapping), std::move(file));
  }
}

bool Symbols::knows(const Process& process) const {
  return spaces_.contains({process.image, process.pid});
}

// The process itself, else another of its image.
const Symbols::Space* Symbols::space_of(const Process& process) const {
  if (const auto own = spaces_.find({process.image, process.pid}); own != spaces_.end())
    return &own->second;
  if (process.image == 0)
    for (auto space = spaces_.rbegin(); space != spaces_.rend(); ++space)
      if (space->first.second == process.pid) return &space->second;
  const auto other = spaces_.lower_bound({process.image, 0});
  return other != spaces_.end() && other->first.first == process.image ? &other->second : nullptr;
}

Code Symbols::code(const Process& process, std::uint64_t address) {
  Code code;
  const Space* space = space_of(process);
  const Mapping* mapping = space == nullptr ? nullptr : find(space->mappings, address);
  if (mapping == nullptr || (!mapping->of_file() && mapping->path != "[vdso]")) {
    // What a JIT has mapped since the process was learnt is known by its map alone.
    const auto symbol = jit_symbol(process, address);
    if (symbol || (mapping != nullptr && mapping->executable)) {
      code.module = "[jit]";
      code.offset = address;
    }
    if (symbol) {
      code.function = symbol->name;
      code.offset = symbol->offset;
    }
    return code;
  }
  if (!mapping->executable) return code;
  code.module = shown_path(*mapping);
  code.offset = address - mapping->start + mapping->offset;
  Module& module = module_of(*mapping);
  const auto in_file = module.code_address(code.offset);
  if (!in_file) return code;
  if (const auto symbol = module.code(*in_file)) {
    code.function = demangle(symbol->name);
    code.offset = symbol->offset;
  }
  return code;
}

// Of the process itself: another of its image may have compiled other functions to the same place.
std::optional<Symbol> Symbols::jit_symbol(const Process& process, std::uint64_t address) {
  const auto own = spaces_.find({process.image, process.pid});
  if (own == spaces_.end()) return std::nullopt;
  Space& space = own->second;
  if (const auto symbol = space.jit.find(address)) return symbol;
  if (std::exchange(space.jit_is_last, true) || !space.jit_file) return std::nullopt;
  PerfMap now = space.jit_file->read();
  if (!now.empty()) space.jit = std::move(now);
  return space.jit.find(address);
}

Module& Symbols::module_of(const Mapping& mapping) {
  if (!mapping.of_file()) {
    if (vdso_ == nullptr) vdso_ = std::make_unique<Module>("[vdso]", own_vdso());
    return *vdso_;
  }
  auto& module = modules_[{mapping.device, mapping.inode}];
  if (module == nullptr) module = std::make_unique<Module>(shown_path(mapping), Fd());
  return *module;
}

const KernelSymbols& Symbols::kernel_symbols() {
  if (!kernel_) {
    auto text = read_file(proc_ + "/kallsyms");
    kernel_ = KernelSymbols::parse(text ? *std::move(text) : std::string());
  }
  return *kernel_;
}

std::string Symbols::kernel_data(std::uint64_t address) {
  return std::string(kernel_symbols().data(address));
}

Code Symbols::kernel(std::uint64_t address) {
  Code code{.function = {}, .module = "[kernel]", .offset = address};
  if (const auto function = kernel_symbols().find(address)) {
    code.function = function->name;
    code.offset = function->offset;
    if (!function->module.empty()) code.module = function->module;
  }
  return code;
}

Place Symbols::data(const Process& process, std::uint64_t address) {
  const Space* space = space_of(process);
  if (space == nullptr) return {};
  const Mapping* mapping = find(space->mappings, address);
  if (mapping == nullptr) return {};
  // The start of the module that the address may belong to: of the file that is mapped here, or
  // ends where this mapping, its .bss, begins.
  const Mapping* of_module = mapping;
  if (!mapping->of_file() && mapping != space->mappings.data()) {
    const Mapping* before = mapping - 1;
    if (before->of_file() && before->end == mapping->start) of_module = before;
  }
  if (of_module->of_file() && modules_.contains({of_module->device, of_module->inode})) {
    Module& module = module_of(*of_module);
    if (const auto start = module.mapping_address(of_module->offset)) {
      const std::uint64_t in_file = address - of_module->start + *start;
      if (in_file < module.end()) {
        if (const auto symbol = module.data(in_file))
          return {demangle(symbol->name), module.name(), symbol->offset};
        return {module.name(), {}, in_file};
      }
    }
  }
  if (!mapping->path.empty()) return {shown_path(*mapping), {}, address - mapping->start};
  return {"[anonymous]", {}, address - mapping->start};
}

std::vector<Symbols::CodeRange> Symbols::code_ranges(const Process& process) {
  std::vector<CodeRange> ranges;
  const Space* space = space_of(process);
  if (space == nullptr) return ranges;
  for (const Mapping& mapping : space->mappings) {
    if (!mapping.executable || (!mapping.of_file() && mapping.path != "[vdso]")) continue;
    Module& module = module_of(mapping);
    if (const auto start = module.mapping_address(mapping.offset))
      ranges.push_back({mapping.start, mapping.end, mapping.start - *start, &module});
  }
  return ranges;
}

std::string Symbols::build_id(const Process& process, std::uint64_t address) {
  const Space* space = space_of(process);
  const Mapping* mapping = space == nullptr ? nullptr : find(space->mappings, address);
  return mapping == nullptr || !mapping->of_file() ? std::string() : module_of(*mapping).build_id();
}

}  // namespace tr::symbols
