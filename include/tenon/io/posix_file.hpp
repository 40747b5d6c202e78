// SPDX-License-Identifier: BSL-1.0
// What the readers and writers of files share: one-line messages, a descriptor that closes itself, whole
// files.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../printable.hpp"

namespace tenon::io {

using tenon::in_quotes;
using tenon::printable;

/// Throws tenon::error "path: what".
[[noreturn]] inline void fail(std::filesystem::path const& path, std::string_view what) {
  throw error(printable(path.native()) + ": " + std::string(what));
}

/// The reason of a failed system call, in words.
inline std::string reason(int code) {
  return std::generic_category().message(code);
}

/// Repeats a system call as long as a signal interrupts it.
template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// Owns an open file descriptor.
class file_descriptor {
 public:
  explicit file_descriptor(int fd) : fd_(fd) {}
  file_descriptor(file_descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  file_descriptor& operator=(file_descriptor&&) = delete;
  ~file_descriptor() { static_cast<void>(close()); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  /// False, with errno set, when the system reports an error that it had kept until now. Linux has closed the
  /// descriptor even then, and after EINTR too, so closing is never repeated.
  [[nodiscard]] bool close() {
    int const fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0 || errno == EINTR;
  }

 private:
  int fd_;
};

/// Tells a file from one that took its place, also within one tick of the system's clock.
struct file_version {
  ::ino_t number = 0;  ///< of its entry in the file system; 0: there is no file
  ::time_t seconds = 0;
  long nanoseconds = 0;
  friend bool operator==(file_version const&, file_version const&) = default;
};

/// What is at `path` now; `file_version{}` if nothing is, or it cannot be told.
inline file_version version_of(std::filesystem::path const& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

/// A regular file open for reading from its start.
class input_file {
 public:
  /// Throws tenon::error if there is no such file, it is not a regular one, or it may not be read.
  explicit input_file(std::filesystem::path path) : path_(std::move(path)), file_(open()) {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) fail(path_, "cannot read the file: " + reason(errno));
    if (S_ISDIR(status.st_mode)) fail(path_, "this is a directory: give the path of a file in it");
    if (!S_ISREG(status.st_mode)) fail(path_, "this is not a regular file: give the path of one");
    size_ = static_cast<std::size_t>(status.st_size);
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  /// Fills `out` with the next bytes. Throws tenon::error if the disk fails or the file ends early.
  void read(std::span<std::byte> out) {
    while (!out.empty()) {
      auto const count = retry([&] { return ::read(file_.get(), out.data(), out.size()); });
      if (count < 0) fail(path_, "cannot read the file: " + reason(errno) + ": check the disk");
      if (count == 0)
        fail(path_, "the file became shorter while it was read: try again when nothing writes to it");
      out = out.subspan(static_cast<std::size_t>(count));
    }
  }

 private:
  [[nodiscard]] int open() const {
    // O_NONBLOCK: a pipe without a writer must be refused below, not waited for.
    int const fd = retry([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
    if (fd >= 0) return fd;
    int const code = errno;
    if (code == ENOENT || code == ENOTDIR) fail(path_, "there is no such file: check the path");
    fail(path_,
         "cannot open the file: " + reason(code) +
             (code == EACCES ? ": change its permissions or choose another path" : ": check the path"));
  }

  std::filesystem::path path_;
  file_descriptor file_;
  std::size_t size_ = 0;
};

/// The whole of a regular file. Throws tenon::error as `input_file` does, and if it has more than
/// `max_bytes`.
inline std::string read_file(std::filesystem::path const& path, std::size_t max_bytes) {
  input_file file(path);
  if (file.size() > max_bytes)
    fail(path, "the file has " + std::to_string(file.size()) + " bytes, more than the " +
                   std::to_string(max_bytes) + " allowed: choose a smaller one");
  std::string text;
  try {
    text.resize(file.size());
  } catch (std::bad_alloc const&) {
    fail(path, "not enough memory for the " + std::to_string(file.size()) + " bytes of the file: free some");
  }
  file.read(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace tenon::io
