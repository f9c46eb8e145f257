#include "protocols/http/pages.h"

#include <algorithm>

#include "protocols/http/head.h"
#include "protocols/http/path.h"

namespace servers::http {

PagePtr Pages::find(const std::string& path, const FileVersion& version, std::time_t now) {
  const std::lock_guard lock(mutex_);
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return nullptr;
  const auto entry = found->second;
  if (entry->page->version != version) {
    remove(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  if (entry->page->second != now) {
    auto dated = std::make_shared<Page>(*entry->page);
    dated->second = now;
    dated->answer.replace(kDateAt, kDateSize, date_now(now));
    entry->page = std::move(dated);
  }
  return entry->page;
}

PagePtr Pages::add(const std::string& path, const File& file, std::time_t now) {
  const FileVersion& version = file.version;
  const auto size = static_cast<std::size_t>(version.size);
  if (size > kPiece || version.changed_s > now - settled_after_) return nullptr;
  auto page = std::make_shared<Page>();
  page->version = version;
  page->second = now;
  append_head(page->answer, {.now = now,
                             .length = version.size,
                             .type = content_type(path),
                             .modified = std::min<std::time_t>(version.modified_s, now),
                             .location = {}});
  page->head = page->answer.size();
  page->answer.resize(page->head + size);
  if (read_at(file.fd.get(), std::span(page->answer).subspan(page->head), 0) != version.size)
    return nullptr;

  const std::lock_guard lock(mutex_);
  if (const auto found = by_path_.find(path); found != by_path_.end()) remove(found->second);
  bytes_ += page->answer.size() + path.size();
  entries_.push_front({path, page});
  by_path_.emplace(entries_.front().path, entries_.begin());
  while (bytes_ > limit_)
    remove(std::prev(entries_.end()));
  return page;
}

void Pages::remove(std::list<Entry>::iterator entry) {
  bytes_ -= entry->page->answer.size() + entry->path.size();
  by_path_.erase(entry->path);
  entries_.erase(entry);
}

std::size_t Pages::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace servers::http
