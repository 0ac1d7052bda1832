/* trust-region-book, MIT. Sources: 5ccc18d913668450. Holds modules of D3 (ISC licence):
Copyright 2010-2021 Mike Bostock
Copyright 2010-2022 Mike Bostock
Copyright 2010-2026 Mike Bostock
Copyright 2015-2026 Mike Bostock

Permission to use, copy, modify, and/or distribute this software for any purpose
with or without fee is hereby granted, provided that the above copyright notice
and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH
REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND
FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS
OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER
TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
*/
import{h as p,prediction as m}from"./common.js";var h="details:not(.tag_hide-input:not(.tag_hide-cell) > *)";for(let o of document.querySelectorAll("article p:has(> strong) + ol")){let c=o.previousElementSibling.textContent;if(!/\bPredict[.:]/.test(c))continue;let i=`predicted ${location.pathname} ${c}`,r=[...o.children].map(({textContent:t})=>Array(2).fill(t.trim())),l=[];for(let t=o;(t=t.nextElementSibling)?.matches(".cell, details");)l.push(...[t,...t.children].filter(e=>e.matches(h)));let a=t=>{localStorage.setItem(i,t),f(t,t&&`You predicted: ${t}`);for(let e of l)e.open=t!==""},n=m(r,t=>a(t===localStorage.getItem(i)?"":t)),{said:s,show:f}=n;s.setAttribute("role","status"),o.replaceWith(n.list),(l[0]?.firstElementChild??n.list).after(s);for(let t of l.flatMap(e=>[...e.querySelectorAll(".cell_input")])){let e=p("details",{},p("summary",{text:"The code"}));t.replaceWith(e),e.append(t)}let d=localStorage.getItem(i);r.flat().includes(d)&&a(d)}
