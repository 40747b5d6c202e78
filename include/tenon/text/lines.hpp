// SPDX-License-Identifier: BSL-1.0
// Lines of UTF-8 text from a file or a stream, checked before anybody sees them.
#pragma once
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "tenon/error.hpp"
#include "tenon/printable.hpp"
#include "tenon/text/utf8.hpp"

namespace tenon::text {

/// The longest line that is accepted, in bytes without its line end. No sentence comes near it; a file
/// without line ends (or /dev/zero) is refused early instead of filling the memory.
inline constexpr std::size_t longest_line = std::size_t{64} * 1024;

/// Reads lines one at a time. Line ends are LF or CRLF, a byte order mark at the start is dropped. Every
/// error is a tenon::error of the form "name:line: what is wrong: what to do".
class line_reader {
 public:
  /// Opens a file. Throws tenon::error if it is missing, a directory, or may not be read.
  explicit line_reader(std::filesystem::path const& path)
      : name_(printable(path.string(), 1000)), file_(open(path, name_), closer{true}) {}

  /// Reads from an open stream such as stdin, which stays open and must outlive the reader. Lines are handed
  /// out as they arrive, so this serves an interactive program. `name` is what errors call the stream.
  line_reader(std::FILE* stream, std::string_view name)
      : name_(printable(name, 1000)), file_(stream, closer{false}) {}

  /// Reads the next line (without its end) into `line`; false at the end of the input. The view is valid
  /// until the next call. Throws tenon::error on NUL bytes, invalid UTF-8, a line that is too long, a stray
  /// carriage return, or a read error.
  bool next(std::string_view& line) {
    buffer_.clear();
    ++number_;
    int byte = 0;
    while ((byte = read_byte()) != EOF && byte != '\n') {
      if (byte == 0) fail_encoding("contains a NUL byte: it is binary data or UTF-16");
      if (buffer_.size() > longest_line) {
        fail_length();
      }
      buffer_.push_back(static_cast<char>(byte));
    }
    if (byte == EOF && buffer_.empty()) {
      --number_;
      return false;
    }
    if (!buffer_.empty() && buffer_.back() == '\r') buffer_.pop_back();
    if (buffer_.size() > longest_line) {
      fail_length();
    }
    line = check(buffer_);
    return true;
  }

  /// The number of the line that was read last, from 1.
  std::size_t number() const { return number_; }

  /// What errors call this input.
  std::string const& name() const { return name_; }

  /// Throws a tenon::error about the current line, or about the file where none was read.
  [[noreturn]] void fail(std::string const& what) const {
    throw error(name_ + (number_ > 0 ? ":" + std::to_string(number_) : "") + ": " + what);
  }

 private:
  struct closer {
    bool owns;
    void operator()(std::FILE* file) const {
      if (owns) std::fclose(file);
    }
  };
  using handle = std::unique_ptr<std::FILE, closer>;

  static std::FILE* open(std::filesystem::path const& path, std::string const& name) {
    // fopen itself opens a directory without complaint on Linux; only reading it fails.
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
      throw error(name + ": is a directory: give the path of a text file");
    }
    std::FILE* const file = std::fopen(path.string().c_str(), "rb");
    if (file == nullptr) {
      throw error(name + ": cannot be opened (" + std::strerror(errno) +
                  "): check the path and the permissions");
    }
    return file;
  }

  int read_byte() {
    int const byte = std::getc(file_.get());
    if (byte == EOF && std::ferror(file_.get()) != 0) {
      fail(std::string("cannot be read (") + std::strerror(errno) + "): check the file and its disk");
    }
    return byte;
  }

  [[noreturn]] void fail_length() const {
    fail("is longer than " + std::to_string(longest_line) +
         " bytes: check that the file is text with a sentence on each line");
  }

  std::string_view check(std::string_view line) const {
    if (number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (std::size_t const good = valid_utf8_prefix(line); good != line.size()) {
      fail_encoding("is not valid UTF-8 (byte " + std::to_string(good + 1) + ")");
    }
    if (line.find('\r') != std::string_view::npos) {
      fail("has a carriage return inside the line: convert the line ends to LF or CRLF");
    }
    return line;
  }

  [[noreturn]] void fail_encoding(std::string const& what) const {
    if (number_ == 1 && (buffer_.starts_with("\xFF\xFE") || buffer_.starts_with("\xFE\xFF"))) {
      fail("the file is UTF-16: convert it with iconv -f UTF-16 -t UTF-8");
    }
    fail(what + ": unpack it if it is compressed, or convert it with iconv -f ENCODING -t UTF-8");
  }

  std::string name_;
  handle file_;
  std::string buffer_;
  std::size_t number_ = 0;
};

/// How many lines a file has; 0 of a pipe, which can be read once only.
inline std::size_t count_lines(std::filesystem::path const& path) {
  if (std::error_code ignored; !std::filesystem::is_regular_file(path, ignored)) return 0;
  std::ifstream file(path, std::ios::binary);
  std::size_t lines = 0;
  char last = '\n';
  for (std::istreambuf_iterator<char> at(file), end; at != end; ++at) {
    last = *at;
    lines += last == '\n' ? 1 : 0;
  }
  return lines + (last == '\n' ? 0 : 1);
}

}  // namespace tenon::text
