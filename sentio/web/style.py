"""The page's style sheet; it follows the reader's light or dark."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5d6b7c;--line:#dfe4ea;--paper:#fff;--back:#f5f7f9;--blue:#2f6fde;
--band:#2f6fde2e;--bad:#c8352b;--good:#23803f;--warn:#9a6200}
@media(prefers-color-scheme:dark){:root{--ink:#e3e8ee;--soft:#95a1b0;--line:#2c3642;--paper:#181f28;--back:#10161d;
--blue:#6ea0ff;--band:#6ea0ff33;--bad:#ff7a6e;--good:#62c884;--warn:#f0b440}}
*{box-sizing:border-box}body{margin:0;font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back)}
header{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline;padding:14px 24px;background:var(--paper);
border-bottom:1px solid var(--line)}
h1{font-size:20px;margin:0}header span,small,.pager{color:var(--soft)}
nav{margin-left:auto;display:flex;flex-wrap:wrap;gap:4px 16px}
a{color:var(--blue);text-decoration:none}a:hover{text-decoration:underline}main{padding:20px 24px;overflow-x:auto}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(320px,100%),1fr));gap:14px;margin-bottom:18px}
article{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:12px 16px;
overflow-wrap:anywhere}
article p{margin:6px 0 0}h2{font-size:16px;margin:0 0 4px}code{color:var(--soft);font-size:12px}
form{display:flex;flex-wrap:wrap;gap:8px;margin-bottom:12px}
input,select,button{font:inherit;padding:5px 10px;border:1px solid var(--line);
border-radius:6px;background:var(--paper);color:inherit}input{min-width:0;width:260px}
table{width:100%;border-collapse:collapse;background:var(--paper);border:1px solid var(--line);border-radius:8px}
th,td{padding:7px 12px;text-align:left;border-top:1px solid var(--line);vertical-align:middle}
th:first-child{min-width:200px}
th{color:var(--soft);font-weight:600;font-size:12px;border-top:0}td small{display:block;overflow-wrap:anywhere}
small b{font-weight:500}.of{font-size:12px}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bad{color:var(--bad);font-weight:600}.good{color:var(--good)}i{font-style:normal;padding:1px 8px;border-radius:9px;
border:1px solid var(--line);font-size:12px}i.ready{color:var(--good)}i.failed{color:var(--bad)}
i.learning,i.info{color:var(--blue)}i.info,i.warning,i.critical,i.missing{border-color:currentcolor;font-weight:600;
white-space:nowrap}i.warning{color:var(--warn)}i.missing{color:var(--bad)}
i.critical{background:var(--bad);border-color:var(--bad);color:var(--paper)}
td p{margin:3px 0 0;max-width:60ch}td[title]{cursor:help}.verdict i{margin-right:4px}
td.verdict{white-space:nowrap;text-align:left}svg{display:block}polygon{fill:var(--band)}path{fill:none;stroke-width:1.3;stroke-linecap:round}
path.expected{stroke:var(--blue);opacity:.7;
stroke-dasharray:3 2}path.came{stroke:var(--ink)}circle{fill:var(--bad)}
"""
