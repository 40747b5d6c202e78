// SPDX-License-Identifier: BSL-1.0
// The style sheet of the training report: system fonts only, light and dark, phone and print.
#pragma once
#include <string_view>

namespace tenon::train::detail {

inline constexpr std::string_view report_style = R"(
:root{color-scheme:light dark;--paper:#fff;--ink:#1a1d21;--soft:#5b636d;--rule:#e1e4e8;--card:#f6f7f9;
--good:#00734f;--mid:#8a5a00;--poor:#b3261e}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 28px 64px}
h1{font-size:clamp(1.6rem,1.2rem + 2vw,2.3rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 24px;
text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.25rem;letter-spacing:-.01em;margin:52px 0 6px;padding-top:18px;border-top:1px solid var(--rule)}
p{margin:0 0 16px;color:var(--soft);max-width:68ch}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:12px;margin:0}
.figures div{background:var(--card);border-radius:10px;padding:14px 18px}
.figures dt{color:var(--soft);font-size:.85rem}
.figures dd{margin:2px 0 0;font-size:1.75rem;font-weight:650;line-height:1.2;letter-spacing:-.02em;
font-variant-numeric:tabular-nums}
.figures small{display:block;font-size:.82rem;font-weight:400;letter-spacing:0;color:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:9px 16px 9px 0;border-bottom:1px solid var(--rule);
overflow-wrap:anywhere}
thead th{font-size:.82rem;font-weight:600;color:var(--soft)}
.samples{table-layout:fixed}
.samples th:nth-child(1),.samples th:nth-child(2){width:34%}
.samples th:nth-child(4){width:4.5em}
td.bleu,th.bleu{text-align:right;padding-right:0;white-space:nowrap}
td.prediction{font-weight:600}
.none{color:var(--soft)}
.b2{color:var(--good)}.b1{color:var(--mid)}.b0{color:var(--poor)}
.facts{max-width:680px}
.facts th{font-weight:400;color:var(--soft);width:38%}
figure{margin:0}
svg{display:block;max-width:100%;height:auto}
.wide,.scroll{margin-top:14px}
.narrow{display:none}
.maps{display:flex;flex-wrap:wrap;gap:36px 44px;align-items:flex-start;margin-top:20px}
.maps figure{max-width:100%;break-inside:avoid}
figcaption{font-size:.95rem;margin:0 0 10px;max-width:60ch;overflow-wrap:anywhere}
figcaption b{font-weight:600}
@media screen and (max-width:640px){
main{padding:24px 16px 40px}
h2{margin-top:38px}
.figures{grid-template-columns:1fr 1fr}
.figures dd{font-size:1.4rem}
.samples thead{position:absolute;clip-path:inset(50%)}
.samples tr{display:block;padding:12px 0;border-bottom:1px solid var(--rule)}
.samples td{display:flex;gap:12px;border:0;padding:2px 0;text-align:left}
.samples td::before{content:attr(data-label);flex:0 0 6.2em;color:var(--soft);font-size:.85rem;font-weight:400}
.wide{display:none}
.narrow{display:block;margin:10px -8px 0}
.scroll,.maps figure{overflow-x:auto}
.scroll svg{max-width:none;width:720px}
.maps svg{max-width:none}
}
@media screen and (prefers-color-scheme:dark){
:root{--paper:#14171a;--ink:#e8eaed;--soft:#a0a8b1;--rule:#2c3238;--card:#1e2327;
--good:#4fd1a5;--mid:#f0b44c;--poor:#ff8a80}
.tn-ink{fill:#e8eaed}.tn-muted{fill:#a0a8b1}.tn-grid{stroke:#2c3238}.tn-axis{stroke:#7c858e}
.tn-cell{stroke:#14171a}
.tn-s0{stroke:#56b4e9}.tn-f0{fill:#56b4e9}.tn-s1{stroke:#ff9a4d}.tn-f1{fill:#ff9a4d}
.tn-s2{stroke:#2fc79a}.tn-f2{fill:#2fc79a}.tn-s5{stroke:#8fb8ff}.tn-f5{fill:#8fb8ff}
}
@media print{
@page{margin:16mm}
body{font-size:11pt}
main{max-width:none;padding:0}
h2{margin-top:28pt;break-after:avoid}
.figures div{border:1px solid var(--rule)}
tr,figure{break-inside:avoid}
}
)";

}  // namespace tenon::train::detail
