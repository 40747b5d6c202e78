// SPDX-License-Identifier: BSL-1.0
// Saving and loading of tensors: what is written comes back, and nothing malformed gets in.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tenon/io/atomic_file.hpp>
#include <tenon/io/dtype.hpp>
#include <tenon/io/posix_file.hpp>
#include <tenon/io/safetensors.hpp>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace io = tenon::io;
using io::dtype;

/// An empty directory that goes away with its contents.
struct scratch_directory {
  fs::path path;
  scratch_directory() {
    auto name = (fs::temp_directory_path() / "tenon-io-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  scratch_directory(scratch_directory const&) = delete;
  scratch_directory& operator=(scratch_directory const&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] auto const& entry : fs::directory_iterator(path)) ++count;
    return count;
  }
};

void put(fs::path const& path, std::string_view contents) {
  fs::remove(path);  // some file systems wait for the disk when a file is cut to nothing and written again
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  REQUIRE(file.good());
}

std::string get(fs::path const& path) {
  return io::read_file(path, std::size_t{1} << 30U);
}

template <class T>
std::span<std::byte const> bytes_of(T const& values) {
  return std::as_bytes(std::span(values));
}

/// The message of the tenon::error that `action` throws; any other outcome fails the test.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (tenon::error const& error) {
    return error.what();
  }
  FAIL_CHECK("no tenon::error was thrown");
  return {};
}

void check_message(std::string const& message, fs::path const& path, std::string_view word) {
  CAPTURE(message);
  CAPTURE(word);
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.find(path.string()) != std::string::npos);
  CHECK(message.find(word) != std::string::npos);
}

std::string length_bytes(std::uint64_t length) {
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

/// A file with that header and `data` zero bytes after it.
std::string file_with(std::string const& header, std::size_t data) {
  return length_bytes(header.size()) + header + std::string(data, '\0');
}

/// Some tensors of several types, one without elements and one without axes, saved at `path`.
void save_example(fs::path const& path) {
  std::array<float, 6> const weights{1.5F, -2.0F, 0.0F, 3.25F, 1e-30F, -1e30F};
  std::array<std::int64_t, 1> const step{-7};
  std::array<std::uint8_t, 3> const flags{1, 0, 1};
  std::array<std::uint16_t, 2> const halves{0x3C00, 0xC100};
  std::vector<io::tensor_source> const tensors{{"flags", dtype::boolean, {3}, bytes_of(flags)},
                                               {"weights", dtype::f32, {2, 3}, bytes_of(weights)},
                                               {"none", dtype::f32, {0, 5}, {}},
                                               {"halves", dtype::f16, {2, 1}, bytes_of(halves)},
                                               {"step", dtype::i64, {}, bytes_of(step)}};
  io::write_safetensors(path, tensors, {{"format", "tenon"}, {"na\"me\n", "caf\u00e9 \\"}});
}

TEST_CASE("safetensors: what was saved comes back") {
  scratch_directory const directory;
  auto const path = directory.path / "model.safetensors";
  save_example(path);
  auto const file = io::safetensors_file::read(path);

  REQUIRE(file.tensors().size() == 5);
  CHECK(file.tensors()[0].name == "flags");
  CHECK(file.tensors()[4].name == "step");
  CHECK(file.metadata() == io::metadata_map{{"format", "tenon"}, {"na\"me\n", "caf\u00e9 \\"}});
  CHECK(file.floats(file.at("weights")) == std::vector{1.5F, -2.0F, 0.0F, 3.25F, 1e-30F, -1e30F});
  CHECK(file.floats(file.at("halves")) == std::vector{1.0F, -2.5F});
  CHECK(file.floats(file.at("none")).empty());
  CHECK(file.at("none").shape == std::vector<std::size_t>{0, 5});

  auto const& step = file.at("step");
  CHECK(step.type == dtype::i64);
  CHECK(step.shape.empty());
  std::int64_t value = 0;
  REQUIRE(step.bytes.size() == sizeof value);
  std::memcpy(&value, step.bytes.data(), sizeof value);
  CHECK(value == -7);

  CHECK(file.find("weight") == nullptr);
  CHECK(file.find("weights") == &file.tensors()[1]);
  std::array<std::size_t, 2> const shape{2, 3};
  std::array<std::size_t, 2> const turned{3, 2};
  CHECK(&file.at("weights", shape) == file.find("weights"));
  check_message(message_of([&] { static_cast<void>(file.at("weights", turned)); }), path, "[2, 3]");
  check_message(message_of([&] { static_cast<void>(file.at("weight")); }), path, "no tensor \"weight\"");
  check_message(message_of([&] { static_cast<void>(file.floats(step)); }), path, "I64");
  std::array<float, 5> few{};
  check_message(message_of([&] { file.copy_to(file.at("weights"), few); }), path, "6 values instead of 5");
}

TEST_CASE("safetensors: files are aligned and the same input gives the same bytes") {
  scratch_directory const directory;
  save_example(directory.path / "a");
  save_example(directory.path / "b");
  auto const contents = get(directory.path / "a");
  CHECK(contents == get(directory.path / "b"));
  std::uint64_t length = 0;
  std::memcpy(&length, contents.data(), sizeof length);
  CHECK(length % 8 == 0);
  auto const file = io::safetensors_file::read(directory.path / "a");
  for (auto const& tensor : file.tensors())
    CHECK(std::bit_cast<std::uintptr_t>(tensor.bytes.data()) % io::dtype_bytes(tensor.type) == 0);
}

TEST_CASE("safetensors: a file without tensors, and one saved over another") {
  scratch_directory const directory;
  auto const path = directory.path / "m";
  io::write_safetensors(path, {});
  CHECK(io::safetensors_file::read(path).tensors().empty());
  CHECK(get(path) == file_with("{}      ", 0));
  save_example(path);
  CHECK(io::safetensors_file::read(path).tensors().size() == 5);
  CHECK(directory.files() == 1);
}

TEST_CASE("safetensors: the writer refuses what a reader could not take") {
  scratch_directory const directory;
  auto const path = directory.path / "m";
  put(path, "old");
  std::array<float, 2> const values{1, 2};
  auto const bytes = bytes_of(values);
  auto const attempt = [&](std::vector<io::tensor_source> const& tensors,
                           io::metadata_map const& metadata = {}) {
    return message_of([&] { io::write_safetensors(path, tensors, metadata); });
  };
  check_message(attempt({{"a", dtype::f32, {2}, bytes}, {"a", dtype::f32, {2}, bytes}}), path, "taken");
  check_message(attempt({{"__metadata__", dtype::f32, {2}, bytes}}), path, "taken");
  check_message(attempt({{"a", dtype::f32, {3}, bytes}}), path, "do not fit its shape");
  check_message(attempt({{"a", dtype::f32, {std::size_t{1} << 62U, 4}, bytes}}), path,
                "do not fit its shape");
  check_message(attempt({{"a\xFF", dtype::f32, {2}, bytes}}), path, "UTF-8");
  check_message(attempt({}, {{"key", "\xC3"}}), path, "UTF-8");
  CHECK(get(path) == "old");
  CHECK(directory.files() == 1);
}

TEST_CASE("dtype: every half and bfloat16 has its float") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    int const exponent = static_cast<int>(bits >> 10U & 31U);
    unsigned const fraction = bits & 0x3FFU;
    double expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) expected = std::numeric_limits<double>::infinity();
    float const value = io::half_to_float(static_cast<std::uint16_t>(bits));
    if (exponent == 31 && fraction != 0) {
      REQUIRE(std::isnan(value));
    } else {
      REQUIRE(static_cast<double>(value) == (bits < 0x8000 ? expected : -expected));
      REQUIRE(std::signbit(value) == (bits >= 0x8000));
    }
    REQUIRE(std::bit_cast<std::uint32_t>(io::bfloat16_to_float(static_cast<std::uint16_t>(bits))) ==
            bits << 16U);
  }
}

TEST_CASE("safetensors: conversion to float, and values that are not finite") {
  scratch_directory const directory;
  auto const path = directory.path / "m";
  double const infinity = std::numeric_limits<double>::infinity();
  std::array<double, 3> const doubles{0.1, -1e-300, 3e38};
  std::array<double, 2> const large{1.0, -1e39};
  std::array<double, 1> const infinite{-infinity};
  std::array<float, 3> const diverged{1.0F, 2.0F, std::nanf("")};
  std::array<std::uint16_t, 2> const brain{0x3F80, 0xC040};
  std::array<std::uint16_t, 1> const half_infinity{0x7C00};
  std::array<std::uint16_t, 1> const brain_nan{0x7FC1};
  io::write_safetensors(
      path, std::vector<io::tensor_source>{{"doubles", dtype::f64, {3}, bytes_of(doubles)},
                                           {"large", dtype::f64, {2}, bytes_of(large)},
                                           {"infinite", dtype::f64, {1}, bytes_of(infinite)},
                                           {"diverged", dtype::f32, {3}, bytes_of(diverged)},
                                           {"brain", dtype::bf16, {2}, bytes_of(brain)},
                                           {"half infinity", dtype::f16, {1}, bytes_of(half_infinity)},
                                           {"brain nan", dtype::bf16, {}, bytes_of(brain_nan)}});
  auto const file = io::safetensors_file::read(path);
  CHECK(file.floats(file.at("doubles")) == std::vector{0.1F, 0.0F, 3e38F});
  CHECK(file.floats(file.at("brain")) == std::vector{1.0F, -3.0F});
  for (std::string const name : {"large", "infinite", "diverged", "half infinity", "brain nan"}) {
    auto const message = message_of([&] { static_cast<void>(file.floats(file.at(name))); });
    check_message(message, path, '"' + name + '"');
    check_message(message, path, "NaN");
  }
  check_message(message_of([&] { static_cast<void>(file.floats(file.at("diverged"))); }), path, "index 2");
}

TEST_CASE("safetensors: tensors of others, unaligned and in any order") {
  scratch_directory const directory;
  auto const path = directory.path / "m";
  auto contents = file_with(R"( {"b":{"shape":[1],"data_offsets":[1,5],"dtype":"F32"},)"
                            R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                            5);
  put(path, contents);
  check_message(message_of([&] { io::safetensors_file::read(path); }), path, "JSON object");  // leading space
  contents[8] = '{';
  contents[9] = ' ';
  put(path, contents);
  auto const file = io::safetensors_file::read(path);
  CHECK(file.tensors()[0].name == "b");
  CHECK(file.floats(file.at("b")) == std::vector{0.0F});
}

struct bad_file {
  std::string contents;
  std::string_view word;
};

std::string tensor(std::string const& name, std::string const& type, std::string const& shape,
                   std::string const& offsets) {
  return '"' + name + R"(":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         '}';
}

TEST_CASE("safetensors: malformed files are refused in one line") {
  auto const header = [](std::string const& inside, std::size_t data = 0) {
    return file_with('{' + inside + '}', data);
  };
  auto const f32 = [&](std::string const& shape, std::string const& offsets, std::size_t data) {
    return header(tensor("w", "F32", shape, offsets), data);
  };
  auto const w = [](std::string const& name, std::string const& offsets) {
    return tensor(name, "F32", "[1]", offsets);
  };
  auto const good = f32("[2]", "[0,8]", 8);
  std::string many = "1";
  for (int i = 0; i < 64; ++i) many += ",1";
  std::string const deep(100'000, '[');
  std::vector<bad_file> const cases{
      {"", "truncated"},
      {"\x08", "truncated"},
      {good.substr(0, 7), "truncated"},
      {good.substr(0, 8), "truncated"},
      {good.substr(0, 30), "truncated"},
      {good.substr(0, good.size() - 8), "truncated"},
      {good.substr(0, good.size() - 1), "truncated"},
      {good + "x", "trailing"},
      {length_bytes(0), "JSON object"},
      {length_bytes(0) + "{}", "JSON object"},
      {length_bytes(1) + "{}", "not valid JSON"},
      {length_bytes(3) + "{}", "truncated"},
      {length_bytes(std::uint64_t{1} << 63U) + "{}", "not a safetensors file"},
      {length_bytes(~std::uint64_t{0}) + "{}", "not a safetensors file"},
      {length_bytes(100'000'001) + "{}", "not a safetensors file"},
      {std::string("PK\x03\x04\x14\x00\x00\x00\x00\x00 model.pt", 20), "not a safetensors file"},
      {std::string("go .\tva !\nhi .\tsalut !\n"), "not a safetensors file"},
      {file_with("[]", 0), "JSON object"},
      {file_with("{\"w\"", 0), "not valid JSON"},
      {file_with("{}}", 0), "not valid JSON"},
      {file_with("{} {}", 0), "not valid JSON"},
      {file_with(std::string("{}\0", 3), 0), "NUL"},
      {file_with("\xEF\xBB\xBF{}", 0), "JSON object"},
      {file_with("{}// comment", 0), "not valid JSON"},
      {header("\"w\":" + deep), "not a JSON object"},
      {header(R"("w":{"shape":)" + deep), "shape"},
      {header(R"("w":{"dtype":{"a":{}}})"), "dtype"},
      {header(R"("w":5)"), "not a JSON object"},
      {header(R"("w":null)"), "not a JSON object"},
      {header(R"("w":{})"), "lacks"},
      {header(R"("w":{"dtype":"F32","shape":[]})", 4), "lacks"},
      {header(R"("w":{"dtype":"F32","dtype":"F32","shape":[]})", 4), "duplicate"},
      {header(R"("w":{"dtype":"F32","shape":[],"data_offsets":[0,4],"stride":[]})", 4), "unknown field"},
      {header(R"("w":{"dtype":1,"shape":[],"data_offsets":[0,4]})", 4), "dtype"},
      {header(w("w", "[0,4]") + ',' + w("w", "[4,8]"), 8), "duplicate"},
      {header(w("w", "[0,4]") + ',' + w("\\u0077", "[4,8]"), 8), "duplicate"},
      {header(tensor("w", "F33", "[1]", "[0,4]"), 4), "\"F33\""},
      {header(tensor("w", "f32", "[1]", "[0,4]"), 4), "\"f32\""},
      {header(tensor("w\xFF", "F32", "[1]", "[0,4]"), 4), "UTF-8"},
      {header(tensor("w\xED\xA0\x80", "F32", "[1]", "[0,4]"), 4), "UTF-8"},
      {header(tensor("\\ud800", "F32", "[1]", "[0,4]"), 4), "not valid JSON"},
      {header(tensor("a\nb", "F32", "[1]", "[0,4]"), 4), "not valid JSON"},
      {header(tensor("a\\nb\\u009b", "F32", "[2]", "[0,4]"), 4), "a\\x0ab\\xc2\\x9b"},
      {f32("[-1]", "[0,4]", 4), "shape"},
      {f32("[1.0]", "[0,4]", 4), "shape"},
      {f32("[1e0]", "[0,4]", 4), "shape"},
      {f32("[\"1\"]", "[0,4]", 4), "shape"},
      {f32("[true]", "[0,4]", 4), "shape"},
      {f32("1", "[0,4]", 4), "shape"},
      {f32("[[1]]", "[0,4]", 4), "shape"},
      {f32('[' + many + ']', "[0,4]", 4), "64"},
      {f32("[18446744073709551616]", "[0,4]", 4), "shape"},
      {f32("[1e999]", "[0,4]", 4), "not valid JSON"},
      {f32("[4611686018427387904]", "[0,0]", 0), "too large"},
      {f32("[4294967296,4294967296]", "[0,0]", 0), "too large"},
      {f32("[0,4294967296,4294967296]", "[0,0]", 0), "too large"},
      {f32("[1000000000000]", "[0,4000000000000]", 4), "truncated"},
      {f32("[2]", "[0,4]", 4), "needs 8 bytes"},
      {f32("[1]", "[0,8]", 8), "needs 4 bytes"},
      {f32("[]", "[0,0]", 0), "needs 4 bytes"},
      {f32("[1]", "[4,0]", 4), "reversed"},
      {f32("[1]", "[0]", 4), "data_offsets"},
      {f32("[1]", "[0,4,4]", 4), "data_offsets"},
      {f32("[1]", "[-4,0]", 4), "data_offsets"},
      {f32("[1]", "[0.0,4]", 4), "data_offsets"},
      {f32("[1]", "4", 4), "data_offsets"},
      {f32("[1]", "[18446744073709551612,0]", 4), "reversed"},
      {f32("[1]", "[18446744073709551611,18446744073709551615]", 4), "truncated"},
      {header(w("a", "[0,4]") + ',' + w("b", "[2,6]"), 6), "overlaps"},
      {header(w("a", "[0,4]") + ',' + w("b", "[0,4]"), 4), "overlaps"},
      {header(w("a", "[0,4]") + ',' + tensor("b", "F32", "[0]", "[2,2]"), 4), "overlaps"},
      {header(w("a", "[0,4]") + ',' + w("b", "[6,10]"), 10), "hole"},
      {f32("[1]", "[4,8]", 8), "hole"},
      {f32("[1]", "[0,4]", 8), "trailing"},
      {header("", 1), "trailing"},
      {header(R"("__metadata__":{"a":1})"), "strings"},
      {header(R"("__metadata__":{"a":null})"), "strings"},
      {header(R"("__metadata__":{"a":{"b":"c"}})"), "strings"},
      {header(R"("__metadata__":["a"])"), "strings"},
      {header(R"("__metadata__":"a")"), "strings"},
      {header(R"("__metadata__":{"a":"b","a":"c"})"), "duplicate"},
      {header(R"("__metadata__":{},"__metadata__":{})"), "duplicate"},
  };
  scratch_directory const directory;
  auto const path = directory.path / "bad.safetensors";
  put(path, good);
  CHECK_NOTHROW(io::safetensors_file::read(path));  // so that each case below fails for its own reason
  for (auto const& [contents, word] : cases) {
    CAPTURE(contents.substr(0, 200));
    put(path, contents);
    check_message(message_of([&] { io::safetensors_file::read(path); }), path, word);
  }
}

TEST_CASE("safetensors: paths that are no readable file") {
  scratch_directory const directory;
  auto const refuse = [](fs::path const& path, std::string_view word) {
    check_message(message_of([&] { io::safetensors_file::read(path); }), path, word);
  };
  refuse(directory.path / "missing", "no such file");
  refuse(directory.path, "directory");
  refuse("/dev/null", "not a regular file");
  auto const pipe = directory.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  refuse(pipe, "not a regular file");
  auto const locked = directory.path / "locked";
  put(locked, "x");
  refuse(locked / "below", "no such file");
  fs::permissions(locked, fs::perms::none);
  if (::geteuid() != 0) refuse(locked, "permissions");
  auto const message = message_of([&] { io::safetensors_file::read(directory.path / "two\nlines"); });
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.find("two\\x0alines") != std::string::npos);
}

TEST_CASE("safetensors: a damaged file loads or is refused, and nothing else happens") {
  scratch_directory const directory;
  auto const path = directory.path / "m";
  save_example(path);
  auto const valid = get(path);
  std::mt19937 random(20'240'229);
  auto const below = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
  std::size_t loaded = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    auto contents = valid;
    for (auto flips = 1 + below(3); flips > 0; --flips) {
      auto& byte = contents[below(contents.size())];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << below(8)));
    }
    if (round % 4 == 0) contents.resize(below(contents.size()));
    put(path, contents);
    try {
      auto const file = io::safetensors_file::read(path);
      ++loaded;
      for (auto const& entry : file.tensors())
        if (io::is_floating(entry.type)) static_cast<void>(file.floats(entry));
    } catch (tenon::error const& error) {
      ++refused;
      REQUIRE(std::string_view(error.what()).find('\n') == std::string_view::npos);
    }
  }
  CHECK(loaded > 0);
  CHECK(refused > 1000);
}

TEST_CASE("write_atomically: parts, small pieces and large ones arrive in order") {
  scratch_directory const directory;
  auto const path = directory.path / std::string(255, 'n');  // the greatest length of a name
  std::string expected;
  io::write_atomically(path, [&](io::file_sink& sink) {
    for (std::size_t i = 0; i < 300; ++i) {
      std::string const piece(i % 7 == 0 ? 70'000 : i, static_cast<char>('a' + i % 26));
      sink.write(piece);
      expected += piece;
    }
  });
  CHECK(get(path) == expected);
  std::array<char, 2> const first{'a', 'b'};
  std::array<char, 1> const second{'c'};
  io::write_atomically(path, std::array{bytes_of(first), bytes_of(second)});
  CHECK(get(path) == "abc");
  CHECK(directory.files() == 1);
  check_message(message_of([&] { io::read_file(path, 2); }), path, "more than the 2");
}

TEST_CASE("write_atomically: symbolic links stay, their targets change") {
  scratch_directory const directory;
  auto const& root = directory.path;
  fs::create_directory(root / "below");
  fs::create_symlink("below/file", root / "link");  // dangling at first
  fs::create_symlink(root / "link", root / "link to link");
  for (std::string const text : {"one", "two"}) {
    io::write_atomically(root / "link to link", [&](io::file_sink& sink) { sink.write(text); });
    CHECK(fs::is_symlink(root / "link"));
    CHECK(fs::is_symlink(root / "link to link"));
    CHECK(get(root / "below" / "file") == text);
  }
  fs::create_symlink("loop", root / "loop");
  check_message(message_of([&] { io::write_atomically(root / "loop", [](io::file_sink&) {}); }),
                root / "loop", "choose another path");
}

TEST_CASE("write_atomically: a failed save keeps the old file and leaves no other") {
  scratch_directory const directory;
  auto const path = directory.path / "m";
  put(path, "old");
  std::string const large(1 << 20, 'x');

  CHECK_THROWS_AS(io::write_atomically(path,
                                       [&](io::file_sink& sink) {
                                         sink.write(large);
                                         throw std::runtime_error("stop");
                                       }),
                  std::runtime_error);
  CHECK(get(path) == "old");
  CHECK(directory.files() == 1);

  // A limit on file sizes makes a write to a real file fail midway, as a full disk would.
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 100'000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  auto const message =
      message_of([&] { io::write_atomically(path, [&](io::file_sink& sink) { sink.write(large); }); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  check_message(message, path, "File too large");
  CHECK(get(path) == "old");
  CHECK(directory.files() == 1);
}

TEST_CASE("write_atomically: targets that cannot be written") {
  scratch_directory const directory;
  auto const refuse = [](fs::path const& path, std::string_view word) {
    check_message(
        message_of([&] { io::write_atomically(path, [](io::file_sink& sink) { sink.write("text"); }); }),
        path, word);
  };
  if (fs::is_character_file("/dev/full")) {
    refuse("/dev/full", "free some space");
    check_message(message_of([] { save_example("/dev/full"); }), "/dev/full", "No space left");
    CHECK(fs::is_character_file("/dev/full"));
  } else {
    MESSAGE("skipped: there is no /dev/full");
  }
  refuse("", "names no file");
  refuse(directory.path, "directory");
  refuse(directory.path / "", "names no file");
  refuse(directory.path / "missing" / "m", "create its directory");
  refuse(directory.path / std::string(256, 'n'), "choose another path");
  auto const pipe = directory.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  refuse(pipe, "not a regular file");
  put(directory.path / "file", "old");
  refuse(directory.path / "file" / "m", "choose another path");
  CHECK(get(directory.path / "file") == "old");
  if (::geteuid() != 0) {  // permissions do not bind the superuser
    fs::permissions(directory.path, fs::perms::owner_read | fs::perms::owner_exec);
    refuse(directory.path / "file", "change the permissions");
    fs::permissions(directory.path, fs::perms::owner_all);
    CHECK(get(directory.path / "file") == "old");
  }
  CHECK(directory.files() == 2);
}

}  // namespace
