// SPDX-License-Identifier: BSL-1.0
// The page of `tenon-translate serve`: one file, nothing from elsewhere.
#pragma once
#include <string>
#include <string_view>

#include "server.hpp"
#include "tenon/train/report_style.hpp"
#include "tenon/train/svg_text.hpp"

namespace tenon::translate {

namespace detail {

inline constexpr std::string_view page_style = R"(
form{display:flex;gap:12px;flex-wrap:wrap}
textarea{flex:1 1 420px;font:inherit;color:inherit;background:var(--card);border:1px solid var(--rule);border-radius:10px;
padding:12px 14px;min-height:5em;resize:vertical}
button{font:inherit;font-weight:600;border:0;border-radius:10px;padding:12px 22px;background:var(--good);color:#fff;cursor:pointer}
button:disabled{opacity:.5}
ol{padding-left:1.4em}
#best{font-size:1.5rem;color:var(--ink);margin:28px 0 4px;min-height:1.6em}
#problem{color:var(--poor)}
)";

inline constexpr std::string_view page_script = R"(
const form = document.querySelector('form'), text = document.querySelector('textarea');
const part = name => document.getElementById(name);
async function translate() {
  const button = document.querySelector('button');
  button.disabled = true;
  part('problem').textContent = '';
  try {
    const reply = await fetch('/api/translate', {method: 'POST', headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({text: text.value, count: Number(document.body.dataset.count)})});
    const said = await reply.json();
    if (!reply.ok) throw new Error(said.error);
    part('best').textContent = said.translations[0].text;
    part('time').textContent = said.milliseconds.toFixed(1) + ' ms' +
      (said.cut ? ': only the first ' + said.source_tokens.length + ' tokens were read' : '');
    part('others').replaceChildren(...said.translations.filter(t => 'score' in t).map(t => {
      const item = document.createElement('li');
      item.textContent = t.text + '  (' + t.score.toFixed(3) + ')';
      return item;
    }));
    part('picture').innerHTML = said.picture || '';
  } catch (problem) {
    part('problem').textContent = problem.message;
  }
  button.disabled = false;
}
form.addEventListener('submit', event => { event.preventDefault(); translate(); });
text.addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); translate(); }
});
const given = new URLSearchParams(location.search).get('text');
if (given) { text.value = given; translate(); }
)";

}  // namespace detail

/// What the page may do: run its own script and style, and ask this server.
inline char const* content_policy() {
  return "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
         "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

/// The page. `?text=…` translates at once.
inline std::string page_of(service const& what) {
  auto const title = train::svg::escape(what.title);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      title + "</title>\n<style>";
  page += train::detail::report_style;
  page += detail::page_style;
  page +=
      "</style>\n</head>\n<body data-count=\"" + std::to_string(what.translations) + "\">\n<main>\n<h1>" +
      title +
      "</h1>\n<form><textarea name=\"text\" aria-label=\"Sentence\" maxlength=\"500\" autofocus "
      "placeholder=\"A sentence\"></textarea><button>Translate</button></form>\n"
      "<p id=\"best\" aria-live=\"polite\"></p>\n<p id=\"problem\" role=\"alert\"></p>\n<p id=\"time\"></p>\n"
      "<ol id=\"others\"></ol>\n<div id=\"picture\"></div>\n</main>\n<script>";
  page += detail::page_script;
  return page + "</script>\n</body>\n</html>\n";
}

}  // namespace tenon::translate
