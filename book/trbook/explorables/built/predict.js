/* trust-region-book, MIT. Sources: 3733aac03d8525c5. Holds modules of D3 (ISC licence):
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
import{h,prediction as p}from"./common.js";function m(o,i){o.querySelector(".level")?.remove();let c=i.toLowerCase().split(/[,:;]/)[0],s=[...o.querySelectorAll("text")].filter(({style:e})=>e.textAnchor!=="middle"),l=s.filter(({textContent:e})=>isNaN(e)&&c.includes(e.toLowerCase())),f=l.map(({style:e})=>e.fill).filter(e=>e!=="currentcolor");for(let e of o.querySelectorAll("text, path"))e.classList.toggle("chosen",l.includes(e)||f.includes(e.style.stroke));let r=i.match(/(?:at|about|than) (\d+(\.\d+)?)/i)?.[1],[n,a]=s.filter(({style:e,textContent:u})=>e.textAnchor==="end"&&!isNaN(u));if(!r||!a)return;let d=(r-n.textContent)/(a.textContent-n.textContent),t=n.cloneNode();t.textContent="– – – – your choice",t.setAttribute("class","level"),t.setAttribute("y",(1-d)*n.getAttribute("y")+d*a.getAttribute("y")),o.append(t)}var y="details:not(.tag_hide-input:not(.tag_hide-cell) > *)";for(let o of document.querySelectorAll("article p:has(> strong) + ol")){let i=o.previousElementSibling.textContent;if(!/\bPredict[.:]/.test(i))continue;let c=`predicted ${location.pathname} ${i}`,s=[...o.children].map(({textContent:t})=>Array(2).fill(t.trim())),l=[];for(let t=o;(t=t.nextElementSibling)?.matches(".cell, details");)l.push(...[t,...t.children].filter(e=>e.matches(y)));let f=t=>{localStorage.setItem(c,t),a(t,t&&`You predicted: ${t}`);for(let e of l){e.open=t!=="";for(let u of e.querySelectorAll("svg"))m(u,t)}},r=p(s,t=>f(t===localStorage.getItem(c)?"":t)),{said:n,show:a}=r;n.setAttribute("role","status"),o.replaceWith(r.list),(l[0]?.firstElementChild??r.list).after(n);for(let t of l.flatMap(e=>[...e.querySelectorAll(".cell_input")])){let e=h("details",{},h("summary",{text:"The code"}));t.replaceWith(e),e.append(t)}let d=localStorage.getItem(c);s.flat().includes(d)&&f(d)}
