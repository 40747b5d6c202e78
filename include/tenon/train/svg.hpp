// SPDX-License-Identifier: BSL-1.0
// Charts as SVG text: line chart, heat map, memory over the calls of a program. Each function returns one
// `<svg>` element that is a valid file by itself and can stand inside an HTML page.
#pragma once
#include "tenon/train/svg_heat_map.hpp"
#include "tenon/train/svg_lines.hpp"
#include "tenon/train/svg_timeline.hpp"
