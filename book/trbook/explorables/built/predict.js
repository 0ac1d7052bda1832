/* trust-region-book, MIT. Sources: 2ec80bcb2ed9a417. Holds modules of D3 (ISC licence):
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
import{h as p,prediction as m}from"./common.js";function u(l){let n=[];for(let t=l.nextElementSibling;t;t=t.nextElementSibling){let c=t.matches(".tag_hide-cell, .tag_hide-output")?t.querySelector(":scope > details"):t;if(c.matches("details"))n.push(c);else if(n.length||!t.matches(".cell"))break}return n}for(let l of document.querySelectorAll("article p:has(> strong) + ol")){let n=l.previousElementSibling.textContent;if(!/\bPredict[.:]/.test(n))continue;let t=`predicted ${location.pathname} ${n}`,c=[...l.children].map(({textContent:e})=>[e.trim(),e.trim()]),r=u(l),a=e=>{i.show(e,e&&`You predicted: ${e}`);for(let o of r)o.open=!!e},i=m(c,e=>{let o=e===localStorage.getItem(t)?"":e;localStorage.setItem(t,o),a(o)});i.said.setAttribute("role","status"),l.replaceWith(i.list);let[s]=r,d=s?.querySelector("figure")??s?.querySelector(".cell_output");d?d.prepend(i.said):(s?.firstElementChild??i.list).after(i.said);for(let e of r.flatMap(o=>[...o.querySelectorAll(".cell_input")])){let o=p("details",{},p("summary",{text:"The code"}));e.before(o),o.append(e)}let f=localStorage.getItem(t);c.some(([e])=>e===f)&&a(f)}
