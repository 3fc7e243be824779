"""The colours and rules of a report. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["DARK", "LIGHT", "STYLE"]

LIGHT: Final[Mapping[str, str]] = {
    "page": "#f6f7f9",
    "card": "#ffffff",
    "stripe": "#f8f9fb",
    "text": "#1b2330",
    "quiet": "#566173",
    "rule": "#dfe3ea",
    "shade": "#d3d9e3",
    "link": "#1a56b0",
    "line": "#2f66b5",
    "up": "#a83a12",
    "down": "#11694f",
    "bad": "#a3222e",
    "bad-card": "#fdf1f1",
    "good": "#11694f",
}
"""The colours by what they are for, on a light ground."""

DARK: Final[Mapping[str, str]] = {
    "page": "#10141a",
    "card": "#181e27",
    "stripe": "#1c232d",
    "text": "#e4e8ee",
    "quiet": "#9fabbc",
    "rule": "#2c3542",
    "shade": "#05070a",
    "link": "#8ab8ff",
    "line": "#7fb0f5",
    "up": "#f3a07c",
    "down": "#6fd0ad",
    "bad": "#ff9a9a",
    "bad-card": "#231a20",
    "good": "#6fd0ad",
}
"""The same names on a dark ground."""


def _variables(palette: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{color};" for name, color in palette.items())


_RULES: Final = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);line-height:1.5;
 font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans",sans-serif}
header,main,footer{max-width:72rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}
h2{font-size:1.25rem;line-height:1.3;margin:0 0 .75rem}
h3{font-size:1rem;margin:1.75rem 0 .5rem}
p{margin:.4rem 0;max-width:58rem}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--link);outline-offset:2px}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.9em;overflow-wrap:anywhere}
bdi,td,th,h2{overflow-wrap:anywhere}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:1rem 0 0;padding:0}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:1.5rem;margin:1.25rem 0}
.quiet{color:var(--quiet)}
.small{font-size:.875rem}
.key{display:block;font-size:.8125rem;color:var(--quiet);font-variant-numeric:tabular-nums}
.up{color:var(--up)}
.down{color:var(--down)}
.bad{color:var(--bad)}
.good{color:var(--good)}
.failed{background:var(--bad-card);border-left:4px solid var(--bad)}
.prose{min-width:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.75rem;list-style:none;margin:1rem 0;padding:0}
.tiles li{border:1px solid var(--rule);border-radius:8px;padding:.6rem .8rem;line-height:1.3}
.tiles b{display:block;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums;color:var(--text)}
.tiles a{display:block;text-decoration:none;margin:-.6rem -.8rem;padding:.6rem .8rem;border-radius:8px}
.tiles a:hover{background:var(--stripe)}
.tiles span{font-size:.875rem}
.tiles a span{color:var(--link)}
.scroll{--ground:var(--card);overflow-x:auto;margin:.5rem 0;background:
 linear-gradient(to right,var(--ground) 40%,transparent) 0 0/2.5rem 100% no-repeat local,
 linear-gradient(to left,var(--ground) 40%,transparent) 100% 0/2.5rem 100% no-repeat local,
 linear-gradient(to right,var(--shade),transparent) 0 0/1rem 100% no-repeat,
 linear-gradient(to left,var(--shade),transparent) 100% 0/1rem 100% no-repeat}
.failed .scroll{--ground:var(--bad-card)}
table{border-collapse:collapse;width:100%;min-width:38rem;font-size:.9375rem}
.items{table-layout:fixed}
.narrow{min-width:30rem}
caption{text-align:left;font-size:.875rem;color:var(--quiet);padding:0 .6rem .4rem 0}
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--rule);font-weight:400}
th:first-child{padding-left:0}
th[scope=row]{min-width:9rem}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:.8125rem;font-weight:600;color:var(--quiet);vertical-align:bottom}
tbody tr:last-child>*{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.c{width:8rem}
.p{width:7.5rem;white-space:normal}
.w{width:13rem}
.s{width:9rem}
.when{width:10rem;white-space:nowrap;font-variant-numeric:tabular-nums}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
time{font-variant-numeric:tabular-nums;white-space:nowrap}
details{margin:.25rem 0}
summary{cursor:pointer;color:var(--link);padding:.35rem 0;font-size:.9375rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.5rem 2.5rem;margin:1.5rem 0}
figure{margin:0;min-width:0}
figcaption{font-size:.9375rem;line-height:1.35;margin-bottom:.9rem}
figcaption b{display:block;font-weight:600}
.plot{display:grid;grid-template-columns:auto 1fr;column-gap:.6rem;font-size:.75rem;color:var(--quiet);
 font-variant-numeric:tabular-nums}
.plot svg{width:100%;height:9rem;display:block;overflow:visible}
.y{display:flex;flex-direction:column;justify-content:space-between;text-align:right}
.y span{height:0;line-height:0;white-space:nowrap}
.x{grid-column:2;display:flex;justify-content:space-between;padding-top:.5rem}
.grid{stroke:var(--rule);stroke-width:1;fill:none}
.line{stroke:var(--line);stroke-width:2;fill:none;stroke-linejoin:round;stroke-linecap:round}
.dots{stroke:var(--line);stroke-width:5.5;fill:none;stroke-linecap:round}
.bars{stroke:var(--line);stroke-width:7;fill:none}
.spark{display:block;width:7.5rem;height:1.75rem;overflow:visible;margin-left:auto}
.spark .line{stroke-width:1.5}
.spark .dots{stroke-width:5}
footer{padding-top:.5rem;padding-bottom:3rem}
@media (max-width:40rem){
 header,main,footer{padding-left:.75rem;padding-right:.75rem}
 header{padding-top:1.25rem}
 section{padding:1rem .9rem;margin:.75rem 0}
 .tiles{grid-template-columns:1fr 1fr;gap:.5rem}
 .items{min-width:36rem}
 .narrow{min-width:28rem}
 .items th,.items td{padding-left:.35rem;padding-right:.35rem}
 .items th:first-child{padding-left:0}
 .c{width:6.4rem}
 .p{width:5.5rem}
 .w{width:9rem}
 .prose th[scope=row]{min-width:6rem}
}
@media print{
 @page{margin:14mm}
 body{background:none;font-size:10pt}
 header,main,footer{max-width:none;padding-left:0;padding-right:0}
 nav,summary,.screen{display:none}
 section{border:0;border-top:1px solid var(--rule);border-radius:0;padding:1rem 0;margin:0}
 .failed{background:none;border-left:3px solid var(--bad);padding-left:.8rem}
 .tiles{grid-template-columns:repeat(5,1fr);gap:.4rem}
 .tiles a span{color:var(--quiet)}
 .scroll{overflow:visible;background:none}
 table{min-width:0}
 thead{display:table-header-group}
 tr,figure,.tiles li{break-inside:avoid}
 h2,h3,caption,thead,h3+p{break-after:avoid}
 tbody tr:first-child{break-before:avoid}
 details::details-content{content-visibility:visible;block-size:auto;display:block}
 a{color:inherit;text-decoration:none}
}
"""

STYLE: Final = (
    f":root{{color-scheme:light dark;{_variables(LIGHT)}}}\n"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    f"{_RULES}"
)
"""The style sheet. On paper the colours are always the light ones."""
