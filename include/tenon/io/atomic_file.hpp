// SPDX-License-Identifier: BSL-1.0
// Saving so that a crash, a full disk or a bad value never costs the file that was there before: everything
// goes to a temporary file beside the target, which takes the target's name only once it is complete and on
// disk.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "posix_file.hpp"
#include "tenon/config.hpp"

namespace tenon::io {

/// Throws tenon::error "path: cannot save: <reason>: <advice>" for the errno value `code`.
[[noreturn]] inline void fail_to_save(std::filesystem::path const& path, int code) {
  auto const advice = [code]() -> std::string_view {
    switch (code) {
      case ENOSPC:
      case EDQUOT:
        return "free some space and save again";
      case EFBIG:
        return "raise the limit on file sizes (ulimit -f) or use another file system";
      case EACCES:
      case EPERM:
      case EROFS:
        return "change the permissions or choose another path";
      case ENOENT:
        return "create its directory first or choose another path";
      case ENOTDIR:
      case ELOOP:
      case ENAMETOOLONG:
        return "choose another path";
      default:
        return "check the disk or choose another path";
    }
  }();
  fail(path, "cannot save: " + reason(code) + ": " + std::string(advice));
}

/// Where `write_atomically` lets its caller write. Small pieces are gathered; every write is checked.
class file_sink {
 public:
  file_sink(int fd, std::filesystem::path const& path) : fd_(fd), path_(path) {}
  file_sink(file_sink const&) = delete;
  file_sink& operator=(file_sink const&) = delete;

  /// Throws tenon::error if the system cannot write.
  void write(std::string_view text) {
    if (buffer_.size() + text.size() > buffer_limit) flush();
    if (text.size() > buffer_limit) return write_now(text);
    buffer_ += text;
  }
  void write(std::span<std::byte const> bytes) {
    write(std::string_view(reinterpret_cast<char const*>(bytes.data()), bytes.size()));
  }
  /// Hands what was gathered to the system. Throws as `write` does.
  void flush() { write_now(std::exchange(buffer_, {})); }

 private:
  void write_now(std::string_view text) {
    while (!text.empty()) {
      auto const count = retry([&] { return ::write(fd_, text.data(), text.size()); });
      if (count <= 0) fail_to_save(path_, count < 0 ? errno : EIO);
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  static constexpr std::size_t buffer_limit = std::size_t{1} << 16U;
  int fd_;
  std::filesystem::path const& path_;
  std::string buffer_;
};

namespace detail {

/// The path that a chain of symbolic links ends at; that file need not exist.
inline std::filesystem::path follow_links(std::filesystem::path const& path) {
  auto target = path;
  for (int links = 0; links < 40; ++links) {
    std::error_code code;
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(target, code))) return target;
    auto const next = std::filesystem::read_symlink(target, code);
    if (code) fail_to_save(path, code.value());
    target = target.parent_path() / next;  // an absolute `next` replaces the whole
  }
  fail_to_save(path, ELOOP);
}

/// A new empty file in a directory, removed again unless it was given its final name.
class temporary_file {
 public:
  /// `path` is what messages name.
  temporary_file(std::filesystem::path const& directory, std::filesystem::path const& path)
      : file_(create(directory, path)) {}
  temporary_file(temporary_file const&) = delete;
  temporary_file& operator=(temporary_file const&) = delete;
  ~temporary_file() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  [[nodiscard]] int fd() const { return file_.get(); }

  /// Brings the contents to disk, then renames to `target`.
  void finish(std::filesystem::path const& target, std::filesystem::path const& path) {
    if (retry([&] { return ::fsync(file_.get()); }) != 0) fail_to_save(path, errno);
    if (!file_.close()) fail_to_save(path, errno);
    if (::rename(name_.c_str(), target.c_str()) != 0) fail_to_save(path, errno);
    name_.clear();
  }

 private:
  TENON_COLD int create(std::filesystem::path const& directory, std::filesystem::path const& path) {
    static std::atomic<unsigned> counter = 0;
    for (int tries = 0; tries < 1000; ++tries) {
      // Short and independent of the target's name, which may already have the greatest length allowed.
      auto const number = std::to_string(::getpid()) + '-' + std::to_string(counter++);
      auto const name = directory / (".tenon-" + number + ".tmp");
      int const fd =
          retry([&] { return ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
      if (fd >= 0) {
        name_ = name;
        return fd;
      }
      if (errno != EEXIST) fail_to_save(path, errno);
    }
    fail(path, "cannot save: too many temporary files beside it: remove .tenon-*.tmp in its directory");
  }

  std::filesystem::path name_;  // before file_, whose initialiser sets it
  file_descriptor file_;
};

/// Brings a renamed entry to disk. A directory that cannot be opened or synchronised by this user or file
/// system is let be: the file itself is complete.
inline void sync_directory(std::filesystem::path const& directory, std::filesystem::path const& path) {
  file_descriptor const handle(
      retry([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!handle.is_open() || retry([&] { return ::fsync(handle.get()); }) == 0) return;
  if (errno != EIO) return;
  fail(path, "saved, but the disk reports an error and may lose the file: check the disk and save again");
}

/// The file that is replaced when something is saved to `path`: the one that it leads to by links. None: it is a
/// character device, to be written to directly. Throws tenon::error if it can be neither.
TENON_COLD inline std::optional<std::filesystem::path> file_to_replace(std::filesystem::path const& path) {
  if (!path.has_filename()) fail(path, "cannot save: this names no file: add a file name");
  struct stat status {};
  bool const exists = ::stat(path.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail_to_save(path, errno);
  if (exists && S_ISDIR(status.st_mode)) fail(path, "cannot save: this is a directory: add a file name");
  if (exists && S_ISCHR(status.st_mode)) return std::nullopt;
  if (exists && !S_ISREG(status.st_mode))
    fail(path, "cannot save: this is not a regular file: choose another path");
  // A new file takes its place, which its directory alone would allow; its owner has said no.
  if (exists && ::access(path.c_str(), W_OK) != 0) fail_to_save(path, errno);
  return follow_links(path);
}
inline std::filesystem::path directory_of(std::filesystem::path const& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace detail

/// Throws tenon::error if a file could not be saved there now: asked before hours of work, not after.
TENON_COLD inline void check_can_save(std::filesystem::path const& path) {
  if (auto const target = detail::file_to_replace(path))
    detail::temporary_file const probe(detail::directory_of(*target), path);
}

/// Replaces the file at `path`, or creates it, with what `writer` writes: readers see the old contents or all
/// of the new, never a part. A symbolic link stays one; the file it points to is replaced. Permissions are
/// those of a new file; one that may not be written to is let be. Character devices are written to directly.
/// Throws tenon::error, the old file being as it was and no temporary one left, if `path` is a directory, a
/// pipe or the like, or the system cannot write; what `writer` throws passes through in the same manner.
inline void write_atomically(std::filesystem::path const& path,
                             std::function<void(file_sink&)> const& writer) {
  auto const target = detail::file_to_replace(path);
  if (!target) {
    file_descriptor device(retry([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY); }));
    if (!device.is_open()) fail_to_save(path, errno);
    file_sink sink(device.get(), path);
    writer(sink);
    sink.flush();
    if (!device.close()) fail_to_save(path, errno);
    return;
  }
  auto const directory = detail::directory_of(*target);
  {
    detail::temporary_file temporary(directory, path);
    file_sink sink(temporary.fd(), path);
    writer(sink);
    sink.flush();
    temporary.finish(*target, path);
  }
  detail::sync_directory(directory, path);
}

/// The same with contents that are in memory already, one part after the other.
inline void write_atomically(std::filesystem::path const& path,
                             std::span<std::span<std::byte const> const> parts) {
  write_atomically(path, [&](file_sink& sink) {
    for (auto const part : parts) sink.write(part);
  });
}

}  // namespace tenon::io
