// SPDX-License-Identifier: BSL-1.0
// The version of this library; CMakeLists.txt reads it from here.
#pragma once

#define TENON_VERSION "0.1.0"
