#pragma once

namespace maspo {

// Colours that readers tell apart who cannot tell red from green, on white and on dark.
inline constexpr char kPageStyle[] = R"(
:root{color-scheme:light dark;--text:#1b1f24;--quiet:#57606a;--line:#d0d7de;--grid:#e7ebef;--page:#fff;--box:#f6f8fa;
--good:#007a5a;--bad:#c24e00;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b85f93;--c4:#b37b00;--c5:#2f94cc}
@media(prefers-color-scheme:dark){:root{--text:#e6e9ed;--quiet:#9aa4af;--line:#3b434c;--grid:#2a3037;--page:#14181d;
--box:#1e242b;--good:#3fc79a;--bad:#ff9d5c;--c0:#5ab4f0;--c1:#ff8a3d;--c2:#3fc79a;--c3:#e59cc6;--c4:#f0b840;--c5:#9ad8ff}}
body{font:15px/1.45 system-ui,sans-serif;max-width:1340px;margin:24px auto;padding:0 16px;color:var(--text);
background:var(--page)}
h1{font-size:24px;overflow-wrap:anywhere}h2{font-size:19px;margin-top:32px;border-bottom:1px solid var(--line)}
code{overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:12px 0}
.card{background:var(--box);border-radius:6px;padding:8px 12px}.card b{display:block;font-size:20px}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(380px,100%),1fr));gap:12px}
.chart{border:1px solid var(--line);border-radius:6px;width:100%;box-sizing:border-box}
.chart text{font:12px system-ui,sans-serif;fill:var(--quiet)}
.chart .title{font-size:14px;font-weight:600;fill:var(--text)}.chart .unit{font-weight:400;fill:var(--quiet)}
.chart .grid{stroke:var(--grid)}
.chart polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}.chart .raw{opacity:.3;stroke-width:1}
.chart polyline.s0{stroke:var(--c0)}.chart polyline.s1{stroke:var(--c1)}.chart polyline.s2{stroke:var(--c2)}
.chart polyline.s3{stroke:var(--c3)}.chart polyline.s4{stroke:var(--c4)}.chart polyline.s5{stroke:var(--c5)}
.chart text.s0{fill:var(--c0)}.chart text.s1{fill:var(--c1)}.chart text.s2{fill:var(--c2)}
.chart text.s3{fill:var(--c3)}.chart text.s4{fill:var(--c4)}.chart text.s5{fill:var(--c5)}
.wide{overflow-x:auto}table{border-collapse:collapse}
td,th{padding:3px 14px 3px 0;text-align:left;vertical-align:top}tr+tr{border-top:1px solid var(--grid)}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
pre{white-space:pre-wrap;background:var(--box);border-radius:6px;padding:10px;margin:6px 0;overflow-wrap:anywhere}
.response{border-left:4px solid var(--quiet);padding-left:10px;margin:10px 0}
.correct{border-color:var(--good)}.wrong,.no_answer,.unparsable{border-color:var(--bad)}
summary{cursor:pointer;font-weight:600;margin:8px 0}.quiet{color:var(--quiet)}
)";

}  // namespace maspo
