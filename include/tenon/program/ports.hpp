// SPDX-License-Identifier: BSL-1.0
// A session's inputs and outputs by name, typed and checked; the same for every device.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "../error.hpp"
#include "../tensor.hpp"
#include "program.hpp"

namespace tenon::detail {

/// What sessions of all devices answer. A Session has program() and says where a port's memory is:
/// std::byte* input_memory(program_port const&), output_memory(…).
template <class Session>
class session_ports {
 public:
  /// The memory of an input, to be filled before each run that should see other values; it keeps what was put
  /// there. Throws tenon::error if the program has no such input of this type and size.
  template <class T, axis_type... A>
  tensor_view<T, shape<A...>> input(std::string_view name) {
    auto const& p = checked(self().program().inputs, "input", name, element_type_of<T>, shape<A...>::size,
                            fingerprint<shape<A...>>);
    return tensor_view<T, shape<A...>>(reinterpret_cast<T*>(self().input_memory(p)));
  }
  /// The same as a flat span of row-major elements.
  template <class T>
  std::span<T> input_elements(std::string_view name) {
    auto const& p = checked<T>(self().program().inputs, "input", name);
    return {reinterpret_cast<T*>(self().input_memory(p)), p.elements};
  }

  /// What the last run made, read-only. Throws tenon::error if the program has no such output of this type, shape
  /// and order of axes.
  template <class T, axis_type... A>
  tensor_view<T const, shape<A...>> output(std::string_view name) {
    auto const& p = checked(self().program().outputs, "output", name, element_type_of<T>, shape<A...>::size,
                            fingerprint<shape<A...>>);
    return tensor_view<T const, shape<A...>>(reinterpret_cast<T const*>(self().output_memory(p)));
  }
  /// The same as a flat span of row-major elements.
  template <class T>
  std::span<T const> output_elements(std::string_view name) {
    auto const& p = checked<T>(self().program().outputs, "output", name);
    return {reinterpret_cast<T const*>(self().output_memory(p)), p.elements};
  }
  /// What the run before the last made, on a device that works by itself and still has it: so that the last
  /// run goes on meanwhile.
  template <class T>
  std::span<T const> output_elements_before(std::string_view name) {
    static_assert(
        requires(Session & s, program_port const& p) { s.output_memory_before(p); },
        "a session on a CPU has the outputs of the last run alone: output_elements");
    auto const& p = checked<T>(self().program().outputs, "output", name);
    return {reinterpret_cast<T const*>(self().output_memory_before(p)), p.elements};
  }

 private:
  Session& self() { return static_cast<Session&>(*this); }

  static program_port const& port_named(std::span<program_port const> ports, char const* kind,
                                        std::string_view name) {
    for (auto const& p : ports)
      if (p.name == name) return p;
    std::string known;
    for (auto const& p : ports) known += (known.empty() ? "" : ", ") + std::string(p.name);
    throw error("the program has no " + std::string(kind) + " \"" + std::string(name) +
                "\"; it has: " + known);
  }
  static program_port const& checked(std::span<program_port const> ports, char const* kind,
                                     std::string_view name, element_type type, std::size_t count,
                                     std::uint64_t axes) {
    auto const& p = port_named(ports, kind, name);
    if (p.type != type || p.elements != count)
      throw error("the program's " + std::string(kind) + " \"" + std::string(name) + "\" has " +
                  std::to_string(p.elements) + " elements of " + name_of(p.type) + "; asked for were " +
                  std::to_string(count) + " of " + name_of(type));
    if (p.axes != axes)
      throw error(
          "the program's " + std::string(kind) + " \"" + std::string(name) +
          "\" has other axes, or the same in another order, than was asked for: use those of its recording");
    return p;
  }
  template <class T>
  static program_port const& checked(std::span<program_port const> ports, char const* kind,
                                     std::string_view name) {
    auto const& p = port_named(ports, kind, name);
    return checked(ports, kind, name, element_type_of<std::remove_const_t<T>>, p.elements, p.axes);
  }
};

}  // namespace tenon::detail
