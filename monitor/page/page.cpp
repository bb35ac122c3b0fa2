#include "monitor/page/page.h"

#include "monitor/base/base64.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"

namespace phaseguard::page {

namespace {

// Colours by what they mean, once for light and once for dark: --s0 ... are the lines of a plot, in
// their order; svg.h names the classes of its shapes.
constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--text:#1d2530;--soft:#45505e;--pale:#8793a1;--paper:#fff;--rule:#dfe5eb;--head:#f3f6f8;
--good:#1b6e3c;--bad:#b3261e;--warn:#8a5a00;--fine:#0b69a8;--on:#0b7285;--bar:#5b7f9f;--mark:#b3541e;--command:#7b3fa0;
--s0:#0072b2;--s1:#cc5500;--s2:#00805d;--s3:#7a5195;--s4:#0b7285;--s5:#6b8fae;--s6:#8a6d00;--s7:#555f6b}
@media screen and (prefers-color-scheme:dark){:root{--text:#e6eaee;--soft:#aab4be;--pale:#7d8894;--paper:#14181d;
--rule:#2e363e;--head:#1d2329;--good:#6fce93;--bad:#ff8a7a;--warn:#e0b050;--fine:#6cb6ee;--on:#4cc4d8;--bar:#6a92b8;
--mark:#ff9d66;--command:#c99be6;--s0:#6ab2de;--s1:#ff9d66;--s2:#5cb894;--s3:#b79cd8;--s4:#4cc4d8;--s5:#8fb0cc;
--s6:#d8b850;--s7:#a0aab6}}
body{font:15px/1.5 Inter,system-ui,'DejaVu Sans',sans-serif;color:var(--text);background:var(--paper);max-width:1400px;
margin:2em auto;padding:0 1.5em}h1{font-size:1.6em;margin:.2em 0}h2{font-size:1.25em;margin:2em 0 .4em;
border-top:1px solid var(--rule);padding-top:1em}h3{font-size:1em;margin:1.4em 0 .3em}p{max-width:72em}
p.soft{color:var(--soft)}p.caveat{border-left:4px solid var(--warn);padding:.5em 1em;background:var(--head)}
code{font-size:.9em;overflow-wrap:anywhere}td code{white-space:nowrap}details summary{cursor:pointer;margin:.6em 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:.6em 0}td,th{padding:.35em .8em;text-align:left;
vertical-align:top;border-bottom:1px solid var(--rule)}th{font-weight:600;background:var(--head);white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}td{font-variant-numeric:tabular-nums}td small{color:var(--soft);display:block}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}.warn,td small.warn{color:var(--warn)}
.none{color:var(--pale)}.rate{white-space:nowrap}.range{display:block;width:180px;height:10px;background:var(--head);
position:relative;margin:.45em 0 .3em}.range i{position:absolute;top:0;bottom:0;background:var(--bar);opacity:.6}
.range b{position:absolute;top:-2px;bottom:-2px;width:2px;background:var(--text)}
img{max-width:100%;border:1px solid var(--rule);border-radius:4px}figure{margin:0}
figcaption{font-size:.9em;color:var(--soft)}figcaption b{color:var(--text)}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(520px,1fr));gap:.8em 1.4em}
.small.plots{grid-template-columns:repeat(auto-fill,minmax(230px,1fr))}.key i{display:inline-block;width:9px;height:9px;
border-radius:50%;margin:0 .35em 0 1em}.key i.harm{background:var(--bad)}
.key i.fine{border:2px solid var(--fine);width:6px;height:6px}
svg{width:100%;height:auto;display:block}svg.wide{max-width:900px}svg text{font:11px Inter,system-ui,'DejaVu Sans',sans-serif;
fill:var(--soft)}svg .title{font-weight:600;font-size:12.5px;fill:var(--text)}svg .end{text-anchor:end}
svg .tick{font-variant-numeric:tabular-nums}svg .mid{text-anchor:middle}svg .hole{text-anchor:middle;fill:var(--bad)}svg .halo{paint-order:stroke;stroke:var(--paper);
stroke-width:3px}line,path{fill:none;stroke-width:1.6}path{stroke-linecap:round}.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--pale);stroke-width:1}line.level,line.floor{stroke:var(--warn);stroke-dasharray:6 4;stroke-width:1.3}
text.level{fill:var(--warn)}rect.on{fill:var(--on);opacity:.12}rect.bar{fill:var(--bar)}rect.harm{fill:var(--bad);opacity:.3}
rect.fine{fill:var(--fine);opacity:.3}circle.harm,path.harm{fill:var(--bad)}circle.fine{fill:var(--paper);stroke:var(--fine);
stroke-width:2}circle.dot{fill:var(--bar);fill-opacity:.6}line.mark{stroke:var(--mark);stroke-width:1.2}
path.mark{fill:var(--mark)}line.command{stroke:var(--command);stroke-width:1.2}path.command{fill:var(--command)}
.s0{stroke:var(--s0)}.s1{stroke:var(--s1)}.s2{stroke:var(--s2)}.s3{stroke:var(--s3)}.s4{stroke:var(--s4)}
.s5{stroke:var(--s5)}.s6{stroke:var(--s6)}.s7{stroke:var(--s7)}.bold{stroke-width:2.4}.dashed{stroke-dasharray:5 3}
.undone{opacity:.4}
@media print{body{margin:0}.plots{grid-template-columns:1fr 1fr}h2{break-after:avoid}svg,tr{break-inside:avoid}}
)";

std::string element(std::string_view name, std::string_view markup, std::string_view style = "") {
  std::string out = "<" + std::string(name);
  if (!style.empty()) out += " class='" + std::string(style) + "'";
  return out + ">" + std::string(markup) + "</" + std::string(name) + ">";
}

// Of the width of a bar.
std::string css_percent(double share) { return short_number(100.0 * share) + "%"; }

}  // namespace

std::string document(std::string_view title, std::string_view markup) {
  const std::string name = html(title);
  return "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
         "content='width=device-width'><title>" +
         name + "</title><style>" + kStyle + "</style></head><body>" + element("h1", name) +
         std::string(markup) + "</body></html>\n";
}

std::string part(std::string_view text) { return element("h2", html(text)); }
std::string subpart(std::string_view text) { return element("h3", html(text)); }

std::string paragraph(std::string_view markup, std::string_view style) {
  return element("p", markup, style);
}

std::string table(const std::vector<Head>& head, std::string_view rows) {
  std::string names;
  for (const Head& one : head) names += element("th", one.markup, one.is_number ? "n" : "");
  return "<div class='scroll'>" +
         element("table", (head.empty() ? "" : row(names)) + std::string(rows)) + "</div>";
}

std::string row(std::string_view cells) { return element("tr", cells); }

std::string cell(std::string_view markup, std::string_view style) {
  return element("td", markup, style);
}

std::string text_cell(std::string_view text, std::string_view style) {
  return cell(html(text), style);
}

std::string number_cell(double value, int digits) { return cell(short_number(value, digits), "n"); }

std::string count_cell(std::int64_t count) { return cell(std::to_string(count), "n"); }

std::string two_line_cell(std::string_view markup, std::string_view small_markup) {
  return cell(std::string(markup) + element("small", small_markup));
}

std::string rate_cell(const stats::Rate& rate) {
  const std::string range = "<i style='left:" + css_percent(rate.lower) +
                            ";width:" + css_percent(rate.upper - rate.lower) +
                            "'></i><b style='left:" + css_percent(rate.rate) + "'></b>";
  return cell(
      element("span", range, "range") + percent(rate.rate) +
          element("small", std::to_string(rate.k) + " of " + std::to_string(rate.n) + ", " +
                               percent(rate.lower) + " to " + percent(rate.upper) +
                               (rate.clusters ? ", " + html(stats::text_of(*rate.clusters)) : "")),
      "rate");
}

std::string name_cell(std::string_view text) { return element("th", html(text)); }

std::string fact(std::string_view name, std::string_view text, std::string_view style) {
  return row(name_cell(name) + text_cell(text, style));
}

std::string picture(std::string_view png, std::string_view description) {
  return "<img alt='" + html(description) + "' src='data:image/png;base64," + base64(png) + "'>";
}

}  // namespace phaseguard::page
