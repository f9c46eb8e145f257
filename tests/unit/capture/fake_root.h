// A directory that stands for "/" in a test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace tr::capture {

class FakeRoot {
 public:
  FakeRoot() {
    std::string name = std::filesystem::temp_directory_path() / "trace-run-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  ~FakeRoot() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }

  FakeRoot& add(const std::string& file, std::string_view content) {
    const std::filesystem::path target = path_ + file;
    std::filesystem::create_directories(target.parent_path());
    std::ofstream(target, std::ios::binary) << content;
    return *this;
  }

 private:
  std::string path_;
};

}  // namespace tr::capture
