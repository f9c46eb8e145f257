// What do the symbols of one ELF file say, a program, a library or the vDSO?
//
// Reads names alone, no line tables: .symtab, of the file or of its separate debug file by
// build-id, else .gnu_debugdata, else .dynsym, as libdw finds them. The file may belong to anybody:
// it is copied before it is read, so that who truncates it meanwhile does not end us with a SIGBUS.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "symbols/symbol_table.h"
#include "symbols/unwind.h"
#include "util/fd.h"

struct Dwfl;
struct Dwfl_Module;

namespace tr::symbols {

class Module {
 public:
  // `file` may be -1: then nothing is known. Nothing is read yet.
  Module(std::string name, Fd file) : name_(std::move(name)), file_(std::move(file)) {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ~Module();

  [[nodiscard]] const std::string& name() const { return name_; }
  // The address in the file's own terms (p_vaddr) of the code at this offset of the file.
  std::optional<std::uint64_t> code_address(std::uint64_t file_offset);
  // The same of the first byte of a mapping of this file.
  std::optional<std::uint64_t> mapping_address(std::uint64_t file_offset);
  // The end of what the file occupies when loaded, .bss included.
  std::uint64_t end();
  std::optional<Symbol> code(std::uint64_t address);
  std::optional<Symbol> data(std::uint64_t address);
  // At most `most`; none where there are more, or on another architecture than x86-64.
  std::vector<UnwindRow> unwind_rows(std::size_t most);
  // In hexadecimal; empty: none.
  std::string build_id();

 private:
  struct Segment {
    std::uint64_t offset;
    std::uint64_t file_size;
    std::uint64_t address;
    std::uint64_t memory_size;
    bool executable;
  };
  struct End {
    void operator()(Dwfl* dwfl) const;
  };

  void load();
  void read_segments();
  void read_symbols();

  std::string name_;
  Fd file_;
  bool loaded_ = false;
  std::unique_ptr<Dwfl, End> dwfl_;
  Dwfl_Module* elf_ = nullptr;  // of dwfl_
  std::vector<Segment> segments_;
  bool has_symbols_ = false;
  SymbolTable code_;
  SymbolTable data_;
};

}  // namespace tr::symbols
